/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <kvick/boot_info.h>

#include "vmm/boot_modules.h"
#include "vmm/deprivileged.h"
#include "vmm/hypercalls.h"
#include "vmm/layout.h"
#include "vmm/machine.h"
#include "vmm/pagetable.h"
#include "vmm/system_page.h"

static int native_plan(struct machine *m)
{
	const struct machine_config *c = m->config;
	bool devices = c->devices.count > 0;
	int r;

	if (c->pc_words)
		return error_set(&m->error, ERROR_USAGE, EINVAL, "--machine %s: %s is a native guest, which has no PC: leave it "
				 "out", c->pc_words, m->image.path);
	if (c->initrd_path)
		return error_set(&m->error, ERROR_USAGE, EINVAL, "--initrd: %s is no kernel that takes one: leave it out",
				 m->image.path);
	if (c->devices.legacy)
		return error_set(&m->error, ERROR_USAGE, EINVAL, "--virtio legacy: %s is a native guest, whose drivers are new: "
				 "leave it out", m->image.path);
	if (c->module_count)
		return modules_refuse(m);
	r = memory_plan_make(&m->plan, &m->image, c->mem_bytes, devices, &m->error);
	if (r == 0 && c->pages == GUEST_PAGES_HUGETLBFS && m->plan.bytes % PAGE_2M_BYTES)
		r = memory_plan_make(&m->plan, &m->image, (m->plan.bytes / PAGE_2M_BYTES + 1) * PAGE_2M_BYTES, devices, &m->error);
	return r;
}

/* At ring 3 without knowing it: the doorbells are the guest's to ring. */
static COLD int deprivilege(struct machine *m)
{
	static const uint16_t ports[] = { KVICK_PORT_CALL, KVICK_PORT_FAULT, 0 };

	return deprivileged_load(m, &(struct deprivileged){
		.ports = ports, .tables = m->plan.tables_base, .tables_end = m->plan.ring0_end,
	});
}

/* The tables give each segment its permissions. */
static int native_tables(struct machine *m)
{
	struct mapping mappings[MEMORY_MAPPINGS_MAX];
	struct table_pool pool = { .next = m->plan.tables_base, .end = m->plan.tables_end };
	unsigned count = memory_plan_mappings(&m->plan, &m->image, m->ring, m->deprivileged, mappings);

	m->pgd = pagetable_build(&m->mem, &pool, mappings, count);
	system_page_write(&m->mem, m->ring);
	return m->deprivileged ? deprivilege(m) : 0;
}

static int native_devices(struct machine *m)
{
	const struct devices_host host = {
		.mem = &m->mem,
		.page = gpa(m->plan.devices_base),
		.stop = m->config->stop,
		.sys = &m->sys,
	};

	return m->config->devices.count ? devices_create(&m->devices, &m->config->devices, &host, &m->error) : 0;
}

static void native_undo_devices(struct machine *m)
{
	if (m->config->devices.count)
		devices_stop(&m->devices);
}

static void native_leave_devices(struct machine *m)
{
	if (m->config->devices.count)
		devices_leave(&m->devices);
}

static uint64_t strings_bytes(const char *const *strings, unsigned count)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < count; i++)
		bytes += strlen(strings[i]) + 1;
	return bytes;
}

static char *strings_copy(char *to, const char *const *strings, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		to = stpcpy(to, strings[i]) + 1;
	return to;
}

static bool is_terminal(struct machine *m)
{
	struct termios settings;

	return sys_ioctl(&m->sys, m->config->console_fd, TCGETS, (uintptr_t)&settings) == 0;
}

/* What is another in each copy. */
static int boot_info_renew(struct machine *m, struct kvick_boot_info *info)
{
	ssize_t n = sys_getrandom(&m->sys, info->seed, sizeof(info->seed));

	if (n != sizeof(info->seed))
		return error_set(&m->error, ERROR_HOST, n < 0 ? (int)-n : 0, "getrandom: no random seed for the guest: %s",
				 n < 0 ? strerror((int)-n) : "cut short");
	info->generation = m->generation;
	info->flags = (m->console.terminal ? KVICK_BOOT_CONSOLE_TTY : 0) |
		      (m->cpu_model != CPU_NONE && m->facts.ring0_native ? KVICK_BOOT_CPUID : 0);
	info->tsc_hz = m->timeline.tsc_khz * 1000;
	return 0;
}

static COLD int native_restored(struct machine *m, bool first)
{
	if (first)
		m->console.terminal = is_terminal(m);
	return boot_info_renew(m, guest_mem_span(&m->mem, gpa(LAYOUT_BOOT_INFO), sizeof(struct kvick_boot_info)));
}

static int boot_info_write(struct machine *m)
{
	const struct machine_config *c = m->config;
	struct kvick_boot_info *info = guest_mem_span(&m->mem, gpa(LAYOUT_BOOT_INFO), sizeof(*info));
	uint64_t args_bytes = strings_bytes(c->argv, c->argc) + strings_bytes(c->envp, c->envc);

	m->generation = 1;
	m->console.terminal = is_terminal(m);

	int r = boot_info_renew(m, info);

	if (r < 0)
		return r;
	info->magic = KVICK_BOOT_MAGIC;
	info->abi_version = KVICK_ABI_VERSION;
	info->bytes = sizeof(*info);
	info->ring = m->ring;
	info->doorbell = m->doorbell;
	info->argc = c->argc;
	info->envc = c->envc;
	info->args_bytes = (uint32_t)args_bytes;
	info->mem_bytes = m->plan.bytes;
	info->image_base = m->image.base;
	info->image_end = m->image.end;
	info->heap_base = m->plan.heap_base;
	info->heap_end = m->plan.heap_end;
	info->stack_base = m->plan.stack_base;
	info->stack_top = m->plan.stack_top;
	info->pgd = m->pgd;
	info->devices = m->plan.devices_base;
	info->device_count = m->devices.count;
	info->xcr0 = m->cpu_state.xcr0;
	info->xsave_bytes = m->cpu_state.xsave_bytes;
	if (args_bytes <= sizeof(info->args))
		strings_copy(strings_copy(info->args, c->argv, c->argc), c->envp, c->envc);
	return 0;
}

static int native_start(struct machine *m)
{
	int r = boot_info_write(m);
	const struct vcpu_start start = {
		.ring = m->ring,
		.pgd = m->pgd,
		.rip = m->image.entry,
		.rsp = m->plan.stack_top,
		.rdi = LAYOUT_BOOT_INFO,
		.xsave = m->cpu_state.xcr0 != 0,
	};

	if (m->deprivileged)
		deprivileged_start(m, &start);
	else
		vcpu_set_start(&m->vcpu, &start);
	return r;
}

static void native_drain(struct machine *m)
{
	console_drain(&m->console, &m->mem, m->config->stop, &m->sys);
}

const struct boot boot_native = {
	.native = true,
	.deprivileges = true,
	.plan = native_plan,
	.tables = native_tables,
	.devices = native_devices,
	.undo_devices = native_undo_devices,
	.leave_devices = native_leave_devices,
	.start = native_start,
	.restored = native_restored,
	.io = hypercall_io,
	.call_name = hypercall_name,
	.drain = native_drain,
	.tick = machine_look_in,
};
