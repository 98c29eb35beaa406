/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AVX, where the VMM has enabled its state: known results, and registers of which every byte outlives hypercalls,
 * page faults and handlers, the VMM's own use of the vCPU, and XSAVE. Says so where there is none.
 */
#include <assert.h>
#include <kvick_guest.h>
#include <stdio.h>
#include <string.h>

#define YMM_REGISTERS 16
#define YMM_BYTES     32

#define AREA_BYTES_MAX 4096

typedef double vector __attribute__((vector_size(YMM_BYTES)));

static uint64_t xgetbv(void)
{
	uint32_t low, high;

	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (uint64_t)high << 32 | low;
}

__attribute__((target("avx"), noinline)) static double sum_of_squares(unsigned count)
{
	vector sum = { 0, 0, 0, 0 }, x = { 1, 2, 3, 4 };
	const vector four = { 4, 4, 4, 4 };

	for (unsigned i = 0; i < count; i += 4, x += four)
		sum += x * x;
	return sum[0] + sum[1] + sum[2] + sum[3];
}

#define EACH_YMM(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define LOAD(n) "vmovups 32*" #n "(%[before]), %%ymm" #n "\n\t"
#define STORE(n) "vmovups %%ymm" #n ", 32*" #n "(%[after])\n\t"
#define CLOBBER(n) "xmm" #n,

static uint8_t before[YMM_REGISTERS * YMM_BYTES], after[YMM_REGISTERS * YMM_BYTES];

/* Loads all registers, calls a function that uses none of them, and stores them again. */
static void check_survive(void (*what)(void), uint8_t seed)
{
	for (unsigned i = 0; i < sizeof(before); i++)
		before[i] = (uint8_t)(i * 7 + seed);
	memset(after, 0, sizeof(after));
	__asm__ volatile(EACH_YMM(LOAD)
			 "mov %%rsp, %%r12\n\t"
			 "and $-16, %%rsp\n\t"
			 "call *%[what]\n\t"
			 "mov %%r12, %%rsp\n\t"
			 EACH_YMM(STORE)
			 "vzeroupper"
			 : : [before] "b"(before), [after] "r"((uint8_t *)after), [what] "r"(what)
			 : EACH_YMM(CLOBBER) "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "memory", "cc");
	assert(memcmp(before, after, sizeof(before)) == 0);
}

#define NO_VECTORS __attribute__((target("general-regs-only"), noinline))

static struct kvick_call block;

/* The runtime is built without vector registers, but memset and the like are not promised to be: a bare doorbell. */
static NO_VECTORS void hypercall(void)
{
	block.nr = KVICK_CALL_CLOCK;
	block.arg[0] = KVICK_CLOCK_MONOTONIC; /* the answer to the last one stands there */
	kvick_hypercall(&block);
}

static volatile uint64_t faults;

static NO_VECTORS void skip_ud2(struct kvick_fault_frame *frame)
{
	faults++;
	frame->rip += 2;
}

static NO_VECTORS void fault(void)
{
	__asm__ volatile("ud2");
}

static NO_VECTORS void first_touch(void)
{
	static volatile uint8_t *page;

	page = page ? page + KVICK_PAGE_BYTES : (volatile uint8_t *)((kvick_heap_unused() + 4095) & -4096ull);
	*page = 1;
}

/* A page's permission is changed: for that the VMM takes the vCPU's registers out, runs code of its own, and puts them back. */
static NO_VECTORS void remap(void)
{
	static uint64_t page, flags = KVICK_PTE_PRESENT | KVICK_PTE_NX;

	if (!page)
		page = ((kvick_heap_unused() + 4095) & -4096ull) + 1024 * KVICK_PAGE_BYTES;
	flags ^= KVICK_PTE_WRITE;
	if (kvick_call_update_pgtable(page, page | flags, kvick_boot()->pgd, 1, page + KVICK_PAGE_BYTES, 2) < 0)
		kvick_panic("avx: update_pgtable");
}

/* XSAVE, other values, XRSTOR: the area that the VMM gives the size of holds all of it, and no byte more. */
static void check_xsave(void)
{
	static uint8_t area[AREA_BYTES_MAX + 64] __attribute__((aligned(64)));
	uint32_t bytes = kvick_boot()->xsave_bytes;

	assert(bytes >= 576 + 256 && bytes <= AREA_BYTES_MAX);
	memset(area, 0, sizeof(area));
	memset(area + bytes, 0xa5, 64);
	for (unsigned i = 0; i < sizeof(before); i++)
		before[i] = (uint8_t)(i * 13 + 5);
	__asm__ volatile(EACH_YMM(LOAD)
			 "mov $-1, %%eax\n\t"
			 "mov $-1, %%edx\n\t"
			 "xsave64 %[area]\n\t"
			 "vzeroall\n\t"
			 "xrstor64 %[area]\n\t"
			 EACH_YMM(STORE)
			 "vzeroupper"
			 : [area] "+m"(area)
			 : [before] "b"(before), [after] "r"((uint8_t *)after)
			 : EACH_YMM(CLOBBER) "rax", "rdx", "memory");
	assert(memcmp(before, after, sizeof(before)) == 0);
	for (unsigned i = 0; i < 64; i++)
		assert(area[bytes + i] == 0xa5);
}

int main(void)
{
	uint64_t xcr0 = kvick_boot()->xcr0;

	if (!kvick_has_state(KVICK_XCR0_AVX)) {
		assert(kvick_boot()->xsave_bytes == 0 || xcr0 == 3);
		printf("avx: no XSAVE state for AVX here\n");
		return 0;
	}
	assert((xcr0 & 3) == 3);
	assert(xgetbv() == xcr0);
	assert(kvick_cpuid(1, 0).ecx >> 28 & 1);
	assert(kvick_cpuid(0xd, 0).ebx == kvick_boot()->xsave_bytes);
	assert(sum_of_squares(1000) == 333833500.0);
	kvick_fault_handler(6, skip_ud2);
	for (unsigned i = 0; i < 100; i++) {
		check_survive(hypercall, (uint8_t)i);
		check_survive(fault, (uint8_t)(i + 1));
		check_survive(first_touch, (uint8_t)(i + 2));
		check_survive(remap, (uint8_t)(i + 3));
	}
	kvick_fault_handler(6, NULL);
	assert(block.ret == 0 && faults == 100);
	check_xsave();
	assert(xgetbv() == xcr0);
	printf("avx: xcr0 0x%lx, %u bytes: registers outlive calls, faults and XSAVE\n", (unsigned long)xcr0,
	       kvick_boot()->xsave_bytes);
	return 0;
}
