/* SPDX-License-Identifier: Apache-2.0 */
/* What subjects are called: short, and made of what differs between them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/bench/memory.h"
#include "control/bench/plan_typed.h"
#include "control/bench/run_words.h"
#include "control/measure/program.h"
#include "vmm/error.h"

#define MADE_BYTES 40 /* of a name that we make; longer ones end in "…" */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash && slash[1] ? slash + 1 : path;
}

/* In place; no character is cut in two, none moves a cursor. */
static char *shorten(char *text)
{
	size_t n = strlen(text);

	for (char *c = text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	if (n <= MADE_BYTES)
		return text;
	for (n = MADE_BYTES - 3; n && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
		;
	strcpy(text + n, "…");
	return text;
}

static char *joined(char *text, const char *part)
{
	char *both = text ? text_of("%s %s", text, part) : text_of("%s", part);

	free(text);
	return both;
}

static bool images_differ(const struct typed *t)
{
	for (size_t i = 0; i < t->other_count; i++)
		if (t->others[i].against == AGAINST_IMAGE)
			return true;
	return false;
}

/* The last part of its path, where no other image has the same. */
static const char *image_part(const struct typed *t, const char *image)
{
	const char *last = last_part(image);
	size_t same = strcmp(last_part(t->image), last) == 0;

	for (size_t i = 0; i < t->other_count; i++)
		same += t->others[i].against == AGAINST_IMAGE && strcmp(last_part(t->others[i].value), last) == 0;
	return same > 1 ? image : last;
}

static char *made(const struct typed *t, const struct typed_subject *typed, const struct subject *s)
{
	char *name = NULL;

	if (s->peer)
		return text_of("%s", s->peer);
	if (typed->against == AGAINST_COMMAND) {
		char **words = NULL;
		size_t count;

		words_split(&words, &count, typed->value, "--vs", NULL);
		name = text_of("%s", *words[0] ? last_part(words[0]) : "command");
		words_free(words);
		return shorten(name);
	}
	if (t->mode_count > 1)
		name = joined(name, plan_mode_name(s->kind));
	if (images_differ(t))
		name = joined(name, image_part(t, s->image));
	if (typed->value && typed->against == AGAINST_OPTIONS && *typed->value)
		name = joined(name, typed->value);
	if (typed->value && typed->against == AGAINST_KVICK)
		name = joined(name, typed->value);
	return name ? shorten(name) : text_of("%s", plan_mode_name(s->kind));
}

static const struct subject *named(const struct plan *plan, const char *name, const struct subject *but)
{
	for (size_t i = 0; i < plan->subject_count; i++) {
		const struct subject *s = &plan->subjects[i];

		if (s != but && s->name && strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

/* In the order in which plan_subjects() makes them: of each of kvick's one a mode. */
static const struct typed_subject *typed_of(const struct typed *t, size_t index)
{
	for (size_t i = 0; i <= t->other_count; i++) {
		const struct typed_subject *typed = i ? &t->others[i - 1] : &t->a;
		size_t count = i && typed->against == AGAINST_COMMAND ? 1 : t->mode_count;

		if (index < count)
			return typed;
		index -= count;
	}
	return NULL; /* the floor */
}

int plan_names(const struct typed *t, struct error *error)
{
	struct plan *plan = t->plan;

	for (size_t i = 0; i < plan->subject_count; i++) {
		struct subject *s = &plan->subjects[i];
		const struct typed_subject *typed = typed_of(t, i);

		if (s->kind == SUBJECT_FLOOR)
			s->name = text_of("floor");
		else if (typed->name)
			s->name = t->mode_count > 1 && s->kind != SUBJECT_COMMAND ?
				  text_of("%s %s", typed->name, plan_mode_name(s->kind)) : text_of("%s", typed->name);
		if (s->name && named(plan, s->name, s))
			return error_set(error, ERROR_USAGE, EINVAL, "--name %s: another one is called that: names must differ",
					 s->name);
	}
	for (size_t i = 0; i < plan->subject_count; i++) {
		struct subject *s = &plan->subjects[i];
		char *name = s->name ? NULL : made(t, typed_of(t, i), s);

		if (!name)
			continue;
		s->name = text_of("%s", name);
		for (unsigned n = 2; named(plan, s->name, s); n++) {
			free((char *)(uintptr_t)s->name);
			s->name = text_of("%s %u", name, n);
		}
		free(name);
	}
	return 0;
}
