/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What machines for foreign kernels share, whatever their boot protocol: RAM below 3 GiB, an initrd at its end, the command line,
 * what firmware leaves behind. All of them have a PC (pc/pc.h). For the steps of machine.c, in this order.
 */
#ifndef KVICK_VMM_BOOT_PC_H
#define KVICK_VMM_BOOT_PC_H

#include <stdbool.h>
#include <stdint.h>

struct image;
struct machine;

/*
 * Files beside the image: an initrd, as high as it may lie; others behind the image; or all of them there, the initrd the first.
 * What the protocol does not take is refused.
 */
struct pc_needs {
	uint64_t work_bytes;  /* of RAM behind the image, besides twice the initrd */
	uint64_t usual_bytes; /* what it gets where nobody says */
	uint64_t initrd_end;  /* the first address that no byte of an initrd may have */
	enum { PC_INITRD, PC_INITRD_AND_MODULES, PC_MODULES } files;
};

/* What one finds who gives no command line to a kernel that is most likely a Linux: a console, and an end instead of a hang. */
#define PC_COMMAND_LINE_USUAL "console=ttyS0 panic=-1"

/* RAM, at least, for the image and work_bytes. */
uint64_t pc_bytes_least(const struct image *image, uint64_t work_bytes);

/* m->plan and m->modules, the initrd the first of them. 0 or -errno with m->error set. */
int pc_plan(struct machine *m, const struct pc_needs *needs);

/*
 * To PC_COMMAND_LINE, with its NUL: the devices, then the guest's arguments, or `usual` where it has none. max: characters that the
 * kernel takes; bytes: what it is, without the NUL. 0 or -errno with m->error set.
 */
int pc_write_command_line(struct machine *m, uint64_t max, const char *usual, uint64_t *bytes);

/* The same to another place of PC_COMMAND_LINE_BYTES, after a word of the boot protocol's own. first, usual: NULL for none. */
int pc_write_command_line_at(struct machine *m, uint64_t at, const char *first, uint64_t max, const char *usual, uint64_t *bytes);

/* GDT, its code segment's descriptor as given, reset vector, ACPI's tables. Returns where the RSDP is. AMD64 APM 2, 4.8. */
#define PC_CODE_64 0x00af9b000000ffffull
#define PC_CODE_32 0x00cf9b000000ffffull
uint64_t pc_write_firmware(struct machine *m, uint64_t code_descriptor);

/* The vCPU is there: MSRs as firmware leaves them. */
void pc_set_firmware_msrs(struct machine *m);

#endif
