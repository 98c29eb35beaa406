#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# demo.sh BUILD: boots hello and shows where the time went; in the nested machine where /dev/kvm cannot be used.

set -u
build=$1

if "$build/kvick" doctor >/dev/null 2>&1; then
	# Once unseen: the first launch after a boot finds out which ring is fast, and the page cache is cold.
	"$build/kvick" run "$build/guests/hello.elf" >/dev/null || exit
	echo "\$ kvick run --report text hello.elf"
	# No exec: the launch is reckoned from this process's beginning, which would be the shell's.
	"$build/kvick" run --report text "$build/guests/hello.elf"
	exit
fi
echo "KVM cannot be used here ($("$build/kvick" doctor 2>/dev/null | sed -n '/^bad/{s/^bad *kvm *//p;q}'))"
echo "so this boots a machine with KVM inside QEMU first; figures from it say nothing about your host."
"$(dirname "$0")/packages.sh" nested || exit
exec "$(dirname "$0")/nested/machine.sh" --add "$build/kvick:/bin/kvick" --add "$build/guests/hello.elf:/hello.elf" -- \
	sh -c 'kvick run /hello.elf >/dev/null && kvick run --report text /hello.elf'
