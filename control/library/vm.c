/* SPDX-License-Identifier: Apache-2.0 */
/* Machines: made, run, reset, ended. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "control/library/library.h"

/* The first stamp, the others follow from machine_prepare(). */
static int make_machine(struct kvick_vm *vm, struct error *error)
{
	struct machine *m = &vm->machine;
	int r;

	timeline_stamp(&m->timeline, MARK_MAIN);
	r = machine_prepare(m, &vm->config);
	if (r < 0) {
		*error = m->error;
		machine_close(m);
		return r;
	}
	m->console.take = output_take;
	m->console.context = &vm->output;
	vm->machine_is_made = true;
	return 0;
}

static void end_machine(struct kvick_vm *vm)
{
	if (!vm->machine_is_made)
		return;
	machine_end(&vm->machine);
	machine_close(&vm->machine);
	vm->watch.inside_fd = -1;
	vm->machine_is_made = false;
}

/*
 * Pages of its own, so that a thread in the sandbox can give them back, and of which a machine that is pooled has touched few: a
 * machine, and room for what it prints.
 */
static struct kvick_vm *memory_new(struct kvick_template *of, struct error *error)
{
	size_t kept_max = of->options->console_bytes, bytes = sizeof(struct kvick_vm) + kept_max;
	struct kvick_vm *vm;
	struct sys sys;
	void *at;
	int r;

	sys_init(&sys);
	r = sys_mmap(&sys, NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at);
	if (r < 0) {
		error_set(error, ERROR_HOST, -r, "no memory for a machine: %s: free some or raise RLIMIT_AS", strerror(-r));
		return NULL;
	}
	vm = at;
	vm->bytes = bytes;
	vm->of = of;
	vm->output = (struct output){ .fd = -1, .kept = (char *)(vm + 1), .kept_max = kept_max, .watch = &vm->watch };
	vm->machine.sys = sys;
	return vm;
}

static void memory_free(struct kvick_vm *vm)
{
	struct sys sys = vm->machine.sys;

	sys_munmap(&sys, vm, vm->bytes);
}

int vm_new(struct kvick_vm **made, struct kvick_template *from, struct error *error)
{
	struct kvick_vm *vm = memory_new(from, error);
	int r;

	if (!vm)
		return -error->errnum;
	r = watch_create(&vm->watch, from->options->signal, &vm->machine.sys, error);
	if (r == 0) {
		template_config(from, &vm->config);
		vm->config.stop = &vm->watch.stop;
		r = make_machine(vm, error);
		if (r < 0)
			watch_destroy(&vm->watch);
	}
	if (r < 0) {
		memory_free(vm);
		return r;
	}
	template_use(from);
	*made = vm;
	return 0;
}

int kvick_vm_new(struct kvick_vm **made, struct kvick_template *from, struct kvick_error *to)
{
	struct error error = { .kind = ERROR_NONE };

	return library_result(to, &error, vm_new(made, from, &error));
}

void kvick_vm_free(struct kvick_vm *vm)
{
	if (!vm)
		return;
	end_machine(vm);
	watch_destroy(&vm->watch);
	kvick_template_free(vm->of);
	memory_free(vm);
}

int vm_go(struct kvick_vm *vm, uint64_t timeout_ns, struct error *error)
{
	int r = watch_begin(&vm->watch, vm->machine.vcpu.fd, timeout_ns, error);

	if (r == 0) {
		machine_go(&vm->machine);
		watch_end(&vm->watch);
	}
	return r;
}

/* ---- how it ended ---- */

static const struct {
	enum kvick_outcome outcome;
	int errnum;
} endings[] = {
	[OUTCOME_NONE] = { KVICK_FAILED, EIO },
	[OUTCOME_EXITED] = { KVICK_EXITED, 0 },
	[OUTCOME_RESET] = { KVICK_RESET, 0 },
	[OUTCOME_CRASHED] = { KVICK_CRASHED, EPROTO },
	[OUTCOME_STOPPED] = { KVICK_CANCELLED, ECANCELED },
	[OUTCOME_READY] = { KVICK_FAILED, EIO },
	[OUTCOME_BROKE_OFF] = { KVICK_BROKE_OFF, EPROTO },
	[OUTCOME_FAILED] = { KVICK_FAILED, EIO },
};

int vm_result(struct kvick_vm *vm, struct error *error)
{
	const struct machine *m = &vm->machine;
	bool timed_out = m->outcome == OUTCOME_STOPPED && vm->watch.stop.signal == WATCH_TIMED_OUT;
	int errnum = timed_out ? ETIMEDOUT : endings[m->outcome].errnum;

	vm->outcome = timed_out ? KVICK_TIMED_OUT : endings[m->outcome].outcome;
	if (m->outcome == OUTCOME_CRASHED)
		return error_set(error, ERROR_IMAGE, errnum, "%s: guest crashed: %s", vm->of->name, m->crash.reason);
	if (m->outcome == OUTCOME_STOPPED)
		return error_set(error, ERROR_USAGE, errnum, "%s: ended by %s", vm->of->name,
				 timed_out ? "its time-out: give it more, or ask it for less" : "kvick_vm_cancel()");
	if (m->error.kind != ERROR_NONE) {
		error_set(error, m->error.kind, m->error.errnum, "%s", m->error.text);
		return m->error.errnum && m->outcome == OUTCOME_FAILED ? -m->error.errnum : -errnum;
	}
	return -errnum;
}

