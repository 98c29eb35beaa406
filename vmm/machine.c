/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A launch, step by step. Each step does one thing and, where it took something, has an undo; the
 * clock is stamped between them. This is the file to read first.
 */
#include "vmm/machine.h"

#include <errno.h>
#include <string.h>

#include <kvick/boot_info.h>

#include "virtio/devices_state.h"
#include "vmm/boot.h"
#include "vmm/cpu.h"
#include "vmm/deprivileged.h"
#include "vmm/exits.h"
#include "vmm/host_cache.h"
#include "vmm/host_probe.h"
#include "vmm/hypercalls.h"
#include "vmm/layout.h"
#include "vmm/pc/pc.h"
#include "vmm/restore.h"
#include "vmm/sandbox.h"
#include "vmm/snapshot.h"
#include "vmm/solo5.h"

/* So long a vCPU may stay where it stored to read-only memory: then KVM is trying in vain. */
#define STUCK_TICKS_MAX 5

static const struct boot *const boots[] = {
	[IMAGE_NATIVE] = &boot_native,
	[IMAGE_LINUX] = &boot_linux,
	[IMAGE_PVH] = &boot_pvh,
	[IMAGE_SOLO5] = &boot_solo5,
	[IMAGE_MULTIBOOT] = &boot_multiboot,
};

const struct boot *machine_boot(enum image_kind kind)
{
	return boots[kind];
}

/* Less than this a host has in any case, and is not asked. */
#define HOST_RAM_BYTES_SURE (1ull << 30)

int machine_host_has_ram(struct machine *m)
{
	struct sysinfo host;

	if (m->plan.bytes <= HOST_RAM_BYTES_SURE || sys_sysinfo(&m->sys, &host) < 0)
		return 0;
	uint64_t bytes = (uint64_t)host.totalram * host.mem_unit;

	if (m->plan.bytes <= bytes)
		return 0;
	return error_set(&m->error, ERROR_HOST, ENOMEM, "%s: %llu MiB of guest RAM, and the host has %llu MiB: ask for less "
			 "with --mem",
			 m->image.path, (unsigned long long)m->plan.bytes >> 20, (unsigned long long)bytes >> 20);
}

static COLD int refuse_solo5_options(struct machine *m)
{
	const struct solo5_attachment *a = &m->config->solo5.list[0];
	const char *next = a->device.kind == DEVICE_BLOCK ? a->attached ? "write --disk PATH" : "leave it out" :
			   a->attached ? "write --net tap=NAME" : "write --net tap=NAME,mac=MAC";

	return error_set(&m->error, ERROR_USAGE, EINVAL, "--%s:%s: %s is no Solo5 guest: %s", solo5_option(a), a->name,
			 m->image.path, next);
}

/* Reads the image and decides where everything goes. Nothing of the host's has been asked for yet. */
static int step_plan(struct machine *m)
{
	const struct machine_config *c = m->config;
	int r = c->image_is_open ? image_open_fd(&m->image, c->image_fd, c->image_path, c->protocol, &m->sys, &m->error) :
				   image_open(&m->image, c->image_path, c->protocol, &m->sys, &m->error);

	if (r < 0)
		return r;
	m->boot = boots[m->image.protocol->kind];
	if (m->config->solo5.count && m->image.protocol->kind != IMAGE_SOLO5)
		return refuse_solo5_options(m);
	r = m->boot->plan(m);
	return r < 0 ? r : machine_host_has_ram(m);
}

static void undo_kvm(struct machine *m)
{
	if (!m->config->kvm_is_open)
		kvm_close(&m->kvm, &m->sys);
}

/* A KVM that an earlier launch has looked at needs no second look. */
static int step_kvm(struct machine *m)
{
	const struct machine_config *c = m->config;
	int r = c->kvm_is_open ? 0 : kvm_open(&m->kvm, &m->sys, &m->error);

	if (r < 0)
		return r;
	if (c->kvm_is_open)
		m->kvm.fd = c->kvm_fd;
	if (c->facts)
		m->facts = *c->facts;
	if (c->facts || host_cache_read(&m->kvm, &m->facts, &m->sys)) {
		m->kvm.run_bytes = m->facts.run_bytes;
		return 0;
	}
	r = kvm_check(&m->kvm, &m->sys, &m->error);
	if (r < 0)
		undo_kvm(m);
	return r;
}

