/* SPDX-License-Identifier: Apache-2.0 */
/* A manifest of `kvick test`: what it says is what a case has; what is wrong in it is told with line and key. */
#include "tests/unit/test_unit.h"

#include <sys/stat.h>

#include "control/measure/environment.h"
#include "control/test/manifest.h"
#include "control/test/pattern.h"
#include "vmm/error.h"

#define FOLDER "/tests/folder"
#define PATH   FOLDER "/t.test"

/* This host's, for `requires`. */
const struct feature features[] = { { .name = "kvm" }, { .name = "io_uring" }, { 0 } };

const struct feature *feature_find(const char *name)
{
	for (const struct feature *f = features; f->name; f++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static struct manifest manifest;
static struct error error;

static int parse_bytes(const char *text, size_t bytes)
{
	manifest_free(&manifest);
	error = (struct error){ 0 };
	return manifest_parse(&manifest, PATH, text, bytes, NULL, &error);
}

static int parse(const char *text)
{
	return parse_bytes(text, strlen(text));
}

static const struct test_case *taken(const char *text)
{
	if (parse(text) < 0)
		fail_msg("%s: %s", text, error.text);
	return &manifest.cases[manifest.case_count - 1];
}

/* One case with these lines, the first of which is line 3. */
#define CASE "[case a]\nimage = a.elf\n"

static void refused(const char *text, const char *says)
{
	if (parse(text) == 0)
		fail_msg("%s was taken", text);
	assert_int_equal(error.kind, ERROR_USAGE);
	assert_says(error.text, says);
}

static int teardown(void **state)
{
	(void)state;
	manifest_free(&manifest);
	return 0;
}

static void a_case_has_what_it_says(void **state)
{
	const struct test_case *c = taken(
		CASE "protocol = solo5\narguments = one 'two words' \"th\\\"ree\"\noptions = --io sync\nmemory = 64M\nring = each\n"
		"cpu = baseline\nenv = A=1\nenv = B=\nstdin = in\nrequest = rq\nreply = rp\nnet = tap=t0\nvsock = 3,{scratch}/s\n"
		"rng = yes\nconsole device = yes\nbefore = b | c\nbeside = d & e\nafter = f; g\nend = exits\nexit code = 7\n"
		"stderr = said\ntimeout = 1500ms\nboot limit = 1.5x floor\nexits limit = 99\nmemory limit = 8M\nretries = 2\n"
		"tags = x y\ntags = z\nrequires = kvm io_uring\nskip = not now\n");

	(void)state;
	assert_string_equal(c->name, "a");
	assert_int_equal(c->line, 1);
	assert_string_equal(c->image, FOLDER "/a.elf");
	assert_string_equal(c->protocol, "solo5");
	assert_string_equal(c->arguments[1], "two words");
	assert_string_equal(c->arguments[2], "th\"ree");
	assert_null(c->arguments[3]);
	assert_string_equal(c->options[1], "sync");
	assert_string_equal(c->mem, "64M");
	assert_string_equal(c->ring, "each");
	assert_string_equal(c->cpu, "baseline");
	assert_string_equal(c->env[1], "B=");
	assert_null(c->env[2]);
	assert_string_equal(c->stdin_path, FOLDER "/in");
	assert_string_equal(c->request_path, FOLDER "/rq");
	assert_string_equal(c->reply_path, FOLDER "/rp");
	assert_string_equal(c->nets[0], "tap=t0");
	assert_string_equal(c->vsocks[0], "3,{scratch}/s");
	assert_true(c->rng && c->console_device);
	assert_string_equal(c->before, "b | c");
	assert_string_equal(c->beside, "d & e");
	assert_string_equal(c->after, "f; g");
	assert_int_equal(c->exit_code, 7);
	assert_string_equal(c->stderr_matches[0], "said");
	assert_int_equal(c->timeout_ns, 1500000000);
	assert_true(c->boot_floor_max == 1.5);
	assert_int_equal(c->exits_max, 99);
	assert_int_equal(c->memory_max, 8 << 20);
	assert_int_equal(c->retries, 2);
	assert_string_equal(c->tags[2], "z");
	assert_string_equal(c->requires[1], "io_uring");
	assert_string_equal(c->skip, "not now");
}

static void a_case_of_an_image_alone_has_the_defaults_of_the_schema(void **state)
{
	const struct test_case *c = taken(CASE);

	(void)state;
	assert_null(c->protocol);
	assert_null(c->arguments[0]);
	assert_null(c->options[0]);
	assert_null(c->env[0]);
	assert_null(c->nets[0]);
	assert_null(c->tags[0]);
	assert_null(c->skip);
	assert_int_equal(c->end, CASE_EXITS);
	assert_int_equal(c->exit_code, 0);
	assert_int_equal(c->match_count + c->disk_count, 0);
	assert_int_equal(c->timeout_ns, 10000000000);
}

static void ends_have_names(void **state)
{
	(void)state;
	assert_int_equal(taken(CASE "end = crashes\n")->end, CASE_CRASHES);
	assert_int_equal(taken(CASE "end = times out\n")->end, CASE_TIMES_OUT);
	assert_int_equal(taken(CASE "end = resets\n")->end, CASE_RESETS);
	assert_int_equal(taken(CASE "end = is refused\n")->end, CASE_IS_REFUSED);
}

static void a_case_says_other_things_than_defaults_and_adds_to_their_lists(void **state)
{
	const struct test_case *c;

	(void)state;
	taken("[defaults]\nimage = a.elf\ntimeout = 1s\ntags = all\nenv = X=1\nenv = Y=2\nenv = Z=3\nconsole = up\n"
	      "[case one]\ntimeout = 2s\ntags = one\nenv = ONE=1\nconsole not = down\n"
	      "[case two]\nenv = TWO=2\nexit code = 1\n[case three]\n");
	c = &manifest.cases[0];
	assert_int_equal(c->timeout_ns, 2000000000);
	assert_string_equal(c->tags[1], "one");
	assert_string_equal(c->env[3], "ONE=1");
	assert_null(c->env[4]);
	assert_int_equal(c->match_count, 2);
	assert_string_equal(c->matches[0].text, "up");
	assert_int_equal(c->matches[1].kind, CONSOLE_NOT);
	assert_int_equal(c->matches[1].line, 13);
	c = &manifest.cases[1];
	assert_string_equal(c->image, FOLDER "/a.elf");
	assert_string_equal(c->env[2], "Z=3");
	assert_string_equal(c->env[3], "TWO=2");
	assert_null(c->tags[1]);
	assert_int_equal(c->match_count, 1);
	c = &manifest.cases[2];
	assert_null(c->env[3]);
	assert_int_equal(c->exit_code, 0);
}

static void a_golden_file_of_a_case_stands_for_that_of_defaults(void **state)
{
	const struct test_case *c;

	(void)state;
	taken("[defaults]\nimage = a.elf\nconsole golden = d.txt\nconsole = x\n[case one]\nconsole golden = o.txt\n[case two]\n");
	c = &manifest.cases[0];
	assert_int_equal(c->match_count, 2);
	assert_string_equal(c->matches[0].text, FOLDER "/o.txt");
	assert_string_equal(manifest.cases[1].matches[0].text, FOLDER "/d.txt");
}

static void lines_may_end_as_elsewhere_and_have_blanks_around(void **state)
{
	const struct test_case *c = taken("\xef\xbb\xbf# comment \xc3\xa9\r\n\r\n\t[ case  a b ]  \r\n  image\t =  a.elf \t\r\n"
					  "  # console = not\nconsole= a # b = c \nconsole regex =^[x]$");

	(void)state;
	assert_string_equal(c->name, "a b");
	assert_string_equal(c->image, FOLDER "/a.elf");
	assert_int_equal(c->match_count, 2);
	assert_string_equal(c->matches[0].text, "a # b = c");
	assert_string_equal(c->matches[1].text, "^[x]$");
}

static void each_value_that_is_none_is_told_with_its_line_and_key(void **state)
{
	static const struct {
		const char *line, *says;
	} rows[] = {
		{ "image =", "image: nothing stands behind the =: write image = FILE" },
		{ "protocol = elf", "protocol: elf: write native, solo5, linux, pvh or multiboot" },
		{ "arguments = 'open", "arguments: at \"'open\": a quotation mark is not closed" },
		{ "arguments = a | b", "a shell would do something with it" },
		{ "options = hello", "options: hello: no option" },
		{ "options = --mem 64M", "options: --mem: write the key memory instead" },
		{ "options = --io sync --ring=0", "options: --ring: write the key ring instead" },
		{ "options = --report json", "options: --report: not in a test" },
		{ "memory = much", "memory: much: not a size: write 16M" },
		{ "ring = 1", "ring: 1: write auto, 0, 3 or each" },
		{ "cpu = z80", "cpu: z80: write auto, none, host" },
		{ "env = NAME", "env: NAME: write env = NAME=VALUE" },
		{ "env = =VALUE", "write env = NAME=VALUE" },
		{ "disk = some/file", "disk: some/file: the guest would write to it: write copy some/file, or put ,ro behind it" },
		{ "disk = 100", "disk: 100: not a disk's size: write a multiple of 512" },
		{ "disk = 0", "disk: 0: not a disk's size" },
		{ "disk = copy ,ro", "disk: a path is missing" },
		{ "solo5 disk = 64M", "solo5 disk: 64M: write NAME=64M" },
		{ "solo5 disk = data=file,ro", "solo5 disk: file: the guest would write to it: write copy file" },
		{ "solo5 disk = data=64M,queues=2", "solo5 disk: queues=2: a Solo5 guest's disk takes no words" },
		{ "rng = true", "rng: true: write no or yes" },
		{ "end = fails", "end: fails: write exits, crashes, times out, resets or is refused" },
		{ "exit code = 256", "exit code: 256: write a number from 0 to 255" },
		{ "exit code = -1", "exit code: -1: write a number" },
		{ "exit code = 0x10", "exit code: 0x10: write a number" },
		{ "console regex = (a", "console regex: (a: not a pattern: missing closing parenthesis, at offset 2" },
		{ "console not regex = [z-a]", "console not regex: [z-a]: not a pattern: range out of order" },
		{ "timeout = soon", "timeout: soon: no such duration: write 500ms" },
		{ "timeout = 0", "timeout: 0: no such duration" },
		{ "timeout = 25h", "timeout: 25h: no such duration" },
		{ "boot limit = 1.5", "boot limit: 1.5: write 1.5x floor" },
		{ "boot limit = 0x floor", "write 1.5x floor" },
		{ "boot limit = 0x1p3x floor", "write 1.5x floor" },
		{ "boot limit = 1.5.1x floor", "write 1.5x floor" },
		{ "boot limit = infx floor", "write 1.5x floor" },
		{ "exits limit = 0", "exits limit: 0: write a number from 1" },
		{ "exits limit = 99999999999999999999", "write a number from 1" },
		{ "memory limit = 0", "memory limit: 0: not a size" },
		{ "retries = 101", "retries: 101: write a number from 0 to 100" },
		{ "tags = a,b", "tags: a,b: write words of letters" },
		{ "requires = kwm", "requires: kwm: no such feature: is it \"kvm\"?" },
		{ "requires = quantum", "requires: quantum: no such feature: there are kvm, io_uring" },
		{ "imgae = b.elf", "imgae: no such key: is it \"image\"?" },
		{ "console-regex = b", "console-regex: no such key: is it \"console regex\"?" },
		{ "Timeout = 5s", "is it \"timeout\"?" },
		{ "colour = red", "colour: no such key: `kvick test --keys` lists them" },
		{ "= red", "nothing stands before the =" },
		{ "console", "console: no = in it" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char text[256];

		snprintf(text, sizeof(text), "[defaults]\n\n%s\n" CASE, rows[i].line);
		refused(text, "t.test:3: ");
		assert_says(error.text, rows[i].says);
	}
}

static void what_only_the_whole_tells_is_told_with_a_line_too(void **state)
{
	(void)state;
	refused("", PATH ": no case is in it");
	refused("[defaults]\ntimeout = 1s\n", "no case is in it");
	refused("[case a]\ntimeout = 1s\n[case b]\nimage = b\n", "t.test:1: image: the case \"a\" has none");
	refused(CASE "end = crashes\nexit code = 1\n", "t.test:4: exit code: only a case that exits has one");
	refused(CASE "reply = r\n", "t.test:3: reply: only who is asked replies");
	refused(CASE CASE, "t.test:3: [case a]: that name is taken at line 1");
	refused(CASE "image = b\n", "t.test:3: image: it is there already, at line 2");
	refused("image = a\n", "t.test:1: image = a: it stands in no section");
	refused(CASE "[defaults]\n", "t.test:3: [defaults] stands before all cases");
	refused("[defaults]\n[defaults]\n" CASE, "t.test:2: [defaults] is there twice");
	refused("[case]\n", "t.test:1: the case has no name");
	refused("[suite x]\n" CASE, "t.test:1: [suite x]: no such section: write [defaults] or [case NAME]");
	refused("[case a\nimage = a\n", "t.test:1: [case a: there is no ] at the line's end");
	refused("[\n", "t.test:1: [: there is no ] at the line's end");
	refused("[case a, ring 0]\nimage = a\n", "a name has none of");
	refused("[case abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz"
		"abcdefghijklmnopqrstuvwxyz]\nimage = a\n", "a name has up to 100 bytes");
}

static void lists_of_a_case_have_an_end(void **state)
{
	char text[4096] = CASE;

	(void)state;
	for (int i = 0; i < CASE_LIST_MAX; i++)
		strcat(text, "env = A=1\n");
	assert_string_equal(taken(text)->env[CASE_LIST_MAX - 1], "A=1");
	strcat(text, "env = A=1\n");
	refused(text, "t.test:67: env: one too many: a case has up to 64");
}

static void problems_are_told_in_the_order_of_the_file(void **state)
{
	char text[4096] = CASE;

	(void)state;
	refused(CASE "rng = 1\nretries = x\n", "t.test:3: rng");
	assert_int_equal(manifest.problem_count, 2);
	assert_says(manifest.problems[1], "t.test:4: retries");
	for (int i = 0; i < 30; i++)
		strcat(text, "nothing = 1\n");
	refused(text, "t.test:3: nothing");
	assert_int_equal(manifest.problem_count, 30);
	assert_says(manifest.problems[MANIFEST_PROBLEMS_MAX - 1], "t.test:22: nothing");
	refused("[case a]\nrng = 1\n[case b]\nimage = b\n", "t.test:1: image");
	assert_says(manifest.problems[1], "t.test:2: rng");
}

/* What stands in a section that is none, or in none, is not told line by line. */
static void one_bad_head_is_one_problem(void **state)
{
	(void)state;
	refused("a = 1\nb = 2\n" CASE, "t.test:1: a = 1: it stands in no section");
	assert_int_equal(manifest.problem_count, 1);
	refused(CASE "[cas b]\nimage = b\nimage = c\n", "t.test:3: [cas b]");
	assert_int_equal(manifest.problem_count, 1);
	refused("[case b]\n[cas c]\n" CASE, "t.test:1: image: the case \"b\" has none");
	assert_int_equal(manifest.problem_count, 2);
}

static void refused_bytes(const char *text, size_t bytes, const char *says)
{
	assert_int_equal(parse_bytes(text, bytes), -EINVAL);
	assert_says(error.text, says);
	for (const char *c = error.text; *c; c++)
		assert_true((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void control_characters_are_refused_and_not_shown(void **state)
{
	static const char nul[] = CASE "console = a\0b\n", escape[] = CASE "console = \x1b[31m\n",
			  c1[] = CASE "console = \xc2\x9b\n", section[] = "[case \x1b[2J]\n",
			  latin[] = CASE "console = caf\xe9\n", key[] = CASE "\x07 = 1\n",
			  lone[] = CASE "console = a\rb\n", overlong[] = CASE "console = \xc0\xaf\n";

	(void)state;
	refused_bytes(nul, sizeof(nul) - 1, "t.test:3: console: a control character (0x00) at byte 12");
	refused_bytes(escape, sizeof(escape) - 1, "t.test:3: console: a control character (0x1b)");
	refused_bytes(c1, sizeof(c1) - 1, "t.test:3: console: byte 11 (0xc2) is no UTF-8, or a control character");
	refused_bytes(section, sizeof(section) - 1, "t.test:1: a control character (0x1b)");
	refused_bytes(latin, sizeof(latin) - 1, "t.test:3: console: byte 14 (0xe9) is no UTF-8");
	refused_bytes(key, sizeof(key) - 1, "t.test:3: a control character (0x07)");
	refused_bytes(lone, sizeof(lone) - 1, "t.test:3: console: a control character (0x0d)");
	refused_bytes(overlong, sizeof(overlong) - 1, "t.test:3: console: byte 11 (0xc0) is no UTF-8");
}

static void a_line_has_up_to_4096_bytes(void **state)
{
	static char text[8192];
	int head = sprintf(text, CASE "console = ");

	(void)state;
	memset(text + head, 'x', 4096 - 10);
	assert_int_equal(strlen(taken(text)->matches[0].text), 4086);
	text[head + 4086] = 'x';
	refused(text, "t.test:3: console: 4097 bytes in one line: up to 4096");
}

static void a_long_value_is_shown_cut_between_characters(void **state)
{
	char text[256] = CASE "rng = x";

	(void)state;
	for (int i = 0; i < 40; i++)
		strcat(text, "\xc3\xa4");
	refused(strcat(text, "\n"), "rng: x\xc3\xa4\xc3\xa4");
	assert_says(error.text, "\xc3\xa4\xe2\x80\xa6: write no or yes");
}

static void disks_are_made_copied_or_as_they_are(void **state)
{
	const struct test_case *c = taken(CASE "disk = 64M\ndisk = 1G,id=data,queues=2\ndisk = copy d.img\n"
					  "disk = copy  with,,comma.img,direct\ndisk = base.img,id=b,ro\ndisk = ./64M,ro\n"
					  "solo5 disk = data=1M\nsolo5 disk = more=copy d.img\n");
	static const struct {
		enum fixture_kind kind;
		uint64_t bytes;
		const char *path, *words, *solo5;
	} rows[] = {
		{ FIXTURE_EMPTY, 64 << 20, NULL, "", NULL },
		{ FIXTURE_EMPTY, 1 << 30, NULL, ",id=data,queues=2", NULL },
		{ FIXTURE_COPY, 0, FOLDER "/d.img", "", NULL },
		{ FIXTURE_COPY, 0, FOLDER "/with,comma.img", ",direct", NULL },
		{ FIXTURE_AS_IS, 0, FOLDER "/base.img", ",id=b,ro", NULL },
		{ FIXTURE_AS_IS, 0, FOLDER "/./64M", ",ro", NULL },
		{ FIXTURE_EMPTY, 1 << 20, NULL, "", "data" },
		{ FIXTURE_COPY, 0, FOLDER "/d.img", "", "more" },
	};

	(void)state;
	assert_int_equal(c->disk_count, COUNT_OF(rows));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct disk_fixture *disk = &c->disks[i];

		assert_int_equal(disk->kind, rows[i].kind);
		assert_int_equal(disk->bytes, rows[i].bytes);
		assert_int_equal(disk->line, 3 + i);
		assert_string_equal(disk->words, rows[i].words);
		assert_string_equal(disk->path ? disk->path : "", rows[i].path ? rows[i].path : "");
		assert_string_equal(disk->solo5_name ? disk->solo5_name : "", rows[i].solo5 ? rows[i].solo5 : "");
	}
}

static void folders_stand_in_braces(void **state)
{
	const struct test_case *c = taken(
		CASE "options = --initrd {manifest_dir}/i '--a=b {scratch}' \"--c={manifest_dir}:{manifest_dir}\"\n"
		"env = DIR={manifest_dir}\nvsock = 3,{scratch}/{manifest_dir}\narguments = a{x} {manifest_dir}\nnet = {x}\n");

	(void)state;
	assert_string_equal(c->options[1], FOLDER "/i");
	assert_string_equal(c->options[2], "--a=b {scratch}");
	assert_string_equal(c->options[3], "--c=" FOLDER ":" FOLDER);
	assert_string_equal(c->arguments[1], FOLDER);
	assert_string_equal(c->env[0], "DIR=" FOLDER);
	assert_string_equal(c->vsocks[0], "3,{scratch}/" FOLDER);
}

static int finds(const char *pattern, const char *text)
{
	char line[512];

	snprintf(line, sizeof(line), CASE "console regex = %s\n", pattern);
	return pattern_find(taken(line)->matches[0].pattern, text, strlen(text));
}

static void patterns_match_line_by_line_whatever_ends_them(void **state)
{
	(void)state;
	assert_int_equal(finds("^two$", "one\ntwo\nthree\n"), 1);
	assert_int_equal(finds("^two$", "one\r\ntwo\r\n"), 1);
	assert_int_equal(finds("one.two", "one\ntwo\n"), 0);
	assert_int_equal(finds("(?s)one.*three", "one\ntwo\nthree"), 1);
	assert_int_equal(finds("caf.$", "caf\xc3\xa9\n"), 1);
	assert_int_equal(finds("up", ""), 0);
}

static void patterns_match_beside_bytes_that_are_no_text(void **state)
{
	(void)state;
	assert_int_equal(finds("up$", "\xff\xfe\x80 up\n"), 1);
	assert_int_equal(finds("a.b", "a\xff""b"), 0);
}

/* PCRE2's limits are for each place at which a match may begin, and these are tried at each. */
static void no_text_makes_a_pattern_run_away(void **state)
{
	static const char *const patterns[] = { "a*[bc]", "(a+)+[bc]", "^(a|aa)+$[bc]", "(?:a?){50}[bc]", "a(?R)?[bc]" };
	size_t bytes = 1 << 20;
	char *text = malloc(bytes);

	(void)state;
	memset(text, 'a', bytes);
	for (size_t i = 0; i < COUNT_OF(patterns); i++) {
		char line[128];

		snprintf(line, sizeof(line), CASE "console regex = %s\n", patterns[i]);
		assert_int_equal(pattern_find(taken(line)->matches[0].pattern, text, bytes), -ETIME);
	}
	free(text);
}

/* Each takes some 20 KiB. */
static void patterns_have_so_much_memory_together(void **state)
{
	char *text = calloc(1, 256 << 10), *to = text + sprintf(text, "[defaults]\nimage = a\n");

	(void)state;
	for (int i = 0; i < 4000; i++)
		to += sprintf(to, "[case %d]\nconsole regex = (?:abcdefghijk){250}\n", i);
	refused(text, "all patterns together are too large");
	free(text);
}

static void a_manifest_has_up_to_10000_cases(void **state)
{
	char *text = calloc(1, 1 << 20), *to = text + sprintf(text, "[defaults]\nimage = a\ntags = t\n");

	(void)state;
	for (int i = 0; i < CASES_MAX; i++)
		to += sprintf(to, "[case %d]\ntags = x\n", i);
	taken(text);
	assert_int_equal(manifest.case_count, CASES_MAX);
	assert_string_equal(manifest.cases[CASES_MAX - 1].tags[1], "x");
	strcat(to, "[case one more]\ntags = x\n");
	refused(text, "t.test:20004: [case one more]: one case too many");
	free(text);
}

/* The N-th allocation fails; 0: none does. */
static unsigned fails_at;

static bool fails(void)
{
	return fails_at && --fails_at == 0;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t count, size_t each);
void *__real_reallocarray(void *old, size_t count, size_t each);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t count, size_t each);
void *__wrap_reallocarray(void *old, size_t count, size_t each);

void *__wrap_malloc(size_t bytes)
{
	return fails() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t count, size_t each)
{
	return fails() ? NULL : __real_calloc(count, each);
}

void *__wrap_reallocarray(void *old, size_t count, size_t each)
{
	return fails() ? NULL : __real_reallocarray(old, count, each);
}

/* Chunks are 64 KiB: long lists make some. */
static void where_there_is_no_memory_it_is_said(void **state)
{
	char *text = calloc(1, 512 << 10), *to = text + sprintf(text, "[defaults]\nimage = a\nenv = A={manifest_dir}\n");
	unsigned calls;
	int r = -1;

	(void)state;
	for (int i = 0; i < 300; i++)
		to += sprintf(to, "[case %d]\narguments = a '{scratch} b' \"{manifest_dir}\"\nenv = B=1\ndisk = copy d\n"
			      "console regex = %d$\n", i, i);
	sprintf(to, "[case last]\nrng = 0123456789012345678901234567890123456789012345678901234567890123456789\nring = x\n");
	for (calls = 1; r != -EINVAL; calls++) {
		manifest_free(&manifest);
		error = (struct error){ 0 };
		fails_at = calls;
		r = manifest_parse(&manifest, PATH, text, strlen(text), NULL, &error);
		if (fails_at == 0)
			assert_int_equal(r, -ENOMEM);
		if (r == -ENOMEM)
			assert_says(error.text, "no memory");
	}
	fails_at = 0;
	assert_true(calls > 100);
	assert_int_equal(manifest.problem_count, 2);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_case_has_what_it_says),
		cmocka_unit_test(a_case_of_an_image_alone_has_the_defaults_of_the_schema),
		cmocka_unit_test(ends_have_names),
		cmocka_unit_test(a_case_says_other_things_than_defaults_and_adds_to_their_lists),
		cmocka_unit_test(a_golden_file_of_a_case_stands_for_that_of_defaults),
		cmocka_unit_test(lines_may_end_as_elsewhere_and_have_blanks_around),
		cmocka_unit_test(each_value_that_is_none_is_told_with_its_line_and_key),
		cmocka_unit_test(what_only_the_whole_tells_is_told_with_a_line_too),
		cmocka_unit_test(lists_of_a_case_have_an_end),
		cmocka_unit_test(problems_are_told_in_the_order_of_the_file),
		cmocka_unit_test(one_bad_head_is_one_problem),
		cmocka_unit_test(control_characters_are_refused_and_not_shown),
		cmocka_unit_test(a_line_has_up_to_4096_bytes),
		cmocka_unit_test(a_long_value_is_shown_cut_between_characters),
		cmocka_unit_test(disks_are_made_copied_or_as_they_are),
		cmocka_unit_test(folders_stand_in_braces),
		cmocka_unit_test(patterns_match_line_by_line_whatever_ends_them),
		cmocka_unit_test(patterns_match_beside_bytes_that_are_no_text),
		cmocka_unit_test(no_text_makes_a_pattern_run_away),
		cmocka_unit_test(patterns_have_so_much_memory_together),
		cmocka_unit_test(a_manifest_has_up_to_10000_cases),
		cmocka_unit_test(where_there_is_no_memory_it_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, teardown);
}
