/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of split and packed rings share: a driver, a queue, and a chain to pop into. */
#ifndef KVICK_TESTS_TEST_VIRTQ_H
#define KVICK_TESTS_TEST_VIRTQ_H

#include "tests/unit/test_unit.h"
#include "tests/unit/virtq_driver.h"

#define RAM  (64ull << 20) /* never touched but for its beginning; large, so that lengths can add up to 2^32 */
#define SIZE 8u

#define BIT(feature) (1ull << (feature))

struct fixture {
	struct driver driver;
	struct virtq queue;
	struct virtq_chain chain;
};

static inline int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	driver_create(&f->driver, RAM);
	memset(&f->chain, 0xee, sizeof(f->chain));
	return 0;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	driver_destroy(&f->driver);
	free(f);
	return 0;
}

/* Both sides begin, with these features beside the ring's form. */
static inline void start_with(struct fixture *f, uint16_t size, uint64_t features)
{
	driver_start(&f->driver, size, features);
	assert_int_equal(virtq_start(&f->queue, &f->driver.mem, &f->driver.config, features), 0);
	assert_null(f->queue.broken);
}

/* The driver offers a readable part of some bytes, then a writable one (either may be 0). Its id. */
static inline uint16_t offer(struct fixture *f, uint32_t readable, uint32_t writable)
{
	struct driver_part parts[2];
	unsigned count = 0;
	int id;

	if (readable)
		parts[count++] = (struct driver_part){ DRIVER_DATA_AT, readable, false };
	if (writable)
		parts[count++] = (struct driver_part){ DRIVER_DATA_AT + 0x10000, writable, true };
	id = driver_add(&f->driver, parts, count, false);
	assert_in_range(id, 0, VIRTQ_SIZE_MAX - 1);
	return (uint16_t)id;
}

static inline void pop(struct fixture *f)
{
	assert_int_equal(virtq_pop(&f->queue, &f->chain), 1);
}

static inline void pop_nothing(struct fixture *f)
{
	assert_int_equal(virtq_pop(&f->queue, &f->chain), 0);
}

/* Popping finds the ring broken for this reason, and gives nothing afterwards. */
static inline void pop_breaks(struct fixture *f, const char *why)
{
	assert_int_equal(virtq_pop(&f->queue, &f->chain), -EINVAL);
	assert_non_null(f->queue.broken);
	assert_says(f->queue.broken, why);
	assert_int_equal(virtq_pop(&f->queue, &f->chain), -EINVAL);
	assert_false(virtq_listen(&f->queue));
}

static inline void push(struct fixture *f, uint32_t written)
{
	virtq_push(&f->queue, &f->chain, written);
}

static inline void start_breaks(struct fixture *f, uint64_t features, const char *why)
{
	assert_int_equal(virtq_start(&f->queue, &f->driver.mem, &f->driver.config, features), -EINVAL);
	assert_false(f->queue.running);
	assert_says(f->queue.broken, why);
	assert_int_equal(virtq_pop(&f->queue, &f->chain), -EINVAL);
}

/* The driver takes the next used chain, which must be this one. */
static inline void used_is(struct fixture *f, uint16_t id, uint32_t written)
{
	uint16_t got_id = 0xffff;
	uint32_t got_written = 0;

	assert_int_equal(driver_take_used(&f->driver, &got_id, &got_written), 1);
	assert_int_equal(got_id, id);
	assert_int_equal(got_written, written);
}

static inline void segment_is(const struct fixture *f, unsigned index, uint64_t address, uint64_t bytes)
{
	assert_ptr_equal(f->chain.segments[index].iov_base, f->driver.mem.host + address);
	assert_int_equal(f->chain.segments[index].iov_len, bytes);
}

/* Two chains popped and given back as a group: the driver sees neither until its end, then both. */
static inline void give_back_a_group(struct fixture *f)
{
	static const struct driver_part part = { DRIVER_DATA_AT, 16, true };
	struct virtq_chain chains[2];
	uint32_t written;
	uint16_t id;

	for (unsigned i = 0; i < 2; i++)
		assert_true(driver_add(&f->driver, &part, 1, false) >= 0);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(virtq_pop(&f->queue, &chains[i]), 1);
	virtq_group(&f->queue);
	for (unsigned i = 0; i < 2; i++) {
		virtq_push(&f->queue, &chains[i], 8 + i);
		assert_false(driver_has_used(&f->driver));
	}
	virtq_group_end(&f->queue);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(driver_take_used(&f->driver, &id, &written), 1);
		assert_int_equal(id, chains[i].id);
		assert_int_equal(written, 8 + i);
	}
	assert_false(driver_has_used(&f->driver));
}

#endif
