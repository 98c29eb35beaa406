/* SPDX-License-Identifier: Apache-2.0 */
#include "control/run_options.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "control/commands.h"
#include "control/device_options.h"
#include "control/machine_options.h"
#include "control/options.h"
#include "control/solo5_options.h"
#include "control/units.h"
#include "vmm/guest_mem.h"

static int take_mem(void *into, const char *value, struct error *error)
{
	struct run_options *o = into;
	uint64_t bytes;

	if (!units_size(value, &bytes))
		return error_set(error, ERROR_USAGE, EINVAL, "--mem %s: not a size: write 16M, 2G or a number of bytes", value);
	if (bytes < GUEST_MEM_BYTES_MIN)
		return error_set(error, ERROR_USAGE, EINVAL, "--mem %s: less than the smallest guest's 2M", value);
	if (bytes > GUEST_MEM_BYTES_MAX)
		return error_set(error, ERROR_USAGE, EINVAL, "--mem %s: more than the largest guest's 64G", value);
	if (bytes % GUEST_PAGE_BYTES)
		return error_set(error, ERROR_USAGE, EINVAL, "--mem %s: not a multiple of 4K: the next is %lluK", value,
				 (bytes / GUEST_PAGE_BYTES + 1) * GUEST_PAGE_BYTES >> 10);
	o->machine.mem_bytes = bytes;
	return 0;
}

static int take_ring(void *into, const char *value, struct error *error)
{
	struct run_options *o = into;

	if (strcmp(value, "auto") == 0)
		o->machine.ring = RING_AUTO;
	else if (strcmp(value, "0") == 0)
		o->machine.ring = RING_0;
	else if (strcmp(value, "3") == 0)
		o->machine.ring = RING_3;
	else
		return error_set(error, ERROR_USAGE, EINVAL, "--ring %s: write auto, 0 or 3", value);
	return 0;
}

static int take_doorbell(void *into, const char *value, struct error *error)
{
	struct run_options *o = into;

	if (strcmp(value, "auto") == 0)
		o->machine.doorbell = DOORBELL_AUTO;
	else if (strcmp(value, "port") == 0)
		o->machine.doorbell = DOORBELL_PORT;
	else if (strcmp(value, "vmcall") == 0)
		o->machine.doorbell = DOORBELL_VMCALL;
	else
		return error_set(error, ERROR_USAGE, EINVAL, "--doorbell %s: write auto, port or vmcall", value);
	return 0;
}

static int take_cpu(void *into, const char *value, struct error *error)
{
	struct run_options *o = into;

	if (strcmp(value, "auto") == 0)
		o->machine.cpu = CPU_AUTO;
	else if (!cpu_model_by_name(value, &o->machine.cpu))
		return error_set(error, ERROR_USAGE, EINVAL, "--cpu %s: write auto, none, host, baseline, baseline-v2 or "
				 "baseline-v3", value);
	return 0;
}

static int take_timeout(void *into, const char *value, struct error *error)
{
	struct run_options *o = into;

	if (!units_duration(value, &o->timeout_ns))
		return error_set(error, ERROR_USAGE, EINVAL, "--timeout %s: not a duration: write 500ms, 2s, 1.5m or 1h", value);
	if (o->timeout_ns == 0)
		return error_set(error, ERROR_USAGE, EINVAL, "--timeout %s: no time at all: write 500ms, 2s, 1.5m or 1h", value);
	return 0;
}

