/* SPDX-License-Identifier: Apache-2.0 */
#include "control/doctor_cpu.h"

#include <unistd.h>

#include "control/commands.h"
#include "control/text.h"
#include "vmm/cpu.h"
#include "vmm/error.h"
#include "vmm/kvm.h"
#include "vmm/msr.h"
#include "vmm/sys.h"
#include "vmm/vcpu.h"
#include "vmm/vm.h"

static const char *const register_names[] = {
	[CPU_LEAF] = "leaf", [CPU_EAX] = "eax", [CPU_EBX] = "ebx", [CPU_ECX] = "ecx", [CPU_EDX] = "edx",
};

/* The model as this host gives it to a native guest that asks for all there is. */
struct outcome {
	struct cpu_table host, guest;
	struct cpu_state state;
	struct error error;
};

static void make(struct outcome *o, enum cpu_model model, struct sys *sys)
{
	struct cpu_config config = { .model = model, .vcpus = 1, .xsave = true };
	const struct vcpu none = { .fd = -1 };
	struct kvm kvm;
	struct vm vm;

	if (kvm_open(&kvm, sys, &o->error) < 0)
		return;
	if (vm_create(&vm, &kvm, sys, &o->error) == 0) {
		config.tsc_khz = vcpu_tsc_khz(&none, &vm, sys);
		vm_destroy(&vm, sys);
		if (cpu_supported(&kvm, &o->host, sys, &o->error) == 0)
			cpu_model_make(&o->guest, &o->state, &o->host, &config, &o->error);
	}
	kvm_close(&kvm, sys);
}

static void rule_text(struct text *text, const struct cpu_rule *rule)
{
	text_printf(text, "0x%08x", rule->leaf);
	if (rule->reg != CPU_LEAF)
		text_printf(text, ".%u %s 0x%08x", rule->index, register_names[rule->reg], rule->mask);
	else if (rule->last != rule->leaf)
		text_printf(text, " to 0x%08x     ", rule->last);
	else
		text_printf(text, "                  ");
	text_printf(text, "  %s: %s: %s\n", cpu_when_name(rule->when), rule->what, rule->why);
}

static void print_text(struct text *text, enum cpu_model model, const struct outcome *o)
{
	unsigned rule_count, msr_count;
	const struct cpu_rule *rules = cpu_model_rules(model, &rule_count);
	const struct msr_rule *msrs = msr_rules(&msr_count);

	text_printf(text, "cpu model %s\n\nCPUID: leaf, register, bits\n", cpu_model_name(model));
	for (unsigned i = 0; i < rule_count; i++)
		rule_text(text, &rules[i]);
	text_printf(text, "\nMSRs, at ring 0\n");
	for (unsigned i = 0; i < msr_count; i++)
		text_printf(text, "0x%08x to 0x%08x      %s: %s: %s\n", msrs[i].first, msrs[i].last,
			    msrs[i].given ? "given" : "refused", msrs[i].name, msrs[i].why);
	text_printf(text, "every other MSR               as KVM has it: #GP for those that it does not know\n");
	if (o->error.kind != ERROR_NONE)
		return;
	text_printf(text, "\non this host          eax        ebx        ecx        edx\n");
	for (uint32_t i = 0; i < o->guest.count; i++) {
		const struct kvm_cpuid_entry2 *e = &o->guest.entries[i];

		text_printf(text, "0x%08x.%-2u       0x%08x 0x%08x 0x%08x 0x%08x\n", e->function, e->index, e->eax, e->ebx, e->ecx,
			    e->edx);
	}
	text_printf(text, "xcr0 0x%llx, XSAVE area %u bytes, for an image that asks\n", (unsigned long long)o->state.xcr0,
		    o->state.xsave_bytes);
}

static void rules_json(struct text *text, enum cpu_model model)
{
	unsigned rule_count, msr_count;
	const struct cpu_rule *rules = cpu_model_rules(model, &rule_count);
	const struct msr_rule *msrs = msr_rules(&msr_count);

	json_open(text, "rules", '[');
	for (unsigned i = 0; i < rule_count; i++) {
		json_open(text, NULL, '{');
		json_hex(text, "leaf", rules[i].leaf);
		json_hex(text, "last_leaf", rules[i].last);
		json_string(text, "register", register_names[rules[i].reg]);
		if (rules[i].reg != CPU_LEAF) {
			json_u64(text, "index", rules[i].index);
			json_hex(text, "bits", rules[i].mask);
		}
		json_string(text, "when", cpu_when_name(rules[i].when));
		json_string(text, "what", rules[i].what);
		json_string(text, "why", rules[i].why);
		json_close(text, '}');
	}
	json_close(text, ']');
	json_open(text, "msrs", '[');
	for (unsigned i = 0; i < msr_count; i++) {
		json_open(text, NULL, '{');
		json_hex(text, "first", msrs[i].first);
		json_hex(text, "last", msrs[i].last);
		json_bool(text, "given", msrs[i].given);
		json_string(text, "what", msrs[i].name);
		json_string(text, "why", msrs[i].why);
		json_close(text, '}');
	}
	json_close(text, ']');
}

static void print_json(struct text *text, enum cpu_model model, const struct outcome *o)
{
	json_open(text, NULL, '{');
	json_string(text, "cpu_model", cpu_model_name(model));
	rules_json(text, model);
	json_string(text, "error", o->error.kind != ERROR_NONE ? o->error.text : NULL);
	json_open(text, "table", '[');
	for (uint32_t i = 0; o->error.kind == ERROR_NONE && i < o->guest.count; i++) {
		const struct kvm_cpuid_entry2 *e = &o->guest.entries[i];

		json_open(text, NULL, '{');
		json_hex(text, "leaf", e->function);
		json_u64(text, "index", e->index);
		json_hex(text, "eax", e->eax);
		json_hex(text, "ebx", e->ebx);
		json_hex(text, "ecx", e->ecx);
		json_hex(text, "edx", e->edx);
		json_close(text, '}');
	}
	json_close(text, ']');
	json_hex(text, "xcr0", o->state.xcr0);
	json_u64(text, "xsave_bytes", o->state.xsave_bytes);
	json_close(text, '}');
	text_printf(text, "\n");
}

int doctor_cpu(enum cpu_model model, bool json, struct sys *sys)
{
	struct outcome o = { 0 };
	struct text text;

	make(&o, model, sys);
	text_begin(&text, sys, STDOUT_FILENO);
	(json ? print_json : print_text)(&text, model, &o);
	int code = command_printed(text_end(&text));

	return o.error.kind != ERROR_NONE ? command_failed(&o.error) : code;
}
