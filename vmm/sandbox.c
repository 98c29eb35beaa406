/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>

#include "sandbox_filter.h" /* build/gen, made by sandbox_compile.c */
#ifdef KVICK_RESETS
#include "sandbox_filter_resets.h"
#endif
#include "vmm/error.h"
#include "vmm/sys.h"

/* Read only: seccomp(2) copies it. */
#define FILTER(set, name) [set] = { sizeof(name) / sizeof(name[0]), (struct sock_filter *)name },

static const struct sock_fprog filters[] __attribute__((section("cold_rodata"))) = {
	SANDBOX_FILTERS(FILTER)
#ifdef KVICK_RESETS /* builds whose machines are reset: all but the launcher's */
	SANDBOX_FILTERS_RESETS(FILTER)
#endif
};

/* The two of launches without devices are where all launches read (control/kvick.ld). */
static struct sock_fprog filter_of(unsigned set)
{
	static const struct sock_fprog hot[] = {
		FILTER(SANDBOX_PLAIN, sandbox_filter_0) FILTER(SANDBOX_REPORT, sandbox_filter_1)
	};

	return set <= SANDBOX_REPORT ? hot[set] : filters[set];
}

int sandbox_enter(unsigned set, struct sys *sys, struct error *error)
{
	struct sock_fprog filter = filter_of(set);
	bool tsync = (set & (SANDBOX_PC | SANDBOX_RESETS)) == SANDBOX_PC;
	int r;

	assert(sandbox_set_can_be(set) && set < sizeof(filters) / sizeof(filters[0]));

	/* First: without CAP_SYS_ADMIN no filter is taken from a process that could still gain privileges. */
	r = sys_prctl(sys, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (r < 0)
		return error_set(error, ERROR_HOST, -r, "no_new_privs: %s; --no-sandbox runs without", strerror(-r));
	/*
	 * TSYNC where the guest may have a second thread: it is closed over that one too. In a worker other threads are others'.
	 * Not SECCOMP_FILTER_FLAG_SPEC_ALLOW, which would spare this thread the speculative-store mitigation that kernels before
	 * 5.16, or those told to, switch on with a filter: it costs nothing measurable where it is off, and where it is on
	 * somebody wants it.
	 */
	r = sys_seccomp(sys, SECCOMP_SET_MODE_FILTER, tsync ? SECCOMP_FILTER_FLAG_TSYNC : 0, &filter);
	if (r > 0) /* that thread has a filter which this one lacks */
		r = -EBUSY;
	if (r < 0)
		return error_set(error, ERROR_HOST, -r,
				 "seccomp filter: %s; does this kernel have CONFIG_SECCOMP_FILTER? --no-sandbox runs without",
				 strerror(-r));
	return 0;
}
