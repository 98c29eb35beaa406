/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/solo5.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

#include "vmm/deprivileged.h"
#include "vmm/hypercalls.h"
#include "vmm/machine.h"

#define NS_PER_S 1000000000ull

union call {
	struct solo5_walltime walltime;
	struct solo5_puts puts;
	struct solo5_poll poll;
	struct solo5_block_io block;
	struct solo5_net_io net;
	struct solo5_halt halt;
};

/* What the call's pointer leads to must be RAM, and writable where we are to write; else that is the guest's end, and NULL. */
static void *buffer(struct machine *m, const char *call, uint64_t at, uint64_t bytes, bool to_write)
{
	const struct memory_run *readonly = to_write ? guest_mem_readonly(&m->mem, gpa(at), bytes) : NULL;
	const char *kept = to_write && m->deprivileged ? deprivileged_keeps(m, at, bytes) : NULL;

	if (!guest_mem_contains(&m->mem, gpa(at), bytes))
		crash_machine(m, "hypercall %s: data 0x%llx, %llu bytes: not in RAM (0x%llx bytes)", call, (unsigned long long)at,
			      (unsigned long long)bytes, (unsigned long long)m->mem.bytes);
	else if (readonly)
		crash_machine(m, "hypercall %s: data 0x%llx, %llu bytes: reach into read-only memory, %s", call,
			      (unsigned long long)at, (unsigned long long)bytes,
			      machine_readonly_name(m, at > readonly->at ? at : readonly->at));
	else if (kept)
		crash_machine(m, "hypercall %s: data 0x%llx, %llu bytes: reach into %s: use --ring 0", call,
			      (unsigned long long)at, (unsigned long long)bytes, kept);
	else
		return (void *)(uintptr_t)guest_mem_view(&m->mem, gpa(at), bytes);
	return NULL;
}

