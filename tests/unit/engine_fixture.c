/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/engine_fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

enum engine_kind kind;

bool is_uring(void)
{
	return kind == ENGINE_IO_URING;
}

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	*state = f;
	alarm(60); /* nothing here may hang */
	signal(SIGPIPE, SIG_IGN);
	f->fd_before = lowest_free_fd();
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	f->memfd = memfd_create("engine", MFD_CLOEXEC);
	return f->memfd < 0 || pipe2(f->ends, O_CLOEXEC) || pipe2(f->full, O_CLOEXEC | O_NONBLOCK) ||
	       socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, f->pair);
}

void add_files(struct fixture *f)
{
	f->file = engine_add_file(f->engine, f->memfd);
	f->reader = engine_add_file(f->engine, f->ends[0]);
	f->writer = engine_add_file(f->engine, f->ends[1]);
	f->full_reader = engine_add_file(f->engine, f->full[0]);
	f->full_writer = engine_add_file(f->engine, f->full[1]);
	f->left = engine_add_file(f->engine, f->pair[0]);
	f->right = engine_add_file(f->engine, f->pair[1]);
}

int try_open(struct fixture *f, enum engine_threads threads, unsigned depth)
{
	const struct engine_config config = { kind, threads, depth, threads == ENGINE_ONE_THREAD ? NULL : &f->lock };
	int r = engine_create(&f->engine, &config, &f->sys, &f->error);

	if (r < 0)
		return r;
	add_files(f);
	return engine_seal(f->engine, &f->error);
}

void open_engine(struct fixture *f, unsigned depth)
{
	if (try_open(f, ENGINE_ONE_THREAD, depth) < 0)
		fail_msg("%s", f->error.text);
}

int tear_down(void **state)
{
	struct fixture *f = *state;
	int r = engine_destroy(f->engine);

	close(f->memfd);
	for (unsigned i = 0; i < 2; i++) {
		close(f->ends[i]);
		close(f->full[i]);
		close(f->pair[i]);
	}
	if (lowest_free_fd() != f->fd_before)
		r = -1;
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->changed);
	free(f);
	alarm(0);
	return r;
}

static void on_done(struct engine_op *op, int32_t result)
{
	struct seen *seen = op->context;

	seen->result = result;
	seen->done++;
	seen->place = ++seen->f->finished;
	if (seen->again > 0) {
		seen->again--;
		engine_start(seen->f->engine, op);
	}
}

struct seen *op(struct fixture *f, unsigned n, enum engine_code code, int file)
{
	struct seen *seen = &f->seen[n];

	memset(seen, 0, sizeof(*seen));
	seen->f = f;
	seen->op = (struct engine_op){ .code = code, .file = file, .done = on_done, .context = seen };
	return seen;
}

struct seen *start(struct fixture *f, struct seen *seen)
{
	engine_start(f->engine, &seen->op);
	return seen;
}

struct seen *transfer(struct fixture *f, unsigned n, enum engine_code code, int file, uint64_t offset, void *bytes,
			     size_t count)
{
	struct seen *seen = op(f, n, code, file);

	seen->iov = (struct iovec){ bytes, count };
	seen->op.iov = &seen->iov;
	seen->op.iov_count = 1;
	seen->op.offset = offset;
	return start(f, seen);
}

struct seen *start_poll(struct fixture *f, unsigned n, int file, uint32_t events)
{
	struct seen *seen = op(f, n, ENGINE_POLL, file);

	seen->op.events = events;
	return start(f, seen);
}

struct seen *start_timeout(struct fixture *f, unsigned n, uint64_t ns)
{
	struct seen *seen = op(f, n, ENGINE_TIMEOUT, 0);

	seen->op.ns = ns;
	return start(f, seen);
}

void finish_all(struct fixture *f)
{
	while (engine_in_flight(f->engine) > 0)
		assert_true(engine_wait(f->engine, 5000 * MS, NULL) > 0);
}

bool io_uring_is_here(void)
{
	struct sys sys = { 0 };
	char text[160];
	bool there = engine_probe(text, sizeof(text), &sys);

	if (!there)
		printf("[  SKIPPED ] io_uring: %s\n", text);
	return there;
}
