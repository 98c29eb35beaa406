/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spoils a good snapshot in every way that a restore must refuse.
 *
 *	make_snapshots GOOD FOLDER
 *
 * writes a directory FOLDER/NAME for each case and prints a line for each:
 *
 *	NAME <tab> exit code of `kvick restore`, or "any" <tab> what the error must say
 *
 * "any": the state was changed, and its checksum made right again. A guest that goes on with that may do what it likes, but kvick
 * may not crash or hang.
 *
 * GOOD: of a native guest with a disk among its devices. What is said to be of memory is a link to that of GOOD.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define TEXT_MAX  65536
#define STATE_MAX (1 << 20)
#define STEP      53 /* of the bytes of the state that are changed */

struct victim {
	char manifest[2 * TEXT_MAX];
	size_t bytes;
	uint8_t state[STATE_MAX];
	size_t state_bytes;
	bool checksum_stays; /* the manifest's is not made right */
};

static const char *good, *folder;
static struct victim whole, victim;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static size_t load(const char *name, void *into, size_t max)
{
	char path[4096];
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", good, name);
	fd = open(path, O_RDONLY);
	n = read(fd, into, max);
	if (fd < 0 || n < 0)
		fail(path);
	close(fd);
	return (size_t)n;
}

static void path_of(char path[4096], const char *name, const char *file)
{
	snprintf(path, 4096, "%s/%s%s%s", folder, name, *file ? "/" : "", file);
}

static void store(const char *name, const char *file, const void *from, size_t bytes)
{
	char path[4096];
	int fd;

	path_of(path, name, file);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || write(fd, from, bytes) != (ssize_t)bytes)
		fail(path);
	close(fd);
}

static void seal(struct victim *v)
{
	char *at = NULL;

	for (char *next = v->manifest; (next = strstr(next, "\"checksum\": \"0x")); next++)
		at = next;
	if (!at || v->checksum_stays)
		return;
	v->bytes = (size_t)(at - v->manifest);
	v->bytes += (size_t)sprintf(at, "\"checksum\": \"0x%016llx\"\n}\n", (unsigned long long)XXH64(v->manifest, v->bytes, 0));
}

/* Directory and files of `victim`, which is whole again then. */
static void save(const char *name, const char *code, const char *says)
{
	char path[4096], memory[4096];

	seal(&victim);
	path_of(path, name, "");
	if (mkdir(path, 0755) < 0)
		fail(path);
	store(name, "manifest.json", victim.manifest, victim.bytes);
	store(name, "state", victim.state, victim.state_bytes);
	path_of(path, name, "memory");
	snprintf(memory, sizeof(memory), "%s/memory", good);
	if (link(memory, path) < 0)
		fail(path);
	printf("%s\t%s\t%s\n", name, code, says);
	victim = whole;
}

/* ---- the manifest's text ---- */

/* Of the first occurrence after `after`. */
static void replace(const char *after, const char *from, const char *to)
{
	char *at = strstr(victim.manifest, after), *rest;

	at = at ? strstr(at, from) : NULL;
	if (!at) {
		fprintf(stderr, "make_snapshots: no %s\n", from);
		exit(1);
	}
	rest = strdup(at + strlen(from));
	strcpy(stpcpy(at, to), rest);
	free(rest);
	victim.bytes = strlen(victim.manifest);
}

/* Keys as they stand in the text, with whatever their values begin with. */
static const char *const keys[] = {
	"format", "state_format", "kvick", "image", "protocol", "ring", "deprivileged", "ring0_native", "cpu_model", "memory_bytes",
	"behind_bytes", "taken", "taken_at", "cpu", "vendor", "name", "leaf_1_ecx", "leaf_1_edx", "leaf_7_ebx", "leaf_7_ecx",
	"leaf_7_edx", "leaf_80000001_ecx", "leaf_80000001_edx", "xcr0", "devices", "kind", "id", "words", "files", "state", "bytes",
	"checksum", "memory",
};

