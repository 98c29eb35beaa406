#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs test cases that boot a guest: one folder each, with a file `case` in it (either may be named). Plain sh, so that the same
# list runs on a host and inside a small virtual machine.
#
#	tests/run-cases.sh [--kvick FILE] [--guests DIR] [--helpers DIR] [--variant NAME] [--options OPTIONS] FOLDER…
#
# OPTIONS go to every kvick run, before the case's own.
#
# A case is shell assignments:
#	image    guest to boot: NAME (DIR/NAME.elf), NAME.SUFFIX (in DIR too) or a path
#	args     arguments for the guest, as shell words
#	options  further options of kvick run, as shell words
#	rings    "0 3" unless said otherwise: the case runs once at each; "auto" leaves it to kvick
#	when     "ring0_native" or "ring0_emulated": the only kind of host that the case is for
#	needs    command that must work here, or the case is skipped
#	exit     exit code, 0 unless said otherwise
#	stdout, stderr        extended regular expressions, one a line: each must match somewhere
#	no_stdout, no_stderr  likewise: none may match
#	lines    number of lines on stdout
#	stdin    what stdin is connected to; /dev/null unless said otherwise
#	before   command that is run first, in the case's scratch folder ($scratch)
#	around   command that runs kvick: "$@" is kvick and all its arguments; $helpers has the programs of tests/helpers
#	topic    "hypercall", "crash" or "vmcall": belongs to the report of four columns (tests/rings.sh)
#	calls    names of the hypercalls that it is about; only with a topic, and read by tests/rings.sh alone
# It is read anew for each ring, and may look at $ring, which is empty while `rings` is being asked for, at $variant, and at $slow:
# "yes" where this ring is emulated, half a microsecond an instruction. There a case may do less of the same; the whole of it runs
# at ring 3 and in the nested machine.
# Prints TAP, and the name of each test before it begins; the exit code is 0 when nothing failed.

set -u

kvick=build/kvick
guests=build/guests
helpers=build/helpers
variant=
all_options=
while :; do
	case ${1-} in
	--kvick) kvick=$2; shift 2 ;;
	--guests) guests=$2; shift 2 ;;
	--helpers) helpers=$2; shift 2 ;;
	--variant) variant=" ($2)"; shift 2 ;;
	--options) all_options=$2; shift 2 ;;
	*) break ;;
	esac
done

number=0 failed=0 skipped=0
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# A guest that hangs must not take the whole run with it. Generous: an emulated machine on a busy host is slow.
limit=240

if "$kvick" doctor 2>/dev/null | grep -q 'emulated by this KVM'; then
	host=ring0_emulated
else
	host=ring0_native
fi

complain() {
	problems="$problems
#   $1"
}

# matches FILE PATTERNS WANTED: each line of PATTERNS is found in FILE (WANTED=yes) or is not (no).
matches() {
	printf '%s\n' "$2" | while IFS= read -r pattern; do
		[ -n "$pattern" ] || continue
		if grep -Eq -- "$pattern" "$1"; then found=yes; else found=no; fi
		[ $found = "$3" ] || echo "$pattern"
	done
}

expect() { # STREAM COMPLAINT FILE PATTERNS WANTED
	wrong=$(matches "$3" "$4" "$5")
	[ -z "$wrong" ] || complain "$1 $2: $wrong"
}

run_case() { # NAME RING
	if [ -n "$before" ] && ! (cd "$scratch" && eval "$before"); then
		complain "before: $before: failed"
	fi
	[ "$2" = auto ] || options="--ring $2 $options"
	options="$all_options $options"
	set -- "$kvick" run
	eval "set -- \"\$@\" $options \"\$path\" -- $args"
	if [ -n "$around" ]; then
		# In a shell of its own, so that one that waits for what never comes ends, too.
		export scratch helpers kvick guests folder path limit all_options
		timeout "$limit" sh -c "$around" sh "$@" <"$stdin" >"$scratch/out" 2>"$scratch/err"
	else
		timeout "$limit" "$@" <"$stdin" >"$scratch/out" 2>"$scratch/err"
	fi
	code=$?
	[ $code -eq "$exit" ] || complain "exit code $code instead of $exit"
	expect stdout lacks "$scratch/out" "$stdout" yes
	expect stderr lacks "$scratch/err" "$stderr" yes
	expect stdout has "$scratch/out" "$no_stdout" no
	expect stderr has "$scratch/err" "$no_stderr" no
	if [ -n "$lines" ] && [ "$(wc -l <"$scratch/out")" -ne "$lines" ]; then
		complain "stdout has $(wc -l <"$scratch/out") lines instead of $lines"
	fi
}

load() { # FOLDER RING
	image=hello args='' options='' rings='0 3' when='' needs='' exit=0 stdout='' stderr='' no_stdout='' no_stderr=''
	lines='' stdin=/dev/null before='' around=''
	folder=${1%/case} ring=$2 slow=
	[ "$ring/$host" != 0/ring0_emulated ] || slow=yes
	folder=${folder%/}
	. "$folder/case"
	case $image in
	*/*) path=$image ;;
	*.*) path=$guests/$image ;;
	*) path=$guests/$image.elf ;;
	esac
}

# First of all, how many there are: whoever reads only the beginning knows what is missing.
for folder in "$@"; do
	load "$folder" ''
	# shellcheck disable=SC2086 # rings are words
	number=$((number + $(printf '%s\n' $rings | wc -l)))
done
echo "1..$number"
number=0

for folder in "$@"; do
	load "$folder" ''
	for ring in $rings; do
		load "$folder" "$ring"
		number=$((number + 1))
		name="$folder, ring $ring$variant"
		if [ -n "$when" ] && [ "$when" != $host ]; then
			echo "ok $number - $name # SKIP needs a host with $when, and this one is $host"
			skipped=$((skipped + 1))
			continue
		fi
		if [ -n "$needs" ] && ! eval "$needs" >/dev/null 2>&1; then
			echo "ok $number - $name # SKIP needs: $needs"
			skipped=$((skipped + 1))
			continue
		fi
		echo "# begin $name"
		problems=
		run_case "$folder" "$ring"
		if [ -z "$problems" ]; then
			echo "ok $number - $name"
		else
			failed=$((failed + 1))
			echo "not ok $number - $name$problems"
			sed 's/^/#   stdout: /' "$scratch/out" | head -n 20
			sed 's/^/#   stderr: /' "$scratch/err" | head -n 20
		fi
	done
done
echo "# guest cases$variant: $((number - failed - skipped)) passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
