/* SPDX-License-Identifier: Apache-2.0 */
/* Where programs are, and how a command is written in one string. */
#ifndef KVICK_CONTROL_MEASURE_PROGRAM_H
#define KVICK_CONTROL_MEASURE_PROGRAM_H

#include <stddef.h>

struct error;

#define PROGRAM_PATH_BYTES 4096

/*
 * One of kvick's own programs ("kvick", "kvick-floor", "kvick-snapshot"): beside the running one, or where `make install` puts it.
 * 0, or -ENOENT with `error`, which says what to build.
 */
int program_of_kvick(const char *name, char path[PROGRAM_PATH_BYTES], struct error *error);

/* As execvp() would find it. 0, or -errno with `error` (ERROR_USAGE). */
int program_find(const char *file, char path[PROGRAM_PATH_BYTES], struct error *error);

/*
 * A command's words, quoted as in a shell ('…', "…", \), but without expansions: $ ` | & ; < > ( ) * ? outside of quotes are
 * refused, with the advice to write sh -c. *words: NULL at the end, to be freed by words_free(). 0, or -errno with `error`;
 * `what` names the text in it.
 */
int words_split(char ***words, size_t *count, const char *text, const char *what, struct error *error);
void words_free(char **words);

#endif
