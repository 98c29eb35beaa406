/* SPDX-License-Identifier: Apache-2.0 */
/* As many disks as a manifest holds, d01 to d63: writes each one's handle to it, and reads them all again. */
#include "../guest.h"

#define DISK(a, b)   { .name = "d" #a #b, .type = SOLO5_BLOCK }
#define DISKS(a)     DISK(a, 0), DISK(a, 1), DISK(a, 2), DISK(a, 3), DISK(a, 4), DISK(a, 5), DISK(a, 6), DISK(a, 7), DISK(a, 8), \
		     DISK(a, 9)

GUEST_MANIFEST(SOLO5_ENTRIES_MAX, DISK(0, 1), DISK(0, 2), DISK(0, 3), DISK(0, 4), DISK(0, 5), DISK(0, 6), DISK(0, 7), DISK(0, 8),
	       DISK(0, 9), DISKS(1), DISKS(2), DISKS(3), DISKS(4), DISKS(5), DISK(6, 0), DISK(6, 1), DISK(6, 2), DISK(6, 3));

int guest_run(unsigned argc, char **argv)
{
	static uint64_t block[64];
	unsigned good = 0;

	(void)argc, (void)argv;
	for (unsigned i = 1; i < SOLO5_ENTRIES_MAX; i++) {
		block[0] = i;
		good += entry(i)->attached && block_io(SOLO5_BLOCK_WRITE, i, 0, block, sizeof(block)) == SOLO5_OK;
	}
	for (unsigned i = 1; i < SOLO5_ENTRIES_MAX; i++)
		good += block_io(SOLO5_BLOCK_READ, i, 0, block, sizeof(block)) == SOLO5_OK && block[0] == i;
	printf("many: %u good\n", good);
	return good != 2 * (SOLO5_ENTRIES_MAX - 1);
}
