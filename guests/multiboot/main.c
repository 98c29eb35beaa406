/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that is started by multiboot 1 and says what it finds; docs/ABI.md, "Multiboot". 32-bit, no paging. The word after its
 * own name, and after the devices, says what it looks at. It ends by power-off (code 0), or by a reset (125) after a complaint.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COM1          0x3f8
#define LSR           (COM1 + 5)
#define LSR_THRE      0x20
#define KEYBOARD      0x64
#define RESET_COMMAND 0xfe
#define SLEEP_CONTROL 0x600
#define SLP_S5_AND_EN 0x34 /* ACPI 6.4, 4.8.3.7 */

#define MAGIC 0x2badb002

/* start.S fills it in. Not in the bss, which a loader may have forgotten to clear. */
struct found {
	uint32_t eax, ebx, esp, eflags;
	uint16_t cs, ds, es, fs, gs, ss;
} found = { .eax = 1 };

/* 3.3 */
struct info {
	uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
	uint32_t mmap_length, mmap_addr, drives[2], config_table, boot_loader_name, apm_table;
};

struct run {
	uint32_t size;
	uint64_t base, length;
	uint32_t type;
} __attribute__((packed));

struct module {
	uint32_t start, end, string, reserved;
};

extern const char image_start[], image_end[];

static bool failed;

void guest_main(void);

