/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an exception to a handler in C and back. The CPU arrives here on the handlers' stack
 * (IST2), with the interrupted SS, RSP, RFLAGS, CS, RIP and, for some vectors, an error code
 * pushed. What is pushed on top of them is struct kvick_fault_frame.
 *
 * XMM registers are saved by plain moves: FXSAVE depends on a CPUID bit where ring 0 is emulated.
 * x87 state is not saved; a handler must leave it alone.
 */

/* Vectors 8, 10-14, 17, 21, 29, 30 push an error code. AMD64 APM 2, 8.2; Intel SDM 3, 6.15. */
#define ERROR_CODE_VECTORS 0x60227d00

#define GPR_BYTES (15 * 8)
#define XMM_BYTES (16 * 16)

	.section .text.fault, "ax", @progbits
	.globl	kvick_fault_stubs
	.balign	16
	.type	kvick_fault_stubs, @function
kvick_fault_stubs:
	.set	vector, 0
	.rept	32
	.balign	16
	.if	!((ERROR_CODE_VECTORS >> vector) & 1)
	push	$0
	.endif
	push	$vector
	jmp	fault_common
	.set	vector, vector + 1
	.endr
	.size	kvick_fault_stubs, . - kvick_fault_stubs

	.balign	16
	.type	fault_common, @function
fault_common:
	push	%rax
	push	%rbx
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%rbp
	push	%r8
	push	%r9
	push	%r10
	push	%r11
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	cld
	mov	%rsp, %rdi
	sub	$XMM_BYTES, %rsp	/* 16-byte aligned: the CPU aligns, and 22 words were pushed */
	.set	i, 0
	.irp	xmm, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movaps	%xmm\xmm, 16 * i(%rsp)
	.set	i, i + 1
	.endr

	mov	GPR_BYTES(%rdi), %rax
	lea	kvick_fault_handlers(%rip), %rdx
	call	*(%rdx, %rax, 8)

	.set	i, 0
	.irp	xmm, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movaps	16 * i(%rsp), %xmm\xmm
	.set	i, i + 1
	.endr
	add	$XMM_BYTES, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rbp
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rbx
	pop	%rax
	add	$16, %rsp		/* vector, error code */
	iretq
	.size	fault_common, . - fault_common

	.section .note.GNU-stack, "", @progbits
