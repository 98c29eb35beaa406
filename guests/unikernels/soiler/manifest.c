/* SPDX-License-Identifier: Apache-2.0 */
#include <kvick_manifest.h>

/* With CPUID it learns whether ring 0 is native, and with XSAVE there is more to soil. */
KVICK_MANIFEST(.mem_bytes = 2 << 20, .flags = KVICK_NOTE_CPUID | KVICK_NOTE_XSAVE, .rings = KVICK_RINGS_ANY);
