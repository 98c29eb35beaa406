/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of a PC share. */
#ifndef KVICK_VMM_PC_PRIVATE_H
#define KVICK_VMM_PC_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "virtio/device.h"
#include "vmm/pc/alarm.h"
#include "vmm/pc/config.h"
#include "vmm/pc/i8042.h"
#include "vmm/pc/ioapic.h"
#include "vmm/pc/pic.h"
#include "vmm/pc/pit.h"
#include "vmm/pc/rtc.h"
#include "vmm/pc/serial.h"
#include "vmm/pc/testdev.h"
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
	struct pc_config config; /* the protocol's and the operator's, as one */
	pthread_t vcpu_thread;
	struct pit pit;
	struct alarm tick;
	uint64_t ticked_ns;      /* when the PIT's last interrupt was */
	struct serial serial;
	struct serial_host serial_host;
	struct rtc rtc;
	struct i8042 i8042;
	uint8_t reset_control;   /* port 0xcf9 */
	struct testdev testdev;  /* last: nobody touches its pages unless it is wanted */
};

/* ---- interrupts.c ---- */

void interrupts_init(struct machine *m);
/* The vCPU is there. In its thread. 0 or -errno with m->error set. */
int interrupts_start(struct machine *m);
void interrupts_end(struct machine *m);

/* Under the lock: the interrupt of that number (PC_IRQ_*, below IOAPIC_PINS), at every controller that has it. */
void interrupts_raise(struct pc *pc, unsigned irq);
void interrupts_set_level(struct pc *pc, unsigned irq, bool high);

/* ---- ports.c ---- */

/* Is that port of something that this PC has, an exit not counted? */
bool ports_taken(const struct pc *pc, uint16_t number);

/* ---- ends.c: for the table of ports ---- */

uint32_t ends_read_keyboard(struct machine *m, uint16_t port);
void ends_write_keyboard(struct machine *m, uint16_t port, uint32_t value);
uint32_t ends_read_port_a(struct machine *m, uint16_t port);
void ends_write_port_a(struct machine *m, uint16_t port, uint32_t value);
uint32_t ends_read_reset_control(struct machine *m, uint16_t port);
void ends_write_reset_control(struct machine *m, uint16_t port, uint32_t value);
void ends_write_sleep(struct machine *m, uint16_t port, uint32_t value);
uint32_t ends_read_pm1(struct machine *m, uint16_t port);
void ends_write_pm1(struct machine *m, uint16_t port, uint32_t value);
uint32_t ends_read_pvpanic(struct machine *m, uint16_t port);
void ends_write_pvpanic(struct machine *m, uint16_t port, uint32_t value);
/* Of a port that is nobody's: is it an exit? */
void ends_write_exit(struct machine *m, uint16_t port, uint32_t value);

#endif
