/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "virtio/devices_state.h"
#include "vmm/engine.h"
#include "vmm/machine.h"
#include "vmm/machine_state.h"
#include "vmm/restore.h"
#include "vmm/state.h"
#include "vmm/vcpu_state.h"

/* ---- state ---- */

static void put_machine(const struct machine *m, struct state_writer *w)
{
	struct machine_state s = {
		.kind = m->image.protocol->kind, .ring = m->ring, .doorbell = m->doorbell, .deprivileged = m->deprivileged,
		.cpu_model = m->cpu_model, .interrupt_flag = m->interrupt_flag, .xsave_bytes = m->cpu_state.xsave_bytes,
		.readonly_count = m->mem.readonly_count, .function_stage = m->function_stage, .xcr0 = m->cpu_state.xcr0,
		.generation = m->generation, .pending_call = m->pending_call, .pgd = m->pgd, .ring0_pgd = m->ring0_pgd,
		.behind_bytes = m->mem.behind, .plan = m->plan,
		.tables_touched = restore_touched_tables(m),
	};

	memcpy(s.readonly, m->mem.readonly, m->mem.readonly_count * sizeof(s.readonly[0]));
	state_begin(w, STATE_MACHINE);
	state_put(w, &s, sizeof(s));
}

static void put_image(const struct machine *m, struct state_writer *w)
{
	struct image_state s = {
		.base = m->image.base, .end = m->image.end, .entry = m->image.entry, .rings = m->image.note.rings,
		.flags = m->image.note.flags, .segment_count = m->image.segment_count,
	};

	for (unsigned i = 0; i < m->image.segment_count; i++) {
		s.segments[i].gpa = m->image.segments[i].gpa;
		s.segments[i].mem_bytes = m->image.segments[i].mem_bytes;
		s.segments[i].perms = m->image.segments[i].perms;
	}
	state_begin(w, STATE_IMAGE);
	state_put(w, &s, sizeof(s));
}

static int put_vcpu(struct machine *m, struct state_writer *w)
{
	const struct cpuid_state cpuid = { .count = m->cpuid.count };
	struct vcpu_saved saved;
	/* Registers that wait in kvm_run go to KVM, and the last exit's instruction is completed. */
	int r = vcpu_complete(&m->vcpu, &m->sys);

	if (r < 0)
		return error_set(&m->error, ERROR_HOST, -r, "KVM_RUN: %s: the guest cannot be stopped where it is: try again",
				 strerror(-r));
	r = vcpu_save(&m->vcpu, &m->vm, &m->kvm, &saved, &m->sys, &m->error);
	if (r < 0)
		return r;
	state_begin(w, STATE_VCPU);
	state_put(w, &saved, offsetof(struct vcpu_saved, msrs));
	state_put(w, saved.msrs, saved.msr_count * sizeof(saved.msrs[0]));
	state_put(w, &cpuid, sizeof(cpuid));
	state_put(w, m->cpuid.entries, m->cpuid.count * sizeof(m->cpuid.entries[0]));
	return 0;
}

/* ---- memory ---- */

/* In one piece: so it comes to lie in a large page of the page cache where the file system has such (guest_mem_map_run()). */
#define CHUNK_BYTES PAGE_2M_BYTES
#define CHUNK_PAGES (CHUNK_BYTES / GUEST_PAGE_BYTES)

/* Documentation/admin-guide/mm/pagemap.rst */
#define PAGEMAP_PRESENT (1ull << 63)
#define PAGEMAP_SWAPPED (1ull << 62)
#define PAGEMAP_FILE    (1ull << 61)

/* Of a chunk's pages, which may hold something. Where the kernel does not tell, all. */
static void look_at(const struct machine *m, int pagemap_fd, uint64_t at, unsigned pages, uint64_t map[CHUNK_PAGES],
		    struct sys *sys)
{
	uint64_t offset = ((uintptr_t)m->mem.host + at) / GUEST_PAGE_BYTES * sizeof(map[0]);
	ssize_t bytes = pagemap_fd < 0 ? 0 : sys_pread(sys, pagemap_fd, map, pages * sizeof(map[0]), offset);

	if (bytes != (ssize_t)(pages * sizeof(map[0])))
		memset(map, 0xff, pages * sizeof(map[0]));
}

