/* SPDX-License-Identifier: Apache-2.0 */
/* A guest of a few instructions, at ring 0 or 3, for programs that make KVM's calls themselves. */
#ifndef PERF_BARE_GUEST_H
#define PERF_BARE_GUEST_H

#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The guest's physical addresses; virtual ones are the same. */
#define PML4 0x1000
#define PDPT 0x2000
#define PD 0x3000
#define TSS 0x4000
#define CODE 0x4800

#define TSS_BITMAP_OFFSET 102 /* Intel SDM 3, 8.7: where the I/O permission bitmap begins */
#define TSS_BYTES 104
#define BARE_PORT 0x10

#define PAGE_PRESENT_WRITE_USER 7ull
#define PAGE_LARGE 0x80ull
#define CR0_PE_MP_ET_NE_WP_PG 0x80010033ull
#define CR4_PAE_OSFXSR 0x220ull
#define EFER_LME_LMA 0x500ull
#define APIC_BASE_RESET 0xfee00900ull /* enabled, bootstrap processor */

/* Page tables for the first 2 MiB, a TSS whose bitmap allows every port, the code. */
static inline void bare_guest_memory(uint8_t *ram, const void *code, size_t bytes)
{
	uint16_t bitmap = TSS_BYTES; /* zeros follow: every port is allowed */

	*(uint64_t *)(ram + PML4) = PDPT | PAGE_PRESENT_WRITE_USER;
	*(uint64_t *)(ram + PDPT) = PD | PAGE_PRESENT_WRITE_USER;
	*(uint64_t *)(ram + PD) = PAGE_LARGE | PAGE_PRESENT_WRITE_USER;
	memcpy(ram + TSS + TSS_BITMAP_OFFSET, &bitmap, sizeof(bitmap));
	memcpy(ram + CODE, code, bytes);
}

/* Through the kvm_run page (KVM_CAP_SYNC_REGS): no call of its own. */
static inline void bare_guest_registers(struct kvm_run *run, unsigned ring, int tss_available)
{
	struct kvm_segment code = { .limit = 0xffffffff, .selector = (uint16_t)(0x10 | ring), .type = 11, .present = 1,
				    .dpl = (uint8_t)ring, .s = 1, .l = 1, .g = 1 };
	struct kvm_segment data = { .limit = 0xffffffff, .selector = (uint16_t)(0x18 | ring), .type = 3, .present = 1,
				    .dpl = (uint8_t)ring, .s = 1, .db = 1, .g = 1 };
	struct kvm_sregs *sregs = &run->s.regs.sregs;

	sregs->cs = code;
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss = data;
	sregs->tr = (struct kvm_segment){ .base = TSS, .limit = 0xfff, .selector = 0x20,
					 .type = tss_available ? 9 : 11, .present = 1 };
	sregs->ldt.unusable = 1;
	sregs->cr0 = CR0_PE_MP_ET_NE_WP_PG;
	sregs->cr3 = PML4;
	sregs->cr4 = CR4_PAE_OSFXSR;
	sregs->efer = EFER_LME_LMA;
	sregs->apic_base = APIC_BASE_RESET;
	run->s.regs.regs.rip = CODE;
	run->s.regs.regs.rflags = 2;
	run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
}

#endif
