/* SPDX-License-Identifier: Apache-2.0 */
#include "control/worker/slot.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <kvick/hypercall.h>

#include "control/worker/function.h"
#include "control/worker/slot_serve.h"
#include "vmm/error.h"

/* Sanitizers have large frames, and much that is each thread's own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STACK_BYTES (4u << 20)
#else
#define STACK_BYTES (64u << 10)
#endif

#define PAGE_BYTES 4096u
#define PAGES(bytes) (((bytes) + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES)

/* The mapping: the slot, its buffers (slot_serve.h), a page that nobody may touch, the stack. */
#define BUFFERS_AT PAGES(sizeof(struct slot))
#define GUARD_AT   (BUFFERS_AT + PAGES(sizeof(struct slot_buffers)))
#define STACK_AT   (GUARD_AT + PAGE_BYTES)
#define MAP_BYTES  (STACK_AT + STACK_BYTES)

/* Handlers have no argument, but they run in the thread that they are for. */
static _Thread_local struct slot *here;

struct slot_buffers *slot_buffers(struct slot *slot)
{
	return (struct slot_buffers *)((uint8_t *)slot + BUFFERS_AT);
}

static void on_signal(int signal)
{
	struct slot *slot = here;

	if (!slot)
		return;
	if (!atomic_load(&slot->cancel)) {
		slot->stop.ticked = 1;
		return;
	}
	slot->stop.signal = signal;
	if (slot->stop.immediate_exit)
		*slot->stop.immediate_exit = 1;
}

int slot_catch_signal(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	return sigaction(SLOT_SIGNAL, &action, NULL) < 0 ? -errno : 0;
}

void slot_wake_owner(struct slot *slot)
{
	const uint64_t one = 1;
	ssize_t n = write(slot->owner->wake_fd, &one, sizeof(one));

	(void)n; /* an eventfd that is full wakes too */
}

/* A running guest has come to want ticks: in the thread. */
static void want_ticks(struct stop *stop)
{
	(void)stop;
	atomic_store(&here->wants_ticks, true);
	if (!atomic_exchange(&here->owner->ticking, true))
		slot_wake_owner(here);
}

struct slot *slot_create(const struct function *function, struct slot_owner *owner, uint32_t number, int socket)
{
	void *at = mmap(NULL, MAP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct slot *slot = at;

	if (at == MAP_FAILED)
		return NULL;
	if (mprotect((uint8_t *)at + GUARD_AT, PAGE_BYTES, PROT_NONE) < 0) {
		munmap(at, MAP_BYTES);
		return NULL;
	}
	slot->function = function;
	slot->owner = owner;
	slot->number = number;
	slot->socket = socket;
	pthread_mutex_init(&slot->lock, NULL);
	return slot;
}

static void *thread(void *argument)
{
	struct slot *slot = argument;

	here = slot;
	slot->stop = (struct stop){ .want_ticks = want_ticks };
	enum slot_state end = slot_serve(slot);
	here = NULL;
	atomic_store(&slot->state, end);
	slot_wake_owner(slot);
	return NULL;
}

int slot_start(struct slot *slot)
{
	pthread_attr_t attributes;
	int r;

	atomic_store(&slot->state, SLOT_LIVES);
	pthread_attr_init(&attributes);
	r = pthread_attr_setstack(&attributes, (uint8_t *)slot + STACK_AT, STACK_BYTES);
	if (r == 0)
		r = pthread_create(&slot->thread, &attributes, thread, slot);
	pthread_attr_destroy(&attributes);
	return -r;
}

void slot_join(struct slot *slot)
{
	pthread_join(slot->thread, NULL);
}

void slot_destroy(struct slot *slot)
{
	close(slot->socket);
	pthread_mutex_destroy(&slot->lock);
	munmap(slot, MAP_BYTES);
}

/* ---- by others ---- */

static void interrupt(struct slot *slot)
{
	pthread_kill(slot->thread, SLOT_SIGNAL);
}

bool slot_cancel(struct slot *slot, uint64_t invocation)
{
	pthread_mutex_lock(&slot->lock);
	slot->cancelled = invocation;
	bool runs = slot->invocation == invocation;

	if (runs)
		atomic_store(&slot->cancel, true);
	pthread_mutex_unlock(&slot->lock);
	if (runs)
		interrupt(slot);
	return runs;
}

bool slot_hang_up(struct slot *slot)
{
	pthread_mutex_lock(&slot->lock);
	slot->hung_up = true;
	bool runs = slot->invocation != 0;

	if (runs)
		atomic_store(&slot->cancel, true);
	pthread_mutex_unlock(&slot->lock);
	if (runs)
		interrupt(slot);
	return runs;
}

bool slot_remind(struct slot *slot)
{
	bool runs = atomic_load(&slot->cancel);

	if (runs)
		interrupt(slot);
	return runs;
}

bool slot_tick(struct slot *slot)
{
	bool wants = atomic_load(&slot->wants_ticks);

	if (wants)
		interrupt(slot);
	return wants;
}
