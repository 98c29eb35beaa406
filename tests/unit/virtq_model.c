/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/virtq_model.h"

#include <stddef.h>

#define NEXT     1u
#define WRITE    2u
#define INDIRECT 4u
#define AVAIL    (1u << 7)
#define USED     (1u << 15)
#define WRAP     (1u << 15)

struct desc {
	uint64_t address;
	uint32_t bytes;
	uint16_t a, b; /* split: flags, next; packed: id, flags */
};

static struct desc *desc_at(const struct model *m, uint64_t table, unsigned index)
{
	return (struct desc *)((uintptr_t)m->arena + table) + index; /* the arena may be all of memory, from 0 */
}

static uint16_t *driver_area(const struct model *m)
{
	return (uint16_t *)((uintptr_t)m->arena + m->driver);
}

static uint16_t *device_area(const struct model *m)
{
	return (uint16_t *)((uintptr_t)m->arena + m->device);
}

static uint16_t load(const uint16_t *from)
{
	return __atomic_load_n(from, __ATOMIC_SEQ_CST);
}

static void store(uint16_t *to, uint16_t value)
{
	__atomic_store_n(to, value, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static void add_segment(struct model_chain *chain, const struct desc *desc, uint16_t flags)
{
	unsigned at = chain->readable + chain->writable;

	chain->segments[at].address = desc->address;
	chain->segments[at].bytes = desc->bytes;
	if (flags & WRITE)
		chain->writable++;
	else
		chain->readable++;
}

static bool split_pop(struct model *m, struct model_chain *chain)
{
	uint16_t *avail = driver_area(m), flags, at;
	uint64_t table = m->desc;

	if (load(&avail[1]) == m->next_avail)
		return false;
	at = avail[2 + m->next_avail++ % m->size];
	*chain = (struct model_chain){ .id = at, .descriptors = 1 };
	if (desc_at(m, table, at)->a & INDIRECT) {
		table = desc_at(m, table, at)->address;
		at = 0;
	}
	do {
		const struct desc *desc = desc_at(m, table, at);

		flags = desc->a;
		add_segment(chain, desc, flags);
		at = desc->b;
	} while (flags & NEXT);
	return true;
}

static bool packed_pop(struct model *m, struct model_chain *chain)
{
	uint16_t flags = load(&desc_at(m, m->desc, m->next_avail)->b);

	if (!!(flags & AVAIL) != m->avail_wrap || !!(flags & USED) == m->avail_wrap)
		return false;
	*chain = (struct model_chain){ 0 };
	do {
		const struct desc *desc = desc_at(m, m->desc, m->next_avail);

		flags = desc->b;
		chain->id = desc->a;
		chain->descriptors++;
		if (flags & INDIRECT)
			for (unsigned i = 0; i < desc->bytes / sizeof(*desc); i++)
				add_segment(chain, desc_at(m, desc->address, i), desc_at(m, desc->address, i)->b);
		else
			add_segment(chain, desc, flags);
		if (++m->next_avail == m->size) {
			m->next_avail = 0;
			m->avail_wrap = !m->avail_wrap;
		}
	} while (flags & NEXT);
	return true;
}

bool model_pop(struct model *m, struct model_chain *chain)
{
	return m->packed ? packed_pop(m, chain) : split_pop(m, chain);
}

void model_push_raw(struct model *m, uint32_t id, uint32_t written, uint16_t descriptors)
{
	uint16_t *used = device_area(m);

	if (m->packed) {
		struct desc *desc = desc_at(m, m->desc, m->next_used);

		desc->a = (uint16_t)id;
		desc->bytes = written;
		store(&desc->b, (m->used_wrap ? AVAIL | USED : 0) | (written ? WRITE : 0));
		m->next_used += descriptors;
		m->pushed += descriptors;
		if (m->next_used >= m->size) {
			m->next_used -= m->size;
			m->used_wrap = !m->used_wrap;
		}
	} else {
		uint32_t *entry = (uint32_t *)(used + 2) + 2 * (m->next_used % m->size);

		entry[0] = id;
		entry[1] = written;
		store(&used[1], ++m->next_used);
	}
}

void model_push(struct model *m, const struct model_chain *chain, uint32_t written)
{
	model_push_raw(m, chain->id, written, chain->descriptors);
}

void model_push_batch(struct model *m, const struct model_chain *chains, unsigned count, uint32_t written)
{
	uint16_t descriptors = 0;

	for (unsigned i = 0; i < count; i++)
		descriptors += chains[i].descriptors;
	/* The entry lies where the first one's would; the index goes on behind the last. */
	if (m->packed) {
		model_push_raw(m, chains[count - 1].id, written, descriptors);
	} else {
		uint16_t *used = device_area(m);
		uint32_t *entry = (uint32_t *)(used + 2) + 2 * (m->next_used % m->size);

		entry[0] = chains[count - 1].id;
		entry[1] = written;
		store(&used[1], m->next_used += (uint16_t)count);
	}
}

/* The specification's own words, not the usual trick: 2.7.7, 2.8.10. */
bool model_wants_event(struct model *m)
{
	uint16_t *driver = driver_area(m);
	bool passed = false;

	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (m->packed) {
		uint16_t flags = load(&driver[1]), at = load(&driver[0]);
		unsigned entry = (m->next_used + m->size - m->pushed) % m->size;
		bool wrap = m->next_used < m->pushed ? !m->used_wrap : m->used_wrap;

		/* Over the entries that were pushed, from the first, with the wrap counter that each had. */
		for (; m->pushed > 0; m->pushed--) {
			passed |= (at & ~WRAP) == entry && !!(at & WRAP) == wrap;
			if (++entry == m->size) {
				entry = 0;
				wrap = !wrap;
			}
		}
		return flags == 2 ? passed : flags == 0;
	}
	if (!m->event_index)
		return !(load(&driver[0]) & 1);
	for (; m->signalled != m->next_used; m->signalled++)
		passed |= m->signalled == load(&driver[2 + m->size]);
	return passed;
}

void model_quiet(struct model *m)
{
	uint16_t *device = device_area(m);

	if (m->packed)
		store(&device[1], 1);
	else
		store(&device[0], 1); /* with an event index the driver ignores it; then the old index stays behind */
}

void model_listen(struct model *m)
{
	uint16_t *device = device_area(m);

	if (m->packed && m->event_index) {
		store(&device[0], (uint16_t)(m->next_avail | (m->avail_wrap ? WRAP : 0)));
		store(&device[1], 2);
	} else if (m->packed) {
		store(&device[1], 0);
	} else if (m->event_index) {
		store(&device[2 + 4 * m->size], m->next_avail);
	} else {
		store(&device[0], 0);
	}
}