/* Known from an earlier launch, or found out now by a trial run. */
static int host_facts(struct machine *m)
{
	if (m->facts.run_bytes)
		return 0;
	int r = host_probe(&m->kvm, &m->facts, m->config->stop, &m->sys, &m->error);

	if (r == 0)
		host_cache_write(&m->kvm, &m->facts, NULL, &m->sys);
	return r;
}

static int refuse_ring(struct machine *m)
{
	return error_set(&m->error, ERROR_IMAGE, 0, "%s: note: rings 0x%x: this image does not run at ring %d: use --ring %d",
			 m->image.path, m->image.note.rings, m->config->ring, m->config->ring == RING_0 ? 3 : 0);
}

/*
 * The image's wish and the operator's rule out; what is left is decided by which ring is fast here. An image for ring 0 runs at
 * ring 3 without knowing it, if its boot protocol can have that.
 */
static int step_ring(struct machine *m)
{
	const struct machine_config *c = m->config;
	uint32_t rings = m->image.note.rings;
	bool may_deprivilege = m->boot->deprivileges && !(rings & KVICK_RINGS_3);
	bool open = c->ring == RING_AUTO && (rings == KVICK_RINGS_ANY || may_deprivilege);

	m->deprivileged = may_deprivilege && c->ring == RING_3;
	if (c->ring != RING_AUTO && !(rings & 1u << c->ring) && !m->deprivileged)
		return refuse_ring(m);
	m->ring = c->ring != RING_AUTO && !m->deprivileged ? (unsigned)c->ring : rings & KVICK_RINGS_0 ? 0 : 3;
	m->ring_reason = c->ring != RING_AUTO ? "asked for" : "the image runs at no other";

	/* Only ring 0 with the port for a doorbell and no CPU model needs to know nothing. */
	m->cpu_model = cpu_choose(m);
	if (open || m->deprivileged || m->ring == 3 || c->doorbell != DOORBELL_PORT || m->cpu_model != CPU_NONE) {
		int r = host_facts(m);

		if (r < 0)
			return r;
	}
	if (open) {
		m->deprivileged = may_deprivilege && !m->facts.ring0_native;
		m->ring = m->facts.ring0_native || m->deprivileged ? 0 : 3;
		m->ring_reason = m->facts.ring0_native ? "ring 0 is native here" : "ring 0 is emulated here";
	}
	m->doorbell = machine_is_at_ring0(m) && m->boot->native && c->doorbell != DOORBELL_PORT ? m->facts.doorbell :
													    KVICK_DOORBELL_PORT;
	if (c->doorbell == DOORBELL_VMCALL && m->doorbell == KVICK_DOORBELL_PORT)
		return error_set(&m->error, ERROR_HOST, 0, "--doorbell vmcall: %s: use --doorbell port",
				 !m->boot->native ? "only native guests ring by it" :
				 m->ring != 0 || m->deprivileged ? "KVM takes a VMCALL only from ring 0, and this guest runs at "
								   "ring 3" :
								   "no VMCALL reaches kvick on this host");
	return 0;
}

/* What the ring was chosen for is in the snapshot. */
static COLD int step_restored_ring(struct machine *m)
{
	int r = host_facts(m);

	return r == 0 ? restore_check_host(m) : r;
}

static int step_vm(struct machine *m)
{
	struct kvm_enable_cap forward = { .cap = KVM_CAP_EXIT_HYPERCALL, .args = { 1u << KVICK_VMCALL_NR } };
	/* Else an instruction that KVM should emulate and cannot (a store outside RAM) is #UD to the guest: we never hear of it. */
	struct kvm_enable_cap tell = { .cap = KVM_CAP_EXIT_ON_EMULATION_FAILURE, .args = { 1 } };
	int r = vm_create(&m->vm, &m->kvm, &m->sys, &m->error);

	if (r == 0 && m->facts.ring0_native && !m->boot->pc)
		sys_ioctl(&m->sys, m->vm.fd, KVM_ENABLE_CAP, (uintptr_t)&tell); /* Linux 5.15; without it the report says less */
	if (r < 0 || m->doorbell == KVICK_DOORBELL_PORT)
		return r;
	r = sys_ioctl(&m->sys, m->vm.fd, KVM_ENABLE_CAP, (uintptr_t)&forward);
	if (r < 0) {
		vm_destroy(&m->vm, &m->sys);
		return error_set(&m->error, ERROR_HOST, -r, "KVM_CAP_EXIT_HYPERCALL: %s: use --doorbell port",
				 strerror(-r));
	}
	return r;
}

