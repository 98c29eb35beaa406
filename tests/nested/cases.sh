#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# nested/cases.sh BUILD cases|shadow|unikernels|fault|linux: runs the guest cases and the hostile ones; those about page tables
# where KVM shadows them; all unikernels by `kvick test`; the fault sweep; or the cases with Debian's kernel as the guest, in the
# nested machine ($CASES: only these): the same lists as on the host, by the same runners. Prints TAP, and ends it whatever becomes
# of the machine.

set -u
build=$1 what=$2
here=$(dirname "$0")
shell=sh

# passt, with the libraries that it needs: a path is the last word of a line, or stands before the address.
add_passt() {
	passt=$(command -v passt) || return 0
	for file in "$passt" $(ldd "$passt" | sed -n 's:^[^/]*\(/[^ ]*\) (.*:\1:p'); do
		echo "--add $file:$file"
	done
}

case $what in
cases | shadow)
	list="${CASES:-tests/guests/*/case tests/hostile/*/case}" variant=nested
	set --
	if [ "$what" = shadow ]; then
		list="\$(grep -l '^image=\\(pgtable\\|tables\\)\$\\|^# About page tables' $list)" variant='nested, npt=0'
		set -- --module kvm_amd,npt=0
	fi
	# Hugepages of both kinds, and KVM's counters of large pages: for the cases that need some.
	inside="echo 16 >/proc/sys/vm/nr_hugepages
		echo madvise >/sys/kernel/mm/transparent_hugepage/enabled
		mount -t debugfs debugfs /sys/kernel/debug
		exec sh tests/run-cases.sh --kvick build/kvick --guests build/images --variant '$variant' $list"
	shell='sh /kvick/tests/nested/new_root.sh sh'
	set -- "$@" --module tun --module loop --memory 768 --add tests/nested/new_root.sh:/kvick/tests/nested/new_root.sh
	set -- "$@" --add tests/run-cases.sh:/kvick/tests/run-cases.sh --add "$build/kvick:/kvick/build/kvick" \
		--add "$build/kvick-snapshot:/kvick/build/kvick-snapshot"
	set -- "$@" --add tests/guests:/kvick/tests/guests --add tests/hostile:/kvick/tests/hostile
	set -- "$@" --add tests/helpers:/kvick/tests/helpers --add "$build/helpers:/kvick/build/helpers"
	# shellcheck disable=SC2046 # paths without spaces
	set -- "$@" $(add_passt)
	for image in "$build"/guests/*.elf "$build"/guests/*.bzImage "$build"/guests/*.kernel "$build"/guests/*.hvt \
		"$build"/guests/*.kludge "$build"/hostile/*.elf "$build"/hostile/*.bzImage "$build"/hostile/*.hvt; do
		set -- "$@" --add "$image:/kvick/build/images/${image##*/}"
	done
	;;
linux)
	# The programs at the host's end are those of the guest's root disk, which is mounted here too.
	inside="mount -o loop,ro build/linux/root.img /host && mount --rbind /dev /host/dev && mount --rbind /tmp /host/tmp &&
		mkdir -p /etc && echo nobody:x:65534:65534::/:/bin/false >/etc/passwd &&
		exec sh tests/run-cases.sh --kvick build/kvick --variant 'nested' ${CASES:-tests/linux/*/case}"
	shell='sh /kvick/tests/nested/new_root.sh sh'
	"$here/../linux/root.sh" "$build" || exit 1
	mkdir -p "$build/linux/host"
	# shellcheck disable=SC2046 # paths without spaces
	set -- --module tun --module loop --module brd,rd_size=65536 --memory 1280 $(add_passt) --add "$build/linux/host:/host"
	set -- "$@" --add tests/nested/new_root.sh:/kvick/tests/nested/new_root.sh --add tests/linux:/kvick/tests/linux
	set -- "$@" --add tests/run-cases.sh:/kvick/tests/run-cases.sh --add "$build/kvick:/kvick/build/kvick"
	for file in vmlinuz initrd.cpio root.img; do
		set -- "$@" --add "$build/linux/$file:/kvick/build/linux/$file"
	done
	;;
unikernels)
	inside='exec sh tests/unikernels.sh build'
	set -- --module tun --memory 768
	for file in tests/unikernels.sh guests/unikernels; do
		set -- "$@" --add "$file:/kvick/$file"
	done
	for file in kvick kvick-test kvick-floor helpers perf/stream; do
		set -- "$@" --add "$build/$file:/kvick/build/$file"
	done
	for image in "$build"/guests/*.elf; do
		set -- "$@" --add "$image:/kvick/build/guests/${image##*/}"
	done
	;;
fault)
	# Not each call by each errno: that would take 5 minutes. The sanitizers need libraries.
	inside='exec sh tests/fault/sweep.sh --every 3 --no-sanitizers --variant nested build'
	set -- --module tun --add tests/fault/sweep.sh:/kvick/tests/fault/sweep.sh
	set -- "$@" --add "$build/fault/kvick-musl:/kvick/build/fault/kvick-musl"
	for image in fat.elf monitor.hvt readonly.elf sockets.elf; do
		set -- "$@" --add "$build/hostile/$image:/kvick/build/hostile/$image"
	done
	for image in "$build"/guests/*.elf "$build"/guests/*.bzImage "$build"/guests/*.kernel "$build"/guests/*.hvt \
		"$build"/guests/*.kludge; do
		set -- "$@" --add "$image:/kvick/build/guests/${image##*/}"
	done
	;;
*)
	echo 'usage: nested/cases.sh BUILD cases|shadow|unikernels|fault|linux' >&2
	exit 2
	;;
esac

# shellcheck disable=SC2086 # the shell is words
# They take 2 to 14 minutes on a host with two processors. machine.sh looks at the time, and ends its machine in order.
exec "$here/../finish.sh" 1900 "nested $what" "$here/machine.sh" --timeout 1800 "$@" -- $shell -c "cd /kvick && $inside"
