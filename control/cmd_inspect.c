/* SPDX-License-Identifier: Apache-2.0 */
/* kvick inspect: what an image is and what it asks for, without running it. */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/commands.h"
#include "control/inspect_sensitive.h"
#include "control/inspect_snapshot.h"
#include "control/report_solo5.h"
#include "control/text.h"
#include "loader/image.h"
#include "loader/linux.h"
#include "loader/multiboot.h"
#include "loader/solo5.h"
#include "vmm/boot_pc.h"
#include "vmm/error.h"
#include "vmm/memory_plan.h"
#include "vmm/pc/layout.h"
#include "vmm/round.h"
#include "vmm/sys.h"

struct inspect_options {
	bool json, sensitive;
	const struct protocol *protocol;
};

static int take_json(void *into, const char *value, struct error *error)
{
	(void)value, (void)error;
	((struct inspect_options *)into)->json = true;
	return 0;
}

static int take_protocol(void *into, const char *value, struct error *error)
{
	return command_take_protocol(value, &((struct inspect_options *)into)->protocol, error);
}

static int take_sensitive(void *into, const char *value, struct error *error)
{
	(void)value, (void)error;
	((struct inspect_options *)into)->sensitive = true;
	return 0;
}

static const struct option_row options[] = {
	{ "sensitive", NULL, "list privileged and critical instructions too, and what ring 3 makes of them", take_sensitive, 0 },
	{ "json", NULL, "as one JSON object", take_json, 0 },
	{ "protocol", "NAME", "take the image for native, solo5, linux, pvh or multiboot, whatever it looks like", take_protocol,
	  0 },
	{ 0 },
};

static const char *rings_name(uint32_t rings)
{
	return rings == KVICK_RINGS_ANY ? "0 or 3" : rings == KVICK_RINGS_0 ? "0" : "3";
}

static const char *flags_name(uint32_t flags)
{
	return flags & KVICK_NOTE_XSAVE ? " (CPUID and XSAVE)" : flags & KVICK_NOTE_CPUID ? " (CPUID)" : "";
}

static void perms_name(unsigned perms, char name[4])
{
	snprintf(name, 4, "%c%c%c", perms & SEGMENT_R ? 'r' : '-', perms & SEGMENT_W ? 'w' : '-', perms & SEGMENT_X ? 'x' : '-');
}

/* Guest RAM, in bytes. */
struct needs {
	uint64_t least, usual;
};

static int native_needs(struct needs *needs, const struct image *image, struct error *error)
{
	struct memory_plan plan;
	int r = memory_plan_make(&plan, image, 0, false, error);

	*needs = (struct needs){ memory_plan_least(image, false), plan.bytes };
	return r;
}

static int kernel_needs(struct needs *needs, const struct image *image, struct error *error)
{
	(void)error;
	needs->least = pc_bytes_least(image, image->kernel.work_bytes);
	needs->usual = needs->least > LINUX_USUAL_BYTES ? needs->least : LINUX_USUAL_BYTES;
	return 0;
}

static int solo5_needs(struct needs *needs, const struct image *image, struct error *error)
{
	(void)error;
	needs->least = solo5_mem_bytes_least(image);
	needs->usual = needs->least > SOLO5_USUAL_BYTES ? needs->least : SOLO5_USUAL_BYTES;
	return 0;
}

static int multiboot_needs(struct needs *needs, const struct image *image, struct error *error)
{
	(void)error;
	needs->least = pc_bytes_least(image, MULTIBOOT_WORK_BYTES);
	needs->usual = needs->least > MULTIBOOT_USUAL_BYTES ? needs->least : MULTIBOOT_USUAL_BYTES;
	return 0;
}

static void note_text(struct text *text, const struct image *image)
{
	text_printf(text, "note       ABI %u, rings %s, memory %llu, stack %llu, flags 0x%x%s\n", image->note.abi_version,
		    rings_name(image->note.rings), (unsigned long long)image->note.mem_bytes,
		    (unsigned long long)image->note.stack_bytes, image->note.flags,
		    flags_name(image->note.flags));
}

