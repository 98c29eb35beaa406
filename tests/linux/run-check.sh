#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs a check inside the guest, and turns the machine off. A check prints what its case looks for; these help it:
#
#	try NAME COMMAND…   "ok NAME", or "not ok NAME" with the command's last words
#	disk SERIAL         the disk of that name: /dev/vdb

export PATH=/usr/bin:/bin HOME=/tmp TERM=dumb
stty -onlcr # a line's end is as a case looks for it
mount -t tmpfs tmp /tmp
mkdir /tmp/mnt
ip link set lo up

try() {
	name=$1
	shift
	if "$@" >/tmp/said 2>&1; then
		echo "ok $name"
	else
		echo "not ok $name: exit code $?"
		tail -n 12 /tmp/said | sed 's/^/  /'
	fi
}

disk() {
	for at in /sys/block/vd*; do
		[ "$(cat "$at/serial")" != "$1" ] || echo "/dev/${at##*/}"
	done
}

check=$(sed -n 's/.*check=\([^ ]*\).*/\1/p' /proc/cmdline)
. "/checks/$check"
echo "check $check has ended"
# What the kernel complained of. QEMU 7.2 does not tell KVM of XSETBV, so that CPUID and XCR0 disagree and Linux does without XSAVE.
dmesg | grep -v 'fpu__init_system_xstate' |
	grep -E 'I/O error|BUG:|WARNING: CPU|blocked for more|nobody cared|timed out' | sed 's/^/# kernel: /'
poweroff -f
