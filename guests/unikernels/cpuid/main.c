/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What CPUID tells: printed, and checked against what a guest is promised. With the argument `raw` the whole table,
 * as the instruction gives it.
 */
#include <assert.h>
#include <kvick_guest.h>
#include <stdio.h>
#include <string.h>

#define LEAF_HYPERVISOR UINT32_C(0x40000000)
#define LEAF_EXTENDED   UINT32_C(0x80000000)

enum reg { EAX, EBX, ECX, EDX };

static uint32_t reg_of(uint32_t leaf, enum reg reg)
{
	struct kvick_cpuid r = kvick_cpuid(leaf, 0);

	return reg == EAX ? r.eax : reg == EBX ? r.ebx : reg == ECX ? r.ecx : r.edx;
}

struct bit {
	uint32_t leaf;
	enum reg reg;
	unsigned bit;
	const char *name;
};

/* What is hidden from every guest of the native protocol. (APIC is not in this list: with the instruction KVM shows it.) */
static const struct bit hidden[] = {
	{ 1, ECX, 3, "MONITOR" },	{ 1, ECX, 5, "VMX" },	      { 1, ECX, 6, "SMX" },
	{ 1, ECX, 15, "PDCM" },		{ 1, ECX, 21, "x2APIC" },     { 1, ECX, 24, "TSC deadline" },
	{ 1, EDX, 7, "MCE" },		{ 1, EDX, 14, "MCA" },	      { 1, EDX, 18, "PSN" },
	{ 1, EDX, 28, "HTT" },		{ 7, EBX, 2, "SGX" },	      { 7, EBX, 14, "MPX" },
	{ 7, EBX, 25, "PT" },		{ 7, ECX, 5, "WAITPKG" },     { 7, EDX, 24, "AMX" },
	{ 7, ECX, 7, "SHSTK" },		{ 7, EDX, 20, "IBT" },
	{ 0x80000001, ECX, 2, "SVM" },	{ 0x80000001, ECX, 10, "IBS" }, { 0x80000001, ECX, 12, "SKINIT" },
	{ 0x80000001, ECX, 29, "MWAITX" },
};

/* Leaves that give nothing. */
static const uint32_t empty[] = { 3, 5, 9, 0xa, 0xf, 0x10, 0x12, 0x14, 0x8000000a, 0x8000001b, 0x8000001f, 0x80000020, 0x80000022 };

/* Plain x86-64, which every guest may rely on, and some of what a host may add. */
static const struct bit features[] = {
	{ 1, EDX, 0, "fpu" },	{ 1, EDX, 4, "tsc" },	{ 1, EDX, 8, "cx8" },	{ 1, EDX, 15, "cmov" },
	{ 1, EDX, 23, "mmx" },	{ 1, EDX, 24, "fxsr" },	{ 1, EDX, 25, "sse" },	{ 1, EDX, 26, "sse2" },
	{ 0x80000001, EDX, 20, "nx" }, { 0x80000001, EDX, 29, "lm" },
#define FEATURES_SURE 10
	{ 1, ECX, 0, "sse3" },	{ 1, ECX, 9, "ssse3" },	{ 1, ECX, 13, "cx16" },	{ 1, ECX, 19, "sse4.1" },
	{ 1, ECX, 20, "sse4.2" }, { 1, ECX, 23, "popcnt" }, { 1, ECX, 12, "fma" }, { 1, ECX, 22, "movbe" },
	{ 1, ECX, 26, "xsave" }, { 1, ECX, 27, "osxsave" }, { 1, ECX, 28, "avx" }, { 1, ECX, 29, "f16c" },
	{ 7, EBX, 3, "bmi1" },	{ 7, EBX, 5, "avx2" },	{ 7, EBX, 8, "bmi2" },	{ 7, EBX, 16, "avx512f" },
	{ 0x80000001, ECX, 0, "lahf" }, { 0x80000001, ECX, 5, "lzcnt" },
};

static int has(const struct bit *b)
{
	return reg_of(b->leaf, b->reg) >> b->bit & 1;
}

static void check_hidden(void)
{
	uint32_t highest = reg_of(0, EAX), highest_extended = reg_of(LEAF_EXTENDED, EAX);

	for (unsigned i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++)
		if (has(&hidden[i])) {
			printf("cpuid: %s is not hidden\n", hidden[i].name);
			assert(0);
		}
	for (unsigned i = 0; i < sizeof(empty) / sizeof(empty[0]); i++) {
		struct kvick_cpuid r = kvick_cpuid(empty[i], 0);

		/* Beyond the highest leaf Intel's CPUs give the highest one again: SDM 2A, CPUID. */
		if (empty[i] <= (empty[i] < LEAF_EXTENDED ? highest : highest_extended))
			assert((r.eax | r.ebx | r.ecx | r.edx) == 0);
	}
}

static void check_topology(void)
{
	struct kvick_cpuid one = kvick_cpuid(1, 0), threads = kvick_cpuid(0xb, 0), cores = kvick_cpuid(0xb, 1);

	assert(one.ebx >> 16 == 1); /* APIC id 0, one CPU */
	assert(one.ecx >> 31 == 1); /* a hypervisor */
	if (reg_of(0, EAX) >= 0xb) {
		assert(threads.ebx == 1 && (threads.ecx >> 8 & 0xff) == 1 && threads.edx == 0);
		assert(cores.ebx == 1 && (cores.ecx >> 8 & 0xff) == 2);
	}
	assert((reg_of(0x80000008, ECX) & 0xff) == 0);
}

