/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/hypercalls.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "vmm/layout.h"
#include "vmm/machine.h"

#define NS_PER_S 1000000000ull

static int64_t console_call(struct machine *m, struct kvick_call *call)
{
	gpa_t from = gpa(call->arg[0]);

	if (!guest_mem_contains(&m->mem, from, call->arg[1]))
		return -KVICK_EFAULT;
	int64_t n = console_write(&m->console, &m->mem, from, call->arg[1], m->config->stop, &m->sys);

	return n < 0 ? -KVICK_EIO : n;
}

static int64_t exit_call(struct machine *m, struct kvick_call *call)
{
	m->outcome = OUTCOME_EXITED;
	m->status = (int)(call->arg[0] & 0xff);
	return 0;
}

static int64_t clock_call(struct machine *m, struct kvick_call *call)
{
	static const clockid_t clocks[] = {
		[KVICK_CLOCK_MONOTONIC] = CLOCK_MONOTONIC,
		[KVICK_CLOCK_WALL] = CLOCK_REALTIME,
	};
	struct timespec now;

	if (call->arg[0] >= sizeof(clocks) / sizeof(clocks[0]))
		return -KVICK_EINVAL;
	if (sys_clock_gettime(&m->sys, clocks[call->arg[0]], &now) < 0)
		return -KVICK_EIO;
	call->arg[0] = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
	return 0;
}

int hypercall_sleep(struct machine *m, uint64_t ns)
{
	struct timespec until;
	int r;

	if (ns == 0)
		return 0;
	if (m->config->stop->sleep)
		return m->config->stop->sleep(m->config->stop, ns);
	r = sys_clock_gettime(&m->sys, CLOCK_MONOTONIC, &until);
	if (r < 0)
		return r;
	until.tv_sec += (time_t)(ns / NS_PER_S);
	until.tv_nsec += (long)(ns % NS_PER_S);
	if ((uint64_t)until.tv_nsec >= NS_PER_S) {
		until.tv_nsec -= NS_PER_S;
		until.tv_sec++;
	}
	do
		r = sys_clock_nanosleep(&m->sys, CLOCK_MONOTONIC, TIMER_ABSTIME, &until);
	while (r == -EINTR && !m->config->stop->signal);
	return r == -EINTR ? 0 : r;
}

/* A guest without devices: there is only time to wait for. */
static int64_t wait_for_time(struct machine *m, uint64_t ns)
{
	return hypercall_sleep(m, ns) < 0 ? -KVICK_EIO : 0;
}

static int64_t wait_call(struct machine *m, struct kvick_call *call)
{
	uint64_t generation = m->generation_event ? call->arg[0] & KVICK_EVENT_GENERATION : 0, timeout_ns = call->arg[1];
	uint64_t mask = call->arg[0] & ~KVICK_EVENT_GENERATION;

	if (mask >> m->devices.count)
		return -KVICK_EINVAL;
	if (generation)
		timeout_ns = 0;
	int64_t events = m->devices.count ? devices_wait(&m->devices, mask, timeout_ns, call->arg[2]) :
					    wait_for_time(m, timeout_ns);

	if (generation && events >= 0) {
		m->generation_event = false;
		events |= (int64_t)generation;
	}
	/* A snapshot may be taken now: what is made of it waits on, or is told of that. */
	return events == 0 && m->config->stop->signal ? HYPERCALL_LATER : events;
}

static int64_t device_setup_call(struct machine *m, struct kvick_call *call)
{
	struct kvick_virtio_setup setup;

	if (guest_mem_read(&m->mem, gpa(call->arg[0]), &setup, sizeof(setup)) < 0)
		return -KVICK_EFAULT;
	return devices_setup(&m->devices, &setup);
}

int hypercall_store(struct machine *m, uint64_t to, const void *from, uint64_t bytes)
{
	/* The system page, or page tables. */
	if (to < LAYOUT_BOOT_INFO || (to < m->plan.ring0_end && to + bytes > m->plan.tables_base))
		m->tables_touched = true;
	return guest_mem_write(&m->mem, gpa(to), from, bytes);
}

static int64_t args_call(struct machine *m, struct kvick_call *call)
{
	bool env = call->arg[0] == KVICK_ARGS_ENVP;
	const char *const *strings = env ? m->config->envp : m->config->argv;
	unsigned count = env ? m->config->envc : m->config->argc;
	uint64_t at = call->arg[1], left = call->arg[2], needed = 0;

	if (!env && call->arg[0] != KVICK_ARGS_ARGV)
		return -KVICK_EINVAL;
	if (!guest_mem_writable(&m->mem, gpa(at), left))
		return -KVICK_EFAULT;
	for (unsigned i = 0; i < count; i++) {
		uint64_t bytes = strlen(strings[i]) + 1;
		uint64_t fits = bytes < left ? bytes : left;

		hypercall_store(m, at, strings[i], fits);
		at += fits;
		left -= fits;
		needed += bytes;
	}
	return (int64_t)needed;
}

