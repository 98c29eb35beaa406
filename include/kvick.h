/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libkvick: virtual machines for unikernels, made and used by a program in its own process. docs/LIBRARY.md has the prose;
 * `pkg-config --cflags --libs kvick` the flags.
 *
 *	struct kvick_options    how machines are to be; set before a template is made, which copies it
 *	struct kvick_template   an image or a snapshot, of which machines are made
 *	struct kvick_vm         a machine with one vCPU, of a template: run, invoked, reset, freed
 *
 * Results. A function that returns int gives 0, or a negative errno value (those it gives on purpose are named with it; any other
 * is the host's). Then `error`, which may be NULL, is filled in: a line that names file, field and value, and the next step. On
 * success it is left as it is.
 *
 * Ownership. What …_new() or kvick_template_…() gives is the caller's, to be given back with the …_free() of its kind, which takes
 * NULL too. Strings and bytes that are handed in are copied, descriptors duplicated, unless it says otherwise. A machine keeps its
 * template: the two may be freed in any order.
 *
 * Threads. Each machine is used by one thread at a time, not always the same; different machines by as many as there are.
 * kvick_vm_cancel() alone may be called meanwhile. Options belong to one thread at a time. Templates may be shared.
 *
 * The process. The library has no state of its own and no threads; it installs no signal handlers, sets no interval timer
 * (setitimer), changes no signal's disposition, prints nothing, and ends the process only where it finds a bug of its own (assert).
 * While a guest runs, one signal (SIGURG; kvick_options_set_signal()) is blocked in the calling thread, and SIGPIPE: the former is
 * how a time-out or kvick_vm_cancel() ends a guest. KVM lets it through for as long as it is in the guest (KVM_SET_SIGNAL_MASK),
 * and it is taken with sigtimedwait() afterwards, so that no handler is needed and none runs. Signals of that number that others
 * send to this thread meanwhile are lost. Handlers of all other signals run as ever. All descriptors are close-on-exec. After a
 * fork(), templates and machines are the parent's alone: the child may not even free them.
 *
 * A file that is mapped and cut short by somebody ends whoever looks at it by SIGBUS; so replace images and snapshots by rename,
 * never in place. What is made by kvick_template_snapshot() has its memory in the process, and no such file.
 *
 * Binary interface. Structures are opaque and made by functions, so that they may grow; the two that are not, kvick_error and
 * kvick_stats, have a size for good and one that is handed over. Enumerators keep their numbers.
 */
#ifndef KVICK_H
#define KVICK_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KVICK_API __attribute__((visibility("default")))

/* The library's version, "MAJOR.MINOR.PATCH": a string that is never freed. */
KVICK_API const char *kvick_version(void);

#define KVICK_ERROR_TEXT_BYTES 512

struct kvick_error {
	int32_t code; /* the same as was returned */
	char text[KVICK_ERROR_TEXT_BYTES]; /* one line without its end; no control characters */
};

/* --- options --- */

struct kvick_options;

/* Gives NULL where there is no memory. Each function sets one thing, and refuses with -EINVAL or -E2BIG what cannot be. */
KVICK_API struct kvick_options *kvick_options_new(void);
KVICK_API void kvick_options_free(struct kvick_options *options);

/* Guest RAM in bytes: a multiple of 4096, from 2 MiB to 64 GiB; 0, the default: what the image asks for. Not for snapshots. */
KVICK_API int kvick_options_set_memory(struct kvick_options *options, uint64_t bytes, struct kvick_error *error);

/* 0 or 3; -1, the default: the one that is fast on this host, of those that the image allows. Not for snapshots. */
KVICK_API int kvick_options_set_ring(struct kvick_options *options, int ring, struct kvick_error *error);

/* "auto" (the default: as the image asks), "none", "host", "baseline", "baseline-v2" or "baseline-v3". Not for snapshots. */
KVICK_API int kvick_options_set_cpu(struct kvick_options *options, const char *model, struct kvick_error *error);

/* Adds to the guest's arguments, after its name, or a variable NAME=VALUE; together at most 128 KiB. Not for snapshots. */
KVICK_API int kvick_options_add_argument(struct kvick_options *options, const char *argument, struct kvick_error *error);
KVICK_API int kvick_options_add_variable(struct kvick_options *options, const char *variable, struct kvick_error *error);

/*
 * The signal that ends a guest (above): SIGURG, unless this program has another use for that. It need not have a handler. Not
 * SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS or SIGTRAP, nor one of the C library's own.
 */
KVICK_API int kvick_options_set_signal(struct kvick_options *options, int signal, struct kvick_error *error);

/* Bytes that are kept of a guest's output (kvick_vm_console()): 64 KiB, or up to 1 GiB; the rest is dropped. */
KVICK_API int kvick_options_set_console_bytes(struct kvick_options *options, size_t bytes, struct kvick_error *error);

/* --- templates --- */

struct kvick_template;

/*
 * Of an image: a native unikernel (static ELF64 with a kvick note), or one of Solo5's hvt ABI that needs no devices. There is
 * nothing but a console, memory and a vCPU; kernels that want a PC, and devices, are for `kvick run`. options: NULL: the defaults.
 * The image is opened at once and looked at when a machine is made. -ENOENT, -EACCES, …: as open(2).
 */
KVICK_API int kvick_template_of_image(struct kvick_template **made, const char *path, const struct kvick_options *options,
				      struct kvick_error *error);

/* The same of an image that is open for reading, at any offset. name: for messages, and the guest's argument 0. */
KVICK_API int kvick_template_of_image_fd(struct kvick_template **made, int fd, const char *name,
					 const struct kvick_options *options, struct kvick_error *error);

/*
 * Of a snapshot's directory (`kvick snapshot`). It is checked as something hostile, all but the checksum of its memory, which is
 * mapped and read when a guest touches it. -EBADMSG: it is damaged, or no snapshot; -ENOTSUP: it has devices, or this host or
 * this version cannot restore it. Its working set is used, and none recorded.
 */
KVICK_API int kvick_template_of_snapshot(struct kvick_template **made, const char *directory, const struct kvick_options *options,
					 struct kvick_error *error);

/* When a snapshot is taken. */
enum kvick_moment {
	KVICK_AT_ENTRY = 0, /* before the guest's first instruction */
	KVICK_AT_READY = 1 /* when it says that it is ready for a request (KVICK_CALL_READY); it runs until then */
};

/*
 * Makes a machine of an image's template, runs it until `moment`, and makes a template of what it is then, in memory: its machines
 * begin there, share what they do not change, and can be reset for the price of what they did. Each gets entropy and a generation
 * of its own. timeout_ns: for the guest to become ready; 0: no limit. -ETIMEDOUT; -EPROTO: the guest ended before it was ready;
 * what it printed is lost. -EINVAL: `from` is a snapshot already.
 */
KVICK_API int kvick_template_snapshot(struct kvick_template **made, struct kvick_template *from, enum kvick_moment moment,
				      uint64_t timeout_ns, struct kvick_error *error);

KVICK_API void kvick_template_free(struct kvick_template *from);

/* --- machines --- */

struct kvick_vm;

/* Makes a machine with everything done but its first instruction: for a pool, ahead of time. */
KVICK_API int kvick_vm_new(struct kvick_vm **made, struct kvick_template *from, struct kvick_error *error);
KVICK_API void kvick_vm_free(struct kvick_vm *vm);

/* How a machine's last run ended. */
enum kvick_outcome {
	KVICK_NOT_RUN = 0,    /* it has not run since it was made or reset */
	KVICK_EXITED = 1,     /* by itself: kvick_vm_status() */
	KVICK_RESET = 2,      /* it reset itself */
	KVICK_CRASHED = 3,    /* by a fault of its own; kvick_vm_reason() */
	KVICK_TIMED_OUT = 4,
	KVICK_CANCELLED = 5,
	KVICK_BROKE_OFF = 6,  /* ended, for it did what a function may not: two replies, one that is too long; kvick_vm_reason() */
	KVICK_FAILED = 7      /* the host failed underneath it; kvick_vm_reason() */
};

/*
 * Runs a guest to its end, once after it was made or reset. 0: it exited or reset itself. -ETIMEDOUT; -ECANCELED: by
 * kvick_vm_cancel(); -EPROTO: it crashed or broke off; -EALREADY: it has run, and is to be reset first. Whatever the result, what
 * it has printed is there. A guest that asks for a request gets an empty one, and its reply is dropped. timeout_ns: 0: no limit.
 */
KVICK_API int kvick_vm_run(struct kvick_vm *vm, uint64_t timeout_ns, struct kvick_error *error);

/*
 * The same with a request, at most 6 MiB, and room for the reply. Both are the caller's memory, in use until the call returns. 0:
 * there is a reply, and *reply_bytes says how long it is; the guest has ended. Else, besides what kvick_vm_run() gives: -ENODATA:
 * it ended without a reply; -EMSGSIZE: the request is too long. A reply that is larger than `room` ends the guest, -EPROTO.
 */
KVICK_API int kvick_vm_invoke(struct kvick_vm *vm, const void *request, size_t request_bytes, void *reply, size_t room,
			      size_t *reply_bytes, uint64_t timeout_ns, struct kvick_error *error);

/*
 * Ends what runs in a machine, from another thread: the call that runs it returns -ECANCELED soon after. 0: it was told;
 * -ESRCH: nothing runs there, nor will anything be ended later. Not for signal handlers.
 */
KVICK_API int kvick_vm_cancel(struct kvick_vm *vm);

/*
 * As it was when it was made, whatever its guest has done; with new entropy. For machines of a snapshot that costs what the guest
 * changed, for those of an image it is a new start. On failure the machine can only be freed. What is known of the last run is
 * gone.
 */
KVICK_API int kvick_vm_reset(struct kvick_vm *vm, struct kvick_error *error);

/* Of the last run. kvick_vm_status(): the guest's exit code, 0 to 255, where it exited. */
KVICK_API enum kvick_outcome kvick_vm_outcome(const struct kvick_vm *vm);
KVICK_API int kvick_vm_status(const struct kvick_vm *vm);

/* Why it ended, in a line; "" where there is nothing to say. Valid until the next call that takes this machine. */
KVICK_API const char *kvick_vm_reason(const struct kvick_vm *vm);

/*
 * What the guest has printed since the machine was made or reset, not NUL-terminated: *bytes of it; *cut, which may be NULL: bytes
 * that were dropped. Valid until the next call that takes this machine.
 */
KVICK_API const char *kvick_vm_console(const struct kvick_vm *vm, size_t *bytes, uint64_t *cut);

/*
 * Instead: output goes to `output` as it comes, in the thread that runs the guest, in pieces of at most 4 KiB, which are copies. It
 * may not call anything that takes this machine. NULL: it is kept again. Until changed, also after a reset.
 */
KVICK_API void kvick_vm_set_output(struct kvick_vm *vm, void (*output)(void *context, const char *bytes, size_t count),
				   void *context);

/*
 * Instead: to a descriptor, which stays the caller's and open while the machine is used; -1: it is kept again. Where it takes
 * nothing the guest waits; what it refuses is dropped. A time-out is kept even then, if the descriptor is a pipe or non-blocking.
 */
KVICK_API void kvick_vm_set_console_fd(struct kvick_vm *vm, int fd);

/* --- figures --- */

/* Of a machine and its last run. Times in nanoseconds, by the host's TSC; 0: did not happen, or the host does not say its rate. */
struct kvick_stats {
	uint64_t plan_ns;          /* making it: the image or state was read, and every address decided */
	uint64_t kvm_ns;           /* … /dev/kvm was opened, what this host can do is known */
	uint64_t vm_ns;            /* … KVM made a VM */
	uint64_t memory_ns;        /* … RAM was mapped */
	uint64_t image_ns;         /* … the image, or the snapshot's memory, is in it */
	uint64_t vcpu_ns;          /* … the vCPU is there, with its registers */
	uint64_t made_ns;          /* all of kvick_vm_new() */
	uint64_t reset_ns;         /* the last kvick_vm_reset() */
	uint64_t run_ns;           /* the last run, from the first entry into the guest to its end */
	uint64_t taken_ns;         /* … of that, until the guest had the request */
	uint64_t replied_ns;       /* … of that, until it had replied */
	uint64_t exits;            /* returns from the guest, in the last run */
	uint64_t hypercalls;       /* … of these, calls */
	uint64_t system_calls;     /* made for this machine since it was made */
	uint64_t console_bytes;    /* printed in the last run, dropped ones included */
	uint64_t memory_bytes;     /* guest RAM */
	uint64_t mapped_pages;     /* of 4 KiB, of RAM: in use, shared ones included; 0: the host does not say */
	uint64_t own_pages;        /* … of these, this machine's alone */
	uint64_t resets;
	uint64_t first_ns;         /* of run_ns, until the guest's first instruction, by its own stamp (kvick/boot_info.h) */
	uint64_t main_ns;          /* … until its main(), likewise; both 0 in a guest that had run before its snapshot */
	uint64_t handler_ns;       /* … until its handler, with the request */
};

/* Fills in the first `bytes` of it: sizeof(*stats), of the header that the caller was compiled with. */
KVICK_API void kvick_vm_stats(struct kvick_vm *vm, struct kvick_stats *stats, size_t bytes);

/* --- sandbox --- */

/*
 * Nothing is closed unless this is called. It closes a seccomp filter over the calling thread alone and for good (no_new_privs
 * too): what is left are the calls of vmm/sandbox_policy.h that running, resetting and freeing machines needs, read(), write(),
 * futex() and the thread's end; any other ends the process (SIGSYS). Neither can the thread make templates or machines then, nor
 * malloc() what needs more memory from the kernel. So: make machines in this thread, close, and then take requests. It can use no
 * machine that was made, or has run last, in another thread. -EINVAL, …: as seccomp(2).
 */
KVICK_API int kvick_thread_sandbox(struct kvick_error *error);

#ifdef __cplusplus
}
#endif

#endif
