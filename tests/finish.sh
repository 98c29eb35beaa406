#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# finish.sh SECONDS NAME COMMAND…: runs a command that prints TAP, passes its output through as it comes, and ends it
# properly where it broke off: the test that had begun and not ended has failed, by name ("# begin …"), and those that
# never began are counted, if the plan came first. Exits with COMMAND's status, 124 when time was up.
#
# What tests/nested/machine.sh says of itself is kept until the end, to stand below what it explains.

set -u
seconds=$1 what=$2
shift 2

finish() {
	passed=0 failed=0 skipped=0 planned=0 begun='' whole='' said='' status=1
	while IFS= read -r line; do
		case $line in
		'# exit status '*) status=${line##* }; continue ;;
		'nested machine: booting '*) continue ;;
		'nested machine: '* | '  | '*)
			said="$said
#   $line"
			continue
			;;
		'#  '*) ;; # what belongs to a failure, and may be anything
		'# begin '*) begun=${line#\# begin } ;;
		'ok '*'# SKIP'*) skipped=$((skipped + 1)) begun='' ;;
		'ok '*) passed=$((passed + 1)) begun='' ;;
		'not ok '*) failed=$((failed + 1)) begun='' ;;
		1..[0-9]*) planned=${line#1..} ;;
		'# '*': '*' passed, '*' failed, '*' skipped'*) whole=yes ;;
		esac
		printf '%s\n' "$line"
	done
	ran=$((passed + failed + skipped))
	why="exit status $status"
	[ "$status" -ne 124 ] || why='time is up'
	if [ -n "$whole" ]; then
		if [ "$status" -ne 0 ] && [ $failed -eq 0 ]; then
			echo "not ok - $what: ended badly after its last test ($why)"
		fi
	elif [ -n "$begun" ]; then
		echo "not ok $((ran + 1)) - $begun: did not end ($why)"
	elif [ $ran -ne 0 ]; then
		echo "not ok $((ran + 1)) - $what: broke off between two tests ($why)"
	else
		echo "not ok - $what: no test began ($why)"
	fi
	[ -z "$said" ] || echo "${said#?}"
	[ -n "$whole" ] || {
		lost=$((planned - ran - 1))
		printf '# %s: %d passed, %d failed, %d skipped' "$what" $passed $((failed + 1)) $skipped
		[ $lost -le 0 ] || printf '; %d did not run' $lost
		echo
		[ "$status" -ne 0 ] || status=1
	}
	exit "$status"
}

# timeout has a process group of its own, out of a terminal's reach: a signal is passed on to it.
{
	timeout -k 10 "$seconds" "$@" &
	pid=$!
	trap 'kill "$pid"' INT TERM HUP
	wait "$pid"
	status=$?
	# A signal ends the first wait before its time.
	wait "$pid" 2>/dev/null
	echo "# exit status $status"
} 2>&1 </dev/null | finish