static int64_t entropy_call(struct machine *m, struct kvick_call *call)
{
	uint8_t random[KVICK_ENTROPY_BYTES_MAX];
	uint64_t bytes = call->arg[1];

	if (bytes == 0 || bytes > sizeof(random))
		return -KVICK_EINVAL;
	if (!guest_mem_writable(&m->mem, gpa(call->arg[0]), bytes))
		return -KVICK_EFAULT;
	/* Up to 256 bytes come whole; more may be cut short by a signal. */
	ssize_t n = sys_getrandom(&m->sys, random, bytes);

	if (n <= 0)
		return -KVICK_EIO;
	hypercall_store(m, call->arg[0], random, (uint64_t)n);
	return n;
}

static int64_t mark_call(struct machine *m, struct kvick_call *call)
{
	if (call->arg[0] >= KVICK_MARKS_MAX)
		return -KVICK_EINVAL;
	m->timeline.guest_mark[call->arg[0]] = __rdtsc();
	return 0;
}

static const struct {
	const char *name;
	hypercall_fn *serve;
} calls[] = {
	[KVICK_CALL_CONSOLE_WRITE] = { "console_write", console_call },
	[KVICK_CALL_EXIT] = { "exit", exit_call },
	[KVICK_CALL_CLOCK] = { "clock", clock_call },
	[KVICK_CALL_WAIT] = { "wait", wait_call },
	[KVICK_CALL_ARGS] = { "args", args_call },
	[KVICK_CALL_ENTROPY] = { "entropy", entropy_call },
	[KVICK_CALL_MARK] = { "mark", mark_call },
	[KVICK_CALL_CPUCONFIG] = { "cpuconfig", hypercall_cpuconfig },
	[KVICK_CALL_UPDATE_PGTABLE] = { "update_pgtable", hypercall_update_pgtable },
	[KVICK_CALL_LCR3] = { "lcr3", hypercall_lcr3 },
	[KVICK_CALL_DEVICE_SETUP] = { "device_setup", device_setup_call },
	[KVICK_CALL_CPUID] = { "cpuid", hypercall_cpuid },
	[KVICK_CALL_READY] = { "ready", hypercall_ready },
	[KVICK_CALL_REQUEST] = { "request", hypercall_request },
	[KVICK_CALL_REPLY] = { "reply", hypercall_reply },
};

#define CALL_COUNT (sizeof(calls) / sizeof(calls[0]))
_Static_assert(CALL_COUNT <= CALLS_MAX, "every call has its counter");

const char *hypercall_name(unsigned nr)
{
	return nr < CALL_COUNT ? calls[nr].name : NULL;
}

void hypercall_serve(struct machine *m, uint64_t block)
{
	struct kvick_call call;

	if (block % sizeof(call) != 0 || guest_mem_read(&m->mem, gpa(block), &call, sizeof(call)) < 0) {
		crash_machine(m, "hypercall: the call block at 0x%llx is not in RAM or not 64-byte aligned",
			      (unsigned long long)block);
		return;
	}
	bool known = call.nr < CALL_COUNT && calls[call.nr].serve;

	m->calls[known ? call.nr : 0]++;
	call.ret = known && call.reserved == 0 ? calls[call.nr].serve(m, &call) : known ? -KVICK_EINVAL : -KVICK_ENOSYS;
	m->pending_call = call.ret == HYPERCALL_LATER ? block : 0;
	if (m->pending_call)
		return;
	if (m->outcome == OUTCOME_NONE &&
	    hypercall_store(m, block + offsetof(struct kvick_call, ret), &call.ret, 2 * sizeof(uint64_t)) < 0)
		crash_machine(m, "hypercall: no answer can be written into the call block at 0x%llx, which is in read-only "
			      "memory, %s", (unsigned long long)block, machine_readonly_name(m, block));
}

void hypercall_io(struct machine *m)
{
	const struct kvm_run *run = m->vcpu.run;
	bool doorbell = run->io.direction == KVM_EXIT_IO_OUT && run->io.size == 4 && run->io.count == 1;
	uint32_t value = 0;

	if (doorbell)
		memcpy(&value, (const uint8_t *)run + run->io.data_offset, sizeof(value));
	if (doorbell && run->io.port == KVICK_PORT_CALL)
		hypercall_serve(m, (uint64_t)value * sizeof(struct kvick_call));
	else if (doorbell && run->io.port == KVICK_PORT_FAULT)
		crash_from_stub(m);
	else
		crash_machine(m, "port I/O: %u-byte %s port 0x%x: there is no device; native guests ask by hypercall",
			      run->io.size, run->io.direction == KVM_EXIT_IO_OUT ? "write to" : "read from", run->io.port);
}
