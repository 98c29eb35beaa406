#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Measures every budget in budgets.tsv but exact.*, linux.* and solo5.* (the scripts of those names do these), prints a table,
# writes $BUILD/perf/results.json. Exits 1 when one is over its limit or could not be measured.
#
#	perf/run.sh [NAME...]	only these budgets
#
# Environment: BUILD (build), PAIRS (200), LOOP_PAIRS (21), LOOP_ITERATIONS (20000000), SAME_TRIALS (100), DELAY_TRIALS (20).
# shellcheck disable=SC2317 # measure_* are called by the name of their budget
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-build}
PAIRS=${PAIRS:-200}
LOOP_PAIRS=${LOOP_PAIRS:-21}
LOOP_ITERATIONS=${LOOP_ITERATIONS:-20000000}

kvick=$BUILD/kvick
floor=$BUILD/perf/floor
pairs=$BUILD/perf/pairs
hello=$BUILD/guests/hello.elf
loop=$BUILD/guests/loop.elf
spin=$BUILD/guests/spin.elf

work=$(mktemp -d)

die() {
	echo "perf: $*" >&2
	exit 1
}

# json FILE PATH: one value; nothing where it is not there.
json() {
	awk -f "$here/json.awk" "$1" | sed -n "s/^$2=//p" | head -n 1
}

# Where kvick's report keeps what we need (docs: kvick(1), "Report").
FIELD_EXITS=exits.total
FIELD_RING=ring

hello_report() {
	[ -s "$work/hello.json" ] || "$kvick" run --report "json=$work/hello.json" "$hello" >"$work/hello.out" 2>&1 ||
		die "kvick run hello failed with status $?: $(tail -n 3 "$work/hello.out")"
}

# The floor runs in the ring that kvick chooses here.
ring() {
	local ring
	hello_report
	ring=$(json "$work/hello.json" "$FIELD_RING")
	echo "${ring:-0}"
}

# Each prints "value [low high]", or "? why" where it cannot.

compare_boot() { # the floor's --irqchip, extra options of kvick run
	local irqchip=$1
	shift
	"$pairs" -n "$PAIRS" --json --name-a kvick --name-b floor -- "$kvick" run --mem 16M "$@" "$hello" \
		--vs "$floor" 16M --ring "$(ring)" --irqchip "$irqchip" >"$work/boot.json"
	echo "$(json "$work/boot.json" pairs.0.ratio) $(json "$work/boot.json" pairs.0.ratio_low)" \
		"$(json "$work/boot.json" pairs.0.ratio_high)"
}

measure_boot_hello_sandboxed() { compare_boot split; cp "$work/boot.json" "$work/sandboxed.json"; }
measure_boot_hello_us() { json "$work/sandboxed.json" pairs.0.a_median_us; }
measure_floor_us() { json "$work/sandboxed.json" pairs.0.b_median_us; }
measure_boot_hello_bare() { compare_boot split --no-sandbox; }
measure_boot_hello_plain() { compare_boot none; }

measure_exits_hello() {
	hello_report
	json "$work/hello.json" "$FIELD_EXITS"
}

measure_syscalls_hello() {
	command -v strace >/dev/null || { echo "? needs strace"; return; }
	strace -f -qq -e signal=none -o "$work/strace" "$kvick" run "$hello" >/dev/null
	grep -c -v 'resumed>' "$work/strace"
}

measure_memory_growth() {
	local ring
	ring=$(ring)
	"$pairs" -n "$PAIRS" --json --name-a kvick-4G --name-b floor-4G --name-c kvick-16M --name-d floor-16M -- \
		"$kvick" run --mem 4G "$hello" --vs "$floor" 4G --ring "$ring" --irqchip split \
		--and "$kvick" run --mem 16M "$hello" --vs "$floor" 16M --ring "$ring" --irqchip split >"$work/growth.json"
	awk -v us="$(json "$work/growth.json" growth_us)" -v low="$(json "$work/growth.json" growth_us_low)" \
		-v high="$(json "$work/growth.json" growth_us_high)" -v of="$(json "$work/growth.json" pairs.1.b_median_us)" \
		'BEGIN { printf "%.1f %.1f %.1f\n", 100 * us / of, 100 * low / of, 100 * high / of }'
}

# Asked of the kernel while a guest spins, and with the few pages that the guest has touched: more than is meant, never less.
measure_private_kib() {
	local pid kib
	"$kvick" run --timeout 10s "$spin" >/dev/null 2>&1 &
	pid=$!
	sleep 0.5
	kib=$(awk '/^Private_/ { kib += $2 } END { print kib }' "/proc/$pid/smaps_rollup") || kib=
	kill "$pid" 2>/dev/null || kib=
	wait "$pid" 2>/dev/null || true
	echo "${kib:-? the guest was gone too early}"
}

