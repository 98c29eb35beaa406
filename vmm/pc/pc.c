/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pc/pc.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "vmm/console.h"
#include "vmm/machine.h"
#include "vmm/pc/layout.h"
#include "vmm/pc/pc_private.h"

/* ---- interrupts ---- */

/* Under the lock. It cannot fail but for a message that no vCPU takes, which is the guest's affair. */
static void send(const struct ioapic_host *host, uint64_t address, uint32_t data)
{
	struct pc *pc = ((struct machine *)host->context)->pc;
	struct kvm_msi msi = { .address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32), .data = data };

	sys_ioctl(&pc->sys, pc->vm_fd, KVM_SIGNAL_MSI, (uintptr_t)&msi);
}

/*
 * KVM looks in its routes for vectors whose end it is to tell us of (KVM API, KVM_CAP_SPLIT_IRQCHIP). Without them a
 * level-triggered pin would be shut for ever. In the vCPU's thread, under the lock.
 */
static void set_routes(const struct ioapic_host *host, const struct ioapic *ioapic)
{
	struct machine *m = host->context;
	struct { /* laid out as struct kvm_irq_routing */
		uint32_t nr, flags;
		struct kvm_irq_routing_entry entries[IOAPIC_PINS];
	} routes = { 0 };
	int r;

	for (unsigned pin = 0; pin < IOAPIC_PINS; pin++) {
		struct kvm_irq_routing_entry *entry = &routes.entries[routes.nr];
		struct ioapic_msi msi;

		if (!ioapic_is_level(ioapic, pin) || !ioapic_msi(ioapic, pin, &msi))
			continue;
		*entry = (struct kvm_irq_routing_entry){ .gsi = pin, .type = KVM_IRQ_ROUTING_MSI };
		entry->u.msi.address_lo = (uint32_t)msi.address;
		entry->u.msi.data = msi.data;
		routes.nr++;
	}
	r = sys_ioctl(&m->pc->sys, m->pc->vm_fd, KVM_SET_GSI_ROUTING, (uintptr_t)&routes);
	if (r < 0) {
		m->outcome = OUTCOME_FAILED;
		error_set(&m->error, ERROR_HOST, -r, "KVM_SET_GSI_ROUTING: %s: free memory on the host", strerror(-r));
	}
}

/* Devices' calls are made under the lock. */
static void raise_device(const struct virtio_line *line, struct virtio_device *device)
{
	struct pc *pc = line->context;

	ioapic_raise(&pc->ioapic, PC_IRQ_VIRTIO + device->index);
}

static void lower_device(const struct virtio_line *line, struct virtio_device *device)
{
	struct pc *pc = line->context;

	ioapic_set_level(&pc->ioapic, PC_IRQ_VIRTIO + device->index, false);
}

/* COM1 belongs to the vCPU's thread, which does not hold the lock here. */
static void interrupt_of_serial(const struct serial_host *host, bool up)
{
	struct machine *m = host->context;

	pthread_mutex_lock(&m->pc->lock);
	if (up)
		ioapic_raise(&m->pc->ioapic, PC_IRQ_COM1);
	else
		ioapic_set_level(&m->pc->ioapic, PC_IRQ_COM1, false);
	pthread_mutex_unlock(&m->pc->lock);
}

static void put_serial(const struct serial_host *host, const uint8_t *from, size_t bytes)
{
	struct machine *m = host->context;

	console_put(&m->console, from, bytes, m->config->stop, &m->sys);
}

void pc_drain(struct machine *m)
{
	const struct itimerval soon = { .it_value = { .tv_usec = STOP_TICK_US } };

	if (!serial_holds(&m->pc->serial) || m->config->stop->ticks)
		return;
	/* The time-out's timer too: it is armed anew only when it has gone off. */
	m->config->stop->ticks = 1;
	if (sys_setitimer(&m->sys, ITIMER_REAL, &soon) < 0)
		m->config->stop->ticks = 0;
}

void pc_tick(struct machine *m)
{
	m->config->stop->ticks = 0;
	serial_flush(&m->pc->serial);
}

