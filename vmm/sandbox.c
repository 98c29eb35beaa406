/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/sandbox.h"

#include <assert.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>

#include "sandbox_filter.h" /* build/gen, made by sandbox_compile.c */
#include "vmm/error.h"
#include "vmm/sys.h"

/* Read only: seccomp(2) copies it. */
#define FILTER(set, name) [set] = { sizeof(name) / sizeof(name[0]), (struct sock_filter *)name },

/* Apart, for its stack: most launches do without. */
static COLD __attribute__((noinline)) int install_made(unsigned set, unsigned flags, struct sys *sys)
{
	struct sock_filter code[SANDBOX_INSTRUCTIONS_MAX];
	unsigned count = sandbox_make(code, sandbox_rows, sizeof(sandbox_rows) / sizeof(sandbox_rows[0]), set);
	struct sock_fprog filter = { (unsigned short)count, code };

	assert(count > 0);
	return sys_seccomp(sys, SECCOMP_SET_MODE_FILTER, flags, &filter);
}

static int install(unsigned set, unsigned flags, struct sys *sys)
{
	static const struct sock_fprog made[] = {
		FILTER(SANDBOX_PLAIN, sandbox_filter_0) FILTER(SANDBOX_REPORT, sandbox_filter_1)
	};
	struct sock_fprog filter;

	if (set > SANDBOX_REPORT)
		return install_made(set, flags, sys);
	filter = made[set];
	return sys_seccomp(sys, SECCOMP_SET_MODE_FILTER, flags, &filter);
}

#ifdef KVICK_RESETS
#define SETS SANDBOX_SETS
#else
#define SETS SANDBOX_LAUNCH_SETS /* the rows of the others are not there */
#endif

int sandbox_enter(unsigned set, struct sys *sys, struct error *error)
{
	bool tsync = (set & (SANDBOX_PC | SANDBOX_RESETS)) == SANDBOX_PC;
	int r;

	assert(sandbox_set_can_be(set) && set < SETS);

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
	r = install(set, tsync ? SECCOMP_FILTER_FLAG_TSYNC : 0, sys);
	if (r > 0) /* that thread has a filter which this one lacks */
		r = -EBUSY;
	if (r < 0)
		return error_set(error, ERROR_HOST, -r,
				 "seccomp filter: %s; does this kernel have CONFIG_SECCOMP_FILTER? --no-sandbox runs without",
				 strerror(-r));
	return 0;
}
