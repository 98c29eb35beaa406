#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# net.sh BUILD KVICK FOLDER: MiB/s of TCP streams through taps, to and from a guest and without one; run by perf/run.sh in a network
# namespace of its own (unshare -n), which takes all of it along when it ends. Five lines, in each:
#
#	iperf3      iperf3 between two namespaces, with a tap each, and a process between the taps (perf/tap.c, relay)
#	guest-send  netbench.elf in kvick, to a process of the host; guest-receive: from it
#	peer-send, peer-receive   the same with the guest's work done by a process (perf/tap.c, peer)
#
# The guest and the process in its place have processor 0, the other end of the stream 1; iperf3's three processes are the
# scheduler's. FOLDER gets the guest's reports: send.json, receive.json.
set -euo pipefail
build=$1 kvick=$2 folder=$3
address=10.9.0.2 mac=02:00:00:00:00:02 port=5001 seconds=0.5

unshare -n sleep 600 &
there=$!
pids=$there
trap 'kill $pids 2>/dev/null; wait' EXIT
ip link set lo up
for tap in t0 r0 r1; do ip tuntap add "$tap" mode tap; done
ip address add 10.9.0.1/24 dev t0
ip link set t0 up
ip neighbour replace "$address" lladdr "$mac" dev t0 nud permanent

# Once the relay has the taps, one of them moves.
ip address add 10.9.1.1/24 dev r0
ip link set r0 up
"$build/perf/tap" relay r0 r1 &
pids="$pids $!"
sleep 0.3
ip link set r1 netns "$there"
nsenter -t "$there" -n sh -c 'ip link set lo up; ip address add 10.9.1.2/24 dev r1; ip link set r1 up'

iperf() {
	nsenter -t "$there" -n timeout 20 iperf3 -s -1 >/dev/null &
	local server=$!
	sleep 0.3
	timeout 20 iperf3 -c 10.9.1.2 -t 1 -f M | awk '/receiver/ { print $7 }'
	wait "$server"
}

# stream MODE COMMAND…: the command is at the tap's end, and does so.
stream() {
	local host=send pid
	[ "$1" = receive ] || host=receive
	shift
	timeout 20 taskset -c 0 "$@" >/dev/null &
	pid=$!
	sleep 0.3
	timeout 20 taskset -c 1 "$build/perf/stream" $host "$address" "$port" "$seconds" || true
	wait "$pid"
}

for ((i = 0; i < 5; i++)); do
	echo "$(iperf)" \
		"$(stream send "$kvick" run --mem 64M --report "json=$folder/send.json" --net "tap=t0,mac=$mac" \
			"$build/guests/netbench.elf" -- "$address" send)" \
		"$(stream receive "$kvick" run --mem 64M --report "json=$folder/receive.json" --net "tap=t0,mac=$mac" \
			"$build/guests/netbench.elf" -- "$address" receive)" \
		"$(stream send "$build/perf/tap" peer t0 "$address" send)" \
		"$(stream receive "$build/perf/tap" peer t0 "$address" receive)"
done
