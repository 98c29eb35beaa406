#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# nested/cases.sh BUILD: runs the guest cases and the hostile ones in the nested machine: the same folders as on
# the host, the same runner.

set -u
build=$1
script=$build/nested/cases-inside.sh
mkdir -p "$build/nested"
cat >"$script" <<'INSIDE'
cd /kvick
echo 16 >/proc/sys/vm/nr_hugepages # for the cases that need some
echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
mount -t debugfs debugfs /sys/kernel/debug
status=0
sh tests/run-cases.sh --kvick bin/kvick --guests guests --variant nested tests/guests/*/ || status=1
sh tests/run-cases.sh --kvick bin/kvick --guests hostile --variant nested tests/hostile/*/case || status=1
exit $status
INSIDE

set -- --memory 768 --timeout 900 --add "$script:/kvick/cases.sh" --add tests/run-cases.sh:/kvick/tests/run-cases.sh
set -- "$@" --add tests/guests:/kvick/tests/guests --add tests/hostile:/kvick/tests/hostile --add "$build/kvick:/kvick/bin/kvick"
for image in "$build"/guests/*.elf; do
	set -- "$@" --add "$image:/kvick/guests/${image##*/}"
done
for image in "$build"/hostile/*.elf; do
	set -- "$@" --add "$image:/kvick/hostile/${image##*/}"
done
exec "$(dirname "$0")/machine.sh" "$@" -- sh /kvick/cases.sh