/* Without a bzImage's header there is no version. */
static void kernel_text(struct text *text, const struct image *image)
{
	if (image->kernel.version)
		text_printf(text, "header     boot protocol %u.%u, ", image->kernel.version >> 8, image->kernel.version & 0xff);
	else
		text_printf(text, "kernel     ");
	text_printf(text, "command line up to %llu characters, initrd below 0x%llx\n",
		    (unsigned long long)image->kernel.command_line_max, image->kernel.initrd_last + 1ull);
}

static void multiboot_text(struct text *text, const struct image *image)
{
	uint32_t flags = image->multiboot.flags;

	text_printf(text, "header     at 0x%x, flags 0x%x%s%s\n", image->multiboot.header_at, flags,
		    flags & MULTIBOOT_ADDRESSES ? ", addresses by the header" : ", addresses by ELF",
		    flags & MULTIBOOT_VIDEO ? ", asks for a video mode, and gets none" : "");
}

static void note_json(struct text *text, const struct image *image)
{
	json_open(text, "note", '{');
	json_u64(text, "abi_version", image->note.abi_version);
	json_u64(text, "flags", image->note.flags);
	json_u64(text, "memory_bytes", image->note.mem_bytes);
	json_u64(text, "stack_bytes", image->note.stack_bytes);
	json_string(text, "rings", rings_name(image->note.rings));
	json_close(text, '}');
}

static void kernel_json(struct text *text, const struct image *image)
{
	json_open(text, image->protocol->name, '{');
	json_u64(text, "boot_protocol", image->kernel.version);
	json_u64(text, "command_line_max", image->kernel.command_line_max);
	json_u64(text, "initrd_address_max", image->kernel.initrd_last);
	json_close(text, '}');
}

static void multiboot_json(struct text *text, const struct image *image)
{
	json_open(text, "multiboot", '{');
	json_u64(text, "header_offset", image->multiboot.header_at);
	json_u64(text, "flags", image->multiboot.flags);
	json_bool(text, "addresses_in_header", image->multiboot.flags & MULTIBOOT_ADDRESSES);
	json_bool(text, "wants_video_mode", image->multiboot.flags & MULTIBOOT_VIDEO);
	json_close(text, '}');
}

#define MACHINE_NATIVE "native", "hypercalls, virtio devices set up by one of them"
#define MACHINE_PC     "pc", "COM1, interrupts, ACPI, devices by virtio-mmio; ends by ACPI or port 0x604, resets by port 0x64; "
#define MACHINE_SOLO5  "solo5", "hypercalls by port, the manifest's devices, no interrupts"

/* What is particular to each kind of guest. */
static const struct {
	int (*needs)(struct needs *needs, const struct image *image, struct error *error);
	void (*text)(struct text *text, const struct image *image);
	void (*json)(struct text *text, const struct image *image);
	const char *machine, *about; /* what it will find itself in */
} kinds[] = {
	[IMAGE_NATIVE] = { native_needs, note_text, note_json, MACHINE_NATIVE },
	[IMAGE_LINUX] = { kernel_needs, kernel_text, kernel_json, MACHINE_PC "64-bit entry" },
	[IMAGE_PVH] = { kernel_needs, kernel_text, kernel_json, MACHINE_PC "32-bit entry" },
	[IMAGE_SOLO5] = { solo5_needs, solo5_manifest_text, solo5_manifest_json, MACHINE_SOLO5 },
	[IMAGE_MULTIBOOT] = { multiboot_needs, multiboot_text, multiboot_json,
			      MACHINE_PC "32-bit entry, debug exits at 0xf4 and 0x501" },
};

