#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# kvick against Solo5's own VMM, on a guest of Solo5's that ends by itself: what each takes before the guest runs and after it has
# ended. Counted in instructions in the nested machine, and held against the rows solo5.* of budgets.tsv; then, for information, by
# time on this host in pairs, where it has KVM and the kernel's tracepoints. Exits 1 when one is over or could not be counted.
#
#	perf/solo5.sh SOLO5_HVT TEST_HELLO	Solo5's tenders/hvt/solo5-hvt and tests/test_hello/test_hello.hvt, as built
#
# Environment: BUILD (build), PAIRS (200).
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-build}
PAIRS=${PAIRS:-200}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

die() {
	echo "solo5: $*" >&2
	exit 1
}

[ $# -eq 2 ] || die 'usage: perf/solo5.sh SOLO5_HVT TEST_HELLO (make perf-solo5 SOLO5_HVT=… TEST_HELLO=…)'
tender=$1 guest=$2
for file in "$BUILD/kvick" "$BUILD/perf/exact" "$BUILD/perf/pairs"; do
	[ -e "$file" ] || die "$file is missing: make all perf-build first"
done
[ -x "$tender" ] || die "$tender is no program: give Solo5's tender, as built (tenders/hvt/solo5-hvt)"
"$BUILD/kvick" inspect "$guest" >"$work/inspect" 2>&1 || die "$guest: $(tail -n 1 "$work/inspect")"

# The tender's libraries lie where it looks for them: a path is the last word of a line, or stands before the address.
libraries=(--add /etc/ld.so.cache:/etc/ld.so.cache)
for file in $(ldd "$tender" 2>/dev/null | sed -n 's:^[^/]*\(/[^ ]*\) (.*:\1:p'); do
	libraries+=(--add "$file:$file")
done

# Both have 512 MiB unless told otherwise. Huge pages are as the kernel has them.
cat >"$work/inside.sh" <<'INSIDE'
echo "kernel $(uname -r)"
echo "hugepages $(sed 's/.*\[\(.*\)\].*/\1/' /sys/kernel/mm/transparent_hugepage/enabled)"
exec exact default.kvick /bin/kvick run /guest.hvt -- default.solo5 /bin/solo5-hvt /guest.hvt -- \
	16m.kvick /bin/kvick run --mem 16M /guest.hvt -- 16m.solo5 /bin/solo5-hvt --mem=16 /guest.hvt
INSIDE

"$here/../tests/nested/machine.sh" --exact --timeout 300 --memory 1280 "${libraries[@]}" --add "$work/inside.sh:/inside.sh" \
	--add "$BUILD/kvick:/bin/kvick" --add "$BUILD/perf/exact:/bin/exact" --add "$tender:/bin/solo5-hvt" \
	--add "$guest:/guest.hvt" -- sh /inside.sh >"$work/out" ||
	die "counting in the nested machine failed with status $?: $(tail -n 3 "$work/out")"

count() { awk -v name="$1" -v measure="$2" '$1 == "exact" && $2 == name && $3 == measure { print $4 }' "$work/out"; }

# outside COMMAND: both ends of a launch; nothing where one was not counted.
outside() {
	local first reaped
	first=$(count "$1" spawn_first) reaped=$(count "$1" exit_reaped)
	[ -z "$first" ] || [ -z "$reaped" ] || echo $((first + reaped))
}

printf 'instructions, Linux %s, transparent hugepages: %s\n' "$(sed -n 's/^kernel //p' "$work/out")" \
	"$(sed -n 's/^hugepages //p' "$work/out")"
printf '%-16s %11s %11s %11s\n' '' spawn_first exit_reaped sum
for name in default.kvick default.solo5 16m.kvick 16m.solo5; do
	printf '%-16s %11s %11s %11s\n' "$name" "$(count $name spawn_first)" "$(count $name exit_reaped)" "$(outside $name)"
done
echo

failed=0
printf '%-22s %10s %10s  %-12s %s\n' budget value limit unit verdict
while IFS=$'\t' read -r name limit unit _; do
	case $name in solo5.*) ;; *) continue ;; esac
	memory=${name#solo5.} memory=${memory%.ratio}
	value=$(awk -v a="$(outside "$memory.kvick")" -v b="$(outside "$memory.solo5")" \
		'BEGIN { if (a && b) printf "%.3f\n", a / b }')
	said=$(awk -v value="$value" -v limit="$limit" \
		'BEGIN { print value == "" ? "not ok: NOT COUNTED" : value + 0 <= limit + 0 ? "ok" : "not ok: OVER" }')
	[ "$said" = ok ] || failed=1
	printf '%-22s %10s %10s  %-12s %s\n' "$name" "$value" "$limit" "$unit" "$said"
done <"$here/budgets.tsv"

# By time, without a limit: what comes before and after the guest, of each pair. tracefs is mounted for these alone.
echo
echo "time on this host (Linux $(uname -r)), before the first KVM_RUN and after the last, $PAIRS pairs:"
in_time() { # kvick's options for memory, Solo5's
	# shellcheck disable=SC2016,SC2086 # the inner shell's; nothing or words
	unshare -m sh -c '[ -d /sys/kernel/tracing/instances ] || mount -t tracefs tracefs /sys/kernel/tracing; exec "$@"' sh \
		"$BUILD/perf/pairs" -n "$PAIRS" --outside --name-a kvick --name-b solo5-hvt -- \
		"$BUILD/kvick" run $1 "$guest" --vs "$tender" $2 "$guest"
}
if [ "$EUID" -ne 0 ]; then
	echo 'not measured: the kernel shows its tracepoints to root alone'
elif ! "$tender" "$guest" >/dev/null 2>&1; then
	echo "not measured: $tender does not run here (has this host /dev/kvm?)"
else
	echo 'default memory:' && in_time '' '' && echo '16 MiB:' && in_time '--mem 16M' '--mem=16' || echo 'not measured'
fi
exit $failed
