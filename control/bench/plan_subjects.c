/* SPDX-License-Identifier: Apache-2.0 */
/* What is compared: a subject of each mode for each image, options and kvick; other commands; the floor. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/bench/bench.h"
#include "control/bench/memory.h"
#include "control/bench/plan_typed.h"
#include "control/bench/run_words.h"
#include "control/measure/program.h"
#include "control/units.h"
#include "vmm/error.h"

static const char *const modes[] = {
	[SUBJECT_COLD] = "cold",
	[SUBJECT_RESTORED] = "restored",
	[SUBJECT_POOLED] = "pooled",
};

const char *plan_mode_name(enum subject_kind kind)
{
	return kind < sizeof(modes) / sizeof(modes[0]) ? modes[kind] : "";
}

bool plan_mode_of(const char *name, size_t length, enum subject_kind *kind)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strlen(modes[i]) == length && memcmp(modes[i], name, length) == 0) {
			*kind = (enum subject_kind)i;
			return true;
		}
	}
	return false;
}

/* One of kvick's, in all modes. */
struct variant {
	const struct typed_subject *typed;
	const char *image;
	bool is_snapshot;    /* a directory */
	const char *kvick;   /* a path */
	char *missing;       /* why there is no such kvick */
	char **options;      /* all of them */
	const char *what;    /* the option that they came by, for messages */
};

/* NULL: too many. */
static struct subject *new_subject(struct plan *plan, enum subject_kind kind, struct error *error)
{
	struct subject *s = &plan->subjects[plan->subject_count];

	if (plan->subject_count == SUBJECTS_MAX) {
		error_set(error, ERROR_USAGE, E2BIG, "more than %d to compare, with a mode each and the floor: leave some out",
			  SUBJECTS_MAX);
		return NULL;
	}
	plan->subject_count++;
	*s = (struct subject){ .kind = kind };
	return s;
}

static int look_at_image(struct variant *v, const char *option, struct error *error)
{
	struct stat s;

	if (stat(v->image, &s) < 0 || access(v->image, R_OK) < 0)
		return error_set(error, ERROR_IMAGE, errno, "%s%s%s: %s: check the path, or build the image first", option,
				 *option ? " " : "", v->image, strerror(errno));
	v->is_snapshot = S_ISDIR(s.st_mode);
	return 0;
}

static int check_options(const struct typed *t, const struct variant *v, enum subject_kind mode, struct error *error)
{
	static const unsigned takers[] = {
		[SUBJECT_COLD] = FOR_RUN,
		[SUBJECT_RESTORED] = FOR_SNAPSHOT | FOR_RESTORE,
		[SUBJECT_POOLED] = FOR_POOL,
	};
	unsigned of = takers[mode];

	if (v->is_snapshot && mode == SUBJECT_COLD)
		return error_set(error, ERROR_USAGE, EINVAL, "%s: a directory, so a snapshot, and --mode cold boots images: write "
				 "--mode restored or pooled", v->image);
	if (v->is_snapshot && t->arguments)
		return error_set(error, ERROR_USAGE, EINVAL, "%s: a directory, so a snapshot, which has its arguments: leave out "
				 "what follows --", v->image);
	if (v->typed->against == AGAINST_KVICK && mode == SUBJECT_POOLED)
		return error_set(error, ERROR_USAGE, EINVAL, "--vs-kvick %s with --mode pooled: machines of a pool are kvick "
				 "bench's own, by libkvick: leave one of the two out", v->typed->value);
	if (v->is_snapshot)
		of &= FOR_RESTORE;
	return run_words_check(v->options, of, v->what, modes[mode], error);
}

char **plan_launch(const struct plan *plan, const struct subject *s, const char *report)
{
	bool of_ours = s->kind == SUBJECT_RESTORED && s->makes_snapshot;
	bool restores = s->kind == SUBJECT_RESTORED || (s->kind == SUBJECT_POOLED && !s->makes_snapshot);
	char *snapshot = of_ours ? text_of("%s/%zu", plan->scratch, (size_t)(s - plan->subjects)) : NULL;
	struct words words = { 0 };
	char **taken;

	words_add(&words, "kvick");
	words_add(&words, restores ? "restore" : "run");
	words_add(&words, "--report");
	words_add(&words, report);
	words_add_options(&words, s->options, restores ? FOR_RESTORE : FOR_RUN);
	if (plan->request) {
		words_add(&words, "--request");
		words_add(&words, plan->request);
	}
	words_add(&words, snapshot ? snapshot : s->image);
	if (!restores && s->arguments[0]) {
		words_add(&words, "--");
		words_add_all(&words, s->arguments);
	}
	taken = words_take(&words);
	free(snapshot);
	return taken;
}

static int add_variant(const struct typed *t, const struct variant *v, struct error *error)
{
	for (size_t i = 0; i < t->mode_count; i++) {
		int success = v->typed->success >= 0 ? v->typed->success : t->a.success;
		struct words words = { 0 };
		int r = check_options(t, v, t->modes[i], error);
		struct subject *s = r == 0 ? new_subject(t->plan, t->modes[i], error) : NULL;

		if (!s)
			return -EINVAL;
		s->image = v->image;
		s->success = success >= 0 ? success : 0;
		s->path = text_of("%s", v->kvick);
		s->missing = v->missing ? text_of("%s", v->missing) : NULL;
		s->makes_snapshot = s->kind != SUBJECT_COLD && !v->is_snapshot;
		words_add_all(&words, v->options);
		s->options = words_take(&words);
		words_add_all(&words, t->arguments);
		s->arguments = words_take(&words);
		if (s->kind != SUBJECT_POOLED)
			s->argv = plan_launch(t->plan, s, "stamps=3"); /* struct stamps */
	}
	return 0;
}

