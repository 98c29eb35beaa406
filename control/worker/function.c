/* SPDX-License-Identifier: Apache-2.0 */
#include "control/worker/function.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "control/worker/control.h"
#include "vmm/machine.h"
#include "vmm/snapshot_dir.h"
#include "vmm/state.h"

static int no_message(struct error *error, const char *what)
{
	return error_set(error, ERROR_USAGE, EBADMSG, "kvickd's configuration: %s", what);
}

/* `count` strings from *at on, each with its NUL before `end`; `more` before them. NULL: there are not so many, or no memory. */
static const char **strings(const char *more, uint32_t count, const char **at, const char *end)
{
	unsigned first = more != NULL;
	const char **list = calloc(first + count + 1, sizeof(*list));

	if (list && more)
		list[0] = more;
	for (uint32_t i = 0; list && i < count; i++) {
		size_t left = (size_t)(end - *at), bytes = strnlen(*at, left);

		if (bytes == left) {
			free(list);
			return NULL;
		}
		list[first + i] = *at;
		*at += bytes + 1;
	}
	return list;
}

_Static_assert(WORKER_MEMORY_BYTES_MIN == GUEST_MEM_BYTES_MIN && WORKER_MEMORY_BYTES_MAX == GUEST_MEM_BYTES_MAX &&
	       WORKER_MEMORY_PAGE_BYTES == GUEST_PAGE_BYTES, "what kvickd takes is what a machine can have");

static int check(const struct worker_config *w, struct error *error)
{
	if (w->name[0] == '\0')
		return no_message(error, "no name, or one that does not end");
	if (w->is_snapshot > 1)
		return no_message(error, "neither image nor snapshot");
	if (w->concurrency < 1 || w->concurrency > FUNCTION_SLOTS_MAX)
		return no_message(error, "concurrency out of range");
	if (w->argc > WORKER_CONTROL_BYTES_MAX || w->envc > WORKER_CONTROL_BYTES_MAX)
		return no_message(error, "more strings than fit");
	if (w->mem_bytes && (w->is_snapshot || w->mem_bytes % GUEST_PAGE_BYTES || w->mem_bytes < GUEST_MEM_BYTES_MIN ||
			     w->mem_bytes > GUEST_MEM_BYTES_MAX))
		return error_set(error, ERROR_USAGE, EINVAL, "memory: %llu bytes: %s", (unsigned long long)w->mem_bytes,
				 w->is_snapshot ? "a snapshot has its own" : "pages, 2 MiB to 64 GiB");
	return 0;
}

/* By the user that we still are: they need not be the function's to read. */
static int open_snapshot(struct function *f, struct error *error)
{
	struct sys sys;
	int r;

	sys_init(&sys);
	f->dir = malloc(sizeof(*f->dir));
	if (!f->dir)
		return error_set(error, ERROR_HOST, ENOMEM, "no memory for a snapshot");
	r = snapshot_dir_open_files(f->dir, f->image_fd, f->wanted.name, &sys, error);
	f->image_fd = -1;
	if (r == 0) {
		close(f->dir->fd);
		f->dir->fd = -1;
	}
	return r;
}

