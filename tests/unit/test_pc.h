/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine with a PC behind it and no KVM: real guest memory and devices; a test is its vCPU, by filling in what an exit brings.
 * What leaves for KVM is noted. To be linked with --wrap=sys_ioctl.
 */
#ifndef KVICK_TESTS_TEST_PC_H
#define KVICK_TESTS_TEST_PC_H

#include "tests/unit/test_unit.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdatomic.h>
#include <sys/mman.h>

#include "vmm/machine.h"
#include "vmm/pc/layout.h"
#include "vmm/pc/pc.h"
#include "vmm/pc/pc_private.h"

#define RAM       (2ull << 20)
#define VM_FD     1000000 /* of no file */
#define VCPU_FD   1000001
#define IO_OFFSET 4096u   /* of what ports transfer, in kvm_run's area */

struct fixture {
	struct machine m;
	struct machine_config config;
	struct stop stop;
	int output; /* of COM1 */
	uint8_t run[2 * 4096] __attribute__((aligned(4096)));
	/* What KVM was told, by either thread. */
	atomic_uint messages, routings;
	atomic_uint last_vector;
	struct kvm_lapic_state lapic;
	atomic_uint interrupts; /* KVM_INTERRUPT, which is the vCPU's thread's */
	unsigned interrupt_vector;
	int refuse_routing, refuse_interrupt; /* an errno */
};

static struct fixture *fake; /* the machine of the test that is running */
static enum engine_kind kind;

static int kvm_ioctl(int fd, unsigned long request, unsigned long arg)
{
	bool vm = request == KVM_SIGNAL_MSI || request == KVM_SET_GSI_ROUTING;

	assert_int_equal(fd, vm ? VM_FD : VCPU_FD);
	switch (request) {
	case KVM_RUN: /* of a crash report: its instruction is completed */
		return -EINTR;
	case KVM_GET_REGS:
		memset((void *)arg, 0, sizeof(struct kvm_regs));
		return 0;
	case KVM_GET_SREGS:
		memset((void *)arg, 0, sizeof(struct kvm_sregs));
		return 0;
	case KVM_GET_LAPIC:
		memset((void *)arg, 0, sizeof(struct kvm_lapic_state));
		return 0;
	case KVM_SET_LAPIC:
		memcpy(&fake->lapic, (const void *)arg, sizeof(fake->lapic));
		return 0;
	case KVM_INTERRUPT:
		fake->interrupt_vector = ((const struct kvm_interrupt *)arg)->irq;
		fake->interrupts++;
		return -fake->refuse_interrupt;
	case KVM_SIGNAL_MSI:
		fake->last_vector = ((const struct kvm_msi *)arg)->data & 0xff;
		fake->messages++;
		return 1;
	case KVM_SET_GSI_ROUTING:
		fake->routings++;
		return -fake->refuse_routing;
	default:
		fail_msg("ioctl 0x%lx", request);
		return -ENOTTY;
	}
}

int __wrap_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg);

int __wrap_sys_ioctl(struct sys *sys, int fd, unsigned long request, unsigned long arg)
{
	sys->calls++;
	return kvm_ioctl(fd, request, arg);
}

/* Three devices: 0 and 2 give random bytes, 1 is a disk of 64 KiB. */
static inline int set_up(void **state)
{
	static char disk[32];
	static const struct device_config list[] = {
		{ .kind = DEVICE_ENTROPY }, { .kind = DEVICE_BLOCK, .path = disk }, { .kind = DEVICE_ENTROPY },
	};
	struct fixture *f = fake = aligned_alloc(4096, (sizeof(*f) + 4095) / 4096 * 4096);
	struct machine *m = &f->m;
	int fd;

	*state = memset(f, 0, sizeof(*f));
	fd = memfd_create("disk", MFD_CLOEXEC);
	f->output = memfd_create("output", MFD_CLOEXEC);
	if (fd < 0 || f->output < 0 || ftruncate(fd, 65536) < 0)
		return -1;
	snprintf(disk, sizeof(disk), "/proc/self/fd/%d", fd);
	f->config = (struct machine_config){
		.console_fd = f->output, .stop = &f->stop, .devices = { .list = list, .count = COUNT_OF(list), .engine = kind },
	};
	m->config = &f->config;
	m->boot = &boot_linux;
	m->console.fd = f->output;
	m->vm = (struct vm){ .fd = VM_FD, .lapic = true };
	m->vcpu = (struct vcpu){ .fd = VCPU_FD, .run = (struct kvm_run *)f->run };
	f->stop.immediate_exit = &m->vcpu.run->immediate_exit;
	if (guest_mem_create(&m->mem, RAM, GUEST_PAGES_4K, &m->sys, &m->error) < 0 || pc_create(m) < 0 || pc_start(m) < 0)
		fail_msg("%s", m->error.text);
	close(fd);
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->m.pc)
		pc_destroy(&f->m);
	devices_free(&f->m.devices);
	guest_mem_destroy(&f->m.mem, &f->m.sys);
	close(f->output);
	free(f);
	return 0;
}

/* ---- exits ---- */

static inline void *io_data(struct fixture *f)
{
	return f->run + IO_OFFSET;
}

/* `count` transfers of `size` bytes, as of a string instruction; data: io_data(). */
static inline void port_io(struct fixture *f, bool in, uint16_t port, unsigned size, unsigned count)
{
	struct kvm_run *run = f->m.vcpu.run;

	run->io.direction = in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.port = port;
	run->io.size = (uint8_t)size;
	run->io.count = count;
	run->io.data_offset = IO_OFFSET;
	pc_io(&f->m);
}

static inline uint32_t in(struct fixture *f, uint16_t port, unsigned size)
{
	uint32_t value = 0;

	memset(io_data(f), 0x55, 4);
	port_io(f, true, port, size, 1);
	memcpy(&value, io_data(f), size);
	return value;
}

static inline void out(struct fixture *f, uint16_t port, unsigned size, uint32_t value)
{
	memcpy(io_data(f), &value, 4);
	port_io(f, false, port, size, 1);
}

static inline uint64_t read_memory(struct fixture *f, uint64_t at, unsigned bytes)
{
	struct kvm_run *run = f->m.vcpu.run;
	uint64_t value = 0;

	run->mmio.phys_addr = at;
	run->mmio.len = bytes;
	run->mmio.is_write = false;
	memset(run->mmio.data, 0x55, sizeof(run->mmio.data));
	pc_mmio(&f->m);
	memcpy(&value, run->mmio.data, bytes);
	return value;
}

static inline void write_memory(struct fixture *f, uint64_t at, unsigned bytes, uint64_t value)
{
	struct kvm_run *run = f->m.vcpu.run;

	run->mmio.phys_addr = at;
	run->mmio.len = bytes;
	run->mmio.is_write = true;
	memcpy(run->mmio.data, &value, sizeof(value));
	pc_mmio(&f->m);
}

/* An entry of the IOAPIC's table: its lower half, for APIC 0. */
static inline void route(struct fixture *f, unsigned pin, uint32_t value)
{
	write_memory(f, IOAPIC_BASE, 4, 0x10 + 2 * pin);
	write_memory(f, IOAPIC_BASE + 0x10, 4, value);
}

#endif
