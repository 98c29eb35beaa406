/* SPDX-License-Identifier: Apache-2.0 */
#include "control/server/options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "control/units.h"
#include "vmm/error.h"

enum kind { TEXT, LISTEN, LEVEL, IDS, COUNT, BYTES, DURATION, SWITCH };

struct row {
	const char *name, *value, *help;
	enum kind kind;
	size_t offset;
	uint64_t least, most;
};

#define AT(member)  offsetof(struct server_options, member)
#define S(n)        ((n) * 1000000000ull)
#define HOUR        S(3600)

static const struct row rows[] = {
	{ "socket", "PATH", "Unix socket (/run/kvick/kvickd.sock); empty: none", TEXT, AT(socket), 0, 0 },
	{ "listen", "ADDRESS:PORT", "loopback TCP too; up to four times", LISTEN, 0, 0, 0 },
	{ "images", "DIR", "where functions' images and snapshots are (.)", TEXT, AT(images), 0, 0 },
	{ "state", "DIR", "keeps the functions across restarts there", TEXT, AT(state), 0, 0 },
	{ "log", "FILE", "JSON lines; - is stderr (-)", TEXT, AT(log), 0, 0 },
	{ "log-level", "LEVEL", "error, warn, info or debug (info)", LEVEL, 0, 0, 0 },
	{ "max-connections", "N", "clients at once (1024)", COUNT, AT(connections_max), 1, 1000000 },
	{ "max-functions", "N", "(256)", COUNT, AT(functions_max), 1, 65536 },
	{ "max-queue", "N", "requests that wait, for each function (128)", COUNT, AT(queue_max), 0, 1000000 },
	{ "max-bytes", "SIZE", "of bodies in memory; then requests are refused (512M)", BYTES, AT(bytes_max), 1 << 20, 1ull << 46 },
	{ "client-timeout", "TIME", "for a client to send its request, or take the reply (30s)", DURATION, AT(client_timeout_ns),
	  S(1) / 20, HOUR },
	{ "drain", "TIME", "to finish what runs, after SIGTERM (30s)", DURATION, AT(drain_timeout_ns), 0, HOUR },
	{ "keep", "N", "invocations that are over, with logs and results (1000)", COUNT, AT(keep_count), 0, 1000000 },
	{ "keep-bytes", "SIZE", "of their logs and results (64M)", BYTES, AT(keep_bytes), 0, 1ull << 40 },
	{ "keep-time", "TIME", "(5m)", DURATION, AT(keep_ns), S(1) / 20, 24 * HOUR },
	{ "idle-time", "TIME", "after this a VM more than `warm` is given up (30s)", DURATION, AT(idle_ns), S(1) / 20, 24 * HOUR },
	{ "cancel-time", "TIME", "for a guest to end when its time is over; then its worker is killed (1s)", DURATION,
	  AT(cancel_ns), S(1) / 20, HOUR },
	{ "warm-time", "TIME", "for a VM to be made, or to be ready again; then its worker is killed (30s)", DURATION, AT(warm_ns),
	  S(1) / 20, HOUR },
	{ "worker", "PATH", "kvick-worker (beside kvickd, or in ../libexec/kvick)", TEXT, AT(worker), 0, 0 },
	{ "worker-ids", "FIRST-LAST", "user and group IDs that workers become, one each; needs root", IDS, 0, 0, 0 },
	{ "kvm", "PATH", "(/dev/kvm)", TEXT, AT(kvm), 0, 0 },
	{ "version", NULL, "", SWITCH, AT(version), 0, 0 },
	{ "help", NULL, "", SWITCH, AT(help), 0, 0 },
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool number(const char *text, char end_of_it, uint64_t *value, const char **rest)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	*rest = end + (*end != '\0');
	return errno == 0 && *end == end_of_it;
}

