/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/deprivileged.h"

#include <asm/processor-flags.h>
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "vmm/deprivileged_pages.h"
#include "vmm/layout.h"
#include "vmm/machine.h"
#include "vmm/msr.h"
#include "vmm/pagetable.h"
#include "vmm/round.h"
#include "vmm/system_page.h"

extern const uint8_t monitor_blob[], monitor_blob_end[];

/* The bitmap ends behind Solo5's ports. */
#define IO_PORTS 0x510u

struct gate {
	uint16_t offset_0, selector;
	uint8_t ist, type;
	uint16_t offset_16;
	uint32_t offset_32, reserved;
};

struct tss {
	uint32_t reserved0;
	uint64_t rsp[3];
	uint64_t reserved1;
	uint64_t ist[7];
	uint64_t reserved2;
	uint16_t reserved3;
	uint16_t iomap_base;
	uint8_t iomap[IO_PORTS / 8 + 1];
} __attribute__((packed));

/* What the CPU uses while such a guest runs. AMD64 APM 2, 4.6 to 4.8, 8.9, 12.2.5. */
struct system {
	uint64_t gdt[SYSTEM_GDT_BYTES / 8];
	struct tss tss;
	struct gate idt[SYSTEM_VECTORS] __attribute__((aligned(16)));
};

_Static_assert(sizeof(struct system) <= GUEST_PAGE_BYTES, "a page");
_Static_assert(offsetof(struct tss, iomap) == 104, "a long-mode TSS is 104 bytes");

#define GDT_CODE3 0x0020fb0000000000ull
#define GDT_DATA3 0x0000f30000000000ull
#define GDT_TSS   0x00008b0000000000ull

#define GATE_TRAP 0x8f /* present; ring 3 is not let in by INT n, which must not look like an exception */
#define GATE_BREAKPOINT 0xef /* but by INT3 */

static struct monitor_state *state(const struct machine *m)
{
	return guest_mem_behind(&m->mem, MONITOR_STATE, sizeof(struct monitor_state));
}

/* ---- before the start ---- */

static void system_write(struct machine *m, const struct deprivileged *d)
{
	struct system *s = guest_mem_behind(&m->mem, MONITOR_SYSTEM, sizeof(*s));
	const uint64_t tss = MONITOR_VIRTUAL + MONITOR_SYSTEM + offsetof(struct system, tss);

	s->gdt[SELECTOR_DATA3 / 8] = GDT_DATA3;
	s->gdt[SELECTOR_CODE3 / 8] = GDT_CODE3;
	s->gdt[SELECTOR_TSS / 8] = GDT_TSS | (sizeof(s->tss) - 1) | (tss & 0xffffff) << 16 | (tss >> 24 & 0xff) << 56;
	s->gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
	s->tss.ist[0] = MONITOR_VIRTUAL + MONITOR_STACK; /* where the trap stack ends */
	s->tss.iomap_base = offsetof(struct tss, iomap);
	memset(s->tss.iomap, 0xff, sizeof(s->tss.iomap));
	for (const uint16_t *port = d->ports; *port; port++)
		/* An access of 4 bytes needs 4 bits clear (AMD64 APM 2, 12.2.4). */
		for (unsigned i = *port; i < *port + 4u; i++)
			s->tss.iomap[i / 8] &= (uint8_t)~(1u << i % 8);
	for (unsigned i = MONITOR_PORT; i < MONITOR_PORT + 4u; i++)
		s->tss.iomap[i / 8] &= (uint8_t)~(1u << i % 8);
	if (d->output_port) /* with it, the three ports before it for accesses of 4 bytes: Solo5's walltime */
		s->tss.iomap[d->output_port / 8] |= (uint8_t)(1u << d->output_port % 8);
	for (unsigned vector = 0; vector < SYSTEM_VECTORS; vector++) {
		uint64_t at = MONITOR_VIRTUAL + MONITOR_TEXT + vector * 16ull;

		s->idt[vector] = (struct gate){
			.offset_0 = (uint16_t)at, .selector = SELECTOR_CODE3, .ist = 1,
			.type = vector == 3 ? GATE_BREAKPOINT : GATE_TRAP,
			.offset_16 = (uint16_t)(at >> 16), .offset_32 = (uint32_t)(at >> 32),
		};
	}
}

