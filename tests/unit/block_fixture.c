/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/block_fixture.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "virtio/disk.h"

uint64_t rings;
enum engine_kind kind = ENGINE_SYNC;
unsigned started[ENGINE_TIMEOUT + 1];
void (*starting)(struct fixture *f, const struct engine_op *op);

static struct fixture *the; /* of the test that is running */

void __real_engine_start(struct engine *engine, struct engine_op *op);
void __wrap_engine_start(struct engine *engine, struct engine_op *op);

void __wrap_engine_start(struct engine *engine, struct engine_op *op)
{
	started[op->code]++;
	if (starting)
		starting(the, op);
	__real_engine_start(engine, op);
}

int __real_disk_open(struct disk *disk, const struct device_config *config, struct sys *sys, struct error *error);
int __wrap_disk_open(struct disk *disk, const struct device_config *config, struct sys *sys, struct error *error);

int __wrap_disk_open(struct disk *disk, const struct device_config *config, struct sys *sys, struct error *error)
{
	int r = __real_disk_open(disk, config, sys, error);

	if (r == 0 && the->logical_bytes)
		disk->logical_bytes = disk->physical_bytes = the->logical_bytes;
	return r;
}

bool io_uring_is_here(void)
{
	struct sys sys = { 0 };
	char text[160];
	bool there = engine_probe(text, sizeof(text), &sys);

	if (!there)
		printf("[  SKIPPED ] io_uring: %s\n", text);
	return there;
}

uint8_t *slot(struct fixture *f, unsigned n)
{
	return f->driver.mem.host + SLOT_AT(n);
}

static void queue_of(struct kvick_virtio_queue *queue, const struct driver *driver, uint64_t base)
{
	queue->size = driver->config.size;
	queue->desc = driver->config.desc + base;
	queue->driver = driver->config.driver + base;
	queue->device = driver->config.device + base;
}

void start_driver(struct fixture *f)
{
	struct kvick_virtio_setup setup = { .queues = f->device->queue_count, .features = 1ull << VIRTIO_F_VERSION_1 | rings |
					    1ull << VIRTIO_RING_F_INDIRECT_DESC | f->features };

	driver_start(&f->driver, 128, setup.features);
	queue_of(&setup.queue[0], &f->driver, 0);
	if (setup.queues > 1) {
		f->second.mem = (struct guest_mem){ .host = f->driver.mem.host + SECOND_AT, .bytes = RAM - SECOND_AT };
		driver_start(&f->second, 128, setup.features);
		queue_of(&setup.queue[1], &f->second, SECOND_AT);
	}
	assert_int_equal(virtio_setup(f->device, &setup), 0);
}

void open_disk(struct fixture *f)
{
	const struct devices_config config = { .list = &f->config, .count = 1, .engine = kind };
	const struct devices_host host = { .mem = &f->driver.mem, .page = gpa(LIST_AT), .stop = &f->stop, .sys = &f->sys };

	if (devices_create(&f->devices, &config, &host, &f->error) < 0)
		fail_msg("%s", f->error.text);
	f->device = f->devices.list[0];
	memset(started, 0, sizeof(started));
	start_driver(f);
}

int set_up(void **state)
{
	struct fixture *f = the = calloc(1, sizeof(*f));

	*state = f;
	alarm(60); /* nothing here may hang */
	driver_create(&f->driver, RAM);
	f->memfd = memfd_create("disk", MFD_CLOEXEC);
	snprintf(f->path, sizeof(f->path), "/proc/self/fd/%d", f->memfd);
	for (unsigned i = 0; i < sizeof(f->disk); i++)
		f->disk[i] = (uint8_t)(i / SECTOR * 7 + i);
	f->config = (struct device_config){ .kind = DEVICE_BLOCK, .path = f->path, .id = "serial" };
	f->features = 1ull << VIRTIO_BLK_F_FLUSH;
	return f->memfd < 0 || pwrite(f->memfd, f->disk, sizeof(f->disk), 0) != sizeof(f->disk);
}

int tear_down(void **state)
{
	struct fixture *f = *state;

	if (f->device) {
		assert_true(devices_stop(&f->devices));
		devices_free(&f->devices);
	}
	starting = NULL;
	close(f->memfd);
	driver_destroy(&f->driver);
	free(f);
	alarm(0);
	return 0;
}

void run_engine(struct fixture *f)
{
	while (engine_in_flight(f->devices.engine) > 0)
		assert_true(engine_wait(f->devices.engine, ENGINE_FOREVER, NULL) > 0);
}

int add(struct fixture *f, struct driver *driver, unsigned n, uint32_t type, uint64_t sector, uint32_t bytes, bool indirect)
{
	const struct virtio_blk_outhdr header = { .type = type, .sector = sector };
	bool to_device = type == VIRTIO_BLK_T_OUT || type == VIRTIO_BLK_T_DISCARD || type == VIRTIO_BLK_T_WRITE_ZEROES;
	struct driver_part parts[3] = { { SLOT_AT(n), sizeof(header), false }, { SLOT_AT(n) + 0x200, bytes, !to_device } };
	unsigned count = bytes ? 2 : 1;

	parts[count++] = (struct driver_part){ SLOT_AT(n) + 0x100, 1, true };
	memcpy(slot(f, n), &header, sizeof(header));
	slot(f, n)[0x100] = slot(f, n)[0x101] = slot(f, n)[0xff] = UNTOUCHED;
	return driver_add(driver, parts, count, indirect);
}

uint8_t take(struct fixture *f, int added, uint32_t *written)
{
	uint16_t id;

	assert_int_equal(driver_take_used(&f->driver, &id, written), 1);
	assert_int_equal(id, added);
	assert_int_equal(slot(f, 0)[0xff], UNTOUCHED);
	assert_int_equal(slot(f, 0)[0x101], UNTOUCHED);
	return slot(f, 0)[0x100];
}

uint8_t make(struct fixture *f, uint32_t type, uint64_t sector, uint32_t bytes, uint32_t *written)
{
	int added = add(f, &f->driver, 0, type, sector, bytes, false);

	assert_true(added >= 0);
	virtio_notify(f->device, 0);
	run_engine(f);
	return take(f, added, written);
}

uint8_t make_range(struct fixture *f, uint32_t type, struct virtio_blk_discard_write_zeroes range)
{
	uint32_t written;

	memcpy(slot(f, 0) + 0x200, &range, sizeof(range));
	return make(f, type, 0, sizeof(range), &written);
}

void assert_disk(struct fixture *f)
{
	uint8_t now[sizeof(f->disk)];

	assert_int_equal(pread(f->memfd, now, sizeof(now), 0), sizeof(now));
	assert_memory_equal(now, f->disk, sizeof(now));
}

void fail_operation(struct fixture *f, unsigned n, int errnum)
{
	if (kind == ENGINE_SYNC) {
		f->sys.fail_at = f->sys.calls + n; /* each is one call */
		f->sys.fail_errno = errnum;
	} else {
		f->sys.fail_completion_at = f->sys.completions + n;
		f->sys.fail_errno = errnum;
	}
}