static bool ids(const char *value, struct server_options *options)
{
	const char *rest;

	return number(value, '-', &options->first_id, &rest) && number(rest, '\0', &options->last_id, &rest) &&
		options->first_id >= 1 && options->last_id >= options->first_id && options->last_id < UINT32_MAX;
}

static bool measure(enum kind kind, const char *value, uint64_t *number_out)
{
	const char *rest;

	if (kind == BYTES)
		return units_size(value, number_out);
	if (kind == DURATION)
		return units_duration(value, number_out);
	return number(value, '\0', number_out, &rest);
}

static int take(const struct row *row, const char *value, struct server_options *options, struct error *error)
{
	void *into = (char *)options + row->offset;
	bool fits = true;

	switch (row->kind) {
	case SWITCH:
		*(bool *)into = true;
		break;
	case TEXT:
		*(const char **)into = value;
		break;
	case LISTEN:
		fits = options->listen_count < OPTIONS_LISTEN_MAX;
		if (fits)
			options->listen[options->listen_count++] = value;
		break;
	case LEVEL:
		fits = log_level_of(value, &options->log_level);
		break;
	case IDS:
		fits = ids(value, options);
		break;
	case COUNT:
	case BYTES:
	case DURATION:
		fits = measure(row->kind, value, into) && *(uint64_t *)into >= row->least && *(uint64_t *)into <= row->most;
		break;
	}
	return fits ? 0 : error_set(error, ERROR_USAGE, EINVAL, "--%s %s: no such value: see `kvickd --help`", row->name, value);
}

static const struct row *find(const char *name, size_t length)
{
	for (unsigned i = 0; i < ROWS; i++) {
		if (strncmp(rows[i].name, name, length) == 0 && rows[i].name[length] == '\0')
			return &rows[i];
	}
	return NULL;
}

int server_options_parse(int argc, char **argv, struct server_options *options, struct error *error)
{
	*options = (struct server_options){
		.socket = "/run/kvick/kvickd.sock", .images = ".", .log = "-", .log_level = LOG_LEVEL_INFO, .kvm = "/dev/kvm",
		.connections_max = 1024, .functions_max = 256, .queue_max = 128, .bytes_max = 512ull << 20,
		.client_timeout_ns = S(30), .drain_timeout_ns = S(30),
		.keep_count = 1000, .keep_bytes = 64ull << 20, .keep_ns = S(300), .idle_ns = S(30), .cancel_ns = S(1),
		.warm_ns = S(30),
	};
	for (int i = 1; i < argc; i++) {
		const char *name = argv[i] + 2, *equals = strchr(argv[i], '='), *value = NULL;
		const struct row *row = NULL;
		int r;

		if (strncmp(argv[i], "--", 2) == 0)
			row = find(name, equals ? (size_t)(equals - name) : strlen(name));
		if (!row || (!row->value && equals))
			return error_set(error, ERROR_USAGE, EINVAL, "%s: no such option: see `kvickd --help`", argv[i]);
		if (row->value && !equals && i + 1 >= argc)
			return error_set(error, ERROR_USAGE, EINVAL, "--%s: its value is missing: --%s %s", row->name, row->name,
					 row->value);
		if (row->value)
			value = equals ? equals + 1 : argv[++i];
		r = take(row, value, options, error);
		if (r < 0)
			return r;
	}
	if (options->socket && options->socket[0] == '\0')
		options->socket = NULL;
	return 0;
}

void server_options_help(void)
{
	printf("usage: kvickd [OPTION]...\n\nServes functions, each call in a VM of its own. docs/SERVICE.md has the rest.\n\n");
	for (unsigned i = 0; i < ROWS; i++) {
		const char *value = rows[i].value;
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, value ? " " : "", value ? value : "");
		printf("  %-28s %s\n", left, rows[i].help);
	}
	printf("\nTIME is 500ms, 2s, 5m; SIZE is 64M, 1G. Sockets that systemd passes (LISTEN_FDS) are used instead of --socket\n"
	       "and --listen.\n");
}
