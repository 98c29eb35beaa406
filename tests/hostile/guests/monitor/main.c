/* SPDX-License-Identifier: Apache-2.0 */
/* Towards the monitor that has a guest for ring 0 at ring 3: linked as monitor-ring0.elf (rules.mk). */
#include "../hostile.h"

#include "../../monitor.h"

static const struct way ways[] = { MONITOR_WAYS };

HOSTILE_MAIN(ways)
