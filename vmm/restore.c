/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/restore.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include <kvick/hypercall.h>

#include "loader/image.h"
#include "virtio/devices_state.h"
#include "vmm/cpu.h"
#include "vmm/deprivileged.h"
#include "vmm/layout.h"
#include "vmm/machine.h"
#include "vmm/machine_state.h"
#include "vmm/ring0.h"
#include "vmm/snapshot.h"
#include "vmm/state.h"
#include "vmm/vcpu_state.h"

static bool is_page(uint64_t at)
{
	return at % GUEST_PAGE_BYTES == 0;
}

/* ---- what the sections say, checked ---- */

static int check_readonly(struct state_reader *r, const struct machine_state *s)
{
	/* Below, native guests have what the VMM writes to. */
	uint64_t end = s->kind == IMAGE_NATIVE ? LAYOUT_IMAGE_BASE : 0;

	if (s->readonly_count > GUEST_MEM_READONLY_MAX)
		return state_bad(r, "%u read-only runs, and there are at most %u", s->readonly_count, GUEST_MEM_READONLY_MAX);
	for (unsigned i = 0; i < s->readonly_count; i++) {
		const struct memory_run *run = &s->readonly[i];

		if (run->at < end || !is_page(run->at | run->bytes) || run->bytes == 0 || run->at > s->plan.bytes ||
		    run->bytes > s->plan.bytes - run->at)
			return state_bad(r, "read-only run %u: 0x%llx bytes at 0x%llx: not pages of RAM, apart and ascending", i,
					 (unsigned long long)run->bytes, (unsigned long long)run->at);
		end = run->at + run->bytes;
	}
	return 0;
}

/* Where the VMM stores: whole pages of RAM, none of them read-only. */
static bool is_writable(const struct machine_state *s, uint64_t from, uint64_t to)
{
	if (!is_page(from | to) || from > to || to > s->plan.bytes)
		return false;
	for (unsigned i = 0; i < s->readonly_count; i++)
		if (from < s->readonly[i].at + s->readonly[i].bytes && s->readonly[i].at < to)
			return false;
	return true;
}

static int check_plan(struct state_reader *r, const struct machine_state *s)
{
	const struct memory_plan *p = &s->plan;
	const struct {
		const char *name;
		uint64_t from, to;
	} areas[] = {
		{ "page tables", p->tables_base, p->tables_end },
		{ "the VMM's page tables", p->ring0_base, p->ring0_end },
		{ "stack", p->stack_base, p->stack_top },
		{ "list of devices", p->devices_base, p->devices_base ? p->devices_base + GUEST_PAGE_BYTES : 0 },
		{ "heap", p->heap_base, p->heap_end },
	};

	if (p->bytes < GUEST_MEM_BYTES_MIN || p->bytes > GUEST_MEM_BYTES_MAX || !is_page(p->bytes))
		return state_bad(r, "RAM: 0x%llx bytes: not a size that a guest can have", (unsigned long long)p->bytes);
	for (unsigned i = 0; i < sizeof(areas) / sizeof(areas[0]); i++)
		if (!is_writable(s, areas[i].from, areas[i].to))
			return state_bad(r, "%s: 0x%llx to 0x%llx: not pages of RAM that can be written to", areas[i].name,
					 (unsigned long long)areas[i].from, (unsigned long long)areas[i].to);
	if (s->kind == IMAGE_NATIVE && p->ring0_end - p->ring0_base != ring0_pages(p->bytes) * GUEST_PAGE_BYTES)
		return state_bad(r, "the VMM's page tables: 0x%llx bytes, not as many as RAM wants",
				 (unsigned long long)(p->ring0_end - p->ring0_base));
	return 0;
}