static int compare(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

unsigned function_fds(const struct function *f, int fds[FUNCTION_FDS_MAX])
{
	unsigned count = 0;

	fds[count++] = WORKER_CONTROL_FD;
	fds[count++] = f->kvm_fd;
	if (f->image_fd >= 0)
		fds[count++] = f->image_fd;
	for (unsigned i = 0; f->dir && i < SNAPSHOT_FILES; i++)
		if (f->dir->files[i] >= 0)
			fds[count++] = f->dir->files[i];
	qsort(fds, count, sizeof(fds[0]), compare);
	return count;
}

int function_configure(struct function *f, const struct control_message *message, struct error *error)
{
	const uint32_t bytes = message->body_bytes;

	if (message->header.type != WORKER_CONFIGURE || message->fd_count != 2 || bytes < sizeof(f->wanted))
		return no_message(error, "the first message is none");
	memcpy(&f->wanted, message->body, sizeof(f->wanted));
	if (!memchr(f->wanted.name, '\0', sizeof(f->wanted.name)))
		f->wanted.name[0] = '\0'; /* nobody is to look for its end */
	f->kvm_fd = message->fds[0];
	f->image_fd = message->fds[1];

	int r = check(&f->wanted, error);

	if (r < 0)
		return r;

	/* They are kept for good, the message is not. */
	const uint32_t left = bytes - (uint32_t)sizeof(f->wanted);
	char *copy = malloc(left + 1u);
	const char *at = copy;

	if (!copy)
		return error_set(error, ERROR_HOST, ENOMEM, "no memory for arguments");
	memcpy(copy, message->body + sizeof(f->wanted), left);
	f->argv = strings(f->wanted.name, f->wanted.argc, &at, copy + left);
	f->envp = f->argv ? strings(NULL, f->wanted.envc, &at, copy + left) : NULL;
	if (!f->envp || at != copy + left)
		return no_message(error, "not as many strings as it says");
	return f->wanted.is_snapshot ? open_snapshot(f, error) : 0;
}

/* What it says, checked; a function's snapshot has no devices, for there is nothing to give it. */
static int read_snapshot(struct function *f, struct error *error)
{
	const struct snapshot_manifest *manifest = &f->dir->manifest;
	struct sys sys;
	int r;

	sys_init(&sys);
	r = snapshot_dir_read(f->dir, &sys, error);
	if (r == 0)
		r = snapshot_manifest_check_host(manifest, f->dir->path, &sys, error);
	if (r == 0 && manifest->device_count)
		r = error_set(error, ERROR_IMAGE, ENOTSUP, "%s: its guest has devices, and functions have none: take the snapshot "
			      "without", f->wanted.name);
	if (r == 0)
		f->snapshot = f->dir->snapshot;
	return r;
}

void function_machine(const struct function *f, struct machine_config *config, struct stop *stop)
{
	*config = (struct machine_config){
		.image_path = f->wanted.name,
		.mem_bytes = f->wanted.mem_bytes,
		.ring = RING_AUTO,
		.cpu = CPU_AUTO,
		.console_fd = -1,
		.argv = f->argv, .argc = f->wanted.argc + 1,
		.envp = f->envp, .envc = f->wanted.envc,
		.stop = stop,
		.snapshot = f->snapshot.state ? &f->snapshot : NULL,
		.image_is_open = f->image_fd >= 0, .image_fd = f->image_fd,
		.kvm_is_open = true, .kvm_fd = f->kvm_fd,
		.facts = f->facts.run_bytes ? &f->facts : NULL,
		.pagemap_is_open = f->pagemap_fd >= 0, .pagemap_fd = f->pagemap_fd,
	};
}

static int keep(struct function *f, struct machine *m)
{
	struct state_writer writer = { .to = malloc(STATE_BYTES_MAX), .max = STATE_BYTES_MAX };
	int fd = memfd_create("snapshot", MFD_CLOEXEC), r;

	if (!writer.to || fd < 0)
		return error_set(&m->error, ERROR_HOST, ENOMEM, "%s: no memory for its first state: free some", f->wanted.name);
	r = snapshot_take(m, &writer, fd, NULL, NULL);
	if (r < 0)
		return r;
	f->snapshot = (struct snapshot){
		.name = f->wanted.name,
		.state = realloc(writer.to, writer.bytes), .state_bytes = writer.bytes,
		.memory_fd = fd, .memory_bytes = m->mem.bytes + m->mem.behind,
	};
	return 0;
}

/* Makes a machine and takes it apart again: of the snapshot, or of the image, and then there is a snapshot of it. */
static int try_machine(struct function *f, struct error *error)
{
	struct machine *m = calloc(1, sizeof(*m)); /* what it does not touch is not there */
	struct stop stop = { 0 };
	struct machine_config config;
	int r;

	if (!m)
		return error_set(error, ERROR_HOST, ENOMEM, "no memory for a machine");
	sys_init(&m->sys);
	function_machine(f, &config, &stop);
	r = machine_prepare(m, &config);
	if (r == 0) {
		f->facts = m->facts;
		f->ram_bytes = m->mem.bytes + m->mem.behind;
		if (!config.snapshot)
			r = keep(f, m);
		machine_end(m);
	}
	if (r < 0)
		*error = m->error;
	machine_close(m);
	free(m);
	return r;
}

int function_prepare(struct function *f, struct error *error)
{
	int r = f->dir ? read_snapshot(f, error) : try_machine(f, error);

	return r == 0 ? try_machine(f, error) : r;
}
