/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine for a guest of Solo5's hvt ABI (include/kvick/solo5.h): memory, page tables and registers as that has them.
 *
 *	0x01000	GDT                                            not mapped
 *	0x02000	page tables: PML4, PDPT, four page directories, one page table
 *	0x10000	boot info, manifest, command line              read
 *	0x100000 image, then free RAM, and the stack from its end down
 */
#include "vmm/boot.h"

#include <asm/processor-flags.h>
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "loader/solo5.h"
#include "vmm/boot_modules.h"
#include "vmm/deprivileged.h"
#include "vmm/layout.h"
#include "vmm/machine.h"
#include "vmm/pagetable.h"
#include "vmm/round.h"
#include "vmm/solo5.h"

#define GDT         0x1000ull
#define PML4        0x2000ull
#define PDPT        0x3000ull
#define DIRECTORIES 0x4000ull /* one for each GiB */
#define FIRST_TABLE 0x8000ull
#define BOOT_INFO   0x10000ull

#define GIB (1ull << 30)
_Static_assert(SOLO5_MOST_BYTES == (FIRST_TABLE - DIRECTORIES) / GUEST_PAGE_BYTES * GIB, "a directory for each GiB");

enum { CODE = 0x08, DATA = 0x10 };

/* ---- memory ---- */

static int refuse_what_is_not_for_solo5(struct machine *m)
{
	static const char *const options[DEVICE_KINDS] = {
		[DEVICE_BLOCK] = "--disk", [DEVICE_NET] = "--net", [DEVICE_VSOCK] = "--vsock", [DEVICE_CONSOLE] = "--console",
		[DEVICE_ENTROPY] = "--rng",
	};
	const struct machine_config *c = m->config;

	if (c->pc_words)
		return error_set(&m->error, ERROR_USAGE, EINVAL, "--machine %s: %s is a Solo5 guest, which has no PC: leave it out",
				 c->pc_words, m->image.path);
	if (c->devices.legacy)
		return error_set(&m->error, ERROR_USAGE, EINVAL, "--virtio legacy: %s is a Solo5 guest, which has no virtio "
				 "devices: leave it out", m->image.path);
	if (c->initrd_path)
		return error_set(&m->error, ERROR_USAGE, EINVAL, "--initrd: %s is no kernel that takes one: leave it out",
				 m->image.path);
	if (c->module_count)
		return modules_refuse(m);
	if (c->envc > 0)
		return error_set(&m->error, ERROR_USAGE, EINVAL, "--env %s: a Solo5 guest has no environment: write arguments "
				 "after --", c->envp[0]);
	if (c->devices.count > 0)
		return error_set(&m->error, ERROR_USAGE, EINVAL, "%s: a Solo5 guest's devices have names: `kvick inspect` says "
				 "which; write --block:NAME=PATH, --net:NAME=TAP", options[c->devices.list[0].kind]);
	return 0;
}

static int plan_memory(struct machine *m)
{
	uint64_t least = solo5_mem_bytes_least(&m->image), bytes = m->config->mem_bytes;

	if (least > SOLO5_MOST_BYTES)
		return error_set(&m->error, ERROR_IMAGE, ENOMEM, "%s: ends at 0x%llx, and a Solo5 guest has 4 GiB: link it lower",
				 m->image.path, (unsigned long long)m->image.end);
	if (bytes == 0)
		bytes = least < SOLO5_USUAL_BYTES ? SOLO5_USUAL_BYTES : least;
	if (bytes < least || bytes > SOLO5_MOST_BYTES)
		return error_set(&m->error, ERROR_IMAGE, ENOMEM, "%s: needs %llu MiB of guest RAM, and takes 4096 at most; --mem "
				 "gives %llu: use --mem %lluM", m->image.path, (unsigned long long)least >> 20,
				 (unsigned long long)bytes >> 20,
				 (unsigned long long)(bytes < least ? least : SOLO5_MOST_BYTES) >> 20);
	if (bytes % SOLO5_UNIT_BYTES)
		return error_set(&m->error, ERROR_USAGE, EINVAL, "--mem: %llu KiB: a Solo5 guest's memory is a multiple of 2M: use "
				 "--mem %lluM", (unsigned long long)bytes >> 10,
				 (unsigned long long)round_up(bytes, SOLO5_UNIT_BYTES) >> 20);
	m->plan = (struct memory_plan){
		.bytes = bytes, .tables_base = PML4, .tables_end = FIRST_TABLE + GUEST_PAGE_BYTES,
		.stack_base = m->image.end, .stack_top = bytes, .heap_base = m->image.end, .heap_end = bytes,
	};
	return 0;
}

