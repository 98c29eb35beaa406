/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/guest_mem.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <linux/mman.h> /* MADV_POPULATE_*: not in every C library */

#include "vmm/error.h"
#include "vmm/pagemap_kernel.h"
#include "vmm/round.h"
#include "vmm/sys.h"

static int cannot_map(uint64_t bytes, enum guest_pages pages, int r, struct error *error)
{
	if (pages == GUEST_PAGES_HUGETLBFS)
		return error_set(error, ERROR_HOST, -r,
				 "--hugepages: the host has not %llu free 2 MiB pages (%s): raise /proc/sys/vm/nr_hugepages, "
				 "or leave the option out", (unsigned long long)(bytes >> 21), strerror(-r));
	return error_set(error, ERROR_HOST, -r,
			 "--mem: the host cannot give %llu MiB of address space (%s): ask for less",
			 (unsigned long long)(bytes >> 20), strerror(-r));
}

/*
 * All but the first 2 MiB: those are tables, stacks and small images, of which a small guest touches some pages
 * and no more, and the first touch of a large page clears all of it.
 */
static int want_large_pages(const struct guest_mem *mem, struct sys *sys, struct error *error)
{
	int r = 0;

	if (mem->bytes > PAGE_2M_BYTES)
		r = sys_madvise(sys, mem->host + PAGE_2M_BYTES, mem->bytes - PAGE_2M_BYTES, MADV_HUGEPAGE);
	return r == 0 ? 0 : error_set(error, ERROR_HOST, -r, "--hugepages=transparent: this kernel has none (madvise: %s): leave "
				      "the option out", strerror(-r));
}

int guest_mem_create(struct guest_mem *mem, uint64_t bytes, enum guest_pages pages, struct sys *sys, struct error *error)
{
	return guest_mem_create_with(mem, bytes, 0, pages, sys, error);
}

int guest_mem_create_with(struct guest_mem *mem, uint64_t bytes, uint64_t behind, enum guest_pages pages, struct sys *sys,
			  struct error *error)
{
	const bool hugetlbfs = pages == GUEST_PAGES_HUGETLBFS, transparent = pages == GUEST_PAGES_TRANSPARENT;
	/* Hugepages are reserved here and now: running out later would be a SIGBUS in the middle of the guest. */
	int flags = MAP_PRIVATE | MAP_ANONYMOUS | (hugetlbfs ? MAP_HUGETLB : MAP_NORESERVE);
	/*
	 * The second level has a large page only where guest-physical and host address agree below 2 MiB. hugetlbfs aligns
	 * by itself. Else the address space for it costs nothing, and a second call to give the rest back would.
	 */
	bool aligned = transparent || pages == GUEST_PAGES_ALIGNED;
	uint64_t mapping_bytes = bytes + behind + (aligned ? PAGE_2M_BYTES - GUEST_PAGE_BYTES : 0);
	void *mapping;
	int r;

	if (hugetlbfs)
		mapping_bytes = round_up(mapping_bytes, PAGE_2M_BYTES);
	assert((bytes | behind) % GUEST_PAGE_BYTES == 0 && bytes >= GUEST_MEM_BYTES_MIN && bytes <= GUEST_MEM_BYTES_MAX);
	r = sys_mmap(sys, NULL, mapping_bytes, PROT_READ | PROT_WRITE, flags, -1, 0, &mapping);
	if (r < 0)
		return cannot_map(hugetlbfs ? mapping_bytes : bytes, pages, r, error);
	*mem = (struct guest_mem){
		.host = aligned ? (uint8_t *)round_up((uintptr_t)mapping, PAGE_2M_BYTES) : mapping,
		.bytes = bytes, .behind = behind, .hugepages = hugetlbfs, .mapping = mapping, .mapping_bytes = mapping_bytes,
	};
	r = transparent ? want_large_pages(mem, sys, error) : 0;
	/* Where the host would give them unasked, as Debian does, a launch would pay for 2 MiB of zeroes at its first touch. */
	if (pages == GUEST_PAGES_4K)
		sys_madvise(sys, mapping, mapping_bytes, MADV_NOHUGEPAGE); /* refused only where there are none */
	if (r < 0)
		guest_mem_destroy(mem, sys);
	return r;
}

void guest_mem_destroy(struct guest_mem *mem, struct sys *sys)
{
	if (mem->host)
		sys_munmap(sys, mem->mapping, mem->mapping_bytes);
	*mem = (struct guest_mem){ 0 };
}

bool guest_mem_contains(const struct guest_mem *mem, gpa_t at, uint64_t bytes)
{
	return at.u <= mem->bytes && bytes <= mem->bytes - at.u;
}

void *guest_mem_behind(const struct guest_mem *mem, uint64_t offset, uint64_t bytes)
{
	assert(offset <= mem->behind && bytes <= mem->behind - offset);
	return mem->host + mem->bytes + offset;
}

int guest_mem_protect(struct guest_mem *mem, const struct memory_run *runs, unsigned count, struct sys *sys)
{
	assert(count <= GUEST_MEM_READONLY_MAX && !mem->hugepages && !mem->readonly_count);
	for (unsigned i = 0; i < count; i++) {
		assert(runs[i].bytes && (runs[i].at | runs[i].bytes) % GUEST_PAGE_BYTES == 0);
		assert(guest_mem_contains(mem, gpa(runs[i].at), runs[i].bytes));
		int r = sys_mprotect(sys, mem->host + runs[i].at, runs[i].bytes, PROT_READ);

		if (r < 0)
			return r;
		mem->readonly[mem->readonly_count++] = runs[i];
	}
	return 0;
}

