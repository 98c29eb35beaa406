/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reuse entry|ready KVICK run OPTION… IMAGE -- REQUEST…: one machine, made of a snapshot of the image at its entry point or where
 * it is ready, is asked each request, and reset in between. Prints the replies. Of the options of `kvick run` it takes --ring and
 * --mem, the latter in M.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kvick.h>

#define TIMEOUT_NS 60000000000ull

static struct kvick_error error;

static void must(int result, const char *what)
{
	if (result == 0)
		return;
	fprintf(stderr, "reuse: %s: %s\n", what, error.text);
	exit(1);
}

static void ask(struct kvick_vm *vm, const char *request)
{
	static char reply[1 << 20];
	size_t bytes = 0;
	int r = kvick_vm_invoke(vm, request, strlen(request), reply, sizeof(reply), &bytes, TIMEOUT_NS, &error);

	if (r < 0)
		printf("%s: %s\n", request, error.text);
	fwrite(reply, 1, bytes, stdout);
}

int main(int argc, char **argv)
{
	struct kvick_options *options = kvick_options_new();
	struct kvick_template *image, *snapshot;
	struct kvick_vm *vm;
	int i;

	for (i = 4; i + 1 < argc && argv[i][0] == '-'; i += strcmp(argv[i], "--no-sandbox") == 0 ? 1 : 2)
		if (strcmp(argv[i], "--ring") == 0)
			must(kvick_options_set_ring(options, atoi(argv[i + 1]), &error), argv[i + 1]);
		else if (strcmp(argv[i], "--mem") == 0)
			must(kvick_options_set_memory(options, strtoull(argv[i + 1], NULL, 10) << 20, &error), argv[i + 1]);
	if (i + 1 >= argc)
		return 2;
	must(kvick_template_of_image(&image, argv[i], options, &error), argv[i]);

	enum kvick_moment moment = strcmp(argv[1], "ready") == 0 ? KVICK_AT_READY : KVICK_AT_ENTRY;

	must(kvick_template_snapshot(&snapshot, image, moment, TIMEOUT_NS, &error), "snapshot");
	must(kvick_vm_new(&vm, snapshot, &error), "machine");
	for (i += 2; i < argc; i++) {
		ask(vm, argv[i]);
		must(kvick_vm_reset(vm, &error), "reset");
	}
	kvick_vm_free(vm);
	kvick_template_free(snapshot);
	kvick_template_free(image);
	kvick_options_free(options);
	return 0;
}
