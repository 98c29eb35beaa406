/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest at ring 0 reaches by MSR, and why. KVM decides; this says what it decides for a guest of ours, for
 * crash reports and for `kvick doctor --cpu`. AMD64 APM 2, appendix A; Intel SDM 4; Linux, msr.rst of KVM.
 */
#ifndef KVICK_VMM_MSR_H
#define KVICK_VMM_MSR_H

#include <stdbool.h>
#include <stdint.h>

struct msr_rule {
	uint32_t first, last;
	bool given;
	const char *name, *why;
};

const struct msr_rule *msr_rules(unsigned *count);

/* NULL: of no known kind. */
const struct msr_rule *msr_rule(uint32_t msr);

#endif