/* One page table is enough for all of it, the guest's own tables included. */
static void map_monitor(struct machine *m, const struct deprivileged *d)
{
	static const struct { uint32_t from, to; uint64_t flags; } parts[] = {
		{ MONITOR_TABLES, MONITOR_SYSTEM, PTE_WRITE | PTE_NX },
		{ MONITOR_SYSTEM, MONITOR_TRAP_STACK, PTE_NX },
		{ MONITOR_TRAP_STACK, MONITOR_TEXT, PTE_WRITE | PTE_NX },
		{ MONITOR_TEXT, MONITOR_TEXT_END, 0 },
		{ MONITOR_OUTPUT, MONITOR_SITES, PTE_WRITE | PTE_NX },
		{ MONITOR_SITES, MONITOR_SITES_END, PTE_NX },
		{ MONITOR_SPLIT, MONITOR_SPLIT_END, PTE_WRITE | PTE_NX },
	};
	const uint64_t table = PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED;
	const uint64_t leaf = PTE_PRESENT | PTE_USER | PTE_ACCESSED | PTE_DIRTY;
	uint64_t *tables = guest_mem_behind(&m->mem, MONITOR_TABLES, 3 * GUEST_PAGE_BYTES);
	uint64_t *pml4 = guest_mem_span(&m->mem, gpa(m->pgd), GUEST_PAGE_BYTES), base = m->mem.bytes;
	uint64_t *pt = tables + 2 * PAGETABLE_ENTRIES;

	assert(pml4 && d->tables_end - d->tables <= MONITOR_VIRTUAL_BYTES - MONITOR_GUEST_TABLES);
	pml4[pagetable_index(MONITOR_VIRTUAL, 4)] = (base + MONITOR_TABLES) | table;
	tables[pagetable_index(MONITOR_VIRTUAL, 3)] = (base + MONITOR_TABLES + GUEST_PAGE_BYTES) | table;
	tables[PAGETABLE_ENTRIES + pagetable_index(MONITOR_VIRTUAL, 2)] = (base + MONITOR_TABLES + 2 * GUEST_PAGE_BYTES) | table;
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		for (uint64_t at = parts[i].from; at < parts[i].to; at += GUEST_PAGE_BYTES)
			pt[at / GUEST_PAGE_BYTES] = (base + at) | leaf | parts[i].flags;
	for (uint64_t at = d->tables; at < d->tables_end; at += GUEST_PAGE_BYTES)
		pt[(MONITOR_GUEST_TABLES + at - d->tables) / GUEST_PAGE_BYTES] = at | leaf | PTE_WRITE | PTE_NX;
}

int deprivileged_load(struct machine *m, const struct deprivileged *d)
{
	size_t bytes = (size_t)(monitor_blob_end - monitor_blob);

	assert(bytes <= MONITOR_TEXT_END - MONITOR_TEXT);
	memcpy(guest_mem_behind(&m->mem, MONITOR_TEXT, bytes), monitor_blob, bytes);
	system_write(m, d);
	*state(m) = (struct monitor_state){
		.output_port = d->output_port, .ram_bytes = m->mem.bytes, .measures = m->config->report,
	};
	m->dep.tables = (struct memory_run){ d->tables, d->tables_end - d->tables };
	m->dep.output_call = d->output_call;
	map_monitor(m, d);
	return deprivileged_patch(m);
}

void deprivileged_start(struct machine *m, const struct vcpu_start *start)
{
	const uint64_t at = MONITOR_VIRTUAL + MONITOR_SYSTEM;
	const struct system_tables tables = {
		at + offsetof(struct system, gdt), at + offsetof(struct system, idt), at + offsetof(struct system, tss),
		sizeof(struct tss) - 1,
	};
	struct vcpu_start real = *start;
	struct virtual_cpu *cpu = &state(m)->cpu;

	/* As vcpu_set_start() has it at ring 0. */
	*cpu = (struct virtual_cpu){
		.cr0 = start->cr0 ? start->cr0 : X86_CR0_PE | X86_CR0_MP | X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_PG,
		.cr3 = start->pgd,
		.cr4 = X86_CR4_PAE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | (start->xsave ? X86_CR4_OSXSAVE : 0),
		.efer = start->cr0 ? start->efer : EFER_LME | EFER_LMA | EFER_NX,
		.dr = { [6] = 0xffff0ff0, [7] = 0x400 },
		.gdtr = start->gdt ? (struct virtual_table){ start->gdt, start->gdt_bytes - 1 } :
				     (struct virtual_table){ system_gdt(), SYSTEM_GDT_BYTES - 1 },
	};
	cpu->cr0 |= X86_CR0_ET;
	state(m)->xcr0 = m->cpu_state.xcr0;
	if (!start->gdt) {
		cpu->idtr = (struct virtual_table){ system_idt(), SYSTEM_IDT_BYTES - 1 };
		cpu->tr = (struct virtual_segment){ .base = system_tss(), .limit = system_tss_limit(), .selector = SELECTOR_TSS };
	}
	for (unsigned i = 0; i < SEGS; i++)
		cpu->selectors[i] = start->data ? start->data : SELECTOR_DATA0;
	cpu->selectors[SEG_CS] = start->code ? start->code : SELECTOR_CODE0;
	real.ring = 3;
	real.gdt = 0;
	real.code = real.data = 0;
	real.tables = &tables;
	/* AM would check alignment, which a guest at its ring 0 does not know. NX is the means to see a first execution. */
	real.cr0 = (cpu->cr0 & ~(uint64_t)X86_CR0_AM) | X86_CR0_WP;
	real.efer = EFER_LME | EFER_LMA | EFER_NX;
	vcpu_set_start(&m->vcpu, &real);
}