static int take_report(void *into, const char *value, struct error *error)
{
	struct run_options *o = into;

	const char *equals = strchrnul(value, '=');
	size_t length = (size_t)(equals - value);

	o->report = length == 4 && memcmp(value, "json", 4) == 0 ? REPORT_JSON :
		    length == 4 && memcmp(value, "text", 4) == 0 ? REPORT_TEXT :
		    length == 6 && memcmp(value, "stamps", 6) == 0 ? REPORT_STAMPS : REPORT_NONE;
	if (o->report == REPORT_NONE || strcmp(equals, "=") == 0)
		return error_set(error, ERROR_USAGE, EINVAL, "--report: write text, json, text=FILE or json=FILE");
	if (o->report == REPORT_STAMPS && (equals[0] == '\0' || strspn(equals + 1, "0123456789") != strlen(equals + 1) ||
					   strlen(equals + 1) > 6))
		return error_set(error, ERROR_USAGE, EINVAL, "--report: stamps=N: write the number of an open descriptor for N");
	o->report_path = *equals ? equals + 1 : NULL;
	o->machine.report = true;
	return 0;
}

COLD static int take_env(void *into, const char *value, struct error *error)
{
	struct run_options *o = into;

	if (value[0] == '=' || !strchr(value, '='))
		return error_set(error, ERROR_USAGE, EINVAL, "--env %s: write NAME=VALUE", value);
	if (o->machine.envc == RUN_ENV_MAX)
		return error_set(error, ERROR_USAGE, E2BIG, "--env %s: one variable too many: a guest takes %d", value,
				 RUN_ENV_MAX);
	o->env[o->machine.envc++] = value;
	return 0;
}

COLD static int take_request(void *into, const char *value, struct error *error)
{
	(void)error;
	((struct run_options *)into)->request_path = value;
	return 0;
}

COLD static int take_hugepages(void *into, const char *value, struct error *error)
{
	if (value && strcmp(value, "transparent") != 0)
		return error_set(error, ERROR_USAGE, EINVAL, "--hugepages=%s: write --hugepages or --hugepages=transparent", value);
	((struct run_options *)into)->machine.pages = value ? GUEST_PAGES_TRANSPARENT : GUEST_PAGES_HUGETLBFS;
	return 0;
}

/* Devices. Their words are cut up where they are, for argv is ours to change; a copy stays for who wants to know them. */
FOR_DEVICES static struct device_options *devices_of(struct run_options *o, const char *value)
{
	if (o->words && value && o->devices->count < KVICK_DEVICES_MAX)
		o->words[o->devices->count] = strdup(value);
	o->has_devices = true;
	return o->devices;
}

FOR_DEVICES static int take_disk(void *into, const char *value, struct error *error)
{
	return device_options_disk(devices_of(into, value), (char *)(uintptr_t)value, error);
}

FOR_DEVICES static int take_net(void *into, const char *value, struct error *error)
{
	return device_options_net(devices_of(into, value), (char *)(uintptr_t)value, error);
}

FOR_DEVICES static int take_rng(void *into, const char *value, struct error *error)
{
	return device_options_rng(devices_of(into, value), (char *)(uintptr_t)value, error);
}

FOR_DEVICES static int take_vsock(void *into, const char *value, struct error *error)
{
	return device_options_vsock(devices_of(into, value), (char *)(uintptr_t)value, error);
}

FOR_DEVICES static int take_console(void *into, const char *value, struct error *error)
{
	return device_options_console(devices_of(into, value), (char *)(uintptr_t)value, error);
}

/* Solo5's: "NAME=VALUE". */
FOR_DEVICES static struct solo5_options *solo5_of(struct run_options *o)
{
	o->has_solo5 = true;
	return o->solo5;
}

FOR_DEVICES static int take_block(void *into, const char *value, struct error *error)
{
	return solo5_options_block(solo5_of(into), (char *)(uintptr_t)value, error);
}

FOR_DEVICES static int take_sector_size(void *into, const char *value, struct error *error)
{
	return solo5_options_sector_size(solo5_of(into), (char *)(uintptr_t)value, error);
}

FOR_DEVICES static int take_solo5_net(void *into, const char *value, struct error *error)
{
	return solo5_options_net(solo5_of(into), (char *)(uintptr_t)value, error);
}

FOR_DEVICES static int take_mac(void *into, const char *value, struct error *error)
{
	return solo5_options_mac(solo5_of(into), (char *)(uintptr_t)value, error);
}

