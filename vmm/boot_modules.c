/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/boot_modules.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/machine.h"
#include "vmm/round.h"

/* The option that it came by. */
static const char *option(const struct machine *m, unsigned i)
{
	return i == 0 && m->config->initrd_path ? "--initrd" : "--module";
}

static int open_module(struct machine *m, unsigned i, int *fd, uint64_t *bytes)
{
	const char *path = m->config->modules[i].path;
	struct stat st;
	int r;

	*fd = r = sys_open(&m->sys, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
	if (r >= 0)
		r = sys_fstat(&m->sys, *fd, &st);
	if (r < 0 || !S_ISREG(st.st_mode)) {
		if (*fd >= 0)
			sys_close(&m->sys, *fd);
		return error_set(&m->error, ERROR_IMAGE, r < 0 ? -r : EINVAL, "%s: %s: %s: give a regular file that can be read",
				 option(m, i), path, r < 0 ? strerror(-r) : "not a regular file");
	}
	*bytes = (uint64_t)st.st_size;
	return 0;
}

int module_size(struct machine *m, unsigned i, uint64_t *bytes)
{
	int fd, r = open_module(m, i, &fd, bytes);

	if (r == 0)
		sys_close(&m->sys, fd);
	return r;
}

int module_load(struct machine *m, unsigned i, const struct memory_run *to)
{
	const char *path = m->config->modules[i].path;
	uint64_t bytes;
	int fd, r = open_module(m, i, &fd, &bytes);

	if (r < 0)
		return r;
	r = bytes == to->bytes ? guest_mem_read_file(&m->mem, gpa(to->at), bytes, fd, 0, &m->sys) : -ENODATA;
	sys_close(&m->sys, fd);
	if (r == -ENODATA)
		return error_set(&m->error, ERROR_IMAGE, -r, "%s: %s: it changed while it was being read: wait until it is written",
				 option(m, i), path);
	return r == 0 ? 0 : error_set(&m->error, ERROR_HOST, -r, "%s: %s: cannot be read: %s", option(m, i), path, strerror(-r));
}

int modules_plan(struct machine *m, unsigned first, uint64_t *end, uint64_t limit)
{
	for (unsigned i = first; i < m->config->module_count; i++) {
		struct memory_run *run = &m->modules[i];
		int r = module_size(m, i, &run->bytes);

		if (r < 0)
			return r;
		run->at = *end;
		if (run->at > limit || run->bytes > limit - run->at)
			return error_set(&m->error, ERROR_IMAGE, EFBIG, "%s: %s: %" PRIu64 " bytes from 0x%" PRIx64 " on end "
					 "beyond 0x%" PRIx64 ", the most RAM that this guest can have: give a smaller one",
					 option(m, i), m->config->modules[i].path, run->bytes, run->at, limit);
		*end = round_up(run->at + run->bytes, GUEST_PAGE_BYTES);
	}
	return 0;
}

int modules_load(struct machine *m)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < m->config->module_count; i++)
		r = module_load(m, i, &m->modules[i]);
	return r;
}

int modules_refuse(struct machine *m)
{
	const struct machine_config *c = m->config;

	return error_set(&m->error, ERROR_USAGE, EINVAL, "--module %s: %s is a %s guest, which takes none: leave it out",
			 c->modules[c->module_count - 1].path, m->image.path, m->image.protocol->name);
}

unsigned modules_list(const struct machine *m, struct boot_module list[])
{
	for (unsigned i = 0; i < m->config->module_count; i++) {
		const struct module_config *module = &m->config->modules[i];

		list[i] = (struct boot_module){ .run = m->modules[i], .string = module->string ? module->string : module->path };
	}
	return m->config->module_count;
}
