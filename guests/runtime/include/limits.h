/* SPDX-License-Identifier: Apache-2.0 */
/* The compiler's own limits.h includes the system's after it. Here there is nothing to add. */
