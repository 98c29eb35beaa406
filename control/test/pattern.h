/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regular expressions of a manifest (PCRE2), held against what a guest has printed: any bytes, of which those that are no UTF-8
 * match nothing. ^ and $ match at lines' ends, \r\n among them.
 *
 * No text can make a search run away: it has so much processor time, and memory, and is given up then.
 */
#ifndef KVICK_CONTROL_TEST_PATTERN_H
#define KVICK_CONTROL_TEST_PATTERN_H

#include <stddef.h>

struct pattern;

#define PATTERN_WHY_BYTES 256

/* Adds it to the list. NULL: `why` says what is wrong with the text, and where; "": there is no memory. */
const struct pattern *pattern_compile(struct pattern **list, const char *text, char why[PATTERN_WHY_BYTES]);

/* 1: it matches somewhere; 0: nowhere; -ETIME: given up; -ENOMEM. Several threads may search with one pattern at a time. */
int pattern_find(const struct pattern *pattern, const char *text, size_t bytes);

size_t pattern_bytes(const struct pattern *pattern); /* of memory, compiled */

void patterns_free(struct pattern *list);

#endif