measure_binary_kib() { echo $((($(stat -c %s "$kvick") + 1023) / 1024)); }

# device_growth NAME OPTIONS...: what they add to a launch of hello, as part of the floor beside it; $work/NAME.json has it in us.
# Standard input is open and silent, for a console. AROUND: words of a command to run it by.
device_growth() {
	local name=$1 ring
	shift
	[ -p "$work/silent" ] || mkfifo "$work/silent"
	ring=$(ring)
	# shellcheck disable=SC2086 # AROUND is words
	${AROUND-} "$pairs" -n "$PAIRS" --json --name-a "$name" --name-b floor --name-c plain --name-d floor -- \
		"$kvick" run --mem 16M "$@" "$hello" --vs "$floor" 16M --ring "$ring" --irqchip split \
		--and "$kvick" run --mem 16M "$hello" --vs "$floor" 16M --ring "$ring" --irqchip split \
		<>"$work/silent" >"$work/$name.json"
	awk -v us="$(json "$work/$name.json" growth_us)" -v low="$(json "$work/$name.json" growth_us_low)" \
		-v high="$(json "$work/$name.json" growth_us_high)" -v of="$(json "$work/$name.json" pairs.1.b_median_us)" \
		'BEGIN { printf "%.1f %.1f %.1f\n", 100 * us / of, 100 * low / of, 100 * high / of }'
}

growth_us() {
	echo "$(json "$work/$1.json" growth_us) $(json "$work/$1.json" growth_us_low) $(json "$work/$1.json" growth_us_high)"
}

measure_device_disk() { truncate -s 1M "$work/disk"; device_growth disk --disk "$work/disk"; }
measure_device_disk_us() { growth_us disk; }
measure_device_rng() { device_growth rng --rng; }
measure_device_rng_us() { growth_us rng; }
measure_device_console() { device_growth console --console; }
measure_device_vsock() { device_growth vsock --vsock "5,$work/v"; }
# A tap that somebody else has open, as a launcher of many would: closing one takes the kernel milliseconds.
measure_device_net() {
	local user=
	command -v unshare >/dev/null || { echo "? needs unshare"; return; }
	[ "$(id -u)" -eq 0 ] || user=-r
	# shellcheck disable=SC2086 # nothing or a word
	AROUND="unshare -n $user $BUILD/perf/tap hold k0 9" device_growth net --net fd=9
}
measure_device_disk_sync() { truncate -s 1M "$work/disk"; device_growth sync --io sync --disk "$work/disk"; }

# A file that is in the page cache, not sparse.
bench_file() { [ -s "$work/bench" ] || head -c 64M /dev/urandom >"$work/bench"; }

# In the guest, and on the host beside it: alternately, so that both see the same host.
io_guest() { # report, arguments of iobench
	local report=$1
	shift
	"$kvick" run --mem 64M --report "json=$report" --disk "$work/bench" "$BUILD/guests/iobench.elf" -- "$@" seconds=2 |
		tr ' ' '\n'
}
io_host() { # options of fio; terse: bandwidth is the 7th field (KiB/s), IOPS the 8th
	# As fast as it goes: memory in whole pages, a thread instead of a process, no advice to the kernel about what it will read.
	fio --name=bench --filename="$work/bench" --ioengine=io_uring --direct=0 --invalidate=0 --fadvise_hint=0 --thread \
		--mem=mmap --time_based --runtime=2 --minimal "$@" | cut -d ';' -f 7,8
}

io_ratio() { # name, rw, bs, depth: the median of three ratios of requests a second
	local i guest host
	command -v fio >/dev/null || { echo "? needs fio"; return; }
	bench_file
	: >"$work/io"
	for i in 1 2 3; do
		guest=$(io_guest "$work/$1.json" "$2" bs="$3" depth="$4" | sed -n 's/^iops=//p')
		host=$(io_host --rw="${2/seq/}" --bs="$3" --iodepth="$4" | cut -d ';' -f 2)
		echo "$guest $host" | awk '$2 > 0 { printf "%.3f\n", $1 / $2 }' >>"$work/io"
	done
	sort -n "$work/io" | awk '{ r[NR] = $1 } END { if (NR == 3) print r[2], r[1], r[3]; else print "? a run failed" }'
}

measure_io_randread() { io_ratio randread randread 4096 32; }
measure_io_seqread() { io_ratio seqread seqread 131072 32; }
measure_io_exits() {
	[ -s "$work/randread.json" ] || { bench_file; io_guest "$work/randread.json" randread bs=4096 depth=32 >/dev/null; }
	awk -v exits="$(json "$work/randread.json" exits.total)" -v of="$(json "$work/randread.json" devices.0.queues.0.requests)" \
		'BEGIN { if (of > 0) printf "%.4f\n", exits / of }'
}
measure_io_latency_us() {
	bench_file
	io_guest "$work/latency.json" randread bs=4096 depth=1 | sed -n 's/^p50_ns=//p' | awk '{ printf "%.1f\n", $1 / 1000 }'
}