/* What is mapped of a file may hold something also where it is not present yet. */
static bool is_of_a_file(const struct machine *m, uint64_t at)
{
	if (!m->restored)
		return at >= m->image.base && at < m->image.end;
	for (unsigned i = 0; i < m->restored->run_count; i++)
		if (at >= m->restored->runs[i].at && at - m->restored->runs[i].at < m->restored->runs[i].bytes)
			return true;
	return false;
}

static bool is_zero(const uint8_t *page)
{
	return page[0] == 0 && memcmp(page, page + 1, GUEST_PAGE_BYTES - 1) == 0;
}

struct runs {
	uint32_t count;
	uint64_t gap; /* so many bytes of zeroes are not worth another run */
	struct memory_run list[SNAPSHOT_RUNS_MAX];
};

/* Near ones become one, until there is room. */
static void merge(struct runs *runs)
{
	while (runs->count == SNAPSHOT_RUNS_MAX) {
		uint32_t kept = 0;

		runs->gap *= 2;
		for (uint32_t i = 1; i < runs->count; i++) {
			struct memory_run *last = &runs->list[kept];

			if (runs->list[i].at - (last->at + last->bytes) <= runs->gap)
				last->bytes = runs->list[i].at + runs->list[i].bytes - last->at;
			else
				runs->list[++kept] = runs->list[i];
		}
		runs->count = kept + 1;
	}
}

static void add_page(struct runs *runs, uint64_t at)
{
	struct memory_run *last = &runs->list[runs->count - 1];

	if (runs->count && at - (last->at + last->bytes) <= runs->gap) {
		last->bytes = at + GUEST_PAGE_BYTES - last->at;
		return;
	}
	merge(runs);
	runs->list[runs->count++] = (struct memory_run){ at, GUEST_PAGE_BYTES };
}

static int write_all(int fd, const uint8_t *from, uint64_t bytes, uint64_t offset, struct sys *sys)
{
	while (bytes > 0) {
		const struct iovec iov = { (void *)(uintptr_t)from, bytes };
		ssize_t n = sys_pwritev(sys, fd, &iov, 1, offset, 0);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? (int)n : -ENOSPC;
		from += n;
		offset += (uint64_t)n;
		bytes -= (uint64_t)n;
	}
	return 0;
}

static int write_chunk(struct machine *m, int fd, int pagemap_fd, uint64_t at, unsigned pages, struct runs *runs)
{
	const uint8_t *memory = guest_mem_all(&m->mem, at, pages * GUEST_PAGE_BYTES);
	uint64_t map[CHUNK_PAGES];
	unsigned first = 0, count = 0; /* of what is to be written in one go */
	int r = 0;

	look_at(m, pagemap_fd, at, pages, map, &m->sys);
	for (unsigned i = 0; i < pages && r == 0; i++) {
		const uint8_t *page = memory + i * GUEST_PAGE_BYTES;
		bool holds = (map[i] & (PAGEMAP_PRESENT | PAGEMAP_SWAPPED) || is_of_a_file(m, at + i * GUEST_PAGE_BYTES)) &&
			     !is_zero(page);

		if (holds)
			add_page(runs, at + i * GUEST_PAGE_BYTES);
		if (holds && count == 0)
			first = i;
		count += holds;
		if (count && (!holds || i + 1 == pages)) {
			r = write_all(fd, memory + first * GUEST_PAGE_BYTES, count * GUEST_PAGE_BYTES,
				      at + first * GUEST_PAGE_BYTES, &m->sys);
			count = 0;
		}
	}
	return r;
}

