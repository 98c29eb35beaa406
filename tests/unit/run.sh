#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh PROGRAM...: runs unit tests (cmocka programs), shows what they print, adds up what came out.
# Exit status: 0 when nothing failed.

set -u

passed=0 failed=0 skipped=0 summary=
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# A test that hangs must not take the whole run with it.
limit=120

# cmocka names what failed or was skipped a second time at the end.
count() { grep "$1" "$log" | sort -u | wc -l; }

for program in "$@"; do
	timeout "$limit" "$program" >"$log" 2>&1
	code=$?
	cat "$log"
	p=$(count '^\[       OK \]') f=$(count '^\[  FAILED  \] [^ ]*$') s=$(count '^\[  SKIPPED \] [^ ]*$')
	note=
	# A program that ends badly, or without having run anything, is a failure of its own.
	if [ $code -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1 note=" (ended with status $code)"
	elif [ $((p + f + s)) -eq 0 ]; then
		f=1 note=" (no test ran)"
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	summary="$summary
# ${program##*/}: $p ok, $f failed, $s skipped$note"
done
echo "${summary#?}"
echo "# unit: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
