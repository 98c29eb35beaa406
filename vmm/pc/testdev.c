/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/pc/testdev.h"

#include <assert.h>
#include <string.h>

/* So many of `bytes` lie within the ports. */
static unsigned within(unsigned offset, unsigned bytes)
{
	assert(offset < TESTDEV_PORTS);
	return bytes < TESTDEV_PORTS - offset ? bytes : TESTDEV_PORTS - offset;
}

uint32_t testdev_read_port(const struct testdev *t, unsigned offset, unsigned bytes)
{
	uint32_t value = UINT32_MAX;

	memcpy(&value, t->ports + offset, within(offset, bytes));
	return value;
}

void testdev_write_port(struct testdev *t, unsigned offset, unsigned bytes, uint32_t value)
{
	memcpy(t->ports + offset, &value, within(offset, bytes));
}

uint64_t testdev_read(const struct testdev *t, uint64_t offset, unsigned bytes)
{
	uint64_t value = 0;

	assert(bytes <= sizeof(value) && offset <= TESTDEV_MEMORY_BYTES - bytes);
	memcpy(&value, t->memory + offset, bytes);
	return value;
}

void testdev_write(struct testdev *t, uint64_t offset, unsigned bytes, uint64_t value)
{
	assert(bytes <= sizeof(value) && offset <= TESTDEV_MEMORY_BYTES - bytes);
	memcpy(t->memory + offset, &value, bytes);
}
