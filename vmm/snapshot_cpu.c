/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/snapshot_cpu.h"

#include <cpuid.h>
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "vmm/cpu_model.h"
#include "vmm/error.h"

/* Not the CPU's: what its kernel has switched on, and whether a hypervisor is below it. */
#define NOT_OF_THE_CPU_1_ECX (bit_OSXSAVE | 1u << 31)
#define NOT_OF_THE_CPU_7_ECX bit_OSPKE

#define LEAF_HIGHEST_EXTENDED 0x80000000u
#define LEAF_NAME             0x80000002u /* and the next two: AMD64 APM 3, E.4.2 */
#define NAMES_BYTES           256

/* Their bits by the names that Linux has for instructions, from bit 0 on; "-" and what is not there: one without a name. */
static const struct word {
	uint32_t leaf;
	enum cpu_register reg;
	const char *text, *names;
} words[] = {
	[CPU_1_ECX] = { 0x1, CPU_ECX, "leaf 1 ECX",
			"pni pclmulqdq - - - - - - - ssse3 cid - fma cx16 - - - pcid - sse4_1 sse4_2 - movbe popcnt - aes xsave - "
			"avx f16c rdrand" },
	[CPU_1_EDX] = { 0x1, CPU_EDX, "leaf 1 EDX", "" }, /* every CPU of 64 bits has nearly all of them */
	[CPU_7_EBX] = { 0x7, CPU_EBX, "leaf 7 EBX",
			"fsgsbase tsc_adjust - bmi1 hle avx2 - smep bmi2 erms invpcid rtm - - mpx - avx512f avx512dq rdseed adx "
			"smap avx512ifma - clflushopt clwb - avx512pf avx512er avx512cd sha_ni avx512bw avx512vl" },
	[CPU_7_ECX] = { 0x7, CPU_ECX, "leaf 7 ECX",
			"- avx512vbmi umip pku - waitpkg avx512_vbmi2 - gfni vaes vpclmulqdq avx512_vnni avx512_bitalg - "
			"avx512_vpopcntdq - la57 - - - - - rdpid - - cldemote - movdiri movdir64b enqcmd" },
	[CPU_7_EDX] = { 0x7, CPU_EDX, "leaf 7 EDX",
			"- - - - fsrm - - - avx512_vp2intersect - md_clear - - - serialize - tsxldtrk - - - ibt - amx_bf16 "
			"avx512_fp16 amx_tile amx_int8 ibrs stibp flush_l1d arch_capabilities - ssbd" },
	[CPU_80000001_ECX] = { 0x80000001, CPU_ECX, "leaf 0x80000001 ECX",
			       "lahf_lm - - - - abm sse4a misalignsse 3dnowprefetch - - xop - - - - fma4 - - - - tbm" },
	[CPU_80000001_EDX] = { 0x80000001, CPU_EDX, "leaf 0x80000001 EDX", "" },
	[CPU_XCR0] = { 0, CPU_LEAF, "XCR0", "" },
};

_Static_assert(sizeof(words) / sizeof(words[0]) == SNAPSHOT_CPU_WORDS, "one for each");

static uint64_t xcr0(void)
{
	uint32_t low, high;

	__asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

void snapshot_cpu_read(struct snapshot_cpu *cpu)
{
	uint32_t a, b, c, d, highest, osxsave;

	*cpu = (struct snapshot_cpu){ 0 };
	__cpuid(0, highest, b, c, d);
	memcpy(cpu->vendor, (uint32_t[]){ b, d, c }, 12);
	__cpuid(1, a, b, c, d);
	osxsave = c & bit_OSXSAVE;
	cpu->words[CPU_1_ECX] = c & ~NOT_OF_THE_CPU_1_ECX;
	cpu->words[CPU_1_EDX] = d;
	if (highest >= 7) {
		__cpuid_count(7, 0, a, b, c, d);
		cpu->words[CPU_7_EBX] = b;
		cpu->words[CPU_7_ECX] = c & ~NOT_OF_THE_CPU_7_ECX;
		cpu->words[CPU_7_EDX] = d;
	}
	__cpuid(0x80000001, a, b, c, d); /* where there is 64-bit mode, there is this */
	cpu->words[CPU_80000001_ECX] = c;
	cpu->words[CPU_80000001_EDX] = d;
	cpu->words[CPU_XCR0] = osxsave ? xcr0() : 0;
}

void snapshot_cpu_read_name(struct snapshot_cpu *cpu)
{
	uint32_t text[12] = { 0 }, highest, b, c, d;

	__cpuid(LEAF_HIGHEST_EXTENDED, highest, b, c, d);
	for (unsigned i = 0; i < 3 && highest >= LEAF_NAME + 2; i++)
		__cpuid(LEAF_NAME + i, text[4 * i], text[4 * i + 1], text[4 * i + 2], text[4 * i + 3]);
	memcpy(cpu->name, text, sizeof(text)); /* which leaves room for a NUL */
}

static uint64_t told_of(const struct cpu_table *told, const struct word *word)
{
	const struct kvm_cpuid_entry2 *e = cpu_find(told, word->leaf, 0);

	return !e ? 0 : word->reg == CPU_EBX ? e->ebx : word->reg == CPU_ECX ? e->ecx : e->edx;
}

void snapshot_cpu_limit(struct snapshot_cpu *cpu, const struct cpu_table *told, uint64_t xcr0)
{
	for (unsigned w = 0; w < CPU_XCR0; w++)
		cpu->words[w] &= told_of(told, &words[w]);
	cpu->words[CPU_XCR0] &= xcr0;
}

/* Appends the names of bits; what has none, or no room, by its number. */
static void append_names(char *text, const struct word *word, uint64_t bits)
{
	const char *name = word->names;

	for (unsigned bit = 0; bit < 64; bit++) {
		size_t used = strlen(text), length = strcspn(name, " ");
		const char *comma = used ? ", " : "";

		if (bits & 1ull << bit && (length == 0 || *name == '-'))
			snprintf(text + used, NAMES_BYTES - used, "%s%s bit %u", comma, word->text, bit);
		else if (bits & 1ull << bit)
			snprintf(text + used, NAMES_BYTES - used, "%s%.*s", comma, (int)length, name);
		name += length + (name[length] == ' ');
	}
}

int snapshot_cpu_check(const struct snapshot_cpu *there, const struct snapshot_cpu *here, const char *name, struct error *error)
{
	char names[NAMES_BYTES] = "";

	if (strcmp(there->vendor, here->vendor) != 0)
		return error_set(error, ERROR_HOST, ENOTSUP, "%s: taken on a CPU of %s (%s), and this one is of %s: restore it on "
				 "such a host, or take it here", name, there->vendor, there->name, here->vendor);
	for (unsigned w = 0; w < SNAPSHOT_CPU_WORDS; w++)
		append_names(names, &words[w], there->words[w] & ~here->words[w]);
	if (!names[0])
		return 0;
	return error_set(error, ERROR_HOST, ENOTSUP, "%s: taken on %s, and this CPU lacks %s: restore it on such a host, or take "
			 "it with --cpu baseline", name, there->name, names);
}
