/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks: the wall's is plausible, the monotonic one never goes back, waiting takes its time. */
#include <assert.h>
#include <kvick_guest.h>
#include <stdio.h>

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

#define YEAR_2025_S UINT64_C(1735689600)
#define YEAR_2100_S UINT64_C(4102444800)

#define SLEEP_MS 20

static void check_wall(void)
{
	uint64_t s = kvick_clock_ns(KVICK_CLOCK_WALL) / NS_PER_S;

	assert(s > YEAR_2025_S && s < YEAR_2100_S);
}

static void check_monotonic(void)
{
	uint64_t before = kvick_clock_ns(KVICK_CLOCK_MONOTONIC);

	for (int i = 0; i < 1000; i++) {
		uint64_t now = kvick_clock_ns(KVICK_CLOCK_MONOTONIC);

		assert(now >= before);
		before = now;
	}
}

static void check_unknown(void)
{
	struct kvick_call call = { .nr = KVICK_CALL_CLOCK, .arg = { 2 } };

	kvick_hypercall(&call);
	assert(call.ret == -KVICK_EINVAL);
}

static void check_wait(void)
{
	uint64_t outer = kvick_rdtsc(), before_ns = kvick_clock_ns(KVICK_CLOCK_MONOTONIC), inner = kvick_rdtsc();

	assert(kvick_wait(0, SLEEP_MS * NS_PER_MS) == 0);
	inner = kvick_rdtsc() - inner;

	uint64_t ns = kvick_clock_ns(KVICK_CLOCK_MONOTONIC) - before_ns;
	uint64_t hz = kvick_boot()->tsc_hz;

	outer = kvick_rdtsc() - outer;
	assert(ns >= SLEEP_MS * NS_PER_MS);
	/* A busy host may stop us between two readings: one time lies within the other's, and another around it. */
	if (hz)
		assert(inner * NS_PER_MS / (hz / 1000) < ns * 2 && outer * NS_PER_MS / (hz / 1000) > ns / 2);
	printf("clock: waited %lu.%03lu ms for %d\n", ns / NS_PER_MS, ns % NS_PER_MS / 1000, SLEEP_MS);
}

int main(void)
{
	check_wall();
	check_monotonic();
	check_unknown();
	check_wait();
	assert(kvick_wait(0, 0) == 0);
	return 0;
}
