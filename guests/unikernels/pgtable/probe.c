/* SPDX-License-Identifier: Apache-2.0 */
/* Accesses that may fault: a handler takes the page fault and goes on where the access says. */
#include <assert.h>
#include <stdlib.h>

#include "pgtable.h"

#define VECTOR_PAGE_FAULT 14

/* Page-fault error code bits: AMD64 APM 2, 8.4.2. */
#define ERROR_PRESENT (1u << 0)

static volatile uint64_t resume_at, resume_rsp, error_code;

static void on_page_fault(struct kvick_fault_frame *frame)
{
	if (!resume_at)
		kvick_panic("a page fault that no probe asked for");
	assert(frame->vector == VECTOR_PAGE_FAULT);
	error_code = frame->error_code;
	frame->rip = resume_at;
	frame->rsp = resume_rsp;
	resume_at = 0;
}

void probe_start(void)
{
	assert(kvick_fault_handler(VECTOR_PAGE_FAULT, on_page_fault) == 0);
	assert(kvick_fault_handler(KVICK_FAULT_VECTORS, on_page_fault) == -KVICK_EINVAL);
}

uint64_t fault_error_code(void)
{
	return error_code;
}

/* RAX = 1 before the access, and 0 after it where there was no fault. */
#define PROBE(access)                                                                                              \
	"lea 1f(%%rip), %%rax\n\t"                                                                                 \
	"mov %%rax, %[resume_at]\n\t"                                                                              \
	"mov %%rsp, %[resume_rsp]\n\t"                                                                             \
	"mov $1, %%eax\n\t" access "\n\t"                                                                          \
	"xor %%eax, %%eax\n"                                                                                       \
	"1:"

bool can_read(uint64_t va, uint64_t *value)
{
	uint64_t read = 0, faulted;

	__asm__ volatile(PROBE("mov (%[va]), %[read]")
			 : [resume_at] "=m"(resume_at), [resume_rsp] "=m"(resume_rsp), [read] "+r"(read), "=&a"(faulted)
			 : [va] "r"(va)
			 : "memory", "cc");
	resume_at = 0;
	*value = read;
	return !faulted;
}

bool can_write(uint64_t va, uint64_t value)
{
	uint64_t faulted;

	__asm__ volatile(PROBE("mov %[value], (%[va])")
			 : [resume_at] "=m"(resume_at), [resume_rsp] "=m"(resume_rsp), "=&a"(faulted)
			 : [va] "r"(va), [value] "r"(value)
			 : "memory", "cc");
	resume_at = 0;
	return !faulted;
}

/* What is called must be a bare return. */
bool can_call(uint64_t va)
{
	uint64_t faulted;

	__asm__ volatile(PROBE("call *%[va]")
			 : [resume_at] "=m"(resume_at), [resume_rsp] "=m"(resume_rsp), "=&a"(faulted)
			 : [va] "r"(va)
			 : "memory", "cc");
	resume_at = 0;
	return !faulted;
}

uint64_t new_pages(uint64_t count)
{
	uint64_t *pages = aligned_alloc(KVICK_PAGE_BYTES, count * KVICK_PAGE_BYTES);

	assert(pages);
	for (uint64_t i = 0; i < count * KVICK_PAGE_BYTES / 8; i++)
		pages[i] = 0;
	return (uintptr_t)pages;
}

uint64_t new_page(uint64_t value)
{
	uint64_t *page = (uint64_t *)new_pages(1);

	for (unsigned i = 0; i < KVICK_PAGE_BYTES / 8; i++)
		page[i] = value;
	return (uintptr_t)page;
}
