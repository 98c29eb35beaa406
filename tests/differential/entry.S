/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Into a sequence and out of it, by its end or by an exception. Nothing here relies on what a sequence leaves: memory is addressed
 * absolutely, and the stack is looked at only where the CPU has just used it.
 */
#include "differential.h"

/* README.md, "What is left out". */
#define RF (1 << 16)
/* CF PF AF ZF SF DF OF: QEMU 7.2 clears them at a SYSCALL. */
#define LOST_BY_SYSCALL 0xcd5

	.text

/* store_registers: those that a handler leaves alone, in `after`. */
	.macro store_registers
	mov	%rbp, after + 8 * AT_RBP
	mov	%rsi, after + 8 * AT_RSI
	mov	%rdi, after + 8 * AT_RDI
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	mov	%r\n, after + 8 * \n
	.endr
	.endm

/* store_segments: those that no exception changes. */
	.macro store_segments
	mov	%ds, after + 8 * AT_DS
	mov	%es, after + 8 * AT_ES
	mov	%fs, after + 8 * AT_FS
	mov	%gs, after + 8 * AT_GS
	.endm

/* void run(const void *sequence): with the registers in `before`, leaves those in `after`. */
	.globl	run
	.type	run, @function
run:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, own_stack
	mov	%rdi, start
	movl	$1, armed
	mov	before + 8 * AT_RCX, %rcx
	mov	before + 8 * AT_RDX, %rdx
	mov	before + 8 * AT_RBX, %rbx
	mov	before + 8 * AT_RBP, %rbp
	mov	before + 8 * AT_RSI, %rsi
	mov	before + 8 * AT_RDI, %rdi
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	mov	before + 8 * \n, %r\n
	.endr
	mov	before + 8 * AT_RAX, %rax
	mov	before + 8 * AT_RSP, %rsp
	push	before + 8 * AT_RFLAGS
	popfq
	jmp	*start
	.size	run, . - run

/* The end of each sequence. */
	.globl	sequence_end
	.type	sequence_end, @function
sequence_end:
	mov	%rax, after + 8 * AT_RAX
	mov	%rcx, after + 8 * AT_RCX
	mov	%rdx, after + 8 * AT_RDX
	mov	%rbx, after + 8 * AT_RBX
	mov	%rsp, after + 8 * AT_RSP
	store_registers
	store_segments
	mov	%cs, after + 8 * AT_CS
	mov	%ss, after + 8 * AT_SS
	mov	own_stack, %rsp
	pushfq
	popq	after + 8 * AT_RFLAGS
	movq	$0, after + 8 * AT_RIP
leave:
	push	$2
	popfq
	movl	$0, armed
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	ret
	.size	sequence_end, . - sequence_end

/*
 * From every gate. RSP was a multiple of 16 before the CPU pushed the frame, and so tells whether an error code was pushed:
 * INT n pushes none, whatever n.
 */
	.globl	stubs
	.balign	STUB_BYTES
stubs:
	.set	vector, 0
	.rept	VECTORS
	.balign	STUB_BYTES
	mov	%rax, after + 8 * AT_RAX
	mov	$vector, %eax
	jmp	handler
	.set	vector, vector + 1
	.endr

	.type	handler, @function
handler:
	mov	%rcx, after + 8 * AT_RCX
	mov	%rdx, after + 8 * AT_RDX
	mov	%rbx, after + 8 * AT_RBX
	pushfq
	pop	%rcx
	/* By a gate with a stack of its own, QEMU makes SS null: that would be seen if what follows faults. */
	mov	$DATA, %edx
	mov	%edx, %ss
	mov	record_next, %rdx
	mov	%rsp, 8 * RECORD_AT(%rdx)
	mov	%rcx, 8 * RECORD_INSIDE(%rdx)
	mov	%rax, 8 * RECORD_VECTOR(%rdx)
	mov	%cs, 8 * RECORD_CODE(%rdx)
	movq	$-1, 8 * RECORD_ERROR(%rdx)
	mov	%rsp, %rbx
	test	$8, %bl
	jnz	1f
	mov	(%rbx), %rcx
	mov	%rcx, 8 * RECORD_ERROR(%rdx)
	add	$8, %rbx