/* Where a value ends. */
static size_t value_length(const char *at)
{
	const char *from = at;
	int depth = 0;
	bool quoted = false;

	for (; *at; at++) {
		if (*at == '"' && at[-1] != '\\')
			quoted = !quoted;
		if (quoted)
			continue;
		if (depth == 0 && (*at == ',' || *at == '}' || *at == ']' || *at == '\n'))
			break;
		depth += (*at == '{' || *at == '[') - (*at == '}' || *at == ']');
	}
	return (size_t)(at - from);
}

static void set_value(const char *key, const char *value)
{
	char quoted[64], *at, *rest;

	snprintf(quoted, sizeof(quoted), "\"%s\": ", key);
	at = strstr(victim.manifest, quoted);
	if (!at)
		exit(1);
	at += strlen(quoted);
	rest = strdup(at + value_length(at));
	strcpy(stpcpy(at, value), rest);
	free(rest);
	victim.bytes = strlen(victim.manifest);
}

static char first_of(const char *key)
{
	char quoted[64], *at;

	snprintf(quoted, sizeof(quoted), "\"%s\": ", key);
	at = strstr(whole.manifest, quoted);
	return at ? at[strlen(quoted)] : 0;
}

static void of_wrong_types(void)
{
	static const struct {
		const char *name, *value, *right; /* what a value of this type begins with */
	} values[] = {
		{ "null", "null", "" }, { "list", "[]", "[" }, { "object", "{}", "{" }, { "true", "true", "tf" },
		{ "minus", "-1", "" },
		{ "fraction", "1.5", "" }, { "huge", "99999999999999999999999999", "" }, { "word", "word", "" },
		{ "number", "17", "0123456789" }, { "text", "\"x\"", "\"" }, { "nothing", "", "" }, { "open", "\"x", "" },
		{ "deep", "[[[[[[[[{\"a\":[[[[[[[[[]]]]]]]]]}]]]]]]]]", "" },
	};
	char name[100];

	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++)
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			if (strchr(values[i].right, first_of(keys[k])) && *values[i].right)
				continue;
			set_value(keys[k], values[i].value);
			snprintf(name, sizeof(name), "type-%s-%s", keys[k], values[i].name);
			save(name, "122", "manifest.json: ");
		}
}

/* Of the outermost object: lines. */
static void missing_and_twice(void)
{
	char name[100], says[100], line[4096], twice[4200];

	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		char quoted[64], *at, *end;

		snprintf(quoted, sizeof(quoted), "\n\t\"%s\": ", keys[k]);
		at = strstr(whole.manifest, quoted);
		end = at ? strchr(at + 1, '\n') : NULL;
		if (!end || end[-1] != ',')
			continue;
		snprintf(line, sizeof(line), "%.*s", (int)(end - at), at);
		replace("", line, "");
		snprintf(name, sizeof(name), "missing-%s", keys[k]);
		snprintf(says, sizeof(says), strcmp(keys[k], "format") ? "there is no \"%s\"" : "no manifest of a snapshot's",
			 keys[k]);
		save(name, "122", says);
		replace(line, "\n\t\"checksum\"", strcat(strcpy(twice, line), "\n\t\"checksum\""));
		snprintf(name, sizeof(name), "twice-%s", keys[k]);
		save(name, "122", "it is there twice");
	}
}

