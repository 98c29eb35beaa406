/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pages of a deprivileged guest are executable. Text of the image is (deprivileged_text.c). Other pages that the guest's
 * tables let it execute (all of a Solo5 guest's RAM) are not executable in truth: the first try is a page fault, the page is
 * scanned from there, patched, and becomes executable and read-only; the first store after that makes it what it was.
 */
#include "vmm/deprivileged_pages.h"

#include <string.h>

#include "vmm/deprivileged.h"
#include "vmm/layout.h"
#include "vmm/machine.h"
#include "vmm/pagetable.h"
#include "vmm/round.h"
#include "vmm/x86/decode.h"
#include "vmm/x86/scan.h"
#include "vmm/x86/sensitive.h"

/* Page-fault error code, AMD64 APM 2, 8.4.2. */
#define PF_PRESENT 1u
#define PF_WRITE   2u
#define PF_FETCH   16u

#define TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_USER | PTE_ACCESSED)

/* ---- sites: the instructions that an INT3 stands for ---- */

struct monitor_site *deprivileged_sites(const struct machine *m)
{
	return guest_mem_behind(&m->mem, MONITOR_SITES, MONITOR_SITES_END - MONITOR_SITES);
}

static struct monitor_state *state(const struct machine *m)
{
	return guest_mem_behind(&m->mem, MONITOR_STATE, sizeof(struct monitor_state));
}

/* Mostly the new one is the last. */
bool deprivileged_site_add(struct machine *m, uint64_t at, uint8_t first)
{
	struct monitor_site *all = deprivileged_sites(m);
	unsigned n = m->dep.site_count;

	if (n == MONITOR_SITES_MAX)
		return false;
	while (n > 0 && all[n - 1].at > at)
		n--;
	memmove(&all[n + 1], &all[n], (m->dep.site_count - n) * sizeof(all[0]));
	all[n] = (struct monitor_site){ .at = at, .first = first };
	state(m)->site_count = ++m->dep.site_count;
	return true;
}

/* Puts back what stood in the page. */
static void sites_remove(struct machine *m, uint64_t page)
{
	struct monitor_site *all = deprivileged_sites(m);
	unsigned kept = 0;

	for (unsigned i = 0; i < m->dep.site_count; i++) {
		struct monitor_site site = all[i]; /* one copy */
		uint8_t *at = guest_mem_span(&m->mem, gpa(site.at), 1);

		if (site.at - page >= GUEST_PAGE_BYTES)
			all[kept++] = site;
		else if (at && *at == 0xcc)
			*at = site.first;
	}
	state(m)->site_count = m->dep.site_count = kept;
}

/* ---- page-table entries ---- */

static uint64_t *entry_host(const struct machine *m, uint64_t at)
{
	if (at < m->mem.bytes)
		return guest_mem_span(&m->mem, gpa(at), sizeof(uint64_t));
	return at - m->mem.bytes < m->mem.behind ? guest_mem_behind(&m->mem, at - m->mem.bytes, sizeof(uint64_t)) : NULL;
}

/* Where the entry of the lowest level for `va` lies in guest-physical memory, and what it is; 0: there is none. */
static uint64_t entry_find(const struct machine *m, uint64_t va, unsigned *level, uint64_t *value)
{
	uint64_t table = m->pgd;

	for (*level = PAGETABLE_LEVELS;; (*level)--) {
		uint64_t at = table + pagetable_index(va, *level) * sizeof(uint64_t);
		const uint64_t *entry = entry_host(m, at);

		if (!entry)
			return 0;
		*value = *(const volatile uint64_t *)entry;
		if (!(*value & PTE_PRESENT))
			return 0;
		if (*level == 1 || *value & PTE_LARGE)
			return at;
		table = *value & PTE_ADDR;
	}
}

/* The monitor's address for it; 0: it is in no table that the monitor may write to. */
static uint64_t entry_virtual(const struct machine *m, uint64_t at)
{
	if (at - m->dep.tables.at < m->dep.tables.bytes)
		return MONITOR_VIRTUAL + MONITOR_GUEST_TABLES + (at - m->dep.tables.at);
	return at - m->mem.bytes < m->mem.behind ? MONITOR_VIRTUAL + (at - m->mem.bytes) : 0;
}

/* Before the guest runs, or to what it is about to be told: plain, or by the monitor. */
static bool entry_set(struct machine *m, struct monitor_state *s, uint64_t at, uint64_t value)
{
	uint64_t virtual = entry_virtual(m, at);

	if (!s) {
		*entry_host(m, at) = value;
		return true;
	}
	if (!virtual || s->store_count >= MONITOR_STORES_MAX)
		return false;
	s->stores[s->store_count].at = virtual;
	s->stores[s->store_count++].value = value;
	return true;
}

bool deprivileged_page_change(struct machine *m, struct monitor_state *s, uint64_t va, uint64_t set, uint64_t clear)
{
	unsigned level = 0;
	uint64_t value = 0, at = entry_find(m, va, &level, &value);

	if (!at || level > 2)
		return false;
	if (!(value & clear) && (value & set) == set)
		return true;
	if (level == 2) {
		uint64_t split = MONITOR_SPLIT + m->dep.splits * GUEST_PAGE_BYTES, *table;

		if (split >= MONITOR_SPLIT_END)
			return false;
		m->dep.splits++;
		table = guest_mem_behind(&m->mem, split, GUEST_PAGE_BYTES);
		for (unsigned i = 0; i < PAGETABLE_ENTRIES; i++)
			table[i] = (value & ~(uint64_t)PTE_LARGE) + i * GUEST_PAGE_BYTES;
		if (!entry_set(m, s, at, (m->mem.bytes + split) | TABLE_FLAGS))
			return false;
		at = m->mem.bytes + split + pagetable_index(va, 1) * sizeof(uint64_t);
		table[pagetable_index(va, 1)] = (table[pagetable_index(va, 1)] & ~clear) | set;
		return true;
	}
	return entry_set(m, s, at, (value & ~clear) | set);
}

/* ---- pages that are executed later ---- */

static unsigned granted_find(const struct machine *m, uint64_t page)
{
	unsigned i = 0;

	while (i < m->dep.granted_count && m->dep.granted[i] != page)
		i++;
	return i;
}

/* By the tables that the guest was given: all of RAM for Solo5, the image's text for others. */
static bool may_be_executed(const struct machine *m, uint64_t page)
{
	return m->boot->native ? deprivileged_is_text(m, page) : page < m->mem.bytes;
}

static bool may_be_written(const struct machine *m, uint64_t page)
{
	return !m->boot->native && page >= LAYOUT_IMAGE_BASE && !deprivileged_is_text(m, page);
}

static bool give_up(struct machine *m, uint64_t at, const char *why)
{
	crash_machine(m, "deprivileged: executes 0x%llx, %s: use --ring 0", (unsigned long long)at, why);
	return true;
}

/* No code any more: what stood there is put back. False: the guest is at its end. */
static bool drop(struct machine *m, struct monitor_state *s, uint64_t page)
{
	unsigned i = granted_find(m, page);

	if (i == m->dep.granted_count || !may_be_written(m, page))
		return true;
	m->dep.granted[i] = m->dep.granted[--m->dep.granted_count];
	sites_remove(m, page);
	return deprivileged_page_change(m, s, page, PTE_NX | PTE_WRITE, 0) || !give_up(m, page, "and cannot be made data again");
}

/* The next site, from the i-th on, of those in these bytes. False: there is none. */
static bool site_next(const struct machine *m, uint64_t at, uint64_t bytes, unsigned *i, struct monitor_site *site)
{
	const struct monitor_site *all = deprivileged_sites(m);

	while (*i < m->dep.site_count) {
		*site = all[(*i)++]; /* one copy */
		if (site->at - at < bytes)
			return true;
	}
	return false;
}

/* As the guest has it, without INT3s of ours: where one stands an instruction begins. */
static void code_read(const struct machine *m, uint64_t from, uint8_t *code, struct x86_scan *scan)
{
	struct monitor_site site;

	memcpy(code, guest_mem_view(&m->mem, gpa(from), scan->bytes), scan->bytes);
	for (unsigned i = 0; site_next(m, from, scan->bytes, &i, &site);)
		if (code[site.at - from] == 0xcc) {
			code[site.at - from] = site.first;
			x86_scan_enter(scan, site.at - from);
		}
}

/*
 * Could an instruction that is to be patched, and was not, begin before the page and end in it? When the page before was scanned,
 * this one may have been data, and another.
 */
static bool goes_on(const struct x86_scan *scan, uint64_t page)
{
	for (uint64_t at = 0; at < page; at++)
		if (!x86_scan_is(scan, X86_SCAN_TARGETS, at) && x86_site_bytes(scan->code + at, scan->bytes - at) > page - at)
			return true;
	return false;
}

/* From `address` on, with its neighbours. False: the guest is at its end. */
static bool patch_page(struct machine *m, struct monitor_state *s, uint64_t address)
{
	const uint64_t page = round_down(address, GUEST_PAGE_BYTES), around = X86_INSTRUCTION_BYTES_MAX;
	const uint64_t from = page >= around ? page - around : page;
	/* Text before it was scanned without it: what begins there and ends here is looked at now. */
	const uint64_t begin = page && deprivileged_is_text(m, page - 1) && !deprivileged_is_text(m, page) ? from : page;
	const uint64_t to = page + GUEST_PAGE_BYTES + around <= m->mem.bytes ? page + GUEST_PAGE_BYTES + around : m->mem.bytes;
	uint64_t maps[X86_SCAN_MAPS * X86_SCAN_WORDS(GUEST_PAGE_BYTES + 2 * 16)] = { 0 };
	uint8_t code[GUEST_PAGE_BYTES + 2 * 16];
	uint32_t found[256], doubt;
	struct x86_scan scan = {
		.code = code, .bytes = to - from, .maps = maps,
		.sites = found, .sites_max = sizeof(found) / sizeof(found[0]), .doubts = &doubt, .doubts_max = 1,
	};

	code_read(m, from, code, &scan);
	if (goes_on(&scan, page - from) && !drop(m, s, page - GUEST_PAGE_BYTES))
		return false;
	if (!x86_scan_page(&scan, (uint32_t)(s->frame.rip - from < to - from ? s->frame.rip - from : address - from),
			   (uint32_t)(begin - from), (uint32_t)(page - from + GUEST_PAGE_BYTES)))
		return !give_up(m, from + (scan.doubt_count ? doubt : 0), "where critical instructions cannot be told from data");
	if (scan.site_count > scan.sites_max)
		return !give_up(m, address, "a page with too many critical instructions");
	for (unsigned i = 0; i < scan.site_count; i++) {
		uint8_t *at = guest_mem_span(&m->mem, gpa(from + found[i]), 1);

		if (*(const uint8_t *)guest_mem_view(&m->mem, gpa(from + found[i]), 1) != code[found[i]])
			continue; /* by an earlier scan */
		if (!at || !deprivileged_site_add(m, from + found[i], *at))
			return !give_up(m, address, "a page with critical instructions that cannot be patched");
		*at = 0xcc;
	}
	return true;
}

/* Scanned from `address` on, patched, executable, read-only. */
static bool grant(struct machine *m, struct monitor_state *s, uint64_t address)
{
	const uint64_t page = round_down(address, GUEST_PAGE_BYTES);

	if (page == m->dep.taken_page && s->frame.rip == m->dep.taken_rip)
		return give_up(m, address, "where an instruction stores into the page that it is in");
	if (m->dep.granted_count == DEPRIVILEGED_PAGES_MAX)
		return give_up(m, address, "after too many other pages that were written by the guest itself");
	if (!patch_page(m, s, address))
		return true;
	if (!deprivileged_page_change(m, s, page, 0, PTE_NX | PTE_WRITE))
		return give_up(m, address, "and there is no page table left to make it executable");
	m->dep.granted[m->dep.granted_count++] = page;
	m->dep.grants++;
	return true;
}

/*
 * A store to a page that was executed: it may be data again. Its neighbours are scanned anew too: what an instruction there is that
 * begins in one page and ends in the next, both have a say in.
 */
static bool take_back(struct machine *m, struct monitor_state *s, uint64_t stored)
{
	for (uint64_t page = stored - GUEST_PAGE_BYTES; page != stored + 2 * GUEST_PAGE_BYTES; page += GUEST_PAGE_BYTES)
		if (!drop(m, s, page))
			return true;
	m->dep.taken_page = stored;
	m->dep.taken_rip = s->frame.rip;
	return true;
}

bool deprivileged_page_fault(struct machine *m, struct monitor_state *s, uint64_t address, uint64_t error)
{
	uint64_t page = round_down(address, GUEST_PAGE_BYTES);

	s->store_count = 0;
	if (!(error & PF_PRESENT) || address >= m->mem.bytes)
		return false;
	if (error & PF_FETCH && may_be_executed(m, page))
		return grant(m, s, address);
	if (!(error & PF_WRITE))
		return false;
	if (granted_find(m, page) < m->dep.granted_count && may_be_written(m, page))
		return take_back(m, s, page);
	if (deprivileged_is_text(m, page) && !m->boot->native) {
		crash_machine(m, "deprivileged: write to read-only memory at guest-physical 0x%llx, text of the image",
			      (unsigned long long)address);
		return true;
	}
	if (address - m->dep.tables.at < m->dep.tables.bytes && m->boot->native) {
		crash_machine(m, "deprivileged: the guest changes its page tables, at 0x%llx, which cannot be done at ring 3: use "
			      "--ring 0", (unsigned long long)address);
		return true;
	}
	return false;
}

/* Neither sum is formed of what the guest says: at + bytes may wrap. */
static bool overlaps(uint64_t at, uint64_t bytes, uint64_t start, uint64_t end)
{
	return bytes && at < end && (at >= start || bytes > start - at);
}

const char *deprivileged_keeps(const struct machine *m, uint64_t at, uint64_t bytes)
{
	if (overlaps(at, bytes, m->dep.tables.at, m->dep.tables.at + m->dep.tables.bytes))
		return "its page tables, which cannot be changed at ring 3";
	for (unsigned i = 0; i < m->dep.granted_count; i++)
		if (overlaps(at, bytes, m->dep.granted[i], m->dep.granted[i] + GUEST_PAGE_BYTES))
			return "a page of code that it has executed at ring 3";
	/* Hugepages have no second level that is read-only. */
	for (unsigned i = 0; m->mem.hugepages && i < m->image.segment_count; i++) {
		const struct segment *s = &m->image.segments[i];

		if (s->perms & SEGMENT_X && overlaps(at, bytes, s->gpa, s->gpa + s->mem_bytes))
			return "text of the image, which is patched at ring 3";
	}
	return NULL;
}

void deprivileged_unpatch(const struct machine *m, uint64_t at, uint8_t *code, unsigned bytes)
{
	struct monitor_site site;

	for (unsigned i = 0; site_next(m, at, bytes, &i, &site);)
		if (code[site.at - at] == 0xcc)
			code[site.at - at] = site.first;
}

void deprivileged_guest_state(const struct machine *m, struct vcpu_state *v)
{
	const struct monitor_state *s = state(m);
	struct kvm_segment *const segments[SEGS] = {
		[SEG_ES] = &v->sregs.es, [SEG_CS] = &v->sregs.cs, [SEG_SS] = &v->sregs.ss, [SEG_DS] = &v->sregs.ds,
		[SEG_FS] = &v->sregs.fs, [SEG_GS] = &v->sregs.gs,
	};

	if (v->regs.rip >= MONITOR_VIRTUAL && v->regs.rip - MONITOR_VIRTUAL < MONITOR_VIRTUAL_BYTES) {
		const uint64_t *r = s->frame.regs;

		v->regs = (struct kvm_regs){
			.rax = r[0], .rcx = r[1], .rdx = r[2], .rbx = r[3], .rsp = r[4], .rbp = r[5], .rsi = r[6], .rdi = r[7],
			.r8 = r[8], .r9 = r[9], .r10 = r[10], .r11 = r[11], .r12 = r[12], .r13 = r[13], .r14 = r[14], .r15 = r[15],
			.rip = s->frame.rip, .rflags = s->frame.rflags,
		};
	}
	for (unsigned i = 0; i < SEGS; i++)
		segments[i]->selector = s->cpu.selectors[i];
	v->sregs.cr2 = s->cpu.cr2;
	v->sregs.cr0 = s->cpu.cr0;
	v->sregs.cr4 = s->cpu.cr4;
}
