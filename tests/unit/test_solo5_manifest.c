/* SPDX-License-Identifier: Apache-2.0 */
/* Manifests as images have them, and every way to get one wrong. */
#include "tests/unit/test_unit.h"

#include "loader/solo5.h"
#include "vmm/error.h"

struct fixture {
	struct solo5_manifest image; /* what is in the file */
	size_t bytes;
	struct solo5_manifest taken;
	struct error error;
};

static void add(struct fixture *f, const char *name, uint32_t type)
{
	struct solo5_entry *e = &f->image.entry[f->image.entries++];

	*e = (struct solo5_entry){ .type = type };
	strcpy(e->name, name);
	f->bytes = SOLO5_MANIFEST_BYTES(f->image.entries);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	f->image.version = 1;
	add(f, "", SOLO5_FIRST);
	add(f, "storage", SOLO5_BLOCK);
	add(f, "service", SOLO5_NET);
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

static int parse(struct fixture *f)
{
	/* Exactly as large as it is said to be: the sanitizer watches its end. */
	uint8_t *bytes = malloc(f->bytes ? f->bytes : 1);
	int r;

	memcpy(bytes, &f->image, f->bytes);
	r = solo5_manifest_parse(&f->taken, bytes, f->bytes, "test.hvt", &f->error);
	free(bytes);
	return r;
}

static void assert_refused(struct fixture *f, const char *fragment)
{
	assert_int_equal(parse(f), -ENOEXEC);
	assert_int_equal(f->error.kind, ERROR_IMAGE);
	assert_says(f->error.text, "test.hvt: manifest");
	assert_says(f->error.text, fragment);
	assert_null(strchr(f->error.text, '\n'));
}

#define REFUSAL(test, fragment, ...)            \
	static void test(void **state)          \
	{                                       \
		struct fixture *f = *state;     \
                                                \
		__VA_ARGS__;                    \
		assert_refused(f, fragment);    \
	}

static void entries_are_taken_in_order(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(parse(f), 0);
	assert_int_equal(f->taken.entries, 3);
	assert_string_equal(f->taken.entry[1].name, "storage");
	assert_int_equal(f->taken.entry[1].type, SOLO5_BLOCK);
	assert_string_equal(f->taken.entry[2].name, "service");
	assert_int_equal(f->taken.entry[2].type, SOLO5_NET);
}

static void a_manifest_may_have_no_devices(void **state)
{
	struct fixture *f = *state;

	f->image.entries = 1;
	f->bytes = SOLO5_MANIFEST_BYTES(1);
	assert_int_equal(parse(f), 0);
}

static void a_manifest_may_have_63_devices(void **state)
{
	struct fixture *f = *state;
	char name[SOLO5_NAME_BYTES];

	while (f->image.entries < SOLO5_ENTRIES_MAX) {
		sprintf(name, "disk%u", f->image.entries);
		add(f, name, SOLO5_BLOCK);
	}
	assert_int_equal(parse(f), 0);
	assert_int_equal(f->taken.entries, 64);
}

static void a_name_may_have_67_characters(void **state)
{
	struct fixture *f = *state;

	memset(f->image.entry[1].name, 'x', SOLO5_NAME_BYTES - 1);
	assert_int_equal(parse(f), 0);
}

static void what_the_host_fills_in_is_cleared(void **state)
{
	struct fixture *f = *state;

	f->image.entry[1].block.capacity = 1 << 20;
	f->image.entry[1].block.block_bytes = 512;
	f->image.entry[1].host = 3;
	f->image.entry[1].reserved[6] = 1;
	assert_int_equal(parse(f), 0);
	assert_int_equal(f->taken.entry[1].block.capacity, 0);
	assert_int_equal(f->taken.entry[1].block.block_bytes, 0);
	assert_int_equal(f->taken.entry[1].host, 0);
	assert_int_equal(f->taken.entry[1].reserved[6], 0);
}

REFUSAL(no_bytes, "0 bytes, and its header has 8", f->bytes = 0)
REFUSAL(half_a_header, "7 bytes, and its header has 8", f->bytes = 7)
REFUSAL(version_0, "version 0: kvick knows 1", f->image.version = 0)
REFUSAL(version_2, "version 2: kvick knows 1", f->image.version = 2)
REFUSAL(no_entries, "entries 0: must be 1 to 64", f->image.entries = 0)
REFUSAL(entries_65, "entries 65: must be 1 to 64", f->image.entries = 65)
REFUSAL(entries_without_end, "entries 4294967295: must be 1 to 64", f->image.entries = UINT32_MAX)
REFUSAL(a_byte_too_few, "319 bytes, and 3 entries are 320", f->bytes--)
REFUSAL(a_byte_too_many, "321 bytes, and 3 entries are 320", f->bytes++)
REFUSAL(an_entry_that_is_not_there, "320 bytes, and 4 entries are 424", f->image.entries = 4)
REFUSAL(an_entry_that_is_not_counted, "320 bytes, and 2 entries are 216", f->image.entries = 2)
REFUSAL(a_first_that_is_a_device, "entry 0: type 0x1: must be 0x40000000", f->image.entry[0].type = SOLO5_BLOCK)
REFUSAL(a_first_with_a_name, "entry 0: has a name", strcpy(f->image.entry[0].name, "x"))
REFUSAL(a_first_in_the_middle, "entry 2: type 0x40000000", f->image.entry[2].type = SOLO5_FIRST)
REFUSAL(a_type_that_nobody_knows, "entry 1: type 0x3: kvick knows block (1) and net (2)", f->image.entry[1].type = 3)
REFUSAL(no_name, "entry 1: name", f->image.entry[1].name[0] = '\0')
REFUSAL(a_name_without_end, "entry 1: name", memset(f->image.entry[1].name, 'x', SOLO5_NAME_BYTES))
REFUSAL(a_name_with_a_space, "entry 1: name", f->image.entry[1].name[3] = ' ')
REFUSAL(a_name_with_an_escape, "entry 1: name", f->image.entry[1].name[3] = '\x1b')
REFUSAL(a_name_with_an_equals_sign, "entry 1: name", f->image.entry[1].name[3] = '=')
REFUSAL(a_name_with_a_high_byte, "entry 1: name", f->image.entry[1].name[3] = (char)0xc3)
REFUSAL(a_name_twice, "entry 3: name \"storage\": entry 1 has it too", add(f, "storage", SOLO5_BLOCK))
REFUSAL(a_name_twice_for_two_types, "entry 3: name \"storage\": entry 1 has it too", add(f, "storage", SOLO5_NET))
REFUSAL(an_entry_that_is_attached, "entry 2: attached 1", f->image.entry[2].attached = 1)
REFUSAL(a_first_that_is_attached, "entry 0: attached 255", f->image.entry[0].attached = 255)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(entries_are_taken_in_order),
		TEST(a_manifest_may_have_no_devices),
		TEST(a_manifest_may_have_63_devices),
		TEST(a_name_may_have_67_characters),
		TEST(what_the_host_fills_in_is_cleared),
		TEST(no_bytes),
		TEST(half_a_header),
		TEST(version_0),
		TEST(version_2),
		TEST(no_entries),
		TEST(entries_65),
		TEST(entries_without_end),
		TEST(a_byte_too_few),
		TEST(a_byte_too_many),
		TEST(an_entry_that_is_not_there),
		TEST(an_entry_that_is_not_counted),
		TEST(a_first_that_is_a_device),
		TEST(a_first_with_a_name),
		TEST(a_first_in_the_middle),
		TEST(a_type_that_nobody_knows),
		TEST(no_name),
		TEST(a_name_without_end),
		TEST(a_name_with_a_space),
		TEST(a_name_with_an_escape),
		TEST(a_name_with_an_equals_sign),
		TEST(a_name_with_a_high_byte),
		TEST(a_name_twice),
		TEST(a_name_twice_for_two_types),
		TEST(an_entry_that_is_attached),
		TEST(a_first_that_is_attached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
