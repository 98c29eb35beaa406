/* SPDX-License-Identifier: Apache-2.0 */
#include "control/client/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "control/client/client.h"
#include "vmm/error.h"

#define HEADERS_BYTES_MAX    (64u << 10)
#define CONNECT_MS           10000
#define EXPECT_BYTES         (64u << 10) /* from here on the server is asked first: it may refuse without reading all that */
#define PROGRESS_NS          1000000000ull

/* One request under way. */
struct exchange {
	const struct http_request *request;
	struct http_reply *reply;
	CURL *easy;
	CURLM *multi;
	struct curl_slist *headers;
	size_t headers_bytes, room; /* of headers so far; of the reply's body, which grows by doubling */
	const char *excess;       /* what there was too much of; NULL: nothing */
	int signal_fd;
	uint64_t begin_ns, shown_ns;
	char why[CURL_ERROR_SIZE];
};

char *http_path(const char *before, const char *part, const char *after)
{
	char *escaped = curl_easy_escape(NULL, part, 0), *path = NULL;

	if (escaped && asprintf(&path, "%s%s%s", before, escaped, after) < 0)
		path = NULL;
	curl_free(escaped);
	return path;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- what curl calls --- */

static size_t take_body(char *bytes, size_t size, size_t count, void *into)
{
	struct exchange *x = into;
	struct http_reply *r = x->reply;
	size_t n = size * count;

	if (n > x->request->reply_bytes_max - r->body_bytes) {
		x->excess = "body";
		return 0;
	}
	if (r->body_bytes + n + 1 > x->room) {
		size_t room = 2 * (r->body_bytes + n + 1);
		char *larger = realloc(r->body, room);

		if (!larger)
			return 0;
		r->body = larger;
		x->room = room;
	}
	memcpy(r->body + r->body_bytes, bytes, n);
	r->body_bytes += n;
	r->body[r->body_bytes] = '\0';
	return n;
}

struct wanted_header {
	const char *name;
	size_t at, bytes;
};

#define WANTED(name, member) { name, offsetof(struct http_reply, member), sizeof(((struct http_reply *)0)->member) }

static const struct wanted_header wanted_headers[] = {
	WANTED("Content-Type", content_type), WANTED("Server-Timing", timing), WANTED("Kvick-Invocation", invocation),
	WANTED("Location", location), WANTED("Retry-After", retry_after),
};

static void take_value(struct http_reply *reply, const struct wanted_header *wanted, const char *value, size_t n)
{
	char *into = (char *)reply + wanted->at;

	for (; n && strchr(" \t", *value); n--)
		value++;
	for (; n && strchr(" \t\r\n", value[n - 1]); n--)
		;
	if (n >= wanted->bytes)
		return;
	for (size_t i = 0; i < n; i++)
		if (value[i] < ' ' || value[i] > '~')
			return;
	memcpy(into, value, n);
	into[n] = '\0';
}

static size_t take_header(char *bytes, size_t size, size_t count, void *into)
{
	struct exchange *x = into;
	size_t n = size * count;
	const char *colon = memchr(bytes, ':', n);

	x->headers_bytes += n;
	if (x->headers_bytes > HEADERS_BYTES_MAX) {
		x->excess = "header";
		return 0;
	}
	for (size_t i = 0; colon && i < sizeof(wanted_headers) / sizeof(wanted_headers[0]); i++) {
		const struct wanted_header *wanted = &wanted_headers[i];
		size_t length = strlen(wanted->name);

		if ((size_t)(colon - bytes) == length && strncasecmp(bytes, wanted->name, length) == 0)
			take_value(x->reply, wanted, colon + 1, n - length - 1);
	}
	return n;
}

/* --- before --- */

static bool add_header(struct exchange *x, const char *line)
{
	struct curl_slist *longer = curl_slist_append(x->headers, line);

	if (longer)
		x->headers = longer;
	return longer != NULL;
}

static bool set_headers(struct exchange *x)
{
	const struct http_request *q = x->request;
	char type[128];

	snprintf(type, sizeof(type), "Content-Type: %s", q->content_type ? q->content_type : "");
	return (!q->content_type || add_header(x, type)) && (!q->async || add_header(x, "Prefer: respond-async")) &&
	       add_header(x, q->body_bytes > EXPECT_BYTES ? "Expect: 100-continue" : "Expect:") &&
	       curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers) == CURLE_OK;
}

