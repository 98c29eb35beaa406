/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/snapshot_manifest.h"

#include <errno.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "vmm/error.h"
#include "vmm/guest_mem.h"
#include "vmm/json.h"
#include "vmm/snapshot.h"
#include "vmm/state.h"
#include "vmm/sys.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* ---- what there is, in the order in which it is written ---- */

#define FIELD(type, name, kind, min, max) { #name, NULL, max, min, offsetof(type, name), kind }
#define TEXT(type, name)                  FIELD(type, name, JSON_TEXT, 0, sizeof(((type *)0)->name))
#define INSIDE(type, name, form)          { #name, form, 0, 0, offsetof(type, name), JSON_OBJECT }
#define WORD(name, word)                  { name, NULL, 0, 0, offsetof(struct snapshot_cpu, words[word]), JSON_HEX }
#define FORM(fields, type)                { fields, COUNT(fields), sizeof(type) }

typedef struct snapshot_manifest manifest;
typedef struct snapshot_device device;
typedef struct snapshot_cpu cpu;
typedef struct snapshot_file file;
typedef __typeof__(((manifest *)0)->files) files;

static const struct json_field cpu_fields[] = {
	TEXT(cpu, vendor),
	TEXT(cpu, name),
	WORD("leaf_1_ecx", CPU_1_ECX),
	WORD("leaf_1_edx", CPU_1_EDX),
	WORD("leaf_7_ebx", CPU_7_EBX),
	WORD("leaf_7_ecx", CPU_7_ECX),
	WORD("leaf_7_edx", CPU_7_EDX),
	WORD("leaf_80000001_ecx", CPU_80000001_ECX),
	WORD("leaf_80000001_edx", CPU_80000001_EDX),
	WORD("xcr0", CPU_XCR0),
};

static const struct json_field device_fields[] = {
	TEXT(device, kind),
	TEXT(device, id),
	TEXT(device, words),
};

static const struct json_field state_fields[] = {
	FIELD(file, bytes, JSON_NUMBER, 1, STATE_BYTES_MAX),
	FIELD(file, checksum, JSON_HEX, 0, 0),
};

static const struct json_field memory_fields[] = {
	FIELD(file, bytes, JSON_NUMBER, GUEST_MEM_BYTES_MIN, 2 * GUEST_MEM_BYTES_MAX),
	FIELD(file, checksum, JSON_HEX, 0, 0),
};

static const struct json_form cpu_form = FORM(cpu_fields, cpu), device_form = FORM(device_fields, device),
			      state_form = FORM(state_fields, file), memory_form = FORM(memory_fields, file);

static const struct json_field files_fields[] = {
	INSIDE(files, state, &state_form),
	INSIDE(files, memory, &memory_form),
};

static const struct json_form files_form = FORM(files_fields, files);

static const struct json_field fields[] = {
	FIELD(manifest, format, JSON_NUMBER, SNAPSHOT_DIR_FORMAT, SNAPSHOT_DIR_FORMAT),
	FIELD(manifest, state_format, JSON_NUMBER, 0, UINT64_MAX),
	TEXT(manifest, kvick),
	TEXT(manifest, image),
	TEXT(manifest, protocol),
	FIELD(manifest, ring, JSON_NUMBER, 0, 3),
	FIELD(manifest, deprivileged, JSON_BOOL, 0, 0),
	FIELD(manifest, ring0_native, JSON_BOOL, 0, 0),
	TEXT(manifest, cpu_model),
	FIELD(manifest, memory_bytes, JSON_NUMBER, GUEST_MEM_BYTES_MIN, GUEST_MEM_BYTES_MAX),
	FIELD(manifest, behind_bytes, JSON_NUMBER, 0, GUEST_MEM_BYTES_MAX),
	TEXT(manifest, taken),
	TEXT(manifest, taken_at),
	INSIDE(manifest, cpu, &cpu_form),
	{ "devices", &device_form, KVICK_DEVICES_MAX, 0, offsetof(manifest, device_count), JSON_LIST },
	INSIDE(manifest, files, &files_form),
	FIELD(manifest, checksum, JSON_HEX, 0, 0),
};

static const struct json_form form = FORM(fields, manifest);

_Static_assert(offsetof(manifest, devices) == offsetof(manifest, device_count) + sizeof(uint64_t), "as json.h wants it");

/* How every manifest begins and ends, whatever its format is. */
#define BEGINNING "{\n\t\"format\": "
#define CHECKSUM  "\"checksum\": \"0x"
#define HEX_BYTES 16
#define ENDING    "\"\n}\n"
#define TRAILER_BYTES (sizeof(CHECKSUM) - 1 + HEX_BYTES + sizeof(ENDING) - 1)

uint64_t snapshot_checksum(const void *bytes, size_t count, uint64_t seed)
{
	return XXH64(bytes, count, seed);
}

const char *snapshot_device_name(enum device_kind kind)
{
	static const char *const names[DEVICE_KINDS] = {
		[DEVICE_BLOCK] = "disk", [DEVICE_NET] = "net", [DEVICE_VSOCK] = "vsock", [DEVICE_CONSOLE] = "console",
		[DEVICE_ENTROPY] = "rng",
	};

	return names[kind];
}

/* ---- reading ---- */

