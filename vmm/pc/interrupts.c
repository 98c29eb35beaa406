/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From lines to the vCPU: the IOAPIC's messages go to KVM's local APIC, whoever sends them; the 8259s' output is the CPU's INTR, by
 * KVM_INTERRUPT (KVM API, KVM_CAP_SPLIT_IRQCHIP), which the vCPU's thread alone can give, between two KVM_RUNs.
 */
#include <errno.h>
#include <string.h>

#include "vmm/machine.h"
#include "vmm/pc/layout.h"
#include "vmm/pc/pc.h"
#include "vmm/pc/pc_private.h"

/*
 * The PIT interrupts at most so often, as KVM's own does: a guest may program it to a megahertz, and each tick is an end of
 * KVM_RUN, after which it is to get on.
 */
#define TICK_NS_MIN 200000u

/* Local APIC, SDM 3, 11.5.1: LVT entries by the byte, and the delivery modes of its two pins in a PC. */
#define LAPIC_LVT_LINT0 0x350
#define LAPIC_LVT_LINT1 0x360
#define DELIVERY_EXTINT 0x700u
#define DELIVERY_NMI    0x400u

/* ---- the IOAPIC ---- */

/* Under the lock. It cannot fail but for a message that no vCPU takes, which is the guest's affair. */
static void send(const struct ioapic_host *host, uint64_t address, uint32_t data)
{
	struct pc *pc = ((struct machine *)host->context)->pc;
	struct kvm_msi msi = { .address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32), .data = data };

	sys_ioctl(&pc->sys, pc->vm_fd, KVM_SIGNAL_MSI, (uintptr_t)&msi);
}

/* In the vCPU's thread. */
static void host_failed(struct machine *m, int r, const char *call)
{
	m->outcome = OUTCOME_FAILED;
	error_set(&m->error, ERROR_HOST, -r, "%s: %s: free memory on the host", call, strerror(-r));
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
	if (r < 0)
		host_failed(m, r, "KVM_SET_GSI_ROUTING");
}

void pc_eoi(struct machine *m)
{
	pthread_mutex_lock(&m->pc->lock);
	ioapic_eoi(&m->pc->ioapic, m->vcpu.run->eoi.vector);
	pthread_mutex_unlock(&m->pc->lock);
}

/* ---- lines ---- */

/* The PIT is at another pin there, as in every PC. */
static unsigned pin_of(unsigned irq)
{
	return irq == PC_IRQ_PIT ? PC_PIN_PIT : irq;
}

void interrupts_raise(struct pc *pc, unsigned irq)
{
	ioapic_raise(&pc->ioapic, pin_of(irq));
	if (irq < PIC_LINES && irq != PIC_CASCADE)
		pic_raise(&pc->pic, irq);
}

void interrupts_set_level(struct pc *pc, unsigned irq, bool high)
{
	ioapic_set_level(&pc->ioapic, pin_of(irq), high);
	if (irq < PIC_LINES && irq != PIC_CASCADE)
		pic_set_level(&pc->pic, irq, high);
}

/* Devices' calls are made under the lock. */
static void raise_device(const struct virtio_line *line, struct virtio_device *device)
{
	interrupts_raise(line->context, PC_IRQ_VIRTIO + device->index);
}

static void lower_device(const struct virtio_line *line, struct virtio_device *device)
{
	interrupts_set_level(line->context, PC_IRQ_VIRTIO + device->index, false);
}

/* ---- the 8259s ---- */

/* Under the lock. The vCPU's thread looks at it before it enters the guest; from another thread it must be made to. */
static void output(const struct pic_host *host, bool up)
{
	struct pc *pc = ((struct machine *)host->context)->pc;

	atomic_store(&pc->interrupting, up);
	if (up && !pthread_equal(pthread_self(), pc->vcpu_thread) && alarm_ring(&pc->kick, &pc->sys) < 0)
		alarm_ring(&pc->kick, &pc->sys); /* nobody would ask again, and the guest sleeps */
}

/*
 * The acknowledgement is the CPU's, and final: only when KVM is sure to deliver. Otherwise it ends KVM_RUN as soon as it is
 * (KVM_EXIT_IRQ_WINDOW_OPEN); never, where the guest has masked the local APIC's pin.
 */