static bool set_up(struct exchange *x, const struct client *client)
{
	const struct http_request *q = x->request;
	CURL *e = x->easy;
	char *url = NULL;
	bool ok = asprintf(&url, "%s%s", client->url ? client->url : "http://localhost", q->path) >= 0 &&
		  curl_easy_setopt(e, CURLOPT_URL, url) == CURLE_OK;

	free(url);
	/* Nothing but this server: no proxy of the environment's, no redirection, no other protocol, no .netrc. */
	ok = ok && curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
	     curl_easy_setopt(e, CURLOPT_PROXY, "") == CURLE_OK && curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
	     curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	     curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	     curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->why) == CURLE_OK &&
	     curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS) == CURLE_OK &&
	     curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, q->method) == CURLE_OK &&
	     curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
	     curl_easy_setopt(e, CURLOPT_WRITEDATA, x) == CURLE_OK &&
	     curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
	     curl_easy_setopt(e, CURLOPT_HEADERDATA, x) == CURLE_OK;
	if (ok && !client->url)
		ok = curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, client->socket) == CURLE_OK;
	if (ok && q->content_type)
		ok = curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_bytes) == CURLE_OK &&
		     curl_easy_setopt(e, CURLOPT_POSTFIELDS, q->body_bytes ? q->body : "") == CURLE_OK;
	return ok && set_headers(x);
}

/* --- meanwhile --- */

/* One line at a terminal, once a second, on what takes longer. */
static void show(struct exchange *x, uint64_t now)
{
	curl_off_t sent = 0;
	const struct http_request *q = x->request;
	const double mib = 1 << 20;

	if (now - (x->shown_ns ? x->shown_ns : x->begin_ns) < PROGRESS_NS || !isatty(STDERR_FILENO))
		return;
	x->shown_ns = now;
	curl_easy_getinfo(x->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	if ((size_t)sent < q->body_bytes)
		dprintf(STDERR_FILENO, "\r\033[Kkvick: %s: sending, %.1f of %.1f MiB", q->subject, (double)sent / mib,
			(double)q->body_bytes / mib);
	else
		dprintf(STDERR_FILENO, "\r\033[Kkvick: %s: waiting, %llu s", q->subject,
			(unsigned long long)((now - x->begin_ns) / 1000000000u));
}

/* What curl waits for, signals, the time-out, the next second: whatever is first. */
static int await(struct exchange *x)
{
	struct curl_waitfd signals = { .fd = x->signal_fd, .events = CURL_WAIT_POLLIN };
	struct signalfd_siginfo got;
	uint64_t now = now_ns(), timeout_ns = x->request->timeout_ns, left_ns = PROGRESS_NS;

	if (timeout_ns && now - x->begin_ns >= timeout_ns)
		return -ETIMEDOUT;
	if (timeout_ns && timeout_ns - (now - x->begin_ns) < left_ns)
		left_ns = timeout_ns - (now - x->begin_ns);
	show(x, now);
	if (curl_multi_poll(x->multi, &signals, 1, (int)(left_ns / 1000000) + 1, NULL) != CURLM_OK)
		return -EIO;
	if (read(x->signal_fd, &got, sizeof(got)) == sizeof(got)) {
		x->reply->signal = (int)got.ssi_signo;
		return -EINTR;
	}
	return 0;
}

/* 0, and *code is how it ended; or -errno: it did not. */
static int drive(struct exchange *x, CURLcode *code)
{
	int running, left, r;

	if (curl_multi_add_handle(x->multi, x->easy) != CURLM_OK)
		return -ENOMEM;
	do {
		if (curl_multi_perform(x->multi, &running) != CURLM_OK)
			return -EIO;
		r = running ? await(x) : 0;
	} while (running && r == 0);
	if (x->shown_ns)
		dprintf(STDERR_FILENO, "\r\033[K");
	if (r < 0)
		return r;

	CURLMsg *message = curl_multi_info_read(x->multi, &left);

	*code = message ? message->data.result : CURLE_GOT_NOTHING;
	return 0;
}

/* --- afterwards --- */

static int no_connection(struct exchange *x, const struct client *client, struct error *error)
{
	long errnum = 0;

	curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &errnum);
	if (client->socket && errnum == EACCES)
		return error_set(error, ERROR_HOST, EACCES, "%s: %s: join the group that may use it (`ls -l` says which: "
				 "`usermod -aG kvick NAME`, then log in again)", client->socket, strerror(EACCES));
	if (client->socket)
		return error_set(error, ERROR_HOST, ECONNREFUSED, "%s: %s: is kvickd running? `systemctl status kvickd` says; "
				 "where it listens elsewhere, give --socket PATH or --url", client->socket,
				 errnum ? strerror((int)errnum) : x->why);
	return error_set(error, ERROR_HOST, ECONNREFUSED, "%s: %s: does kvickd run, with --listen?", client->url,
			 errnum ? strerror((int)errnum) : x->why);
}

