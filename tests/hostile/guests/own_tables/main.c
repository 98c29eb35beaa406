/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function that has page tables in its own memory before it is ready, and so before its snapshot is taken, and then changes them
 * by plain stores: what it mapped so must be gone in the next call. `look` says whether it is, `soil` does it.
 */
#include <stdbool.h>

#include "../hostile.h"

#define AT TIB

static uint64_t spare[3][512] __attribute__((aligned(4096))), page[512] __attribute__((aligned(4096)));
static char request[64];
static volatile bool faulted;

/* mov (%rax), %al */
static void skip_load(struct kvick_fault_frame *frame)
{
	faulted = true;
	frame->rip += 2;
}

static bool is_mapped(uint64_t at)
{
	faulted = false;
	__asm__ volatile("movb (%%rax), %%al" : "+a"(at) : : "memory");
	return !faulted;
}

static void soil(void)
{
	const uint64_t entry = (uintptr_t)page | KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_USER;

	for (unsigned i = 0; i < 3; i++)
		if ((spare[i][0] & KVICK_PTE_ADDR) == (uintptr_t)page)
			((volatile uint64_t *)spare[i])[1] = entry;
}

static void reply(const char *text)
{
	call(KVICK_CALL_REPLY, (uintptr_t)text, strlen(text), KVICK_REPLY_EXIT, 0, 0, 0);
}

int main(void)
{
	uint64_t flags = KVICK_PTE_PRESENT | KVICK_PTE_WRITE | KVICK_PTE_USER | KVICK_PTE_NX;

	kvick_fault_handler(14, skip_load);
	expect("update_pgtable", call(KVICK_CALL_UPDATE_PGTABLE, AT, (uintptr_t)page | flags, kvick_boot()->pgd, 1,
				      (uintptr_t)spare, 3), 3);
	call(KVICK_CALL_READY, (uintptr_t)request, sizeof(request), 0, 0, 0, 0);
	if (memcmp(request, "soil", 4) == 0) {
		soil();
		reply(is_mapped(AT + 4096) ? "soiled\n" : "not soiled\n");
	}
	reply(is_mapped(AT + 4096) ? "mapped\n" : "clean\n");
	return 1;
}
