/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel.h"

#define SLP_TYP_S5_AND_EN 0x34 /* ACPI 6.4, 4.8.3.7 */
#define RESET_COMMAND     0xfe
#define LSR               (COM1 + 5)
#define LSR_THRE          0x20

struct start_found start_found = { .rsi = 1 }; /* not in the bss, which nobody has to zero before the entry */
struct pvh_found pvh_found = { .start_info = 1 };
struct mmio_device devices[DEVICES_MAX];
unsigned device_count;
char argument[64];
uintptr_t __stack_chk_guard = 0x5aa5f00dcafe00;

static bool failed;

void kernel_main(uint64_t zero);
_Noreturn void __stack_chk_fail(void);

/* ---- ends ---- */

_Noreturn static void stay(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

void power_off(void)
{
	out8(SLEEP_CONTROL, SLP_TYP_S5_AND_EN);
	stay();
}

void reset(void)
{
	out8(KEYBOARD, RESET_COMMAND);
	stay();
}

void triple_fault(void)
{
	static const struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
	stay();
}

void __stack_chk_fail(void)
{
	printf("stack smashed\n");
	reset();
}

/* ---- output: guests/runtime/printf.c comes here ---- */

void kvick_console_write(const void *data, size_t bytes);

void kvick_console_write(const void *data, size_t bytes)
{
	for (const uint8_t *byte = data; bytes--; byte++) {
		while (!(in8(LSR) & LSR_THRE))
			;
		out8(COM1, *byte);
	}
}

void expect(const char *what, uint64_t got, uint64_t wanted)
{
	if (got == wanted)
		return;
	printf("%s: 0x%lx instead of 0x%lx\n", what, got, wanted);
	failed = true;
}

/* ---- memory ---- */

uint64_t ram_end(void)
{
	uint64_t end = 0;

	for (unsigned i = 0; i < zero_page(ZERO_E820_ENTRIES, 1); i++) {
		uint64_t entry = start_found.rsi + ZERO_E820 + i * 20, after = number_at(entry, 8) + number_at(entry + 8, 8);

		if (number_at(entry + 16, 4) == 1 && after > end)
			end = after;
	}
	return end;
}

/* What lies between 3 and 4 GiB is no RAM, and the loader maps RAM alone: a table of 2 MiB pages, uncached (AMD64 APM 2, 5.3). */
static void map_devices(void)
{
	enum { PRESENT = 1, WRITE = 2, UNCACHED = 0x10, LARGE = 0x80 };
	static uint64_t directory[512] __attribute__((aligned(4096)));
	uint64_t cr3, pointers;

	for (unsigned i = 0; i < 512; i++)
		directory[i] = (3ull << 30) + ((uint64_t)i << 21) + (PRESENT | WRITE | UNCACHED | LARGE);
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	pointers = number_at(cr3 & -4096ull, 8) & 0xffffffffff000ull;
	((volatile uint64_t *)pointers)[3] = (uintptr_t)directory | PRESENT | WRITE;
	__asm__ volatile("mov %0, %%cr3" : : "r"(cr3) : "memory");
}

/* ---- command line ---- */

static uint64_t hexadecimal_or_decimal(const char **at)
{
	unsigned base = 10;
	uint64_t value = 0;

	if (strncmp(*at, "0x", 2) == 0) {
		base = 16;
		*at += 2;
	}
	for (;; (*at)++) {
		char c = **at;
		unsigned digit = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 99;

		if (digit >= base)
			return value;
		value = value * base + digit;
	}
}

/* 4K@0xc0001000:5 */
static void add_device(const char *at)
{
	struct mmio_device *device = &devices[device_count++];

	device->bytes = hexadecimal_or_decimal(&at) << 10;
	at += strlen("K@");
	device->base = hexadecimal_or_decimal(&at);
	at += strlen(":");
	device->irq = (unsigned)hexadecimal_or_decimal(&at);
}

/* Copies the next word; where it ends. */
static const char *next_word(const char *line, char *to, size_t bytes)
{
	while (*line == ' ')
		line++;
	for (; *line && *line != ' '; line++)
		if (bytes > 1) {
			*to++ = *line;
			bytes--;
		}
	*to = '\0';
	return line;
}

static void read_command_line(char *way, size_t bytes)
{
	static const char device[] = "virtio_mmio.device=";
	const char *line = (const char *)zero_page(ZERO_COMMAND_LINE, 4);

	for (;;) {
		line = next_word(line, way, bytes);
		if (strncmp(way, device, strlen(device)) != 0)
			break;
		add_device(way + strlen(device));
	}
	next_word(line, argument, sizeof(argument));
}

void kernel_main(uint64_t zero)
{
	char way[64];

	(void)zero; /* start_found.rsi */
	map_devices();
	read_command_line(way, sizeof(way));
	for (unsigned i = 0; i < way_count; i++) {
		if (strcmp(ways[i].name, way) != 0)
			continue;
		ways[i].run();
		if (failed)
			reset();
		printf("%s: ok\n", way);
		power_off();
	}
	if (strcmp(way, "ways") != 0)
		printf("unknown way: %s\ncommand line: [%s]\n", way, (const char *)zero_page(ZERO_COMMAND_LINE, 4));
	for (unsigned i = 0; i < way_count; i++)
		printf("%s\n", ways[i].name);
	power_off();
}
