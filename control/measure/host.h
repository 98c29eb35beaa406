/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host's files say of it, for environment.c and features.c. They are not trusted: what is too long is cut, what is not
 * printable ASCII becomes '?', what is not there is not there.
 */
#ifndef KVICK_CONTROL_MEASURE_HOST_H
#define KVICK_CONTROL_MEASURE_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define HOST_LINE_BYTES 256
#define HOST_PATH_BYTES 4096

/* --- the host itself: this_host.c; a test has a made-up one --- */

/* What stands before each path: "". */
const char *host_root(void);
/* What `kvick doctor --json` prints; asked once. NULL: it could not be asked. It lives as long as the program. */
const char *host_doctor(void);
/* Of the kernel's timer; 0: not known. */
uint64_t host_tick_ns(void);

/* --- its files: host.c. Paths are made as by printf() --- */

bool host_has(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* All of a file, as far as it fits, with a NUL; newlines stay. The length; -1: it cannot be read, or is empty. */
ssize_t host_text(char *text, size_t bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Its first line without the end. False: there is none, or it is empty. */
bool host_line(char line[HOST_LINE_BYTES], const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A file of one number in decimal. */
bool host_number(uint64_t *number, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* In `text`, lines "KEY<blanks, colon, blanks>VALUE": the first value of that key. False: not there, or empty. */
bool host_value(char value[HOST_LINE_BYTES], const char *text, const char *key);
/* Is `word` one of those in a text, between blanks or commas? */
bool host_word(const char *text, const char *word);
/* A word of /proc/cpuinfo's flags. */
bool host_cpu_flag(const char *flag);
/* How many there are in "0-3,8": 0 where it is none. */
unsigned host_list_count(const char *list);

/* A finding of doctor's. False: it says nothing of that. `text`: what it found. */
bool host_finding(const char *subject, bool *good, char text[HOST_LINE_BYTES]);

/* In place. */
void host_printable(char *text, bool keep_newlines);

#endif
