/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Command-line options as a table: one row serves the parser and --help. Values land in a
 * structure of the command's own through each row's function.
 */
#ifndef KVICK_CONTROL_OPTIONS_H
#define KVICK_CONTROL_OPTIONS_H

#include <stdbool.h>

struct error;

struct option_row {
	/*
	 * "mem": given as --mem VALUE or --mem=VALUE. "block:NAME": as --block:ANY=VALUE; then the value is "ANY=VALUE". "o": as
	 * -o VALUE.
	 */
	const char *name;
	const char *value;    /* what stands for the value in --help; NULL: a switch; "[=VALUE]": may be left out */
	const char *help;     /* NULL: not listed */
	/* Takes the value (NULL where there is none); 0, or -errno with `error` saying what the value should be. */
	int (*take)(void *into, const char *value, struct error *error);
	unsigned of;          /* the commands that have it, a set; 0: whatever command has the table */
};

struct command {
	const char *name;
	const char *synopsis; /* after "kvick " */
	const char *purpose;
	const struct option_row *options; /* the last one has no name */
	unsigned of;          /* this command's bit in option_row.of */
	const char *more;     /* rest of --help; may be NULL */
	int (*run)(const struct command *command, int argc, char **argv);
};

/* What is left after the options. */
struct operands {
	const char *operand;     /* the one before "--"; NULL where there is none */
	char **rest;             /* after "--" */
	unsigned rest_count;
	bool help;
};

/*
 * argv[0] is the command's name. Options may stand before and after the operand; none after "--".
 * 0, or -errno with an ERROR_USAGE.
 */
int options_parse(const struct command *command, int argc, char **argv, void *into, struct operands *operands,
		  struct error *error);

/* --help, on stdout. Returns the process's exit code. */
int options_help(const struct command *command);

#endif
