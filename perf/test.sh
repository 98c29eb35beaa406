# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The measures of `kvick test`: test.*. A part of run.sh, whose variables and functions it uses.
# shellcheck disable=SC2154 # $floor, $hello, $work are run.sh's

CASES=200
TEST_ROUNDS=9

# Each round is a run of all cases on two processors, and the floor's loop beside it: cases a second, those of the floor.
test_rounds() {
	local i
	[ ! -s "$work/test" ] || return 0
	printf '[defaults]\nimage = %s\nring = 3\nconsole = Hello from kvick\n' "$(realpath "$hello")" >"$work/rate.test"
	for ((i = 0; i < CASES; i++)); do
		echo "[case hello $i]"
	done >>"$work/rate.test"
	for ((i = 0; i < TEST_ROUNDS; i++)); do
		taskset -c 0,1 "$BUILD/kvick-test" test --json "$work/rate.json" "$work/rate.test" >"$work/rate.tap" || return 1
		"$floor" 16M --ring 3 --irqchip split --loop "$CASES" |
			awk -v ns="$(json "$work/rate.json" took_ns)" -v cases="$CASES" \
				'{ us += $1 + $2 } END { print cases * 1e9 / ns, NR * 1e6 / us }' >>"$work/test"
	done
}

# test_rate PROGRAM: the median of what awk prints of each round.
test_rate() {
	test_rounds || { echo "? a case failed: $(grep '^not ok' "$work/rate.tap" | head -n 1)"; return; }
	awk "$1" "$work/test" | middle
}

measure_test_rate() { test_rate '{ rate = $1 / 400; ratio = $1 / $2 / 0.6; printf "%.3f\n", (rate > ratio ? rate : ratio) }'; }
measure_test_rate_cases() { test_rate '{ printf "%.0f\n", $1 }'; }
measure_test_rate_floor() { test_rate '{ printf "%.3f\n", $1 / $2 }'; }
