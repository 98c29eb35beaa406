/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/memory_plan.h"

#include <assert.h>
#include <errno.h>

#include "loader/image.h"
#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/layout.h"
#include "vmm/ring0.h"
#include "vmm/round.h"

/* RAM for a guest that has no wish of its own. KVM's cost for a memory slot grows with its size. */
#define MEM_BYTES_DEFAULT (16ull << 20)

_Static_assert(MEMORY_MAPPINGS_MAX >= IMAGE_SEGMENTS_MAX + 7, "every mapping has its place");

/* Places everything in `bytes` of RAM. Returns whether it fits. */
static bool place(struct memory_plan *p, const struct image *image, uint64_t bytes, bool devices)
{
	uint64_t stack_bytes = round_up(image->note.stack_bytes ? image->note.stack_bytes : KVICK_STACK_BYTES_DEFAULT,
					GUEST_PAGE_BYTES);
	uint64_t tables_bytes = pagetable_pages_max(bytes, MEMORY_MAPPINGS_MAX) * GUEST_PAGE_BYTES;
	uint64_t ring0_bytes = ring0_pages(bytes) * GUEST_PAGE_BYTES;
	uint64_t end = bytes, above = 0;

	*p = (struct memory_plan){ .bytes = bytes, .heap_base = image->end };
	if (devices) {
		p->devices_base = image->end;
		p->heap_base += GUEST_PAGE_BYTES;
	}
	if (stack_bytes > LAYOUT_STACK_BYTES_LOW)
		above += stack_bytes + GUEST_PAGE_BYTES;
	if (tables_bytes + ring0_bytes > LAYOUT_TABLES_LOW_END - LAYOUT_TABLES_LOW)
		above += tables_bytes + ring0_bytes;
	if (p->heap_base > bytes || above > bytes - p->heap_base)
		return false;

	p->tables_base = LAYOUT_TABLES_LOW;
	if (tables_bytes + ring0_bytes > LAYOUT_TABLES_LOW_END - LAYOUT_TABLES_LOW)
		p->tables_base = end -= tables_bytes + ring0_bytes;
	p->tables_end = p->ring0_base = p->tables_base + tables_bytes;
	p->ring0_end = p->ring0_base + ring0_bytes;

	p->stack_top = LAYOUT_STACK_TOP_LOW;
	if (stack_bytes > LAYOUT_STACK_BYTES_LOW) {
		p->stack_top = end;
		end -= stack_bytes + GUEST_PAGE_BYTES;
	}
	p->stack_base = p->stack_top - stack_bytes;
	p->heap_end = end;
	return true;
}

/* Tables and a large stack come on top of the image: found by halving, since tables grow with RAM. */
uint64_t memory_plan_least(const struct image *image, bool devices)
{
	uint64_t too_little = round_up(image_mem_bytes_min(image), GUEST_PAGE_BYTES), fits = GUEST_MEM_BYTES_MAX;
	struct memory_plan plan;

	if (too_little < GUEST_MEM_BYTES_MIN)
		too_little = GUEST_MEM_BYTES_MIN;
	if (too_little <= GUEST_MEM_BYTES_MAX && place(&plan, image, too_little, devices))
		return too_little;
	if (!place(&plan, image, fits, devices))
		return 0;
	while (fits - too_little > GUEST_PAGE_BYTES) {
		uint64_t middle = round_down(too_little + (fits - too_little) / 2, GUEST_PAGE_BYTES);

		if (place(&plan, image, middle, devices))
			fits = middle;
		else
			too_little = middle;
	}
	return fits;
}

int memory_plan_make(struct memory_plan *p, const struct image *image, uint64_t mem_bytes, bool devices,
		     struct error *error)
{
	uint64_t least = memory_plan_least(image, devices);

	if (least == 0)
		return error_set(error, ERROR_IMAGE, ENOMEM, "%s: needs more guest RAM than the %llu GiB that kvick gives",
				 image->path, GUEST_MEM_BYTES_MAX >> 30);
	if (mem_bytes == 0)
		mem_bytes = least < MEM_BYTES_DEFAULT ? MEM_BYTES_DEFAULT : least;
	if (mem_bytes >= image_mem_bytes_min(image) && place(p, image, mem_bytes, devices))
		return 0;
	return error_set(error, ERROR_IMAGE, ENOMEM,
			 "%s: needs %llu KiB of guest RAM, and --mem gives %llu KiB: use --mem %lluK", image->path,
			 (unsigned long long)least >> 10, (unsigned long long)mem_bytes >> 10, (unsigned long long)least >> 10);
}

unsigned memory_plan_mappings(const struct memory_plan *p, const struct image *image, unsigned ring, bool deprivileged,
			      struct mapping mappings[MEMORY_MAPPINGS_MAX])
{
	const uint64_t user = ring == 3 || deprivileged ? PTE_USER : 0, data = PTE_WRITE | PTE_NX | user;
	uint64_t mapped = 0;
	unsigned n = 0;

	/* The VMM's tables may be changed at ring 0, where a guest does so by plain stores. */
	mappings[n++] = (struct mapping){ p->tables_base, p->ring0_end - p->tables_base,
					   (deprivileged ? PTE_USER : PTE_WRITE) | PTE_NX };
	mappings[n++] = (struct mapping){ LAYOUT_SYSTEM_PAGE, GUEST_PAGE_BYTES, user };
	mappings[n++] = (struct mapping){ LAYOUT_BOOT_INFO, GUEST_PAGE_BYTES, data };
	mappings[n++] = (struct mapping){ LAYOUT_EXCEPTION_STACKS, LAYOUT_HANDLER_STACK_TOP - LAYOUT_EXCEPTION_STACKS, data };
	mappings[n++] = (struct mapping){ p->stack_base, p->stack_top - p->stack_base, data };
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct segment *s = &image->segments[i];
		uint64_t at = s->gpa & ~(GUEST_PAGE_BYTES - 1), end = round_up(s->gpa + s->mem_bytes, GUEST_PAGE_BYTES);

		/* Segments of the same permissions may share a page: it is the first one's. */
		if (at < mapped)
			at = mapped;
		mapped = end;
		if (at == end)
			continue;
		mappings[n++] = (struct mapping){
			.at = at,
			.bytes = end - at,
			.flags = (s->perms & SEGMENT_W ? PTE_WRITE : 0) | (s->perms & SEGMENT_X ? 0 : PTE_NX) | user,
		};
	}

	/* Free RAM, and the list of devices right before it. */
	uint64_t rest = p->devices_base ? p->devices_base : p->heap_base;

	if (p->heap_end > rest)
		mappings[n++] = (struct mapping){ rest, p->heap_end - rest, data };
	return n;
}
