/* SPDX-License-Identifier: Apache-2.0 */
/* What the runtime's files know of each other, and guests need not. */
#ifndef KVICK_RUNTIME_H
#define KVICK_RUNTIME_H

#include <kvick_guest.h>
#include <stdio.h>

/* Where start.S goes. */
_Noreturn void kvick_start(struct kvick_boot_info *boot);

/*
 * A guard for stacks, of the first word of boot_info.seed, which is used up; in copies of a guest, where there is a new one,
 * another guard. No protected function may be under way that will ever return.
 */
void kvick_take_stack_guard(void);

/* A block of ChaCha20's key stream. */
void kvick_chacha_block(uint32_t out[16], const uint32_t key[8], const uint32_t counter_nonce[4]);

struct kvick_stream {
	int mode; /* _IO*BF */
};

/* Executes at ring 0 what kvick_update_pgtable and kvick_lcr3 are hypercalls for at ring 3. */
int64_t kvick_plain_update_pgtable(uint64_t va, uint64_t pa_flags, uint64_t pgd, uint64_t pages, uint64_t spare,
				   uint64_t spare_pages);
int64_t kvick_plain_lcr3(uint64_t pgd);

/* Does an address have 48 significant bits, sign-extended? (AMD64 APM 1, 2.1.2) */
static inline int kvick_canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}

#endif
