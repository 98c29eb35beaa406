#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# units.sh [DIR]: what `make install` installs, and kvickd's units: what systemd says of them, and whether kvickd and its workers
# can do with what the service leaves them. There is no systemd that runs here: what it would set is set by hand.
#
# DIR is build unless said otherwise. Needs what `make all` makes, DIR/guests/echo.elf, DIR/client-tests/serve; root and KVM for the
# last part. Prints TAP.

set -u
build=${1-build}
cd "$(dirname "$0")/../.." || exit 1
. tests/client/common.sh
unset KVICK_SOCKET
prefix=$scratch/usr
service=$prefix/lib/systemd/system/kvickd.service

ends 0 make --no-print-directory BUILD="$build" PREFIX="$prefix" install
for each in bin/kvick sbin/kvickd libexec/kvick/{kvick-{bench,client,floor,snapshot,test,worker},kvickd-cgroup}; do
	[ -n "$problem" ] || [ -x "$prefix/$each" ] || problem="no $each"
done
for each in "${service#"$prefix/"}" lib/systemd/system/kvickd.socket lib/sysusers.d/kvick.conf \
	share/man/man1/kvick-{bench,functions,test}.1 share/man/man8/kvickd.8; do
	[ -n "$problem" ] || [ -f "$prefix/$each" ] || problem="no $each"
done
check 'make install' "$problem"
refused 'what is installed finds its client' 123 'is kvickd running?' "$prefix/bin/kvick" functions --socket "$socket"
ends 0 "$prefix/libexec/kvick/kvickd-cgroup" echo 'a b' c
prints 'a b c'
check 'kvickd-cgroup becomes its command, wherever it is' "$problem"

if command -v systemd-analyze >/dev/null; then
	ends 0 systemd-analyze verify --man=no "$service" "$prefix/lib/systemd/system/kvickd.socket"
	[ -n "$problem" ] || [ ! -s "$err" ] || problem='it has something to say'
	check 'systemd takes the units' "$problem"
	ends 0 systemd-analyze security --offline=yes --no-pager --threshold=35 "$service"
	check 'systemd takes the service for no more exposed than 3.5' "$problem"
else
	skip 'systemd takes the units' 'no systemd-analyze'
	skip 'systemd takes the service for no more exposed than 3.5' 'no systemd-analyze'
fi

# of KEY: a setting of the service; lines of the same key are joined.
of() {
	sed -e :a -e '/\\$/N; s/\\\n//; ta' "$service" | sed -n "s/^$1=//p"
}

# expanded SET…: the system calls of systemd's sets.
expanded() {
	local set each
	for set; do
		case $set in
		@*)
			for each in $(systemd-analyze syscall-filter "$set" | sed -n 's/^    \([^#]\)/\1/p'); do
				expanded "$each"
			done
			;;
		*) echo "$set" ;;
		esac
	done
}

# Socket activation, capabilities, no new privileges, the service's own command line; and a record of what is called.
as_the_unit() {
	local capabilities command
	capabilities=$(of CapabilityBoundingSet | sed 's/CAP_/+/g' | tr 'A-Z ' 'a-z,')
	command=$(of ExecStart | sed "s,%S,$scratch/state,g")
	mkdir -p "$scratch/state/kvick/images" "$scratch/state/kvick/state"
	cp "$build/guests/echo.elf" "$scratch/state/kvick/images"
	# -D: kvickd has the process ID that systemd's variables name.
	# shellcheck disable=SC2086 # a command line
	systemd-socket-activate -l "$socket" setpriv --bounding-set="-all,$capabilities" --inh-caps=-all --no-new-privs \
		strace -D -f -o "$scratch/calls" $command >"$scratch/kvickd" 2>&1 &
	server=$!
	until grep -q " 00010000 .* $socket\$" /proc/net/unix; do # it listens
		kill -0 $server 2>/dev/null || return
		sleep 0.01
	done
}

if [ "$(id -u)" -ne 0 ] || ! "$kvick" doctor >/dev/null 2>&1 || ! command -v systemd-socket-activate setpriv strace >/dev/null; then
	skip 'kvickd runs as its unit has it' 'no root, no KVM, or no systemd'
	total units
	exit
fi
export KVICK_SOCKET=$socket
as_the_unit
ends 0 "$prefix/bin/kvick" functions add echo --image echo.elf
check 'a function is added to a kvickd that its socket starts' "$problem"
ends 0 "$prefix/bin/kvick" invoke echo --data hello
prints hello
check 'and called' "$problem"
# A cgroup is systemd's to give.
lacks=$(grep '"event":"jail_lacks"' "$scratch/kvickd" | grep -v '"what":"cgroup: ')
check 'its worker lacks nothing' "$lacks"
kill -TERM $server 2>/dev/null
wait $server
# strace is no child of ours; it writes this last.
for _ in $(seq 3000); do
	grep -Eq "^$server +\+\+\+ " "$scratch/calls" && break
	sleep 0.02
done
server=
# Rows: PID NAME(…) = …
sed -n 's/^[0-9]* *\([a-z0-9_]*\)(.*/\1/p' "$scratch/calls" | sort -u >"$scratch/called"
# shellcheck disable=SC2046 # words
{
	expanded $(of SystemCallFilter | sed -n '/^~/!p') | sort -u >"$scratch/allowed"
	expanded $(of SystemCallFilter | sed -n 's/^~//p') | sort -u >"$scratch/denied"
}
beyond=$(comm -23 "$scratch/allowed" "$scratch/denied" | comm -23 "$scratch/called" - | tr '\n' ' ')
[ "$(wc -l <"$scratch/called")" -gt 50 ] || beyond='too few calls were seen'
check 'all that kvickd and its worker call is in SystemCallFilter' "$beyond"
total units
