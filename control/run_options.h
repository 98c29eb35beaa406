/* SPDX-License-Identifier: Apache-2.0 */
/* The options of the commands that make a machine, `run`, `snapshot` and `restore`: one table, whose rows say who has them. */
#ifndef KVICK_CONTROL_RUN_OPTIONS_H
#define KVICK_CONTROL_RUN_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "control/options.h"
#include "vmm/machine.h"

struct device_options;
struct error;
struct solo5_options;

#define RUN_ENV_MAX 256

/* Bits of option_row.of. */
enum {
	OF_RUN = 1u << 0,
	OF_SNAPSHOT = 1u << 1,
	OF_RESTORE = 1u << 2,
	OF_IMAGE = OF_RUN | OF_SNAPSHOT,
	OF_ALL = OF_IMAGE | OF_RESTORE,
};

enum report_kind { REPORT_NONE, REPORT_TEXT, REPORT_JSON, REPORT_STAMPS };

/* The command line, understood. What is pointed to is struct launch's (launch.h). */
struct run_options {
	struct machine_config machine;
	uint64_t timeout_ns;
	enum report_kind report;
	const char *report_path; /* NULL: stderr; stamps: a descriptor's number */
	const char *request_path; /* NULL: none; "-": stdin */
	const char **env;        /* RUN_ENV_MAX of them */
	struct module_config *modules; /* MACHINE_MODULES_MAX of them: the first is the initrd's */
	bool has_devices;        /* else nobody looks at devices: a page more to touch */
	struct device_options *devices;
	bool has_solo5;          /* the same */
	struct solo5_options *solo5;
	char **words;            /* what devices' options said, KVICK_DEVICES_MAX of them; NULL: nobody wants to know */
	const char *output;      /* snapshot: the directory */
	bool after;              /* snapshot: after_ns from the start, instead of when the guest is ready */
	uint64_t after_ns;
	bool json;               /* snapshot: say what was written */
	bool verify, same_devices; /* restore */
};

extern const struct option_row run_option_rows[];

/*
 * Sets what options do not say, and takes argv[]. With --help nothing else is looked at. 0, or -errno with an ERROR_USAGE.
 */
int run_options_parse(struct run_options *options, const struct command *command, int argc, char **argv, bool *help,
		      struct error *error);

/* After another device has been added: the machine's configuration knows of it. */
void run_options_devices(struct run_options *options);

#endif