/* `more`: what an option of its own adds to --options. */
static int options_of(const struct typed *t, struct variant *v, const char *more, struct error *error)
{
	struct words words = { 0 };
	char **first = NULL, **second = NULL;
	size_t count;
	int r = 0;

	v->what = more ? "--vs-options" : "--options";
	if (t->options)
		r = words_split(&first, &count, t->options, "--options", error);
	if (r == 0 && more)
		r = words_split(&second, &count, more, "--vs-options", error);
	if (r == 0) {
		words_add_all(&words, first);
		words_add_all(&words, second);
		v->options = words_take(&words);
	}
	words_free(first);
	words_free(second);
	return r;
}

static int add_kvick(const struct typed *t, const struct typed_subject *typed, const char *kvick, struct error *error)
{
	struct variant v = { .typed = typed, .image = t->image, .kvick = kvick };
	char path[PROGRAM_PATH_BYTES];
	struct error absent = { 0 };
	int r;

	if (typed->against == AGAINST_IMAGE)
		v.image = typed->value;
	r = look_at_image(&v, typed->against == AGAINST_IMAGE ? typed->option : "", error);
	if (r == 0)
		r = options_of(t, &v, typed->against == AGAINST_OPTIONS ? typed->value : NULL, error);
	if (r == 0 && typed->against == AGAINST_KVICK) {
		if (program_find(typed->value, path, &absent) < 0)
			v.missing = absent.text;
		else
			v.kvick = path;
	}
	if (r == 0)
		r = add_variant(t, &v, error);
	words_free(v.options);
	return r;
}

/* --- other programs --- */

static uint64_t mem_of(char *const *options)
{
	uint64_t bytes = 0;

	while (*options) {
		struct run_word word;
		size_t n = run_word(options, &word);

		if (strcmp(word.name, "mem") == 0 && word.value)
			units_size(word.value, &bytes);
		options += n;
	}
	return bytes;
}

/* A preset is its name, alone or with an image and that one's arguments; "NAME -OPTION …" is a command. */
static const struct peer *peer_of(char *const *words)
{
	if (words[1] && words[1][0] == '-')
		return NULL;
	for (const struct peer *p = peers; p->name; p++)
		if (strcmp(p->name, words[0]) == 0)
			return p;
	return NULL;
}

static int make_peer(const struct typed *t, struct subject *s, const struct peer *peer, char **words, struct error *error)
{
	struct words none = { 0 };
	const struct subject *a = &t->plan->subjects[0];
	const char *image = words[1] ? words[1] : t->image;
	char **nothing = words_take(&none), **arguments = words[1] ? words + 2 : t->arguments ? t->arguments : nothing;
	int r;

	s->peer = peer->name;
	s->success = peer->success;
	r = peer_make(s, peer, image, arguments, mem_of(a->options), t->plan->scratch, error);
	words_free(nothing);
	return r;
}

/* What is wrong with it is noted, and is no failure. */
static int add_command(const struct typed *t, const struct typed_subject *typed, struct error *error)
{
	char path[PROGRAM_PATH_BYTES], **words;
	const struct peer *peer;
	struct error absent = { 0 };
	struct subject *s;
	size_t count;
	int r = words_split(&words, &count, typed->value, "--vs", error);

	if (r < 0)
		return r;
	s = new_subject(t->plan, SUBJECT_COMMAND, error);
	if (!s) {
		words_free(words);
		return -E2BIG;
	}
	peer = peer_of(words);
	r = peer ? peer_find(peer, path, &absent) : program_find(words[0], path, &absent);
	if (r == 0)
		s->path = text_of("%s", path);
	if (r == 0 && peer)
		r = make_peer(t, s, peer, words, &absent);
	if (peer)
		s->peer = peer->name;
	if (r < 0)
		s->missing = text_of("%s", absent.text);
	if (typed->success >= 0)
		s->success = typed->success;
	if (peer)
		words_free(words);
	else
		s->argv = words;
	return 0;
}

/* Its last word is the ring at which kvick runs: the run finds that out. */
static int add_floor(const struct typed *t, struct error *error)
{
	static const char *const argv[] = { "kvick-floor", "--irqchip", "split", "--ring", "3" };
	char path[PROGRAM_PATH_BYTES];
	struct words words = { 0 };
	struct subject *s;
	int r = program_of_kvick("kvick-floor", path, error);

	if (r < 0)
		return r;
	s = new_subject(t->plan, SUBJECT_FLOOR, error);
	if (!s)
		return -E2BIG;
	for (size_t i = 0; i < sizeof(argv) / sizeof(argv[0]); i++)
		words_add(&words, argv[i]);
	s->argv = words_take(&words);
	s->path = text_of("%s", path);
	return 0;
}

int plan_subjects(const struct typed *t, struct error *error)
{
	char kvick[PROGRAM_PATH_BYTES];
	int r = program_of_kvick("kvick", kvick, error);

	if (r == 0)
		r = add_kvick(t, &t->a, kvick, error);
	for (size_t i = 0; i < t->other_count && r == 0; i++)
		r = t->others[i].against == AGAINST_COMMAND ? add_command(t, &t->others[i], error) :
							      add_kvick(t, &t->others[i], kvick, error);
	if (r == 0 && !t->no_floor)
		r = add_floor(t, error);
	return r;
}
