/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a PC share. */
#ifndef KVICK_VMM_PC_PRIVATE_H
#define KVICK_VMM_PC_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "virtio/device.h"
#include "vmm/pc/alarm.h"
#include "vmm/pc/ioapic.h"
#include "vmm/pc/pic.h"
#include "vmm/pc/pit.h"
#include "vmm/pc/serial.h"
#include "vmm/sys.h"

struct machine;

struct pc {
	pthread_mutex_t lock;
	struct sys sys;          /* whoever holds the lock uses it */
	int vm_fd;
	struct ioapic ioapic;
	struct ioapic_host ioapic_host;
	struct pic pic;
	struct pic_host pic_host;
	atomic_bool interrupting; /* the 8259s' output, for who does not hold the lock */
	struct alarm kick;       /* rung under the lock, where there is a second thread */
	struct virtio_line line; /* the devices' */
	pthread_t completion;
	bool completing;         /* the thread is there */
	bool ending;             /* and is to end */

	/* The vCPU's thread's. */
	pthread_t vcpu_thread;
	struct pit pit;
	struct alarm tick;
	uint64_t ticked_ns;      /* when the PIT's last interrupt was */
	struct serial serial;
	struct serial_host serial_host;
};

/* ---- interrupts.c ---- */

void interrupts_init(struct machine *m);
/* The vCPU is there. In its thread. 0 or -errno with m->error set. */
int interrupts_start(struct machine *m);
void interrupts_end(struct machine *m);

/* Under the lock: the interrupt of that number (PC_IRQ_*, below IOAPIC_PINS), at every controller that has it. */
void interrupts_raise(struct pc *pc, unsigned irq);
void interrupts_set_level(struct pc *pc, unsigned irq, bool high);

#endif