static int check_machine(struct state_reader *r, const struct machine_state *s, const struct snapshot *snapshot)
{
	const struct {
		const char *name;
		uint64_t value;
		bool good;
	} fields[] = {
		{ "protocol", s->kind, s->kind == IMAGE_NATIVE || s->kind == IMAGE_SOLO5 },
		{ "ring", s->ring, s->ring == 0 || s->ring == 3 },
		{ "doorbell", s->doorbell, s->doorbell <= KVICK_DOORBELL_VMMCALL },
		{ "deprivileged", s->deprivileged, s->deprivileged <= (s->ring == 0) },
		{ "CPU model", s->cpu_model, s->cpu_model < CPU_MODEL_COUNT },
		{ "interrupt flag", s->interrupt_flag, s->interrupt_flag <= 1 },
		{ "stage of a function", s->function_stage, s->function_stage <= FUNCTION_REPLIED },
		{ "page tables changed", s->tables_touched, s->tables_touched <= 1 },
		{ "memory behind RAM", s->behind_bytes, s->behind_bytes == (s->deprivileged ? DEPRIVILEGED_BYTES : 0) },
	};
	int e;

	for (unsigned i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (!fields[i].good)
			return state_bad(r, "%s: 0x%llx", fields[i].name, (unsigned long long)fields[i].value);
	e = check_readonly(r, s);
	if (e == 0)
		e = check_plan(r, s);
	if (e < 0)
		return e;
	if (!is_page(s->pgd) || s->pgd >= s->plan.bytes)
		return state_bad(r, "page tables: 0x%llx: not a page of RAM", (unsigned long long)s->pgd);
	if (s->ring0_pgd && (!is_page(s->ring0_pgd) || s->ring0_pgd < s->plan.ring0_base || s->ring0_pgd >= s->plan.ring0_end))
		return state_bad(r, "the VMM's page tables: 0x%llx: not where they are", (unsigned long long)s->ring0_pgd);
	if (s->pending_call && s->kind != IMAGE_NATIVE)
		return state_bad(r, "a hypercall of a guest that makes none");
	if (snapshot->memory_bytes != s->plan.bytes + s->behind_bytes)
		return state_bad(r, "RAM: %llu bytes, and the memory file has %llu", (unsigned long long)s->plan.bytes,
				 (unsigned long long)(snapshot->memory_bytes - s->behind_bytes));
	return 0;
}

static int read_machine(struct machine *m, struct state_reader *r)
{
	struct machine_state *s = &m->restored->machine;
	int e = state_open(r, STATE_MACHINE);

	if (e == 0)
		e = state_get(r, s, sizeof(*s));
	if (e == 0)
		e = check_machine(r, s, m->config->snapshot);
	if (e < 0)
		return e;
	m->boot = machine_boot(s->kind);
	m->plan = s->plan;
	m->ring = s->ring;
	m->ring_reason = "the snapshot's";
	m->doorbell = s->doorbell;
	m->deprivileged = s->deprivileged;
	m->cpu_model = (enum cpu_model)s->cpu_model;
	m->cpu_state = (struct cpu_state){ s->xcr0, s->xsave_bytes };
	m->pgd = s->pgd;
	return 0;
}

static int read_image(struct machine *m, struct state_reader *r)
{
	struct image_state s;
	int e = state_open(r, STATE_IMAGE);

	if (e == 0)
		e = state_get(r, &s, sizeof(s));
	if (e < 0)
		return e;
	if (s.segment_count > IMAGE_SEGMENTS_MAX)
		return state_bad(r, "%u segments, and there are at most %u", s.segment_count, IMAGE_SEGMENTS_MAX);
	m->image.path = m->config->image_path;
	m->image.protocol = m->restored->machine.kind == IMAGE_NATIVE ? &protocol_native : &protocol_solo5;
	m->image.why = "the snapshot's";
	m->image.base = s.base;
	m->image.end = s.end;
	m->image.entry = s.entry;
	m->image.note.rings = s.rings;
	m->image.note.flags = s.flags;
	m->image.segment_count = s.segment_count;
	for (unsigned i = 0; i < s.segment_count; i++) {
		if (s.segments[i].gpa > m->plan.bytes || s.segments[i].mem_bytes > m->plan.bytes - s.segments[i].gpa ||
		    s.segments[i].perms > (SEGMENT_R | SEGMENT_W | SEGMENT_X))
			return state_bad(r, "segment %u: 0x%llx bytes at 0x%llx: not in RAM", i,
					 (unsigned long long)s.segments[i].mem_bytes, (unsigned long long)s.segments[i].gpa);
		m->image.segments[i] = (struct segment){
			.gpa = s.segments[i].gpa, .mem_bytes = s.segments[i].mem_bytes, .perms = s.segments[i].perms,
		};
	}
	return 0;
}

/* Registers KVM checks itself; what it would let us have, and the guest not, we do. */
static int read_vcpu(struct machine *m, struct state_reader *r)
{
	struct vcpu_saved *v = &m->restored->vcpu;
	struct cpuid_state cpuid;
	const char *wrong;
	uint32_t msr;
	int e = state_open(r, STATE_VCPU);

	if (e == 0)
		e = state_get(r, v, offsetof(struct vcpu_saved, msrs));
	if (e < 0)
		return e;
	wrong = vcpu_wrong(v);
	if (wrong)
		return state_bad(r, "%s", wrong);
	e = state_get(r, v->msrs, v->msr_count * sizeof(v->msrs[0]));
	if (e < 0)
		return e;
	wrong = vcpu_wrong_msr(v, &msr);
	if (wrong)
		return state_bad(r, "MSR 0x%x: %s", msr, wrong);
	e = state_get(r, &cpuid, sizeof(cpuid));
	if (e < 0)
		return e;
	if (cpuid.count > CPU_ENTRIES_MAX)
		return state_bad(r, "%u leaves of CPUID, and there are at most %u", cpuid.count, CPU_ENTRIES_MAX);
	m->cpuid.count = cpuid.count;
	e = state_get(r, m->cpuid.entries, cpuid.count * sizeof(m->cpuid.entries[0]));
	for (uint32_t i = 0; i < cpuid.count && e == 0; i++)
		if (!cpu_model_may_tell(&m->cpuid.entries[i]))
			return state_bad(r, "leaf 0x%x of CPUID: it tells what is hidden from every guest",
					 m->cpuid.entries[i].function);
	return e;
}

static int read_deprivileged(struct machine *m, struct state_reader *r)
{
	const struct machine_state *s = &m->restored->machine;
	struct deprivileged_guest *d = &m->restored->dep;
	int e = state_open(r, STATE_DEPRIVILEGED);

	if (e == 0)
		e = state_get(r, d, sizeof(*d));
	if (e < 0)
		return e;
	if (d->site_count > MONITOR_SITES_MAX || d->splits > (MONITOR_SPLIT_END - MONITOR_SPLIT) / GUEST_PAGE_BYTES ||
	    d->granted_count > DEPRIVILEGED_PAGES_MAX || d->output_call >= CALLS_MAX)
		return state_bad(r, "%u instructions, %u split pages, %u pages executed later, call %u", d->site_count, d->splits,
				 d->granted_count, d->output_call);
	if (d->tables.at > s->plan.bytes || d->tables.bytes > s->plan.bytes ||
	    !is_writable(s, d->tables.at, d->tables.at + d->tables.bytes))
		return state_bad(r, "page tables: 0x%llx bytes at 0x%llx: not in RAM", (unsigned long long)d->tables.bytes,
				 (unsigned long long)d->tables.at);
	for (unsigned i = 0; i < d->granted_count; i++)
		if (!is_writable(s, d->granted[i], d->granted[i] + GUEST_PAGE_BYTES))
			return state_bad(r, "page executed later %u: 0x%llx: not in RAM", i, (unsigned long long)d->granted[i]);
	return 0;
}

static int read_runs(struct machine *m, struct state_reader *r)
{
	struct restored *restored = m->restored;
	struct memory_state s;
	uint64_t end = 0, all = m->config->snapshot->memory_bytes;
	int e = state_open(r, STATE_MEMORY);

	if (e == 0)
		e = state_get(r, &s, sizeof(s));
	if (e < 0)
		return e;
	if (s.count > SNAPSHOT_RUNS_MAX)
		return state_bad(r, "%u runs of RAM, and there are at most %u", s.count, SNAPSHOT_RUNS_MAX);
	restored->run_count = s.count;
	e = state_get(r, restored->runs, s.count * sizeof(restored->runs[0]));
	for (unsigned i = 0; i < s.count && e == 0; i++) {
		const struct memory_run *run = &restored->runs[i];

		if (run->at < end || !is_page(run->at | run->bytes) || run->bytes == 0 || run->at > all ||
		    run->bytes > all - run->at)
			return state_bad(r, "run %u of RAM: 0x%llx bytes at 0x%llx: not pages of the memory file, apart and "
					 "ascending", i, (unsigned long long)run->bytes, (unsigned long long)run->at);
		end = run->at + run->bytes;
	}
	return e;
}

static int read_all(struct machine *m, struct state_reader *r)
{
	int e = read_machine(m, r);

	if (e == 0)
		e = read_image(m, r);
	if (e == 0)
		e = read_vcpu(m, r);
	if (e == 0 && m->deprivileged)
		e = read_deprivileged(m, r);
	return e == 0 ? read_runs(m, r) : e;
}

/* What a run changes, as it was. */
static void begin_again(struct machine *m)
{
	const struct machine_state *s = &m->restored->machine;

	m->dep = m->restored->dep;
	m->ring0_pgd = s->ring0_pgd;
	m->interrupt_flag = s->interrupt_flag;
	m->generation = s->generation + 1;
	m->generation_event = true;
	m->pending_call = s->pending_call;
	m->function_stage = (enum function_stage)s->function_stage;
	m->tables_touched = s->tables_touched;
	m->outcome = OUTCOME_NONE;
	m->status = 0;
}

/* ---- the steps ---- */

COLD int restore_plan(struct machine *m)
{
	const struct snapshot *snapshot = m->config->snapshot;
	struct state_reader reader = {
		.at = snapshot->state, .left = snapshot->state_bytes, .file = snapshot->name, .error = &m->error,
	};
	void *at;
	int r = sys_mmap(&m->sys, NULL, sizeof(struct restored), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at);

	if (r < 0)
		return error_set(&m->error, ERROR_HOST, -r, "%s: no memory for its state: free some", snapshot->name);
	m->restored = at;
	r = read_all(m, &reader);
	if (r == 0)
		r = machine_host_has_ram(m);
	if (r < 0) {
		restore_undo_plan(m);
		return r;
	}
	m->state = reader; /* devices' sections follow */
	begin_again(m);
	return 0;
}

COLD void restore_undo_plan(struct machine *m)
{
	sys_munmap(&m->sys, m->restored, sizeof(*m->restored));
	m->restored = NULL;
}

COLD int restore_check_host(struct machine *m)
{
	if (m->doorbell != KVICK_DOORBELL_PORT && m->doorbell != m->facts.doorbell)
		return error_set(&m->error, ERROR_HOST, 0, "%s: its guest rings by %s, which no kvick on this host hears: take the "
				 "snapshot here, or with --doorbell port", m->config->snapshot->name,
				 m->doorbell == KVICK_DOORBELL_VMCALL ? "VMCALL" : "VMMCALL");
	return 0;
}

static int map_failed(struct machine *m, int r)
{
	return error_set(&m->error, ERROR_HOST, -r, "%s: memory cannot be mapped: %s: free some, or raise vm.max_map_count",
			 m->config->snapshot->name, strerror(-r));
}

/* Who wants the end is heard between two pieces: a working set may be made up, and be all of a large RAM. */
#define PIECE_BYTES (64ull << 20)

static void populate(struct machine *m, const struct memory_run *run, bool write)
{
	for (uint64_t done = 0; done < run->bytes && !m->config->stop->signal; done += PIECE_BYTES) {
		uint64_t left = run->bytes - done;
		const struct memory_run piece = { run->at + done, left < PIECE_BYTES ? left : PIECE_BYTES };

		guest_mem_populate(&m->mem, &piece, write, &m->sys);
	}
}

COLD int restore_memory(struct machine *m)
{
	const struct restored *restored = m->restored;
	const struct working_set *set = m->config->snapshot->working_set;
	int r = guest_mem_create_with(&m->mem, m->plan.bytes, restored->machine.behind_bytes, GUEST_PAGES_ALIGNED, &m->sys,
				      &m->error);

	if (r == 0)
		r = vm_set_memory(&m->vm, &m->mem, &m->sys, &m->error);
	if (r < 0)
		return r;
	/* Of the file large pages where it has such; of what was zero small ones, as in any launch (guest_mem.c). */
	sys_madvise(&m->sys, m->mem.mapping, m->mem.mapping_bytes, MADV_NOHUGEPAGE);
	for (unsigned i = 0; i < restored->run_count && r == 0; i++)
		r = guest_mem_map_run(&m->mem, &restored->runs[i], m->config->snapshot->memory_fd, &m->sys);
	if (r == 0 && restored->machine.readonly_count)
		r = guest_mem_protect(&m->mem, restored->machine.readonly, restored->machine.readonly_count, &m->sys);
	if (r < 0)
		return map_failed(m, r);
	for (unsigned i = 0; set && i < set->count; i++)
		populate(m, &set->reads[i], false);
	for (unsigned i = 0; set && i < set->write_count; i++)
		populate(m, &set->writes[i], true);
	return 0;
}

COLD int restore_devices(struct machine *m)
{
	int r = 0;

	if (m->config->devices.count && !m->boot->native)
		return error_set(&m->error, ERROR_USAGE, EINVAL, "%s: its guest is one of Solo5's, which has no virtio devices: "
				 "leave them out", m->config->snapshot->name);
	if (m->config->devices.count)
		r = m->boot->devices(m);
	if (r < 0)
		return r;
	r = devices_load(&m->devices, &m->state);
	if (r == 0)
		r = state_close(&m->state);
	if (r < 0 && m->config->devices.count)
		m->boot->undo_devices(m);
	return r;
}

COLD int restore_vcpu(struct machine *m)
{
	int r = cpu_restore(m);

	if (r == 0)
		r = vcpu_load(&m->vcpu, &m->vm, &m->restored->vcpu, VCPU_NEW, &m->sys, &m->error);
	if (m->config->resets)
		m->restored->tsc_offset = vcpu_tsc_offset(&m->vcpu, &m->sys);
	return r == 0 ? m->boot->restored(m, true) : r;
}

/* ---- again ---- */

/*
 * Where KVM shadows page tables it has not seen ours change back; a new slot makes it begin anew. On hardware with a second level
 * that is not needed, but costs little.
 */
COLD bool restore_touched_tables(const struct machine *m)
{
	return m->memory_split || m->ring == 0 || m->tables_touched || m->calls[KVICK_CALL_UPDATE_PGTABLE] ||
	       m->calls[KVICK_CALL_LCR3];
}

static int forget(struct machine *m)
{
	int r = guest_mem_forget(&m->mem, &m->sys);

	return r == 0 && restore_touched_tables(m) ? vm_renew_memory(&m->vm, &m->mem, &m->sys) : r;
}

/* More than these are forgotten as quickly. */
#define PUT_BACK_BYTES_MAX (64 * GUEST_PAGE_BYTES)

/*
 * The few pages that a small guest writes to are read anew from the snapshot instead of let go of. So they stay mapped, for us and
 * for KVM, and the next guest does not fault for each of them (docs/SPEC.md, "Launch as a service"). False where that cannot be,
 * and they have to be forgotten.
 */
static bool put_back(struct machine *m)
{
	struct memory_run runs[GUEST_MEM_WRITTEN_MAX];
	bool boot_info = false; /* we have written that ourselves: a pagemap that does not know it is another process's */
	uint64_t bytes = 0;
	int count;

	if (!m->config->pagemap_is_open || restore_touched_tables(m))
		return false;
	count = guest_mem_written(&m->mem, m->config->pagemap_fd, runs, GUEST_MEM_WRITTEN_MAX, &m->sys);
	for (int i = 0; i < count; i++) {
		bytes += runs[i].bytes;
		boot_info |= LAYOUT_BOOT_INFO >= runs[i].at && LAYOUT_BOOT_INFO - runs[i].at < runs[i].bytes;
	}
	if (count < 0 || bytes > PUT_BACK_BYTES_MAX || !boot_info)
		return false;
	for (int i = 0; i < count; i++)
		if (!guest_mem_writable(&m->mem, gpa(runs[i].at), runs[i].bytes) ||
		    guest_mem_read_file(&m->mem, gpa(runs[i].at), runs[i].bytes, m->config->snapshot->memory_fd, runs[i].at,
					&m->sys) < 0)
			return false;
	return true;
}

COLD int machine_reset(struct machine *m)
{
	/* One that ended otherwise may have found a way that nobody thought of. */
	enum vcpu_used used = restore_touched_tables(m) || m->outcome != OUTCOME_EXITED ? VCPU_USED : VCPU_USED_AT_RING3;
	int r = vcpu_complete(&m->vcpu, &m->sys); /* what it left by must not be completed in the next guest */

	if (r == 0 && !put_back(m))
		r = forget(m);
	if (r < 0)
		return error_set(&m->error, ERROR_HOST, -r, "%s: a machine cannot be used again: %s", m->config->snapshot->name,
				 strerror(-r));
	memset(m->calls, 0, sizeof(m->calls));
	memset(m->exits, 0, sizeof(m->exits));
	m->error.kind = ERROR_NONE;
	m->memory_split = false;
	m->stuck_rip = m->stuck_ticks = 0;
	m->console.errnum = 0;
	m->console.bytes = m->console.bytes_dropped = 0;
	begin_again(m);
	if (used == VCPU_USED)
		vcpu_restore_tsc_offset(&m->vcpu, m->restored->tsc_offset, &m->sys);
	r = vcpu_load(&m->vcpu, &m->vm, &m->restored->vcpu, used, &m->sys, &m->error);
	return r == 0 ? m->boot->restored(m, false) : r;
}
