/* SPDX-License-Identifier: Apache-2.0 */
/* What the engine's tests share: an engine with seven files, and operations that note how they ended. */
#ifndef KVICK_TESTS_ENGINE_FIXTURE_H
#define KVICK_TESTS_ENGINE_FIXTURE_H

#include "tests/unit/test_unit.h"

#include <poll.h>
#include <pthread.h>

#include "vmm/engine_private.h"
#include "vmm/error.h"
#include "vmm/stop.h"

#define OPS 400
#define MS  NS_PER_MS

extern enum engine_kind kind; /* that is being tested: each test runs once for each */

struct seen {
	struct engine_op op;
	struct iovec iov;
	int32_t result;
	unsigned done;
	unsigned place; /* it was the n-th to be done */
	struct fixture *f;
	unsigned again; /* start it again so often */
};

struct fixture {
	struct sys sys;
	struct error error;
	struct engine *engine;
	struct stop stop;
	int memfd, ends[2], full[2], pair[2]; /* a file, an empty pipe, another that does not block, a socket pair */
	int file, reader, writer, full_reader, full_writer, left, right; /* their numbers */
	unsigned finished;
	int fd_before;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool end;
	char bytes[65536];
	struct seen seen[OPS];
};

bool is_uring(void);
uint64_t now_ns(void);
int set_up(void **state);
void add_files(struct fixture *f);
int try_open(struct fixture *f, enum engine_threads threads, unsigned depth);
void open_engine(struct fixture *f, unsigned depth);
int tear_down(void **state);
/* The n-th operation, of a code, on a file; not started. */
struct seen *op(struct fixture *f, unsigned n, enum engine_code code, int file);
struct seen *start(struct fixture *f, struct seen *seen);
struct seen *transfer(struct fixture *f, unsigned n, enum engine_code code, int file, uint64_t offset, void *bytes,
			     size_t count);
struct seen *start_poll(struct fixture *f, unsigned n, int file, uint32_t events);
struct seen *start_timeout(struct fixture *f, unsigned n, uint64_t ns);
void finish_all(struct fixture *f);

/* Runs the tests of a program for each kind of engine that there is. */
#define RUN_FOR_EACH_KIND(name, tests) \
	({ \
		int failed_; \
		kind = ENGINE_SYNC; \
		failed_ = cmocka_run_group_tests_name(name ", plain system calls", tests, NULL, NULL); \
		kind = ENGINE_IO_URING; \
		if (io_uring_is_here()) \
			failed_ += cmocka_run_group_tests_name(name ", io_uring", tests, NULL, NULL); \
		failed_; \
	})

/* Says why not. */
bool io_uring_is_here(void);

#endif
