/* SPDX-License-Identifier: Apache-2.0 */
/* Prints the arguments and the environment, one a line. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	printf("argc = %d\n", argc);
	for (int i = 0; i < argc; i++)
		printf("argv[%d] = %s\n", i, argv[i]);
	for (char **entry = environ; *entry; entry++)
		printf("env %s\n", *entry);
	return 0;
}
