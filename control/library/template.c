/* SPDX-License-Identifier: Apache-2.0 */
/* What machines are made of: an image that is open, or a snapshot. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/library/library.h"
#include "vmm/snapshot_dir.h"
#include "vmm/state.h"

/* Nobody changes a snapshot's memory, of which machines are being made. */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

static int no_memory(struct error *error)
{
	return error_set(error, ERROR_HOST, ENOMEM, "no memory for a template: free some or raise RLIMIT_AS");
}

static void release(struct kvick_template *t)
{
	struct sys sys;

	sys_init(&sys);
	if (t->image_fd >= 0)
		sys_close(&sys, t->image_fd);
	if (t->pagemap_fd >= 0)
		sys_close(&sys, t->pagemap_fd);
	if (t->kvm.fd >= 0)
		kvm_close(&t->kvm, &sys);
	if (t->dir)
		snapshot_dir_close(t->dir, &sys);
	else if (t->snapshot.memory_fd >= 0)
		sys_close(&sys, t->snapshot.memory_fd);
	free(t->dir);
	kvick_options_free(t->options);
	free(t->argv);
	free(t->state);
	free(t->name);
	free(t);
}

void template_use(struct kvick_template *t)
{
	atomic_fetch_add_explicit(&t->users, 1, memory_order_relaxed);
}

/* What the others did to it has been done when the last one takes it apart. */
void kvick_template_free(struct kvick_template *t)
{
	if (t && atomic_fetch_sub_explicit(&t->users, 1, memory_order_acq_rel) == 1)
		release(t);
}

/* Hands it out, or takes it apart. */
static int template_result(struct kvick_template **made, struct kvick_template *t, const struct error *error,
			   struct kvick_error *to, int r)
{
	if (r == 0)
		*made = t;
	else if (t)
		release(t);
	return library_result(to, error, r);
}

static int list_arguments(struct kvick_template *t)
{
	const struct strings *arguments = &t->options->arguments;

	t->argv = calloc(arguments->count + 1, sizeof(*t->argv));
	if (!t->argv)
		return -ENOMEM;
	t->argv[0] = t->name;
	for (unsigned i = 0; i < arguments->count; i++)
		t->argv[i + 1] = arguments->list[i];
	return 0;
}

/* With nothing to make machines of yet. On failure too there may be something to release. */
static int template_new(struct kvick_template **made, const char *name, const struct kvick_options *options, struct sys *sys,
			struct error *error)
{
	struct kvick_template *t = calloc(1, sizeof(*t));

	if (!t)
		return no_memory(error);
	t->users = 1;
	t->image_fd = t->snapshot.memory_fd = t->kvm.fd = -1;
	t->pagemap_fd = sys_open(sys, "/proc/self/pagemap", O_RDONLY | O_CLOEXEC, 0);
	t->options = options_copy(options);
	t->name = strdup(name);
	*made = t;
	if (!t->options || !t->name || list_arguments(t) < 0)
		return no_memory(error);
	t->snapshot.name = t->name;
	return kvm_open(&t->kvm, sys, error);
}

/*
 * It is looked at here to tell what it is; each machine reads it anew, and takes it for nothing else. What has a PC wants
 * a signal's handler of its own and a second thread. image: open, and its descriptor the template's from now on.
 */
static int take_image(struct kvick_template *t, struct image *image, struct sys *sys, struct error *error)
{
	t->image_fd = image->fd;
	t->protocol = image->protocol;
	image->borrowed = true;
	image_close(image, sys);
	if (machine_boot(t->protocol->kind)->pc)
		return error_set(error, ERROR_IMAGE, ENOTSUP, "%s: %s: a kernel that wants a PC, which a library has not: start it "
				 "with `kvick run`", t->name, t->protocol->name);
	return 0;
}

int kvick_template_of_image(struct kvick_template **made, const char *path, const struct kvick_options *options,
			    struct kvick_error *to)
{
	struct error error = { .kind = ERROR_NONE };
	struct kvick_template *t = NULL;
	struct image image;
	struct sys sys;
	int r;

	sys_init(&sys);
	r = template_new(&t, path, options, &sys, &error);
	if (r == 0)
		r = image_open(&image, t->name, NULL, &sys, &error);
	if (r == 0)
		r = take_image(t, &image, &sys, &error);
	return template_result(made, t, &error, to, r);
}

int kvick_template_of_image_fd(struct kvick_template **made, int fd, const char *name, const struct kvick_options *options,
			       struct kvick_error *to)
{
	struct error error = { .kind = ERROR_NONE };
	struct kvick_template *t = NULL;
	struct image image;
	struct sys sys;
	int r, own = -1;

	sys_init(&sys);
	r = template_new(&t, name, options, &sys, &error);
	if (r == 0) {
		r = own = sys_fcntl(&sys, fd, F_DUPFD_CLOEXEC, NULL);
		if (own < 0)
			error_set(&error, ERROR_HOST, -own, "%s: descriptor %d: %s: give one that is open for reading", name, fd,
				  strerror(-own));
	}
	if (r >= 0) {
		r = image_open_fd(&image, own, t->name, NULL, &sys, &error);
		if (r == 0)
			r = take_image(t, &image, &sys, &error);
		else
			sys_close(&sys, own);
	}
	return template_result(made, t, &error, to, r);
}

