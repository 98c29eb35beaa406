/* SPDX-License-Identifier: Apache-2.0 */
#include "control/inspect_snapshot.h"

#include <fcntl.h>
#include <unistd.h>

#include "control/commands.h"
#include "control/text.h"
#include "vmm/error.h"
#include "vmm/snapshot_dir.h"
#include "vmm/sys.h"

static unsigned long long kib(uint64_t bytes)
{
	return bytes >> 10;
}

static void print_text(struct text *text, const struct snapshot_dir *dir, const char *here, uint64_t stored)
{
	const struct snapshot_manifest *m = &dir->manifest;

	text_printf(text, "snapshot   ");
	text_name(text, dir->path);
	text_printf(text, " (format %llu, state %llu, by kvick ", (unsigned long long)m->format,
		    (unsigned long long)m->state_format);
	text_name(text, m->kvick);
	text_printf(text, ")\nimage      ");
	text_name(text, m->image);
	text_printf(text, ", ");
	text_name(text, m->protocol);
	text_printf(text, "\ntaken      ");
	text_name(text, m->taken);
	text_printf(text, ", ");
	text_name(text, m->taken_at);
	text_printf(text, ", on ");
	text_name(text, m->cpu.name);
	text_printf(text, "\nmachine    ring %llu%s, ring 0 %s there, cpu model ", (unsigned long long)m->ring,
		    m->deprivileged ? ", deprivileged" : "", m->ring0_native ? "native" : "emulated");
	text_name(text, m->cpu_model);
	text_printf(text, "\nmemory     %llu KiB, %llu KiB behind it; %llu KiB on the disk\nstate      %llu bytes\n",
		    kib(m->memory_bytes), kib(m->behind_bytes), kib(stored), (unsigned long long)m->files.state.bytes);
	for (uint64_t i = 0; i < m->device_count; i++) {
		text_printf(text, "device     --%s ", m->devices[i].kind);
		text_name(text, m->devices[i].words);
		text_printf(text, "\n");
	}
	text_printf(text, "working set %s\n", dir->snapshot.working_set ? "recorded" : "not recorded yet");
	text_printf(text, "here       ");
	text_name(text, here);
	text_printf(text, "\n");
}

/* It is JSON as it is. */
static void print_file(struct text *text, int fd, struct sys *sys)
{
	int file = sys_openat(sys, fd, SNAPSHOT_MANIFEST, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
	char bytes[1024];
	ssize_t n;

	while (file >= 0 && (n = sys_read(sys, file, bytes, sizeof(bytes))) > 0)
		text_printf(text, "%.*s", (int)n, bytes);
	if (file >= 0)
		sys_close(sys, file);
}

int inspect_snapshot(const char *path, bool json, struct sys *sys)
{
	static struct snapshot_dir dir; /* too large for the stack */
	struct error error = { 0 }, here = { 0 };
	struct stat st = { 0 };
	struct text text;

	if (snapshot_dir_open(&dir, -1, path, sys, &error) < 0 || snapshot_dir_verify(&dir, sys, &error) < 0)
		return command_failed(&error);
	text_begin(&text, sys, STDOUT_FILENO);
	sys_fstat(sys, dir.snapshot.memory_fd, &st);
	if (json) {
		print_file(&text, dir.fd, sys);
	} else {
		snapshot_manifest_check_host(&dir.manifest, path, sys, &here);
		print_text(&text, &dir, here.kind == ERROR_NONE ? "it can be restored" : here.text, (uint64_t)st.st_blocks * 512);
	}
	snapshot_dir_close(&dir, sys);
	return command_printed(text_end(&text));
}
