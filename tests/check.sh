#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# check.sh BUILD: runs every test that there is and adds up. One line a stage, the details of what failed, the whole
# output of a stage in BUILD/check/STAGE.log.
#
# Where KVM cannot be used, the stages that boot guests run in the nested machine alone, and this says so.

set -u
build=$1
logs=$build/check
fuzz_seconds=${FUZZ_SECONDS:-20}
mkdir -p "$logs"

passed=0 failed=0 skipped=0

# stage NAME COMMAND…: runs it, keeps its output, notes its exit status and how long it took.
stage() {
	local name=$1 begin=$SECONDS status
	shift
	"$@" >"$logs/$name.log" 2>&1 </dev/null
	status=$?
	echo "$status $((SECONDS - begin))" >"$logs/$name.status"
	report "$name"
}

# report NAME: what a stage printed about itself ("# …: N passed, N failed, N skipped"), added up.
report() {
	local name=$1 status seconds p=0 f=0 s=0 a b c
	read -r status seconds <"$logs/$name.status"
	while read -r a b c; do
		p=$((p + a)) f=$((f + b)) s=$((s + c))
	done < <(sed -nE 's/^# .*: ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped.*/\1 \2 \3/p' "$logs/$name.log")
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
		grep -A 12 -E '^not ok|\[  FAILED  \]|ERROR:|error:' "$logs/$name.log" | head -n 60 | sed 's/^/    /'
		echo "    … all of it in $logs/$name.log, the end:"
		tail -n 5 "$logs/$name.log" | sed 's/^/    /'
	fi
}

# The same lists of cases as on the host, in the nested machine: a real kvm_amd, ring 0 native.
nested() {
	tests/nested/cases.sh "$build"
}

begin=$SECONDS
nested_ready=yes
tests/packages.sh nested || nested_ready=no

if [ $nested_ready = yes ]; then
	# Beside the others: it uses one processor, and prints nothing until it is done.
	(
		started=$SECONDS
		nested >"$logs/nested.log" 2>&1 </dev/null
		echo "$? $((SECONDS - started))" >"$logs/nested.status"
	) &
	nested_pid=$!
fi

stage unit tests/unit/run.sh "$build"/unit/test_*[a-z]
stage fuzz tests/fuzz/run.sh "$build" "$fuzz_seconds"

if "$build/kvick" doctor >/dev/null 2>&1; then
	stage guests tests/run-cases.sh --kvick "$build/kvick" --guests "$build/guests" tests/guests/*/
	stage guests-asan tests/run-cases.sh --kvick "$build/fault/kvick" --guests "$build/guests" --variant asan \
		--options --no-sandbox tests/guests/*/
	stage hostile tests/run-cases.sh --kvick "$build/kvick" --guests "$build/hostile" tests/hostile/*/case
	stage hostile-images tests/hostile/images/run.sh "$build"
	stage fault tests/fault/sweep.sh "$build"
else
	echo "KVM cannot be used here: guests run in the nested machine alone; \`$build/kvick doctor\` says why"
fi

if [ $nested_ready = yes ]; then
	wait "$nested_pid"
	report nested
else
	echo "nested machine: not ready, see above"
	failed=$((failed + 1))
fi

echo "took $((SECONDS - begin)) s; logs in $logs"
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