/* What is in it is checked there; what its state says, when a machine is made of it. */
static int take_directory(struct kvick_template *t, struct sys *sys, struct error *error)
{
	struct snapshot_dir *dir = calloc(1, sizeof(*dir));
	int r;

	if (!dir)
		return no_memory(error);
	r = snapshot_dir_open(dir, -1, t->name, sys, error);
	if (r < 0) {
		free(dir);
		return r;
	}
	t->dir = dir;
	t->snapshot = dir->snapshot;
	if (dir->manifest.device_count)
		return error_set(error, ERROR_IMAGE, ENOTSUP, "%s/%s: a guest with %llu devices, which a library has not: restore "
				 "it with `kvick restore`", t->name, SNAPSHOT_MANIFEST,
				 (unsigned long long)dir->manifest.device_count);
	return snapshot_manifest_check_host(&dir->manifest, dir->path, sys, error);
}

int kvick_template_of_snapshot(struct kvick_template **made, const char *directory, const struct kvick_options *options,
			       struct kvick_error *to)
{
	struct error error = { .kind = ERROR_NONE };
	struct kvick_template *t = NULL;
	struct sys sys;
	int r;

	sys_init(&sys);
	r = template_new(&t, directory, options, &sys, &error);
	if (r == 0)
		r = take_directory(t, &sys, &error);
	return template_result(made, t, &error, to, r);
}

void template_config(const struct kvick_template *t, struct machine_config *config)
{
	const struct kvick_options *o = t->options;

	*config = (struct machine_config){
		.image_path = t->name, .protocol = t->protocol, .mem_bytes = o->mem_bytes, .ring = o->ring, .cpu = o->cpu,
		.console_fd = -1, .argv = t->argv, .argc = o->arguments.count + 1,
		.envp = (const char *const *)o->variables.list, .envc = o->variables.count,
		.image_is_open = t->image_fd >= 0, .image_fd = t->image_fd, .kvm_is_open = true, .kvm_fd = t->kvm.fd,
		.facts = t->facts.run_bytes ? &t->facts : NULL,
	};
	if (t->image_fd < 0) {
		config->snapshot = &t->snapshot;
		config->resets = true;
		config->pagemap_is_open = t->pagemap_fd >= 0;
		config->pagemap_fd = t->pagemap_fd;
	}
}

/* Runs a machine until it is ready. */
static int run_until_ready(struct kvick_vm *vm, uint64_t timeout_ns, struct error *error)
{
	int r;

	vm->config.stop_when_ready = true;
	r = vm_go(vm, timeout_ns, error);
	if (r < 0)
		return r;
	if (vm->machine.outcome == OUTCOME_READY)
		return 0;
	r = vm_result(vm, error);
	return r < 0 ? r : error_set(error, ERROR_IMAGE, EPROTO, "%s: the guest ended before it was ready (KVICK_CALL_READY): give "
				     "a function, or take the snapshot at its entry", vm->of->name);
}

/* State goes to memory of its own, of which only what is used is kept. */
static int take(struct kvick_template *t, struct machine *m, struct error *error)
{
	struct state_writer writer = { .to = malloc(STATE_BYTES_MAX), .max = STATE_BYTES_MAX };
	int fd = sys_memfd_create(&m->sys, "kvick-snapshot", MFD_CLOEXEC | MFD_ALLOW_SEALING), r;

	t->state = writer.to;
	t->snapshot.memory_fd = fd;
	if (!writer.to)
		return no_memory(error);
	if (fd < 0)
		return error_set(error, ERROR_HOST, -fd, "memfd_create: %s: raise the limit on open files (ulimit -n)",
				 strerror(-fd));
	r = snapshot_take(m, &writer, fd, NULL, NULL);
	if (r == 0)
		r = sys_fcntl(&m->sys, fd, F_ADD_SEALS, (void *)(uintptr_t)SEALS);
	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "%s", m->error.kind != ERROR_NONE ? m->error.text : strerror(-r));
	t->snapshot.state_bytes = writer.bytes;
	t->snapshot.memory_bytes = m->mem.bytes + m->mem.behind;

	uint8_t *kept = realloc(t->state, writer.bytes);

	t->state = kept ? kept : t->state;
	t->snapshot.state = t->state;
	return 0;
}

static int snapshot_of(struct kvick_template *t, struct kvick_template *from, enum kvick_moment moment, uint64_t timeout_ns,
		       struct error *error)
{
	struct kvick_vm *vm;
	int r = vm_new(&vm, from, error);

	if (r < 0)
		return r;
	if (moment == KVICK_AT_READY)
		r = run_until_ready(vm, timeout_ns, error);
	if (r == 0)
		r = take(t, &vm->machine, error);
	t->facts = vm->machine.facts;
	kvick_vm_free(vm);
	return r;
}

int kvick_template_snapshot(struct kvick_template **made, struct kvick_template *from, enum kvick_moment moment,
			    uint64_t timeout_ns, struct kvick_error *to)
{
	struct error error = { .kind = ERROR_NONE };
	struct kvick_template *t = NULL;
	struct sys sys;
	int r;

	sys_init(&sys);
	if (from->image_fd < 0)
		r = error_set(&error, ERROR_USAGE, EINVAL, "%s: is a snapshot already: give an image's template", from->name);
	else if (moment != KVICK_AT_ENTRY && moment != KVICK_AT_READY)
		r = error_set(&error, ERROR_USAGE, EINVAL, "moment %d: give KVICK_AT_ENTRY or KVICK_AT_READY", moment);
	else
		r = template_new(&t, from->name, from->options, &sys, &error);
	if (r == 0)
		r = snapshot_of(t, from, moment, timeout_ns, &error);
	return template_result(made, t, &error, to, r);
}
