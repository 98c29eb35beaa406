/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Launches in one process, as a worker makes them: how long, how many a second, how much memory. What they are held against is
 * floor --loop.
 *
 *	launches once N IMAGE [ARGUMENT…]	N launches of an image, one after another, nothing kept
 *	launches pool N IMAGE [ARGUMENT…]	one machine of a snapshot, asked and reset N times
 *	launches clone N IMAGE [ARGUMENT…]	a machine of a snapshot, made, asked and ended N times
 *	launches resident N IMAGE [ARGUMENT…]	N clones at once: what each takes, and what a launch takes then
 *
 * IMAGE is a function for all but `once`; stamp.elf is one that replies with the TSC at its first instruction. --mem MIB: RAM.
 * --in-process N: so many of `resident`'s clones in a process (32). JSON on stdout, times in microseconds; what guests print is
 * dropped. No sandbox: a thread closes that over itself once for all its launches.
 */
#include "perf/launches.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "perf/quantiles.h"
#include "vmm/state.h"

#define LAUNCHES_MAX 1000000
#define RESIDENT_ROUNDS 5
#define ASK_TWICE 10 /* launches that do not count */

static _Noreturn void die(const char *what, const struct machine *m)
{
	fprintf(stderr, "launches: %s: %s\n", what, m->error.text[0] ? m->error.text : "it ended in another way");
	exit(1);
}

/* TSC ticks in a microsecond, by the kernel's clock. */
static double tsc_per_us(void)
{
	static double rate;

	if (rate == 0) {
		uint64_t ns = perf_now_ns(), tsc = __rdtsc();

		usleep(20000);
		rate = (double)(__rdtsc() - tsc) / ((double)(perf_now_ns() - ns) / 1000);
	}
	return rate;
}

static void configure(const struct launch_options *o, struct clone *c)
{
	memset(c, 0, sizeof(*c));
	sys_init(&c->machine.sys);
	c->invocation = (struct invocation){ .reply = c->reply, .reply_max = sizeof(c->reply) };
	c->config = (struct machine_config){
		.image_path = o->image, .mem_bytes = o->mem_bytes, .ring = RING_AUTO, .cpu = CPU_AUTO,
		.console_fd = o->null_fd, .argv = o->argv, .argc = o->argc, .stop = &c->stop,
	};
}

void launch_once(const struct launch_options *o, struct clone *c)
{
	configure(o, c);
	if (machine_run(&c->machine, &c->config) < 0 || c->machine.outcome != OUTCOME_EXITED)
		die(o->image, &c->machine);
	machine_close(&c->machine);
}

void launch_snapshot(const struct launch_options *o, struct snapshot *snapshot)
{
	struct clone *c = perf_memory(1, sizeof(*c));
	struct state_writer writer = { .max = STATE_BYTES_MAX };
	int fd = memfd_create("snapshot", MFD_CLOEXEC);

	configure(o, c);
	c->config.stop_when_ready = true;
	writer.to = perf_memory(1, STATE_BYTES_MAX);
	if (fd < 0 || machine_prepare(&c->machine, &c->config) < 0)
		die(o->image, &c->machine);
	machine_go(&c->machine);
	if (c->machine.outcome != OUTCOME_READY || snapshot_take(&c->machine, &writer, fd, NULL, NULL) < 0)
		die(o->image, &c->machine);
	machine_end(&c->machine);
	machine_close(&c->machine);
	*snapshot = (struct snapshot){ .name = o->image, .state = writer.to, .state_bytes = writer.bytes, .memory_fd = fd,
				       .memory_bytes = (uint64_t)lseek(fd, 0, SEEK_END) };
	free(c);
}

void clone_make(const struct launch_options *o, struct clone *c, const struct snapshot *snapshot)
{
	static int pagemap = -1; /* one for all threads: which of them opens it does not matter */

	if (pagemap < 0)
		pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	configure(o, c);
	c->config.mem_bytes = 0;
	c->config.snapshot = snapshot;
	c->config.invocation = &c->invocation;
	c->config.resets = true;
	c->config.pagemap_is_open = true;
	c->config.pagemap_fd = pagemap;
	if (machine_prepare(&c->machine, &c->config) < 0)
		die(o->image, &c->machine);
	c->tsc_offset = vcpu_tsc_offset(&c->machine.vcpu, &c->machine.sys);
}

void clone_ask(struct clone *c)
{
	machine_go(&c->machine);
	if (c->machine.outcome != OUTCOME_EXITED || !c->invocation.replied)
		die(c->config.image_path, &c->machine);
}

void clone_reset(struct clone *c)
{
	if (machine_reset(&c->machine) < 0)
		die(c->config.image_path, &c->machine);
	c->invocation.taken = c->invocation.replied = false;
	c->invocation.taken_tsc = c->invocation.replied_tsc = 0;
}

void clone_end(struct clone *c)
{
	machine_end(&c->machine);
	machine_close(&c->machine);
}