static void walltime(struct machine *m, union call *call)
{
	struct timespec now;
	int r = sys_clock_gettime(&m->sys, CLOCK_REALTIME, &now);

	if (r < 0) {
		m->outcome = OUTCOME_FAILED;
		error_set(&m->error, ERROR_HOST, -r, "clock_gettime: %s: the host cannot tell the time", strerror(-r));
		return;
	}
	call->walltime.ns = (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* It has no result: what becomes of lost output is the console's to tell. */
static void puts_call(struct machine *m, union call *call)
{
	if (buffer(m, "puts", call->puts.data, call->puts.bytes, false))
		console_write(&m->console, &m->mem, gpa(call->puts.data), call->puts.bytes, m->config->stop, &m->sys);
}

static void poll_call(struct machine *m, union call *call)
{
	uint64_t ready = 0;

	if (m->solo5 && m->solo5->nets)
		ready = solo5_poll(m->solo5, call->poll.timeout_ns);
	else
		hypercall_sleep(m, call->poll.timeout_ns);
	call->poll.ready_set = ready;
	call->poll.ret = __builtin_popcountll(ready);
}

static void block_write(struct machine *m, union call *call)
{
	struct solo5_block_io *io = &call->block;
	const void *at = buffer(m, "block_write", io->data, io->bytes, false);

	if (at)
		io->ret = solo5_block_write(m->solo5, io->handle, io->offset, at, io->bytes);
}

static void block_read(struct machine *m, union call *call)
{
	struct solo5_block_io *io = &call->block;
	void *at = buffer(m, "block_read", io->data, io->bytes, true);

	if (at)
		io->ret = solo5_block_read(m->solo5, io->handle, io->offset, at, io->bytes);
}

static void net_write(struct machine *m, union call *call)
{
	struct solo5_net_io *io = &call->net;
	const void *at = buffer(m, "net_write", io->data, io->bytes, false);

	if (at)
		io->ret = solo5_net_write(m->solo5, io->handle, at, io->bytes);
}

static void net_read(struct machine *m, union call *call)
{
	struct solo5_net_io *io = &call->net;
	void *at = buffer(m, "net_read", io->data, io->bytes, true);

	if (at)
		io->ret = solo5_net_read(m->solo5, io->handle, at, &io->bytes);
}

/* The cookie is for who dumps the guest's memory, which is not done here. */
static void halt(struct machine *m, union call *call)
{
	m->outcome = OUTCOME_EXITED;
	m->status = call->halt.status & 0xff;
}

#define MEMBERS(type, from, to) \
	offsetof(struct type, from), offsetof(struct type, to) + sizeof(((struct type *)0)->to) - offsetof(struct type, from)

static const struct {
	const char *name;
	void (*serve)(struct machine *machine, union call *call);
	unsigned bytes;
	unsigned out, out_bytes; /* what is given back of it */
} calls[] = {
	[SOLO5_WALLTIME] = { "walltime", walltime, sizeof(struct solo5_walltime), MEMBERS(solo5_walltime, ns, ns) },
	[SOLO5_PUTS] = { "puts", puts_call, sizeof(struct solo5_puts), 0, 0 },
	[SOLO5_POLL] = { "poll", poll_call, sizeof(struct solo5_poll), MEMBERS(solo5_poll, ready_set, ret) },
	[SOLO5_BLOCK_WRITE] = { "block_write", block_write, sizeof(struct solo5_block_io), MEMBERS(solo5_block_io, ret, ret) },
	[SOLO5_BLOCK_READ] = { "block_read", block_read, sizeof(struct solo5_block_io), MEMBERS(solo5_block_io, ret, ret) },
	[SOLO5_NET_WRITE] = { "net_write", net_write, sizeof(struct solo5_net_io), MEMBERS(solo5_net_io, ret, ret) },
	[SOLO5_NET_READ] = { "net_read", net_read, sizeof(struct solo5_net_io), MEMBERS(solo5_net_io, bytes, ret) },
	[SOLO5_HALT] = { "halt", halt, sizeof(struct solo5_halt), 0, 0 },
};

#define CALL_COUNT (sizeof(calls) / sizeof(calls[0]))
_Static_assert(CALL_COUNT <= CALLS_MAX, "every call has its counter");

const char *solo5_call_name(unsigned nr)
{
	return nr < CALL_COUNT ? calls[nr].name : NULL;
}

/* What the call has to give is written back. */
static void give_back(struct machine *m, unsigned nr, uint64_t at, const union call *call)
{
	const uint64_t out = at + calls[nr].out, bytes = calls[nr].out_bytes;
	const char *kept = m->deprivileged ? deprivileged_keeps(m, out, bytes) : NULL;

	if (kept)
		crash_machine(m, "hypercall %s: no answer can be written into its structure at 0x%llx: would reach into %s: use "
			      "--ring 0", calls[nr].name, (unsigned long long)at, kept);
	else if (guest_mem_write(&m->mem, gpa(out), (const uint8_t *)call + calls[nr].out, bytes) < 0)
		crash_machine(m, "hypercall %s: no answer can be written into its structure at 0x%llx, which is in read-only "
			      "memory, %s", calls[nr].name, (unsigned long long)at, machine_readonly_name(m, at));
}

/* One call: its structure is taken in once. */
static void serve(struct machine *m, unsigned nr, uint64_t at)
{
	union call call;

	m->calls[nr]++;
	if (guest_mem_read(&m->mem, gpa(at), &call, calls[nr].bytes) < 0) {
		crash_machine(m, "hypercall %s: its structure at 0x%llx, %u bytes: not in RAM (0x%llx bytes)", calls[nr].name,
			      (unsigned long long)at, calls[nr].bytes, (unsigned long long)m->mem.bytes);
		return;
	}
	calls[nr].serve(m, &call);
	if (m->outcome == OUTCOME_NONE && calls[nr].out_bytes)
		give_back(m, nr, at, &call);
}

void solo5_io(struct machine *m)
{
	const struct kvm_run *run = m->vcpu.run;
	unsigned nr = run->io.port - SOLO5_PORT(0);
	uint32_t at;

	if (run->io.direction == KVM_EXIT_IO_OUT && run->io.size == sizeof(at) && run->io.count == 1 && nr < CALL_COUNT &&
	    calls[nr].serve) {
		memcpy(&at, (const uint8_t *)run + run->io.data_offset, sizeof(at));
		serve(m, nr, at);
		return;
	}
	m->calls[0]++;
	crash_machine(m, "port I/O: %u-byte %s port 0x%x: no hypercall of Solo5's (4-byte writes to 0x%x to 0x%x)", run->io.size,
		      run->io.direction == KVM_EXIT_IO_OUT ? "write to" : "read from", run->io.port, SOLO5_PORT(SOLO5_WALLTIME),
		      SOLO5_PORT(SOLO5_HALT));
}