const struct memory_run *guest_mem_readonly(const struct guest_mem *mem, gpa_t at, uint64_t bytes)
{
	for (unsigned i = 0; i < mem->readonly_count; i++) {
		const struct memory_run *run = &mem->readonly[i];

		/* Neither sum is formed: at + bytes may wrap. */
		if (bytes && (at.u < run->at ? bytes > run->at - at.u : at.u - run->at < run->bytes))
			return run;
	}
	return NULL;
}

bool guest_mem_writable(const struct guest_mem *mem, gpa_t at, uint64_t bytes)
{
	return guest_mem_contains(mem, at, bytes) && !guest_mem_readonly(mem, at, bytes);
}

const void *guest_mem_view(const struct guest_mem *mem, gpa_t at, uint64_t bytes)
{
	return guest_mem_contains(mem, at, bytes) ? mem->host + at.u : NULL;
}

void *guest_mem_span(const struct guest_mem *mem, gpa_t at, uint64_t bytes)
{
	return guest_mem_writable(mem, at, bytes) ? mem->host + at.u : NULL;
}

int guest_mem_read(const struct guest_mem *mem, gpa_t at, void *to, uint64_t bytes)
{
	const void *from = guest_mem_view(mem, at, bytes);

	if (!from)
		return -EFAULT;
	memcpy(to, from, bytes);
	return 0;
}

int guest_mem_write(const struct guest_mem *mem, gpa_t at, const void *from, uint64_t bytes)
{
	void *to = guest_mem_span(mem, at, bytes);

	if (!to)
		return -EFAULT;
	memcpy(to, from, bytes);
	return 0;
}

int guest_mem_map_file(struct guest_mem *mem, gpa_t at, uint64_t bytes, int fd, uint64_t offset, bool *mapped,
		       struct sys *sys)
{
	void *where = guest_mem_span(mem, at, bytes);

	assert(where && (at.u | bytes | offset) % GUEST_PAGE_BYTES == 0);
	*mapped = false;
	if (mem->hugepages || bytes == 0)
		return 0;
	int r = sys_mmap(sys, where, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, offset,
			 &where);
	if (r == 0)
		*mapped = true;
	return r;
}

COLD const uint8_t *guest_mem_all(const struct guest_mem *mem, uint64_t at, uint64_t bytes)
{
	uint64_t all = mem->bytes + mem->behind;

	assert(at <= all && bytes <= all - at);
	return mem->host + at;
}

COLD int guest_mem_map_run(struct guest_mem *mem, const struct memory_run *run, int fd, struct sys *sys)
{
	void *where = (void *)(uintptr_t)guest_mem_all(mem, run->at, run->bytes);
	int r;

	assert(!mem->hugepages && (run->at | run->bytes) % GUEST_PAGE_BYTES == 0);
	r = sys_mmap(sys, where, run->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, run->at, &where);
	/* Read 2 MiB at a time where the page cache has nothing yet; best effort. */
	if (r == 0 && run->bytes >= PAGE_2M_BYTES)
		sys_madvise(sys, where, run->bytes, MADV_HUGEPAGE);
	return r;
}

COLD int guest_mem_forget(struct guest_mem *mem, struct sys *sys)
{
	assert(!mem->hugepages);
	return sys_madvise(sys, mem->host, mem->bytes + mem->behind, MADV_DONTNEED);
}

COLD int guest_mem_written(const struct guest_mem *mem, int pagemap_fd, struct memory_run *runs, unsigned max, struct sys *sys)
{
	struct page_region regions[GUEST_MEM_WRITTEN_MAX + 1];
	struct pm_scan_arg scan = {
		.size = sizeof(scan), .start = (uintptr_t)mem->host, .end = (uintptr_t)mem->host + mem->bytes + mem->behind,
		.vec = (uintptr_t)regions, .vec_len = max + 1,
		/* Here, or swapped out; and neither the file's own pages nor the page of zeroes. */
		.category_mask = PAGE_IS_FILE | PAGE_IS_PFNZERO, .category_inverted = PAGE_IS_FILE | PAGE_IS_PFNZERO,
		.category_anyof_mask = PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
	};
	int count;

	assert(max <= GUEST_MEM_WRITTEN_MAX);
	count = sys_ioctl(sys, pagemap_fd, PAGEMAP_SCAN, (uintptr_t)&scan);
	if (count > (int)max || (count >= 0 && scan.walk_end != scan.end))
		return -E2BIG;
	for (int i = 0; i < count; i++) {
		runs[i].at = regions[i].start - (uintptr_t)mem->host;
		runs[i].bytes = regions[i].end - regions[i].start;
	}
	return count;
}

COLD void guest_mem_populate(struct guest_mem *mem, const struct memory_run *run, bool write, struct sys *sys)
{
	sys_madvise(sys, mem->host + run->at, run->bytes, write ? MADV_POPULATE_WRITE : MADV_POPULATE_READ);
}

COLD int guest_mem_take(struct guest_mem *mem, gpa_t at, uint64_t bytes, void *from, bool *taken, struct sys *sys)
{
	assert((at.u | bytes | (uintptr_t)from) % GUEST_PAGE_BYTES == 0 && guest_mem_writable(mem, at, bytes));
	*taken = !mem->hugepages;
	return mem->hugepages ? 0 : sys_mremap(sys, from, bytes, mem->host + at.u);
}

int guest_mem_read_file(struct guest_mem *mem, gpa_t at, uint64_t bytes, int fd, uint64_t offset, struct sys *sys)
{
	uint8_t *to = guest_mem_span(mem, at, bytes);

	assert(to);
	while (bytes > 0) {
		ssize_t n = sys_pread(sys, fd, to, bytes, offset);

		if (n == -EINTR)
			continue;
		if (n < 0)
			return (int)n;
		if (n == 0)
			return -ENODATA;
		to += n;
		offset += (uint64_t)n;
		bytes -= (uint64_t)n;
	}
	return 0;
}
