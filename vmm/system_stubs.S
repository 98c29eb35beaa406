/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest code that the VMM brings along: copied into the system page, run inside the VM only.
 * Position-independent; system_page.c knows the entry points.
 */
#include <kvick/hypercall.h>

	.section .rodata
	.globl	system_stubs, system_stub_fault_out, system_stub_store, system_stub_probe_loop
	.globl	system_stub_probe_vmcall, system_stubs_end

/*
 * Exceptions, one 16-byte stub a vector. Vectors for which the CPU pushes no error code get a 0
 * (AMD64 APM 2, 8.2), so that the VMM always finds: vector, error code, RIP, CS, RFLAGS, RSP, SS.
 * No register is touched: the VMM reads them all.
 */
	.balign	16
system_stubs:
	.set	vector, 0
	.rept	32
	.balign	16
	.if	!((0x60227d00 >> vector) & 1)
	push	$0
	.endif
	push	$vector
	jmp	1f
	.set	vector, vector + 1
	.endr
	.balign	16
1:
system_stub_fault_out:
	out	%eax, $KVICK_PORT_FAULT
	jmp	1b

/*
 * Stores a run of page-table entries at ring 0, under the VMM's own page tables, and goes to the
 * guest's: RDI = first entry, RAX = its value, RSI = what each next value has more, RCX = entries
 * (may be 0), RDX = the CR3 to leave in force. Why the VMM does not simply write to memory: see ring0.h.
 */
	.balign	16
system_stub_store:
	jrcxz	2f
1:	mov	%rax, (%rdi)
	add	%rsi, %rax
	add	$8, %rdi
	dec	%rcx
	jnz	1b
2:	mov	%rdx, %cr3
	out	%eax, $KVICK_PORT_FAULT
3:	jmp	3b

/* How fast is ring 0 here? RCX = rounds, two instructions each. */
	.balign	16
system_stub_probe_loop:
1:	dec	%rcx
	jnz	1b
	out	%eax, $KVICK_PORT_FAULT
2:	jmp	2b

/* Does a VMCALL reach the VMM? Registers as for a doorbell. */
	.balign	16
system_stub_probe_vmcall:
	vmcall
	out	%eax, $KVICK_PORT_FAULT
1:	jmp	1b
system_stubs_end:

	.section .note.GNU-stack, "", @progbits