static void of_wrong_values(void)
{
	static const struct {
		const char *name, *key, *value, *code, *says;
	} values[] = {
		{ "format-0", "format", "0", "122", "format: 0, and this kvick reads 1" },
		{ "format-2", "format", "2", "122", "format: 2, and this kvick reads 1" },
		{ "state-format", "state_format", "9", "122", "state_format: 9, written by kvick" },
		{ "ring-1", "ring", "1", "122", "ring: 1: guests run at 0 or 3" },
		{ "ring-4", "ring", "4", "122", "ring: 4: a whole number" },
		{ "memory-0", "memory_bytes", "0", "122", "memory_bytes: 0: a whole number" },
		{ "memory-odd", "memory_bytes", "16777217", "122", "memory_bytes: 16777217: a multiple of 4096" },
		{ "memory-less", "memory_bytes", "8388608", "122", "files.memory.bytes" },
		{ "memory-wraps", "memory_bytes", "18446744073709547520", "122", "memory_bytes: 18446744073709547520" },
		{ "behind-wraps", "behind_bytes", "18446744073709547520", "122", "behind_bytes: 18446744073709547520" },
		{ "behind-more", "behind_bytes", "4096", "122", "files.memory.bytes" },
		{ "kind", "kind", "\"toaster\"", "122", "it is of no kind that kvick knows" },
		{ "kind-option", "kind", "\"no-sandbox\"", "122", "it is of no kind that kvick knows" },
		{ "other-kind", "kind", "\"rng\"", "120", "no such word" },
		{ "vendor", "vendor", "\"AcmeGenuine1\"", "123", "taken on a CPU of AcmeGenuine1" },
		{ "xcr0", "xcr0", "\"0x4000000000000000\"", "123", "this CPU lacks XCR0 bit 62" },
		{ "words-too-long", "id", "\"01234567890123456789012345678901234567890123456789\"", "122",
		  "a string of up to 31 bytes" },
		{ "control-character", "id", "\"\001\"", "122", "a control character is in it" },
		{ "no-utf8", "id", "\"\377\"", "122", "it is not UTF-8" },
		{ "state-bytes", "bytes", "1048577", "122", "files.state.bytes: 1048577" },
	};

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		set_value(values[i].key, values[i].value);
		save(values[i].name, values[i].code, values[i].says);
	}
	replace("", "\"ring\"", "\"wring\"");
	save("key-unknown", "122", "\"wring\": 3: kvick knows no such key here");
	replace("", "\n\t\"kvick\"", "\n\t\"extra\": 1,\n\t\"kvick\"");
	save("key-more", "122", "\"extra\": 1: kvick knows no such key here");
	replace("\"state_format\"", ",", ";");
	save("no-comma", "122", "a comma or } is wanted");
	victim.checksum_stays = true;
	replace("", "\"ring\": 3", "\"ring\": 0");
	save("edited", "122", "checksum: ");
}

/* What the file is, and how long. */
static void of_other_texts(void)
{
	char name[100];

	victim.checksum_stays = true;
	for (size_t bytes = 0; bytes < whole.bytes; bytes += 29) {
		victim.checksum_stays = true;
		victim.bytes = bytes;
		snprintf(name, sizeof(name), "cut-%zu", bytes);
		save(name, "122", "manifest.json: ");
	}
	victim.checksum_stays = true;
	memset(victim.manifest, 0, victim.bytes);
	save("zeros", "122", "no manifest of a snapshot's");
	victim.checksum_stays = true;
	memset(victim.manifest, '[', TEXT_MAX);
	victim.bytes = TEXT_MAX;
	save("brackets", "122", "no manifest of a snapshot's");
	victim.checksum_stays = true;
	memset(victim.manifest + whole.bytes, ' ', TEXT_MAX);
	victim.bytes = TEXT_MAX + 1;
	save("large", "122", "a manifest has at most");
}

/* ---- files ---- */

/* After save(): what it has written is changed. */
static void of_other_files(void)
{
	static const char *const files[] = { "manifest.json", "state", "memory" };
	char name[100], path[4096], other[4096];

	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "missing-file-%s", files[i]);
		save(name, "122", "a part of it is missing");
		path_of(path, name, files[i]);
		unlink(path);
		snprintf(name, sizeof(name), "link-%s", files[i]);
		save(name, "122", "it is a symbolic link, and none is followed");
		path_of(path, name, files[i]);
		path_of(other, name, "other");
		if (rename(path, other) < 0 || symlink("other", path) < 0)
			fail(path);
		snprintf(name, sizeof(name), "fifo-%s", files[i]);
		save(name, "122", "not a regular file");
		path_of(path, name, files[i]);
		if (unlink(path) < 0 || mkfifo(path, 0644) < 0)
			fail(path);
		snprintf(name, sizeof(name), "directory-%s", files[i]);
		save(name, "122", "not a regular file");
		path_of(path, name, files[i]);
		if (unlink(path) < 0 || mkdir(path, 0755) < 0)
			fail(path);
	}
}