struct stages clone_stages(const struct clone *c, uint64_t start)
{
	uint64_t stamp;
	double rate = tsc_per_us();
	bool stamped = c->invocation.reply_bytes == sizeof(stamp);

	memcpy(&stamp, c->reply, sizeof(stamp));
	return (struct stages){
		.taken = (float)((double)(c->invocation.taken_tsc - start) / rate),
		.first = stamped ? (float)((double)(stamp - c->tsc_offset - start) / rate) : 0,
		.replied = (float)((double)(c->invocation.replied_tsc - start) / rate),
	};
}

static void print_rate(unsigned n, uint64_t start_ns)
{
	printf("{\"launches\":%u,\"per_second\":%.1f", n, n / ((double)(perf_now_ns() - start_ns) / 1e9));
}

static void run_once(const struct launch_options *o, unsigned n)
{
	struct clone *c = perf_memory(1, sizeof(*c));
	float *us = perf_memory(n, sizeof(*us));
	uint64_t start = perf_now_ns();

	for (unsigned i = 0; i < n; i++) {
		uint64_t begun = perf_now_ns();

		launch_once(o, c);
		us[i] = (float)(perf_now_ns() - begun) / 1000;
	}
	print_rate(n, start);
	quantiles_json("launch", quantiles_of(us, n));
	printf("}\n");
}

static void print_stages(const struct stages *stages, unsigned n)
{
	static const char *const names[] = { "taken", "first", "replied", "reset" };
	float *values = perf_memory(n, sizeof(*values));

	for (unsigned stage = 0; stage < sizeof(names) / sizeof(names[0]); stage++) {
		for (unsigned i = 0; i < n; i++)
			values[i] = ((const float *)&stages[i])[stage];
		quantiles_json(names[stage], quantiles_of(values, n));
	}
	free(values);
}

static void run_pool(const struct launch_options *o, unsigned n)
{
	struct clone *c = perf_memory(1, sizeof(*c));
	struct stages *stages = perf_memory(n, sizeof(*stages));
	struct snapshot snapshot;
	uint64_t start = 0;

	tsc_per_us();
	launch_snapshot(o, &snapshot);
	clone_make(o, c, &snapshot);
	for (unsigned i = 0; i < n + ASK_TWICE; i++) {
		uint64_t asked = __rdtsc();

		if (i == ASK_TWICE)
			start = perf_now_ns();
		clone_ask(c);
		/* Its stages are read before the reset, which takes them back. */
		struct stages s = clone_stages(c, asked);
		uint64_t replied = c->invocation.replied_tsc;

		clone_reset(c);
		s.reset = (float)((double)(__rdtsc() - replied) / tsc_per_us());
		if (i >= ASK_TWICE)
			stages[i - ASK_TWICE] = s;
	}
	print_rate(n, start);
	print_stages(stages, n);
	printf("}\n");
	clone_end(c);
}

static void run_clone(const struct launch_options *o, unsigned n)
{
	struct clone *c = perf_memory(1, sizeof(*c));
	struct stages *stages = perf_memory(n, sizeof(*stages));
	struct snapshot snapshot;
	uint64_t start;

	tsc_per_us();
	launch_snapshot(o, &snapshot);
	start = perf_now_ns();
	for (unsigned i = 0; i < n; i++) {
		uint64_t begun = __rdtsc();

		clone_make(o, c, &snapshot);
		clone_ask(c);
		stages[i] = clone_stages(c, begun);
		clone_end(c);
		stages[i].reset = (float)((double)(__rdtsc() - c->invocation.replied_tsc) / tsc_per_us());
	}
	print_rate(n, start);
	print_stages(stages, n);
	printf("}\n");
}

static _Noreturn void usage(void)
{
	fputs("usage: launches once|pool|clone|resident N [--mem MIB] [--in-process N] IMAGE [ARGUMENT]...\n", stderr);
	exit(2);
}

int main(int argc, char **argv)
{
	struct launch_options o = { .in_process = 32 };
	unsigned n = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	int i = 3;

	if (n < 1 || n > LAUNCHES_MAX)
		usage();
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--in-process") == 0 && i + 1 < argc)
			o.in_process = (unsigned)strtoul(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--mem") == 0 && i + 1 < argc)
			o.mem_bytes = strtoull(argv[++i], NULL, 10) << 20;
		else
			usage();
	}
	if (i >= argc || !o.in_process)
		usage();
	o.null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	o.image = argv[i];
	o.argv = (const char *const *)argv + i;
	o.argc = (unsigned)(argc - i);
	if (strcmp(argv[1], "once") == 0)
		run_once(&o, n);
	else if (strcmp(argv[1], "pool") == 0)
		run_pool(&o, n);
	else if (strcmp(argv[1], "clone") == 0)
		run_clone(&o, n);
	else if (strcmp(argv[1], "resident") == 0)
		resident(&o, n, o.in_process, RESIDENT_ROUNDS);
	else
		usage();
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