static void print_text(struct text *text, const struct image *image, const struct needs *needs)
{
	char perms[4];

	text_printf(text, "image      ");
	text_name(text, image->path);
	if (image->packed_bytes)
		text_printf(text, " (%llu bytes, with %llu by LZ4)\n", (unsigned long long)image->packed_bytes,
			    (unsigned long long)image->file_bytes);
	else
		text_printf(text, " (%llu bytes)\n", (unsigned long long)image->file_bytes);
	text_printf(text, "protocol   %s (%s)%s, for it %s\n", image->protocol->name, image->protocol->about,
		    image->pie ? ", position-independent" : "", image->why);
	text_printf(text, "entry      0x%llx\n", (unsigned long long)image->entry);
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct segment *s = &image->segments[i];

		perms_name(s->perms, perms);
		text_printf(text, "segment    0x%08llx-0x%08llx %s  %llu bytes, %llu from file offset 0x%llx\n",
			    (unsigned long long)s->gpa, (unsigned long long)(s->gpa + s->mem_bytes), perms,
			    (unsigned long long)s->mem_bytes, (unsigned long long)s->file_bytes,
			    (unsigned long long)s->file_offset);
	}
	kinds[image->protocol->kind].text(text, image);
	text_printf(text, "machine    %s, ring %s: %s\n", kinds[image->protocol->kind].machine, rings_name(image->note.rings),
		    kinds[image->protocol->kind].about);
	text_printf(text, "memory     %llu KiB needed, %llu KiB given by default\n",
		    (unsigned long long)needs->least >> 10, (unsigned long long)needs->usual >> 10);
}

static void print_json(struct text *text, const struct image *image, const struct needs *needs)
{
	char perms[4];

	json_open(text, NULL, '{');
	json_string(text, "image", image->path);
	json_u64(text, "file_bytes", image->packed_bytes ? image->packed_bytes : image->file_bytes);
	json_u64(text, "unpacked_bytes", image->packed_bytes ? image->file_bytes : 0);
	json_string(text, "protocol", image->protocol->name);
	json_string(text, "why", image->why);
	json_bool(text, "pie", image->pie);
	json_u64(text, "entry", image->entry);
	json_open(text, "segments", '[');
	for (unsigned i = 0; i < image->segment_count; i++) {
		const struct segment *s = &image->segments[i];

		perms_name(s->perms, perms);
		json_open(text, NULL, '{');
		json_u64(text, "address", s->gpa);
		json_u64(text, "memory_bytes", s->mem_bytes);
		json_u64(text, "file_offset", s->file_offset);
		json_u64(text, "file_bytes", s->file_bytes);
		json_string(text, "permissions", perms);
		json_close(text, '}');
	}
	json_close(text, ']');
	kinds[image->protocol->kind].json(text, image);
	json_string(text, "machine", kinds[image->protocol->kind].machine);
	json_string(text, "rings", rings_name(image->note.rings));
	json_u64(text, "memory_needed_bytes", needs->least);
	json_u64(text, "memory_default_bytes", needs->usual);
}

static void print(struct text *text, const struct inspect_options *o, const struct image *image, struct sys *sys,
		  struct error *error)
{
	struct needs needs;

	if (kinds[image->protocol->kind].needs(&needs, image, error) < 0)
		return;
	(o->json ? print_json : print_text)(text, image, &needs);
	if (o->sensitive && sensitive_print(text, o->json, image, sys, error) < 0)
		return;
	if (o->json) {
		json_close(text, '}');
		text_printf(text, "\n");
	}
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int run(const struct command *command, int argc, char **argv)
{
	struct inspect_options o = { 0 };
	struct error error = { 0 };
	struct operands operands;
	struct image image;
	struct text text;
	struct sys sys;

	sys_init(&sys);
	if (options_parse(command, argc, argv, &o, &operands, &error) < 0)
		return command_failed(&error);
	if (operands.help)
		return options_help(command);
	if (!operands.operand || operands.rest_count) {
		error_set(&error, ERROR_USAGE, EINVAL, "usage: kvick %s", command->synopsis);
		return command_failed(&error);
	}
	if (is_directory(operands.operand))
		return inspect_snapshot(operands.operand, o.json, &sys);
	if (image_open(&image, operands.operand, o.protocol, &sys, &error) < 0)
		return command_failed(&error);
	text_begin(&text, &sys, STDOUT_FILENO);
	print(&text, &o, &image, &sys, &error);
	image_close(&image, &sys);
	if (error.kind != ERROR_NONE)
		return command_failed(&error);
	return command_printed(text_end(&text));
}

const struct command command_inspect = {
	.name = "inspect",
	.synopsis = "inspect [options] IMAGE|DIR",
	.purpose = "Say what an image is: boot protocol, entry, segments, note, memory needed; or a snapshot, and check all of it.",
	.options = options,
	.run = run,
};
