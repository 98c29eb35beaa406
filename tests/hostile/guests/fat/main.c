/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sleeps for three seconds (not with the argument "now"), then reads what its image's file holds: large enough to be mapped
 * from there, so that the file's end meanwhile is noticed.
 */
#include <kvick_guest.h>
#include <stdio.h>
#include <string.h>

#define KIB 256

/* Whatever is not zero: zeroes would need no file. */
static const unsigned char table[KIB << 10] = { [0 ... (KIB << 10) - 1] = 0x5a };

int main(int argc, char **argv)
{
	unsigned sum = 0;

	puts("sleeping");
	if (argc < 2 || strcmp(argv[1], "now") != 0)
		kvick_wait(0, 3000000000);
	for (unsigned i = 0; i < sizeof(table); i += 4096)
		sum += ((const volatile unsigned char *)table)[i];
	printf("sum %u\n", sum);
	return 0;
}
