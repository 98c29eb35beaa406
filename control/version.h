/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KVICK_CONTROL_VERSION_H
#define KVICK_CONTROL_VERSION_H

#define KVICK_VERSION "0.1.0"

#endif
