/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kvick-worker: the jailed process of one function. kvickd starts it, with a control socket as descriptor WORKER_CONTROL_FD, and
 * tells it what it is to serve (protocol.h).
 *
 *	configuration → jail → image or snapshot → slots, until kvickd goes
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/worker/control.h"
#include "control/worker/function.h"
#include "control/worker/jail.h"
#include "control/worker/slots.h"
#include "vmm/error.h"

static int usage(void)
{
	fprintf(stderr, "usage: kvick-worker [--no-sandbox] [NAME]\n"
			"kvickd starts it, with a control socket as descriptor %d. NAME is for ps.\n"
			"--no-sandbox  no seccomp and no limits: for debuggers and sanitizers\n", WORKER_CONTROL_FD);
	return EXIT_FAILURE;
}

static int configure(struct function *function, struct error *error)
{
	struct control_message *message = malloc(sizeof(*message));
	int r = message ? control_receive(WORKER_CONTROL_FD, message) : -ENOMEM;

	if (r == 1)
		r = function_configure(function, message, error);
	else
		r = error_set(error, ERROR_USAGE, r < 0 ? -r : EPIPE, "no configuration on descriptor %d: %s", WORKER_CONTROL_FD,
			      r < 0 ? strerror(-r) : "nobody is there");
	free(message);
	return r;
}

static int enter_jail(struct jail *jail, struct function *function, struct error *error)
{
	const unsigned for_debugging = 1u << JAIL_SECCOMP | 1u << JAIL_LIMITS;
	int keep[FUNCTION_FDS_MAX];

	*jail = (struct jail){
		.keep = keep, .keep_count = function_fds(function, keep),
		.uid = function->wanted.uid, .gid = function->wanted.gid,
		.threads = function->wanted.concurrency,
	};
	int r = jail_enter(jail, function->sandbox ? JAIL_ALL : JAIL_ALL & ~for_debugging, error);

	jail->keep = NULL;
	function->pagemap_fd = jail->pagemap_fd;
	if (!function->sandbox)
		jail_lacks(jail, "seccomp, limits: --no-sandbox");
	return r;
}

/* It may go on in another process than it began in (jail.h). */
static int begin(struct function *function, struct jail *jail, struct error *error)
{
	int r = configure(function, error);

	if (r == 0)
		r = enter_jail(jail, function, error);
	if (r == 0)
		r = function_prepare(function, error);
	if (r < 0) {
		control_send(WORKER_CONTROL_FD, WORKER_REFUSED, 0, error->text);
		return r;
	}
	jail_narrow(jail, function->ram_bytes, function->wanted.concurrency);
	return control_send(WORKER_CONTROL_FD, WORKER_CONFIGURED, 0, jail->lacks);
}

int main(int argc, char **argv)
{
	struct function function = { .sandbox = true, .kvm_fd = -1, .image_fd = -1, .pagemap_fd = -1 };
	struct error error = { 0 };
	struct jail jail;
	int at = 1;

	if (at < argc && strcmp(argv[at], "--no-sandbox") == 0) {
		function.sandbox = false;
		at++;
	}
	if (at + 1 < argc || (at < argc && argv[at][0] == '-'))
		return usage();
	signal(SIGPIPE, SIG_IGN);
	/* No file can be opened once the jail is closed: nothing is looked for in any (host_cache.c). */
	setenv("KVICK_HOST_FACTS", "none", 1);

	int r = begin(&function, &jail, &error);

	if (r == 0)
		r = slots_serve(&function, &error);
	if (r == 0)
		return EXIT_SUCCESS;
	if (error.text[0])
		fprintf(stderr, "kvick-worker: %s: %s\n", function.wanted.name[0] ? function.wanted.name : "?", error.text);
	return EXIT_FAILURE;
}
