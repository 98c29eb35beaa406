/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot.h"

#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <kvick/boot_info.h>

#include "vmm/layout.h"
#include "vmm/machine.h"

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

int boot_info_write(struct machine *m)
{
	const struct machine_config *c = m->config;
	struct kvick_boot_info *info = guest_mem_span(&m->mem, gpa(LAYOUT_BOOT_INFO), sizeof(*info));
	uint64_t args_bytes = strings_bytes(c->argv, c->argc) + strings_bytes(c->envp, c->envc);
	ssize_t n = sys_getrandom(&m->sys, info->seed, sizeof(info->seed));

	if (n != sizeof(info->seed))
		return error_set(&m->error, ERROR_HOST, n < 0 ? (int)-n : 0, "getrandom: no random seed for the guest: %s",
				 n < 0 ? strerror((int)-n) : "cut short");
	info->magic = KVICK_BOOT_MAGIC;
	info->abi_version = KVICK_ABI_VERSION;
	info->bytes = sizeof(*info);
	info->ring = m->ring;
	info->doorbell = m->doorbell;
	info->flags = (is_terminal(m) ? KVICK_BOOT_CONSOLE_TTY : 0) |
		      (m->cpu_model != CPU_NONE && m->facts.ring0_native ? KVICK_BOOT_CPUID : 0);
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
	info->tsc_hz = m->timeline.tsc_khz * 1000;
	info->devices = m->plan.devices_base;
	info->device_count = m->devices.count;
	info->xcr0 = m->cpu_state.xcr0;
	info->xsave_bytes = m->cpu_state.xsave_bytes;
	if (args_bytes <= sizeof(info->args))
		strings_copy(strings_copy(info->args, c->argv, c->argc), c->envp, c->envc);
	return 0;
}
