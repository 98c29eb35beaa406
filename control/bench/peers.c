/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Other VMMs, as `--vs NAME` starts them: a row each. A preset boots the same image with the same memory and arguments, one vCPU, a
 * serial console on stdout, and no device that the guest has not asked for; what makes a VMM start sooner without changing what
 * the guest finds is switched on. What each needs of a guest, and how it ends, is in docs/BENCH.md.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/bench/bench.h"
#include "control/bench/memory.h"
#include "control/bench/run_words.h"
#include "control/measure/program.h"
#include "vmm/error.h"

#define MIB (1ull << 20)

/* What kvick gives a kernel, and a Solo5 guest, where nobody says how much. */
#define KERNEL_BYTES (256 * MIB)
#define SOLO5_BYTES (512 * MIB)

/* What the guest writes to port 0xf4 is `code`, and QEMU's exit status 2 × code + 1. */
#define DEBUG_EXIT "isa-debug-exit,iobase=0xf4,iosize=4"
#define DEBUG_EXIT_STATUS (2 * 16 + 1)

static unsigned long long mib(uint64_t bytes, uint64_t otherwise)
{
	return ((bytes ? bytes : otherwise) + MIB - 1) / MIB;
}

static void add_list(struct words *words, const char *const *list)
{
	for (; *list; list++)
		words_add(words, *list);
}

/* A kernel's arguments are one line. */
static char *command_line(char **arguments)
{
	char *line = text_of("%s", "");

	for (; *arguments; arguments++) {
		char *longer = text_of("%s%s%s", line, *line ? " " : "", *arguments);

		free(line);
		line = longer;
	}
	return line;
}

static int make_solo5(struct subject *subject, const char *image, char **arguments, uint64_t mem_bytes, const char *scratch,
		      struct error *error)
{
	struct words words = { 0 };
	char mem[32];

	(void)scratch, (void)error;
	snprintf(mem, sizeof(mem), "--mem=%llu", mib(mem_bytes, SOLO5_BYTES));
	words_add(&words, "solo5-hvt");
	words_add(&words, mem);
	words_add(&words, "--");
	words_add(&words, image);
	words_add_all(&words, arguments);
	subject->argv = words_take(&words);
	return 0;
}

/*
 * Without ACPI its firmware is qboot, the quickest, which loads kernels without option ROMs. No PIC, PIT, RTC: KVM's own clock and
 * local APIC are left.
 */
static int make_qemu(struct subject *subject, const char *image, char **arguments, uint64_t mem_bytes, const char *scratch,
		     struct error *error)
{
	static const char *const machine[] = {
		"qemu-system-x86_64", "-nodefaults", "-no-user-config", "-accel", "kvm", "-cpu", "host", "-M",
		"microvm,acpi=off,x-option-roms=off,pit=off,pic=off,rtc=off,auto-kernel-cmdline=off,isa-serial=on", NULL,
	};
	static const char *const devices[] = {
		"-display", "none", "-serial", "stdio", "-device", DEBUG_EXIT, "-no-reboot", "-kernel", NULL,
	};
	char mem[32], *line = command_line(arguments);
	struct words words = { 0 };

	(void)scratch, (void)error;
	snprintf(mem, sizeof(mem), "%lluM", mib(mem_bytes, KERNEL_BYTES));
	add_list(&words, machine);
	words_add(&words, "-m");
	words_add(&words, mem);
	add_list(&words, devices);
	words_add(&words, image);
	if (*line) {
		words_add(&words, "-append");
		words_add(&words, line);
	}
	subject->argv = words_take(&words);
	free(line);
	return 0;
}

/* Firecracker's own default arguments would come in place of none; older versions want `drives`, be it empty. */
static json_t *firecracker_config(const char *image, const char *line, uint64_t mem_bytes)
{
	return json_pack("{s:{s:s, s:s}, s:[], s:{s:i, s:I}}", "boot-source", "kernel_image_path", image, "boot_args", line,
			 "drives", "machine-config", "vcpu_count", 1, "mem_size_mib", (json_int_t)mib(mem_bytes, KERNEL_BYTES));
}

