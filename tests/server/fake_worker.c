/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker without VMs: it speaks control/worker/protocol.h to kvickd, and does what a request's body says, or what a function's
 * variable FAKE says at its start, also what no worker should do.
 *
 * Body: words, the first of which is a row of `deeds`. What is none of them is echoed.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "control/worker/protocol.h"

#define SLOTS_MAX 1024

struct slot {
	uint32_t number;
	int fd;
	unsigned uses;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t invocation;  /* running; 0: none */
	bool cancelled;
	/* The request. */
	struct worker_request request;
	char *body;
};

static struct {
	pthread_mutex_t lock;
	struct slot *slots[SLOTS_MAX];
	unsigned made;
	const char *fake; /* the variable */
} worker = { .lock = PTHREAD_MUTEX_INITIALIZER, .fake = "" };

static bool fakes(const char *what)
{
	return strcmp(worker.fake, what) == 0;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool write_all(int fd, const void *data, size_t bytes)
{
	const char *p = data;

	while (bytes) {
		ssize_t n = send(fd, p, bytes, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		bytes -= (size_t)n;
	}
	return true;
}

static bool read_all(int fd, void *data, size_t bytes)
{
	char *p = data;

	while (bytes) {
		ssize_t n = recv(fd, p, bytes, 0);

		if (n <= 0)
			return false;
		p += n;
		bytes -= (size_t)n;
	}
	return true;
}

static void tell(uint32_t type, uint32_t slot, const char *reason)
{
	char message[sizeof(struct worker_header) + WORKER_REASON_BYTES_MAX];
	struct worker_header header = { .type = type, .slot = slot };
	size_t bytes = strlen(reason);

	memcpy(message, &header, sizeof(header));
	memcpy(message + sizeof(header), reason, bytes);
	send(WORKER_CONTROL_FD, message, sizeof(header) + bytes, MSG_NOSIGNAL);
}

/* --- what a request may ask for --- */

static struct worker_reply reply_to(const struct slot *slot, uint32_t outcome)
{
	uint64_t now = now_ns();

	return (struct worker_reply){ .invocation = slot->request.invocation, .outcome = outcome, .pages = 3, .exits = 2,
				      .received_ns = now, .entered_ns = now, .taken_ns = now, .replied_ns = now };
}

static bool send_reply(const struct slot *slot, struct worker_reply reply, const char *reason, const void *log, const void *body)
{
	reply.reason_bytes = reason ? (uint32_t)strlen(reason) : 0;
	if (reply.outcome != WORKER_REPLIED)
		reply.replied_ns = 0;
	return write_all(slot->fd, &reply, sizeof(reply)) && write_all(slot->fd, reason, reply.reason_bytes) &&
		write_all(slot->fd, log, reply.log_bytes) && write_all(slot->fd, body, reply.body_bytes);
}

static bool echo(struct slot *slot, const char *arguments)
{
	struct worker_reply reply = reply_to(slot, WORKER_REPLIED);

	(void)arguments;
	reply.body_bytes = slot->request.body_bytes;
	return send_reply(slot, reply, NULL, NULL, slot->body);
}

/* Milliseconds, or until it is cancelled; true: it is. */
static bool rest_ms(struct slot *slot, long ms)
{
	struct timespec until;
	bool cancelled;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += ms / 1000;
	until.tv_nsec += ms % 1000 * 1000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&slot->lock);
	while (!slot->cancelled && r == 0)
		r = pthread_cond_timedwait(&slot->changed, &slot->lock, &until);
	cancelled = slot->cancelled;
	pthread_mutex_unlock(&slot->lock);
	return cancelled;
}

static bool rested(struct slot *slot, struct worker_reply reply, bool cancelled)
{
	if (cancelled) {
		reply.outcome = WORKER_CANCELLED;
		reply.log_bytes = 14;
		return send_reply(slot, reply, NULL, "was cancelled\n", NULL);
	}
	reply.replied_ns = now_ns();
	reply.body_bytes = 5;
	return send_reply(slot, reply, NULL, NULL, "slept");
}

static bool sleep_ms(struct slot *slot, const char *arguments)
{
	struct worker_reply reply = reply_to(slot, WORKER_REPLIED);

	return rested(slot, reply, rest_ms(slot, atol(arguments)));
}

/* Until there is such a file. */
static bool wait_for(struct slot *slot, const char *path)
{
	struct worker_reply reply = reply_to(slot, WORKER_REPLIED);
	bool cancelled = false;

	while (!cancelled && access(path, F_OK) != 0)
		cancelled = rest_ms(slot, 5);
	return rested(slot, reply, cancelled);
}

/* Whatever is said to it. */
static bool hang(struct slot *slot, const char *arguments)
{
	(void)slot, (void)arguments;
	pause(); /* nothing but a signal that kills comes */
	return false;
}

static bool crash(struct slot *slot, const char *arguments)
{
	struct worker_reply reply = reply_to(slot, WORKER_CRASHED);

	(void)arguments;
	reply.log_bytes = 7;
	return send_reply(slot, reply, "page fault at 0x10 \x01\xff", "report\n", NULL);
}

static bool exit_status(struct slot *slot, const char *arguments)
{
	struct worker_reply reply = reply_to(slot, WORKER_EXITED);

	reply.status = (uint32_t)atol(arguments);
	return send_reply(slot, reply, NULL, NULL, NULL);
}

static bool twice(struct slot *slot, const char *arguments)
{
	(void)arguments;
	return send_reply(slot, reply_to(slot, WORKER_BROKE_OFF), "the guest answered twice", NULL, NULL);
}

static bool fail(struct slot *slot, const char *arguments)
{
	(void)arguments;
	return send_reply(slot, reply_to(slot, WORKER_FAILED), "KVM_RUN: Cannot allocate memory", NULL, NULL);
}

/* Of so many bytes. */
static bool big(struct slot *slot, const char *arguments)
{
	struct worker_reply reply = reply_to(slot, WORKER_REPLIED);
	size_t bytes = strtoul(arguments, NULL, 10);
	char *body = malloc(bytes + 1);
	bool sent;

	memset(body, 'b', bytes);
	reply.body_bytes = (uint32_t)bytes;
	sent = send_reply(slot, reply, NULL, NULL, body);
	free(body);
	return sent;
}

static bool log_bytes(struct slot *slot, const char *arguments)
{
	struct worker_reply reply = reply_to(slot, WORKER_REPLIED);
	size_t bytes = strtoul(arguments, NULL, 10);
	char *text = malloc(bytes + 1);
	bool sent;

	memset(text, 'l', bytes);
	reply.log_bytes = (uint32_t)bytes;
	reply.log_cut = 1;
	sent = send_reply(slot, reply, NULL, text, NULL);
	free(text);
	return sent;
}

static bool die(struct slot *slot, const char *arguments)
{
	(void)slot;
	raise(atoi(arguments) ? atoi(arguments) : SIGKILL);
	_exit(atoi(arguments));
}

static bool leave(struct slot *slot, const char *arguments)
{
	(void)slot;
	_exit(atoi(arguments));
}

/* In the call, or with its reply, or after it, when it should become warm again. */
static bool slot_fails(struct slot *slot, const char *arguments)
{
	if (strcmp(arguments, "now") != 0)
		echo(slot, arguments);
	if (strcmp(arguments, "later") == 0)
		usleep(50000);
	tell(WORKER_SLOT_FAILED, slot->number, "KVM_CREATE_VCPU: Cannot allocate memory");
	return false;
}

/* The reply is complete, and then the worker is gone. */
static bool reply_and_die(struct slot *slot, const char *arguments)
{
	echo(slot, arguments);
	raise(SIGKILL);
	return false;
}

/* --- what it should not say --- */

static bool garbage(struct slot *slot, const char *arguments)
{
	struct worker_reply reply = reply_to(slot, WORKER_REPLIED);
	static const char noise[4096] = "garbage";

	if (strcmp(arguments, "noise") == 0)
		return write_all(slot->fd, noise, sizeof(noise));
	if (strcmp(arguments, "half") == 0) {
		write_all(slot->fd, &reply, sizeof(reply) / 2);
		close(slot->fd);
		return hang(slot, "");
	}
	if (strcmp(arguments, "outcome") == 0)
		reply.outcome = 77;
	else if (strcmp(arguments, "invocation") == 0)
		reply.invocation++;
	else if (strcmp(arguments, "body") == 0)
		reply.body_bytes = UINT32_MAX;
	else if (strcmp(arguments, "log") == 0)
		reply.log_bytes = WORKER_LOG_BYTES_MAX + 1;
	else if (strcmp(arguments, "reason") == 0)
		reply.reason_bytes = WORKER_REASON_BYTES_MAX + 1;
	else if (strcmp(arguments, "warm") == 0)
		reply = (struct worker_reply){ .outcome = WORKER_WARM };
	else if (strcmp(arguments, "crash-body") == 0)
		reply = (struct worker_reply){ .invocation = reply.invocation, .outcome = WORKER_CRASHED, .body_bytes = 4 };
	else if (strcmp(arguments, "control") == 0) {
		tell(1234, 0, "");
		return hang(slot, "");
	} else if (strcmp(arguments, "configured") == 0) {
		tell(WORKER_CONFIGURED, 0, "");
		return hang(slot, "");
	} else if (strcmp(arguments, "slot") == 0) {
		tell(WORKER_SLOT_FAILED, 4000000000u, "no");
		return hang(slot, "");
	} else if (strcmp(arguments, "short") == 0) {
		send(WORKER_CONTROL_FD, "abc", 3, MSG_NOSIGNAL);
		return hang(slot, "");
	} else if (strcmp(arguments, "close") == 0) {
		shutdown(WORKER_CONTROL_FD, SHUT_RDWR);
		return hang(slot, "");
	}
	return write_all(slot->fd, &reply, sizeof(reply)) && hang(slot, "");
}

/* Times that cannot have been. */
static bool times(struct slot *slot, const char *arguments)
{
	struct worker_reply reply = reply_to(slot, WORKER_REPLIED);

	(void)arguments;
	reply.received_ns = 1;
	reply.replied_ns = UINT64_MAX;
	return send_reply(slot, reply, NULL, NULL, NULL);
}

static const struct {
	const char *word;
	bool (*deed)(struct slot *slot, const char *arguments);
} deeds[] = {
	{ "sleep ", sleep_ms }, { "wait ", wait_for }, { "hang", hang }, { "crash", crash }, { "exit ", exit_status },
	{ "twice", twice }, { "fail", fail }, { "big ", big }, { "log ", log_bytes }, { "die ", die }, { "leave ", leave },
	{ "reply and die", reply_and_die }, { "slot fails ", slot_fails }, { "garbage ", garbage }, { "times", times },
};

static bool serve(struct slot *slot)
{
	for (unsigned i = 0; i < sizeof(deeds) / sizeof(deeds[0]); i++) {
		size_t bytes = strlen(deeds[i].word);

		if (strncmp(slot->body, deeds[i].word, bytes) == 0)
			return deeds[i].deed(slot, slot->body + bytes);
	}
	return echo(slot, "");
}

static void *slot_thread(void *object)
{
	static const struct worker_reply warm = { .outcome = WORKER_WARM };
	struct slot *slot = object;

	if (fakes("slow slots"))
		usleep(200000);
	while (write_all(slot->fd, &warm, sizeof(warm)) && read_all(slot->fd, &slot->request, sizeof(slot->request))) {
		bool served;

		slot->body = calloc(1, slot->request.body_bytes + 1);
		if (!read_all(slot->fd, slot->body, slot->request.body_bytes)) {
			free(slot->body);
			break;
		}
		pthread_mutex_lock(&slot->lock);
		slot->invocation = slot->request.invocation;
		slot->cancelled = false;
		pthread_mutex_unlock(&slot->lock);
		served = serve(slot);
		pthread_mutex_lock(&slot->lock);
		slot->invocation = 0;
		pthread_mutex_unlock(&slot->lock);
		free(slot->body);
		if (!served)
			break;
		if (fakes("slow reset"))
			usleep(200000);
	}
	close(slot->fd);
	pthread_mutex_lock(&worker.lock);
	if (worker.slots[slot->number] == slot)
		worker.slots[slot->number] = NULL;
	pthread_mutex_unlock(&worker.lock);
	free(slot);
	return NULL;
}

static void add_slot(uint32_t number, int fd)
{
	struct slot *slot = calloc(1, sizeof(*slot));
	pthread_t thread;

	if (fakes("no slots") || (fakes("one slot") && worker.made)) {
		close(fd);
		free(slot);
		tell(WORKER_SLOT_FAILED, number, "KVM_CREATE_VM: Too many open files");
		return;
	}
	worker.made++;
	*slot = (struct slot){ .number = number, .fd = fd };
	pthread_mutex_init(&slot->lock, NULL);
	pthread_cond_init(&slot->changed, NULL);
	pthread_mutex_lock(&worker.lock);
	worker.slots[number] = slot;
	pthread_mutex_unlock(&worker.lock);
	pthread_create(&thread, NULL, slot_thread, slot);
	pthread_detach(thread);
}

static void cancel(uint32_t number, uint64_t invocation)
{
	pthread_mutex_lock(&worker.lock);
	if (worker.slots[number]) {
		struct slot *slot = worker.slots[number];

		pthread_mutex_lock(&slot->lock);
		if (slot->invocation == invocation) {
			slot->cancelled = true;
			pthread_cond_signal(&slot->changed);
		}
		pthread_mutex_unlock(&slot->lock);
	}
	pthread_mutex_unlock(&worker.lock);
}

/* The variable FAKE, behind the arguments. */
static void configure(const char *message, size_t bytes)
{
	struct worker_config config;
	const char *each = message + sizeof(config), *end = message + bytes;

	memcpy(&config, message, sizeof(config));
	for (uint32_t i = 0; i < config.argc + config.envc && each < end; i++) {
		if (i >= config.argc && strncmp(each, "FAKE=", 5) == 0)
			worker.fake = strdup(each + 5);
		each += strlen(each) + 1;
	}
	if (fakes("refuse"))
		tell(WORKER_REFUSED, 0, "no kvick image: it has no note");
	else if (fakes("die"))
		raise(SIGSEGV);
	else if (fakes("leave"))
		_exit(3);
	else if (fakes("noise"))
		tell(99, 0, "noise");
	else if (fakes("lacks"))
		tell(WORKER_CONFIGURED, 0, "cgroup: none\nown user: \x01 stays root\n");
	else if (!fakes("silent"))
		tell(WORKER_CONFIGURED, 0, "");
	if (fakes("refuse"))
		_exit(0);
}

static void asked_to_end(int signal)
{
	static const char said[] = "fake worker: asked to end\n";

	(void)signal;
	if (write(STDERR_FILENO, said, sizeof(said) - 1) > 0 && !fakes("stays"))
		_exit(0);
}

static int passed_fd(struct msghdr *msg)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(msg);
	int fd = -1;

	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

int main(void)
{
	static char message[WORKER_CONTROL_BYTES_MAX];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, asked_to_end);
	for (;;) {
		union {
			struct cmsghdr header;
			char bytes[CMSG_SPACE(4 * sizeof(int))];
		} control;
		struct iovec iov = { message, sizeof(message) };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(WORKER_CONTROL_FD, &msg, MSG_CMSG_CLOEXEC);
		struct worker_header header;

		if (n < (ssize_t)sizeof(header) && fakes("stays"))
			pause();
		if (n < (ssize_t)sizeof(header))
			return 0;
		memcpy(&header, message, sizeof(header));
		if (header.type == WORKER_CONFIGURE)
			configure(message + sizeof(header), (size_t)n - sizeof(header));
		else if (header.type == WORKER_ADD_SLOT)
			add_slot(header.slot, passed_fd(&msg));
		else if (header.type == WORKER_CANCEL)
			cancel(header.slot, header.invocation);
	}
}
