/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor (monitor/), linked for its place in the guest. */
	.section .rodata.monitor, "a", @progbits
	.globl	monitor_blob, monitor_blob_end
	.balign	16
monitor_blob:
	.incbin	"monitor.bin" /* found by -I, in build/gen */
monitor_blob_end:
	.section .note.GNU-stack, "", @progbits
