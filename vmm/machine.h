/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine: one launch of one image, from opening it to its end.
 *
 * machine_run() is the whole of it, step by step (machine.c is the file to read first). A machine
 * belongs to the thread that runs it; several may live in one process.
 */
#ifndef KVICK_VMM_MACHINE_H
#define KVICK_VMM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "loader/image.h"
#include "virtio/devices.h"
#include "vmm/boot.h"
#include "vmm/console.h"
#include "vmm/cpu_model.h"
#include "vmm/crash.h"
#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/host_probe.h"
#include "vmm/kvm.h"
#include "vmm/memory_plan.h"
#include "vmm/pc/config.h"
#include "vmm/solo5_config.h"
#include "vmm/state.h"
#include "vmm/stop.h"
#include "vmm/sys.h"
#include "vmm/timeline.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"
#include "vmm/x86/sensitive.h"

#define MACHINE_ARGS_BYTES_MAX (128u * 1024) /* argument and environment strings */

#define MACHINE_MODULES_MAX 17u /* an initrd and 16 more */

/* A file that is put into RAM as it is. */
struct module_config {
	const char *path;
	const char *string; /* what the guest is told of it; NULL: path */
};

enum ring_choice { RING_AUTO = -1, RING_0 = 0, RING_3 = 3 };
enum doorbell_choice { DOORBELL_AUTO, DOORBELL_PORT, DOORBELL_VMCALL };

struct machine;

/* What the operator wants; validated by control/, never changed afterwards. */
struct machine_config {
	const char *image_path;
	const struct protocol *protocol; /* NULL: to be found */
	uint64_t mem_bytes;    /* 0: what the image asks for; else a multiple of pages within GUEST_MEM_BYTES_MIN..MAX */
	enum ring_choice ring;
	enum doorbell_choice doorbell;
	enum guest_pages pages;
	enum cpu_model cpu;    /* or CPU_AUTO */
	struct devices_config devices;
	struct solo5_config solo5; /* what Solo5 guests have instead */
	const char *initrd_path; /* NULL: none; for kernels that take one */
	const char *pc_words;  /* --machine as it was given; NULL: it was not */
	struct pc_config pc;   /* what it says */
	const struct module_config *modules; /* the initrd first, where there is one, then the others; for kernels that take such */
	unsigned module_count;
	bool sandbox;
	bool report;           /* somebody will read the guest's stamps */
	bool process_ends;     /* the process ends right after: leave tearing down to it, which is quicker */
	int console_fd;
	const char *const *argv; /* argv[0] is the guest's name for itself */
	unsigned argc;
	const char *const *envp; /* NAME=VALUE */
	unsigned envc;
	struct stop *stop;
	/*
	 * To begin as this, instead of as an image at its entry point: image_path is for messages then, and memory, ring, CPU
	 * model and what the guest was told of arguments are the snapshot's. NULL: an image.
	 */
	const struct snapshot *snapshot;
	bool image_is_open;    /* image_fd is the image, and stays the caller's; image_path is for messages */
	int image_fd;
	bool kvm_is_open;      /* kvm_fd is /dev/kvm, and stays the caller's */
	int kvm_fd;
	const struct host_facts *facts; /* as another machine here has found them; NULL: remembered, or to be found */
	struct invocation *invocation; /* what the guest is asked, and its reply; NULL: nothing, the reply is printed */
	bool stop_when_ready;  /* OUTCOME_READY when the guest says so (KVICK_CALL_READY), which is not answered yet */
	bool resets;           /* machine_reset() will be called: the sandbox leaves that */
	bool pagemap_is_open;  /* pagemap_fd is /proc/self/pagemap, and stays the caller's: machine_reset() is quicker with it */
	int pagemap_fd;
	uint64_t console_bytes_max; /* of the guest's output; what is more is dropped. 0: no limit */
	/* Something that whoever waits should know before the guest starts, as it would follow its name. NULL: nobody wants to. */
	void (*notice)(struct machine *m, const char *text);
};

enum outcome_kind {
	OUTCOME_NONE,    /* never started: machine_run() returned an error */
	OUTCOME_EXITED,  /* status */
	OUTCOME_RESET,   /* it reset itself */
	OUTCOME_CRASHED, /* machine.crash */
	OUTCOME_STOPPED, /* stop->signal */
	OUTCOME_READY,   /* config->stop_when_ready: it is initialised, and waits for a request */
	OUTCOME_BROKE_OFF, /* it did what a function may not: machine.error says what */
	OUTCOME_FAILED,  /* the host failed underneath a running guest: machine.error */
};

#define DEPRIVILEGED_PAGES_MAX 64

/* Of a deprivileged guest (deprivileged.h). Part of a snapshot as it is: no pointers. */
struct deprivileged_guest {
	struct memory_run tables;         /* its page tables */
	uint32_t site_count, splits;      /* instructions that are patched; pages of 2 MiB that were split */
	uint32_t granted_count;           /* pages of its own making that it executes */
	uint32_t grants;                  /* how often one has become that, for the report */
	uint64_t taken_page, taken_rip;   /* the last of them that is data again, and what stored there */
	uint32_t output_tail;             /* of what the monitor has gathered, printed */
	uint32_t output_call;             /* calls[] that it was gathered for */
	uint32_t output_calls;            /* counted there so far */
	uint32_t padding;
	uint64_t granted[DEPRIVILEGED_PAGES_MAX];
};

/* How far a function has come. */
enum function_stage {
	FUNCTION_STARTS,
	FUNCTION_READY,   /* config->stop_when_ready: stopped in KVICK_CALL_READY, which is answered when the machine goes on */
	FUNCTION_ASKED,   /* has its request */
	FUNCTION_REPLIED,
};