static int make_firecracker(struct subject *subject, const char *image, char **arguments, uint64_t mem_bytes, const char *scratch,
			    struct error *error)
{
	char *path = text_of("%s/firecracker.XXXXXX", scratch), *line = command_line(arguments);
	json_t *config = firecracker_config(image, line, mem_bytes);
	struct words words = { 0 };
	int fd = mkstemp(path), r = 0;

	if (!config)
		r = error_set(error, ERROR_USAGE, EILSEQ, "--vs firecracker: %s: its path or arguments are no UTF-8, as its "
			      "configuration, which is JSON, has to be: rename it", image);
	else if (fd < 0 || json_dumpfd(config, fd, JSON_INDENT(1)) < 0)
		r = error_set(error, ERROR_HOST, errno, "%s: %s: make room there", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	words_add(&words, "firecracker");
	words_add(&words, "--no-api");
	words_add(&words, "--config-file");
	words_add(&words, path);
	subject->argv = words_take(&words);
	json_decref(config);
	free(line);
	free(path);
	return r;
}

/* Without --nodefaults it brings a root file system, by 9P, and adds to the command line. */
static int make_kvmtool(struct subject *subject, const char *image, char **arguments, uint64_t mem_bytes, const char *scratch,
			struct error *error)
{
	static const char *const machine[] = {
		"lkvm", "run", "--nodefaults", "--network", "mode=none", "--console", "serial", "--cpus", "1", "--mem", NULL,
	};
	char mem[32], *line = command_line(arguments);
	struct words words = { 0 };

	(void)scratch, (void)error;
	snprintf(mem, sizeof(mem), "%llu", mib(mem_bytes, KERNEL_BYTES));
	add_list(&words, machine);
	words_add(&words, mem);
	words_add(&words, "--kernel");
	words_add(&words, image);
	if (*line) {
		words_add(&words, "--params");
		words_add(&words, line);
	}
	subject->argv = words_take(&words);
	free(line);
	return 0;
}

const struct peer peers[] = {
	{ "solo5-hvt", "solo5-hvt", "opam install solo5, or build github.com/Solo5/solo5",
	  "a Solo5 guest of the hvt ABI", 0, make_solo5 },
	{ "qemu-microvm", "qemu-system-x86_64", "apt-get install qemu-system-x86",
	  "an ELF file with a PVH entry, or a bzImage; it ends by writing 16 to port 0xf4 (by a reset: --vs-exit 0)",
	  DEBUG_EXIT_STATUS, make_qemu },
	{ "firecracker", "firecracker", "unpack a release of github.com/firecracker-microvm/firecracker into /usr/local/bin",
	  "an ELF file with a PVH entry or Linux's of 64 bits; it ends by the keyboard controller's reset", 0, make_firecracker },
	{ "kvmtool", "lkvm", "build github.com/kvmtool/kvmtool, and put lkvm into /usr/local/bin",
	  "a bzImage, which it enters in real mode; it ends by a reset", 0, make_kvmtool },
	{ 0 },
};

int peer_find(const struct peer *peer, char path[PROGRAM_PATH_BYTES], struct error *error)
{
	struct error absent = { 0 };
	int r = program_find(peer->program, path, &absent);

	if (r == 0)
		return 0;
	return error_set(error, ERROR_USAGE, -r, "--vs %s: no %s along PATH: %s", peer->name, peer->program, peer->install);
}

int peer_make(struct subject *subject, const struct peer *peer, const char *image, char **arguments, uint64_t mem_bytes,
	      const char *scratch, struct error *error)
{
	if (access(image, R_OK) < 0)
		return error_set(error, ERROR_IMAGE, errno, "--vs %s: %s: %s: check the path, or build the image first", peer->name,
				 image, strerror(errno));
	return peer->make(subject, image, arguments, mem_bytes, scratch, error);
}