void pc_eoi(struct machine *m)
{
	pthread_mutex_lock(&m->pc->lock);
	ioapic_eoi(&m->pc->ioapic, m->vcpu.run->eoi.vector);
	pthread_mutex_unlock(&m->pc->lock);
}

/* ---- the second thread ---- */

/* The kernel refuses to wait: it is asked again, but not at once. */
static void rest(struct sys *sys)
{
	const struct timespec pause = { .tv_nsec = 1000000 };

	sys_clock_nanosleep(sys, CLOCK_MONOTONIC, 0, &pause);
}

static void *complete(void *of)
{
	struct machine *m = of;
	struct pc *pc = m->pc;
	struct sys own;
	bool ending;

	sys_init(&own);
	do {
		int r = devices_complete(&m->devices);

		if (r < 0 && r != -EINTR)
			rest(&own);
		pthread_mutex_lock(&pc->lock);
		ending = pc->ending;
		pthread_mutex_unlock(&pc->lock);
	} while (!ending);
	return NULL;
}

int pc_start(struct machine *m)
{
	static const int faults[] = { SIGBUS, SIGSEGV, SIGILL, SIGFPE };
	sigset_t all, before;
	int r;

	if (!m->vm.lapic)
		return error_set(&m->error, ERROR_HOST, 0, "KVM_CAP_SPLIT_IRQCHIP: this KVM has none, and a Linux guest needs "
				 "interrupts: use Linux 4.5 or later on the host");
	m->pc->vm_fd = m->vm.fd;
	if (!m->devices.engine)
		return 0;
	/* Signals are for the thread that runs the vCPU, but for its own faults: blocked, they end the process without a word. */
	sigfillset(&all);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&all, faults[i]);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&m->pc->completion, NULL, complete, m);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r)
		return error_set(&m->error, ERROR_HOST, r, "no thread for the devices' I/O: %s: raise RLIMIT_NPROC", strerror(r));
	m->pc->completing = true;
	return 0;
}

/* ---- making and ending ---- */

int pc_create(struct machine *m)
{
	const struct devices_config *config = &m->config->devices;
	struct pc *pc;
	void *at;
	int r = sys_mmap(&m->sys, NULL, sizeof(*pc), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at);

	if (r < 0)
		return error_set(&m->error, ERROR_HOST, -r, "no memory for the guest's PC: free some");
	m->pc = pc = at;
	sys_init(&pc->sys);
	pthread_mutex_init(&pc->lock, NULL);
	pc->vm_fd = -1;
	pc->ioapic_host = (struct ioapic_host){ .send = send, .routes = set_routes, .context = m };
	pc->serial_host = (struct serial_host){ .put = put_serial, .irq = interrupt_of_serial, .context = m };
	pc->line = (struct virtio_line){ .raise = raise_device, .lower = lower_device, .context = pc };
	ioapic_init(&pc->ioapic, &pc->ioapic_host);
	serial_init(&pc->serial, &pc->serial_host);
	if (config->count > 0)
		r = devices_create(&m->devices, config, &(struct devices_host){
			.mem = &m->mem, .line = &pc->line, .lock = &pc->lock, .stop = m->config->stop, .sys = &pc->sys,
		}, &m->error);
	if (r < 0)
		pc_destroy(m);
	return r;
}

static void end_thread(struct machine *m)
{
	struct pc *pc = m->pc;

	if (!pc->completing)
		return;
	pthread_mutex_lock(&pc->lock);
	pc->ending = true;
	devices_wake(&m->devices);
	pthread_mutex_unlock(&pc->lock);
	pthread_join(pc->completion, NULL);
	pc->completing = false;
}

void pc_destroy(struct machine *m)
{
	struct pc *pc = m->pc;

	end_thread(m);
	serial_flush(&pc->serial);
	if (m->devices.engine && !devices_stop(&m->devices))
		return; /* what is still under way knows the lock */
	m->devices.sys = &m->sys; /* until they are freed; there is one thread now */
	m->sys.calls += pc->sys.calls;
	pthread_mutex_destroy(&pc->lock);
	sys_munmap(&m->sys, pc, sizeof(*pc));
	m->pc = NULL;
}