static int judge(struct exchange *x, const struct client *client, CURLcode code, struct error *error)
{
	const char *where = client->socket ? client->socket : client->url;

	curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &x->reply->status);
	if (code == CURLE_OK)
		return 0;
	if (x->excess)
		return error_set(error, ERROR_HOST, EMSGSIZE, "%s: the answer's %s is longer than any of kvickd's: what listens "
				 "there?", where, x->excess);
	if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_OPERATION_TIMEDOUT)
		return no_connection(x, client, error);
	if (code == CURLE_URL_MALFORMAT)
		return error_set(error, ERROR_USAGE, EINVAL, "--url %s: not a URL: write http://HOST:PORT", where);
	if (code == CURLE_OUT_OF_MEMORY || code == CURLE_WRITE_ERROR)
		return error_set(error, ERROR_HOST, ENOMEM, "the answer: %s", strerror(ENOMEM));
	return error_set(error, ERROR_HOST, EPROTO, "%s: no whole answer came: %s: kvickd's log may say why, or it is no kvickd "
			 "that listens there", where, x->why[0] ? x->why : curl_easy_strerror(code));
}

int http_perform(const struct client *client, const struct http_request *request, struct http_reply *reply, struct error *error)
{
	struct exchange x = { .request = request, .reply = reply, .begin_ns = now_ns() };
	sigset_t ends, before;
	CURLcode code = CURLE_OK;
	int r = -ENOMEM;

	*reply = (struct http_reply){ 0 };
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &before);
	x.signal_fd = signalfd(-1, &ends, SFD_NONBLOCK | SFD_CLOEXEC);
	x.easy = curl_easy_init();
	x.multi = curl_multi_init();
	if (x.signal_fd < 0)
		error_set(error, ERROR_HOST, errno, "signalfd: %s", strerror(errno));
	else if (x.easy && x.multi && set_up(&x, client))
		r = drive(&x, &code);
	if (r == 0)
		r = judge(&x, client, code, error);
	else if (r != -EINTR && r != -ETIMEDOUT)
		error_set(error, ERROR_HOST, -r, "cannot send: %s", strerror(-r));

	if (x.multi && x.easy)
		curl_multi_remove_handle(x.multi, x.easy);
	curl_easy_cleanup(x.easy);
	curl_multi_cleanup(x.multi);
	curl_slist_free_all(x.headers);
	if (x.signal_fd >= 0)
		close(x.signal_fd);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

void http_reply_free(struct http_reply *reply)
{
	free(reply->body);
	reply->body = NULL;
}
