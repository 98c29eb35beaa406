/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a guest can ask of the VMM and of its CPU. docs/ABI.md says what each call does, and what
 * bad arguments get.
 *
 * Functions that can fail return 0 or more, or -KVICK_E*. Memory handed to the VMM must be in the
 * initial mapping, where virtual and physical addresses are the same.
 */
#ifndef KVICK_GUEST_H
#define KVICK_GUEST_H

#include <stddef.h>
#include <stdint.h>

#include <kvick/boot_info.h>
#include <kvick/hypercall.h>

#define KVICK_PAGE_BYTES UINT64_C(4096)

/* The boot info page. */
struct kvick_boot_info *kvick_boot(void);

/* Rings the doorbell for a call that the caller has filled in. */
void kvick_hypercall(struct kvick_call *call);

/* KVICK_CLOCK_*; 0 where there is no such clock. */
uint64_t kvick_clock_ns(unsigned clock);

/* Sleeps until one of the events is ready or the time is over; returns those ready, 0 for none. */
int64_t kvick_wait(uint64_t event_mask, uint64_t timeout_ns);

/* The same, having told devices of news in their queues first: KVICK_NOTIFY_BIT. */
int64_t kvick_notify_wait(uint64_t event_mask, uint64_t timeout_ns, uint64_t notifications);

int64_t kvick_entropy(void *buffer, size_t bytes);
int64_t kvick_mark(unsigned number);

/* KVICK_ARGS_*; returns the bytes that all of them need. */
int64_t kvick_args(unsigned which, void *buffer, size_t bytes);

_Noreturn void kvick_exit(int status);

/* Prints a line and dies by an invalid opcode, so that the VMM reports where. */
_Noreturn void kvick_panic(const char *message);

/* Appends to the console, in order with printf. */
void kvick_console_write(const void *data, size_t bytes);

static inline uint64_t kvick_rdtsc(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

struct kvick_cpuid {
	uint32_t eax, ebx, ecx, edx;
};

/*
 * What this guest's CPU has, as CPUID tells it; all 0 unless the manifest asks (KVICK_NOTE_CPUID) or the operator gives a
 * model. By the instruction where that can be believed (KVICK_BOOT_CPUID), else by hypercall, as the second form at any time.
 */
struct kvick_cpuid kvick_cpuid(uint32_t leaf, uint32_t index);
struct kvick_cpuid kvick_call_cpuid(uint32_t leaf, uint32_t index);

/* Components of XSAVE state that are enabled (XCR0): AMD64 APM 2, 11.5.2. */
#define KVICK_XCR0_AVX    (UINT64_C(1) << 2)
#define KVICK_XCR0_AVX512 (UINT64_C(7) << 5)

static inline int kvick_has_state(uint64_t components)
{
	return (kvick_boot()->xcr0 & components) == components;
}

/* Lowest address that malloc has never handed out; from there to boot->heap_end RAM is unused. */
uintptr_t kvick_heap_unused(void);

/*
 * The paravirtual CPU. At ring 3 these are hypercalls; at ring 0 plain instructions with, for right arguments, the same
 * results. The kvick_call_ forms are hypercalls at either ring.
 */

/* KVICK_CPU_*; *before (may be NULL) receives the former value. */
int64_t kvick_cpuconfig(unsigned what, uint64_t value, uint64_t value2, uint64_t *before);
int64_t kvick_call_cpuconfig(unsigned what, uint64_t value, uint64_t value2, uint64_t *before);

/*
 * Maps `pages` pages at va to consecutive physical pages (address | KVICK_PTE_*), or unmaps them,
 * in the table pgd. spare: address of spare_pages pages that may become page tables; returns
 * how many did. A call that is refused changes nothing.
 *
 * A pgd is any zeroed page of the guest's own: at its first use it receives the boot table's
 * top-level entries, so that system page, boot info and image are mapped in it too. What is mapped
 * in other top-level slots (512 GiB each) is private to it.
 */
int64_t kvick_update_pgtable(uint64_t va, uint64_t pa_flags, uint64_t pgd, uint64_t pages, uint64_t spare,
			     uint64_t spare_pages);
int64_t kvick_call_update_pgtable(uint64_t va, uint64_t pa_flags, uint64_t pgd, uint64_t pages, uint64_t spare,
				  uint64_t spare_pages);

/* Switches page tables. */
int64_t kvick_lcr3(uint64_t pgd);
int64_t kvick_call_lcr3(uint64_t pgd);

/* The interrupt flag: sets it to 0 or 1 and returns what it was. */
static inline int kvick_interrupt_flag(int on)
{
	uint64_t before = 0;

	kvick_cpuconfig(KVICK_CPU_INTERRUPT_FLAG, on != 0, 0, &before);
	return (int)before;
}

static inline int64_t kvick_set_fs_base(uint64_t base)
{
	return kvick_cpuconfig(KVICK_CPU_FS_BASE, base, 0, NULL);
}

static inline int64_t kvick_set_gs_base(uint64_t base)
{
	return kvick_cpuconfig(KVICK_CPU_GS_BASE, base, 0, NULL);
}

/* The address of the last page fault: for a handler. */
static inline uint64_t kvick_fault_address(void)
{
	uint64_t address = 0;

	kvick_cpuconfig(KVICK_CPU_FAULT_ADDRESS, 0, 0, &address);
	return address;
}

/* What a fault handler sees, and may change: the CPU goes on with these registers. */
struct kvick_fault_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector;
	uint64_t error_code; /* 0 where the vector has none */
	uint64_t rip, cs, rflags, rsp, ss;
};

typedef void kvick_fault_handler_t(struct kvick_fault_frame *frame);

#define KVICK_FAULT_VECTORS 32

/*
 * Sets the handler of a vector; NULL gives it back to the VMM's crash report. Handlers share one
 * stack of 12 KiB, which starts anew with each fault: a handler must not fault itself.
 */
int64_t kvick_fault_handler(unsigned vector, kvick_fault_handler_t *handler);

#endif
