/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A native machine of a few devices that is saved, and goes on as another: RAM stays where it is, the devices are made anew of
 * what is in `list` then. The test plays the driver of one device, and all programs on the host.
 */
#ifndef KVICK_TESTS_STATE_FIXTURE_H
#define KVICK_TESTS_STATE_FIXTURE_H

#include "tests/unit/test_unit.h"

#include "tests/unit/virtq_driver.h"
#include "virtio/devices.h"
#include "virtio/devices_state.h"
#include "vmm/engine.h"
#include "vmm/error.h"
#include "vmm/state.h"
#include "vmm/stop.h"
#include "vmm/sys.h"

#define BIT(feature) (1ull << (feature))

#define STATE_QUEUES     3u
#define STATE_PART       0x100000ull /* of RAM: each queue's driver */
#define STATE_LIST_AT    (STATE_QUEUES * STATE_PART)
#define STATE_SIZE       16u         /* of a queue */
#define STATE_SLOT_BYTES 0x4000ull

extern enum engine_kind state_engine;
extern uint64_t state_ring; /* VIRTIO_F_RING_PACKED and the like */

struct state_world {
	struct driver driver[STATE_QUEUES];
	unsigned slots[STATE_QUEUES]; /* taken by what was added */
	struct guest_mem *ram;      /* and where the list is in it: the driver's, unless a test has its own */
	uint64_t list_at;
	struct sys sys;
	struct error error;
	struct stop stop;
	unsigned count;
	struct device_config list[KVICK_DEVICES_MAX];
	bool legacy;                /* they are not native then, and the driver has registers */
	struct virtio_line line;
	unsigned raised;
	struct devices devices;
	bool made;
	struct virtio_device *device; /* the one that is driven: the last of the list */
	uint8_t state[0x8000];
	size_t bytes;
	int fd_before, in[2], out[2], pair[2], memfd, small; /* small: a file of another size */
	char disk[32], path[64];    /* what leads to memfd; of sockets */
};

int state_set_up(void **state);
int state_tear_down(void **state);

/* Adds a device to the list. */
struct device_config *add_device(struct state_world *w, enum device_kind kind);
/* Makes those of the list. */
void make_devices(struct state_world *w);
/* Its driver sets it up, with rings anew. */
void drive(struct state_world *w, uint64_t features);

/* Makes a buffer of the driver's available, in a slot of its own: where that is. */
uint8_t *offer(struct state_world *w, unsigned queue, const void *data, uint32_t bytes, bool writable);
/* The device is told, and does all that it can. */
void notify(struct state_world *w, unsigned queue);
void turn(struct state_world *w);
/* The next buffer has been used: how much was written. */
uint32_t used(struct state_world *w, unsigned queue);
void none_used(struct state_world *w, unsigned queue);
/* What a native guest hears of the driven device. */
bool has_event(struct state_world *w);
const struct kvick_device *listed(const struct state_world *w);

/* Pauses the machine and takes its state; it can go on by devices_resume(). */
void save(struct state_world *w);
/* Makes the devices of the list anew, and loads the state into them: devices_load()'s result. */
int load(struct state_world *w);
/* All of it: saved, ended, made anew, gone on. */
void go_on_as_another(struct state_world *w);

/* load() is refused with -EINVAL (another machine's) or -EBADMSG, in these words. */
void assert_refused(struct state_world *w, int errnum, const char *says);

#define STATE_RUN(name, tests) \
	({ \
		static const uint64_t rings_[] = { 0, BIT(VIRTIO_F_RING_PACKED), BIT(VIRTIO_RING_F_EVENT_IDX), \
			BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_IN_ORDER) }; \
		int failed_ = 0; \
		for (unsigned i_ = 0; i_ < 4; i_++) { \
			state_ring = rings_[i_]; \
			state_engine = i_ & 1 ? ENGINE_SYNC : ENGINE_AUTO; \
			printf("# ring features %#llx\n", (unsigned long long)state_ring); \
			failed_ += cmocka_run_group_tests_name(name, tests, NULL, NULL); \
		} \
		failed_; \
	})

#endif
