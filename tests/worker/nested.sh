#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# nested.sh BUILD: the jail once more, in the nested machine: on Debian's kernel, which is older than most hosts', with a root that
# cannot be moved, and with cgroups of version 2 that have limits.

set -u
build=$1
program=$build/worker/test_jail

inside='mkdir -p /sys/fs/cgroup /tmp /etc
mount -t cgroup2 none /sys/fs/cgroup
echo "root:x:0:0::/:/bin/sh" >/etc/passwd
(umask 077; echo "root:*:::::::" >/etc/shadow)
ifconfig lo up
sh /tests/run.sh /tests/test_jail'

set -- --add "$program:/tests/test_jail" --add tests/unit/run.sh:/tests/run.sh
for library in $(ldd "$program" | sed -n 's/^[^/]*\(\/[^ ]*\) (.*/\1/p'); do
	set -- "$@" --add "$library:$library"
done
tests/nested/machine.sh "$@" -- sh -c "$inside"