/* ---- while it runs ---- */

void deprivileged_drain(struct machine *m)
{
	struct monitor_state *s = state(m);
	uint32_t head = *(const volatile uint32_t *)&s->output_head, tail = m->dep.output_tail;
	uint32_t calls = *(const volatile uint32_t *)&s->output_calls;

	while (tail != head && head - tail <= MONITOR_OUTPUT_BYTES) {
		uint32_t at = tail % MONITOR_OUTPUT_BYTES, left = head - tail;
		uint32_t bytes = left < MONITOR_OUTPUT_BYTES - at ? left : MONITOR_OUTPUT_BYTES - at;

		console_put(&m->console, guest_mem_behind(&m->mem, MONITOR_OUTPUT + at, bytes), bytes, m->config->stop, &m->sys);
		tail += bytes;
	}
	m->calls[m->dep.output_call] += calls - m->dep.output_calls;
	m->dep.output_calls = calls;
	m->dep.output_tail = head;
	*(volatile uint32_t *)&s->output_tail = head;
}

void deprivileged_count(struct machine *m)
{
	const struct monitor_state *s = state(m);

	for (unsigned i = 0; i < X86_IDS; i++) {
		m->traps.count[i] = s->counts[i];
		m->traps.cycles[i] = s->cycles[i];
	}
}

/* ---- requests ---- */

static void no_registers(struct machine *m, int r)
{
	m->outcome = OUTCOME_FAILED;
	error_set(&m->error, ERROR_HOST, -r, "KVM_GET_SREGS: %s: `kvick doctor` says what this host offers", strerror(-r));
}

/* Gets the vCPU's registers into `v`, to be changed and set again. False: the host failed, and the guest is at its end. */
static bool park(struct machine *m, struct vcpu_state *v)
{
	int r = vcpu_complete(&m->vcpu, &m->sys);

	if (r == 0)
		r = vcpu_get(&m->vcpu, v, &m->sys);
	if (r == 0)
		return true;
	no_registers(m, r);
	return false;
}

static void output(struct machine *m, struct monitor_state *s)
{
	(void)m, (void)s; /* deprivileged_drain() has been here */
}

static void page_fault(struct machine *m, struct monitor_state *s)
{
	const uint64_t error = s->argument;
	struct kvm_sregs sregs;
	int r = sys_ioctl(&m->sys, m->vcpu.fd, KVM_GET_SREGS, (uintptr_t)&sregs);

	if (r < 0) {
		no_registers(m, r);
		return;
	}
	s->argument = sregs.cr2;
	s->answer = !deprivileged_page_fault(m, s, sregs.cr2, error);
}

static void bases(struct machine *m, struct monitor_state *s)
{
	struct vcpu_state v;
	uint64_t fs = s->cpu.fs_base, gs = s->cpu.gs_base;

	if (!canonical(fs) || !canonical(gs)) {
		crash_machine(m, "FS or GS base: 0x%llx, 0x%llx: not canonical", (unsigned long long)fs, (unsigned long long)gs);
		return;
	}
	if (!park(m, &v))
		return;
	v.sregs.fs.base = fs;
	v.sregs.gs.base = gs;
	vcpu_set(&m->vcpu, &v);
}

static void control(struct machine *m, struct monitor_state *s)
{
	const uint64_t cr0 = X86_CR0_MP | X86_CR0_EM | X86_CR0_TS | X86_CR0_NE;
	const uint64_t cr4 = X86_CR4_DE | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT | X86_CR4_PCE |
			     (m->cpu_state.xcr0 ? X86_CR4_OSXSAVE : 0);
	struct vcpu_state v;

	/* KVM without VT-x or SVM runs ring 3 with the host's CR0: FPU instructions would not trap. */
	if (s->cpu.cr0 & (X86_CR0_TS | X86_CR0_EM) && !m->facts.ring0_native) {
		crash_machine(m, "deprivileged: the guest sets CR0.TS or EM, which this host has not at ring 3: use --ring 0");
		return;
	}
	if (!park(m, &v))
		return;
	v.sregs.cr0 = (v.sregs.cr0 & ~cr0) | (s->cpu.cr0 & cr0);
	v.sregs.cr4 = (v.sregs.cr4 & ~cr4) | (s->cpu.cr4 & cr4);
	vcpu_set(&m->vcpu, &v);
}