/* ---- ports and output ---- */

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static uint8_t in8(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void put(char c)
{
	while (!(in8(LSR) & LSR_THRE))
		;
	out8(COM1, (uint8_t)c);
}

static void text(const char *string)
{
	while (*string)
		put(*string++);
}

static void hex(uint64_t value)
{
	unsigned digits = 1;

	while (digits < 16 && value >> 4 * digits)
		digits++;
	text("0x");
	while (digits-- > 0)
		put("0123456789abcdef"[value >> 4 * digits & 15]);
}

static void field(const char *name, uint64_t value)
{
	text(name);
	hex(value);
}

_Noreturn static void end(uint16_t port, uint8_t value)
{
	out8(port, value);
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void expect(const char *what, uint64_t got, uint64_t wanted)
{
	if (got == wanted)
		return;
	text(what);
	field(": ", got);
	field(" instead of ", wanted);
	put('\n');
	failed = true;
}

/* ---- what is told ---- */

static const struct info *info(void)
{
	return (const struct info *)found.ebx;
}

static const struct module *module(unsigned i)
{
	return (const struct module *)info()->mods_addr + i;
}

static void command_line(void)
{
	text("command line: [");
	text((const char *)info()->cmdline);
	text("]\n");
}

static void loader(void)
{
	text("loader: ");
	text((const char *)info()->boot_loader_name);
	put('\n');
}

static void memory(void)
{
	uint32_t at = info()->mmap_addr, after = at + info()->mmap_length;

	field("memory: ", info()->mem_lower);
	field(" KiB and ", info()->mem_upper);
	text(" KiB\n");
	while (at < after) {
		const struct run *run = (const struct run *)at;

		field("map: ", run->base);
		field(" to ", run->base + run->length);
		field(", type ", run->type);
		put('\n');
		at += run->size + sizeof(run->size);
	}
}

static void modules(void)
{
	field("modules: ", info()->mods_count);
	put('\n');
	for (unsigned i = 0; i < info()->mods_count; i++) {
		const struct module *m = module(i);
		uint32_t sum = 0;

		for (uint32_t at = m->start; at < m->end; at++)
			sum += *(const uint8_t *)at;
		field("module: ", m->end - m->start);
		field(" bytes, sum ", sum);
		text(", string [");
		text((const char *)m->string);
		text("]\n");
		expect("a module's page", m->start & 0xfff, 0);
		expect("a module's reserved field", m->reserved, 0);
	}
}

/* ---- how it begins ---- */

static void registers(void)
{
	struct { uint16_t limit; uint32_t base; } __attribute__((packed)) gdtr;
	uint32_t cr0;

	__asm__ volatile("sgdt %0" : "=m"(gdtr));
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	expect("EAX", found.eax, MAGIC);
	expect("CR0.PG, CR0.PE", cr0 & 0x80000001, 1);
	expect("EFLAGS: VM, IF", found.eflags & 0x20200, 0);
	expect("DS and SS", found.ds, found.ss);
	expect("DS and ES", found.ds, found.es);
	expect("DS and FS", found.ds, found.fs);
	expect("DS and GS", found.ds, found.gs);
	expect("the information structure's flags", info()->flags, 0x24d);
	/* What the selectors hid is in the GDT too. */
	expect("room in the GDT", gdtr.limit >= (found.ds | 7) && gdtr.limit >= (found.cs | 7), true);
	__asm__ volatile("pushl %0; pushl $1f; lretl; 1:" : : "r"((uint32_t)found.cs) : "memory");
	__asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%ss" : : "r"((uint32_t)found.ds) : "memory");
	expect("what is read by them", found.eax, MAGIC);
}

static const struct place {
	uint32_t from, to;
} *places(unsigned *count)
{
	static struct place list[32];
	const char *line = (const char *)info()->cmdline;
	uint32_t length = 0;
	unsigned n = 0;

	while (line[length])
		length++;
	list[n++] = (struct place){ (uint32_t)image_start, (uint32_t)image_end };
	list[n++] = (struct place){ found.ebx, found.ebx + sizeof(struct info) };
	list[n++] = (struct place){ info()->cmdline, info()->cmdline + length + 1 };
	list[n++] = (struct place){ info()->mmap_addr, info()->mmap_addr + info()->mmap_length };
	list[n++] = (struct place){ info()->mods_addr, (uint32_t)module(info()->mods_count) };
	list[n++] = (struct place){ info()->boot_loader_name, info()->boot_loader_name + 1 };
	list[n++] = (struct place){ found.esp - 64, found.esp };
	for (unsigned i = 0; i < info()->mods_count; i++)
		list[n++] = (struct place){ module(i)->start, module(i)->end };
	*count = n;
	return list;
}

static bool is_ram(uint32_t from, uint32_t to)
{
	return to <= info()->mem_lower << 10 || (from >= 1 << 20 && to <= (1 << 20) + (info()->mem_upper << 10));
}

/* Everything lies in RAM, and no two things in the same place. */
static void apart(void)
{
	unsigned count;
	const struct place *list = places(&count);

	for (unsigned i = 0; i < count; i++) {
		expect("in RAM", is_ram(list[i].from, list[i].to), true);
		for (unsigned k = 0; k < i; k++)
			if (list[i].from < list[k].to && list[k].from < list[i].to) {
				field("apart: ", list[i].from);
				field(" lies in what ends at ", list[k].to);
				put('\n');
				failed = true;
			}
	}
}

static void image(void)
{
	static volatile uint32_t data[1024] = { [1023] = MAGIC }, bss[1024];

	field("image: ", (uint32_t)image_start);
	put('\n');
	expect("the last of the data", data[1023], MAGIC);
	for (unsigned i = 0; i < 1024; i++)
		expect("the bss", bss[i], 0);
}

static void reset(void)
{
	end(KEYBOARD, RESET_COMMAND);
}

/* QEMU's debug exits: 3 becomes 7. */
static void exit_f4(void)
{
	end(0xf4, 3);
}

static void exit_501(void)
{
	end(0x501, 3);
}

static void triple_fault(void)
{
	static const struct { uint16_t limit; uint32_t base; } __attribute__((packed)) none = { 0, 0 };

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}

static const struct {
	const char *name;
	void (*run)(void);
} ways[] = {
	{ "command_line", command_line }, { "loader", loader },	  { "memory", memory }, { "modules", modules },
	{ "registers", registers },	  { "apart", apart },	  { "image", image },	{ "reset", reset },
	{ "triple_fault", triple_fault },	  { "exit_f4", exit_f4 }, { "exit_501", exit_501 },
};

/* Is the next word `word`? */
static bool is_word(const char *at, const char *word)
{
	while (*word && *at == *word)
		at++, word++;
	return !*word && (!*at || *at == ' ');
}

static const char *next_word(const char *at)
{
	while (*at && *at != ' ')
		at++;
	return *at ? at + 1 : at;
}

void guest_main(void)
{
	static const char device[] = "virtio_mmio.device=";
	const char *word = next_word((const char *)info()->cmdline);
	bool known = false;

	while (*word == device[0] && word[sizeof(device) - 2] == '=')
		word = next_word(word);
	for (unsigned i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (!is_word(word, ways[i].name))
			continue;
		ways[i].run();
		known = true;
	}
	if (failed || !known)
		reset();
	text("ok\n");
	end(SLEEP_CONTROL, SLP_S5_AND_EN);
}
