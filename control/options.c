/* SPDX-License-Identifier: Apache-2.0 */
#include "control/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/commands.h"
#include "vmm/error.h"

static bool has_name(const struct option_row *row)
{
	return strchr(row->name, ':') != NULL;
}

static bool is_of(const struct option_row *row, const struct command *command)
{
	return !row->of || row->of & command->of;
}

/* Of a row with a name of the operator's, only what stands before that. */
static const struct option_row *find(const struct command *command, const char *name, size_t length)
{
	const char *colon = memchr(name, ':', length);

	if (colon)
		length = (size_t)(colon - name);
	for (const struct option_row *row = command->options; row->name; row++)
		if (row->name[0] == name[0] && strncmp(row->name, name, length) == 0 && row->name[length] == (colon ? ':' : '\0') &&
		    is_of(row, command))
			return row;
	return NULL;
}

/* One option at argv[*i]; steps over its value. */
static int take(const struct command *command, int argc, char **argv, int *i, void *into, struct error *error)
{
	const char *dashes = argv[*i][1] == '-' ? "--" : "-";
	const char *name = argv[*i] + strlen(dashes), *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const struct option_row *row = find(command, name, length);

	if (!row || (dashes[1] == '\0') != (length == 1))
		return error_set(error, ERROR_USAGE, EINVAL, "%s: no such option: see `kvick %s --help`", argv[*i], command->name);
	if (has_name(row))
		return row->take(into, strchr(name, ':') + 1, error);
	if (!row->value && equals)
		return error_set(error, ERROR_USAGE, EINVAL, "%s%s takes no value", dashes, row->name);
	if (equals)
		return row->take(into, equals + 1, error);
	if (!row->value || row->value[0] == '[')
		return row->take(into, NULL, error);
	if (*i + 1 >= argc)
		return error_set(error, ERROR_USAGE, EINVAL, "%s%s: its value is missing: %s%s %s", dashes, row->name, dashes,
				 row->name, row->value);
	return row->take(into, argv[++*i], error);
}

int options_parse(const struct command *command, int argc, char **argv, void *into, struct operands *operands,
		  struct error *error)
{
	*operands = (struct operands){ 0 };
	for (int i = 1; i < argc; i++) {
		int r = 0;

		if (strcmp(argv[i], "--") == 0) {
			operands->rest = argv + i + 1;
			operands->rest_count = (unsigned)(argc - i - 1);
			break;
		} else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
			operands->help = true;
		} else if (argv[i][0] == '-' && argv[i][1] != '\0') {
			r = take(command, argc, argv, &i, into, error);
		} else if (operands->operand) {
			r = error_set(error, ERROR_USAGE, EINVAL, "%s: one operand too many: usage: kvick %s", argv[i],
				      command->synopsis);
		} else {
			operands->operand = argv[i];
		}
		if (r < 0)
			return r;
	}
	return 0;
}

COLD int options_help(const struct command *command)
{
	printf("usage: kvick %s\n\n%s\n", command->synopsis, command->purpose);
	if (command->options->name)
		printf("\n");
	for (const struct option_row *row = command->options; row->name; row++) {
		const char *value = row->value ? row->value : "";
		char left[64];

		if (!row->help || !is_of(row, command))
			continue;
		snprintf(left, sizeof(left), "%s%s%s%s", row->name[1] ? "--" : "-", row->name,
			 has_name(row) ? "=" : *value && *value != '[' ? " " : "", value);
		printf("  %-28s %s\n", left, row->help);
	}
	if (command->more)
		printf("\n%s", command->more);
	return command_printed_stdio();
}
