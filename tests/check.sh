#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# check.sh BUILD [hw]: runs every test that there is and adds up; with hw only what runs in the nested machine. One line
# a stage, the details of what failed, the whole output of a stage in BUILD/check/STAGE.log. Then the report of four
# columns, BUILD/check/rings.txt.
#
# Where KVM cannot be used, the stages that boot guests run in the nested machine alone, and this says so.

set -u
build=$1
what=${2-all}
logs=$build/check
fuzz_seconds=${FUZZ_SECONDS:-20}
stage_limit=1500
mkdir -p "$logs"
rm -f "$logs"/*.log "$logs"/*.status

passed=0 failed=0 skipped=0

# stage NAME COMMAND…: runs it, keeps its output, notes its exit status and how long it took.
stage() {
	run_stage "$@"
	report "$1"
}

run_stage() {
	local name=$1 begin=$SECONDS
	shift
	# A process group of its own, so that all of it can be ended.
	set -m
	tests/finish.sh "$stage_limit" "$name" "$@" >"$logs/$name.log" 2>&1 </dev/null &
	child=$!
	set +m
	wait "$child"
	echo "$? $((SECONDS - begin))" >"$logs/$name.status"
	child=
}

# The same lists as on the host: a real kvm_amd, ring 0 native. NAME is nested (the cases), linux (Debian's kernel as a guest in
# there) or nested-WHAT.
nested() {
	local list=${1#nested-}
	[ "$list" != nested ] || list=cases
	run_stage "$1" tests/nested/cases.sh "$build" "$list"
}

# aside NAME…: runs nested stages beside the others, on the second processor; they are reported at the end.
aside() {
	names_aside="$*"
	(
		trap stop TERM
		for name; do
			nested "$name"
		done
	) &
	pid_aside=$!
}

# An interrupt ends the stages that run, and with them their machines.
child='' pid_aside='' names_aside=''
stop() {
	trap '' INT TERM
	[ -z "$child" ] || kill -TERM -- "-$child"
	[ -z "$pid_aside" ] || kill -TERM "$pid_aside"
	wait
	exit 130
}
trap stop INT TERM

# report NAME: what a stage printed about itself ("# …: N passed, N failed, N skipped"), added up.
report() {
	local name=$1 status seconds p=0 f=0 s=0 a b c
	read -r status seconds <"$logs/$name.status"
	while read -r a b c; do
		p=$((p + a)) f=$((f + b)) s=$((s + c))
	done < <(sed -nE 's/^# [^ ].*: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped.*/\1 \2 \3/p' "$logs/$name.log")
	if [ "$status" -ne 0 ] && [ $f -eq 0 ]; then
		f=1
	elif [ $((p + f + s)) -eq 0 ]; then
		f=1 status=1
		echo "no test ran" >>"$logs/$name.log"
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	printf '%-22s %5d passed %3d failed %3d skipped  %4d s\n' "$name" $p $f $s "$seconds"
	grep -hE '# SKIP|\[  SKIPPED \]' "$logs/$name.log" | sed 's/^/    /' | sort -u
	if [ $f -ne 0 ]; then
		details "$logs/$name.log" | head -n 80 | sed 's/^/    /'
		echo "    … all of it in $logs/$name.log, the end:"
		tail -n 5 "$logs/$name.log" | sed 's/^/    /'
	fi
}

# details LOG: what failed, with the comments that belong to it (TAP), or with some lines that follow (others).
details() {
	if grep -q '^not ok' "$1"; then
		awk '/^not ok/ { on = 40 } /^(ok |# begin )/ { on = 0 } on-- > 0' "$1"
	else
		grep -A 12 -E '\[  FAILED  \]|ERROR:|error:' "$1"
	fi
}

harness() { stage harness tests/harness.sh "$build"; }
# Start-up cost in instructions, which no load on the host changes.
exact() { stage exact perf/exact.sh "$build"; }
# Ring 3 against ring 0. With hw: in the nested machine alone.
differential() { stage differential tests/differential/run.sh "$build" "$what"; }

on_host() {
	stage style tests/style.sh
	stage unit tests/unit/run.sh "$build"/unit/test_*[a-z]
	stage worker tests/worker/run.sh "$build"
	stage client tests/client/run.sh "$build"
	stage client-asan env CLIENT="$build/client-tests/kvick-client" tests/client/run.sh "$build"
	stage client-kvickd tests/client/kvickd.sh "$build"
	stage units tests/client/units.sh "$build"
	stage fuzz tests/fuzz/run.sh "$build" "$fuzz_seconds"
	stage server tests/server/run.py "$build"
	if ! "$build/kvick" doctor >/dev/null 2>&1; then
		echo "KVM cannot be used here: guests run in the nested machine alone; \`$build/kvick doctor\` says why"
		return
	fi
	stage guests tests/run-cases.sh --kvick "$build/kvick" --guests "$build/guests" --helpers "$build/helpers" \
		tests/guests/*/
	stage guests-asan tests/run-cases.sh --kvick "$build/fault/kvick" --guests "$build/guests" \
		--helpers "$build/helpers" --variant asan --options --no-sandbox tests/guests/*/
	stage unikernels tests/unikernels.sh "$build"
	stage hostile tests/run-cases.sh --kvick "$build/kvick" --guests "$build/hostile" tests/hostile/*/case
	stage hostile-images tests/hostile/images/run.sh "$build"
	stage fault tests/fault/sweep.sh "$build"
	stage library tests/library/run.sh "$build"
	stage manifest tests/manifest/run.py "$build"
	stage bench tests/bench/run.py "$build"
}

# The table of four columns goes into a file, its last line here, and what is amiss.
rings() {
	local log have=()
	for log in guests hostile nested; do
		[ ! -s "$logs/$log.log" ] || have+=("$logs/$log.log")
	done
	if ! tests/rings.sh "${have[@]}" >"$logs/rings.txt"; then
		failed=$((failed + 1))
		sed -n '/^#/s/^/    /p' "$logs/rings.txt"
	fi
	echo "$(tail -n 1 "$logs/rings.txt" | sed 's/^# //'); table in $logs/rings.txt"
}

begin=$SECONDS
nested_ready=yes
tests/packages.sh linux || nested_ready=no

# Two processors at least: what runs aside takes one, and prints nothing until it is done. Both take about as long.
if [ $nested_ready = no ]; then
	[ "$what" = hw ] || on_host
	echo "nested machine: not ready, see above"
	failed=$((failed + 1))
elif [ "$what" = hw ]; then
	aside nested nested-shadow nested-unikernels linux
	nested nested-fault
	report nested-fault
	harness
	exact
	differential
else
	aside nested nested-shadow nested-unikernels linux nested-fault
	on_host
	stage worker-nested tests/worker/nested.sh "$build"
	harness
	exact
	differential
fi
wait
for name in $names_aside; do
	report "$name"
done
rings

echo "took $((SECONDS - begin)) s; logs in $logs"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