bool machine_io_may_go_on(const struct machine *m)
{
	return m->devices.engine || (m->solo5 && m->solo5->engine);
}

/* RAM goes after the VM: unmapped under a live one, KVM looks for each of its pages in its tables. */
static void undo_vm(struct machine *m)
{
	vm_destroy(&m->vm, &m->sys);
	if (!machine_io_may_go_on(m))
		guest_mem_destroy(&m->mem, &m->sys);
}

/* A kernel uses much of its RAM; a small guest would have to wait for large pages to be cleared. */
static int step_memory(struct machine *m)
{
	enum guest_pages pages = m->boot->pc && m->config->pages == GUEST_PAGES_4K ? GUEST_PAGES_ALIGNED : m->config->pages;
	uint64_t behind = m->deprivileged ? DEPRIVILEGED_BYTES : 0;
	int r = guest_mem_create_with(&m->mem, m->plan.bytes, behind, pages, &m->sys, &m->error);

	return r < 0 ? r : vm_set_memory(&m->vm, &m->mem, &m->sys, &m->error);
}

/* Read-only at the second level too: a guest that goes round its own tables' permissions is stopped there. */
static int protect_image(struct machine *m)
{
	struct memory_run runs[IMAGE_SEGMENTS_MAX];
	unsigned count = m->mem.hugepages ? 0 : image_readonly(&m->image, runs);
	int r = count ? guest_mem_protect(&m->mem, runs, count, &m->sys) : 0;

	_Static_assert(IMAGE_SEGMENTS_MAX <= GUEST_MEM_READONLY_MAX, "each segment may be a run of its own");
	if (r < 0)
		return error_set(&m->error, ERROR_HOST, -r, "mprotect of the image's text: %s: free memory or raise "
				 "vm.max_map_count", strerror(-r));
	return 0;
}

static int step_image(struct machine *m)
{
	int r = image_load(&m->image, &m->mem, &m->sys, &m->error);

	if (r == 0)
		r = m->boot->tables(m); /* which may patch the image's text */
	return r < 0 ? r : protect_image(m);
}

static int step_devices(struct machine *m)
{
	return m->boot->devices(m);
}

static void undo_devices(struct machine *m)
{
	m->boot->undo_devices(m);
}

static void leave_devices(struct machine *m)
{
	m->boot->leave_devices(m);
}

/* A VM whose RAM lies where the host wants its APIC page (Intel, RAM of 4 GiB) is made again, without a local APIC. */
static COLD int vm_without_lapic(struct machine *m)
{
	vm_destroy(&m->vm, &m->sys);
	int r = step_vm(m);

	return r < 0 ? r : vm_set_memory(&m->vm, &m->mem, &m->sys, &m->error);
}

static int create_vcpu(struct machine *m)
{
	vm_want_lapic(&m->vm, &m->sys);
	int r = vcpu_create(&m->vcpu, &m->vm, m->kvm.run_bytes, &m->sys, &m->error);

	if (r != -EEXIST || !m->vm.lapic)
		return r;
	r = vm_without_lapic(m);
	return r < 0 ? r : vcpu_create(&m->vcpu, &m->vm, m->kvm.run_bytes, &m->sys, &m->error);
}

static int start(struct machine *m)
{
	int r = cpu_set_up(m);

	return r == 0 ? m->boot->start(m) : r;
}

