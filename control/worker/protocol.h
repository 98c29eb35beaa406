/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What kvickd and a worker, the jailed process of one function, say to each other. Both are the same build: no versions, the
 * CPU's byte order. Each side checks every length before it believes it; the worker holds hostile guests, so kvickd trusts it no
 * further.
 *
 * One control socket (WORKER_CONTROL_FD, SOCK_SEQPACKET) and a socket for each slot (SOCK_STREAM). A slot is a thread of the worker
 * with one VM of its own: warm when it says so, then one request, one reply, a reset, warm again. kvickd decides how many slots
 * there are, and gives each request to one that is warm, or to a new one.
 */
#ifndef KVICK_CONTROL_WORKER_PROTOCOL_H
#define KVICK_CONTROL_WORKER_PROTOCOL_H

#include <stdint.h>

#define WORKER_CONTROL_FD 3 /* open in the worker from its start, and no others but 0, 1, 2 */

#define WORKER_CONTROL_BYTES_MAX 65536u /* of one message */
#define WORKER_REASON_BYTES_MAX  1024u
#define WORKER_LOG_BYTES_MAX     (64u << 10) /* of a guest's output for each invocation; the rest is cut off, and that is said */

/* RAM, where that is said: whole pages. */
#define WORKER_MEMORY_BYTES_MIN  (2ull << 20)
#define WORKER_MEMORY_BYTES_MAX  (64ull << 30)
#define WORKER_MEMORY_PAGE_BYTES 4096u

/* Control messages, kvickd's: a header, then what the type says; descriptors by SCM_RIGHTS. */
enum worker_command {
	/*
	 * The first. struct worker_config, then argc + envc strings with their NULs, argv[1] the first: argv[0] is the name.
	 * Descriptors: /dev/kvm; then an image, open for reading, or a snapshot's directory.
	 */
	WORKER_CONFIGURE = 1,
	/*
	 * header.slot, below the concurrency; descriptor: the slot's end of its socket. The end of file on it ends the slot, and
	 * what runs there; then its number is free again.
	 */
	WORKER_ADD_SLOT = 2,
	/* header.slot, header.invocation: ends that invocation, if it is still running or has not come yet; it is replied to. */
	WORKER_CANCEL = 3,
};

/* The worker's. */
enum worker_event {
	WORKER_CONFIGURED = 1, /* slots may come. Text follows: what the jail lacks here, a line each; none: nothing */
	WORKER_REFUSED = 2,    /* the function cannot run here: reason text follows; the worker ends */
	WORKER_SLOT_FAILED = 3, /* header.slot could not be made: reason text follows */
};

struct worker_header {
	uint32_t type;        /* enum worker_command or worker_event */
	uint32_t slot;
	uint64_t invocation;
};

struct worker_config {
	uint64_t mem_bytes;   /* 0: what the image asks for; with a snapshot 0 */
	uint32_t is_snapshot; /* else an image */
	uint32_t uid, gid;    /* to become, where the worker may; 0: stay. No other process's: they are counted (RLIMIT_NPROC) */
	uint32_t concurrency; /* the most slots that there will be */
	uint32_t argc, envc;
	char name[64];        /* the function's, for messages */
};

/* Slots. kvickd's one message: this, then the body. */
struct worker_request {
	uint64_t invocation;  /* never 0, never the same twice */
	uint32_t body_bytes;  /* at most KVICK_REQUEST_BYTES_MAX */
	uint32_t reserved;
};

enum worker_outcome {
	WORKER_WARM = 0,      /* no reply: the slot is ready for a request. All else is 0 */
	WORKER_REPLIED = 1,   /* the body is the guest's reply */
	WORKER_EXITED = 2,    /* it ended without one, by `status` */
	WORKER_CRASHED = 3,   /* reason: the first line of the crash report; all of it is in the log */
	WORKER_BROKE_OFF = 4, /* it did what a function may not: two replies, one that is too long; reason says which */
	WORKER_CANCELLED = 5,
	WORKER_FAILED = 6,    /* the host could not: reason */
};

/* A slot's messages: this, then reason, log and body, each of the length that stands here. */
struct worker_reply {
	uint64_t invocation;
	uint32_t outcome;     /* enum worker_outcome */
	uint32_t status;      /* of a guest that exited, also after its reply */
	uint32_t reason_bytes, log_bytes, body_bytes;
	uint32_t log_cut;     /* there was more */
	uint32_t pages;       /* of RAM that the guest wrote to; 0: not known */
	uint32_t exits;
	/* Nanoseconds of CLOCK_MONOTONIC: the request came, the vCPU was entered, the guest had it, it replied. 0: never. */
	uint64_t received_ns, entered_ns, taken_ns, replied_ns;
};

#endif
