/* SPDX-License-Identifier: Apache-2.0 */
/* For the tests of the CPU models: hosts of several kinds, and what holds of every table that is made. */
#ifndef KVICK_TESTS_UNIT_TEST_CPU_MODEL_H
#define KVICK_TESTS_UNIT_TEST_CPU_MODEL_H

#include "tests/unit/test_unit.h"

#include "vmm/cpu_model.h"
#include "vmm/error.h"

#define INDEXED KVM_CPUID_FLAG_SIGNIFCANT_INDEX

#define XSAVE   (1u << 26)
#define OSXSAVE (1u << 27)
#define AVX     (1u << 28)

/* KVM_GET_SUPPORTED_CPUID on kvm_amd, Linux 6.1, QEMU's EPYC; leaves of zeros left out. */
static const struct kvm_cpuid_entry2 epyc[] = {
	{ 0x0, 0, 0, 0xd, 0x68747541, 0x444d4163, 0x69746e65, { 0 } },
	{ 0x1, 0, 0, 0x800f12, 0x800, 0x76f83203, 0x78bfbfd, { 0 } },
	{ 0x6, 0, 0, 4, 0, 0, 0, { 0 } },
	{ 0x7, 0, INDEXED, 0, 0x9801ab, 0, 0x20000000, { 0 } },
	{ 0xd, 0, INDEXED, 7, 0x340, 0x340, 0, { 0 } },
	{ 0xd, 1, INDEXED, 5, 0, 0, 0, { 0 } },
	{ 0xd, 2, INDEXED, 0x100, 0x240, 0, 0, { 0 } },
	{ 0x80000000, 0, 0, 0x80000021, 0x68747541, 0x444d4163, 0x69746e65, { 0 } },
	{ 0x80000001, 0, 0, 0x800f12, 0, 0x75, 0x2dd3fbfd, { 0 } },
	{ 0x80000006, 0, 0, 0, 0x42004200, 0x2006140, 0x408140, { 0 } },
	{ 0x80000008, 0, 0, 0x3028, 0x2000000, 0, 0, { 0 } },
	{ 0x8000000a, 0, 0, 1, 8, 0, 0x10000021, { 0 } },
	{ 0x8000001d, 0, INDEXED, 0x121, 0x1c0003f, 0x3f, 1, { 0 } },
	{ 0x8000001d, 3, INDEXED, 0x4163, 0x3c0003f, 0x1fff, 6, { 0 } },
	{ 0x80000021, 0, 0, 0x204, 0, 0, 0, { 0 } },
	{ 0x40000000, 0, 0, 0x40000001, 0x4b4d564b, 0x564b4d56, 0x4d, { 0 } },
	{ 0x40000001, 0, 0, 0x1007efb, 0, 0, 0, { 0 } },
};

/* A KVM that emulates ring 0: it hides SSE3 to AVX and XSAVE, and yet has sizes in leaf 0xd. */
static const struct kvm_cpuid_entry2 emulating[] = {
	{ 0x0, 0, 0, 0xd, 0x68747541, 0x444d4163, 0x69746e65, { 0 } },
	{ 0x1, 0, 0, 0xa00f11, 0x20800, 0x81202000, 0x78bfbff, { 0 } },
	{ 0x7, 0, INDEXED, 0, 0x1800002, 4, 0x20000000, { 0 } },
	{ 0xd, 0, INDEXED, 7, 0x340, 0x340, 0, { 0 } },
	{ 0xd, 2, INDEXED, 0x100, 0x240, 0, 0, { 0 } },
	{ 0x80000000, 0, 0, 0x80000021, 0x68747541, 0x444d4163, 0x69746e65, { 0 } },
	{ 0x80000001, 0, 0, 0xa00f11, 0x40000000, 0x400393, 0x23d3fbff, { 0 } },
	{ 0x80000008, 0, 0, 0x3030, 0x10000005, 0x7001, 0, { 0 } },
};

struct fixture {
	struct cpu_table host, guest;
	struct cpu_state state;
	struct cpu_config config;
	struct error error;
};

static inline void host_is(struct fixture *f, const struct kvm_cpuid_entry2 *entries, uint32_t count)
{
	memset(&f->host, 0, sizeof(f->host));
	memcpy(f->host.entries, entries, count * sizeof(*entries));
	f->host.count = count;
}

/* A host with every bit of every leaf that there is a rule for, and of some more; XSAVE state as AVX-512 machines have it. */
static inline void host_has_everything(struct fixture *f)
{
	static const uint32_t more[] = { 0x8, 0xc, 0x11, 0x13, 0x17, 0x18, 0x19, 0x24, 0x4fffffff, 0x80000009, 0x80000023,
					 0xc0000000 };
	static const struct { uint32_t bytes, offset; } state[] = {
		[2] = { 256, 576 }, [3] = { 64, 960 }, [4] = { 64, 1024 }, [5] = { 64, 1088 }, [6] = { 512, 1152 },
		[7] = { 1024, 1664 }, [9] = { 8, 2688 }, [17] = { 64, 2752 }, [18] = { 8192, 2816 },
	};
	unsigned count;
	const struct cpu_rule *rules = cpu_model_rules(CPU_HOST, &count);

	memset(&f->host, 0, sizeof(f->host));
	for (unsigned i = 0; i + 1 < count; i++)
		for (uint32_t leaf = rules[i].leaf; rules[i].reg == CPU_LEAF && leaf <= rules[i].last; leaf++)
			for (uint32_t index = 0; index < (leaf == 0x7 ? 3 : leaf == 0xd ? 0 : 1); index++)
				f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){
					leaf, index, INDEXED, ~0u, ~0u, ~0u, ~0u, { 0 } };
	for (unsigned i = 0; i < COUNT_OF(more); i++)
		f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){ more[i], 0, 0, ~0u, ~0u, ~0u, ~0u, { 0 } };
	f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){ 0xd, 0, INDEXED, ~0u, ~0u, ~0u, ~0u, { 0 } };
	f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){ 0xd, 1, INDEXED, ~0u, ~0u, ~0u, ~0u, { 0 } };
	for (uint32_t i = 2; i < COUNT_OF(state); i++)
		if (state[i].bytes)
			f->host.entries[f->host.count++] = (struct kvm_cpuid_entry2){
				0xd, i, INDEXED, state[i].bytes, state[i].offset, 0, 0, { 0 } };
}

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->config = (struct cpu_config){ .model = CPU_HOST, .tsc_khz = 2445430, .vcpus = 1 };
	host_is(f, epyc, COUNT_OF(epyc));
	*state = f;
	return 0;
}

