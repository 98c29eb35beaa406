/* SPDX-License-Identifier: Apache-2.0 */
/* Options of `kvick run` that are handed on: which of them a way of launching can use, and words in general. */
#ifndef KVICK_CONTROL_BENCH_RUN_WORDS_H
#define KVICK_CONTROL_BENCH_RUN_WORDS_H

#include <stddef.h>

struct error;

/* Who takes an option; a set. */
enum {
	FOR_RUN = 1,
	FOR_SNAPSHOT = 2,
	FOR_RESTORE = 4,
	FOR_POOL = 8,
};

/*
 * Is each of `words` an option, with its value, of `kvick run` that one of `takers` takes? 0; or -EINVAL with `error`, which
 * names the option that it came with (`what`), and the mode where that is why.
 */
int run_words_check(char *const *words, unsigned takers, const char *what, const char *mode, struct error *error);

/* A list of words that grows. The program ends where there is no memory. */
struct words {
	const char **list;
	size_t count, room;
};

void words_add(struct words *words, const char *word);
void words_add_all(struct words *words, char *const *list);
/* Of `options`, which were checked, those that `taker` takes. */
void words_add_options(struct words *words, char *const *options, unsigned taker);
/* The list as one piece with NULL at its end, for words_free(); nothing is left in `words`. */
char **words_take(struct words *words);

/* One option, and how many words it is: for who looks at each. `value`: NULL where it has none. */
struct run_word {
	const char *name;       /* of the table: "mem" */
	const char *value;
};
size_t run_word(char *const *words, struct run_word *word);

#endif
