/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs sequences of instructions, privileged and critical ones among them, and prints what each has left: README.md.
 *
 *	SEED COUNT [FIRST]    a line each: SEED.N, a digest of all that there is to see, the exceptions
 *	verbose SEED N        all of it, of one
 */
#include <kvick_guest.h>
#include <kvick_manifest.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "machine.h"

KVICK_MANIFEST(.flags = KVICK_NOTE_CPUID, .rings = KVICK_RINGS_0); /* without a model KVM refuses EFER as it is */

/* Of the generated file. */
extern const uint32_t sequences[], sequence_seeds, sequences_per_seed;

void run(const void *sequence);
_Noreturn void died(const uint64_t *record);

static struct state state, state_before;

/* splitmix64, by Steele, Lea and Flood. */
static uint64_t random_next(uint64_t *at)
{
	uint64_t z = *at += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t digest(uint64_t so_far, const void *data, size_t bytes)
{
	const uint64_t *word = data;

	for (size_t i = 0; i < bytes / 8; i++)
		so_far = ((so_far << 5 | so_far >> 59) ^ word[i]) * UINT64_C(0x9e3779b97f4a7c15);
	return so_far;
}

/* Flags that may be anything at first: CF PF AF ZF SF DF OF; IF, IOPL, AC and ID at times. */
#define FLAGS_ALWAYS  0xcd5u
#define FLAGS_AT_TIMES 0x243200u

static void fill(unsigned seed, unsigned n)
{
	uint64_t at = (uint64_t)seed << 32 | n;
	static const uint64_t odd[] = { 0, 1, 0x7f, 0x80, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, UINT64_MAX, INT64_MAX };

	for (unsigned i = 0; i < 16; i++) {
		uint64_t value = random_next(&at);

		before[i] = value % 4 ? value : odd[value / 4 % (sizeof(odd) / sizeof(odd[0]))];
	}
	before[AT_RSP] = (uintptr_t)sequence_stack + STACK_BYTES / 2;
	before[AT_RBX] = (uintptr_t)scratch + SCRATCH_BYTES / 2;
	before[AT_RFLAGS] = 2 | (random_next(&at) & FLAGS_ALWAYS);
	if (random_next(&at) % 4 == 0)
		before[AT_RFLAGS] |= random_next(&at) & FLAGS_AT_TIMES;
	for (unsigned i = 0; i < SCRATCH_BYTES; i += 8) {
		uint64_t value = random_next(&at);

		memcpy(scratch + i, &value, sizeof(value));
	}
	memset(sequence_stack, 0xcc, sizeof(sequence_stack));
	memset(after, 0, sizeof(after));
	memset(records, 0, sizeof(records));
	record_next = records;
}

#define ERROR_IDT 2ull
#define PF_WRITE  2ull
#define VECTOR_PF 14

/*
 * What QEMU has otherwise in error codes (README): of one that names a gate it doubles the index, of a #PF by an instruction that
 * reads and writes it says that it was reading.
 */
static uint64_t comparable(uint64_t vector, uint64_t error)
{
	if (vector == VECTOR_PF)
		return error & ~PF_WRITE;
	return error & ERROR_IDT ? error & 7 : error;
}

static void make_comparable(void)
{
	for (uint64_t *record = records; record < record_next; record += RECORD_WORDS) {
		uint64_t error = record[RECORD_ERROR], at = record[RECORD_AT] - (uintptr_t)sequence_stack, pushed;

		if (error > UINT16_MAX)
			continue;
		record[RECORD_ERROR] = comparable(record[RECORD_VECTOR], error);
		if (at > STACK_BYTES - sizeof(pushed))
			continue;
		memcpy(&pushed, sequence_stack + at, sizeof(pushed));
		if (pushed == error)
			memcpy(sequence_stack + at, &record[RECORD_ERROR], sizeof(pushed));
	}
}

static void run_one(unsigned seed, unsigned n)
{
	fill(seed, n);
	machine_reset();
	machine_read(&state_before);
	run((const void *)(uintptr_t)sequences[seed * sequences_per_seed + n]);
	make_comparable();
	machine_read(&state);
}

static void print_line(unsigned seed, unsigned n)
{
	uint64_t sum = digest(0, after, sizeof(after));

	sum = digest(sum, records, sizeof(records));
	sum = digest(sum, &state, sizeof(state));
	printf("%u.%u %016llx", seed, n, (unsigned long long)sum);
	for (const uint64_t *record = records; record < record_next; record += RECORD_WORDS)
		printf(" %llu", (unsigned long long)record[RECORD_VECTOR]);
	puts("");
}

/* What of it is new. */
static void print_changes(const char *name, const uint64_t *was, const uint64_t *is, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (was[i] != is[i])
			printf("  %s[%u] %llx -> %llx\n", name, i, (unsigned long long)was[i], (unsigned long long)is[i]);
}

static void print_words(const char *name, const uint64_t *words, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		if (i % 4 == 0)
			printf("%s  %s[%u]", i ? "\n" : "", name, i);
		printf(" %016llx", (unsigned long long)words[i]);
	}
	puts("");
}

