#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# unikernels.sh BUILD: every unikernel of guests/unikernels by `kvick test`, as the manifest there says. On the host and in the
# nested machine; in a network namespace of its own where that can be had, for the cases that make a tap.
#
# Prints TAP.

set -u
build=$1
manifest=guests/unikernels/kvick.test

echo 1..1
without=
for main in guests/unikernels/*/main.c; do
	name=$(basename "$(dirname "$main")")
	grep -qE "^image = \.\./\.\./build/guests/$name\.elf\$" $manifest || without="$without $name"
done
if [ -z "$without" ]; then
	echo 'ok 1 - each unikernel has a case'
	echo '# unikernels: 1 passed, 0 failed, 0 skipped'
else
	echo 'not ok 1 - each unikernel has a case'
	echo "#   in $manifest there is none of:$without"
	echo '# unikernels: 0 passed, 1 failed, 0 skipped'
fi

alone=
! unshare -rn true 2>/dev/null || alone='unshare -rn'
$alone "$build/kvick" test --format tap $manifest
status=$?
[ -z "$without" ] || exit 1
exit $status
