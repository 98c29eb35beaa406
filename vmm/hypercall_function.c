/* SPDX-License-Identifier: Apache-2.0 */
/* A function's calls: it is ready, and takes its request (invocation.h); more of that; its reply. */
#include <errno.h>

#include "vmm/hypercalls.h"
#include "vmm/invocation.h"
#include "vmm/machine.h"

/* Nobody asks it anything: an empty request. */
static const struct invocation nothing = { .reply_max = KVICK_REPLY_BYTES_MAX };

static const struct invocation *invocation_of(const struct machine *m)
{
	return m->config->invocation ? m->config->invocation : &nothing;
}

/* As much of the request as there is from `offset` on, up to `bytes`, into RAM that has been checked. */
static uint64_t copy_request(struct machine *m, uint64_t to, uint64_t bytes, uint64_t offset)
{
	const struct invocation *i = invocation_of(m);
	uint64_t left = offset < i->request_bytes ? i->request_bytes - offset : 0;

	if (bytes > left)
		bytes = left;
	if (bytes)
		hypercall_store(m, to, i->request + offset, bytes);
	return bytes;
}

int64_t hypercall_ready(struct machine *m, struct kvick_call *call)
{
	struct invocation *i = m->config->invocation;

	if (m->function_stage > FUNCTION_READY)
		return -KVICK_EINVAL;
	if (!guest_mem_writable(&m->mem, gpa(call->arg[0]), call->arg[1]))
		return -KVICK_EFAULT;
	if (m->config->stop_when_ready && m->function_stage == FUNCTION_STARTS) {
		m->function_stage = FUNCTION_READY;
		m->outcome = OUTCOME_READY;
		return HYPERCALL_LATER;
	}
	m->function_stage = FUNCTION_ASKED;
	copy_request(m, call->arg[0], call->arg[1], 0);
	call->arg[0] = m->generation;
	if (i) {
		i->taken = true;
		i->taken_tsc = __rdtsc();
	}
	return (int64_t)invocation_of(m)->request_bytes;
}

int64_t hypercall_request(struct machine *m, struct kvick_call *call)
{
	if (m->function_stage < FUNCTION_ASKED)
		return -KVICK_EINVAL;
	if (!guest_mem_writable(&m->mem, gpa(call->arg[0]), call->arg[1]))
		return -KVICK_EFAULT;
	return (int64_t)copy_request(m, call->arg[0], call->arg[1], call->arg[2]);
}

static COLD int64_t broke_off(struct machine *m, uint64_t bytes)
{
	m->outcome = OUTCOME_BROKE_OFF;
	if (m->function_stage == FUNCTION_REPLIED)
		error_set(&m->error, ERROR_IMAGE, 0, "%s: the guest replied twice: a function replies once", m->config->image_path);
	else
		error_set(&m->error, ERROR_IMAGE, 0, "%s: the guest's reply has %llu bytes, and %llu fit", m->config->image_path,
			  (unsigned long long)bytes, (unsigned long long)invocation_of(m)->reply_max);
	return 0;
}

/* Copied, or printed where nobody has room for it. */
static int64_t take_reply(struct machine *m, gpa_t from, uint64_t bytes)
{
	struct invocation *i = m->config->invocation;

	m->function_stage = FUNCTION_REPLIED;
	if (!i)
		return bytes && console_write(&m->console, &m->mem, from, bytes, m->config->stop, &m->sys) < 0 ? -KVICK_EIO : 0;
	i->replied_tsc = __rdtsc();
	i->replied = true;
	i->reply_bytes = bytes;
	if (i->reply)
		guest_mem_read(&m->mem, from, i->reply, bytes);
	return 0;
}

int64_t hypercall_reply(struct machine *m, struct kvick_call *call)
{
	gpa_t from = gpa(call->arg[0]);
	uint64_t bytes = call->arg[1];

	if (call->arg[2] & ~(uint64_t)KVICK_REPLY_EXIT || m->function_stage < FUNCTION_ASKED)
		return -KVICK_EINVAL;
	if (!guest_mem_contains(&m->mem, from, bytes))
		return -KVICK_EFAULT;
	if (m->function_stage == FUNCTION_REPLIED || bytes > invocation_of(m)->reply_max)
		return broke_off(m, bytes);
	int64_t r = take_reply(m, from, bytes);

	if (call->arg[2] & KVICK_REPLY_EXIT) {
		m->outcome = OUTCOME_EXITED;
		m->status = (int)(call->arg[3] & 0xff);
	}
	return r;
}