FOR_DEVICES static int take_io(void *into, const char *value, struct error *error)
{
	static const struct {
		const char *name;
		enum engine_kind kind;
	} kinds[] = { { "auto", ENGINE_AUTO }, { "io_uring", ENGINE_IO_URING }, { "sync", ENGINE_SYNC } };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcmp(kinds[i].name, value) == 0) {
			((struct run_options *)into)->machine.devices.engine = kinds[i].kind;
			return 0;
		}
	return error_set(error, ERROR_USAGE, EINVAL, "--io %s: write auto, io_uring or sync", value);
}

COLD static int take_virtio(void *into, const char *value, struct error *error)
{
	bool legacy = strcmp(value, "legacy") == 0;

	if (!legacy && strcmp(value, "modern") != 0)
		return error_set(error, ERROR_USAGE, EINVAL, "--virtio %s: write modern or legacy", value);
	((struct run_options *)into)->machine.devices.legacy = legacy;
	return 0;
}

static int take_no_sandbox(void *into, const char *value, struct error *error)
{
	(void)value, (void)error;
	((struct run_options *)into)->machine.sandbox = false;
	return 0;
}

COLD static int take_initrd(void *into, const char *value, struct error *error)
{
	(void)error;
	((struct run_options *)into)->machine.initrd_path = value;
	return 0;
}

/* Its words are cut up where they are: argv is ours to change. */
COLD static int take_module(void *into, const char *value, struct error *error)
{
	struct run_options *o = into;
	char *comma = strchr((char *)(uintptr_t)value, ',');

	if (comma == value || *value == '\0')
		return error_set(error, ERROR_USAGE, EINVAL, "--module %s: write FILE or FILE,STRING", value);
	if (o->machine.module_count == MACHINE_MODULES_MAX - 1)
		return error_set(error, ERROR_USAGE, E2BIG, "--module %s: one module too many: a guest takes %u", value,
				 MACHINE_MODULES_MAX - 1);
	if (comma)
		*comma++ = '\0';
	o->modules[++o->machine.module_count] = (struct module_config){ .path = value, .string = comma };
	return 0;
}

COLD static void list_modules(struct run_options *o)
{
	o->machine.modules = o->modules + 1;
	if (!o->machine.initrd_path)
		return;
	o->modules[0].path = o->machine.initrd_path;
	o->machine.modules = o->modules;
	o->machine.module_count++;
}

COLD static int take_output(void *into, const char *value, struct error *error)
{
	(void)error;
	((struct run_options *)into)->output = value;
	return 0;
}

COLD static int take_after(void *into, const char *value, struct error *error)
{
	struct run_options *o = into;

	o->after = true;
	if (!units_duration(value, &o->after_ns))
		return error_set(error, ERROR_USAGE, EINVAL, "--after %s: not a duration: write 0, 500ms, 2s, 1.5m or 1h", value);
	return 0;
}

COLD static int take_json(void *into, const char *value, struct error *error)
{
	(void)value, (void)error;
	((struct run_options *)into)->json = true;
	return 0;
}

COLD static int take_verify(void *into, const char *value, struct error *error)
{
	(void)value, (void)error;
	((struct run_options *)into)->verify = true;
	return 0;
}

COLD static int take_same_devices(void *into, const char *value, struct error *error)
{
	(void)value, (void)error;
	((struct run_options *)into)->same_devices = true;
	return 0;
}

COLD static int refuse_fixed(void *into, const char *value, struct error *error)
{
	(void)into, (void)value;
	return error_set(error, ERROR_USAGE, EINVAL, "memory, ring, CPU, environment and arguments are the snapshot's: take "
			 "another with other ones");
}

COLD static int take_protocol(void *into, const char *value, struct error *error)
{
	return command_take_protocol(value, &((struct run_options *)into)->machine.protocol, error);
}

COLD static int take_machine(void *into, const char *value, struct error *error)
{
	struct run_options *o = into;

	o->machine.pc_words = value;
	return machine_options(&o->machine.pc, value, error);
}

