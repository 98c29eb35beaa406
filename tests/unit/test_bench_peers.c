/* SPDX-License-Identifier: Apache-2.0 */
/* Presets of other VMMs: their command lines, and what they write. */
#include "tests/unit/test_unit.h"

#include <ftw.h>
#include <jansson.h>
#include <sys/stat.h>

#include "control/bench/bench.h"
#include "control/measure/program.h"
#include "vmm/error.h"

#define IMAGE "/dev/null" /* there, and nobody looks into it */
#define MIB (1ull << 20)

static char scratch[64];

static int set_up(void **state)
{
	(void)state;
	strcpy(scratch, "/tmp/kvick-peers.XXXXXX");
	return mkdtemp(scratch) ? 0 : -1;
}

static int take(const char *path, const struct stat *st, int kind, struct FTW *where)
{
	(void)st, (void)kind, (void)where;
	return remove(path);
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(scratch, take, 8, FTW_DEPTH | FTW_PHYS);
}

static const struct peer *peer(const char *name)
{
	for (const struct peer *p = peers; p->name; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	fail_msg("no peer %s", name);
	return NULL;
}

static char **made(const char *name, char **arguments, uint64_t mem_bytes)
{
	struct subject subject = { 0 };
	struct error error = { 0 };

	if (peer_make(&subject, peer(name), IMAGE, arguments, mem_bytes, scratch, &error) < 0)
		fail_msg("%s", error.text);
	return subject.argv;
}

static void assert_words(char **argv, const char *expected)
{
	char line[2048] = "";

	for (char **word = argv; *word; word++)
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s[%s]", word == argv ? "" : " ", *word);
	assert_string_equal(line, expected);
	words_free(argv);
}

static char *none[] = { NULL }, *two[] = { "one", "two words", NULL };

static void solo5_takes_arguments_one_by_one(void **state)
{
	(void)state;
	assert_words(made("solo5-hvt", two, 16 * MIB), "[solo5-hvt] [--mem=16] [--] [/dev/null] [one] [two words]");
	assert_words(made("solo5-hvt", none, 0), "[solo5-hvt] [--mem=512] [--] [/dev/null]");
}

#define QEMU "[qemu-system-x86_64] [-nodefaults] [-no-user-config] [-accel] [kvm] [-cpu] [host] [-M] [microvm,acpi=off," \
	"x-option-roms=off,pit=off,pic=off,rtc=off,auto-kernel-cmdline=off,isa-serial=on] [-m] "
#define QEMU_DEVICES " [-display] [none] [-serial] [stdio] [-device] [isa-debug-exit,iobase=0xf4,iosize=4] [-no-reboot] " \
	"[-kernel] [/dev/null]"

static void qemu_takes_one_line(void **state)
{
	(void)state;
	assert_words(made("qemu-microvm", two, 64 * MIB), QEMU "[64M]" QEMU_DEVICES " [-append] [one two words]");
	assert_words(made("qemu-microvm", none, 0), QEMU "[256M]" QEMU_DEVICES);
	assert_int_equal(peer("qemu-microvm")->success, 33);
}

#define KVMTOOL "[lkvm] [run] [--nodefaults] [--network] [mode=none] [--console] [serial] [--cpus] [1] [--mem] "

static void kvmtool_takes_one_line(void **state)
{
	(void)state;
	assert_words(made("kvmtool", two, 64 * MIB), KVMTOOL "[64] [--kernel] [/dev/null] [--params] [one two words]");
	assert_words(made("kvmtool", none, 0), KVMTOOL "[256] [--kernel] [/dev/null]");
}

static void memory_is_whole_mebibytes_and_never_less(void **state)
{
	(void)state;
	assert_words(made("solo5-hvt", none, 16 * MIB + 4096), "[solo5-hvt] [--mem=17] [--] [/dev/null]");
}

/* The configuration that the command line names. */
static json_t *config(char **argv)
{
	json_error_t why;
	json_t *root;

	assert_string_equal(argv[0], "firecracker");
	assert_string_equal(argv[1], "--no-api");
	assert_string_equal(argv[2], "--config-file");
	assert_non_null(argv[3]);
	assert_null(argv[4]);
	assert_memory_equal(argv[3], scratch, strlen(scratch));
	root = json_load_file(argv[3], JSON_REJECT_DUPLICATES, &why);
	if (!root)
		fail_msg("%s", why.text);
	words_free(argv);
	return root;
}

static void firecracker_has_a_configuration_of_what_it_needs_and_no_more(void **state)
{
	json_t *root = config(made("firecracker", two, 64 * MIB));
	const char *image, *arguments;
	int processors, memory;
	json_t *drives;

	(void)state;
	assert_int_equal(json_unpack(root, "{s:{s:s, s:s !}, s:o, s:{s:i, s:i !} !}", "boot-source", "kernel_image_path", &image,
				     "boot_args", &arguments, "drives", &drives, "machine-config", "vcpu_count", &processors,
				     "mem_size_mib", &memory), 0);
	assert_string_equal(image, IMAGE);
	assert_string_equal(arguments, "one two words");
	assert_true(json_is_array(drives));
	assert_int_equal(json_array_size(drives), 0);
	assert_int_equal(processors, 1);
	assert_int_equal(memory, 64);
	json_decref(root);
}

static void firecracker_has_no_arguments_of_its_own_where_there_are_none(void **state)
{
	json_t *root = config(made("firecracker", none, 0));
	const char *arguments;

	(void)state;
	assert_int_equal(json_unpack(root, "{s:{s:s}}", "boot-source", "boot_args", &arguments), 0);
	assert_string_equal(arguments, "");
	json_decref(root);
}

static void quotes_and_backslashes_arrive_as_they_are(void **state)
{
	char *odd[] = { "a\"b\\c\n\t", NULL };
	json_t *root = config(made("firecracker", odd, 0));
	const char *arguments;

	(void)state;
	assert_int_equal(json_unpack(root, "{s:{s:s}}", "boot-source", "boot_args", &arguments), 0);
	assert_string_equal(arguments, odd[0]);
	json_decref(root);
}

static void two_firecrackers_have_a_configuration_each(void **state)
{
	char **a = made("firecracker", none, 64 * MIB), **b = made("firecracker", none, 128 * MIB);

	(void)state;
	assert_string_not_equal(a[3], b[3]);
	words_free(a);
	words_free(b);
}

static void what_cannot_be_written_is_told(void **state)
{
	char *latin[] = { "\xe4", NULL };
	struct subject subject = { 0 };
	struct error error = { 0 };

	(void)state;
	assert_int_equal(peer_make(&subject, peer("firecracker"), IMAGE, latin, 0, scratch, &error), -EILSEQ);
	assert_says(error.text, "UTF-8");
	words_free(subject.argv);
	subject = (struct subject){ 0 };
	error = (struct error){ 0 };
	assert_int_equal(peer_make(&subject, peer("firecracker"), IMAGE, none, 0, "/nonexistent", &error), -ENOENT);
	assert_says(error.text, "/nonexistent/firecracker.");
	words_free(subject.argv);
}

static void an_image_that_is_not_there_is_named(void **state)
{
	(void)state;
	for (const struct peer *p = peers; p->name; p++) {
		struct subject subject = { 0 };
		struct error error = { 0 };

		assert_int_equal(peer_make(&subject, p, "/nonexistent/image", none, 0, scratch, &error), -ENOENT);
		assert_says(error.text, "/nonexistent/image");
		assert_says(error.text, p->name);
		assert_null(subject.argv);
	}
}

static void a_peer_that_is_not_there_is_named_with_what_to_install(void **state)
{
	const char *before = getenv("PATH");
	char path[PROGRAM_PATH_BYTES], *kept = strdup(before ? before : "");

	(void)state;
	setenv("PATH", scratch, 1);
	for (const struct peer *p = peers; p->name; p++) {
		struct error error = { 0 };

		assert_int_equal(peer_find(p, path, &error), -ENOENT);
		assert_says(error.text, p->name);
		assert_says(error.text, p->program);
		assert_says(error.text, p->install);
	}
	setenv("PATH", kept, 1);
	free(kept);
}

static void a_peer_is_found_along_path(void **state)
{
	const char *before = getenv("PATH");
	char path[PROGRAM_PATH_BYTES], program[128], *kept = strdup(before ? before : "");
	struct error error = { 0 };
	FILE *file;

	(void)state;
	snprintf(program, sizeof(program), "%s/lkvm", scratch);
	file = fopen(program, "w");
	assert_non_null(file);
	fclose(file);
	assert_int_equal(chmod(program, 0755), 0);
	setenv("PATH", scratch, 1);
	assert_int_equal(peer_find(peer("kvmtool"), path, &error), 0);
	assert_string_equal(path, program);
	setenv("PATH", kept, 1);
	free(kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(solo5_takes_arguments_one_by_one),
		TEST(qemu_takes_one_line),
		TEST(kvmtool_takes_one_line),
		TEST(memory_is_whole_mebibytes_and_never_less),
		TEST(firecracker_has_a_configuration_of_what_it_needs_and_no_more),
		TEST(firecracker_has_no_arguments_of_its_own_where_there_are_none),
		TEST(quotes_and_backslashes_arrive_as_they_are),
		TEST(two_firecrackers_have_a_configuration_each),
		TEST(what_cannot_be_written_is_told),
		TEST(an_image_that_is_not_there_is_named),
		TEST(a_peer_that_is_not_there_is_named_with_what_to_install),
		TEST(a_peer_is_found_along_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
