#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# What the client's tests share: TAP, and tests/client/serve.c as the server. Sourced, with $build set.

kvick=$build/kvick
scratch=$(mktemp -d)
out=$scratch/out err=$scratch/err
served=$scratch/served socket=$scratch/s
number=0 failed=0 skipped=0 server=
escape=$(printf '\033')

finish() {
	unserve
	rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM

pass() {
	number=$((number + 1))
	echo "ok $number - $1"
}

fail() {
	number=$((number + 1))
	failed=$((failed + 1))
	echo "not ok $number - $1"
	echo "#   $2"
	head -c 1000 "$out" | cat -v | sed 's/^/#   stdout: /' | head -n 5
	head -c 1000 "$err" | cat -v | sed 's/^/#   stderr: /' | head -n 5
}

skip() {
	number=$((number + 1))
	skipped=$((skipped + 1))
	echo "ok $number - $1 # SKIP $2"
}

# check NAME PROBLEM: passed where there is no problem.
check() {
	if [ -z "$2" ]; then pass "$1"; else fail "$1" "$2"; fi
}

# total STAGE: the last lines.
total() {
	echo "1..$number"
	echo "# $1: $((number - failed - skipped)) passed, $failed failed, $skipped skipped"
	[ $failed -eq 0 ]
}

# A server for the tests that follow, on a fresh folder.
serve() {
	unserve
	rm -rf "$served" "$socket" "$scratch/port" # what says that it listens is not to be of the one before
	mkdir "$served"
	"$build/client-tests/serve" "${1-$socket}" "$served" >"$scratch/port" &
	server=$!
	until [ -s "$scratch/port" ]; do
		kill -0 $server 2>/dev/null || exit 1 # it has said why
		sleep 0.01
	done
}

unserve() {
	[ -z "$server" ] || { kill "$server"; wait "$server"; } 2>/dev/null
	server=
}

# reply "STATUS" BODY [HEADER…]: what every connection gets from now on. BODY is a file, or text.
reply() {
	status=$1
	if [ -f "$2" ]; then body=$2; else body=$scratch/body; printf '%s' "$2" >"$body"; fi
	shift 2
	{
		printf 'HTTP/1.1 %s\r\n' "$status"
		for header; do printf '%s\r\n' "$header"; done
		printf 'Content-Length: %s\r\nConnection: close\r\n\r\n' "$(wc -c <"$body")"
		cat "$body"
	} >"$served/reply"
}

# ends CODE COMMAND…: runs it. $problem says what is amiss, or is empty.
ends() {
	wanted=$1
	shift
	problem=
	timeout -k 5 60 "$@" >"$out" 2>"$err" </dev/null
	code=$?
	[ $code -eq "$wanted" ] || problem="exit code $code instead of $wanted"
}

# asked TEXT: the last request has this, a line of its own.
asked() {
	request=$(find "$served" -name 'request.*' | sort -V | tail -n 1)
	[ -n "$problem" ] || tr -d '\r' <"$request" | grep -Fxq -- "$1" ||
		problem="no \"$1\" was sent, but: $(head -c 300 "$request" | tr '\r\n' '  ')"
}

# prints TEXT: stdout is this.
prints() {
	[ -n "$problem" ] || [ "$(cat "$out")" = "$1" ] || problem="stdout is not: $1"
}

# says TEXT: stderr is one line that begins with "kvick: " and has this.
says() {
	[ -z "$problem" ] || return
	if [ "$(wc -l <"$err")" -ne 1 ] || ! grep -q '^kvick: ' "$err"; then
		problem='stderr is not one line of kvick'
	elif ! grep -Fq -- "$1" "$err"; then
		problem="stderr lacks: $1"
	elif LC_ALL=C tr -d '\n' <"$err" | grep -q '[[:cntrl:]]'; then
		problem='control characters on stderr'
	fi
}

# refused NAME CODE TEXT COMMAND…: ends with CODE, says TEXT, nothing on stdout.
refused() {
	name=$1 says=$3
	code_wanted=$2
	shift 3
	ends "$code_wanted" "$@"
	says "$says"
	[ -n "$problem" ] || [ ! -s "$out" ] || problem='something on stdout'
	check "$name" "$problem"
}
