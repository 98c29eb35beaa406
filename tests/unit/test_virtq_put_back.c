/* SPDX-License-Identifier: Apache-2.0 */
/* A chain that was popped and is put back: as if nobody had looked. Split and packed rings, in order and not. */
#include "tests/unit/test_unit.h"

#include "tests/unit/virtq_driver.h"

#define RAM  (1ull << 20)
#define SIZE 8u
#define BIT(feature) (1ull << (feature))

struct fixture {
	struct driver driver;
	struct virtq queue;
	struct virtq_chain chain;
};

static uint64_t features;

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	driver_create(&f->driver, RAM);
	driver_start(&f->driver, SIZE, features);
	assert_int_equal(virtq_start(&f->queue, &f->driver.mem, &f->driver.config, features), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	driver_destroy(&f->driver);
	free(f);
	return 0;
}

/* A chain of so many parts, the n-th of which is so long. */
static int add(struct fixture *f, unsigned parts, uint32_t bytes)
{
	struct driver_part part[4];

	for (unsigned i = 0; i < parts; i++)
		part[i] = (struct driver_part){ DRIVER_DATA_AT + 0x1000 * i, bytes, true };
	return driver_add(&f->driver, part, parts, false);
}

static void pop(struct fixture *f, int id, uint32_t bytes)
{
	assert_int_equal(virtq_pop(&f->queue, &f->chain), 1);
	assert_int_equal(f->chain.id, id);
	assert_int_equal(f->chain.writable_bytes, bytes);
}

static void use(struct fixture *f, int id)
{
	uint32_t written;
	uint16_t used;

	virtq_push(&f->queue, &f->chain, 1);
	assert_int_equal(driver_take_used(&f->driver, &used, &written), 1);
	assert_int_equal(used, id);
}

static void it_is_popped_again_and_used_once(void **state)
{
	struct fixture *f = *state;
	int first = add(f, 1, 10), second = add(f, 1, 20);

	pop(f, first, 10);
	virtq_put_back(&f->queue, &f->chain);
	assert_int_equal(f->queue.in_flight, 0);
	assert_int_equal(f->queue.counts.chains, 0);
	virtq_resume(&f->queue);
	pop(f, first, 10);
	use(f, first);
	pop(f, second, 20);
	use(f, second);
	assert_int_equal(f->queue.counts.chains, 2);
}

static void the_queue_is_as_if_empty_until_it_goes_on(void **state)
{
	struct fixture *f = *state;

	add(f, 1, 10);
	driver_should_notify(&f->driver);
	virtq_quiet(&f->queue);
	pop(f, 0, 10);
	virtq_put_back(&f->queue, &f->chain);
	assert_int_equal(virtq_pop(&f->queue, &f->chain), 0);
	assert_false(virtq_listen(&f->queue));
	add(f, 1, 20);
	assert_false(driver_should_notify(&f->driver));
	virtq_resume(&f->queue);
	assert_true(virtq_listen(&f->queue));
	pop(f, 0, 10);
}

/* Also across the ring's end, in every place. */
static void it_is_so_wherever_in_the_ring_it_lies(void **state)
{
	struct fixture *f = *state;

	for (unsigned i = 0; i < 5 * SIZE; i++) {
		uint32_t bytes = 100 + i;
		int id = add(f, 3, bytes);

		assert_true(id >= 0);
		pop(f, id, 3 * bytes);
		virtq_put_back(&f->queue, &f->chain);
		virtq_resume(&f->queue);
		pop(f, id, 3 * bytes);
		use(f, id);
		assert_int_equal(virtq_pop(&f->queue, &f->chain), 0);
	}
	assert_int_equal(f->queue.taken, 0);
}

static void others_may_be_in_flight(void **state)
{
	struct fixture *f = *state;
	struct virtq_chain before;
	int first = add(f, 2, 10), second = add(f, 1, 20);

	pop(f, first, 20);
	before = f->chain;
	pop(f, second, 20);
	virtq_put_back(&f->queue, &f->chain);
	f->chain = before;
	use(f, first);
	virtq_resume(&f->queue);
	pop(f, second, 20);
	use(f, second);
}

static void a_queue_that_is_stopped_meanwhile_begins_anew(void **state)
{
	struct fixture *f = *state;

	pop(f, add(f, 1, 10), 10);
	virtq_put_back(&f->queue, &f->chain);
	virtq_stop(&f->queue);
	driver_start(&f->driver, SIZE, features);
	assert_int_equal(virtq_start(&f->queue, &f->driver.mem, &f->driver.config, features), 0);
	pop(f, add(f, 1, 30), 30);
}

int main(void)
{
	static const struct {
		const char *name;
		uint64_t features;
	} rings[] = {
		{ "put back, split", 0 },
		{ "put back, split, event index", BIT(VIRTIO_RING_F_EVENT_IDX) },
		{ "put back, split, in order", BIT(VIRTIO_F_IN_ORDER) },
		{ "put back, packed", BIT(VIRTIO_F_RING_PACKED) },
		{ "put back, packed, event index", BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_RING_F_EVENT_IDX) },
		{ "put back, packed, in order", BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_IN_ORDER) },
	};
	const struct CMUnitTest tests[] = {
		TEST(it_is_popped_again_and_used_once),
		TEST(the_queue_is_as_if_empty_until_it_goes_on),
		TEST(it_is_so_wherever_in_the_ring_it_lies),
		TEST(others_may_be_in_flight),
		TEST(a_queue_that_is_stopped_meanwhile_begins_anew),
	};
	int failed = 0;

	for (unsigned i = 0; i < COUNT_OF(rings); i++) {
		features = BIT(VIRTIO_F_VERSION_1) | rings[i].features;
		failed += cmocka_run_group_tests_name(rings[i].name, tests, NULL, NULL);
	}
	return failed;
}
