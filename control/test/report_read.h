/* SPDX-License-Identifier: Apache-2.0 */
/* kvick's report as JSON, of a case with a limit on memory: stamps do not have that. */
#ifndef KVICK_CONTROL_TEST_REPORT_READ_H
#define KVICK_CONTROL_TEST_REPORT_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "control/stamps.h"

/* What a report has of stamps, without times, and the process's peak of memory. False: there is none. */
bool report_read(const char *path, struct stamps *stamps, uint64_t *peak_bytes);

#endif
