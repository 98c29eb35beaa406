/* SPDX-License-Identifier: Apache-2.0 */
/* What only assembly can see: registers at the entry point and around a doorbell. */
#include <kvick/hypercall.h>

#include "soiler.h"

/* Stores all registers; leaves RAX changed, and DF clear. */
.macro store where
	mov	%rax, soiler_kept + \where + 0x00(%rip)
	mov	%rcx, soiler_kept + \where + 0x08(%rip)
	mov	%rdx, soiler_kept + \where + 0x10(%rip)
	mov	%rbx, soiler_kept + \where + 0x18(%rip)
	mov	%rsp, soiler_kept + \where + 0x20(%rip)
	mov	%rbp, soiler_kept + \where + 0x28(%rip)
	mov	%rsi, soiler_kept + \where + 0x30(%rip)
	mov	%rdi, soiler_kept + \where + 0x38(%rip)
	mov	%r8, soiler_kept + \where + 0x40(%rip)
	mov	%r9, soiler_kept + \where + 0x48(%rip)
	mov	%r10, soiler_kept + \where + 0x50(%rip)
	mov	%r11, soiler_kept + \where + 0x58(%rip)
	mov	%r12, soiler_kept + \where + 0x60(%rip)
	mov	%r13, soiler_kept + \where + 0x68(%rip)
	mov	%r14, soiler_kept + \where + 0x70(%rip)
	mov	%r15, soiler_kept + \where + 0x78(%rip)
	pushfq
	pop	%rax
	mov	%rax, soiler_kept + \where + FRAME_RFLAGS(%rip)
	cld
	mov	%ds, %eax
	mov	%ax, soiler_kept + \where + FRAME_SELECTORS + 0(%rip)
	mov	%es, %eax
	mov	%ax, soiler_kept + \where + FRAME_SELECTORS + 2(%rip)
	mov	%fs, %eax
	mov	%ax, soiler_kept + \where + FRAME_SELECTORS + 4(%rip)
	mov	%gs, %eax
	mov	%ax, soiler_kept + \where + FRAME_SELECTORS + 6(%rip)
	mov	%ss, %eax
	mov	%ax, soiler_kept + \where + FRAME_SELECTORS + 8(%rip)
	mov	%cs, %eax
	mov	%ax, soiler_kept + \where + FRAME_SELECTORS + 10(%rip)
.endm

	.section .text.soiler, "ax", @progbits

/* Before the runtime's own. A ring 0 that is emulated has no FXSAVE: boot info's ring (0x10) and flags (0x18) tell. */
	.globl	soiler_entry
	.type	soiler_entry, @function
soiler_entry:
	store	KEPT_ENTRY
	cmpl	$3, 0x10(%rdi)
	je	1f
	testl	$2, 0x18(%rdi)
	jz	2f
1:	fxsave	soiler_kept + KEPT_ENTRY_FPU(%rip)
2:	jmp	kvick_entry
	.size	soiler_entry, . - soiler_entry

/* RDI: doorbell, RSI: kind of FPU state */
	.globl	soiler_probe
	.type	soiler_probe, @function
soiler_probe:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	push	%rsi
	mov	%rdi, %r15
	mov	$-1, %eax
	mov	$-1, %edx
	cmp	$1, %esi
	jb	2f
	ja	1f
	fxrstor	soiler_kept + KEPT_FPU(%rip)
	jmp	2f
1:	xrstor	soiler_kept + KEPT_FPU(%rip)
2:	mov	%r15, %rax
	mov	soiler_patterns + 0x08(%rip), %rcx
	mov	soiler_patterns + 0x10(%rip), %rdx
	mov	soiler_patterns + 0x18(%rip), %rbx
	mov	soiler_patterns + 0x28(%rip), %rbp
	mov	soiler_patterns + 0x30(%rip), %rsi
	mov	soiler_patterns + 0x38(%rip), %rdi
	mov	soiler_patterns + 0x40(%rip), %r8
	mov	soiler_patterns + 0x48(%rip), %r9
	mov	soiler_patterns + 0x50(%rip), %r10
	mov	soiler_patterns + 0x58(%rip), %r11
	mov	soiler_patterns + 0x60(%rip), %r12
	mov	soiler_patterns + 0x68(%rip), %r13
	mov	soiler_patterns + 0x70(%rip), %r14
	mov	soiler_patterns + 0x78(%rip), %r15
	push	$2
	popfq
	out	%eax, $KVICK_PORT_CALL
	store	KEPT_FRAME
	pop	%rsi
	mov	$-1, %eax
	mov	$-1, %edx
	cmp	$1, %esi
	jb	2f
	ja	1f
	fxsave	soiler_kept + KEPT_FPU(%rip)
	jmp	2f
1:	xsave	soiler_kept + KEPT_FPU(%rip)
2:	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size	soiler_probe, . - soiler_probe

/* RDI: doorbell, RSI: flags, EDX: by STI. It does not come back. */
	.globl	soiler_ring_soiled
	.type	soiler_ring_soiled, @function
soiler_ring_soiled:
	mov	%rdi, %rax
	mov	$-1, %rbx
	mov	%rbx, %rcx
	mov	%rbx, %rbp
	mov	%rbx, %rdi
	mov	%rbx, %r8
	mov	%rbx, %r9
	mov	%rbx, %r10
	mov	%rbx, %r11
	mov	%rbx, %r12
	mov	%rbx, %r13
	mov	%rbx, %r14
	mov	%rbx, %r15
	test	%edx, %edx
	mov	%rbx, %rdx
	push	%rsi
	mov	%rbx, %rsi
	jnz	1f
	popfq
	out	%eax, $KVICK_PORT_CALL
	ud2
1:	popfq
	sti
	out	%eax, $KVICK_PORT_CALL	/* interrupts are held off for this one instruction */
	ud2
	.size	soiler_ring_soiled, . - soiler_ring_soiled

	.globl	soiler_on_kept_stack
	.type	soiler_on_kept_stack, @function
soiler_on_kept_stack:
	lea	soiler_kept + KEPT_STACK_END(%rip), %rsp
	xor	%ebp, %ebp
	call	*%rdi
	ud2
	.size	soiler_on_kept_stack, . - soiler_on_kept_stack

	.section .note.GNU-stack, "", @progbits