static void interrupt(struct machine *m)
{
	struct kvm_run *run = m->vcpu.run;
	struct pc *pc = m->pc;
	int r = 0;

	pthread_mutex_lock(&pc->lock);
	if (pc->pic.up && run->ready_for_interrupt_injection) {
		struct kvm_interrupt vector = { .irq = pic_acknowledge(&pc->pic) };

		r = sys_ioctl(&pc->sys, m->vcpu.fd, KVM_INTERRUPT, (uintptr_t)&vector);
		run->ready_for_interrupt_injection = 0;
	}
	run->request_interrupt_window = pc->pic.up;
	pthread_mutex_unlock(&pc->lock);
	if (r < 0)
		host_failed(m, r, "KVM_INTERRUPT");
}

/* ---- the PIT ---- */

static void tick(struct machine *m)
{
	struct pc *pc = m->pc;
	uint64_t now, next;
	int r;

	if (pit_next_ns(&pc->pit) == PIT_NEVER && pc->tick.at == ALARM_NEVER)
		return;
	now = sys_now_ns(&m->sys);
	if (now - pc->ticked_ns >= TICK_NS_MIN && pit_has_ticked(&pc->pit, now)) {
		pc->ticked_ns = now;
		pthread_mutex_lock(&pc->lock);
		interrupts_raise(pc, PC_IRQ_PIT);
		interrupts_set_level(pc, PC_IRQ_PIT, false);
		pthread_mutex_unlock(&pc->lock);
	}
	next = pit_next_ns(&pc->pit);
	if (next < pc->ticked_ns + TICK_NS_MIN)
		next = pc->ticked_ns + TICK_NS_MIN;
	r = alarm_set(&pc->tick, next, &m->sys);
	if (r < 0)
		host_failed(m, r, "timer_settime");
}

void pc_enter(struct machine *m)
{
	struct kvm_run *run = m->vcpu.run;

	/* Whoever rings after this line ends the KVM_RUN to come; what was changed before is seen below. */
	*(volatile uint8_t *)&run->immediate_exit = 0;
	tick(m);
	if (atomic_load(&m->pc->interrupting) || run->request_interrupt_window)
		interrupt(m);
}

/* ---- making and ending ---- */

/* What firmware leaves: the 8259s' output at the one pin, NMI at the other (SDM 3, 11.5.1; MultiProcessor 1.4, 3.6.2.2). */
static int wire_local_apic(struct machine *m)
{
	static const struct { uint16_t at; uint32_t value; } pins[] = {
		{ LAPIC_LVT_LINT0, DELIVERY_EXTINT }, { LAPIC_LVT_LINT1, DELIVERY_NMI },
	};
	struct kvm_lapic_state state;
	int r = sys_ioctl(&m->sys, m->vcpu.fd, KVM_GET_LAPIC, (uintptr_t)&state);

	if (r < 0)
		return r;
	for (unsigned i = 0; i < sizeof(pins) / sizeof(pins[0]); i++)
		memcpy(state.regs + pins[i].at, &pins[i].value, sizeof(pins[i].value));
	return sys_ioctl(&m->sys, m->vcpu.fd, KVM_SET_LAPIC, (uintptr_t)&state);
}

void interrupts_init(struct machine *m)
{
	struct pc *pc = m->pc;

	pc->vm_fd = -1;
	pc->ioapic_host = (struct ioapic_host){ .send = send, .routes = set_routes, .context = m };
	pc->pic_host = (struct pic_host){ .output = output, .context = m };
	pc->line = (struct virtio_line){ .raise = raise_device, .lower = lower_device, .context = pc };
	ioapic_init(&pc->ioapic, &pc->ioapic_host);
	pic_init(&pc->pic, &pc->pic_host);
	pit_init(&pc->pit);
}

int interrupts_start(struct machine *m)
{
	struct pc *pc = m->pc;
	int r;

	pc->vm_fd = m->vm.fd;
	pc->vcpu_thread = pthread_self();
	r = wire_local_apic(m);
	if (r < 0)
		return error_set(&m->error, ERROR_HOST, -r, "KVM_SET_LAPIC: %s: `kvick doctor` says what this host offers",
				 strerror(-r));
	r = alarm_create(&pc->tick, m->config->stop, &m->sys);
	if (r == 0 && m->devices.engine)
		r = alarm_create(&pc->kick, m->config->stop, &m->sys);
	if (r < 0)
		return error_set(&m->error, ERROR_HOST, -r, "no timer for the guest: %s: raise RLIMIT_SIGPENDING", strerror(-r));
	return 0;
}

void interrupts_end(struct machine *m)
{
	alarm_destroy(&m->pc->kick, &m->sys);
	alarm_destroy(&m->pc->tick, &m->sys);
}
