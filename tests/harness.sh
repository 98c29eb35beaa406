#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# harness.sh [DIR]: what the tests' own machinery says when something is amiss: finish.sh, rings.sh, and the nested machine.
#
# DIR is build unless said otherwise. Needs DIR/kvick, DIR/guests/{hello,spin}.elf, DIR/differential, and what the nested machine
# needs. Prints TAP.

set -u

build=${1-build}
here=$(dirname "$0")
machine=$here/nested/machine.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
log=$scratch/log
number=0 failed=0

# says NAME STATUS PATTERNS COMMAND…: ends with STATUS, and each of PATTERNS (extended, one a line) matches a line of what
# it prints; one that begins with "!" matches none.
says() {
	name=$1 wanted=$2 patterns=$3
	shift 3
	number=$((number + 1))
	echo "# begin $name"
	timeout -k 5 90 "$@" >"$log" 2>&1 </dev/null
	code=$?
	problems=$(
		[ $code -eq "$wanted" ] || echo "#   exit status $code instead of $wanted"
		printf '%s\n' "$patterns" | while IFS= read -r pattern; do
			case $pattern in
			!*) ! grep -Eq -- "${pattern#!}" "$log" || echo "#   says: ${pattern#!}" ;;
			*) grep -Eq -- "$pattern" "$log" || echo "#   lacks: $pattern" ;;
			esac
		done
	)
	if [ -z "$problems" ]; then
		echo "ok $number - $name"
	else
		failed=$((failed + 1))
		echo "not ok $number - $name"
		echo "$problems"
		sed 's/^/#   > /' "$log" | tail -n 30
	fi
}

# program NAME: makes a shell script of its input, and prints its path.
program() {
	{ echo '#!/bin/sh'; cat; } >"$scratch/$1"
	chmod +x "$scratch/$1"
	echo "$scratch/$1"
}

# --- output that breaks off ---

run=$(program whole <<'END'
printf '%s\n' 1..2 '# begin one' 'ok 1 - one' '# begin two' 'ok 2 - two' '# x: 2 passed, 0 failed, 0 skipped'
END
)
says 'a whole run is passed through' 0 '^ok 1 - one$
^ok 2 - two$
!not ok' "$here/finish.sh" 5 x "$run"

run=$(program hangs <<'END'
printf '%s\n' 1..4 '# begin one' 'ok 1 - one' '# begin two'
exec sleep 60
END
)
says 'a test that hangs is named, and those after it are counted' 124 '^ok 1 - one$
^not ok 2 - two: did not end \(time is up\)$
^# x: 1 passed, 1 failed, 0 skipped; 2 did not run$' "$here/finish.sh" 5 x "$run"

run=$(program dies <<'END'
printf '%s\n' 1..3 '# begin one' 'ok 1 - one' 'ok 2 - two # SKIP for a reason' '#   > # y: 1 passed, 0 failed, 0 skipped'
exit 7
END
)
says 'a run that dies between two tests has failed' 7 '^not ok 3 - x: broke off between two tests \(exit status 7\)$
^# x: 1 passed, 1 failed, 1 skipped$' "$here/finish.sh" 5 x "$run"
says 'a run that prints nothing has failed' 1 '^not ok - x: no test began \(exit status 0\)$' "$here/finish.sh" 5 x true

# --- the report of four columns ---