static inline int tear_down(void **state)
{
	free(*state);
	return 0;
}

static inline int make(struct fixture *f)
{
	f->error = (struct error){ 0 };
	memset(&f->guest, 0xa5, sizeof(f->guest));
	return cpu_model_make(&f->guest, &f->state, &f->host, &f->config, &f->error);
}

static inline uint32_t reg(const struct fixture *f, uint32_t leaf, uint32_t index, enum cpu_register r)
{
	const struct kvm_cpuid_entry2 *e = cpu_find(&f->guest, leaf, index);

	return !e ? 0 : r == CPU_EAX ? e->eax : r == CPU_EBX ? e->ebx : r == CPU_ECX ? e->ecx : e->edx;
}

static inline struct kvm_cpuid_entry2 *host_leaf(struct fixture *f, uint32_t leaf, uint32_t index)
{
	return (struct kvm_cpuid_entry2 *)cpu_find(&f->host, leaf, index);
}

static inline bool has_leaf(const struct cpu_table *table, uint32_t leaf)
{
	for (uint32_t i = 0; i < table->count; i++)
		if (table->entries[i].function == leaf)
			return true;
	return false;
}

/* What holds of every table that is made, whatever it was made from. */
static inline void assert_consistent(const struct fixture *f)
{
	uint32_t ecx1 = reg(f, 1, 0, CPU_ECX), components = reg(f, 0xd, 0, CPU_EAX);
	const struct cpu_config *c = &f->config;
	bool none = !c->lapic && !c->x2apic && !c->tsc_deadline && !c->kvmclock && c->vcpus == 1;

	assert_in_range(f->guest.count, 4, CPU_ENTRIES_MAX);
	/* A snapshot's is looked at by that; there is none of a guest with devices of the CPU's. */
	for (uint32_t i = 0; i < f->guest.count && none; i++)
		if (!cpu_model_may_tell(&f->guest.entries[i]))
			fail_msg("leaf 0x%x would be refused", f->guest.entries[i].function);
	for (uint32_t i = 0; i < f->guest.count; i++) {
		const struct kvm_cpuid_entry2 *e = &f->guest.entries[i];

		assert_int_equal(e->flags & ~INDEXED, 0);
		assert_true(e->flags || e->index == 0);
		assert_int_equal(e->padding[0] | e->padding[1] | e->padding[2], 0);
		assert_ptr_equal(cpu_find(&f->guest, e->function, e->index), e); /* once only */
		assert_in_range(e->function, 0, reg(f, e->function & 0xc0000000, 0, CPU_EAX));
	}
	/* The highest leaves are there, each in its own range. */
	for (uint64_t first = 0; first <= 0x80000000; first += 0x40000000) {
		uint32_t highest = reg(f, (uint32_t)first, 0, CPU_EAX);

		assert_int_equal(highest & 0xc0000000, first);
		assert_true(has_leaf(&f->guest, highest));
	}
	assert_int_equal(reg(f, 0x40000000, 0, CPU_EBX), 0x4b4d564b);
	assert_true(ecx1 >> 31);
	assert_int_equal(ecx1 & XSAVE ? (components & 3) == 3 : components == 0, 1);
	assert_true(!(ecx1 & AVX) || (components & 4));
	assert_true(!(reg(f, 7, 0, CPU_EBX) & 1u << 5) || (ecx1 & AVX) || (components & 4));
	assert_true(!(reg(f, 7, 0, CPU_EBX) & 1u << 16) || (components & 0xe0) == 0xe0);
	assert_int_equal(f->state.xcr0 & ~(uint64_t)components, 0);
	assert_int_equal(!(ecx1 & OSXSAVE), f->state.xcr0 == 0);
	assert_int_equal(f->state.xsave_bytes, f->state.xcr0 ? reg(f, 0xd, 0, CPU_ECX) : 0);
	for (uint32_t i = 2; i < 32; i++) {
		uint64_t end = (uint64_t)reg(f, 0xd, i, CPU_EAX) + reg(f, 0xd, i, CPU_EBX);

		assert_int_equal(components >> i & 1, reg(f, 0xd, i, CPU_EAX) != 0);
		assert_in_range(end, 0, reg(f, 0xd, 0, CPU_ECX));
	}
	assert_in_range(reg(f, 0xd, 0, CPU_ECX), 0, 4096);
}

#endif
