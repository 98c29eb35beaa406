#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Counts the instructions of a launch, kernel's and guest's included, in the nested machine, and holds them
# against the rows exact.* of budgets.tsv. Writes BUILD/perf/exact.json. Exits 1 when one is over its limit or could
# not be counted.
#
#	perf/exact.sh [BUILD]
#
# How it is counted is at the top of exact.c. One figure comes from kvick's report: from the guest's first instruction to its
# main(). There the report has not yet done anything; all others are of launches without one.
#
# A limit in instructions is for one version of the kernel (exact.kernel). Under another only the ratios are judged.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
build=${1:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

die() {
	echo "exact: $*" >&2
	exit 1
}

for file in "$build/kvick" "$build/perf/floor" "$build/perf/exact" "$build/guests/hello.elf"; do
	[ -e "$file" ] || die "$file is missing: make all perf-build first"
done

# The processor that QEMU emulates wants a TSS of its own kind at ring 3 (floor.c, --tss).
cat >"$work/inside.sh" <<'INSIDE'
echo "kernel $(uname -r)"
for ring in 0 3; do
	set -- "$@" ${1:+--} "ring$ring.kvick" /bin/kvick run --ring $ring --mem 16M /hello.elf
	for irqchip in split none; do
		set -- "$@" -- "ring$ring.floor-$irqchip" /bin/floor 16M --ring $ring --irqchip $irqchip --tss available
	done
done
exact "$@" || exit 1
for ring in 0 3; do
	printf 'report %s ' $ring
	kvick run --ring $ring --mem 16M --report json /hello.elf 2>&1 >/dev/null || exit 1
done
INSIDE

"$here/../tests/nested/machine.sh" --exact --timeout 120 --add "$work/inside.sh:/inside.sh" \
	--add "$build/kvick:/bin/kvick" --add "$build/perf/floor:/bin/floor" --add "$build/perf/exact:/bin/exact" \
	--add "$build/guests/hello.elf:/hello.elf" -- sh /inside.sh >"$work/out" ||
	die "counting in the nested machine failed with status $?: $(tail -n 3 "$work/out")"

kernel=$(sed -n 's/^kernel //p' "$work/out")

# count COMMAND MEASURE; spread COMMAND MEASURE: of what exact.c has printed.
count() { awk -v name="$1" -v measure="$2" '$1 == "exact" && $2 == name && $3 == measure { print $4 }' "$work/out"; }
spread() { awk -v name="$1" -v measure="$2" '$1 == "exact" && $2 == name && $3 == measure { print $5 }' "$work/out"; }

# mark RING NAME: a mark of the report's timeline.
mark() {
	sed -n "s/^report $1 //p" "$work/out" >"$work/report.json"
	awk -f "$here/json.awk" "$work/report.json" | sed -n "s/^timeline_ns\.$2=//p"
}

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf "%.3f\n", a / b }'; }

# The rest of a budget's name to its value; nothing where it could not be counted.
value() {
	local ring=${1%%.*} begin main
	case ${1#*.} in
	first.ratio) ratio "$(count "$ring.kvick" exec_first)" "$(count "$ring.floor-split" exec_first)" ;;
	first) count "$ring.kvick" exec_first ;;
	main)
		begin=$(mark "${ring#ring}" guest_first_instruction)
		main=$(mark "${ring#ring}" guest_main)
		[ -z "$begin" ] || [ -z "$main" ] || echo $(($(count "$ring.kvick" exec_first) + main - begin))
		;;
	reaped) count "$ring.kvick" exit_reaped ;;
	whole) count "$ring.kvick" whole ;;
	esac
}

measures='spawn_first exec_first first_exit exit_reaped whole traced waited'
printf 'instructions, Linux %s; waited is in ns, and traced is what tracing adds to whole\n' "$kernel"
printf '%-18s' ''
# shellcheck disable=SC2086 # words
printf ' %11s' $measures
echo '   largest spread'
commands=
mapfile -t names < <(awk '$1 == "exact" && !seen[$2]++ { print $2 }' "$work/out")
for name in "${names[@]}"; do
	printf '%-18s' "$name"
	commands+="${commands:+,}{\"name\":\"$name\""
	worst=0
	for measure in $measures; do
		printf ' %11s' "$(count "$name" "$measure")"
		commands+=",\"$measure\":$(count "$name" "$measure"),\"${measure}_spread_percent\":$(spread "$name" "$measure")"
		worst=$(awk -v a="$worst" -v b="$(spread "$name" "$measure")" 'BEGIN { print (a > b ? a : b) }')
	done
	commands+='}'
	printf '   %s%%\n' "$worst"
done
echo

recorded=$(awk -F '\t' '$1 == "exact.kernel" { print $2 }' "$here/budgets.tsv")
[ "$kernel" = "$recorded" ] ||
	echo "limits in instructions are for Linux $recorded, this is $kernel: only the ratios are judged"

passed=0 failed=0 results=
printf '%-22s %10s %10s  %-12s %s\n' budget value limit unit verdict
while IFS=$'\t' read -r name limit unit how; do
	case $name in exact.kernel) continue ;; exact.*) ;; *) continue ;; esac
	value=$(value "${name#exact.}")
	if [ -z "$value" ]; then
		value=null said='NOT COUNTED'
	elif [ "$unit" = instructions ] && [ "$kernel" != "$recorded" ]; then
		said='(another kernel)'
	else
		said=$(awk -v value="$value" -v limit="$limit" 'BEGIN { print value + 0 <= limit + 0 ? "ok" : "OVER" }')
	fi
	case $said in
	ok) passed=$((passed + 1)) ;;
	'(another kernel)') ;;
	*) failed=$((failed + 1)) said="not ok: $said" ;;
	esac
	printf '%-22s %10s %10s  %-12s %s\n' "$name" "$value" "$limit" "$unit" "$said"
	results+="${results:+,}{\"name\":\"$name\",\"value\":$value,\"limit\":$limit,\"unit\":\"$unit\""
	results+=",\"verdict\":\"$said\",\"how\":\"$how\"}"
done <"$here/budgets.tsv"

printf '{"kernel":"%s","kernel_of_limits":"%s","commands":[%s],"budgets":[%s]}\n' "$kernel" "$recorded" "$commands" "$results" \
	>"$build/perf/exact.json"
echo "# exact: $passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
