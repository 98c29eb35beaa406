/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way into the monitor and out of it. An exception of the guest's brings the CPU here, on a stack of its own (IST1). The frame
 * is moved to monitor_state before anything can fault, for the next exception would be written over it.
 */
#include "vmm/monitor/shared.h"

#define SELECTOR_DATA3 0x2b
#define STATE (MONITOR_VIRTUAL + MONITOR_STATE)

	.section .text.entry, "ax"
	.globl	monitor_vectors, monitor_copy, monitor_request, monitor_set_bases

	/* One of 16 bytes for each vector; those for which the CPU pushes no error code push a 0 (AMD64 APM 2, 8.2). */
monitor_vectors:
	.set	vector, 0
	.rept	32
	.balign	16
	.if	!((0x60227d00 >> vector) & 1)
	push	$0
	.endif
	push	$vector
	jmp	trapped
	.set	vector, vector + 1
	.endr

	.balign	16
trapped:
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%r11
	push	%r10
	push	%r9
	push	%r8
	push	%rdi
	push	%rsi
	push	%rbp
	push	%rsp
	push	%rbx
	push	%rdx
	push	%rcx
	push	%rax
	cld
	/* Some CPUs (QEMU's) leave a null SS on an IST stack, with which no IRETQ to ring 3 comes back. */
	mov	$SELECTOR_DATA3, %eax
	mov	%eax, %ss
	/* Of the monitor's own making? */
	mov	MONITOR_FRAME_RIP(%rsp), %rax
	sub	$(MONITOR_VIRTUAL + MONITOR_TEXT), %rax
	cmp	$(MONITOR_TEXT_END - MONITOR_TEXT), %rax
	jb	nested

	mov	%rsp, %rsi
	mov	$(STATE + MONITOR_FRAME), %rdi
	mov	$(MONITOR_FRAME_BYTES / 8), %ecx
	rep movsq
	mov	$(MONITOR_VIRTUAL + MONITOR_STACK_END), %rsp
	push	$2
	popf                              /* no alignment checks, no single steps */
	mov	$STATE, %rdi
	call	monitor_trap

	mov	$(STATE + MONITOR_FRAME), %rsp
	pop	%rax
	pop	%rcx
	pop	%rdx
	pop	%rbx
	add	$8, %rsp
	pop	%rbp
	pop	%rsi
	pop	%rdi
	pop	%r8
	pop	%r9
	pop	%r10
	pop	%r11
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	add	$16, %rsp
	iretq

	/* At a place where one was expected: on from there, with all registers as they are. */
nested:
	mov	STATE + MONITOR_FIXUP, %rax
	test	%rax, %rax
	jz	broken
	mov	%rax, MONITOR_FRAME_RIP(%rsp)
	mov	MONITOR_FRAME_VECTOR(%rsp), %rax
	mov	%rax, STATE + MONITOR_NESTED
	mov	MONITOR_FRAME_VECTOR + 8(%rsp), %rax
	mov	%rax, STATE + MONITOR_NESTED + 8
	pop	%rax
	add	$(MONITOR_FRAME_RIP - 8), %rsp /* nothing else was changed */
	iretq

broken:
	mov	$MONITOR_REQUEST_BROKEN, %eax
	out	%eax, $MONITOR_PORT
	jmp	broken

	/* uint64_t monitor_copy(void *to, const void *from, uint64_t bytes): how many were not copied, for an exception. */
	.balign	16
monitor_copy:
	movq	$1f, STATE + MONITOR_FIXUP
	mov	%rdx, %rcx
	rep movsb
1:	movq	$0, STATE + MONITOR_FIXUP
	mov	%rcx, %rax
	ret

	/* void monitor_request(uint32_t request) */
	.balign	16
monitor_request:
	mov	%edi, %eax
	out	%eax, $MONITOR_PORT
	ret

	/* uint64_t monitor_set_bases(uint64_t fs, uint64_t gs): 1, or 0 where the CPU does not let ring 3 do it. */
	.balign	16
monitor_set_bases:
	movq	$1f, STATE + MONITOR_FIXUP
	xor	%eax, %eax
	wrfsbase %rdi
	wrgsbase %rsi
	inc	%eax
1:	movq	$0, STATE + MONITOR_FIXUP
	ret

	.section .note.GNU-stack, "", @progbits
