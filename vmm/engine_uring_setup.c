/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the ring, as cheaply as this kernel lets us: a launch waits for it.
 *
 * Medians in us on the development machine (Linux 6.18, two cores, others at work: compare inside a column, to a third):
 *
 *	in a loop, one process     setup()  2 mmap()  files  restrict  enable  2 munmap()  close()
 *	64 entries, NO_MMAP             14              1.4       1.2     0.4                12
 *	64 entries, mapped              15        12    1.4       1.2     0.4       7        14
 *	8 entries, mapped               17        13                                8        16
 *	256 / 1,024, mapped          17/26     13/20                              7/9        14
 *	64 files instead of one                          9
 *
 *	the first ring of a process: NO_MMAP 26, its two pages touched; mapped 33. As the engine does it: create 6.5 (the
 *	mapping, the structure), seal 24, destroy 20; a whole process grows by 50 (75 with malloc() for create). The ring's end
 *	is a kernel worker's, which the process's end competes with. Plain system calls: 6.5, 1.3, and 16 for a process.
 *
 * So: 64 entries and up to 128 completions, which are a page each; files registered once and only those there are;
 * restrictions kept for their 2 us. Not taken: IORING_SETUP_NO_SQARRAY (nothing measurable), a sparse table of files (1.9
 * instead of 1.4), IORING_REGISTER_RING_FDS (1 to 1.4; it saves a reference count a call, in processes with threads
 * alone), IORING_SETUP_SQPOLL (a kernel thread that needs a processor), fixed buffers (they would pin and populate the
 * guest's RAM). liburing's own set-up costs what the calls in it do.
 *
 * The rings' pages are mapped and not from malloc(): the kernel ends a closed ring some time later, may write to them
 * until then, and holds its own reference to them.
 */
#include "vmm/engine_uring.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vmm/error.h"
#include "vmm/uring_kernel.h"

#define SQ_ENTRIES 64u /* a page */
#define CQ_ENTRIES 128u /* with SQ_ENTRIES indices and the ring's head, less than a page */

/*
 * DEFER_TASKRUN: completions are worked off when we ask, never by an interrupt into a running guest. That needs one thread
 * that does everything. COOP_TASKRUN is the same in weak.
 *
 * With a completion thread neither will do: what a socket or a page being read still has to do when it becomes ready runs
 * in the thread that submitted, a vCPU's, and must be able to get it out of its guest. KVM_RUN then returns
 * -EINTR without any signal.
 */
#define FLAGS_ALWAYS  (IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED | IORING_SETUP_CQSIZE)
#define FLAGS_DEFER   (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG)
#define FLAGS_COOP    (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG)

static const struct rung {
	enum engine_threads threads;
	unsigned flags;
	const char *text;
} ladder[] = {
	/* 6.5 */
	{ ENGINE_ONE_THREAD, FLAGS_DEFER | IORING_SETUP_NO_MMAP, "single issuer, deferred task work, rings in our memory" },
	/* 6.1 */
	{ ENGINE_ONE_THREAD, FLAGS_DEFER, "single issuer, deferred task work" },
	/* 5.19 */
	{ ENGINE_ONE_THREAD, FLAGS_COOP, "cooperative task work" },
	{ ENGINE_COMPLETION_THREAD, IORING_SETUP_NO_MMAP, "completion thread, rings in our memory" },
	{ ENGINE_COMPLETION_THREAD, 0, "completion thread" },
};

#define NEEDED_FEATURES (IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_RW_CUR_POS)

/* What io_uring_queue_init_params() does, for rings that are not mapped. */
static void lay_out(struct io_uring *ring, int fd, const struct io_uring_params *p, char *rings, void *sqes)
{
	*ring = (struct io_uring){
		.sq = {
			.khead = (unsigned *)(rings + p->sq_off.head),
			.ktail = (unsigned *)(rings + p->sq_off.tail),
			.kflags = (unsigned *)(rings + p->sq_off.flags),
			.kdropped = (unsigned *)(rings + p->sq_off.dropped),
			.array = (unsigned *)(rings + p->sq_off.array),
			.sqes = sqes,
			.ring_mask = p->sq_entries - 1,
			.ring_entries = p->sq_entries,
		},
		.cq = {
			.khead = (unsigned *)(rings + p->cq_off.head),
			.ktail = (unsigned *)(rings + p->cq_off.tail),
			.koverflow = (unsigned *)(rings + p->cq_off.overflow),
			.cqes = (struct io_uring_cqe *)(rings + p->cq_off.cqes),
			.ring_mask = p->cq_entries - 1,
			.ring_entries = p->cq_entries,
		},
		.flags = p->flags,
		.features = p->features,
		.ring_fd = fd,
		.enter_ring_fd = fd,
	};
}

/* One rung. 0 or -errno, and nothing is left. */
static int make(struct engine *engine, struct uring *uring, const struct rung *rung)
{
	struct io_uring_params params = { .flags = FLAGS_ALWAYS | rung->flags, .cq_entries = CQ_ENTRIES };
	char *pages = (char *)engine - ENGINE_RING_BYTES;
	struct sys *sys = engine->sys;
	int r;

	while (params.cq_entries < engine->config.depth)
		params.cq_entries *= 2;
	if (!(rung->flags & IORING_SETUP_NO_MMAP))
		return sys_uring_queue_init(sys, SQ_ENTRIES, &uring->ring, &params);
	if (params.cq_entries > CQ_ENTRIES)
		return -EINVAL; /* more than a page */
	uring_user_addr(&params.cq_off) = (uintptr_t)pages;
	uring_user_addr(&params.sq_off) = (uintptr_t)pages + ENGINE_PAGE_BYTES;
	r = sys_uring_setup(sys, SQ_ENTRIES, &params);
	if (r < 0)
		return r;
	uring->in_our_memory = true;
	lay_out(&uring->ring, r, &params, pages, pages + ENGINE_PAGE_BYTES);
	return 0;
}

void uring_tear_down(struct engine *engine, struct uring *uring)
{
	if (uring->in_our_memory)
		sys_close(engine->sys, uring->ring.ring_fd);
	else
		sys_uring_queue_exit(engine->sys, &uring->ring);
}

/* Whoever gets hold of the ring, or of the memory its entries are in, can do with it what devices do, to their files. */
static int restrict_ring(struct engine *engine, struct uring *uring)
{
	static const uint8_t opcodes[] = { URING_OPCODES };
	struct io_uring_restriction rules[sizeof(opcodes) + 1] = { 0 };

	for (unsigned i = 0; i < sizeof(opcodes); i++) {
		rules[i].opcode = IORING_RESTRICTION_SQE_OP;
		rules[i].sqe_op = opcodes[i];
	}
	/* On all of them, for there is one such rule: those without a file do not look at it (from 5.19 on). */
	rules[sizeof(opcodes)].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
	rules[sizeof(opcodes)].sqe_flags = IOSQE_FIXED_FILE;
	return sys_uring_register(engine->sys, uring->ring.ring_fd, IORING_REGISTER_RESTRICTIONS, rules,
				  sizeof(opcodes) + 1);
}

static int prepare(struct engine *engine, struct uring *uring, const char **step)
{
	int fd = uring->ring.ring_fd, r = 0;

	*step = "registering files";
	if (engine->file_count > 0)
		r = sys_uring_register(engine->sys, fd, IORING_REGISTER_FILES, engine->files, engine->file_count);
	if (r < 0)
		return r;
	*step = "restrictions";
	r = restrict_ring(engine, uring);
	if (r < 0)
		return r;
	*step = "enabling the ring";
	return sys_uring_register(engine->sys, fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}

int uring_set_up(struct engine *engine, struct uring *uring, struct error *error)
{
	const struct rung *rung = NULL;
	const char *step;
	int r = -EINVAL;

	/* -EINVAL: a flag that this kernel does not know. Anything else has nothing to do with flags. */
	for (unsigned i = 0; i < sizeof(ladder) / sizeof(ladder[0]) && r == -EINVAL; i++) {
		if (ladder[i].threads != engine->config.threads)
			continue;
		rung = &ladder[i];
		r = make(engine, uring, rung);
	}
	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "io_uring: %s", r == -EINVAL ? "older than Linux 5.19" : strerror(-r));
	if ((uring->ring.features & NEEDED_FEATURES) != NEEDED_FEATURES) {
		uring_tear_down(engine, uring);
		return error_set(error, ERROR_HOST, ENOSYS, "io_uring: features 0x%x: older than Linux 5.19", uring->ring.features);
	}
	r = prepare(engine, uring, &step);
	if (r < 0) {
		uring_tear_down(engine, uring);
		return error_set(error, ERROR_HOST, -r, "io_uring: %s: %s", step, strerror(-r));
	}
	/* The indirection between ring and entries stays the identity. */
	for (unsigned i = 0; i < uring->ring.sq.ring_entries; i++)
		uring->ring.sq.array[i] = i;
	engine->how = rung->text;
	return 0;
}