static void of_other_sizes(void)
{
	static const struct {
		const char *name, *file;
		off_t bytes;
	} sizes[] = {
		{ "state-empty", "state", 0 }, { "state-short", "state", 64 }, { "state-terabyte", "state", 1ll << 40 },
		{ "memory-empty", "memory", 0 }, { "memory-short", "memory", 4096 }, { "memory-terabyte", "memory", 1ll << 40 },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char path[4096];

		save(sizes[i].name, "122", "cut short or another's");
		path_of(path, sizes[i].name, sizes[i].file);
		unlink(path); /* memory is a link */
		store(sizes[i].name, sizes[i].file, "", 0);
		if (truncate(path, sizes[i].bytes) < 0)
			fail(path);
	}
	victim.state[100] ^= 1;
	save("state-flipped", "122", "state: not of the checksum");
}

/* ---- the state, believed ---- */

static void save_state(const char *name, const char *code, const char *says)
{
	char object[128];

	snprintf(object, sizeof(object), "{\"bytes\": %zu, \"checksum\": \"0x%016llx\"}", victim.state_bytes,
		 (unsigned long long)XXH64(victim.state, victim.state_bytes, 0));
	set_value("state", object);
	save(name, code, says);
}

#define STATE_VCPU 3 /* vmm/state.h */

/* What struct vcpu_saved begins with (vmm/vcpu_state.h); MSRs follow. */
struct vcpu {
	uint32_t has, changed;
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	uint32_t xsave[1024];
	struct kvm_xcrs xcrs;
	struct kvm_debugregs debugregs;
	struct kvm_vcpu_events events;
	struct kvm_lapic_state lapic;
	struct kvm_mp_state mp_state;
	uint32_t msr_count;
	uint32_t msr; /* index of the first */
} __attribute__((packed));

static struct vcpu *vcpu(void)
{
	uint32_t header[2]; /* tag, bytes */

	for (size_t at = 0; at < victim.state_bytes; at += sizeof(header) + header[1]) {
		memcpy(header, victim.state + at, sizeof(header));
		if (header[0] == STATE_VCPU)
			return (void *)(victim.state + at + sizeof(header));
	}
	exit(1);
}

/* KVM takes these of whoever owns the vCPU. */
static void of_other_vcpus(void)
{
	vcpu()->sregs.efer |= 1u << 12;
	save_state("state-efer-svme", "122", "section vcpu: EFER: virtualisation inside the guest is not offered");
	vcpu()->msr = 0x4b564d01; /* kvmclock */
	save_state("state-msr-of-kvm", "122", "section vcpu: MSR 0x4b564d01: no snapshot has it");
	vcpu()->msr = 0xc0000080;
	save_state("state-msr-efer", "122", "section vcpu: MSR 0xc0000080: no snapshot has it");
	vcpu()->mp_state.mp_state = KVM_MP_STATE_UNINITIALIZED;
	save_state("state-never-runs", "122", "section vcpu: MP state: neither running nor halted");
}

static void of_other_states(void)
{
	static const uint8_t values[] = { 0x00, 0xff, 0x80 };
	char name[100];

	for (size_t at = 0; at < whole.state_bytes; at += STEP)
		for (size_t i = 0; i < sizeof(values); i++) {
			if (victim.state[at] == values[i])
				continue;
			victim.state[at] = values[i];
			snprintf(name, sizeof(name), "state-%zu-%02x", at, values[i]);
			save_state(name, "any", "");
		}
	for (size_t bytes = 1; bytes < whole.state_bytes; bytes += 4 * STEP) {
		victim.state_bytes = bytes;
		snprintf(name, sizeof(name), "state-cut-%zu", bytes);
		save_state(name, "122", "state: ");
	}
	victim.state_bytes += 8;
	save_state("state-more", "122", "state: ");
	memset(victim.state, 0, victim.state_bytes);
	save_state("state-zeros", "122", "state: ");
	memset(victim.state, 0xff, victim.state_bytes);
	save_state("state-ones", "122", "state: ");
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: make_snapshots GOOD FOLDER\n");
		return 2;
	}
	good = argv[1];
	folder = argv[2];
	whole.bytes = load("manifest.json", whole.manifest, TEXT_MAX);
	whole.state_bytes = load("state", whole.state, STATE_MAX);
	victim = whole;
	of_wrong_types();
	missing_and_twice();
	of_wrong_values();
	of_other_texts();
	of_other_files();
	of_other_sizes();
	of_other_states();
	of_other_vcpus();
	return fflush(stdout) || ferror(stdout) ? 1 : 0;
}
