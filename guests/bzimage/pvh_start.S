/* SPDX-License-Identifier: Apache-2.0 */
/* The other entry of a kernel that has two: PVH's, in 32-bit protected mode without paging (Xen's docs/misc/pvh.pandoc). */
#define EFER 0xc0000080

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18                    /* PHYS32_ENTRY */
	.asciz "Xen"
	.long pvh_entry

	.text
	.code32
pvh_entry:
	/* struct pvh_found. Other VMMs boot this too: no stack and no GDT is taken for granted. */
	mov %ebx, pvh_found + 0x00
	mov %esp, pvh_found + 0x04
	sgdt pvh_found + 0x18
	mov $stack_end, %esp
	pushf
	pop pvh_found + 0x08
	mov %cr0, %eax
	mov %eax, pvh_found + 0x0c
	mov %cr4, %eax
	mov %eax, pvh_found + 0x10
	mov $EFER, %ecx
	rdmsr
	mov %eax, pvh_found + 0x14
	mov $pvh_main, %ebx
	jmp enter_long_mode

	.section .note.GNU-stack, "", @progbits
