/* SPDX-License-Identifier: Apache-2.0 */
/* Says its words, and halts with the number that the first of them is; "abort" is 255. */
#include <stdlib.h>

#include "../guest.h"

GUEST_MANIFEST(1);

int guest_run(unsigned argc, char **argv)
{
	printf("hello:");
	for (unsigned i = 0; i < argc; i++)
		printf(" %s", argv[i]);
	printf("\n");
	if (argc && strcmp(argv[0], "abort") == 0)
		return SOLO5_STATUS_ABORT;
	return argc ? (int)strtoul(argv[0], NULL, 10) : 0;
}