const struct option_row run_option_rows[] = {
	{ "mem", "SIZE", "guest RAM: 16M, 2G (default: what the image asks for, at least 16M)", take_mem, OF_IMAGE },
	{ "ring", "auto|0|3", "privilege level to run the guest at (default auto: the one that is native here)", take_ring,
	  OF_IMAGE },
	{ "cpu", "MODEL", "what CPUID tells: auto (as the image asks), none, host, baseline, baseline-v2, -v3", take_cpu,
	  OF_IMAGE },
	{ "o", "DIR", "the directory that is written; a snapshot that is there already is replaced when the new one is whole",
	  take_output, OF_SNAPSHOT },
	{ "after", "DURATION", "stop the guest after so long, instead of when it is ready; after 0 before its first instruction",
	  take_after, OF_SNAPSHOT },
	{ "timeout", "DURATION", "end the guest after 500ms, 2s, 1m (default: never)", take_timeout, OF_ALL },
	{ "report", "text|json[=FILE]", "say where the time went, on stderr or in FILE", take_report,
	  OF_RUN | OF_RESTORE },
	{ "env", "NAME=VALUE", "set a variable in the guest's environment; may be repeated", take_env, OF_IMAGE },
	{ "request", "FILE", "what a function is asked (\"-\": stdin); its reply goes to stdout, its console to stderr",
	  take_request, OF_RUN | OF_RESTORE },
	{ "protocol", "NAME", "take the image for native, solo5, linux, pvh or multiboot (default: found by looking at it)",
	  take_protocol, OF_IMAGE },
	{ "initrd", "FILE", "give a kernel its first root file system; what follows \"--\" is its command line",
	  take_initrd, OF_RUN },
	{ "machine", "WORD[,WORD...]",
	  "what a PC has besides: debug-exit=PORT, exit-code=PORT, triple-fault=exit|crash, pvpanic, testdev", take_machine,
	  OF_RUN },
	{ "module", "FILE[,STRING]", "give a multiboot or PVH guest a file, after --initrd's; may be repeated", take_module,
	  OF_RUN },
	{ "disk", "PATH[,ro][,direct][,id=NAME][,queues=N]",
	  "give the guest a file or block device as a virtio disk; may be repeated", take_disk, OF_ALL },
	{ "net", "tap=NAME|fd=N|user[=PATH][,tcp=PORT][,udp=PORT][,mac=…][,mtu=N][,id=NAME]",
	  "give the guest a virtio network; may be repeated", take_net, OF_ALL },
	{ "rng", "[=id=NAME]", "give the guest a virtio entropy device", take_rng, OF_ALL },
	{ "vsock", "CID,PATH[,id=NAME]", "give the guest a socket device, whose host end is Unix sockets: PATH, PATH_PORT",
	  take_vsock, OF_ALL },
	{ "console", "[=id=NAME]", "give the guest our stdin and stdout as a virtio console; Ctrl-] ends it", take_console,
	  OF_ALL },
	{ "block:NAME", "PATH", "Solo5: attach a file or block device to a name in the image's manifest", take_block, OF_RUN },
	{ "block-sector-size:NAME", "N", "Solo5: its unit, a power of two from 512 on (default 512)", take_sector_size, OF_RUN },
	{ "net:NAME", "TAP|@N", "Solo5: attach a tap, or descriptor N, to a name in the image's manifest", take_solo5_net,
	  OF_RUN },
	{ "net-mac:NAME", "MAC", "Solo5: the guest's address there (default: made from the tap's)", take_mac, OF_RUN },
	{ "io", "auto|io_uring|sync", "how devices do their I/O (default auto: by io_uring where there is one)", take_io, OF_ALL },
	{ "virtio", "modern|legacy", "a kernel's devices by virtio-mmio version 2 (default), or 1", take_virtio, OF_RUN },
	{ "hugepages", "[=transparent]", "back guest RAM by 2 MiB pages: of hugetlbfs, or transparent ones", take_hugepages,
	  OF_RUN },
	{ "doorbell", "auto|port|vmcall", "how the guest makes hypercalls (default auto)", take_doorbell, OF_IMAGE },
	{ "no-sandbox", NULL, "do not close the seccomp filter before the guest starts", take_no_sandbox, OF_ALL },
	{ "json", NULL, "print the manifest", take_json, OF_SNAPSHOT },
	{ "same-devices", NULL, "give the guest the disks that it had, by the paths that are in the snapshot", take_same_devices,
	  OF_RESTORE },
	{ "verify", NULL, "check memory's checksum too, which reads all of it", take_verify, OF_RESTORE },
	{ "env", "NAME=VALUE", NULL, refuse_fixed, OF_RESTORE },
	{ "mem", "SIZE", NULL, refuse_fixed, OF_RESTORE },
	{ "ring", "auto|0|3", NULL, refuse_fixed, OF_RESTORE },
	{ "cpu", "MODEL", NULL, refuse_fixed, OF_RESTORE },
	{ 0 },
};

