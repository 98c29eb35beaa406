/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What queue.c, queue_split.c and queue_packed.c share: fetching from the driver's memory, barriers, vetting a descriptor.
 *
 * The driver may change its memory at any time. So each field is fetched once, by a volatile or atomic load that the compiler may
 * not repeat, into a local variable; what is checked is what is used.
 */
#ifndef KVICK_VIRTIO_QUEUE_INTERNAL_H
#define KVICK_VIRTIO_QUEUE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "virtio/queue.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "rings are little-endian (1.4), and are read as they are");
_Static_assert(VIRTQ_SIZE_MAX <= 1u << 15, "2.7: indices free running in 16 bits tell a full ring from an empty one");

/* Fields of the driver's, wherever they are: an indirect table need not be aligned. */
typedef uint16_t __attribute__((aligned(1), may_alias)) unaligned16;
typedef uint32_t __attribute__((aligned(1), may_alias)) unaligned32;
typedef uint64_t __attribute__((aligned(1), may_alias)) unaligned64;

static inline uint16_t fetch16(const void *at)
{
	return *(const volatile unaligned16 *)at;
}

static inline uint32_t fetch32(const void *at)
{
	return *(const volatile unaligned32 *)at;
}

static inline uint64_t fetch64(const void *at)
{
	return *(const volatile unaligned64 *)at;
}

static inline void store16(void *at, uint16_t value)
{
	*(volatile unaligned16 *)at = value;
}

static inline void store32(void *at, uint32_t value)
{
	*(volatile unaligned32 *)at = value;
}

/*
 * Reads what the driver published, before anything that it published with it. Pairs with the driver's write barrier before it
 * stores avail->idx (split, 2.7.13.3.1), or the flags of a chain's first descriptor (packed, 2.8.21.1.1).
 */
static inline uint16_t ring_acquire(const uint16_t *at)
{
	return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

/*
 * Publishes what was written before it: data, and the used element. Pairs with the driver's read barrier after it has seen
 * used->idx (split), or the flags of a used descriptor (packed, 2.8.22), change.
 */
static inline void ring_release(uint16_t *at, uint16_t value)
{
	__atomic_store_n(at, value, __ATOMIC_RELEASE);
}

/*
 * Between a store of ours and a load of what the driver stores: each side says its word before it looks at the other's, so one of
 * the two sees. Pairs with the driver's full barrier between publishing chains and reading whether to notify (2.7.13.4.1,
 * 2.8.21.3.1), and with that between asking for interrupts and looking for used chains once more (2.7.14, 2.8.22).
 */
static inline void ring_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* A descriptor, fetched. `link` is next (split) or the buffer id (packed). */
struct descriptor {
	uint64_t address;
	uint32_t bytes;
	uint16_t flags;
	uint16_t link;
};

/* The queue gives nothing any more, for this reason. Returns -EINVAL. */
int queue_break(struct virtq *queue, const char *why);

/* Vets the element that a descriptor describes, and adds it to the chain. 0 or -EINVAL. */
int queue_add(struct virtq *queue, struct virtq_chain *chain, const struct descriptor *descriptor);

/* The indirect table that a descriptor refers to: its start and number of entries, at least 1. 0 or -EINVAL. */
int queue_table(struct virtq *queue, const struct descriptor *descriptor, const uint8_t **table, unsigned *entries);

/* Is this id one that the driver may give a chain now? 0 or -EINVAL. */
int queue_check_id(struct virtq *queue, uint16_t id);

/* The two forms of a ring. publish() hands a chain back, at once or with its group; its caller keeps order and accounts. */
void split_listen(struct virtq *queue);
void split_quiet(struct virtq *queue);
bool split_pending(const struct virtq *queue);
int split_pop(struct virtq *queue, struct virtq_chain *chain);
void split_put_back(struct virtq *queue);
void split_publish(struct virtq *queue, uint16_t id, uint32_t written);
void split_group_end(struct virtq *queue);
bool split_needs_interrupt(const struct virtq *queue);

void packed_listen(struct virtq *queue);
void packed_quiet(struct virtq *queue);
bool packed_pending(const struct virtq *queue);
int packed_pop(struct virtq *queue, struct virtq_chain *chain);
void packed_put_back(struct virtq *queue, uint16_t descriptors);
void packed_publish(struct virtq *queue, uint16_t id, uint16_t descriptors, uint32_t written);
void packed_group_end(struct virtq *queue);
bool packed_needs_interrupt(const struct virtq *queue);

#endif
