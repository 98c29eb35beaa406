#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# loop.sh [-r] [-b BYTES] LINK COMMAND…: runs a command while LINK leads to a block device of 1 MiB: a loop device, by util-linux or
# busybox, for root. -r: read-only; -b: with blocks so large (util-linux only).

set -u
options=
while :; do
	case $1 in
	-r) options="$options -r"; shift ;;
	-b) options="$options -b $2"; shift 2 ;;
	*) break ;;
	esac
done
link=$1 file=$1.$$
shift

trap 'rm -f "$link" "$file"' EXIT
rm -f "$link"
# shellcheck disable=SC2086 # the options are words
truncate -s 1M "$file" && losetup $options -f "$file" || exit
device=$(losetup -a | sed -n "s,^\(/dev/[^:]*\):.*$file.*,\1,p")
ln -s "$device" "$link"
"$@"
code=$?
losetup -d "$device"
exit $code
