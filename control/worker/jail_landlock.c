/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "control/worker/jail.h"

/* As Linux 6.12 has them: Landlock's sixth ABI. The header may be older. */
struct ruleset {
	uint64_t handled_access_fs, handled_access_net, scoped;
};

#define FS_OF_ABI_1  (((uint64_t)LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define FS_REFER     (1ull << 13) /* ABI 2 */
#define FS_TRUNCATE  (1ull << 14) /* 3 */
#define FS_IOCTL_DEV (1ull << 15) /* 5; of devices that are opened from now on */
#define NET_BIND_TCP    (1ull << 0) /* 4 */
#define NET_CONNECT_TCP (1ull << 1)
#define SCOPE_ABSTRACT_UNIX_SOCKET (1ull << 0) /* 6 */
#define SCOPE_SIGNAL               (1ull << 1)

/* Every kind of access that this kernel knows is handled, and none is allowed anywhere. */
int jail_landlock(struct jail *jail)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct ruleset all = { .handled_access_fs = FS_OF_ABI_1 };
	size_t bytes = sizeof(all.handled_access_fs);

	(void)jail;
	if (abi < 0)
		return -errno;
	if (abi >= 2)
		all.handled_access_fs |= FS_REFER;
	if (abi >= 3)
		all.handled_access_fs |= FS_TRUNCATE;
	if (abi >= 4) {
		all.handled_access_net = NET_BIND_TCP | NET_CONNECT_TCP;
		bytes = 2 * sizeof(uint64_t);
	}
	if (abi >= 5)
		all.handled_access_fs |= FS_IOCTL_DEV;
	if (abi >= 6) {
		all.scoped = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL;
		bytes = sizeof(all);
	}

	int fd = (int)syscall(SYS_landlock_create_ruleset, &all, bytes, 0);

	if (fd < 0)
		return -errno;
	int r = syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? -errno : 0;

	close(fd);
	return r;
}