static const char *const register_names[REGISTERS] = {
	"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
	"rflags", "rip", "cs", "ss", "ds", "es", "fs", "gs",
};
static const char *const record_names[RECORD_WORDS] = {
	"vector", "error", "rip", "cs", "rflags", "rsp", "ss", "at", "inside", "code", "cr2", "dr6",
};
static const char *const state_names[] = {
	"gdtr.base", "gdtr.limit", "idtr.base", "idtr.limit", "ldtr", "tr", "smsw", "cr0", "cr2", "cr4", "cr8", "efer", "fs.base",
	"gs.base", "kernel_gs_base", "star", "lstar", "cstar", "sfmask", "sysenter_cs", "sysenter_esp", "sysenter_eip",
	"dr0", "dr1", "dr2", "dr3", "dr4", "dr5", "dr6", "dr7",
};

#define STATE_NAMES (sizeof(state_names) / sizeof(state_names[0]))
_Static_assert(offsetof(struct state, gdt) == STATE_NAMES * 8, "a name for each word");

static void print_all(unsigned seed, unsigned n)
{
	const uint64_t *word = (const uint64_t *)&state;

	printf("%u.%u at %x\n", seed, n, sequences[seed * sequences_per_seed + n]);
	for (unsigned i = 0; i < REGISTERS; i++)
		printf("  %s %llx -> %llx\n", register_names[i], (unsigned long long)before[i], (unsigned long long)after[i]);
	for (const uint64_t *record = records; record < record_next; record += RECORD_WORDS) {
		printf("  exception:");
		for (unsigned i = 0; i < RECORD_WORDS; i++)
			printf(" %s %llx", record_names[i], (unsigned long long)record[i]);
		puts("");
	}
	for (unsigned i = 0; i < STATE_NAMES; i++)
		printf("  %s %llx -> %llx\n", state_names[i], (unsigned long long)((const uint64_t *)&state_before)[i],
		       (unsigned long long)word[i]);
	print_words("gdt", state.gdt, GDT_SLOTS);
	print_words("gdt_2", state.gdt_2, GDT_SLOTS);
	print_words("ldt", state.ldt, LDT_SLOTS);
	print_words("ldt_2", state.ldt_2, LDT_SLOTS);
	print_changes("scratch", state_before.scratch, state.scratch, SCRATCH_BYTES / 8);
	print_changes("stack", state_before.stack, state.stack, STACK_BYTES / 8);
	print_line(seed, n);
}

/* An exception in this program itself. */
void died(const uint64_t *record)
{
	printf("exception in the harness:");
	for (unsigned i = 0; i < RECORD_WORDS; i++)
		printf(" %s %llx", record_names[i], (unsigned long long)record[i]);
	puts("");
	fflush(stdout);
	exit(2);
}

int main(int argc, char **argv)
{
	int verbose = argc > 1 && !strcmp(argv[1], "verbose");

	if (argc < 3 + verbose) {
		printf("usage: SEED COUNT [FIRST] | verbose SEED N; %u seeds, %u sequences each\n", sequence_seeds,
		       sequences_per_seed);
		return 1;
	}

	unsigned seed = (unsigned)strtoul(argv[1 + verbose], NULL, 10), count = (unsigned)strtoul(argv[2 + verbose], NULL, 10);
	unsigned first = !verbose && argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;

	if (seed >= sequence_seeds || count > sequences_per_seed || (verbose && count == sequences_per_seed)) {
		printf("there are %u seeds, %u sequences each\n", sequence_seeds, sequences_per_seed);
		return 1;
	}
	if (kvick_boot()->stack_base != STACK_FIRST_PAGE || kvick_boot()->stack_top != STACK_END) {
		puts("the stack is not where the sequences believe it");
		return 1;
	}
	machine_init();
	if (verbose) {
		run_one(seed, count);
		print_all(seed, count);
		return 0;
	}
	for (unsigned n = first; n < count; n++) {
		run_one(seed, n);
		print_line(seed, n);
	}
	return 0;
}
