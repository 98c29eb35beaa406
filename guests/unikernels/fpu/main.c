/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Floating point: known results, and registers that outlive a hypercall. A host that emulates
 * ring 0 has no SSE arithmetic there, so this one runs at ring 3 on such a host only.
 */
#include <assert.h>
#include <kvick_guest.h>
#include <stdio.h>
#include <string.h>

#define XMM_REGISTERS 16
#define XMM_BYTES 16

#define MXCSR_ROUND_DOWN 0x3f80u /* all exceptions masked, rounding towards minus infinity */
#define MXCSR_DEFAULT    0x1f80u

static double square_root(double x)
{
	__asm__("sqrtsd %0, %0" : "+x"(x));
	return x;
}

static void check_arithmetic(void)
{
	volatile double one = 1, three = 3, two = 2;
	double sum = 0;

	for (int i = 100; i >= 1; i--)
		sum += one / ((double)i * i);
	assert(one / three * three == one);
	assert(square_root(two) == 0x1.6a09e667f3bcdp+0);
	assert(square_root(two * two) == two);
	assert((long)(three / two * 1e15) == 1500000000000000);
	assert(sum > 1.6349839001848 && sum < 1.6349839001849);
	printf("fpu: sum of 1/n^2 = %.12f, sqrt 2 = %.16g, 1/3 = %e\n", sum, square_root(two), one / three);
}

static void check_printf(void)
{
	char text[32];

	snprintf(text, sizeof(text), "%.2f %g %5.1e", 2.675, 1e100, 9.96);
	assert(strcmp(text, "2.67 1e+100 1.0e+01") == 0); /* 2.675 is a little less than that */
}

/* Loads all XMM registers, MXCSR and an x87 register, makes a hypercall, and stores them again. */
static void check_hypercall_keeps_state(void)
{
	uint8_t before[XMM_REGISTERS * XMM_BYTES], after[XMM_REGISTERS * XMM_BYTES];
	struct kvick_call call = { .nr = KVICK_CALL_CLOCK, .arg = { KVICK_CLOCK_MONOTONIC } };
	uint32_t mxcsr_set = MXCSR_ROUND_DOWN, mxcsr_default = MXCSR_DEFAULT, mxcsr;
	double pi;

	for (unsigned i = 0; i < sizeof(before); i++)
		before[i] = (uint8_t)(i * 7 + 1);
#define EACH_XMM(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)
#define LOAD(n) "movups 16*" #n "(%[before]), %%xmm" #n "\n\t"
#define STORE(n) "movups %%xmm" #n ", 16*" #n "(%[after])\n\t"
#define CLOBBER(n) "xmm" #n,
	__asm__ volatile("ldmxcsr %[set]\n\t"
			 "fldpi\n\t"
			 EACH_XMM(LOAD)
			 "mov %%rsp, %%r12\n\t"
			 "and $-16, %%rsp\n\t"
			 "call kvick_hypercall\n\t"
			 "mov %%r12, %%rsp\n\t"
			 EACH_XMM(STORE)
			 "fstpl %[pi]\n\t"
			 "stmxcsr %[mxcsr]\n\t"
			 "ldmxcsr %[default_]"
			 : [mxcsr] "=m"(mxcsr), [pi] "=m"(pi)
			 : "D"(&call), [before] "r"(before), [after] "r"(after), [set] "m"(mxcsr_set),
			   [default_] "m"(mxcsr_default)
			 : EACH_XMM(CLOBBER) "st", "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "memory",
			   "cc");
	assert(call.ret == 0);
	assert(memcmp(before, after, sizeof(before)) == 0);
	assert((mxcsr & ~0x3fu) == MXCSR_ROUND_DOWN);
	assert(pi == 0x1.921fb54442d18p+1);
}

int main(void)
{
	check_arithmetic();
	check_printf();
	for (int i = 0; i < 100; i++)
		check_hypercall_keeps_state();
	return 0;
}
