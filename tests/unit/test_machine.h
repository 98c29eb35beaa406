/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine without KVM, for tests of what serves a guest: real guest memory, plan, page tables and
 * system page; behind its vCPU a fake that keeps registers and carries out the one thing that the
 * VMM lets run by itself, the store loop at ring 0. To be linked with --wrap=sys_ioctl.
 */
#ifndef KVICK_TESTS_TEST_MACHINE_H
#define KVICK_TESTS_TEST_MACHINE_H

#include "tests/unit/test_unit.h"

#include <linux/kvm.h>

#include <kvick/hypercall.h>

#include "vmm/hypercalls.h"
#include "vmm/layout.h"
#include "vmm/machine.h"
#include "vmm/system_page.h"

#define RAM       (8ull << 20)
#define IMAGE_END 0x200000ull
#define FREE      0x300000ull /* in the heap: free for a test's own ends, up to RAM */
#define BLOCK     (FREE + 0x40)
#define VCPU_FD   1000000      /* of no file */

struct fixture {
	struct machine m;
	struct machine_config config;
	struct stop stop;
	/* The fake CPU. */
	struct vcpu_state cpu;
	uint64_t stores; /* entries that the store loop has written */
	uint64_t runs;   /* KVM_RUN that ran something */
	int run_result;  /* 0, or what KVM_RUN fails with */
	int get_result;  /* 0, or what KVM_GET_REGS fails with */
};

static struct fixture *fake; /* the machine of the test that is running */

/* system_stubs.S, system_stub_store: through the tables in force, as the CPU would. */
static inline void fake_store_loop(struct kvm_run *run)
{
	struct kvm_regs *r = &fake->cpu.regs;

	assert_int_equal(fake->cpu.sregs.cs.dpl, 0);
	for (; r->rcx > 0; r->rcx--, r->rdi += 8, r->rax += r->rsi) {
		struct translation t;

		assert_true(pagetable_walk(&fake->m.mem, fake->cpu.sregs.cr3, r->rdi, &t));
		assert_true(t.flags & PTE_WRITE);
		assert_int_equal(guest_mem_write(&fake->m.mem, t.gpa, &r->rax, 8), 0);
		fake->stores++;
	}
	fake->cpu.sregs.cr3 = r->rdx;
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.size = 4;
	run->io.port = KVICK_PORT_FAULT;
}

static inline int fake_run(struct kvm_run *run)
{
	if (run->kvm_dirty_regs & KVM_SYNC_X86_REGS)
		fake->cpu.regs = run->s.regs.regs;
	if (run->kvm_dirty_regs & KVM_SYNC_X86_SREGS)
		fake->cpu.sregs = run->s.regs.sregs;
	run->kvm_dirty_regs = 0;
	if (fake->run_result)
		return fake->run_result;
	if (run->immediate_exit)
		return -EINTR;
	fake->runs++;
	if (fake->cpu.regs.rip != system_stub(STUB_STORE))
		fail_msg("KVM_RUN at 0x%llx", fake->cpu.regs.rip);
	fake_store_loop(run);
	return 0;
}

int __wrap_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg);

int __wrap_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg)
{
	sys->calls++;
	assert_int_equal(fd, VCPU_FD);
	switch (request) {
	case KVM_RUN:
		return fake_run(fake->m.vcpu.run);
	case KVM_GET_REGS:
		*(struct kvm_regs *)arg = fake->cpu.regs;
		return fake->get_result;
	case KVM_GET_SREGS:
		*(struct kvm_sregs *)arg = fake->cpu.sregs;
		return 0;
	default:
		fail_msg("ioctl 0x%lx", request);
		return -ENOTTY;
	}
}

/* The registers that the guest will have when it goes on. */
static inline struct vcpu_state guest_next(struct fixture *f)
{
	const struct kvm_run *run = f->m.vcpu.run;
	struct vcpu_state state = f->cpu;

	if (run->kvm_dirty_regs & KVM_SYNC_X86_REGS)
		state.regs = run->s.regs.regs;
	if (run->kvm_dirty_regs & KVM_SYNC_X86_SREGS)
		state.sregs = run->s.regs.sregs;
	return state;
}

static inline int machine_set_up(void **state, unsigned ring)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct machine *m = &f->m;
	struct mapping mappings[MEMORY_MAPPINGS_MAX];

	*state = fake = f;
	f->config = (struct machine_config){ .image_path = "test.elf", .console_fd = -1, .stop = &f->stop };
	m->config = &f->config;
	m->boot = &boot_native;
	m->ring = ring;
	m->console.fd = -1;
	m->image = (struct image){
		.fd = -1, .path = "test.elf", .base = LAYOUT_IMAGE_BASE, .end = IMAGE_END, .segment_count = 2,
		.segments = {
			{ .gpa = 0x100000, .mem_bytes = 0x1000, .perms = SEGMENT_R | SEGMENT_X },
			{ .gpa = 0x101000, .mem_bytes = 0x1000, .perms = SEGMENT_R | SEGMENT_W },
		},
	};
	if (memory_plan_make(&m->plan, &m->image, RAM, false, &m->error) < 0 ||
	    guest_mem_create(&m->mem, RAM, false, &m->sys, &m->error) < 0)
		return -1;
	struct table_pool pool = { m->plan.tables_base, m->plan.tables_end };

	m->pgd = pagetable_build(&m->mem, &pool, mappings, memory_plan_mappings(&m->plan, &m->image, ring, false, mappings));
	system_page_write(&m->mem, ring);
	m->vcpu = (struct vcpu){ .fd = VCPU_FD, .run = calloc(1, 4096), .run_bytes = 4096 };
	vcpu_set_start(&m->vcpu, &(struct vcpu_start){ .ring = ring, .pgd = m->pgd, .rip = 0x100000, .rsp = m->plan.stack_top });
	f->cpu = guest_next(f);
	m->vcpu.run->kvm_dirty_regs = 0;
	return 0;
}

static inline int set_up(void **state)
{
	return machine_set_up(state, 3);
}

static inline int set_up_ring0(void **state)
{
	return machine_set_up(state, 0);
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	guest_mem_destroy(&f->m.mem, &f->m.sys);
	free(f->m.vcpu.run);
	free(f);
	return 0;
}

#define TEST_RING0(test) cmocka_unit_test_setup_teardown(test, set_up_ring0, tear_down)

/* What a test writes to ret and arg[] and expects to find again. */
#define UNTOUCHED 0xdeadbeefdeadbeefull

static inline struct kvick_call *call_block(struct fixture *f, uint64_t at)
{
	return guest_mem_span(&f->m.mem, gpa(at), sizeof(struct kvick_call));
}

/* One call, with up to six arguments; returns ret. */
static inline int64_t call_with(struct fixture *f, uint32_t nr, const uint64_t arg[6])
{
	struct kvick_call *block = call_block(f, BLOCK);

	*block = (struct kvick_call){ .nr = nr, .ret = (int64_t)UNTOUCHED };
	memcpy(block->arg, arg, sizeof(block->arg));
	hypercall_serve(&f->m, BLOCK);
	return block->ret;
}

#define call(f, nr, ...) call_with(f, nr, (const uint64_t[6]){ __VA_ARGS__ })

/* arg[0] as the last call left it. */
static inline uint64_t call_result(struct fixture *f)
{
	return call_block(f, BLOCK)->arg[0];
}

#endif