static int make_vcpu(struct machine *m, int (*begin)(struct machine *m))
{
	int r = create_vcpu(m);

	if (r < 0)
		return r;
	m->vcpu.tss_available = m->facts.tss_available;
	m->timeline.tsc_khz = vcpu_tsc_khz(&m->vcpu, &m->vm, &m->sys);
	r = begin(m);
	if (r < 0) {
		vcpu_destroy(&m->vcpu, &m->sys);
		return r;
	}
	m->config->stop->immediate_exit = &m->vcpu.run->immediate_exit;
	/* HLT is for ring 0 alone, and a PC's comes to an end. What a monitor has gathered is to be printed. */
	m->config->stop->ticks = m->deprivileged || (m->vm.lapic && m->ring == 0 && !m->boot->pc);
	return 0;
}

static int step_vcpu(struct machine *m)
{
	return make_vcpu(m, start);
}

static COLD int step_restored_vcpu(struct machine *m)
{
	return make_vcpu(m, restore_vcpu);
}

static void undo_vcpu(struct machine *m)
{
	vcpu_destroy(&m->vcpu, &m->sys);
}

/* Once, before it seems to hang, where nobody has said that ring 0 it shall be. */
static COLD void say_that_it_will_be_slow(struct machine *m)
{
	if (m->config->ring == RING_AUTO && m->config->notice)
		m->config->notice(m, "runs at ring 0 alone, which this host emulates, one instruction at a time: it will be slow; "
				  "`kvick doctor` says what to do");
}

static int step_sandbox(struct machine *m)
{
	const struct machine_config *c = m->config;
	unsigned needs = c->process_ends && !c->report ? SANDBOX_PLAIN : SANDBOX_REPORT;

	if (machine_is_at_ring0(m) && m->facts.run_bytes && !m->facts.ring0_native)
		say_that_it_will_be_slow(m);
	if (!c->sandbox)
		return 0;
	if (c->resets)
		needs |= SANDBOX_RESETS;
	if (m->boot->pc)
		needs |= SANDBOX_PC;
	if (c->devices.count)
		needs |= devices_sandbox(&m->devices, &c->devices);
	if (m->solo5)
		needs |= solo5_sandbox(m->solo5);
	return sandbox_enter(needs, &m->sys, &m->error);
}

/* pread, because the sandbox has that: symbols are read by it. */
COLD bool machine_end_if_image_shrank(struct machine *m)
{
	const struct snapshot *snapshot = m->config->snapshot;
	int fd = snapshot ? snapshot->memory_fd : m->image.fd;
	uint64_t bytes = snapshot ? snapshot->memory_bytes : m->image.file_bytes;
	uint8_t last;

	/* Nothing is mapped of a file that was unpacked. */
	if (m->image.packed_bytes || sys_pread(&m->sys, fd, &last, 1, bytes - 1) != 0)
		return false;
	m->outcome = OUTCOME_FAILED;
	error_set(&m->error, ERROR_IMAGE, 0, "%s: the %s was cut short while its guest ran: replace files by rename, not in "
		  "place", snapshot ? snapshot->name : m->image.path, snapshot ? "snapshot's memory" : "file");
	return true;
}

COLD const char *machine_readonly_name(const struct machine *m, uint64_t at)
{
	for (unsigned i = 0; i < m->image.segment_count; i++) {
		const struct segment *s = &m->image.segments[i];

		if (at >= s->gpa && at - s->gpa < s->mem_bytes)
			return s->perms & SEGMENT_X ? "text of the image" : "read-only data of the image";
	}
	return "padding of the image";
}

/*
 * The slots are made only now because at the start each would cost 40 us, and milliseconds on a busy host. With them page
 * tables of the guest's in there work too: KVM emulates what the CPU would not do. Where it cannot, it does not say so
 * but tries for ever: machine_look_in() ends that.
 */
COLD bool machine_find_store(struct machine *m)
{
	struct vcpu_state state;

	if (m->memory_split || !m->mem.readonly_count || vcpu_get(&m->vcpu, &state, &m->sys) < 0 || !state.sregs.cs.l)
		return false;
	m->memory_split = true;
	m->stuck_rip = state.regs.rip;
	return stop_want_ticks(m->config->stop, &m->sys) == 0 && vm_split_memory(&m->vm, &m->mem, &m->sys) == 0;
}

