/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bzImage that holds no Linux: the header of boot protocol 2.12 (Documentation/arch/x86/boot.rst, 1.3), the 64-bit entry (1.14),
 * interrupt stubs. The linker script puts the header in front of the kernel, and computes what has to do with sizes.
 */
#define LOADED_AT 0x100000 /* by a VMM that enters in real mode */

	.section .header, "a"
header:
	.org 0x1f1
	.byte 1                           /* setup_sects: the boot sector and one more */
	.word 0                           /* root_flags */
	.long kernel_syssize              /* in 16 bytes */
	.word 0, 0, 0                     /* ram_size, vid_mode, root_dev */
	.word 0xaa55                      /* boot_flag */
	.byte 0xeb, header_end - 0x202    /* jump: its second byte says where the header ends */
	.ascii "HdrS"
	.word 0x020c                      /* version */
	.long 0                           /* realmode_swtch */
	.word 0, 0                        /* start_sys_seg, kernel_version */
	.byte 0, 1                        /* type_of_loader; loadflags: LOADED_HIGH */
	.word 0                           /* setup_move_size */
	.long LOADED_AT                   /* code32_start */
	.long 0, 0, 0                     /* ramdisk_image, ramdisk_size, bootsect_kludge */
	.word 0                           /* heap_end_ptr */
	.byte 0, 0                        /* ext_loader_ver, ext_loader_type */
	.long 0                           /* cmd_line_ptr */
	.long 0x7fffffff                  /* initrd_addr_max */
	.long 0x1000                      /* kernel_alignment */
	.byte 0, 12                       /* relocatable_kernel, min_alignment */
	.word 1                           /* xloadflags: XLF_KERNEL_64 */
	.long 2047                        /* cmdline_size */
	.long 0                           /* hardware_subarch */
	.quad 0                           /* hardware_subarch_data */
	.long kernel_payload_offset, kernel_payload_length
	.quad 0                           /* setup_data */
	.quad kernel_start                /* pref_address */
	.long kernel_init_size
	.long 0                           /* handover_offset */
	.set header_end, . - header

	/*
	 * The 16-bit entry, by the jump above (1.12): DS is where the boot sector is. kvick does not come here, but VMMs do that
	 * leave the way into long mode to the kernel. It asks the firmware nothing.
	 */
	.code16
	cli
	xor %esi, %esi
	mov %ds, %si
	shl $4, %esi
	lea real_gdt - header(%esi), %eax
	mov %eax, real_gdt_pointer - header + 2
	lgdtl real_gdt_pointer - header
	mov %cr0, %eax
	or $1, %al
	mov %eax, %cr0
	ljmpl $0x10, $LOADED_AT

	.balign 8
real_gdt:
	.quad 0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
real_gdt_pointer:
	.word . - real_gdt - 1
	.long 0
	.org 0x400

	/* And from there, in 32-bit mode: the kernel is not yet where it was linked to be. */
	.section .text.start, "ax"
	.code32
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %esi, %ebp
	mov $LOADED_AT, %esi
	mov $kernel_start, %edi
	mov $kernel_syssize, %ecx
	shl $2, %ecx
	cld
	rep movsl
	mov $entered_in_real_mode, %ebx
	.weak enter_long_mode             /* not in one that has its kernel as a payload, and nothing to unpack it by */
	mov $enter_long_mode, %eax
	jmp *%eax

	.code64
	.org 0x1f0
entered_in_real_mode:
	mov %ebp, %esi
	jmp kernel_entry
	.org 0x200
	.globl kernel_entry
kernel_entry:
	/* There may be no stack: everything is kept as it was found, but RAX and RSP. */
	lea start_found(%rip), %rax
	mov %rsi, 0x00(%rax)
	mov %rsp, 0x08(%rax)
	lea kernel_entry(%rip), %rsp
	mov %rsp, 0x10(%rax)
	lea stack_end(%rip), %rsp
	pushfq
	popq 0x18(%rax)
	mov %cs, 0x20(%rax)
	mov %ds, 0x22(%rax)
	mov %es, 0x24(%rax)
	mov %ss, 0x26(%rax)
	cld
	mov %rsi, %rdi
	call kernel_main
	ud2

/* One of 16 bytes for each vector; exceptions 8, 10 to 14, 17 and 21 push an error code themselves (SDM 6.15). */
	.section .text
	.balign 16
	.globl interrupt_stubs
interrupt_stubs:
	.set vector, 0
	.rept 256
	.balign 16
	.if vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21
	push $0
	.endif
	push $vector
	jmp interrupted
	.set vector, vector + 1
	.endr

interrupted:
	push %rax
	push %rcx
	push %rdx
	push %rsi
	push %rdi
	push %r8
	push %r9
	push %r10
	push %r11
	mov 0x48(%rsp), %rdi              /* vector */
	lea 0x58(%rsp), %rsi              /* where RIP is */
	call kernel_interrupted
	pop %r11
	pop %r10
	pop %r9
	pop %r8
	pop %rdi
	pop %rsi
	pop %rdx
	pop %rcx
	pop %rax
	add $16, %rsp
	iretq

	.bss
	.balign 16
	.skip 0x4000
	.globl stack_end
stack_end:

	.section .note.GNU-stack, "", @progbits
