/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "control/report.h"
#include "control/text.h"
#include "vmm/exits.h"
#include "vmm/machine.h"
#include "vmm/solo5.h"

#define SYMBOL_BYTES 96

/* Registers in the order in which a person looks for them. */
static const struct {
	const char *name;
	size_t offset;
} registers[] = {
#define REGISTER(name) { #name, offsetof(struct kvm_regs, name) }
	REGISTER(rip), REGISTER(rflags), REGISTER(rsp), REGISTER(rbp),
	REGISTER(rax), REGISTER(rbx), REGISTER(rcx), REGISTER(rdx),
	REGISTER(rsi), REGISTER(rdi), REGISTER(r8), REGISTER(r9),
	REGISTER(r10), REGISTER(r11), REGISTER(r12), REGISTER(r13),
	REGISTER(r14), REGISTER(r15),
};

#define REGISTER_COUNT (sizeof(registers) / sizeof(registers[0]))

static uint64_t register_value(const struct crash *crash, unsigned i)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)&crash->state.regs + registers[i].offset, sizeof(value));
	return value;
}

/* A return address is looked up one byte earlier: it may be the first of the next function. */
static bool frame_symbol(struct machine *m, unsigned i, char name[SYMBOL_BYTES], uint64_t *offset)
{
	bool found = image_symbol(&m->image, m->crash.frames[i] - (i > 0), name, SYMBOL_BYTES, offset, &m->sys);

	*offset += found && i > 0;
	return found;
}

static void insn_hex(const struct crash *crash, char hex[3 * CRASH_INSN_BYTES + 1])
{
	hex[0] = '\0';
	for (unsigned i = 0; i < crash->insn_bytes; i++)
		snprintf(hex + 3 * i, 4, i + 1 < crash->insn_bytes ? "%02x " : "%02x", crash->insn[i]);
}

/* Foreign guests': what it had asked for by then. A native one's are in the report. */
static void calls_text(struct text *text, const struct machine *m)
{
	if (m->image.protocol->kind != IMAGE_SOLO5)
		return;
	text_printf(text, "\nkvick:   solo5: %u devices, hypercalls", m->solo5 ? m->solo5->entries - 1 : 0);
	for (unsigned i = 1; i < CALLS_MAX; i++)
		if (m->calls[i])
			text_printf(text, " %s %llu", m->boot->call_name(i), (unsigned long long)m->calls[i]);
}

void crash_text(struct text *text, struct machine *m)
{
	const struct crash *crash = &m->crash;
	char name[SYMBOL_BYTES], hex[3 * CRASH_INSN_BYTES + 1];
	uint64_t offset;

	text_printf(text, "kvick: ");
	text_name(text, m->config->image_path);
	text_printf(text, ": guest crashed: %s\n", crash->reason);
	if (!crash->state_known)
		return;
	for (unsigned i = 0; i < REGISTER_COUNT; i++)
		text_printf(text, "%s%-6s %016llx%s", i % 4 == 0 ? "kvick:   " : " ", registers[i].name,
			    (unsigned long long)register_value(crash, i), i % 4 == 3 || i + 1 == REGISTER_COUNT ? "\n" : "");
	text_printf(text, "kvick:   cr2    %016llx cr3    %016llx cs %04x ss %04x, ring %u, %s",
		    (unsigned long long)crash->state.sregs.cr2, (unsigned long long)crash->state.sregs.cr3,
		    crash->state.sregs.cs.selector, crash->state.sregs.ss.selector,
		    m->ring, kvm_exit_name(crash->kvm_exit_reason));
	if (crash->kvm_suberror)
		text_printf(text, " (%u)", crash->kvm_suberror);
	if (crash->vector >= 0)
		text_printf(text, ", vector %d, error code 0x%llx", crash->vector, (unsigned long long)crash->error_code);
	calls_text(text, m);
	insn_hex(crash, hex);
	text_printf(text, "\nkvick:   code at rip: %s\nkvick:   backtrace:\n", crash->insn_bytes ? hex : "(not readable)");
	for (unsigned i = 0; i < crash->frame_count; i++) {
		text_printf(text, "kvick:     #%-2u %016llx", i, (unsigned long long)crash->frames[i]);
		if (frame_symbol(m, i, name, &offset))
			text_printf(text, " %s+0x%llx", name, (unsigned long long)offset);
		text_printf(text, "\n");
	}
}

void crash_json(struct text *text, struct machine *m)
{
	const struct crash *crash = &m->crash;
	char name[SYMBOL_BYTES], hex[3 * CRASH_INSN_BYTES + 1];
	uint64_t offset;

	json_open(text, "crash", '{');
	json_string(text, "reason", crash->reason);
	json_string(text, "vector_name", crash->vector_name);
	if (crash->vector >= 0) {
		json_u64(text, "vector", (uint64_t)crash->vector);
		json_hex(text, "error_code", crash->error_code);
	}
	json_string(text, "kvm_exit", kvm_exit_name(crash->kvm_exit_reason));
	json_u64(text, "kvm_suberror", crash->kvm_suberror);
	if (crash->state_known) {
		json_open(text, "registers", '{');
		for (unsigned i = 0; i < REGISTER_COUNT; i++)
			json_hex(text, registers[i].name, register_value(crash, i));
		json_hex(text, "cr2", crash->state.sregs.cr2);
		json_hex(text, "cr3", crash->state.sregs.cr3);
		json_hex(text, "cs", crash->state.sregs.cs.selector);
		json_hex(text, "ss", crash->state.sregs.ss.selector);
		json_close(text, '}');
		insn_hex(crash, hex);
		json_string(text, "code", hex);
		json_open(text, "backtrace", '[');
		for (unsigned i = 0; i < crash->frame_count; i++) {
			bool found = frame_symbol(m, i, name, &offset);

			json_open(text, NULL, '{');
			json_hex(text, "address", crash->frames[i]);
			json_string(text, "symbol", found ? name : NULL);
			if (found)
				json_u64(text, "offset", offset);
			json_close(text, '}');
		}
		json_close(text, ']');
	}
	json_close(text, '}');
}
