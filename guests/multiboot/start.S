/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Header (Multiboot Specification 0.6.96, 3.1) and entry: everything is kept as it was found. With KLUDGE the header says what goes
 * where, and the file need not be ELF.
 */
#ifdef KLUDGE
#define FLAGS 0x10003
#else
#define FLAGS 0x3
#endif
#define MAGIC 0x1badb002

	.section .text.start, "ax"
	.long 0x6b636976, 0                /* so that the header is not what comes first */
header:
	.long MAGIC, FLAGS, -(MAGIC + FLAGS)
#ifdef KLUDGE
	.long header, image_start, image_file_end, image_end, entry
#endif
	.globl entry
entry:
	mov %eax, found
	mov %ebx, found + 4
	mov %esp, found + 8
	pushf
	pop found + 12
	mov %cs, found + 16
	mov %ds, found + 18
	mov %es, found + 20
	mov %fs, found + 22
	mov %gs, found + 24
	mov %ss, found + 26
	mov $stack_end, %esp
	cld
	call guest_main
	ud2

	.bss
	.balign 16
	.skip 0x4000
stack_end:

	.section .note.GNU-stack, "", @progbits
