/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap: boundary tags and bins of powers of two over [heap_base, heap_end).
 *
 * Blocks lie one after another from heap_base to `top`; above it RAM has never been touched since
 * the last block there was freed. A free block merges with free neighbours at once, and the last
 * block with the rest above it, so no two free blocks touch. RAM above `dirty` still is as the VMM
 * gave it: zero, and perhaps not even backed by the host. calloc leaves it alone.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "runtime.h"

#define ALIGNMENT 16u

struct block {
	size_t prev_bytes; /* size of the block before this one; 0 = this is the first */
	size_t bytes_used; /* own size with this header, a multiple of ALIGNMENT; bit 0: handed out */
	/* The caller's memory starts here; of a free block, its links. */
	struct block *next;
	struct block *prev;
};

#define HEADER_BYTES offsetof(struct block, next)
#define BLOCK_BYTES_MIN sizeof(struct block)
#define USED 1u

#define BINS 48 /* bin i: free blocks of 2^i … 2^(i+1) - 1 bytes */

static struct {
	uintptr_t base;
	uintptr_t top;     /* end of the last block */
	uintptr_t dirty;   /* end of what may have been written to */
	uintptr_t end;
	size_t last_bytes; /* size of the last block, for the next one's prev_bytes */
	uint64_t bins_filled;
	struct block *bins[BINS];
} heap;

_Static_assert(HEADER_BYTES % ALIGNMENT == 0, "the caller's memory is aligned as the block is");
_Static_assert(BLOCK_BYTES_MIN % ALIGNMENT == 0, "blocks are aligned");

static size_t bytes_of(const struct block *block)
{
	return block->bytes_used & ~(size_t)USED;
}

static bool is_used(const struct block *block)
{
	return block->bytes_used & USED;
}

static struct block *after(struct block *block)
{
	return (struct block *)((uintptr_t)block + bytes_of(block));
}

static struct block *before(struct block *block)
{
	return (struct block *)((uintptr_t)block - block->prev_bytes);
}

static bool is_last(struct block *block)
{
	return (uintptr_t)after(block) == heap.top;
}

static unsigned bin_of(size_t bytes)
{
	return 63 - (unsigned)__builtin_clzl(bytes);
}

static void bin_insert(struct block *block)
{
	unsigned bin = bin_of(bytes_of(block));

	block->prev = NULL;
	block->next = heap.bins[bin];
	if (block->next)
		block->next->prev = block;
	heap.bins[bin] = block;
	heap.bins_filled |= 1ull << bin;
}

static void bin_remove(struct block *block)
{
	unsigned bin = bin_of(bytes_of(block));

	if (block->next)
		block->next->prev = block->prev;
	if (block->prev)
		block->prev->next = block->next;
	else
		heap.bins[bin] = block->next;
	if (!heap.bins[bin])
		heap.bins_filled &= ~(1ull << bin);
}

/* Sets a block's size, where its neighbour looks for it too. */
static void resize(struct block *block, size_t bytes, unsigned used)
{
	block->bytes_used = bytes | used;
	if ((uintptr_t)block + bytes == heap.top)
		heap.last_bytes = bytes;
	else
		after(block)->prev_bytes = bytes;
}

/* Makes a block that is in no bin free, together with its free neighbours. */
static void release(struct block *block)
{
	size_t bytes = bytes_of(block);

	if (!is_last(block) && !is_used(after(block))) {
		bin_remove(after(block));
		bytes += bytes_of(after(block));
	}
	if (block->prev_bytes && !is_used(before(block))) {
		block = before(block);
		bin_remove(block);
		bytes += bytes_of(block);
	}
	if ((uintptr_t)block + bytes == heap.top) {
		heap.top = (uintptr_t)block;
		heap.last_bytes = block->prev_bytes;
		return;
	}
	resize(block, bytes, 0);
	bin_insert(block);
}

/* Shortens a block that is handed out; the rest becomes free if it can be a block. */
static void trim(struct block *block, size_t bytes)
{
	size_t rest = bytes_of(block) - bytes;

	if (is_last(block)) {
		heap.top -= rest; /* without a header there, which would touch what nobody has asked for */
		resize(block, bytes, USED);
		return;
	}
	if (rest < BLOCK_BYTES_MIN)
		return;

	struct block *tail = (struct block *)((uintptr_t)block + bytes);

	tail->prev_bytes = bytes;
	block->bytes_used = bytes | USED;
	resize(tail, rest, USED);
	release(tail);
}

static struct block *take_free(size_t bytes)
{
	unsigned bin = bin_of(bytes);

	/* In its own bin blocks may be too small; in any higher one the first will do. */
	for (struct block *block = heap.bins[bin]; block; block = block->next) {
		if (bytes_of(block) >= bytes) {
			bin_remove(block);
			return block;
		}
	}

	uint64_t higher = heap.bins_filled & ~((2ull << bin) - 1);