/* Words with a space between them; argv[0] is none. With the NUL. */
static uint64_t command_line_bytes(const struct machine_config *c)
{
	uint64_t bytes = 0;

	for (unsigned i = 1; i < c->argc; i++)
		bytes += strlen(c->argv[i]) + 1;
	return bytes ? bytes : 1;
}

static int solo5_plan(struct machine *m)
{
	struct solo5_manifest manifest;
	uint64_t line = command_line_bytes(m->config);
	int r = refuse_what_is_not_for_solo5(m);

	if (r == 0)
		r = plan_memory(m);
	if (r == 0 && line > SOLO5_COMMAND_LINE_BYTES)
		r = error_set(&m->error, ERROR_USAGE, E2BIG, "the command line is too long: %llu characters, and a Solo5 guest "
			      "takes %u: write less after --", (unsigned long long)line - 1, SOLO5_COMMAND_LINE_BYTES - 1);
	if (r == 0)
		r = solo5_manifest_read(&manifest, &m->image, &m->sys, &m->error);
	return r == 0 ? solo5_check(&manifest, &m->config->solo5, &m->image, &m->error) : r;
}

/* ---- what the vCPU needs to begin ---- */

static uint64_t *table(struct machine *m, uint64_t at)
{
	uint64_t *entries = guest_mem_span(&m->mem, gpa(at), GUEST_PAGE_BYTES);

	assert(entries);
	return entries;
}

/*
 * Each address its own translation; a page of 4 KiB only below 2 MiB. All may be executed; at ring 3 deprivileged_pages.c sees to
 * that, page by page.
 */
static void tables_write(struct machine *m)
{
	const uint64_t user = m->deprivileged ? PTE_USER : 0, nx = m->deprivileged ? PTE_NX : 0;
	const uint64_t above = PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | user;
	const uint64_t leaf = PTE_PRESENT | PTE_ACCESSED | PTE_DIRTY | user | nx;
	uint64_t *pdpt = table(m, PDPT), *first = table(m, FIRST_TABLE);

	table(m, PML4)[0] = PDPT | above;
	for (uint64_t at = 0; at < m->mem.bytes; at += GIB) {
		uint64_t directory_at = DIRECTORIES + at / GIB * GUEST_PAGE_BYTES, *directory = table(m, directory_at);
		uint64_t pages = (m->mem.bytes - at) / PAGE_2M_BYTES;

		pdpt[at / GIB] = directory_at | above;
		for (uint64_t i = 0; i < pages && i < PAGETABLE_ENTRIES; i++)
			directory[i] = (at + i * PAGE_2M_BYTES) | leaf | PTE_WRITE | PTE_LARGE;
	}
	table(m, DIRECTORIES)[0] = FIRST_TABLE | above;
	for (uint64_t at = BOOT_INFO; at < PAGE_2M_BYTES; at += GUEST_PAGE_BYTES)
		first[at / GUEST_PAGE_BYTES] = at | leaf | (at >= LAYOUT_IMAGE_BASE ? PTE_WRITE : 0);
}

/* Flat, AMD64 APM 2, 4.8: code of 64 bits, and data. */
static const uint64_t gdt[] = { [CODE / 8] = 0x00af9b000000ffff, [DATA / 8] = 0x00cf93000000ffff };