/* Traps of a deprivileged guest, by what was emulated; X86_INNOCUOUS: nothing was. */
struct trap_counts {
	uint64_t count[X86_IDS], cycles[X86_IDS];
};

#define EXIT_REASONS_MAX 64
#define CALLS_MAX        16

struct machine {
	const struct machine_config *config;
	struct sys sys;
	struct timeline timeline;

	struct image image;
	const struct boot *boot; /* by the image's protocol */
	struct memory_plan plan;
	unsigned ring;          /* 0 or 3: decided */
	const char *ring_reason;
	unsigned doorbell;      /* KVICK_DOORBELL_*: decided */
	enum cpu_model cpu_model;
	struct cpu_state cpu_state;

	struct kvm kvm;
	struct host_facts facts; /* all zero until known */
	struct vm vm;
	struct guest_mem mem;
	struct vcpu vcpu;
	struct console console;

	uint64_t pgd;           /* top-level table that the guest began with */
	uint64_t ring0_pgd;     /* 0 until ring0.c has built it */
	bool deprivileged;      /* ring is 0, as the guest has it, but the CPU's is 3: then there is `dep` */
	bool tables_touched;    /* at ring 3: a call stored into its tables, or a snapshot was taken when it had changed them */
	bool memory_split;      /* read-only memory has slots of its own by now */
	unsigned stuck_ticks;   /* for which the vCPU has been at stuck_rip since then; stuck_rip 0: it has moved on */
	uint64_t stuck_rip;
	bool interrupt_flag;    /* as the guest last asked for it */
	struct restored *restored; /* what a machine of a snapshot is made of (machine_state.h); NULL: it is none */

	struct pc *pc;          /* NULL where boot->pc is not */
	struct solo5 *solo5;    /* devices of a Solo5 guest; NULL: none */
	enum outcome_kind outcome;
	int status;             /* OUTCOME_EXITED: 0..255 */
	enum function_stage function_stage;
	bool generation_event;  /* made of a snapshot, and the guest was not told so by KVICK_CALL_WAIT yet */
	uint64_t generation;    /* as boot info has it */
	uint64_t pending_call;  /* block of a call that is to be served again when the machine goes on; 0: none */
	uint64_t calls[CALLS_MAX];        /* by KVICK_CALL_* ; 0 counts unknown numbers */
	uint64_t exits[EXIT_REASONS_MAX]; /* by KVM_EXIT_*; the last element takes all larger ones */

	/* Last, because most launches touch none of them: a page less for the kernel to give. */
	struct error error;
	struct devices devices;
	struct memory_run modules[MACHINE_MODULES_MAX]; /* where they go, for boot protocols that have a list of them */
	struct crash crash;
	struct deprivileged_guest dep;
	struct trap_counts traps; /* for the report */
	struct state_reader state; /* while a machine of a snapshot is made: what follows is of its devices */
	struct cpu_table cpuid; /* the guest's; empty: it has none */
};

/*
 * Runs one guest to its end. 0 when it was started (machine->outcome says how it ended), -errno with
 * machine->error set when it could not be. Everything is released on return (unless config->process_ends), but for the image's
 * descriptor, which a crash report reads symbols from: machine_close() releases that.
 * `machine` is zero-initialised but for `sys` and the stamps taken so far.
 */
int machine_run(struct machine *machine, const struct machine_config *config);
void machine_close(struct machine *machine);

/*
 * The same in parts, for whoever makes a machine before it is needed, and uses it again. machine_prepare(): all but running; 0, or
 * -errno with machine->error set and nothing left to undo. machine_go(): runs it until there is an outcome; also again, after
 * OUTCOME_READY. machine_end(): releases everything, as at the end of machine_run(). In one thread, which the sandbox closes over
 * in machine_prepare().
 */
int machine_prepare(struct machine *machine, const struct machine_config *config);
void machine_go(struct machine *machine);
void machine_end(struct machine *machine);

/* After a run of a native guest, before machine_end(), which does it by itself for a report: what it stamped, in its timeline. */
void machine_guest_stamps(struct machine *machine);

/*
 * A machine of a snapshot, whatever its outcome, is as it was when it was prepared: registers, FPU, MSRs, debug registers, pending
 * events, and memory; with a new seed. It has no devices (config->devices). 0, or -errno with machine->error set: then only
 * machine_end() may follow.
 */
int machine_reset(struct machine *machine);

/* Does the CPU run it at ring 0? */
static inline bool machine_is_at_ring0(const struct machine *machine)
{
	return machine->ring == 0 && !machine->deprivileged;
}

/*
 * RAM is gone: where that is because the file that it is mapped from (an image, a snapshot's memory) is shorter now, ends the
 * guest (OUTCOME_FAILED, machine->error says so) and returns true. For exit handlers.
 */
bool machine_end_if_image_shrank(struct machine *machine);

/*
 * KVM failed where a store to read-only memory may be why: without a slot that says so it gives -EFAULT, or cannot emulate, and
 * does not say where. Makes these slots and returns true, once: the guest is to try again, and then leaves with an
 * exit that says it. False: they are there already, or nothing is read-only.
 */
bool machine_find_store(struct machine *machine);

/* At each tick of a guest that nothing can wake: has it halted, or does it store to read-only memory in vain? */
void machine_look_in(struct machine *machine);

/* What the image has at a guest-physical address that is read-only, in words for people. */
const char *machine_readonly_name(const struct machine *machine, uint64_t at);

/* What guests of that kind of image are made by. */
const struct boot *machine_boot(enum image_kind kind);

/* Has the host as much RAM as the plan has? 0, or -errno with machine->error set. */
int machine_host_has_ram(struct machine *machine);

/* Devices that were told to stop could not be stopped: the kernel may still read from RAM and write to it. */
bool machine_io_may_go_on(const struct machine *machine);

#endif