# As io.latency.us, of fio.
measure_io_latency_host_us() {
	command -v fio >/dev/null || { echo "? needs fio"; return; }
	bench_file
	fio --name=bench --filename="$work/bench" --ioengine=io_uring --direct=0 --invalidate=0 --fadvise_hint=0 --thread \
		--mem=mmap --time_based --runtime=2 --rw=randread --bs=4k --iodepth=1 --clat_percentiles=0 --lat_percentiles=1 \
		--output-format=json |
		sed -n 's/.*"50.000000" : \([0-9]*\).*/\1/p' | head -n 1 | awk '{ printf "%.1f\n", $1 / 1000 }'
}

# block_ratio BYTES WORDS…: 512-byte blocks a second, in sequence, depth 32, requests of BYTES, against block_floor with WORDS.
block_ratio() {
	local i guest bare bytes=$1
	shift
	bench_file
	: >"$work/blocks"
	for i in 1 2 3 4 5; do
		bare=$("$BUILD/perf/block_floor" "$work/bench" "$@")
		guest=$(io_guest "$work/blocks.json" seqread bs="$bytes" depth=32 | sed -n 's/^iops=//p')
		echo "$guest $bare" | awk -v blocks=$((bytes / 512)) '$2 > 0 { printf "%.2f\n", $1 * blocks / $2 }' >>"$work/blocks"
	done
	sort -n "$work/blocks" | awk '{ r[NR] = $1 } END { if (NR == 5) print r[3], r[2], r[4]; else print "? a run failed" }'
}

measure_io_blocks_each() { block_ratio 512 --ring 3; }
measure_io_blocks_batched() { block_ratio 131072 --ring 3; }
measure_io_blocks_ring0() { block_ratio 512 --ring 0 --work 24; }
measure_io_blocks_ring0_batched() { block_ratio 131072 --ring 0 --work 24; }

# vsock_ratio MODE: MiB/s of a guest that does so (send, receive), against two processes in turn. Each side has a processor.
vsock_ratio() {
	local i host=send pair guest pid
	command -v taskset >/dev/null || { echo "? needs taskset"; return; }
	[ "$1" = receive ] || host=receive
	: >"$work/vsock"
	for i in 1 2 3 4 5 6 7; do
		pair=$("$BUILD/perf/stream" pair 0.5)
		taskset -c 0 "$kvick" run --mem 64M --report "json=$work/vsock-$1.json" --vsock "5,$work/v" \
			"$BUILD/guests/vsockbench.elf" -- 5 "$1" >/dev/null &
		pid=$!
		guest=$(taskset -c 1 "$BUILD/perf/stream" $host "$work/v" 5 0.5) || kill $pid
		wait $pid
		echo "$guest $pair" | awk 'NF == 2 { printf "%.3f\n", $1 / $2 }' >>"$work/vsock"
	done
	sort -n "$work/vsock" | awk '{ r[NR] = $1 } END { if (NR == 7) print r[4], r[2], r[6]; else print "? a run failed" }'
}

measure_vsock_send() { vsock_ratio send; }
measure_vsock_receive() { vsock_ratio receive; }
measure_vsock_exits() {
	[ -s "$work/vsock-send.json" ] || vsock_ratio send >/dev/null
	awk -v exits="$(json "$work/vsock-send.json" exits.total)" \
		-v of="$(json "$work/vsock-send.json" devices.0.queues.1.bytes_from_guest)" \
		'BEGIN { if (of > 0) printf "%.2f\n", exits / (of / 1048576) }'
}

# net_ratio COLUMN COLUMN: of what net.sh prints; the median of five ratios.
net_ratio() {
	local missing user=
	for missing in iperf3 ip nsenter taskset; do
		command -v $missing >/dev/null || { echo "? needs $missing"; return; }
	done
	# Another user's namespace will do where this is not root: taps in it are his.
	[ "$EUID" -eq 0 ] || user=-r
	[ -s "$work/net" ] || unshare $user -n "$here/net.sh" "$BUILD" "$kvick" "$work" >"$work/net"
	awk -v of="$1" -v to="$2" 'NF == 5 && $to > 0 { printf "%.3f\n", $of / $to }' "$work/net" | sort -n |
		awk '{ r[NR] = $1 } END { if (NR == 5) print r[3], r[2], r[4]; else print "? a run failed" }'
}