static int check(struct run_options *o, struct error *error)
{
	const struct machine_config *c = &o->machine;
	uint64_t args_bytes = 0;

	for (unsigned i = 0; i < c->argc; i++)
		args_bytes += strlen(c->argv[i]) + 1;
	for (unsigned i = 0; i < c->envc; i++)
		args_bytes += strlen(c->envp[i]) + 1;
	if (args_bytes > MACHINE_ARGS_BYTES_MAX)
		return error_set(error, ERROR_USAGE, E2BIG, "arguments and environment: %llu bytes, and a guest takes %u: pass "
				 "less", (unsigned long long)args_bytes, MACHINE_ARGS_BYTES_MAX);
	if (c->pages == GUEST_PAGES_HUGETLBFS && c->mem_bytes % PAGE_2M_BYTES)
		return error_set(error, ERROR_USAGE, EINVAL, "--hugepages: --mem must be a multiple of 2M");
	return 0;
}

FOR_DEVICES void run_options_devices(struct run_options *o)
{
	o->has_devices = true;
	o->machine.devices.list = o->devices->list;
	o->machine.devices.count = o->devices->count;
}

int run_options_parse(struct run_options *o, const struct command *command, int argc, char **argv, bool *help,
		      struct error *error)
{
	struct operands operands;
	int r;

	o->machine.ring = RING_AUTO;
	o->machine.cpu = CPU_AUTO;
	o->machine.sandbox = true;
	o->machine.console_fd = STDOUT_FILENO;
	r = options_parse(command, argc, argv, o, &operands, error);
	*help = operands.help;
	if (r < 0 || *help)
		return r;
	if (!operands.operand)
		return error_set(error, ERROR_USAGE, EINVAL, "%s is missing%s: usage: kvick %s",
				 command->of == OF_RESTORE ? "DIR" : "IMAGE",
				 operands.rest_count ? ", it comes before \"--\"" : "", command->synopsis);
	if (command->of == OF_RESTORE && operands.rest_count)
		return refuse_fixed(o, NULL, error);
	if (command->of == OF_SNAPSHOT && !o->output)
		return error_set(error, ERROR_USAGE, EINVAL, "-o DIR is missing: usage: kvick %s", command->synopsis);

	/* The guest's argv[0] is the image: put it where the "--" was, right before the guest's arguments. */
	char **guest_argv = operands.rest ? operands.rest - 1 : argv + argc - 1;

	o->machine.image_path = operands.operand;
	guest_argv[0] = (char *)operands.operand;
	o->machine.argv = (const char *const *)guest_argv;
	o->machine.argc = operands.rest_count + 1;
	o->machine.envp = o->env;
	if (o->machine.initrd_path || o->machine.module_count)
		list_modules(o);
	if (o->has_devices)
		run_options_devices(o);
	if (o->has_solo5)
		o->machine.solo5 = (struct solo5_config){ o->solo5->list, o->solo5->count };
	return check(o, error);
}