/* HLT is for ring 0 alone, and found only where the local APIC is inside KVM. */
COLD void machine_look_in(struct machine *m)
{
	struct vcpu_state state;

	if (machine_is_at_ring0(m) || !m->memory_split)
		exit_halted(m);
	if (m->outcome != OUTCOME_NONE || !m->stuck_rip || vcpu_get(&m->vcpu, &state, &m->sys) < 0)
		return;
	if (state.regs.rip != m->stuck_rip)
		m->stuck_rip = 0;
	else if (++m->stuck_ticks == STUCK_TICKS_MAX)
		crash_machine(m, "no progress: the CPU's own accesses (to page tables, descriptor tables or a stack) lead "
			      "into read-only memory");
}

/* KVM could not run the guest any further: with -EFAULT, memory behind a guest page is gone. */
static COLD void run_failed(struct machine *m, int r)
{
	if (r == -EFAULT && (machine_end_if_image_shrank(m) || machine_find_store(m)))
		return;
	m->outcome = OUTCOME_FAILED;
	error_set(&m->error, ERROR_HOST, -r, "KVM_RUN: %s: %s", strerror(-r),
		  r == -EFAULT ? "the host could not give a page of guest RAM (image file changed, or memory limit?)" :
				 "`kvick doctor` says what this host offers");
}

/* RAM is gone under the text that was to be printed. */
static COLD void console_lost_ram(struct machine *m)
{
	if (machine_end_if_image_shrank(m))
		return;
	m->outcome = OUTCOME_FAILED;
	error_set(&m->error, ERROR_HOST, EFAULT, "console: %s: the host could not give a page of guest RAM (memory limit?)",
		  strerror(EFAULT));
}

/*
 * KVM_RUN is interrupted by the end of a device's I/O too, without any signal. Whoever is told of a tick may arm the timer anew,
 * so it must have gone off.
 */
static void tick(struct machine *m)
{
	struct stop *stop = m->config->stop;

	if (stop->interrupted)
		stop->interrupted(stop);
	if (!stop->ticked)
		return;
	stop->ticked = 0;
	m->boot->tick(m);
}

/* A call that was under way when the snapshot was taken, or that had to wait for a request. */
static COLD void answer_pending_call(struct machine *m)
{
	uint64_t block = m->pending_call;

	m->pending_call = 0;
	hypercall_serve(m, block);
}

void machine_go(struct machine *m)
{
	m->outcome = OUTCOME_NONE;
	timeline_stamp(&m->timeline, MARK_ENTRY);
	if (m->restored && m->devices.count)
		devices_resume(&m->devices);
	if (m->pending_call)
		answer_pending_call(m);
	while (m->outcome == OUTCOME_NONE) {
		if (m->pc) {
			pc_enter(m);
			/* The host has failed: what the guest would wait for may never come. */
			if (m->outcome != OUTCOME_NONE)
				break;
		}
		int r = m->config->stop->signal ? -EINTR : vcpu_run(&m->vcpu, &m->sys);

		m->boot->drain(m);
		if (m->deprivileged)
			deprivileged_drain(m);
		if (m->config->stop->signal)
			m->outcome = OUTCOME_STOPPED;
		else if (m->console.errnum == EFAULT)
			console_lost_ram(m);
		else if (r == 0)
			exit_handle(m);
		else if (r == -EINTR)
			tick(m);
		else if (r != -EAGAIN)
			run_failed(m, r);
	}
	timeline_stamp(&m->timeline, MARK_EXIT);
	if (m->deprivileged && m->config->report)
		deprivileged_count(m);
}

/*
 * The guest's stamps, brought to the host's clock. KVM may give a vCPU a TSC of its own (host's plus an offset);
 * where it says that it does not, the two are one.
 */
COLD void machine_guest_stamps(struct machine *m)
{
	static const enum mark marks[] = {
		[KVICK_TSC_FIRST] = MARK_GUEST_FIRST, [KVICK_TSC_MAIN] = MARK_GUEST_MAIN, [KVICK_TSC_HANDLER] = MARK_GUEST_HANDLER,
	};
	struct kvick_boot_info info;
	uint64_t offset = vcpu_tsc_offset(&m->vcpu, &m->sys);

	guest_mem_read(&m->mem, gpa(LAYOUT_BOOT_INFO), &info, sizeof(info));
	for (unsigned i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		uint64_t tsc = info.guest_tsc[i] - offset;

		/* Only what lies within the guest's own time can be true. */
		m->timeline.tsc[marks[i]] = info.guest_tsc[i] && tsc >= m->timeline.tsc[MARK_ENTRY] &&
					    tsc <= m->timeline.tsc[MARK_EXIT] ? tsc : 0;
	}
}

