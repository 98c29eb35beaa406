#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs one hostile guest in many ways; for the cases' `around`.
#
#	each.sh CODES PATTERN FILE COMMAND…
#
# COMMAND is kvick and all its arguments; the guest, given none, lists its ways, and has time to. Each that matches PATTERN
# (extended regular expression) is run on its own, and must end with one of CODES, with a message unless that is 0 and FILE
# knows of none (that it had a device need a reset may be said), and not by a signal or the sandbox. The command's --timeout is
# for the ways that never end by themselves; one that reaches it and should not is given another chance with a longer one: the
# host may be busy. FILE (may be absent) says more of some:
#
#	WAY <tab> RING <tab> CODES [<tab> what stderr must match]
#
# RING is 0, 3 or *. Prints what went wrong, then a line of figures.

set -u

codes=$1 pattern=$2 file=$3
shift 3
ring=
case " $* " in
*' --ring 0 '*) ring=0 ;;
*' --ring 3 '*) ring=3 ;;
esac
out=$(mktemp) err=$(mktemp)
trap 'rm -f "$out" "$err"' EXIT
ran=0 failed=0

complain() {
	failed=$((failed + 1))
	echo "$way: $1: $(head -n 1 "$err" | sed 's/[^ -~]//g')"
}

# run COMMAND…: exit status in $code
run() {
	timeout 60 "$@" >"$out" 2>"$err" </dev/null
	code=$?
}

# with_more_time COMMAND KVICK…
with_more_time() {
	before='' left=$#
	while [ $left -gt 0 ]; do
		word=$1
		shift
		[ "$before" != --timeout ] || word=30s
		before=$word left=$((left - 1))
		set -- "$@" "$word"
	done
	"$@"
}

ended_as_wanted() {
	case " $wanted " in *" $code "*) ;; *) return 1 ;; esac
}

for way in $(with_more_time "$@" 2>/dev/null | grep -E -- "$pattern"); do
	wanted=$codes says='^kvick: '
	row='' more=''
	[ -f "$file" ] && row=$(awk -F '\t' -v way="$way" -v ring="$ring" '$1 == way && ($2 == "*" || $2 == ring)' "$file")
	if [ -n "$row" ]; then
		wanted=$(printf '%s\n' "$row" | cut -f 3)
		more=$(printf '%s\n' "$row" | cut -s -f 4)
		[ -z "$more" ] || says=$more
	fi
	run "$@" "$way"
	[ $code -ne 124 ] || ended_as_wanted || with_more_time run "$@" "$way"
	ran=$((ran + 1))
	ended_as_wanted || { complain "exit code $code instead of $wanted"; continue; }
	if [ $code -eq 0 ] && [ -z "$more" ]; then
		! grep -qv "^kvick: .*: needed a reset by the guest's driver: " "$err" || complain "exit code 0, and yet a message"
	elif grep -q 'Bad system call' "$err"; then
		complain "ended by the sandbox"
	elif ! grep -Eq -- "$says" "$err"; then
		complain "stderr lacks: $says"
	fi
	! LC_ALL=C grep -q '[^ -~	]' "$err" || complain 'stderr has bytes that are no text'
done
echo "ways: $ran run, $failed failed"
[ $ran -gt 0 ] && [ $failed -eq 0 ]
