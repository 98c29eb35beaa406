/* SPDX-License-Identifier: Apache-2.0 */
#include <kvick_manifest.h>

KVICK_MANIFEST(.mem_bytes = 64 << 20, .rings = KVICK_RINGS_ANY);
