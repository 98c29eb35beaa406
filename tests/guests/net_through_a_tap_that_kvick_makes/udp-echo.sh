#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# udp-echo.sh [--make] KVICK…: runs kvick with a guest that echoes UDP at 198.18.0.2 behind the tap kvick0, and asks it; the last
# word ends the guest. To be run in a network namespace of its own (`unshare -rn`), so that nothing of it is left. --make: the
# tap is there before kvick is.

set -u

if [ "$1" = --make ]; then
	shift
	ip tuntap add dev kvick0 mode tap || exit 1
fi
timeout 60 "$@" &
kvick=$!

tries=100
until ip address add 198.18.0.1/30 dev kvick0 2>/dev/null; do
	kill -0 $kvick && [ $((tries -= 1)) -gt 0 ] || exit 1
	sleep 0.1
done
ip link set kvick0 up
exec 3<>/dev/udp/198.18.0.2/7

# ask TEXT: the guest sends it back. What is sent while the guest is not there yet may be lost.
ask() {
	for _ in 1 2 3 4 5; do
		printf %s "$1" >&3
		answer=$(timeout 5 dd bs=4096 count=1 <&3 2>/dev/null)
		[ "$answer" != "$1" ] || return 0
	done
	echo "udp-echo: ${#1} bytes: no answer, or another: $answer" >&2
	kill $kvick
}

ask hello
ask "$(printf '%01472d' 7)"
ask x
for i in $(seq 20); do
	ask "datagram $i"
done
ask quit
wait $kvick
