/* SPDX-License-Identifier: Apache-2.0 */
/* What the report says of a deprivileged guest's traps, as its monitor has counted them: nothing for others. */
#ifndef KVICK_CONTROL_REPORT_TRAPS_H
#define KVICK_CONTROL_REPORT_TRAPS_H

struct machine;
struct text;

void traps_text(struct text *text, const struct machine *machine);

/* "deprivileged": {patched, pages_executed_later, traps: [{instruction, count, monitor_ns}]}, in an open object. */
void traps_json(struct text *text, const struct machine *machine);

#endif
