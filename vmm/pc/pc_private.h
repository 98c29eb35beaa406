/* SPDX-License-Identifier: Apache-2.0 */
/* What pc.c and ports.c share. */
#ifndef KVICK_VMM_PC_PRIVATE_H
#define KVICK_VMM_PC_PRIVATE_H

#include <pthread.h>
#include <stdbool.h>

#include "virtio/device.h"
#include "vmm/pc/ioapic.h"
#include "vmm/pc/serial.h"
#include "vmm/sys.h"

struct pc {
	pthread_mutex_t lock;
	struct sys sys;          /* whoever holds the lock uses it */
	int vm_fd;
	struct ioapic ioapic;
	struct ioapic_host ioapic_host;
	struct virtio_line line; /* the devices' */
	struct serial serial;
	struct serial_host serial_host;
	pthread_t completion;
	bool completing;         /* the thread is there */
	bool ending;             /* and is to end */
};

#endif