/* Before all else: what follows in a manifest of another format, nobody here can say. */
static int check_format(const char *text, size_t bytes, const char *file, struct error *error)
{
	unsigned long format = 0;
	size_t at = sizeof(BEGINNING) - 1;

	if (bytes < at || memcmp(text, BEGINNING, at) != 0)
		return error_set(error, ERROR_IMAGE, EBADMSG, "%s: no manifest of a snapshot's: name a directory that `kvick "
				 "snapshot` has written", file);
	while (at < bytes && text[at] >= '0' && text[at] <= '9' && format < 1000000)
		format = format * 10 + (unsigned long)(text[at++] - '0');
	if (format == SNAPSHOT_DIR_FORMAT)
		return 0;
	return error_set(error, ERROR_IMAGE, ENOTSUP, "%s: format: %lu, and this kvick reads %d: take the snapshot again", file,
			 format, SNAPSHOT_DIR_FORMAT);
}

static int check_checksum(const char *text, size_t bytes, const char *file, struct error *error)
{
	const char *trailer = text + bytes - TRAILER_BYTES;
	const char *digits = trailer + sizeof(CHECKSUM) - 1;
	uint64_t sum = 0;

	if (bytes < TRAILER_BYTES || memcmp(trailer, CHECKSUM, sizeof(CHECKSUM) - 1) != 0 ||
	    memcmp(digits + HEX_BYTES, ENDING, sizeof(ENDING) - 1) != 0)
		return error_set(error, ERROR_IMAGE, EBADMSG, "%s: checksum: it does not end with one, so it is cut short or "
				 "changed: take the snapshot again", file);
	for (unsigned i = 0; i < HEX_BYTES; i++)
		sum = sum << 4 | (unsigned)(digits[i] <= '9' ? digits[i] - '0' : digits[i] - 'a' + 10);
	if (sum == snapshot_checksum(text, bytes - TRAILER_BYTES, 0))
		return 0;
	return error_set(error, ERROR_IMAGE, EBADMSG, "%s: checksum: %.16s is not of what is before it: the file is damaged, or "
			 "was edited; take the snapshot again", file, digits);
}

static int bad(const char *file, const char *what, uint64_t value, const char *why, struct error *error)
{
	return error_set(error, ERROR_IMAGE, EBADMSG, "%s: %s: %llu: %s; take the snapshot again", file, what,
			 (unsigned long long)value, why);
}

static bool is_known_kind(const char *kind)
{
	for (unsigned i = 0; i < DEVICE_KINDS; i++)
		if (strcmp(snapshot_device_name(i), kind) == 0)
			return true;
	return false;
}

/* What no key says by itself. */
static int check_sense(const struct snapshot_manifest *m, const char *file, struct error *error)
{
	if (m->state_format != SNAPSHOT_FORMAT)
		return error_set(error, ERROR_IMAGE, ENOTSUP, "%s: state_format: %llu, written by kvick %s, and this one reads "
				 "%d: take the snapshot again, or restore it with that kvick", file,
				 (unsigned long long)m->state_format, m->kvick, SNAPSHOT_FORMAT);
	if (m->ring != 0 && m->ring != 3)
		return bad(file, "ring", m->ring, "guests run at 0 or 3", error);
	if (m->memory_bytes % GUEST_PAGE_BYTES)
		return bad(file, "memory_bytes", m->memory_bytes, "a multiple of 4096 is wanted", error);
	if (m->behind_bytes % GUEST_PAGE_BYTES)
		return bad(file, "behind_bytes", m->behind_bytes, "a multiple of 4096 is wanted", error);
	if (m->files.memory.bytes != m->memory_bytes + m->behind_bytes)
		return bad(file, "files.memory.bytes", m->files.memory.bytes, "memory_bytes and behind_bytes together are wanted",
			   error);
	for (uint64_t i = 0; i < m->device_count; i++)
		if (!is_known_kind(m->devices[i].kind))
			return bad(file, "devices", i, "it is of no kind that kvick knows", error);
	return 0;
}

int snapshot_manifest_read(struct snapshot_manifest *m, const char *text, size_t bytes, const char *file, struct error *error)
{
	int r = check_format(text, bytes, file, error);

	if (r == 0)
		r = check_checksum(text, bytes, file, error);
	if (r == 0)
		r = json_read(text, bytes, &form, m, file, error);
	return r < 0 ? r : check_sense(m, file, error);
}

/* ---- writing ---- */

size_t snapshot_manifest_write(struct snapshot_manifest *m, char *text, size_t max)
{
	size_t bytes;

	m->format = SNAPSHOT_DIR_FORMAT;
	m->state_format = SNAPSHOT_FORMAT;
	bytes = json_write(text, max, &form, m);
	if (bytes == 0)
		return 0;
	m->checksum = snapshot_checksum(text, bytes - TRAILER_BYTES, 0);
	return json_write(text, max, &form, m);
}

/* ---- this host ---- */

/* Less than this a host has in any case, and is not asked. */
#define HOST_RAM_BYTES_SURE (1ull << 30)

static int host_has_ram(const struct snapshot_manifest *m, const char *name, struct sys *sys, struct error *error)
{
	struct sysinfo host;
	uint64_t bytes;

	if (m->memory_bytes <= HOST_RAM_BYTES_SURE || sys_sysinfo(sys, &host) < 0)
		return 0;
	bytes = (uint64_t)host.totalram * host.mem_unit;
	if (m->memory_bytes <= bytes)
		return 0;
	return error_set(error, ERROR_HOST, ENOMEM, "%s: %llu MiB of guest RAM, and the host has %llu MiB: restore it on a larger "
			 "one, or take it with less (--mem)", name, (unsigned long long)m->memory_bytes >> 20,
			 (unsigned long long)bytes >> 20);
}

int snapshot_manifest_check_host(const struct snapshot_manifest *m, const char *name, struct sys *sys, struct error *error)
{
	struct snapshot_cpu here;
	int r = host_has_ram(m, name, sys, error);

	if (r < 0)
		return r;
	snapshot_cpu_read(&here);
	return snapshot_cpu_check(&m->cpu, &here, name, error);
}