/* By another CR3, if only by a bit that means nothing here. KVM with shadow paging then looks at changed tables anew too. */
static void flush(struct machine *m, struct monitor_state *s)
{
	struct vcpu_state v;

	(void)s;
	if (!park(m, &v))
		return;
	v.sregs.cr3 ^= X86_CR3_PWT;
	vcpu_set(&m->vcpu, &v);
}

static void msr(struct machine *m, struct monitor_state *s)
{
	(void)m;
	s->answer = msr_rule((uint32_t)s->argument) != NULL;
}

static void cpuid(struct machine *m, struct monitor_state *s)
{
	const struct kvm_cpuid_entry2 *e = cpu_answer(&m->cpuid, s->cpuid[0], s->cpuid[1]);

	s->cpuid[2] = e ? e->eax : 0;
	s->cpuid[3] = e ? e->ebx : 0;
	s->cpuid[4] = e ? e->ecx : 0;
	s->cpuid[5] = e ? e->edx : 0;
}

/* As if it had been an exit of the guest's own. */
static void port(struct machine *m, struct monitor_state *s)
{
	struct kvm_run *run = m->vcpu.run;
	uint32_t value = s->port_value;
	uint8_t bytes = s->port_bytes == 1 || s->port_bytes == 2 ? s->port_bytes : 4;

	run->io.direction = s->port_in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.port = s->port;
	run->io.size = bytes;
	run->io.count = 1;
	memcpy((uint8_t *)run + run->io.data_offset, &value, bytes);
	if (s->port == MONITOR_PORT)
		crash_machine(m, "port I/O at 0x%x, which is the monitor's", MONITOR_PORT);
	else
		m->boot->io(m);
}

static void refuse(struct machine *m, struct monitor_state *s)
{
	static const char *const words[REFUSALS] = {
		[REFUSE_RING_3] = "goes to ring 3", [REFUSE_CODE_32] = "goes to code of 32 bits",
		[REFUSE_CR3] = "loads page tables of its own into CR3", [REFUSE_CR0_WP] = "clears CR0.WP",
		[REFUSE_CR4] = "sets a bit of CR4 that changes paging or virtualisation",
		[REFUSE_BREAKPOINT] = "arms a hardware breakpoint in DR7", [REFUSE_MSR] = "uses an MSR that is KVM's to serve",
		[REFUSE_NXE] = "changes EFER.NXE", [REFUSE_XCR0] = "changes XCR0",
		[REFUSE_INSTRUCTION] = "has come to an instruction that is not emulated",
	};
	uint64_t why = s->argument;
	uint32_t msr = (uint32_t)s->frame.regs[1];

	if (why == REFUSE_HLT)
		crash_machine(m, "hlt: nothing can wake this guest; end with the %s call, sleep with the %s call",
			      m->boot->native ? "exit" : "halt", m->boot->native ? "wait" : "poll");
	else if (why == REFUSE_MSR)
		crash_machine(m, "deprivileged: MSR 0x%x is KVM's to serve, not to be had at ring 3: use --ring 0", msr);
	else
		crash_machine(m, "deprivileged: the guest %s, which cannot be done at ring 3: use --ring 0",
			      why < REFUSALS && words[why] ? words[why] : "does something");
}

static void triple_fault(struct machine *m, struct monitor_state *s)
{
	(void)s;
	crash_machine(m, "triple fault: an exception could not be delivered (is the IDT loaded, its stack mapped?)");
}

static void broken(struct machine *m, struct monitor_state *s)
{
	(void)s;
	crash_machine(m, "deprivileged: the monitor, at 0x%llx, cannot go on: the guest has spoiled its memory, or jumped there",
		      (unsigned long long)MONITOR_VIRTUAL);
}

static void (*const requests[REQUESTS])(struct machine *m, struct monitor_state *s) = {
	[REQUEST_BROKEN] = broken, [REQUEST_OUTPUT] = output, [REQUEST_PAGE_FAULT] = page_fault, [REQUEST_BASES] = bases,
	[REQUEST_CONTROL] = control, [REQUEST_FLUSH] = flush, [REQUEST_MSR] = msr, [REQUEST_CPUID] = cpuid, [REQUEST_PORT] = port,
	[REQUEST_REFUSE] = refuse, [REQUEST_TRIPLE_FAULT] = triple_fault,
};

void deprivileged_serve(struct machine *m)
{
	const struct kvm_run *run = m->vcpu.run;
	uint32_t request = 0;

	if (run->io.direction == KVM_EXIT_IO_OUT && run->io.size == sizeof(request) && run->io.count == 1)
		memcpy(&request, (const uint8_t *)run + run->io.data_offset, sizeof(request));
	if (request < REQUESTS && requests[request])
		requests[request](m, state(m));
	else
		crash_machine(m, "port I/O at 0x%x, which is the monitor's", MONITOR_PORT);
}
