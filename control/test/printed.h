/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What guests and programs have printed, made fit to be shown. It is hostile: on a terminal it shall not move the cursor or forge
 * lines, in a CI system's log it shall not be a command, in a file it shall be text.
 *
 * Shown is what is printable UTF-8, and tabs; other bytes as \xNN, and other characters (controls, those that turn the direction
 * of writing) as \u{NNNN}.
 */
#ifndef KVICK_CONTROL_TEST_PRINTED_H
#define KVICK_CONTROL_TEST_PRINTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define PRINTED_LINE_BYTES 1000 /* of a line; longer ones are cut, and say so */

/* What CI systems take for the beginning of a command wherever it stands in a line. */
bool printed_is_command(const char *at, size_t bytes);

/* \xNN of a byte, \u{NNNN} of a character of several; length and code are utf8_decode()'s. */
void printed_escape(FILE *out, const char *at, unsigned length, uint32_t code);

/* All of it as one line: a newline is a control character, too. */
void printed_word(FILE *out, const char *at, size_t bytes);

/* Each line after `prefix`; of those that there are only the last `lines_max`, after a line that says so. Nothing: no line. */
void printed_lines(FILE *out, const char *prefix, const char *at, size_t bytes, unsigned lines_max);

#endif
