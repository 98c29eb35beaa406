/* SPDX-License-Identifier: Apache-2.0 */
#include "vmm/sandbox.h"

#include <string.h>

#include "control/library/library.h"

int kvick_thread_sandbox(struct kvick_error *to)
{
	struct error error = { .kind = ERROR_NONE }, told = { .kind = ERROR_NONE };
	struct sys sys;
	int r;

	sys_init(&sys);
	r = sandbox_enter(SANDBOX_LIBRARY | SANDBOX_RESETS | SANDBOX_REPORT, &sys, &error);
	if (r < 0)
		error_set(&told, ERROR_HOST, -r, "sandbox: %s; does this kernel have CONFIG_SECCOMP_FILTER? Run without, or "
			  "elsewhere", strerror(-r));
	return library_result(to, &told, r);
}
