/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function at ring 3 that changes its page tables by a call that has room for an answer there, and not by the call for it: what
 * it mapped so must be gone in the next call. `look` says whether it is; `soil` and three characters, which are the entry for
 * address 0: present, writable, the user's, of a page of free RAM.
 */
#include <stdbool.h>
#include <string.h>

#include "../hostile.h"

/* As pagetable_build() makes them: the top, one of each level, and then that of the first 2 MiB. */
#define FIRST_TABLE(pgd) ((pgd) + 0x3000)

static char request[64];
static volatile bool faulted;

/* mov (%rax), %al */
static void skip_load(struct kvick_fault_frame *frame)
{
	faulted = true;
	frame->rip += 2;
}

static bool is_mapped(void)
{
	uint64_t at = 0;

	faulted = false;
	__asm__ volatile("movb (%%rax), %%al" : "+a"(at) : : "memory");
	return !faulted;
}

static void reply(const char *text)
{
	call(KVICK_CALL_REPLY, (uintptr_t)text, strlen(text), KVICK_REPLY_EXIT, 0, 0, 0);
}

int main(void)
{
	kvick_fault_handler(14, skip_load);

	int64_t bytes = call(KVICK_CALL_READY, (uintptr_t)request, sizeof(request), 0, 0, 0, 0);

	if (bytes == 4) {
		reply(is_mapped() ? "mapped\n" : "clean\n");
		return 1;
	}
	call(KVICK_CALL_REQUEST, FIRST_TABLE(kvick_boot()->pgd), 3, (uint64_t)bytes - 3, 0, 0, 0);
	reply(is_mapped() ? "soiled\n" : "not soiled\n");
	return 1;
}