# The lines of a whole run, natively where VMCALL cannot be, and nested.
grep -l '^topic=' "$here"/guests/*/case "$here"/hostile/*/case | while IFS= read -r folder; do
	name=tests/${folder#"$here"/}
	for ring in 0 3; do
		skip=
		[ $ring = 3 ] || ! grep -q '^topic=vmcall' "$folder" || skip=' # SKIP emulated'
		echo "ok 1 - ${name%/case}, ring $ring$skip"
		echo "ok 1 - ${name%/case}, ring $ring (nested)"
	done
done >"$scratch/all"
says 'four columns without a gap' 0 ' passed, 0 failed, [1-9][0-9]* skipped \(VMCALL' "$here/rings.sh" "$scratch/all"
sed 's/crash_abort, ring 0 (nested)/& # SKIP no reason/' "$scratch/all" >"$scratch/skipped"
says 'a crash test that is skipped is named' 1 '^# tests/guests/crash_abort, nested ring 0: skip$
 passed, 1 failed, ' "$here/rings.sh" "$scratch/skipped"
grep -v 'crash_abort, ring 3$' "$scratch/all" >"$scratch/gap"
says 'a crash test that did not run is named' 1 '^# tests/guests/crash_abort, native ring 3: missing$' \
	"$here/rings.sh" "$scratch/gap"
sed 's/^ok \(.*calls_by_vmcall, ring 0 (nested)\)/ok \1 # SKIP emulated/' "$scratch/all" >"$scratch/vmcall"
grep nested "$scratch/all" >"$scratch/hw"
says 'columns that nothing ran for are empty' 0 ' - +- +ok +ok$
^# rings: .*, nested: [0-9]+ passed, 0 failed, 0 skipped$' "$here/rings.sh" "$scratch/hw"
says 'VMCALL may not be skipped in the nested machine' 1 '^# tests/hostile/calls_by_vmcall, nested ring 0: skip$' \
	"$here/rings.sh" "$scratch/vmcall"

mkdir -p "$scratch/tree/tests" "$scratch/tree/vmm"
cp "$here/rings.sh" "$scratch/tree/tests"
cp -R "$here/guests" "$here/hostile" "$scratch/tree/tests"
{
	cat "$here/../vmm/hypercalls.c"
	printf '\t[KVICK_CALL_NOBODYS] = { "nobodys", nobodys_call },\n'
} >"$scratch/tree/vmm/hypercalls.c"
says 'a hypercall without a case is named' 1 '^# the hypercall nobodys has no row: ' \
	"$scratch/tree/tests/rings.sh" "$scratch/all"

# --- the differential test's sequences ---

generate=$build/differential/generate
says 'the same sequences are drawn again' 0 '!.' sh -c "'$generate' 2 50 >'$scratch/1.S' && '$generate' 2 50 | cmp - '$scratch/1.S'"
for kind in $("$generate" 2>&1 | sed -n 's/^kinds: //p'); do
	"$generate" 1 40 "$kind" >"$scratch/$kind.S"
	as --fatal-warnings -o /dev/null "$scratch/$kind.S" || echo "not assembled: $kind"
done >"$scratch/kinds" 2>&1
says 'sequences of each kind of instruction can be assembled' 0 '!.' cat "$scratch/kinds"
says 'a kind of instruction that is none' 2 '^no such kind: nonsense$' "$generate" 1 1 nonsense

# --- the differential test, with a machine and a kvick that only print ---

mkdir -p "$scratch/tree/tests/differential" "$scratch/tree/tests/nested" "$scratch/tree/build/differential"
cp "$here/differential/run.sh" "$scratch/tree/tests/differential"
printf 's1_%s:\n\tnop\n\tjmp\tsequence_end\n' 0 1 >"$scratch/tree/build/differential/sequences.S"
printf 'sequence_seeds:\t.long\t2\nsequences_per_seed:\t.long\t2\n' >>"$scratch/tree/build/differential/sequences.S"
# kvick: `run --ring RING --timeout 60s IMAGE -- SEED COUNT`, or `run --ring RING IMAGE -- verbose SEED N`.
program kvick <<'END' >/dev/null
case $* in
doctor) exit 1 ;;
*verbose*) echo "rax $3" ;;
*) printf '%s.0 a\n%s.1 b 13\n' "$8" "$8" | if [ "$3 $8" = '3 1' ]; then eval "$DIFFERENCE"; else cat; fi ;;
esac
END
program machine <<'END' >/dev/null
for command; do :; done
PATH=${0%/*}:$PATH exec sh -c "$command"
END
mv "$scratch/machine" "$scratch/tree/tests/nested/machine.sh"
ln "$scratch/kvick" "$scratch/tree/tests/nested/kvick"
mv "$scratch/kvick" "$scratch/tree/build/kvick"
differential=$scratch/tree/tests/differential/run.sh
says 'sequences that leave the same pass' 0 '^ok 1 - seed 0, ring 3 \(nested\)$
^ok 2 - seed 1, ring 3 \(nested\)$
^# differential: 2 passed, 0 failed, 0 skipped$' env DIFFERENCE=cat "$differential" "$scratch/tree/build"
says 'a sequence that leaves something else at ring 3 is shown from both sides' 1 '^ok 1 - seed 0, ring 3 \(nested\)$
^not ok 2 - seed 1, ring 3 \(nested\): 1 of 2 differ, the first is 1.1$
^#   nested-0: 1.1 b 13$
^#   nested-3: 1.1 c 13$
^#   > s1_1:$
^#   -rax 0$
^#   \+rax 3$
^# differential: 1 passed, 1 failed, 0 skipped$' env DIFFERENCE="sed 's/ b/ c/'" "$differential" "$scratch/tree/build"
says 'a guest that dies in the middle has failed' 1 '^not ok 2 - seed 1, ring 3 \(nested\): 1 of 2 differ, the first is 1.1$
^#   nested-3: kvick: guest crashed$' env DIFFERENCE="sed '2s/.*/kvick: guest crashed/'" "$differential" "$scratch/tree/build"
says 'a reference that is not whole has failed' 1 '^not ok 1 - seed 0, ring 3 \(nested\): 1 of 3 differ, the first is 0.2$' \
	env COUNT=3 DIFFERENCE=cat "$differential" "$scratch/tree/build"

# --- a nested machine that does not start ---

says 'no QEMU' 125 '^nested machine: no /nonexistent: .*tests/packages.sh nested' \
	env KVICK_NESTED_QEMU=/nonexistent "$machine" -- true
says 'no kernel' 125 '^nested machine: cannot read the kernel /nonexistent/vmlinuz-1; set KVICK_NESTED_KERNEL' \
	env KVICK_NESTED_KERNEL=/nonexistent/vmlinuz-1 "$machine" -- true

# A cache of its own, so that nothing of it stays.
mkdir -p "$scratch/modules/kernel"
: >"$scratch/vmlinuz-1"
says 'a kernel without modules' 125 '^nested machine: no modules in .*; set KVICK_NESTED_MODULES' \
	env KVICK_NESTED_DIR="$scratch/cache" KVICK_NESTED_KERNEL="$scratch/vmlinuz-1" "$machine" -- true
says 'a kernel without SVM modules' 125 \
	'^nested machine: kernel 1 has no module kvm_amd; use one with SVM: .*tests/packages.sh nested' \
	env KVICK_NESTED_DIR="$scratch/cache" KVICK_NESTED_KERNEL="$scratch/vmlinuz-1" KVICK_NESTED_MODULES="$scratch/modules" \
	"$machine" -- true
says 'too little memory for what is put in' 125 \
	'^nested machine: --memory 64 is too small for a [0-9]+ MiB image; give at least [0-9]+$' \
	"$machine" --memory 64 -- true
says 'more memory than there is' 125 \
	'^nested machine: needs 100000128 MiB of memory, [0-9]+ MiB are available; free some, or lower --memory$' \
	"$machine" --memory 100000000 -- true
says 'a file that is not there' 125 '^nested machine: --add /nonexistent:/x: /nonexistent does not exist; build it first$' \
	"$machine" --add /nonexistent:/x -- true
says 'a file that goes nowhere' 2 '^nested machine: --get tmp/x: not /PATH:FILE$' "$machine" --get tmp/x -- true
says 'an option that is none' 2 '^nested machine: unknown option --nonsense
^usage: ' "$machine" --nonsense -- true

qemu=$(program qemu-dies <<'END'
echo 'qemu: it does not work today' >&2
exit 3
END
)
says 'a QEMU that ends at once' 125 '^nested machine: QEMU failed: qemu: it does not work today \(exit status 3\)$
^nested machine: its kernel said nothing$
!open' env KVICK_NESTED_QEMU="$qemu" "$machine" -- true
printf '/lib64/ld-linux-x86-64.so.2' | program dynamic >/dev/null
says 'a program that needs libraries' 125 '^nested machine: warning: .*/dynamic is dynamically linked and will not run' \
	env KVICK_NESTED_QEMU="$qemu" "$machine" --add "$scratch/dynamic:/dynamic" -- /dynamic

# --- a nested machine that is lost: each of these boots one ---

qemu=$(program qemu-without-svm <<'END'
for word; do
	shift
	[ "$word" != EPYC,+svm,+npt ] || word=EPYC,-svm
	set -- "$@" "$word"
done
exec qemu-system-x86_64 "$@"
END
)
says 'a processor without SVM' 125 '^nested machine: module kvm_amd would not load' env KVICK_NESTED_QEMU="$qemu" "$machine" -- true
# shellcheck disable=SC2016 # of the inner shell
says 'files come out of the machine' 0 '^one$
^two$' sh -c '"$1" --get "/tmp/a b:$2/1" --get "/tmp/c:$2/2" -- sh -c "echo one >\"/tmp/a b\"; echo two >/tmp/c" &&
		cat "$2/1" "$2/2"' sh "$machine" "$scratch"
says 'a file that the machine has not' 125 '^nested machine: --get /tmp/none:.*: the machine has no such file' \
	"$machine" --get "/tmp/none:$scratch/none" -- true
says 'out of memory inside' 137 '^nested machine: the machine ran out of memory; give it more with --memory$' \
	"$machine" --memory 192 --timeout 60 -- tail /dev/zero
says 'out of memory inside, under a shell' 1 '^nested machine: the machine ran out of memory; give it more with --memory$' \
	"$machine" --memory 192 --timeout 60 -- sh -c 'tail /dev/zero || exit 1'

# Two cases of ours: what hangs or takes the kernel down, between two that do not.
for name in a_good c_good; do
	mkdir -p "$scratch/cases/$name"
	echo 'image=hello rings=3' >"$scratch/cases/$name/case"
done
mkdir -p "$scratch/cases/b_bad"
cases() { # TIMEOUT: runs the three cases
	says "$1" "$2" "$3" "$here/finish.sh" 80 lost "$machine" --timeout "$4" --add "$here/run-cases.sh:/kvick/run-cases.sh" \
		--add "$scratch/cases:/kvick/cases" --add "$build/kvick:/kvick/kvick" \
		--add "$build/guests/hello.elf:/kvick/hello.elf" \
		--add "$build/guests/spin.elf:/kvick/spin.elf" -- \
		sh -c 'cd /kvick && exec sh run-cases.sh --kvick ./kvick --guests . cases/a_good cases/b_bad cases/c_good'
}
# shellcheck disable=SC2016 # for the case
echo 'image=spin rings=3 around='\''"$@"'\' >"$scratch/cases/b_bad/case"
cases 'a guest that spins for ever: its test is named' 124 '^ok 1 - cases/a_good, ring 3$
^not ok 2 - cases/b_bad, ring 3: did not end \(time is up\)$
^#   nested machine: timed out after 30 s; ended \(--timeout gives it longer\)$
^# lost: 1 passed, 1 failed, 0 skipped; 1 did not run$' 30
echo 'rings=3 before="echo c >/proc/sysrq-trigger; sleep 60"' >"$scratch/cases/b_bad/case"
cases 'a kernel panic inside: its test is named' 125 '^ok 1 - cases/a_good, ring 3$
^not ok 2 - cases/b_bad, ring 3: did not end \(exit status 125\)$
^#   nested machine: the kernel inside panicked: sysrq triggered crash$
^#     \| .*Kernel panic
^# lost: 1 passed, 1 failed, 0 skipped; 1 did not run$' 60

echo "1..$number"
echo "# harness: $((number - failed)) passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
