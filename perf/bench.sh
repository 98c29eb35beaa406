# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The measures of `kvick bench` itself: how often it shows a difference where there is none, and one that is there. A part of
# run.sh, whose variables and functions it uses.
# shellcheck disable=SC2154 # $work, $hello, $loop are run.sh's

bench=$BUILD/kvick-bench
SAME_TRIALS=${SAME_TRIALS:-100}
DELAY_TRIALS=${DELAY_TRIALS:-20}
BENCH_PAIRS=200

# What other programs do meanwhile makes small differences invisible, and is not what is asked here: where we may, launches go
# before everything else.
bench_first() { ! chrt -f 1 true 2>/dev/null || echo chrt -f 1; }

# bench_trial RUNS OPTIONS… IMAGE…: into $work/trial, a line a value, as json.awk writes them.
bench_trial() {
	local runs=$1
	shift
	# shellcheck disable=SC2046 # words
	$(bench_first) "$bench" bench --runs "$runs" --quiet --json="$work/trial.json" "$@" >"$work/trial.out" 2>&1 || return 1
	awk -f "$here/json.awk" "$work/trial.json" | grep -v '\.samples\.' >"$work/trial"
}

# Why the last one did not give what it should.
trial_failed() { echo "? $(grep -m 1 '^kvick: ' "$work/trial.out" || echo "a trial without its figures")"; }

# trial_value PATH: of the last trial.
trial_value() { sed -n "s/^$1=//p" "$work/trial"; }

# --- none where there is none ---

# The same image with the same options twice. $work/same: a line for each trial, with 1 where the whole was the same, and where all
# of its parts were.
same_trials() {
	local i parts
	[ ! -s "$work/same" ] || return 0
	for ((i = 0; i < SAME_TRIALS; i++)); do
		bench_trial "$BENCH_PAIRS" --name a "$hello" --vs-image "$hello" --name b || return 1
		parts=$(grep -c '^subjects\.1\.against_first\.[a-z]*\.verdict=\(less\|more\)$' "$work/trial")
		echo "$(trial_value 'subjects\.1\.against_first\.whole\.verdict')" "$parts" |
			awk '{ print $1 == "same", $2 + 0 == 0 }' >>"$work/same"
	done
}

# percent COLUMN FILE: of its lines that have a 1 there.
percent() { awk -v column="$1" '{ n += $column } END { if (NR) printf "%.0f\n", 100 * n / NR }' "$2"; }

measure_bench_same() {
	[ -x "$bench" ] || { echo "? needs $bench"; return; }
	same_trials || { trial_failed; return; }
	percent 1 "$work/same"
}
measure_bench_same_parts() { measure_bench_same >/dev/null; percent 2 "$work/same"; }

# Runs of their own, each compared with each other.
RUNS_COMPARED=10

measure_bench_compare() {
	local i j n=0 passed=0
	[ -x "$bench" ] || { echo "? needs $bench"; return; }
	for ((i = 0; i < RUNS_COMPARED; i++)); do
		bench_trial "$BENCH_PAIRS" --name hello "$hello" || { trial_failed; return; }
		mv "$work/trial.json" "$work/run-$i.json"
		for ((j = 0; j < i; j++)); do
			n=$((n + 1))
			! "$bench" bench --compare "$work/run-$j.json" "$work/run-$i.json" >/dev/null || passed=$((passed + 1))
		done
	done
	echo $((100 * passed / n))
}

# --- one where there is one ---

# loop_image ITERATIONS: loop.elf with this number in it; prints its path.
loop_image() {
	local image=$work/loop-$1.elf
	[ -e "$image" ] || sed "s/iterations=[0-9]\{10\}/iterations=$(printf %010d "$1")/" "$loop" >"$image"
	echo "$image"
}

# delay_trial RUNS ITERATIONS MORE_ITERATIONS
delay_trial() { bench_trial "$1" --name a "$(loop_image "$2")" --vs-image "$(loop_image "$3")" --name b; }

DELAY_MANY=100001 # to find out what one takes

# delay_trials METRIC WORK_NS: more work by a twentieth of what METRIC took, by a run just before the trial, of a guest that works
# for WORK_NS. $work/delay-METRIC-WORK_NS: a line for each trial: whether METRIC was found to be more, and the ratio that was found.
delay_trials() {
	local i more base many to=$work/delay-$1-$2
	[ ! -s "$to" ] || return 0
	for ((i = 0; i < DELAY_TRIALS; i++)); do
		delay_trial 31 1 $DELAY_MANY || return 1
		more=$(trial_value 'subjects\.1\.against_first\.guest\.difference\.value')
		read -r base many < <(trial_value "subjects\.0\.summary\.$1\.p50\.value" |
			awk -v more="$more" -v by=$((DELAY_MANY - 1)) -v work="$2" 'more > 0 {
				each = more / by
				printf "%.0f %.0f\n", 1 + work / each, 1 + (work + 0.05 * ($1 + work)) / each
			}')
		if [ -z "$many" ] || ! delay_trial "$BENCH_PAIRS" "$base" "$many"; then
			return 1
		fi
		rm -f "$(loop_image "$base")" "$(loop_image "$many")"
		echo "$(trial_value "subjects\.1\.against_first\.$1\.verdict")" \
			"$(trial_value "subjects\.1\.against_first\.$1\.ratio\.value")" |
			awk '{ printf "%d %.3f\n", $1 == "more", $2 }' >>"$to"
	done
}

measure_delay() { # METRIC WORK_NS
	[ -x "$bench" ] || { echo "? needs $bench"; return; }
	delay_trials "$1" "$2" || { trial_failed; return; }
	percent 1 "$work/delay-$1-$2"
}
delay_ratio() { measure_delay "$1" "$2" >/dev/null; awk '{ print $2 }' "$work/delay-$1-$2" | middle; }
measure_bench_delay() { measure_delay whole 0; }
measure_bench_delay_ratio() { delay_ratio whole 0; }
measure_bench_delay_guest() { measure_delay guest 1000000; }
measure_bench_delay_guest_ratio() { delay_ratio guest 1000000; }
measure_bench_delay_guest_short() { measure_delay guest 0; }
