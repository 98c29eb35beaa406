/* SPDX-License-Identifier: Apache-2.0 */
/* What takes a key's value. Inside of manifest*.c. */
#ifndef KVICK_CONTROL_TEST_TAKES_H
#define KVICK_CONTROL_TEST_TAKES_H

#include "control/test/reader.h"

typedef void take_value_function(struct reader *reader, struct test_case *c, const struct manifest_key *key, char *value);

take_value_function take_text, take_choice, take_end, take_yes, take_unsigned, take_exits,
	take_size, take_memory, take_duration, take_floors, take_list, take_tags,
	take_features, take_list_in_folder, take_env, take_words, take_file, take_console,
	take_golden, take_pattern, take_disk, take_solo5_disk;

/* manifest_key.detail: of take_choice, take_words, take_file. */
enum { OF_PROTOCOLS, OF_RINGS, OF_MODELS, OF_ENDS, OF_ANSWERS };
enum { WORDS_ARGUMENTS, WORDS_OPTIONS };
enum { FILE_IS_THERE, FILE_MAY_COME };

/* Where in a case the key's value is. */
static inline void *key_at(struct test_case *c, const struct manifest_key *key)
{
	return (char *)c + key->at;
}

/*
 * One more place at the end of a list of `count`, with room for a NULL behind. A list that [defaults] has made is every case's: the
 * first to be added in a section goes into a copy. `owner` is the key by which we know a list that several add to.
 */
void *list_append(struct reader *reader, void *list, size_t count, size_t each, const char *owner);

#endif
