/* SPDX-License-Identifier: Apache-2.0 */
/* Solo5's hvt ABI (include/kvick/solo5.h): the note that says so, the entry, handlers for faults that are wanted. */
	.section .note.solo5.abi, "a", @note
	.balign 4
	.long 6, 16, 0x31494241           /* "ABI1" */
	.asciz "Solo5"
	.balign 4
	.long 1, 2, 0, 0                  /* hvt, version 2 */

	.section .text.start, "ax"
	.globl guest_entry
guest_entry:
	lea start_found(%rip), %rax
	mov %rdi, 0x00(%rax)
	mov %rsp, 0x08(%rax)
	pushfq
	popq 0x10(%rax)
	mov %cs, 0x18(%rax)
	mov %ds, 0x1a(%rax)
	mov %es, 0x1c(%rax)
	mov %ss, 0x1e(%rax)
	sgdt 0x20(%rax)
	cld
	/* The host's GDT is not mapped: exceptions need one that is. */
	lgdt gdt_pointer(%rip)
	push $0x08
	lea 1f(%rip), %rax
	push %rax
	lretq
1:	mov $0x10, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	and $-16, %rsp
	call guest_main
	ud2

/* #GP and #PF: counted, and gone on from where `fault_resume` says; both push an error code. */
	.section .text
	.globl fault_handler
fault_handler:
	push %rax
	incq fault_count(%rip)
	mov fault_resume(%rip), %rax
	mov %rax, 16(%rsp)
	pop %rax
	add $8, %rsp
	iretq

/* bool touch(uint64_t at, uint64_t write): does this access of a byte, of the value that is there, go well? */
	.globl touch
touch:
	lea 2f(%rip), %rax
	mov %rax, fault_resume(%rip)
	mov fault_count(%rip), %rdx
	mov (%rdi), %cl
	test %rsi, %rsi
	jz 2f
	mov %cl, (%rdi)
2:	xor %eax, %eax
	cmp fault_count(%rip), %rdx
	sete %al
	ret

	.section .rodata
	.balign 8
gdt:	.quad 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word gdt_pointer - gdt - 1
	.quad gdt

	.section .note.GNU-stack, "", @progbits
