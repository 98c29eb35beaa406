/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine's state as bytes: what the parts of a machine write themselves to when a snapshot is taken, and read themselves from.
 *
 * It is a list of sections, each of a part: a tag, how many bytes follow, and these, little-endian as the CPU has them. A reader
 * trusts nothing: it is never given more than its section has, and what it makes of the bytes it checks itself.
 */
#ifndef KVICK_VMM_STATE_H
#define KVICK_VMM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct error;

#define STATE_BYTES_MAX (1u << 20) /* of one machine's */

/* Sections, in the order in which they are written. The numbers are the format: none is ever used for another thing. */
enum state_tag {
	STATE_END = 0,
	STATE_MACHINE = 1,      /* machine_state.c */
	STATE_IMAGE = 2,
	STATE_VCPU = 3,         /* vcpu_state.c */
	STATE_DEPRIVILEGED = 4, /* deprivileged.c */
	STATE_DEVICES = 5,      /* virtio/devices_state.c: how many, of which kinds */
	STATE_DEVICE = 6,       /* one each, in their order */
	STATE_MEMORY = 7,       /* which runs of RAM the memory file has */
};

/* Appends to the caller's memory; once it is too small nothing more is written, and `overflow` says so. */
struct state_writer {
	uint8_t *to;
	size_t bytes, max;
	size_t section;         /* where the open one's header is */
	bool overflow;
};

void state_begin(struct state_writer *writer, enum state_tag tag); /* ends the one before */
void state_put(struct state_writer *writer, const void *from, size_t bytes);
/* 0, or -ENOSPC: it did not fit. */
int state_finish(struct state_writer *writer);

struct state_reader {
	const uint8_t *at;
	size_t left;            /* behind the open section */
	const uint8_t *section;
	size_t section_left;
	enum state_tag tag;
	const char *file;       /* for messages */
	struct error *error;
};

/*
 * Opens the next section, which must have this tag; the one before must have been read to its end. 0, or -EBADMSG with
 * reader->error set to what is wrong where: "FILE: state: section vcpu: …; take the snapshot again".
 */
int state_open(struct state_reader *reader, enum state_tag tag);
/* Is that the tag of the next one? */
bool state_next_is(const struct state_reader *reader, enum state_tag tag);
/* 0, or -EBADMSG likewise: the section has not so many more. */
int state_get(struct state_reader *reader, void *into, size_t bytes);
/* For readers: what they read makes no sense. Sets the error; -EBADMSG. */
int state_bad(struct state_reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Nothing is left: 0 or -EBADMSG. */
int state_close(struct state_reader *reader);

#endif