static int write_memory(struct machine *m, int fd, struct runs *runs,
			void (*progress)(void *context, uint64_t done, uint64_t all), void *context)
{
	uint64_t all = m->mem.bytes + m->mem.behind;
	int pagemap_fd = sys_open(&m->sys, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
	int r = sys_ftruncate(&m->sys, fd, all);

	for (uint64_t at = 0; at < all && r == 0; at += CHUNK_BYTES) {
		uint64_t bytes = all - at < CHUNK_BYTES ? all - at : CHUNK_BYTES;

		r = m->config->stop->signal ? -EINTR :
		    write_chunk(m, fd, pagemap_fd, at, (unsigned)(bytes / GUEST_PAGE_BYTES), runs);
		if (progress)
			progress(context, at, all);
	}
	if (pagemap_fd >= 0)
		sys_close(&m->sys, pagemap_fd);
	return r == 0 ? 0 : error_set(&m->error, ERROR_HOST, -r, "the guest's memory cannot be written: %s: make room",
				      strerror(-r));
}

/* ---- the whole ---- */

static int refuse(struct machine *m)
{
	if (!m->boot->restored)
		return error_set(&m->error, ERROR_USAGE, ENOTSUP, "%s: a guest that has a PC cannot be kept in a snapshot, its "
				 "interrupts and timers are not in one: native and Solo5 images can", m->image.path);
	if (m->solo5)
		return error_set(&m->error, ERROR_USAGE, ENOTSUP, "%s: a Solo5 guest with devices cannot be kept in a snapshot",
				 m->image.path);
	if (m->mem.hugepages)
		return error_set(&m->error, ERROR_USAGE, ENOTSUP, "--hugepages: memory of a snapshot is mapped from a file: leave "
				 "it out");
	return 0;
}

/* Nothing changes RAM meanwhile. */
static int take_still(struct machine *m, struct state_writer *w, int memory_fd,
		      void (*progress)(void *context, uint64_t done, uint64_t all), void *context)
{
	struct runs runs = { .gap = 16 * GUEST_PAGE_BYTES };
	int r;

	put_machine(m, w);
	put_image(m, w);
	r = put_vcpu(m, w);
	if (r < 0)
		return r;
	if (m->deprivileged) {
		state_begin(w, STATE_DEPRIVILEGED);
		state_put(w, &m->dep, sizeof(m->dep));
	}
	r = write_memory(m, memory_fd, &runs, progress, context);
	if (r < 0)
		return r;

	const struct memory_state memory = { .count = runs.count };

	state_begin(w, STATE_MEMORY);
	state_put(w, &memory, sizeof(memory));
	state_put(w, runs.list, runs.count * sizeof(runs.list[0]));
	r = devices_save(&m->devices, w);
	if (r == 0)
		r = state_finish(w);
	return r == 0 ? 0 : error_set(&m->error, ERROR_HOST, -r, "%s: its state is larger than %u bytes", m->image.path,
				      STATE_BYTES_MAX);
}

int snapshot_pause(struct machine *m)
{
	int r = devices_pause(&m->devices);

	return r == 0 ? 0 : error_set(&m->error, ERROR_HOST, -r, "devices cannot be paused: %s: try again, or with --io sync",
				      strerror(-r));
}

int snapshot_take(struct machine *m, struct state_writer *w, int memory_fd,
		  void (*progress)(void *context, uint64_t done, uint64_t all), void *context)
{
	bool paused = m->devices.engine && engine_is_paused(m->devices.engine);
	int r = refuse(m);

	if (r == 0 && !paused)
		r = snapshot_pause(m);
	if (r < 0)
		return r;
	r = take_still(m, w, memory_fd, progress, context);
	if (m->devices.engine && !paused)
		devices_resume(&m->devices);
	return r;
}

/* Adds a page to the last run, or begins another; beyond the limit what follows is left out. */
static void set_add(struct memory_run *runs, unsigned *count, uint64_t at)
{
	struct memory_run *last = &runs[*count - 1];

	if (*count && last->at + last->bytes == at)
		last->bytes += GUEST_PAGE_BYTES;
	else if (*count < SNAPSHOT_SET_MAX)
		runs[(*count)++] = (struct memory_run){ at, GUEST_PAGE_BYTES };
}

int snapshot_working_set(const struct machine *m, int pagemap_fd, struct working_set *set, struct sys *sys)
{
	uint64_t map[CHUNK_PAGES], all = m->mem.bytes + m->mem.behind;

	set->count = set->write_count = 0;
	for (uint64_t at = 0; at < all; at += CHUNK_BYTES) {
		uint64_t left = all - at;
		unsigned pages = (unsigned)((left < CHUNK_BYTES ? left : CHUNK_BYTES) / GUEST_PAGE_BYTES);
		uint64_t offset = ((uintptr_t)m->mem.host + at) / GUEST_PAGE_BYTES * sizeof(map[0]);
		ssize_t n = sys_pread(sys, pagemap_fd, map, pages * sizeof(map[0]), offset);

		if (n != (ssize_t)(pages * sizeof(map[0])))
			return n < 0 ? (int)n : -ENODATA;
		for (unsigned i = 0; i < pages; i++)
			if (map[i] & PAGEMAP_PRESENT && map[i] & PAGEMAP_FILE)
				set_add(set->reads, &set->count, at + i * GUEST_PAGE_BYTES);
			else if (map[i] & PAGEMAP_PRESENT)
				set_add(set->writes, &set->write_count, at + i * GUEST_PAGE_BYTES);
	}
	return 0;
}
