/* SPDX-License-Identifier: Apache-2.0 */
/* A made-up host for what reads /proc and /sys: a folder of files, and what doctor says. */
#ifndef KVICK_TESTS_HOST_FIXTURE_H
#define KVICK_TESTS_HOST_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

/* With no file, and a doctor that cannot be asked. */
void host_begin(void);
void host_end(void);

/* Puts a file with this text at a path; folders are made. */
void host_put(const char *path, const char *text);
void host_put_bytes(const char *path, const void *bytes, size_t count);
/* Takes a file away. */
void host_take(const char *path);
/* What doctor prints: NULL: nothing. */
void host_doctor_says(const char *json);
void host_ticks(uint64_t ns);

/* {"findings":[…]} of one of these. */
#define DOCTOR(findings) "{\"findings\":[" findings "]}"
#define FINDING(subject, verdict, text) \
	"{\"subject\":\"" subject "\",\"verdict\":\"" verdict "\",\"text\":\"" text "\",\"advice\":null}"

#endif
