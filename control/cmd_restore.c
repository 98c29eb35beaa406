/* SPDX-License-Identifier: Apache-2.0 */
/* kvick restore: a launch that begins as a snapshot says, from the directory to the exit code. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "control/commands.h"
#include "control/launch.h"
#include "vmm/error.h"
#include "vmm/snapshot_dir.h"

/* What stands in a snapshot must not open a file of the host's by itself: of these, nothing does. */
static bool comes_by_itself(const char *kind)
{
	return strcmp(kind, snapshot_device_name(DEVICE_ENTROPY)) == 0 || strcmp(kind, snapshot_device_name(DEVICE_CONSOLE)) == 0;
}

static bool is_a_disk(const char *kind)
{
	return strcmp(kind, snapshot_device_name(DEVICE_BLOCK)) == 0;
}

/* What is wanted instead of what there is. */
static int refuse(const struct snapshot_dir *dir, struct error *error)
{
	const struct snapshot_manifest *m = &dir->manifest;
	char list[ERROR_TEXT_BYTES / 2] = "";
	bool disks = true;

	for (uint64_t i = 0; i < m->device_count; i++) {
		const struct snapshot_device *d = &m->devices[i];
		size_t used = strlen(list);

		disks &= is_a_disk(d->kind) || comes_by_itself(d->kind);
		snprintf(list + used, sizeof(list) - used, " --%s%s%s", d->kind, *d->words ? comes_by_itself(d->kind) ? "=" : " " :
			 "", d->words);
	}
	if (!m->device_count)
		return error_set(error, ERROR_USAGE, EINVAL, "%s: a snapshot has the devices that it was taken with, and this one "
				 "has none: give none", dir->path);
	return error_set(error, ERROR_USAGE, EINVAL, "%s: a snapshot's devices are to be given again, in its order%s:%s", dir->path,
			 disks ? ", or with --same-devices" : "", list);
}

/* An option's words, as if they stood on the command line. */
static int give(struct run_options *o, struct snapshot_device *device, struct error *error)
{
	for (const struct option_row *row = run_option_rows; row->name; row++)
		if (strcmp(row->name, device->kind) == 0)
			return row->take(o, *device->words ? device->words : NULL, error);
	return 0;
}

static int devices(struct launch *l, struct snapshot_dir *dir, struct error *error)
{
	struct run_options *o = &l->options;
	struct snapshot_manifest *m = &dir->manifest;
	bool given = o->has_devices;
	int r = 0;

	for (uint64_t i = 0; i < m->device_count && !given && r == 0; i++) {
		const char *kind = m->devices[i].kind;

		if (!comes_by_itself(kind) && !(o->same_devices && is_a_disk(kind) && *m->devices[i].words))
			return refuse(dir, error);
		r = give(o, &m->devices[i], error);
	}
	if (r < 0 || !o->has_devices)
		return r;
	run_options_devices(o);
	for (uint64_t i = 0; i < m->device_count || i < l->devices.count; i++)
		if (i == m->device_count || i == l->devices.count ||
		    strcmp(m->devices[i].kind, snapshot_device_name(l->devices.list[i].kind)) != 0)
			return refuse(dir, error);
	return 0;
}

static int open_snapshot(struct launch *l, struct snapshot_dir *dir)
{
	struct run_options *o = &l->options;
	struct machine *m = &l->machine;
	int r = snapshot_dir_open(dir, -1, o->machine.image_path, &m->sys, &m->error);

	if (r == 0)
		r = snapshot_manifest_check_host(&dir->manifest, dir->path, &m->sys, &m->error);
	if (r == 0 && o->verify)
		r = snapshot_dir_verify(dir, &m->sys, &m->error);
	if (r == 0)
		r = devices(l, dir, &m->error);
	if (!dir->manifest.ring0_native) /* then it was slow there too: nobody needs to be told again */
		o->machine.ring = dir->manifest.ring == 0 ? RING_0 : RING_3;
	o->machine.snapshot = &dir->snapshot;
	return r;
}

static int run(const struct command *command, int argc, char **argv)
{
	static struct snapshot_dir dir; /* too large for the stack */
	struct launch *launch = launch_of_process();
	struct machine *m = &launch->machine;
	int code = launch_parse(launch, command, argc, argv);

	if (code < 0 && open_snapshot(launch, &dir) < 0)
		code = command_failed(&m->error);
	if (code < 0)
		code = launch_begin(launch);
	if (code >= 0)
		return code;
	snapshot_dir_record(&dir, &m->sys);

	int r = machine_prepare(m, &launch->options.machine);

	if (r == 0) {
		machine_go(m);
		snapshot_dir_recorded(&dir, m, &m->sys);
		machine_end(m);
	}
	return launch_end(launch, r);
}

const struct command command_restore = {
	.name = "restore",
	.synopsis = "restore [OPTIONS] DIR",
	.purpose = "Go on as a snapshot says, and wait for the guest's end; its exit code becomes ours.",
	.options = run_option_rows,
	.of = OF_RESTORE,
	.more = "Devices are those of the snapshot, in its order; networks, sockets and disks are named anew.\n",
	.run = run,
};
