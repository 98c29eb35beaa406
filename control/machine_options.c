/* SPDX-License-Identifier: Apache-2.0 */
#include "control/machine_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/error.h"

#define WORD_BYTES     32u
#define WORD_EXITS_MAX (PC_EXITS_MAX / 2) /* the others are the protocol's */

/* A port, decimal or 0x…; -1 where it is none. */
static long port_of(const char *value)
{
	char *end;
	unsigned long port;

	if (!value || *value < '0' || *value > '9')
		return -1;
	port = strtoul(value, &end, 0);
	return *end || port > UINT16_MAX ? -1 : (long)port;
}

static int add_exit(struct pc_config *config, const char *value, bool plain)
{
	long port = port_of(value);
	unsigned i = 0;

	if (port < 0)
		return -EINVAL;
	while (i < config->exit_count && config->exits[i].port != port)
		i++;
	if (i == WORD_EXITS_MAX)
		return -E2BIG;
	config->exit_count += i == config->exit_count;
	config->exits[i] = (struct pc_exit){ .port = (uint16_t)port, .plain = plain };
	return 0;
}

static int take_debug_exit(struct pc_config *config, const char *value)
{
	return add_exit(config, value, false);
}

static int take_exit_code(struct pc_config *config, const char *value)
{
	return add_exit(config, value, true);
}

static int take_triple_fault(struct pc_config *config, const char *value)
{
	if (!value || (strcmp(value, "exit") != 0 && strcmp(value, "crash") != 0))
		return -EINVAL;
	config->triple_fault = strcmp(value, "exit") == 0 ? PC_TRIPLE_FAULT_EXITS : PC_TRIPLE_FAULT_CRASHES;
	return 0;
}

static int take_pvpanic(struct pc_config *config, const char *value)
{
	config->parts |= PC_PVPANIC;
	return value ? -EINVAL : 0;
}

static int take_testdev(struct pc_config *config, const char *value)
{
	config->parts |= PC_TESTDEV;
	return value ? -EINVAL : 0;
}

static const struct {
	const char *name;
	int (*take)(struct pc_config *config, const char *value); /* value: NULL without "=" */
} words[] = {
	{ "debug-exit", take_debug_exit }, { "exit-code", take_exit_code }, { "triple-fault", take_triple_fault },
	{ "pvpanic", take_pvpanic }, { "testdev", take_testdev },
};

static int take_word(struct pc_config *config, char *word)
{
	char *value = strchr(word, '=');

	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].name, word) == 0)
			return words[i].take(config, value);
	return -EINVAL;
}

int machine_options(struct pc_config *config, const char *list, struct error *error)
{
	for (;;) {
		size_t bytes = strcspn(list, ",");
		char word[WORD_BYTES] = "";
		int r = -EINVAL;

		if (bytes < sizeof(word))
			r = take_word(config, memcpy(word, list, bytes));
		if (r == -E2BIG)
			return error_set(error, ERROR_USAGE, E2BIG, "--machine %.*s: one port too many: a guest ends by %u at most",
					 (int)bytes, list, WORD_EXITS_MAX);
		if (r < 0)
			return error_set(error, ERROR_USAGE, EINVAL, "--machine %.*s: write debug-exit=PORT, exit-code=PORT, "
					 "triple-fault=exit, triple-fault=crash, pvpanic or testdev", (int)bytes, list);
		if (!list[bytes])
			return 0;
		list += bytes + 1;
	}
}
