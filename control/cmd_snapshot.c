/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvick snapshot: boots an image, stops it when it is ready, and writes down what it is then.
 *
 * The guest runs in a thread of its own, over which the sandbox closes. The main thread waits for it, asks KVM and writes files.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "control/commands.h"
#include "control/launch.h"
#include "control/signals.h"
#include "control/text.h"
#include "control/version.h"
#include "vmm/error.h"
#include "vmm/snapshot_dir.h"
#include "vmm/state.h"

#define STACK_BYTES (1u << 20)
#define NS_PER_S    1000000000ull

struct taking {
	struct launch *launch;
	struct snapshot_save save;
	struct snapshot_manifest manifest;
	char *words[KVICK_DEVICES_MAX];
	int done_fd;          /* an eventfd; the guest's thread says: it has stopped, or never started; then: all is gone */
	int result;           /* of machine_prepare() */
	atomic_bool go_on;    /* the machine may go */
	uint64_t said_at_ns;  /* of the last word about progress, or of the beginning */
};

/* ---- the guest ---- */

/* Has it stopped where it was to? */
static bool is_there(const struct taking *t)
{
	const struct run_options *o = &t->launch->options;
	const struct machine *m = &t->launch->machine;

	if (!o->after)
		return m->outcome == OUTCOME_READY;
	return m->outcome == OUTCOME_NONE || (m->outcome == OUTCOME_STOPPED && o->machine.stop->signal == SIGALRM);
}

/* Past the seam: between two threads this does not fail. */
static void tell(const struct taking *t)
{
	const uint64_t one = 1;

	while (write(t->done_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* The sandbox has no call for waiting on the other thread, nor for this one's end. Devices are its own to the end. */
static __attribute__((noreturn)) void *run_guest(void *context)
{
	struct taking *t = context;
	struct machine *m = &t->launch->machine;
	struct run_options *o = &t->launch->options;
	const struct timespec moment = { .tv_nsec = 1000000 }, hour = { .tv_sec = 3600 };
	int r = machine_prepare(m, &o->machine);

	if (r == 0 && !(o->after && o->after_ns == 0))
		machine_go(m);
	t->result = r;
	if (r == 0 && is_there(t))
		t->result = snapshot_pause(m);
	tell(t);
	while (!atomic_load(&t->go_on))
		clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, NULL);
	if (r == 0)
		machine_end(m);
	tell(t);
	for (;;)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &hour, NULL);
}

/* Signals are the other thread's: they get it out of KVM_RUN. */
static int start_guest(struct taking *t)
{
	struct machine *m = &t->launch->machine;
	pthread_attr_t attributes;
	pthread_t thread;
	sigset_t all;
	int r = t->done_fd = sys_eventfd(&m->sys, 0, 0);

	if (r >= 0) {
		pthread_attr_init(&attributes);
		pthread_attr_setstacksize(&attributes, STACK_BYTES);
		r = -pthread_create(&thread, &attributes, run_guest, t);
	}
	if (r < 0)
		return error_set(&m->error, ERROR_HOST, -r, "a thread for the guest: %s: free memory, or raise RLIMIT_NPROC",
				 strerror(-r));
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, NULL);
	return 0;
}

static void wait_for_guest(struct taking *t)
{
	uint64_t value;

	while (read(t->done_fd, &value, sizeof(value)) < 0 && errno == EINTR)
		;
}

/* Instead of stopping where it was to; for what a launch ends with. */
static void say_what_happened(struct taking *t)
{
	const struct run_options *o = &t->launch->options;
	struct machine *m = &t->launch->machine;

	if (m->outcome == OUTCOME_STOPPED && o->machine.stop->signal == SIGALRM)
		error_set(&m->error, ERROR_IMAGE, ETIMEDOUT, "%s: not ready when --timeout was over: give it more, or stop it "
			  "with --after", o->machine.image_path);
	if (m->outcome != OUTCOME_EXITED && m->outcome != OUTCOME_RESET)
		return;
	m->outcome = OUTCOME_FAILED;
	error_set(&m->error, ERROR_IMAGE, 0, "%s: the guest ended, with code %d, before %s", o->machine.image_path, m->status,
		  o->after ? "--after was over: stop it sooner" :
			     "it said that it is ready (KVICK_CALL_READY): stop it with --after DURATION");
}

/* ---- what is written ---- */

/*
 * A relative path would be another one elsewhere. Commas of a path are written twice (device_options.h). What is too long is left
 * out.
 */
static void fill_words(struct snapshot_device *device, const char *words)
{
	char here[sizeof(device->words) / 2], *to = device->words;

	if (device->kind[0] == 'd' && words[0] != '/') {
		if (!getcwd(here, sizeof(here)))
			return;
		for (const char *from = here; *from; from++) {
			if (*from == ',')
				*to++ = ',';
			*to++ = *from;
		}
		*to++ = '/';
	}
	if (strlen(words) < (size_t)(device->words + sizeof(device->words) - to))
		strcpy(to, words);
	else
		device->words[0] = '\0';
}

static void fill_devices(struct taking *t)
{
	const struct devices_config *c = &t->launch->options.machine.devices;
	struct snapshot_manifest *f = &t->manifest;

	for (f->device_count = 0; f->device_count < c->count; f->device_count++) {
		struct snapshot_device *device = &f->devices[f->device_count];
		const struct device_config *config = &c->list[f->device_count];

		strcpy(device->kind, snapshot_device_name(config->kind));
		strcpy(device->id, config->id);
		if (t->words[f->device_count] && config->kind != DEVICE_NET && config->kind != DEVICE_VSOCK)
			fill_words(device, t->words[f->device_count]);
	}
}