	if (!higher)
		return NULL;

	struct block *block = heap.bins[__builtin_ctzl(higher)];

	bin_remove(block);
	return block;
}

static void heap_init(void)
{
	heap.base = (kvick_boot()->heap_base + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
	heap.end = kvick_boot()->heap_end & ~(uintptr_t)(ALIGNMENT - 1);
	heap.top = heap.dirty = heap.base;
}

static struct block *take_top(size_t bytes)
{
	if (!heap.end)
		heap_init();
	if (heap.end < heap.top || bytes > heap.end - heap.top)
		return NULL;

	struct block *block = (struct block *)heap.top;

	block->prev_bytes = heap.last_bytes;
	block->bytes_used = bytes | USED;
	heap.top += bytes;
	heap.last_bytes = bytes;
	return block;
}

/* What malloc takes for a request; 0 for one that no heap can meet. */
static size_t block_bytes(size_t bytes)
{
	if (bytes > SIZE_MAX / 4)
		return 0;
	bytes = (bytes + HEADER_BYTES + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
	return bytes < BLOCK_BYTES_MIN ? BLOCK_BYTES_MIN : bytes;
}

static void *hand_out(struct block *block)
{
	if (heap.dirty < (uintptr_t)after(block))
		heap.dirty = (uintptr_t)after(block);
	return &block->next;
}

/* The block of memory that was handed out. */
static struct block *block_of(void *memory)
{
	struct block *block = (struct block *)((uintptr_t)memory - HEADER_BYTES);

	if ((uintptr_t)memory % ALIGNMENT || (uintptr_t)block < heap.base || (uintptr_t)memory >= heap.top ||
	    !is_used(block))
		kvick_panic("free or realloc of what malloc has not handed out");
	return block;
}

static struct block *take(size_t bytes)
{
	struct block *block = take_free(bytes);

	if (!block)
		return take_top(bytes);
	block->bytes_used |= USED;
	trim(block, bytes);
	return block;
}

void *malloc(size_t bytes)
{
	size_t need = block_bytes(bytes);
	struct block *block = need ? take(need) : NULL;

	return block ? hand_out(block) : NULL;
}

void free(void *memory)
{
	if (memory)
		release(block_of(memory));
}

void *calloc(size_t count, size_t bytes)
{
	size_t total;

	if (__builtin_mul_overflow(count, bytes, &total))
		return NULL;

	uintptr_t dirty = heap.dirty;
	char *memory = malloc(total);

	if (memory && dirty > (uintptr_t)memory) {
		size_t stale = dirty - (uintptr_t)memory;

		memset(memory, 0, stale < total ? stale : total);
	}
	return memory;
}

/* Takes what follows a block into it, as far as `bytes` needs it. */
static bool grow(struct block *block, size_t bytes)
{
	if (is_last(block)) {
		size_t more = bytes - bytes_of(block);

		if (more > heap.end - heap.top)
			return false;
		heap.top += more;
		resize(block, bytes, USED);
		return true;
	}

	struct block *next = after(block);

	if (is_used(next) || bytes_of(block) + bytes_of(next) < bytes)
		return false;
	bin_remove(next);
	resize(block, bytes_of(block) + bytes_of(next), USED);
	trim(block, bytes);
	return true;
}

void *realloc(void *memory, size_t bytes)
{
	if (!memory)
		return malloc(bytes);

	struct block *block = block_of(memory);
	size_t need = block_bytes(bytes);

	if (!need)
		return NULL;
	if (need <= bytes_of(block)) {
		trim(block, need);
		return memory;
	}
	if (grow(block, need))
		return hand_out(block);

	void *moved = malloc(bytes);

	if (moved) {
		memcpy(moved, memory, bytes_of(block) - HEADER_BYTES);
		free(memory);
	}
	return moved;
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	size_t need = block_bytes(bytes);

	if (alignment & (alignment - 1) || alignment > SIZE_MAX / 4 || !need)
		return NULL;
	if (alignment <= ALIGNMENT)
		return malloc(bytes);

	/* Room for a free block before the aligned address. */
	struct block *block = take(need + alignment + BLOCK_BYTES_MIN);

	if (!block)
		return NULL;

	uintptr_t memory = (uintptr_t)&block->next;
	uintptr_t aligned = (memory + alignment - 1) & ~(alignment - 1);

	if (aligned != memory) {
		if (aligned - memory < BLOCK_BYTES_MIN)
			aligned += alignment;

		struct block *moved = (struct block *)(aligned - HEADER_BYTES);
		size_t skipped = aligned - memory;

		moved->prev_bytes = skipped;
		resize(moved, bytes_of(block) - skipped, USED);
		block->bytes_used = skipped | USED;
		release(block);
		block = moved;
	}
	trim(block, need);
	return hand_out(block);
}

uintptr_t kvick_heap_unused(void)
{
	if (!heap.end)
		heap_init();
	return heap.dirty;
}
