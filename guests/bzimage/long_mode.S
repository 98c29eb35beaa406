/* SPDX-License-Identifier: Apache-2.0 */
/* From 32-bit protected mode without paging into long mode: 4 GiB, address for address (AMD64 APM 2, 5.3). */
#define CR0_PG     0x80000000
#define CR4_PAE    0x20
#define EFER       0xc0000080
#define EFER_LME   0x100
#define CODE       0x10
#define DATA       0x18
#define PRESENT_RW 3
#define LARGE      0x80

	/* EBX: where to go on, in 64-bit mode, on a stack; EBP is left as it is. */
	.text
	.code32
	.globl enter_long_mode
enter_long_mode:
	movl $pointers + PRESENT_RW, top
	mov $directories + PRESENT_RW, %eax
	xor %ecx, %ecx
1:	mov %eax, pointers(, %ecx, 8)
	add $0x1000, %eax
	inc %ecx
	cmp $4, %ecx
	jne 1b
	mov $PRESENT_RW + LARGE, %eax
	xor %ecx, %ecx
2:	mov %eax, directories(, %ecx, 8)
	add $0x200000, %eax
	inc %ecx
	cmp $2048, %ecx
	jne 2b

	mov %cr4, %eax
	or $CR4_PAE, %eax
	mov %eax, %cr4
	mov $top, %eax
	mov %eax, %cr3
	mov $EFER, %ecx
	rdmsr
	or $EFER_LME, %eax
	wrmsr
	mov %cr0, %eax
	or $CR0_PG, %eax
	mov %eax, %cr0
	lgdt gdt_pointer
	ljmp $CODE, $long_mode

	.code64
long_mode:
	mov $DATA, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	lea stack_end(%rip), %rsp
	cld
	mov %ebx, %ebx
	call *%rbx
	ud2

	.data
	.balign 8
gdt:	.quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word . - gdt - 1
	.long gdt

	.bss
	.balign 0x1000
top:	.skip 0x1000
pointers:
	.skip 0x1000
directories:
	.skip 0x4000

	.section .note.GNU-stack, "", @progbits