measure_net_send() { net_ratio 2 1; }
measure_net_receive() { net_ratio 3 1; }
measure_net_send_peer() { net_ratio 2 4; }
measure_net_receive_peer() { net_ratio 3 5; }
measure_net_exits() {
	[ -s "$work/send.json" ] || net_ratio 2 1 >/dev/null
	awk -v exits="$(json "$work/send.json" exits.total)" -v of="$(json "$work/send.json" devices.0.queues.1.requests)" \
		'BEGIN { if (of > 0) printf "%.4f\n", exits / of }'
}
measure_net_iperf3_mib() { net_ratio 2 1 >/dev/null; awk '{ print $1 }' "$work/net" | sort -n | sed -n 3p; }

# shellcheck source=perf/service.sh
. "$here/service.sh"
# shellcheck source=perf/bench.sh
. "$here/bench.sh"
# shellcheck source=perf/test.sh
. "$here/test.sh"
trap 'service_end; rm -rf "$work"' EXIT

ticks() { sed -n 's/.*ticks[ =]\([0-9][0-9]*\).*/\1/p' | head -n 1; }

# loop_ratio IMAGE
loop_ratio() {
	local i guest process
	rm -f "$work/ticks"
	for ((i = 0; i < LOOP_PAIRS; i++)); do
		guest=$("$kvick" run --ring 3 "$1" -- "$LOOP_ITERATIONS" | ticks)
		process=$("$BUILD/perf/process_loop" "$LOOP_ITERATIONS" | ticks)
		if [ -z "$guest" ] || [ -z "$process" ]; then
			echo "? no ticks printed"
			return
		fi
		echo "$guest $process" >>"$work/ticks"
	done
	awk '{ print $1 / $2 }' "$work/ticks" | sort -n | awk '{ r[NR] = $1 } END { print r[int((NR + 1) / 2)] }'
}

measure_ring3_loop() { loop_ratio "$loop"; }
measure_deprivileged_loop() { loop_ratio "${loop%.elf}-ring0.elf"; }

measure_deprivileged_hello() {
	"$pairs" -n "$PAIRS" --json --name-a kvick --name-b floor -- "$kvick" run --ring 3 "$BUILD/guests/hello.hvt" \
		--vs "$floor" 512M --ring 3 >"$work/deprivileged.json"
	echo "$(json "$work/deprivileged.json" pairs.0.ratio) $(json "$work/deprivileged.json" pairs.0.ratio_low)" \
		"$(json "$work/deprivileged.json" pairs.0.ratio_high)"
}
measure_deprivileged_hello_us() { json "$work/deprivileged.json" pairs.0.a_median_us; }

# verdict VALUE LIMIT [at-least]
verdict() {
	awk -v value="$1" -v limit="$2" -v least="${3:-}" \
		'BEGIN { print (least ? value + 0 >= limit + 0 : value + 0 <= limit + 0) ? "ok" : least ? "UNDER" : "OVER" }'
}

for file in "$kvick" "$floor" "$pairs" "$BUILD/perf/process_loop" "$hello" "$loop" "$spin"; do
	[ -e "$file" ] || die "$file is missing: make first"
done

failed=0
results=
printf '%-22s %10s %-19s %8s  %-10s %s\n' budget value interval limit unit verdict
while IFS=$'\t' read -r name limit unit how; do
	# The last are counted in the nested machine, by scripts of these names.
	case $name in '' | '#'* | exact.* | linux.* | solo5.*) continue ;; esac
	if [ $# -gt 0 ] && [[ " $* " != *" $name "* ]]; then
		continue
	fi
	line=$("measure_${name//./_}") || line=
	read -r value low high <<<"${line:-?}" || true
	if [[ ! $value =~ ^-?[0-9.]+$ ]]; then
		value=null low="" high="" said="NOT MEASURED ${line#\?}"
	elif [ "$limit" = - ]; then
		said="(no limit)"
	elif [[ $limit = '>='* ]]; then
		limit=${limit#>=}
		said=$(verdict "$value" "$limit" at-least)
	elif [ "$unit" = "% of floor" ]; then
		said=$(verdict "$low" "$limit")
	else
		said=$(verdict "$value" "$limit")
	fi
	case $said in ok | "(no limit)") ;; *) failed=1 ;; esac
	printf '%-22s %10s %-19s %8s  %-10s %s\n' "$name" "$value" "${low:+[$low, $high]}" "$limit" "$unit" "$said"
	results+="${results:+,}{\"name\":\"$name\",\"value\":$value,\"low\":${low:-null},\"high\":${high:-null}"
	results+=",\"limit\":${limit/#-/null},\"unit\":\"$unit\",\"verdict\":\"$said\",\"how\":\"$how\"}"
done <"$here/budgets.tsv"

mkdir -p "$BUILD/perf"
printf '{"pairs":%d,"kernel":"%s","budgets":[%s]}\n' "$PAIRS" "$(uname -r)" "$results" >"$BUILD/perf/results.json"
exit $failed
