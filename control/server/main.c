/* SPDX-License-Identifier: Apache-2.0 */
/* kvickd: the steps of its start in order, and of its end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "control/exit_codes.h"
#include "control/server/server.h"
#include "control/server/state.h"
#include "control/version.h"
#include "vmm/error.h"

#define STOP_NS         2000000000u /* for the last answers to go out; more than worker.c's END_NS */
#define DESCRIPTORS_FEW 64u         /* beside those of clients, workers and slots */

static int host_error(struct error *error, const char *what, int errnum)
{
	return error_set(error, ERROR_HOST, errnum, "%s: %s", what, strerror(errnum));
}

/* --- the end --- */

static void stop(struct server *server)
{
	server->stopping = true;
	registry_remove_all(&server->registry);
	timer_set(&server->loop.timers, &server->drain_timer, loop_now_ns() + STOP_NS);
}

static void drain_over(void *object)
{
	struct server *server = object;

	if (server->stopping)
		server->loop.ended = true;
	else
		stop(server);
}

void server_drained(struct server *server)
{
	if (!server->draining || server->invocations.active || server->http.requests)
		return;
	if (!server->stopping)
		stop(server);
	if (server->registry.count == 0 && server->registry.ending == 0)
		server->loop.ended = true;
}

void server_drain(struct server *server)
{
	server->draining = true;
	log_event(&server->log, LOG_LEVEL_INFO, "draining", "{s:i}", "invocations", (int)server->invocations.active);
	sd_notify(0, "STOPPING=1");
	listeners_end(&server->listeners);
	http_close_idle(&server->http);
	server->drain_timer = (struct timer){ .over = drain_over, .object = server };
	timer_set(&server->loop.timers, &server->drain_timer, loop_now_ns() + server->options.drain_timeout_ns);
	server_drained(server);
}

static int open_log(const struct server *server)
{
	const char *path = server->options.log;

	return strcmp(path, "-") == 0 ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3) :
		open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

/* The file has been moved away. Where there can be no new one, the old one goes on. */
static void change_log(struct server *server)
{
	int fd = open_log(server);

	log_flush(&server->log);
	if (fd < 0) {
		log_event(&server->log, LOG_LEVEL_ERROR, "log_not_opened", "{s:s}", "message", strerror(errno));
		return;
	}
	close(server->log.fd);
	server->log.fd = fd;
}

static void signalled(void *object, uint32_t events)
{
	struct server *server = object;
	struct signalfd_siginfo info;

	(void)events;
	if (read(server->signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGHUP)
		change_log(server);
	else if (server->draining)
		drain_over(server); /* whoever asks twice does not want to wait */
	else
		server_drain(server);
}

/* --- the start --- */

static int begin_log(struct server *server, struct error *error)
{
	server->log.level = server->options.log_level;
	server->log.fd = open_log(server);
	return server->log.fd >= 0 ? 0 :
		error_set(error, ERROR_USAGE, errno, "--log %s: %s", server->options.log, strerror(errno));
}

static int begin_files(struct server *server, struct error *error)
{
	const struct server_options *options = &server->options;

	server->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (server->null_fd < 0)
		return host_error(error, "/dev/null", errno);
	server->images_fd = open(options->images, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (server->images_fd < 0)
		return error_set(error, ERROR_USAGE, errno, "--images %s: %s", options->images, strerror(errno));
	server->kvm_fd = open(options->kvm, O_RDWR | O_CLOEXEC);
	if (server->kvm_fd < 0)
		return error_set(error, ERROR_HOST, errno, "%s: %s: see `kvick doctor`", options->kvm, strerror(errno));
	return 0;
}

static bool runs(const char *directory, const char *rest, struct server *server)
{
	snprintf(server->worker_path, sizeof(server->worker_path), "%s%s", directory, rest);
	return access(server->worker_path, X_OK) == 0;
}

static int find_worker(struct server *server, struct error *error)
{
	char directory[2048] = "";
	ssize_t bytes = readlink("/proc/self/exe", directory, sizeof(directory) - 1);

	if (server->options.worker)
		return runs(server->options.worker, "", server) ? 0 :
			error_set(error, ERROR_USAGE, errno, "--worker %s: %s", server->options.worker, strerror(errno));
	if (bytes > 0)
		*strrchr(directory, '/') = '\0';
	if (runs(directory, "/kvick-worker", server) || runs(directory, "/../libexec/kvick/kvick-worker", server))
		return 0;
	return error_set(error, ERROR_USAGE, ENOENT, "kvick-worker: neither in %s nor in ../libexec/kvick: build it, or say "
			 "--worker", directory);
}

/* A client costs one, a slot one, a worker two. */
static int raise_limits(struct server *server)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (server->options.connections_max + DESCRIPTORS_FEW > limit.rlim_cur / 2) {
		server->options.connections_max = limit.rlim_cur / 2 > 2 * DESCRIPTORS_FEW ? limit.rlim_cur / 2 - DESCRIPTORS_FEW :
			DESCRIPTORS_FEW;
		log_event(&server->log, LOG_LEVEL_WARN, "fewer_connections", "{s:I}", "max_connections",
			  (json_int_t)server->options.connections_max);
	}
	return 0;
}

static int begin_signals(struct server *server)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN); /* a log that nobody reads */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	server->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (server->signal_fd < 0)
		return -errno;
	return loop_watch(&server->loop, server->signal_fd, EPOLLIN, signalled, server);
}