/* XSAVE's figures agree with each other, and with what the VMM says that it enabled. */
static void check_xsave(void)
{
	struct kvick_cpuid state = kvick_cpuid(0xd, 0);
	static const struct bit xsave = { 1, ECX, 26, "" }, osxsave = { 1, ECX, 27, "" };

	assert(has(&osxsave) == (kvick_boot()->xcr0 != 0));
	if (!has(&xsave)) {
		assert(kvick_boot()->xcr0 == 0);
		return;
	}
	assert((state.eax & 3) == 3 && state.edx == 0);
	for (uint32_t i = 2; i < 32; i++) {
		struct kvick_cpuid component = kvick_cpuid(0xd, i);

		assert(!(state.eax >> i & 1) == (component.eax == 0));
		assert(component.eax + component.ebx <= state.ecx);
	}
}

static void check_hypervisor(void)
{
	struct kvick_cpuid signature = kvick_cpuid(LEAF_HYPERVISOR, 0);
	uint64_t khz = kvick_boot()->tsc_hz / 1000;

	assert(memcmp(&signature.ebx, "KVMK", 4) == 0);
	assert(reg_of(LEAF_HYPERVISOR + 1, EAX) == 0); /* no clock, no other device of KVM's */
	if (signature.eax >= LEAF_HYPERVISOR + 0x10) {
		assert(reg_of(LEAF_HYPERVISOR + 0x10, EAX) == khz);
		printf("cpuid: TSC %u kHz\n", reg_of(LEAF_HYPERVISOR + 0x10, EAX));
	} else {
		printf("cpuid: TSC rate not told\n");
	}
}

static void print_table(void)
{
	static const uint32_t ranges[] = { 0, LEAF_HYPERVISOR, LEAF_EXTENDED };

	for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		for (uint32_t leaf = ranges[i]; leaf <= reg_of(ranges[i], EAX) && leaf < ranges[i] + 0x100; leaf++)
			for (uint32_t index = 0; index < (leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd ? 4 : 1); index++) {
				struct kvick_cpuid r = kvick_cpuid(leaf, index);

				if (r.eax | r.ebx | r.ecx | r.edx)
					printf("%08x.%u %08x %08x %08x %08x\n", leaf, index, r.eax, r.ebx, r.ecx, r.edx);
			}
}

/* The instruction and the call tell the same, but for what KVM keeps as registers have it: APIC, OSXSAVE. */
static void check_both_ways(void)
{
	static const uint32_t leaves[] = { 0, 1, 2, 4, 7, 0xb, 0xd, 0x15, 0x40000000, 0x40000001, 0x40000010, 0x80000000,
					   0x80000001, 0x80000008, 0x8000001e };

	for (unsigned i = 0; i < sizeof(leaves) / sizeof(leaves[0]); i++)
		for (uint32_t index = 0; index < 3; index++) {
			struct kvick_cpuid a = kvick_cpuid(leaves[i], index), b = kvick_call_cpuid(leaves[i], index);

			if (leaves[i] > reg_of(leaves[i] & 0xff000000, EAX))
				continue;
			if (leaves[i] == 0x80000001 || leaves[i] == 1)
				a.edx &= ~(1u << 9), b.edx &= ~(1u << 9);
			if (leaves[i] == 0xd && index == 1)
				a.ebx = b.ebx;
			if (memcmp(&a, &b, sizeof(a)) != 0)
				printf("cpuid: leaf 0x%x.%u: %x %x %x %x by instruction, %x %x %x %x by call\n", leaves[i], index,
				       a.eax, a.ebx, a.ecx, a.edx, b.eax, b.ebx, b.ecx, b.edx);
			assert(memcmp(&a, &b, sizeof(a)) == 0);
		}
	printf("cpuid: by %s\n", kvick_boot()->flags & KVICK_BOOT_CPUID ? "instruction" : "call");
}

int main(int argc, char **argv)
{
	struct kvick_cpuid vendor = kvick_cpuid(0, 0), one = kvick_cpuid(1, 0);

	if (vendor.eax == 0) {
		printf("cpuid: no model\n");
		return 0;
	}
	if (argc > 1 && strcmp(argv[1], "raw") == 0) {
		print_table();
		return 0;
	}
	printf("cpuid: vendor %.4s%.4s%.4s, highest leaves 0x%x 0x%x\n", (char *)&vendor.ebx, (char *)&vendor.edx,
	       (char *)&vendor.ecx, vendor.eax, reg_of(LEAF_EXTENDED, EAX));
	printf("cpuid: signature 0x%x, addresses 0x%x\ncpuid:", one.eax, reg_of(0x80000008, EAX));
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		if (has(&features[i]))
			printf(" %s", features[i].name);
		else
			assert(i >= FEATURES_SURE);
	}
	printf("\n");
	check_hidden();
	check_topology();
	check_xsave();
	check_hypervisor();
	check_both_ways();
	return 0;
}
