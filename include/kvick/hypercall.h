/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hypercalls: how a guest asks the VMM for something. docs/ABI.md has the prose.
 *
 * The guest fills a call block (64 bytes, 64-byte aligned, so it never straddles a page) and
 * rings a doorbell that carries the block's guest-physical address. The VMM copies the block in
 * once, acts, and writes `ret` and `arg[0]` back once.
 *
 * Doorbells (boot_info.doorbell names the best; the port always works):
 *   port    out %eax, $KVICK_PORT_CALL with EAX = block address / 64, at either ring
 *   vmcall, vmmcall   the instruction of that name, at ring 0, with RAX = 12 (KVM_HC_MAP_GPA_RANGE,
 *           the one hypercall that KVM forwards to user space), RBX = 0, RCX = 1, RDX = block
 *           address; RAX returns 0. The wrong one of the two makes KVM patch the guest's code.
 *
 * Every pointer in a call is guest-physical.
 */
#ifndef KVICK_HYPERCALL_H
#define KVICK_HYPERCALL_H

/* 32-bit writes. Below 0x100, so that `out imm8` reaches them and the TSS's bitmap stays short. */
#define KVICK_PORT_CALL  0xe8
#define KVICK_PORT_FAULT 0xec /* rung by the VMM's own exception stubs */
#define KVICK_PORT_END   0xf0

#define KVICK_DOORBELL_PORT    0
#define KVICK_DOORBELL_VMCALL  1 /* VT-x's instruction */
#define KVICK_DOORBELL_VMMCALL 2 /* SVM's */

#define KVICK_VMCALL_NR 12

/* Call numbers. IN: arg[]. OUT: ret (>= 0, or -KVICK_E*), arg[0]. */
#define KVICK_CALL_CONSOLE_WRITE  1  /* buffer, bytes -> ret = bytes written */
#define KVICK_CALL_EXIT           2  /* status (its low 8 bits become the exit code); no return */
#define KVICK_CALL_CLOCK          3  /* KVICK_CLOCK_* -> arg[0] = nanoseconds */
#define KVICK_CALL_WAIT           4  /* event mask, timeout in ns, notifications -> ret = events ready, 0 = time is over */
#define KVICK_CALL_ARGS           5  /* KVICK_ARGS_*, buffer, bytes -> ret = bytes needed in all */
#define KVICK_CALL_ENTROPY        6  /* buffer, bytes (1..KVICK_ENTROPY_BYTES_MAX) -> ret = bytes */
#define KVICK_CALL_MARK           7  /* number (0..KVICK_MARKS_MAX-1): stamps the timeline */
#define KVICK_CALL_CPUCONFIG      8  /* KVICK_CPU_*, value, value2 -> arg[0] = the value before */
#define KVICK_CALL_UPDATE_PGTABLE 9  /* va, pa | flags, pgd, pages, spare, spare pages -> ret = spares used */
#define KVICK_CALL_LCR3           10 /* pgd */
#define KVICK_CALL_CPUID          11 /* leaf, subleaf, buffer of 16 bytes: EAX, EBX, ECX, EDX */
#define KVICK_CALL_DEVICE_SETUP   12 /* struct kvick_virtio_setup (virtio.h) -> 0 */
#define KVICK_CALL_READY          13 /* buffer, bytes -> arg[0] = generation, ret = bytes of the request in all; once */
#define KVICK_CALL_REQUEST        14 /* buffer, bytes, offset -> ret = bytes of the request that were copied from there */
#define KVICK_CALL_REPLY          15 /* buffer, bytes, KVICK_REPLY_*, status -> 0; once */

/* Bit of KVICK_CALL_WAIT's event mask: the guest has been made of a snapshot since it was last told so (boot_info.generation). */
#define KVICK_EVENT_GENERATION (1ull << 62) /* the last that ret can have */

/*
 * A request comes with READY, the guest's word that it is initialised: a snapshot that is to serve requests is taken in this
 * call, which returns in each copy, with a request of its own. What fits of it is in the buffer; the rest is fetched with
 * REQUEST. The reply is one run of memory, copied before the call returns.
 */
#define KVICK_REQUEST_BYTES_MAX (6ull << 20)
#define KVICK_REPLY_BYTES_MAX   (6ull << 20)
#define KVICK_REPLY_EXIT        1 /* arg[2]: and end, with the exit code arg[3]: one exit less */

/* arg[0] of KVICK_CALL_CLOCK */
#define KVICK_CLOCK_MONOTONIC 0
#define KVICK_CLOCK_WALL      1 /* since 1970-01-01 00:00 UTC */

/* arg[0] of KVICK_CALL_ARGS: NUL-terminated strings, one after another */
#define KVICK_ARGS_ARGV 0
#define KVICK_ARGS_ENVP 1

#define KVICK_ENTROPY_BYTES_MAX 4096
#define KVICK_MARKS_MAX         8
#define KVICK_PGTABLE_PAGES_MAX 512 /* arg[3] of one KVICK_CALL_UPDATE_PGTABLE */

/* arg[0] of KVICK_CALL_CPUCONFIG: what a guest at ring 3 may not set by itself */
#define KVICK_CPU_INTERRUPT_FLAG 0 /* value: 0 or 1; gives what was last set by this call */
#define KVICK_CPU_FS_BASE        1 /* value: canonical address */
#define KVICK_CPU_GS_BASE        2 /* value: canonical address */
#define KVICK_CPU_HANDLER        3 /* value: vector 0..31 but 2, 8, 18; value2: handler's address, 0 = crash report */

#define KVICK_CPU_FAULT_ADDRESS  4 /* value: 0; gives CR2, the address of the last page fault */

/* Virtual addresses below are the VMM's: no page, system page, boot info, exception stacks. */
#define KVICK_PROTECTED_END 0x7000

/* Flags in arg[1] of KVICK_CALL_UPDATE_PGTABLE, as in a page-table entry (AMD64 APM 2, 5.4). */
#define KVICK_PTE_PRESENT (1ull << 0) /* absent: the page is unmapped, and the rest of arg[1] must be 0 */
#define KVICK_PTE_WRITE   (1ull << 1)
#define KVICK_PTE_USER    (1ull << 2) /* implied at ring 3 */
#define KVICK_PTE_NX      (1ull << 63)
#define KVICK_PTE_ADDR    0x000ffffffffff000ull

/* Errors, negated in ret. The values are Linux's. */
#define KVICK_EPERM  1
#define KVICK_EIO    5
#define KVICK_ENOMEM 12 /* a page table is missing and no spare page was given */
#define KVICK_EFAULT 14 /* a pointer does not lie in RAM with all its length */
#define KVICK_EINVAL 22
#define KVICK_ENOSYS 38

#ifndef __ASSEMBLER__
#include <stddef.h>
#include <stdint.h>

struct kvick_call {
	uint32_t nr;       /* KVICK_CALL_* */
	uint32_t reserved; /* must be 0 */
	int64_t ret;       /* OUT */
	uint64_t arg[6];   /* IN; arg[0] also OUT */
} __attribute__((aligned(64)));

_Static_assert(sizeof(struct kvick_call) == 64, "a call block is one cache line");
_Static_assert(offsetof(struct kvick_call, ret) == 8, "ret and arg[0] are written back together");
_Static_assert(offsetof(struct kvick_call, arg) == 16, "ret and arg[0] are written back together");
#endif

#endif
