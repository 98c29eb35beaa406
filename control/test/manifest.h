/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest of `kvick test`: what is run and what is expected. docs/manifest.md has the schema, the table manifest_keys[].
 *
 * One file of sections, as in a systemd unit or a Git configuration:
 *
 *	# a comment
 *	[defaults]
 *	timeout = 5s
 *	[case hello]
 *	image = build/guests/hello.elf
 *	console = Hello from kvick
 *	console regex = at ring [03]$
 *
 * A key is set once in a section, but for those that are lists, which may be repeated; [defaults] stands before all cases, and
 * gives what a case does not (lists: before a case's own). Values go to the end of the line, without blanks around; there is no
 * quoting but in those that are words of a command line, and no way to continue a line. Paths are relative to the manifest's
 * folder. It is hostile: lengths and counts are bounded, nothing in it is a control character, each error is one of file, line
 * and key.
 *
 * {manifest_dir} in `arguments`, `options`, `env`, `net` and `vsock` has become the manifest's folder; {scratch} in them is the
 * runner's to replace.
 */
#ifndef KVICK_CONTROL_TEST_MANIFEST_H
#define KVICK_CONTROL_TEST_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;
struct memory;
struct pattern;
struct reader;
struct test_plan;

#define MANIFEST_BYTES_MAX (4u << 20)
#define CASES_MAX 10000
#define CASE_LIST_MAX 64 /* entries of a list key in one case, those of [defaults] among them */
#define MANIFEST_PROBLEMS_MAX 20 /* that are told at once */

enum console_kind {
	CONSOLE_LITERAL,    /* it is in there */
	CONSOLE_REGEX,      /* PCRE2, multi-line, matches somewhere */
	CONSOLE_NOT,        /* literal: it is not in there */
	CONSOLE_NOT_REGEX,
	CONSOLE_GOLDEN,     /* a file that is the same */
};

struct console_match {
	enum console_kind kind;
	const char *text;       /* what is looked for; the golden file's path, which need not be there (--update-golden) */
	const struct pattern *pattern; /* of a regular expression: pattern_find(); NULL where it is none */
	unsigned line;          /* of the manifest */
};

/* A file that a case has to itself, in its scratch folder, made anew for each try. */
enum fixture_kind {
	FIXTURE_EMPTY,          /* `disk = 64M`: a sparse file of so many bytes */
	FIXTURE_COPY,           /* `disk = copy FILE` */
	FIXTURE_AS_IS,          /* `disk = FILE,ro`: the file itself, which must be read-only */
};
struct disk_fixture {
	enum fixture_kind kind;
	uint64_t bytes;
	const char *path;       /* of the original, as open(2) wants it: --disk wants its commas doubled */
	const char *words;      /* further ones of --disk: ",ro,id=data"; "" */
	const char *solo5_name; /* Solo5: attached to this name instead, without words; NULL */
	unsigned line;
};

/* How it ends; the exit code is only looked at with CASE_EXITS. */
enum case_end { CASE_EXITS, CASE_CRASHES, CASE_TIMES_OUT, CASE_RESETS, CASE_IS_REFUSED };

struct test_case {
	const char *name;       /* unique in the manifest; up to 100 bytes, without # , [ ] * ? \ */
	unsigned line;          /* of its section's head */
	const char *image;      /* this and all paths: absolute */
	const char *protocol;   /* NULL: by looking at it */
	char **arguments;       /* the guest's: words; never NULL, ends with NULL */
	char **options;         /* further ones of kvick run: words */
	const char *mem, *ring, *cpu; /* NULL: not said; ring may be "each": two runs, named "NAME, ring 0" and "NAME, ring 3" */
	const char **env;       /* NAME=VALUE; NULL at the end */
	const char *stdin_path; /* NULL: /dev/null */
	const char *request_path, *reply_path; /* a function's; the reply's golden file, which need not be there; NULL: none */

	struct disk_fixture *disks;
	size_t disk_count;
	const char **nets, **vsocks; /* values of --net, --vsock; NULL at the end */
	bool rng, console_device;

	/* Shell commands, run in the scratch folder with KVICK, SCRATCH and MANIFEST_DIR set; NULL: none. */
	const char *before;     /* must succeed, else the case fails */
	const char *beside;     /* started before the guest, ended with the case; its status does not matter */
	const char *after;      /* must succeed */

	enum case_end end;
	int exit_code;
	struct console_match *matches;
	size_t match_count;
	const char **stderr_matches; /* literal, in kvick's own messages */

	uint64_t timeout_ns;    /* of one try, `before` and `after` included */
	double boot_floor_max;  /* spawn to main(), as a multiple of the floor in the same run; 0: no limit */
	uint64_t exits_max, memory_max; /* 0: none */
	unsigned retries;
	const char **tags, **requires; /* NULL at the end */
	const char *skip;       /* a reason; NULL: it is run */
};

struct manifest {
	const char *path;
	const char *directory;  /* absolute */
	struct test_case *cases;
	size_t case_count;
	const char *problems[MANIFEST_PROBLEMS_MAX]; /* why it was refused, in the file's order: `error` has the first */
	size_t problem_count;   /* more than are told, it may be */
	struct memory *memory;  /* all strings and lists: freed at one go */
	struct pattern *patterns;
};

/* Whose files are looked at: of the cases that are run. */
struct files_wanted {
	bool (*of)(const struct test_plan *plan, const struct test_case *c);
	const struct test_plan *plan;
};

/*
 * Reads and checks all of it, and images and files that are wanted (not of cases that the manifest skips). 0; or -errno with
 * `error` (ERROR_USAGE): "FILE:LINE: KEY: …".
 */
int manifest_read(struct manifest *manifest, const char *path, const struct files_wanted *files, struct error *error);
/* The same of a text that is in memory: what a file would hold. For fuzzing, too. files: NULL: none are. */
int manifest_parse(struct manifest *manifest, const char *path, const char *text, size_t bytes, const struct files_wanted *files,
		   struct error *error);
/* The problems but for the first, on stderr. */
void manifest_say_more(const struct manifest *manifest);
void manifest_free(struct manifest *manifest);

/* The table of keys, for `kvick test --keys` and docs. */
struct manifest_key {
	const char *name;       /* "console regex" */
	const char *value;      /* "PATTERN" */
	const char *help;
	/* Takes the value, which is its own and not empty; what is wrong with it is told to the reader. */
	void (*take)(struct reader *reader, struct test_case *into, const struct manifest_key *key, char *value);
	size_t at;              /* offsetof(struct test_case, …) */
	unsigned detail;        /* what else `take` wants to know */
	bool list;              /* may be repeated */
};
extern const struct manifest_key manifest_keys[]; /* the last one has no name */

#endif
