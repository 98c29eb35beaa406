/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/library/library.h"
#include "control/version.h"

#define CONSOLE_BYTES     (64u << 10)
#define CONSOLE_BYTES_MAX (1u << 30)

const char *kvick_version(void)
{
	return KVICK_VERSION;
}

int library_result(struct kvick_error *to, const struct error *error, int r)
{
	if (r >= 0 || !to)
		return r;
	to->code = r;
	_Static_assert(sizeof(to->text) == sizeof(error->text), "a line is handed on whole");
	memcpy(to->text, error->text, sizeof(to->text));
	if (error->kind == ERROR_NONE)
		snprintf(to->text, sizeof(to->text), "%s", strerror(-r));
	return r;
}

static int refuse(struct kvick_error *to, int errnum, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct kvick_error *to, int errnum, const char *format, ...)
{
	struct error error = { .kind = ERROR_NONE };
	char text[ERROR_TEXT_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return library_result(to, &error, error_set(&error, ERROR_USAGE, errnum, "%s", text));
}

struct kvick_options *kvick_options_new(void)
{
	struct kvick_options *o = calloc(1, sizeof(*o));

	if (o)
		*o = (struct kvick_options){
			.ring = RING_AUTO, .cpu = CPU_AUTO, .signal = SIGURG, .console_bytes = CONSOLE_BYTES,
		};
	return o;
}

static void strings_free(struct strings *strings)
{
	while (strings->count > 0)
		free(strings->list[--strings->count]);
	free(strings->list);
}

void kvick_options_free(struct kvick_options *o)
{
	if (!o)
		return;
	strings_free(&o->arguments);
	strings_free(&o->variables);
	free(o);
}

static bool strings_add(struct strings *strings, const char *string)
{
	char **list = realloc(strings->list, (strings->count + 1) * sizeof(*list));
	char *copy = strdup(string);

	if (list)
		strings->list = list;
	if (!list || !copy) {
		free(copy);
		return false;
	}
	list[strings->count++] = copy;
	return true;
}

static bool strings_copy(struct strings *to, const struct strings *from)
{
	bool whole = true;

	*to = (struct strings){ 0 };
	for (unsigned i = 0; i < from->count && whole; i++)
		whole = strings_add(to, from->list[i]);
	return whole;
}

struct kvick_options *options_copy(const struct kvick_options *from)
{
	struct kvick_options *o = kvick_options_new();

	if (!o || !from)
		return o;
	*o = *from;
	o->variables = (struct strings){ 0 };
	if (strings_copy(&o->arguments, &from->arguments) && strings_copy(&o->variables, &from->variables))
		return o;
	kvick_options_free(o);
	return NULL;
}

int kvick_options_set_memory(struct kvick_options *o, uint64_t bytes, struct kvick_error *error)
{
	if (bytes && (bytes < GUEST_MEM_BYTES_MIN || bytes > GUEST_MEM_BYTES_MAX || bytes % GUEST_PAGE_BYTES))
		return refuse(error, EINVAL, "memory %llu: give 0, or a multiple of 4096 from %llu to %llu",
			      (unsigned long long)bytes, GUEST_MEM_BYTES_MIN, GUEST_MEM_BYTES_MAX);
	o->mem_bytes = bytes;
	return 0;
}

int kvick_options_set_ring(struct kvick_options *o, int ring, struct kvick_error *error)
{
	if (ring != RING_AUTO && ring != RING_0 && ring != RING_3)
		return refuse(error, EINVAL, "ring %d: give -1, 0 or 3", ring);
	o->ring = (enum ring_choice)ring;
	return 0;
}

int kvick_options_set_cpu(struct kvick_options *o, const char *model, struct kvick_error *error)
{
	if (strcmp(model, "auto") == 0)
		o->cpu = CPU_AUTO;
	else if (!cpu_model_by_name(model, &o->cpu))
		return refuse(error, EINVAL, "cpu %s: give auto, none, host, baseline, baseline-v2 or baseline-v3", model);
	return 0;
}

static int add_string(struct kvick_options *o, struct strings *strings, const char *string, struct kvick_error *error)
{
	uint64_t bytes = strlen(string) + 1;

	if (o->strings_bytes + bytes > MACHINE_ARGS_BYTES_MAX)
		return refuse(error, E2BIG, "arguments and variables: %llu bytes, and a guest takes %u: give less",
			      (unsigned long long)(o->strings_bytes + bytes), MACHINE_ARGS_BYTES_MAX);
	if (!strings_add(strings, string))
		return refuse(error, ENOMEM, "no memory for arguments and variables: free some or raise RLIMIT_AS");
	o->strings_bytes += bytes;
	return 0;
}

int kvick_options_add_argument(struct kvick_options *o, const char *argument, struct kvick_error *error)
{
	return add_string(o, &o->arguments, argument, error);
}

int kvick_options_add_variable(struct kvick_options *o, const char *variable, struct kvick_error *error)
{
	if (variable[0] == '=' || !strchr(variable, '='))
		return refuse(error, EINVAL, "variable %s: give NAME=VALUE", variable);
	return add_string(o, &o->variables, variable, error);
}

int kvick_options_set_signal(struct kvick_options *o, int signal, struct kvick_error *error)
{
	static const int kernels[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGSYS, SIGTRAP };
	sigset_t set;
	bool taken = false;

	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
		taken |= kernels[i] == signal;
	/* The C library's own are refused by it. */
	if (taken || sigemptyset(&set) < 0 || sigaddset(&set, signal) < 0)
		return refuse(error, EINVAL, "signal %d: give one that the kernel does not send for a fault, such as SIGURG (%d)",
			      signal, SIGURG);
	o->signal = signal;
	return 0;
}

int kvick_options_set_console_bytes(struct kvick_options *o, size_t bytes, struct kvick_error *error)
{
	if (bytes > CONSOLE_BYTES_MAX)
		return refuse(error, EINVAL, "console bytes %zu: give at most %u", bytes, CONSOLE_BYTES_MAX);
	o->console_bytes = bytes;
	return 0;
}