static void fill(struct taking *t)
{
	const struct run_options *o = &t->launch->options;
	const struct machine *m = &t->launch->machine;
	struct snapshot_manifest *f = &t->manifest;
	time_t now = time(NULL);
	struct tm utc;

	strcpy(f->kvick, KVICK_VERSION);
	snprintf(f->image, sizeof(f->image), "%s", o->machine.image_path);
	snprintf(f->protocol, sizeof(f->protocol), "%s", m->image.protocol->name);
	snprintf(f->cpu_model, sizeof(f->cpu_model), "%s", cpu_model_name(m->cpu_model));
	f->ring = m->ring;
	f->deprivileged = m->deprivileged;
	f->ring0_native = m->facts.ring0_native;
	f->memory_bytes = m->mem.bytes;
	f->behind_bytes = m->mem.behind;
	strcpy(f->taken, !o->after ? "ready" : o->after_ns ? "after" : "entry");
	gmtime_r(&now, &utc);
	snprintf(f->taken_at, sizeof(f->taken_at), "%d-%02d-%02dT%02d:%02d:%02dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
		 utc.tm_hour, utc.tm_min, utc.tm_sec);
	snapshot_cpu_read(&f->cpu);
	snapshot_cpu_read_name(&f->cpu);
	snapshot_cpu_limit(&f->cpu, &m->cpuid, m->cpu_state.xcr0);
	fill_devices(t);
}

static void progress(void *context, uint64_t done, uint64_t all)
{
	struct taking *t = context;
	struct sys *sys = &t->launch->machine.sys;
	uint64_t now = sys_now_ns(sys);

	if (now - t->said_at_ns < NS_PER_S)
		return;
	t->said_at_ns = now;
	dprintf(STDERR_FILENO, "kvick: %s: %llu of %llu MiB of memory\n", t->save.path, (unsigned long long)done >> 20,
		(unsigned long long)all >> 20);
}

/* 0 or -errno with m->error set, and nothing is left. */
static int take(struct taking *t)
{
	struct machine *m = &t->launch->machine;
	struct state_writer writer = { .max = STATE_BYTES_MAX };
	void *state;
	int r = sys_mmap(&m->sys, NULL, writer.max, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &state);

	if (r < 0)
		return error_set(&m->error, ERROR_HOST, -r, "mmap: %s: free memory", strerror(-r));
	writer.to = state;
	t->said_at_ns = sys_now_ns(&m->sys);
	r = snapshot_save_make(&t->save, &m->sys, &m->error);
	if (r < 0)
		return r;
	r = snapshot_take(m, &writer, t->save.memory_fd, progress, t);
	if (r == 0 && m->config->stop->signal)
		r = -EINTR; /* launch_end() says so */
	if (r < 0) {
		snapshot_save_abandon(&t->save, &m->sys);
		return r;
	}
	fill(t);
	return snapshot_save_end(&t->save, &t->manifest, state, writer.bytes, &m->sys, &m->error);
}

static int print(struct taking *t)
{
	static char json[SNAPSHOT_MANIFEST_BYTES_MAX];
	struct text text;

	text_begin(&text, &t->launch->machine.sys, STDOUT_FILENO);
	snapshot_manifest_write(&t->manifest, json, sizeof(json));
	text_long(&text, json);
	return command_printed(text_end(&text));
}

static int run(const struct command *command, int argc, char **argv)
{
	static struct taking taking;
	struct taking *t = &taking;
	struct launch *l = t->launch = launch_of_process();
	struct run_options *o = &l->options;
	struct machine *m = &l->machine;
	const struct sigaction ignore = { .sa_handler = SIG_IGN };
	int code;

	o->words = t->words;
	code = launch_parse(l, command, argc, argv);
	if (code >= 0)
		return code;
	if (snapshot_save_begin(&t->save, o->output, &m->sys, &m->error) < 0)
		return command_failed(&m->error);
	o->machine.stop_when_ready = !o->after;
	if (o->after)
		o->timeout_ns = o->after_ns;
	code = launch_begin(l);
	if (code >= 0)
		return code;
	m->config = &o->machine; /* for launch_end(), also where no machine is made */
	sys_sigaction(&m->sys, SIGXFSZ, &ignore, NULL); /* a file too large is an error like others */
	int started = start_guest(t);

	if (started < 0) {
		t->result = started; /* else the guest's thread has the say */
	} else {
		wait_for_guest(t);
		if (t->result == 0 && is_there(t)) {
			signals_go_on();
			t->result = take(t);
			m->outcome = OUTCOME_EXITED; /* there is nothing more to say of the guest */
		} else if (t->result == 0) {
			say_what_happened(t);
		}
		atomic_store(&t->go_on, true);
		wait_for_guest(t);
	}
	code = launch_end(l, t->result);
	return code == 0 && o->json ? print(t) : code;
}

const struct command command_snapshot = {
	.name = "snapshot",
	.synopsis = "snapshot [OPTIONS] IMAGE -o DIR [-- ARGUMENTS…]",
	.purpose = SNAPSHOT_PURPOSE,
	.options = run_option_rows,
	.of = OF_SNAPSHOT,
	.more = "A guest says that it is ready by the call KVICK_CALL_READY.\n",
	.run = run,
};