static void forget_run(struct kvick_vm *vm)
{
	vm->outcome = KVICK_NOT_RUN;
	vm->reason = (struct error){ .kind = ERROR_NONE };
	vm->invocation = (struct invocation){ 0 };
	vm->output.kept_bytes = 0;
	vm->output.bytes = vm->output.dropped = 0;
}

static int refuse_to_run(const struct kvick_vm *vm, struct kvick_error *to)
{
	struct error error = { .kind = ERROR_NONE };

	return library_result(to, &error, error_set(&error, ERROR_USAGE, EALREADY, vm->machine_is_made ?
						    "%s: this machine has run: reset it before it runs again" :
						    "%s: a reset of this machine has failed: free it", vm->of->name));
}

/* The guest runs to its end; 0 or -errno with vm->reason set. */
static int run(struct kvick_vm *vm, const struct invocation *invocation, uint64_t timeout_ns)
{
	int r;

	vm->invocation = *invocation;
	vm->config.invocation = &vm->invocation;
	r = vm_go(vm, timeout_ns, &vm->reason);
	if (r == 0)
		return vm_result(vm, &vm->reason);
	vm->outcome = KVICK_FAILED;
	return r;
}

int kvick_vm_run(struct kvick_vm *vm, uint64_t timeout_ns, struct kvick_error *to)
{
	const struct invocation nothing = { .reply_max = KVICK_REPLY_BYTES_MAX };

	if (vm->outcome != KVICK_NOT_RUN)
		return refuse_to_run(vm, to);
	return library_result(to, &vm->reason, run(vm, &nothing, timeout_ns));
}

int kvick_vm_invoke(struct kvick_vm *vm, const void *request, size_t request_bytes, void *reply, size_t room, size_t *reply_bytes,
		    uint64_t timeout_ns, struct kvick_error *to)
{
	const struct invocation invocation = {
		.request = request, .request_bytes = request_bytes, .reply = reply,
		.reply_max = room < KVICK_REPLY_BYTES_MAX ? room : KVICK_REPLY_BYTES_MAX,
	};
	struct error error = { .kind = ERROR_NONE };
	int r;

	*reply_bytes = 0;
	if (request_bytes > KVICK_REQUEST_BYTES_MAX)
		return library_result(to, &error, error_set(&error, ERROR_USAGE, EMSGSIZE, "request: %zu bytes: give at most %llu",
							    request_bytes, KVICK_REQUEST_BYTES_MAX));
	if (vm->outcome != KVICK_NOT_RUN)
		return refuse_to_run(vm, to);
	r = run(vm, &invocation, timeout_ns);
	if (r == 0 && !vm->invocation.replied)
		r = error_set(&vm->reason, ERROR_IMAGE, ENODATA, "%s: the guest ended by %d without a reply: give a function",
			      vm->of->name, vm->machine.status);
	if (r == 0)
		*reply_bytes = vm->invocation.reply_bytes;
	return library_result(to, &vm->reason, r);
}

int kvick_vm_cancel(struct kvick_vm *vm)
{
	return watch_cancel(&vm->watch) ? 0 : -ESRCH;
}

/* ---- again ---- */

/* A machine of an image is made anew, from the start of its launch. */
static int make_again(struct kvick_vm *vm, struct error *error)
{
	struct sys sys = vm->machine.sys;

	end_machine(vm);
	memset(&vm->machine, 0, sizeof(vm->machine));
	vm->machine.sys = sys;
	return make_machine(vm, error);
}

static int reset(struct kvick_vm *vm, struct error *error)
{
	int r;

	if (!vm->machine_is_made)
		return error_set(error, ERROR_USAGE, EALREADY, "%s: a reset of this machine has failed: free it", vm->of->name);
	if (!vm->config.snapshot)
		return make_again(vm, error);
	r = machine_reset(&vm->machine);
	if (r < 0) {
		*error = vm->machine.error;
		end_machine(vm);
	}
	return r;
}

int kvick_vm_reset(struct kvick_vm *vm, struct kvick_error *to)
{
	struct error error = { .kind = ERROR_NONE };
	uint64_t before = __rdtsc();
	int r = reset(vm, &error);

	forget_run(vm);
	if (r == 0) {
		vm->resets++;
		vm->reset_ns = timeline_ns(&vm->machine.timeline, before, __rdtsc());
	} else {
		vm->outcome = KVICK_FAILED;
		vm->reason = error;
	}
	return library_result(to, &error, r);
}

/* ---- what there is to know ---- */

enum kvick_outcome kvick_vm_outcome(const struct kvick_vm *vm)
{
	return vm->outcome;
}

int kvick_vm_status(const struct kvick_vm *vm)
{
	return vm->machine.status;
}

const char *kvick_vm_reason(const struct kvick_vm *vm)
{
	return vm->reason.text;
}

const char *kvick_vm_console(const struct kvick_vm *vm, size_t *bytes, uint64_t *cut)
{
	*bytes = vm->output.kept_bytes;
	if (cut)
		*cut = vm->output.dropped;
	return vm->output.kept;
}

void kvick_vm_set_output(struct kvick_vm *vm, void (*give)(void *context, const char *bytes, size_t count), void *context)
{
	vm->output.give = give;
	vm->output.context = context;
	vm->output.fd = -1;
}

void kvick_vm_set_console_fd(struct kvick_vm *vm, int fd)
{
	vm->output.give = NULL;
	vm->output.fd = fd;
	vm->output.fd_errnum = 0;
}
