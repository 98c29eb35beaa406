/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes at all as a part of a snapshot directory, by the first byte: its manifest, its working set, its state; with checksums
 * that are right, for those keep nobody out. Beside what the sanitizers see, checks what is promised of what is accepted.
 *
 *	fuzz_snapshot -max_len=12288 tests/fuzz/corpus/snapshot
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/error.h"
#include "vmm/machine.h"
#include "vmm/restore.h"
#include "vmm/snapshot_dir.h"
#include "vmm/state.h"

#define RAM (4ull << 20)

static void check_refusal(const struct error *error, const char *path)
{
	PROMISE(error->kind != ERROR_NONE);
	PROMISE(!strncmp(error->text, path, strlen(path)));
	PROMISE(strlen(error->text) < ERROR_TEXT_BYTES - 1); /* not cut */
	for (const char *c = error->text; *c; c++)
		PROMISE(*c >= ' ' && *c <= '~');
}

/* ---- the manifest: all but its checksum ---- */

static void check_manifest(const struct snapshot_manifest *m)
{
	PROMISE(m->format == SNAPSHOT_DIR_FORMAT && m->state_format == SNAPSHOT_FORMAT);
	PROMISE(m->ring == 0 || m->ring == 3);
	PROMISE(m->memory_bytes >= GUEST_MEM_BYTES_MIN && m->memory_bytes <= GUEST_MEM_BYTES_MAX);
	PROMISE(m->memory_bytes % GUEST_PAGE_BYTES == 0 && m->behind_bytes % GUEST_PAGE_BYTES == 0);
	PROMISE(m->files.memory.bytes == m->memory_bytes + m->behind_bytes);
	PROMISE(m->files.state.bytes >= 1 && m->files.state.bytes <= STATE_BYTES_MAX);
	PROMISE(m->device_count <= KVICK_DEVICES_MAX);
	for (uint64_t i = 0; i < m->device_count; i++)
		PROMISE(memchr(m->devices[i].kind, 0, sizeof(m->devices[i].kind)) &&
			memchr(m->devices[i].id, 0, sizeof(m->devices[i].id)) &&
			memchr(m->devices[i].words, 0, sizeof(m->devices[i].words)));
}

static void try_manifest(const uint8_t *data, size_t bytes)
{
	static struct snapshot_manifest manifest, again;
	char *text = malloc(bytes + 64);
	static char written[SNAPSHOT_MANIFEST_BYTES_MAX];
	struct error error = { 0 };

	memcpy(text, data, bytes);
	bytes += (size_t)sprintf(text + bytes, "\"checksum\": \"0x%016llx\"\n}\n",
				 (unsigned long long)snapshot_checksum(data, bytes, 0));
	memset(&manifest, 0, sizeof(manifest));
	memset(&again, 0, sizeof(again));
	if (snapshot_manifest_read(&manifest, text, bytes, "fuzz", &error)) {
		check_refusal(&error, "fuzz");
	} else {
		check_manifest(&manifest);
		bytes = snapshot_manifest_write(&manifest, written, sizeof(written));
		PROMISE(bytes > 0);
		PROMISE(!snapshot_manifest_read(&again, written, bytes, "fuzz", &error));
		PROMISE(again.memory_bytes == manifest.memory_bytes && again.device_count == manifest.device_count);
		PROMISE(!strcmp(again.image, manifest.image));
		PROMISE(!memcmp(&again.cpu.words, &manifest.cpu.words, sizeof(again.cpu.words)));
	}
	free(text);
}

/* ---- the working set: what follows its checksum ---- */

static char path[] = "/tmp/kvick-fuzz-XXXXXX", directory[64];

static void make_directory(struct sys *sys)
{
	static struct snapshot_manifest manifest = { .ring = 3, .memory_bytes = RAM };
	struct snapshot_save save;
	struct error error = { 0 };

	PROMISE(mkdtemp(path));
	snprintf(directory, sizeof(directory), "%s/snapshot", path);
	PROMISE(!snapshot_save_begin(&save, directory, sys, &error) && !snapshot_save_make(&save, sys, &error));
	PROMISE(!snapshot_save_end(&save, &manifest, (const uint8_t *)"x", 1, sys, &error));
}

static void check_runs(const struct memory_run *runs, unsigned count)
{
	uint64_t end = 0;

	PROMISE(count <= SNAPSHOT_SET_MAX);
	for (unsigned i = 0; i < count; i++) {
		PROMISE(runs[i].at >= end && runs[i].bytes && (runs[i].at | runs[i].bytes) % GUEST_PAGE_BYTES == 0);
		PROMISE(runs[i].at < RAM && runs[i].bytes <= RAM - runs[i].at);
		end = runs[i].at + runs[i].bytes;
	}
}

static void try_set(const uint8_t *data, size_t bytes)
{
	static struct snapshot_dir dir;
	struct error error = { 0 };
	uint64_t checksum = snapshot_checksum(data, bytes, 0);
	struct sys sys;
	char set[100];
	int fd;

	sys_init(&sys);
	if (!directory[0])
		make_directory(&sys);
	snprintf(set, sizeof(set), "%s/" SNAPSHOT_SET, directory);
	fd = open(set, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	PROMISE(fd >= 0 && write(fd, "kvick set  0001\n", 16) == 16 && write(fd, &checksum, 8) == 8);
	PROMISE(write(fd, data, bytes) == (ssize_t)bytes);
	close(fd);
	PROMISE(!snapshot_dir_open(&dir, -1, directory, &sys, &error));
	if (dir.snapshot.working_set) {
		check_runs(dir.set.reads, dir.set.count);
		check_runs(dir.set.writes, dir.set.write_count);
	}
	snapshot_dir_close(&dir, &sys);
}

/* ---- the state ---- */

static void try_state(const uint8_t *data, size_t bytes)
{
	static struct machine m;
	uint8_t *copy = malloc(bytes ? bytes : 1); /* the sanitizer sees whoever reads on */
	const struct snapshot snapshot = {
		.name = "fuzz", .state = memcpy(copy, data, bytes), .state_bytes = bytes, .memory_fd = -1, .memory_bytes = 16 << 20,
	};
	const struct machine_config config = { .snapshot = &snapshot };

	memset(&m, 0, sizeof(m));
	m.config = &config;
	if (restore_plan(&m)) {
		check_refusal(&m.error, "fuzz");
	} else {
		PROMISE(m.boot && (m.ring == 0 || m.ring == 3));
		PROMISE(m.plan.bytes <= snapshot.memory_bytes);
		PROMISE(m.image.segment_count <= IMAGE_SEGMENTS_MAX);
		restore_undo_plan(&m);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static void (*const parts[])(const uint8_t *data, size_t bytes) = { try_manifest, try_set, try_state };

	if (bytes > 0 && data[0] < sizeof(parts) / sizeof(parts[0]))
		parts[data[0]](data + 1, bytes - 1);
	return 0;
}