struct step {
	int (*run)(struct machine *m);
	void (*undo)(struct machine *m);
	void (*leave)(struct machine *m); /* instead of that where the process ends: what others wait for */
	enum mark mark; /* reached when the step is done; MARK_COUNT: none of its own */
};

static const struct step of_an_image[] = {
	{ step_plan, NULL, NULL, MARK_PLAN },
	{ step_kvm, undo_kvm, NULL, MARK_COUNT },
	{ step_ring, NULL, NULL, MARK_KVM },
	{ step_vm, undo_vm, NULL, MARK_VM },
	{ step_memory, NULL, NULL, MARK_MEMORY },
	{ step_image, NULL, NULL, MARK_IMAGE },
	{ step_devices, undo_devices, leave_devices, MARK_DEVICES },
	{ step_vcpu, undo_vcpu, NULL, MARK_VCPU },
	{ step_sandbox, NULL, NULL, MARK_SANDBOX },
};

static const struct step of_a_snapshot[] = {
	{ restore_plan, restore_undo_plan, NULL, MARK_PLAN },
	{ step_kvm, undo_kvm, NULL, MARK_COUNT },
	{ step_restored_ring, NULL, NULL, MARK_KVM },
	{ step_vm, undo_vm, NULL, MARK_VM },
	{ restore_memory, NULL, NULL, MARK_MEMORY },
	{ restore_devices, undo_devices, leave_devices, MARK_DEVICES },
	{ step_restored_vcpu, undo_vcpu, NULL, MARK_VCPU },
	{ step_sandbox, NULL, NULL, MARK_SANDBOX },
};

static const struct step *steps_of(const struct machine *m, unsigned *count)
{
	*count = m->config->snapshot ? sizeof(of_a_snapshot) / sizeof(of_a_snapshot[0]) :
				       sizeof(of_an_image) / sizeof(of_an_image[0]);
	return m->config->snapshot ? of_a_snapshot : of_an_image;
}

static void unwind(struct machine *m, unsigned done)
{
	unsigned count;
	const struct step *steps = steps_of(m, &count);

	m->config->stop->immediate_exit = NULL;
	while (done-- > 0) {
		void (*end)(struct machine *m) = m->config->process_ends ? steps[done].leave : steps[done].undo;

		if (end)
			end(m);
	}
	if (!m->config->process_ends)
		timeline_stamp(&m->timeline, MARK_TORN_DOWN);
}

int machine_prepare(struct machine *m, const struct machine_config *config)
{
	unsigned done, count;
	int r = 0;

	m->config = config;
	m->image.fd = -1;
	m->console = (struct console){ .fd = config->console_fd, .bytes_max = config->console_bytes_max };

	const struct step *steps = steps_of(m, &count);

	for (done = 0; done < count; done++) {
		r = steps[done].run(m);
		if (r < 0)
			break;
		if (steps[done].mark != MARK_COUNT)
			timeline_stamp(&m->timeline, steps[done].mark);
	}
	if (r < 0)
		unwind(m, done);
	return r;
}

void machine_end(struct machine *m)
{
	unsigned count;

	steps_of(m, &count);
	if (m->config->report && m->boot->native)
		machine_guest_stamps(m);
	unwind(m, count);
}

int machine_run(struct machine *m, const struct machine_config *config)
{
	int r = machine_prepare(m, config);

	if (r == 0) {
		machine_go(m);
		machine_end(m);
	} else if (config->stop->signal) {
		/* Whatever the signal made fail is not what ended the run. */
		m->outcome = OUTCOME_STOPPED;
		m->error.kind = ERROR_NONE;
		r = 0;
	}
	return r;
}

void machine_close(struct machine *m)
{
	devices_free(&m->devices);
	solo5_free(m);
	if (m->image.fd >= 0)
		image_close(&m->image, &m->sys);
}
