/* SPDX-License-Identifier: Apache-2.0 */
#include <kvick_guest.h>
#include <stdio.h>

int main(void)
{
	printf("Hello from kvick, at ring %u\n", kvick_boot()->ring);
	return 0;
}