1:	andl	$~RF, 16(%rbx)
	mov	(%rbx), %rcx
	mov	%rcx, 8 * RECORD_RIP(%rdx)
	mov	8(%rbx), %rcx
	mov	%rcx, 8 * RECORD_CS(%rdx)
	mov	16(%rbx), %rcx
	mov	%rcx, 8 * RECORD_RFLAGS(%rdx)
	mov	24(%rbx), %rcx
	mov	%rcx, 8 * RECORD_RSP(%rdx)
	mov	32(%rbx), %rcx
	mov	%rcx, 8 * RECORD_SS(%rdx)
	cmp	$14, %eax
	jne	1f
	mov	%cr2, %rcx
	mov	%rcx, 8 * RECORD_CR2(%rdx)
1:	cmp	$1, %eax
	jne	1f
	mov	%dr6, %rcx
	mov	%rcx, 8 * RECORD_DR6(%rdx)
	mov	$0xffff0ff0, %ecx
	mov	%rcx, %dr6
1:	cmpl	$0, armed
	je	unexpected
	add	$8 * RECORD_WORDS, %rdx
	mov	%rdx, record_next

	/* Traps go on, faults end the sequence; so does one that will not end. */
	cmp	$records + 8 * RECORD_WORDS * RECORDS, %rdx
	jae	1f
	cmp	$32, %eax
	jae	2f
	cmp	$1, %eax
	je	2f
	cmp	$3, %eax
	jne	1f
2:	mov	after + 8 * AT_RAX, %rax
	mov	after + 8 * AT_RCX, %rcx
	mov	after + 8 * AT_RDX, %rdx
	mov	after + 8 * AT_RBX, %rbx
	iretq

1:	store_registers
	store_segments
	sub	$8 * RECORD_WORDS, %rdx
	mov	8 * RECORD_RSP(%rdx), %rcx
	mov	%rcx, after + 8 * AT_RSP
	mov	8 * RECORD_RFLAGS(%rdx), %rcx
	mov	%rcx, after + 8 * AT_RFLAGS
	mov	8 * RECORD_RIP(%rdx), %rcx
	mov	%rcx, after + 8 * AT_RIP
	mov	8 * RECORD_CS(%rdx), %rcx
	mov	%rcx, after + 8 * AT_CS
	mov	8 * RECORD_SS(%rdx), %rcx
	mov	%rcx, after + 8 * AT_SS
	mov	own_stack, %rsp
	jmp	leave
	.size	handler, . - handler

unexpected:
	mov	%rdx, %rdi
	mov	$own_stack_last, %esp
	push	$2
	popfq
	call	died

/* Where SYSCALL leads, and a call by a gate: recorded, and back. */
	.macro recorded name, number, flags, masked
	.globl	\name
	.type	\name, @function
\name:
	mov	%rax, after + 8 * AT_RAX
	mov	%rdx, after + 8 * AT_RDX
	mov	%rsp, own_scratch
	mov	$own_stack_last, %esp
	pushfq
	pop	%rax
	mov	%rax, own_flags
	and	$~\masked, %eax
	mov	record_next, %rdx
	cmp	$records + 8 * RECORD_WORDS * RECORDS, %rdx
	jae	1f
	mov	%rax, 8 * RECORD_INSIDE(%rdx)
	movq	$\number, 8 * RECORD_VECTOR(%rdx)
	mov	%rcx, 8 * RECORD_RIP(%rdx)
	mov	%r11, 8 * RECORD_RFLAGS(%rdx)
	mov	%cs, 8 * RECORD_CODE(%rdx)
	mov	%ss, 8 * RECORD_SS(%rdx)
	mov	own_scratch, %rax
	mov	%rax, 8 * RECORD_AT(%rdx)
	add	$8 * RECORD_WORDS, %rdx
	mov	%rdx, record_next
1:	push	\flags
	popfq
	mov	own_scratch, %rsp
	mov	after + 8 * AT_RDX, %rdx
	mov	after + 8 * AT_RAX, %rax
	.endm

	recorded syscall_1, SYSCALL_1, %r11, LOST_BY_SYSCALL
	jmp	*%rcx
	recorded syscall_2, SYSCALL_2, %r11, LOST_BY_SYSCALL
	jmp	*%rcx
	recorded gate_entry, CALL_BY_GATE, own_flags, 0
	lretq

/* void load_code(uint64_t selector): CS. */
	.globl	load_code
	.type	load_code, @function
load_code:
	pop	%rax
	push	%rdi
	push	%rax
	lretq
	.size	load_code, . - load_code

	.bss
	.balign	16
own_stack:	.skip	8
own_scratch:	.skip	8
own_flags:	.skip	8
start:		.skip	8
armed:		.skip	8
		.skip	8192
own_stack_last:

	.section .note.GNU-stack, "", @progbits
