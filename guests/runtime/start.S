/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Entry point. docs/ABI.md, "Registers at entry": RDI = boot info, RSP = top of the stack, 16-byte aligned.
 */
#include <kvick/boot_info.h>

#define R_X86_64_RELATIVE 8
#define RELA_BYTES 24 /* r_offset, r_info, r_addend */

	.hidden	__ehdr_start	/* made by the linker: where the file's first byte is loaded */

	.section .text.start, "ax", @progbits
	.globl	kvick_entry
	.type	kvick_entry, @function
kvick_entry:
	rdtsc
	mov	%eax, (KVICK_BOOT_GUEST_TSC_OFFSET + 8 * KVICK_TSC_FIRST)(%rdi)
	mov	%edx, (KVICK_BOOT_GUEST_TSC_OFFSET + 8 * KVICK_TSC_FIRST + 4)(%rdi)

	/*
	 * A static PIE relocates itself, before any code could use an address that is not yet right.
	 * The linker leaves nothing but relative relocations in one. Otherwise the table is empty.
	 */
	lea	kvick_rela_start(%rip), %rsi
	lea	kvick_rela_end(%rip), %rcx
	lea	__ehdr_start(%rip), %rdx
	jmp	2f
1:	cmpl	$R_X86_64_RELATIVE, 8(%rsi)
	jne	3f
	mov	(%rsi), %rax
	mov	16(%rsi), %r8
	add	%rdx, %r8
	mov	%r8, (%rdx, %rax)
	add	$RELA_BYTES, %rsi
2:	cmp	%rcx, %rsi
	jb	1b

	xor	%ebp, %ebp	/* where a backtrace ends */
	call	kvick_start
3:	ud2
	.size	kvick_entry, . - kvick_entry

	.section .note.GNU-stack, "", @progbits