static int begin(struct server *server, struct error *error)
{
	int r;

	server->begun_ns = loop_now_ns();
	server->bodies.most = server->options.bytes_max;
	r = loop_begin(&server->loop);
	if (r < 0)
		return host_error(error, "epoll", -r);
	r = begin_log(server, error);
	if (r == 0)
		r = begin_files(server, error);
	if (r == 0)
		r = find_worker(server, error);
	if (r < 0)
		return r;
	registry_begin(&server->registry, server);
	invocations_begin(&server->invocations, server);
	r = raise_limits(server);
	if (r == 0)
		r = begin_signals(server);
	if (r == 0)
		r = http_begin(&server->http, server);
	if (r < 0)
		return host_error(error, "kvickd cannot start", -r);
	r = state_load(server, error);
	if (r == 0)
		r = listeners_begin(&server->listeners, server, error);
	return r;
}

static void start_workers(struct server *server)
{
	struct function *function;

	TAILQ_FOREACH(function, &server->registry.functions, link)
		worker_start(&function->worker);
}

/* Also of a server that has not come far. */
static void end(struct server *server)
{
	const int fds[] = { server->kvm_fd, server->images_fd, server->state_fd, server->null_fd, server->signal_fd };

	listeners_end(&server->listeners);
	http_end(&server->http);
	registry_end(&server->registry);
	invocations_end(&server->invocations);
	loop_end(&server->loop);
	for (unsigned i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (fds[i] >= 0)
			close(fds[i]);
	}
	log_flush(&server->log);
	if (server->log.fd >= 0)
		close(server->log.fd);
	free(server);
}

static int serve(struct server *server)
{
	int r;

	start_workers(server);
	log_event(&server->log, LOG_LEVEL_INFO, "started", "{s:s, s:i}", "version", KVICK_VERSION, "functions",
		  (int)server->registry.count);
	sd_notify(0, "READY=1");
	r = loop_run(&server->loop);
	if (r < 0)
		fprintf(stderr, "kvickd: epoll: %s\n", strerror(-r));
	log_event(&server->log, LOG_LEVEL_INFO, "ended", "{}");
	return r < 0 ? EXIT_HOST : 0;
}

int main(int argc, char **argv)
{
	struct server *server = memory_get(sizeof(*server));
	struct error error = { 0 };
	int code = 0, r;

	server->kvm_fd = server->images_fd = server->state_fd = server->null_fd = server->signal_fd = server->log.fd =
		server->loop.epoll_fd = -1;
	r = server_options_parse(argc, argv, &server->options, &error);
	if (r == 0 && server->options.help)
		server_options_help();
	else if (r == 0 && server->options.version)
		puts("kvickd " KVICK_VERSION);
	else if (r == 0 && (r = begin(server, &error)) == 0)
		code = serve(server);
	if (r < 0) {
		fprintf(stderr, "kvickd: %s\n", error.text);
		code = error.kind == ERROR_USAGE ? EXIT_USAGE : EXIT_HOST;
	}
	end(server);
	return code;
}
