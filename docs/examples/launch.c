/* SPDX-License-Identifier: Apache-2.0 */
/* cc launch.c $(pkg-config --cflags --libs kvick) && ./a.out build/guests/echo.elf: a function is asked three times. */
#include <kvick.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	const char *requests[] = { "one", "two", "three" };
	struct kvick_template *image = NULL, *ready = NULL;
	struct kvick_vm *vm = NULL;
	struct kvick_stats stats;
	struct kvick_error error;
	char reply[4096];
	size_t bytes;
	int r = kvick_template_of_image(&image, argc > 1 ? argv[1] : "echo.elf", NULL, &error);

	if (r == 0)
		r = kvick_template_snapshot(&ready, image, KVICK_AT_READY, 1000000000, &error);
	if (r == 0)
		r = kvick_vm_new(&vm, ready, &error);
	for (int i = 0; i < 3 && r == 0; i++) {
		r = kvick_vm_invoke(vm, requests[i], strlen(requests[i]), reply, sizeof(reply), &bytes, 1000000000, &error);
		if (r == 0) {
			kvick_vm_stats(vm, &stats, sizeof(stats));
			printf("%.*s: %ju ns, %ju exits, %ju pages of its own\n", (int)bytes, reply, (uintmax_t)stats.run_ns,
			       (uintmax_t)stats.exits, (uintmax_t)stats.own_pages);
			r = kvick_vm_reset(vm, &error);
		}
	}
	if (r < 0)
		fprintf(stderr, "%s\n", error.text);
	kvick_vm_free(vm);
	kvick_template_free(ready);
	kvick_template_free(image);
	return r < 0;
}