static int solo5_tables(struct machine *m)
{
	static const uint16_t ports[] = {
		SOLO5_PORT(SOLO5_WALLTIME), SOLO5_PORT(SOLO5_POLL), SOLO5_PORT(SOLO5_BLOCK_WRITE), SOLO5_PORT(SOLO5_BLOCK_READ),
		SOLO5_PORT(SOLO5_NET_WRITE), SOLO5_PORT(SOLO5_NET_READ), SOLO5_PORT(SOLO5_HALT), 0,
	};

	m->pgd = PML4;
	tables_write(m);
	guest_mem_write(&m->mem, gpa(GDT), gdt, sizeof(gdt));
	if (!m->deprivileged)
		return 0;
	return deprivileged_load(m, &(struct deprivileged){
		.ports = ports, .output_port = SOLO5_PORT(SOLO5_PUTS), .output_call = SOLO5_PUTS,
		.tables = PML4, .tables_end = FIRST_TABLE + GUEST_PAGE_BYTES,
	});
}

/* ---- devices ---- */

/* They fill the manifest in, which is why it is written now. */
static int solo5_devices(struct machine *m)
{
	struct solo5_manifest manifest;
	int r = solo5_manifest_read(&manifest, &m->image, &m->sys, &m->error);

	if (r == 0)
		r = solo5_check(&manifest, &m->config->solo5, &m->image, &m->error);
	if (r == 0 && manifest.entries > 1)
		r = solo5_create(m, &manifest);
	if (r < 0)
		return r;
	return guest_mem_write(&m->mem, gpa(BOOT_INFO + sizeof(struct solo5_boot_info)), &manifest,
			       SOLO5_MANIFEST_BYTES(manifest.entries));
}

/* ---- the start ---- */

static void command_line_write(struct machine *m, uint64_t at)
{
	const struct machine_config *c = m->config;
	char *to = guest_mem_span(&m->mem, gpa(at), SOLO5_COMMAND_LINE_BYTES);

	assert(to && command_line_bytes(c) <= SOLO5_COMMAND_LINE_BYTES);
	for (unsigned i = 1; i < c->argc; i++) {
		to = stpcpy(to, c->argv[i]);
		*to++ = i + 1 < c->argc ? ' ' : '\0';
	}
}

static int solo5_start(struct machine *m)
{
	const uint64_t manifest = BOOT_INFO + sizeof(struct solo5_boot_info);
	const uint64_t line = manifest + m->image.solo5.manifest_bytes;
	const struct solo5_boot_info info = {
		.mem_bytes = m->mem.bytes,
		.kernel_end = m->image.end,
		.tsc_hz = m->timeline.tsc_khz * 1000,
		.command_line = line,
		.manifest = manifest,
	};

	if (!m->timeline.tsc_khz)
		return error_set(&m->error, ERROR_HOST, ENOTSUP, "KVM_GET_TSC_KHZ: this host does not say how fast its TSC is, "
				 "and a Solo5 guest's clock needs it: use another host");
	guest_mem_write(&m->mem, gpa(BOOT_INFO), &info, sizeof(info));
	command_line_write(m, line);
	const struct vcpu_start start = {
		.pgd = m->pgd,
		.rip = m->image.entry,
		.rsp = m->mem.bytes - 8,
		.rdi = BOOT_INFO,
		.gdt = GDT,
		.gdt_bytes = sizeof(gdt),
		.code = CODE,
		.data = DATA,
		.cr0 = X86_CR0_PE | X86_CR0_NE | X86_CR0_WP | X86_CR0_PG,
		.efer = EFER_LME | EFER_LMA,
	};

	if (m->deprivileged)
		deprivileged_start(m, &start);
	else
		vcpu_set_start(&m->vcpu, &start);
	return 0;
}

/* What it prints goes out at once. */
static void solo5_drain(struct machine *m)
{
	(void)m;
}

/* It asks the VMM for time, and for random numbers the CPU. */
static COLD int solo5_restored(struct machine *m, bool first)
{
	(void)m, (void)first;
	return 0;
}

const struct boot boot_solo5 = {
	.deprivileges = true,
	.plan = solo5_plan,
	.tables = solo5_tables,
	.devices = solo5_devices,
	.undo_devices = solo5_stop,
	.leave_devices = solo5_leave,
	.start = solo5_start,
	.restored = solo5_restored,
	.io = solo5_io,
	.call_name = solo5_call_name,
	.drain = solo5_drain,
	.tick = machine_look_in,
};
