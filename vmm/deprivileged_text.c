/* SPDX-License-Identifier: Apache-2.0 */
/* A deprivileged guest's text: scanned and patched before its start, or patched as an earlier launch of the same file was. */
#include "vmm/deprivileged_pages.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "loader/image.h"
#include "vmm/deprivileged.h"
#include "vmm/host_cache.h"
#include "vmm/machine.h"
#include "vmm/pagetable.h"
#include "vmm/round.h"
#include "vmm/x86/scan.h"

#define SITES_MAX (MONITOR_SITES_MAX)

#define FUNCTIONS_MAX 65536u

/* 2^64 by the golden ratio, odd. */
#define SUM_FACTOR 0x9e3779b97f4a7c15u

/* No text is larger than there are tables to split its large pages by: so much need not be scanned to find that out. */
#define TEXT_BYTES_MAX ((MONITOR_SPLIT_END - MONITOR_SPLIT) / GUEST_PAGE_BYTES * PAGE_2M_BYTES + 2 * PAGE_2M_BYTES)

bool deprivileged_is_text(const struct machine *m, uint64_t page)
{
	for (unsigned i = 0; i < m->image.segment_count; i++) {
		const struct segment *s = &m->image.segments[i];

		if (s->perms & SEGMENT_X && page + GUEST_PAGE_BYTES > s->gpa && page < s->gpa + s->mem_bytes)
			return true;
	}
	return false;
}

static int no_room(struct machine *m, const char *what)
{
	return error_set(&m->error, ERROR_IMAGE, ENOSPC, "%s: has too %s to run at ring 3: use --ring 0", m->image.path, what);
}

/* Is there anything in the page, which may begin before the text, that would have to be patched, were it code? */
static bool is_in_doubt(const struct x86_scan *scan, uint64_t page)
{
	for (uint64_t i = 0; i < GUEST_PAGE_BYTES; i++)
		if (page + i < scan->bytes && x86_scan_is(scan, X86_SCAN_DOUBT, page + i) &&
		    x86_scan_is(scan, X86_SCAN_PATCH, page + i))
			return true;
	return false;
}

/* Where the image is entered, if that is in this segment. Returns how many entries that are. */
static unsigned entry_in(const struct machine *m, const struct segment *segment, uint32_t *entry)
{
	uint64_t at = m->image.entry - segment->gpa;

	*entry = (uint32_t)at;
	return at < segment->mem_bytes;
}

/* Where code cannot be told from data, the symbol table may help. That is read only then. */
static COLD void scan_from_functions(struct machine *m, const struct segment *segment, struct x86_scan *scan)
{
	uint32_t *entries;
	unsigned count;
	void *at;

	if (sys_mmap(&m->sys, NULL, FUNCTIONS_MAX * sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0,
		     &at) < 0)
		return;
	entries = at;
	scan->site_count = scan->doubt_count = 0;
	memset(scan->maps, 0, X86_SCAN_MAPS * X86_SCAN_WORDS(scan->bytes) * sizeof(uint64_t));
	count = entry_in(m, segment, entries);
	count += image_functions(&m->image, segment, entries + count, FUNCTIONS_MAX - count, &m->sys);
	x86_scan(scan, entries, count);
	sys_munmap(&m->sys, at, FUNCTIONS_MAX * sizeof(uint32_t));
}

static int patch_segment(struct machine *m, const struct segment *segment, struct x86_scan *scan)
{
	uint8_t *code = guest_mem_span(&m->mem, gpa(segment->gpa), segment->mem_bytes);
	uint32_t entry;

	assert(code);
	scan->code = code;
	scan->bytes = segment->mem_bytes;
	x86_scan(scan, &entry, entry_in(m, segment, &entry));
	if (scan->doubt_count)
		scan_from_functions(m, segment, scan);
	if (scan->site_count > scan->sites_max)
		return no_room(m, "many critical instructions");
	for (unsigned i = 0; i < scan->site_count; i++) {
		if (!deprivileged_site_add(m, segment->gpa + scan->sites[i], code[scan->sites[i]]))
			return no_room(m, "many critical instructions");
		code[scan->sites[i]] = 0xcc;
	}
	return 0;
}

/* Of all that a scan goes by but the symbol table. Each step is reversible: two texts that differ in one word have two sums. */
static uint64_t text_sum(const struct machine *m)
{
	uint64_t sum = m->image.entry;

	for (unsigned i = 0; i < m->image.segment_count; i++) {
		const struct segment *s = &m->image.segments[i];
		const uint8_t *code = guest_mem_view(&m->mem, gpa(s->gpa), s->mem_bytes);
		uint64_t at = 0, word;

		if (!(s->perms & SEGMENT_X))
			continue;
		sum = ((sum ^ s->gpa) * SUM_FACTOR ^ s->mem_bytes) * SUM_FACTOR;
		for (; s->mem_bytes - at >= sizeof(word); at += sizeof(word)) {
			memcpy(&word, code + at, sizeof(word));
			sum = (sum ^ word) * SUM_FACTOR;
		}
		word = 0;
		memcpy(&word, code + at, s->mem_bytes - at);
		sum = (sum ^ word) * SUM_FACTOR;
	}
	return sum;
}

