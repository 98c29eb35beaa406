/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Instead of a bzImage's own unpacking: where it is entered, and not the kernel inside, it says so and resets. PAYLOAD is that
 * kernel, by `lz4 -l`; UNPACKED_BYTES its size, which stands behind it as Linux's build puts it there.
 */
	.section .payload, "a"
	.incbin PAYLOAD
	.long UNPACKED_BYTES

	.text
	.globl kernel_main, kernel_interrupted
kernel_main:
kernel_interrupted:
	lea text(%rip), %rsi
	lea room(%rip), %rdi              /* so that it is linked */
	mov $text_bytes, %ecx
	mov $0x3f8, %edx
	rep outsb
	mov $0xfe, %al
	out %al, $0x64
	hlt

	.section .rodata
text:	.ascii "nobody has unpacked the payload\n"
	.set text_bytes, . - text

	.data
	.globl start_found
start_found:
	.skip 0x28

	/* Room for what comes out: init_size counts it. */
	.bss
room:	.skip 0x100000

	.section .note.GNU-stack, "", @progbits