/* What an earlier launch of the same file has found. Each is looked at again: it is code that is written to. */
static bool patch_from_memory(struct machine *m, uint64_t text)
{
	uint64_t found[HOST_CACHE_SITES_MAX];
	unsigned count;

	if (!host_cache_read_scan(m->image.fd, text, found, &count, &m->sys))
		return false;
	for (unsigned i = 0; i < count; i++) {
		const uint8_t *code = guest_mem_span(&m->mem, gpa(found[i]), 1);

		if (!code || !deprivileged_is_text(m, round_down(found[i], GUEST_PAGE_BYTES)) || (i && found[i] <= found[i - 1]) ||
		    !x86_site_bytes(code, m->mem.bytes - found[i]))
			return false;
	}
	for (unsigned i = 0; i < count; i++) {
		uint8_t *code = guest_mem_span(&m->mem, gpa(found[i]), 1);

		deprivileged_site_add(m, found[i], *code);
		*code = 0xcc;
	}
	return true;
}

static void remember(struct machine *m, uint64_t text)
{
	uint64_t found[HOST_CACHE_SITES_MAX];

	if (m->dep.site_count > HOST_CACHE_SITES_MAX)
		return;
	for (unsigned i = 0; i < m->dep.site_count; i++)
		found[i] = deprivileged_sites(m)[i].at;
	host_cache_write_scan(m->image.fd, text, found, m->dep.site_count, &m->sys);
}

/* Is there text of the segment before it in its first page, of which it has been said whether it is executable? */
static bool shares_page(const struct machine *m, const struct segment *segment)
{
	return segment > m->image.segments && segment[-1].perms & SEGMENT_X &&
	       segment[-1].gpa + segment[-1].mem_bytes > round_down(segment->gpa, GUEST_PAGE_BYTES);
}

/* The text's pages: executable, but for those in doubt. */
static int open_text(struct machine *m, const struct segment *segment, const struct x86_scan *scan)
{
	uint64_t first = round_down(segment->gpa, GUEST_PAGE_BYTES);
	uint64_t end = round_up(segment->gpa + segment->mem_bytes, GUEST_PAGE_BYTES);

	/*
	 * Where code cannot be told from data it is not executable: when it is executed, one knows better. Hugepages are not made
	 * read-only as other memory is: then the tables have to see to it that what is patched stays.
	 */
	for (uint64_t at = first; at < end; at += GUEST_PAGE_BYTES) {
		bool doubt = scan && scan->doubt_count && is_in_doubt(scan, at - segment->gpa);
		bool open = !doubt && !(at == first && shares_page(m, segment));

		if (!deprivileged_page_change(m, NULL, at, doubt ? PTE_NX : 0,
					      (open ? PTE_NX : 0) | (m->mem.hugepages ? PTE_WRITE : 0)))
			return no_room(m, "much text");
	}
	return 0;
}

static int scan_text(struct machine *m, uint64_t most, bool *doubt)
{
	const uint64_t map_bytes = X86_SCAN_MAPS * X86_SCAN_WORDS(most) * sizeof(uint64_t);
	const uint64_t bytes = map_bytes + SITES_MAX * sizeof(uint32_t);
	void *scratch;
	int r = sys_mmap(&m->sys, NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &scratch);

	if (r < 0)
		return error_set(&m->error, ERROR_HOST, -r, "%s: no memory to scan its text with: free some", m->image.path);
	for (unsigned i = 0; i < m->image.segment_count && r == 0; i++) {
		struct x86_scan scan = {
			.maps = scratch, .sites = (uint32_t *)((uint8_t *)scratch + map_bytes), .sites_max = SITES_MAX,
		};

		if (!(m->image.segments[i].perms & SEGMENT_X))
			continue;
		if (i)
			memset(scratch, 0, map_bytes);
		r = patch_segment(m, &m->image.segments[i], &scan);
		if (r == 0)
			r = open_text(m, &m->image.segments[i], &scan);
		*doubt |= scan.doubt_count > 0;
	}
	sys_munmap(&m->sys, scratch, bytes);
	return r;
}

int deprivileged_patch(struct machine *m)
{
	bool doubt = false;
	uint64_t most = 0, all = 0, text;
	int r = 0;

	for (unsigned i = 0; i < m->image.segment_count; i++) {
		uint64_t bytes = m->image.segments[i].perms & SEGMENT_X ? m->image.segments[i].mem_bytes : 0;

		most = bytes > most ? bytes : most;
		all += bytes;
	}
	if (all > TEXT_BYTES_MAX)
		return no_room(m, "much text");
	text = text_sum(m);
	if (!patch_from_memory(m, text)) {
		r = scan_text(m, most, &doubt);
		if (r == 0 && !doubt)
			remember(m, text);
		return r;
	}
	for (unsigned i = 0; i < m->image.segment_count && r == 0; i++)
		if (m->image.segments[i].perms & SEGMENT_X)
			r = open_text(m, &m->image.segments[i], NULL);
	return r;
}
