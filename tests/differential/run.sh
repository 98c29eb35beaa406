#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Sequences of sensitive instructions at ring 0 of a real processor's kind and at ring 3 must leave the same: README.md.
#
#	tests/differential/run.sh BUILD [hw]
#
# What is held to be right is ring 0 in the nested machine (SVM); with it are compared ring 3 in there, and on this host ring 3, and
# ring 0 where it is native. With hw nothing runs on this host. Needs BUILD/kvick and BUILD/differential. $SEEDS and $COUNT run
# fewer than there are. Prints TAP: a test for each block of sequences that have a seed in common, and side.

set -u
export LC_ALL=C

build=$1
here=$(dirname "$0")
image=$build/differential/sequences.elf
listing=$build/differential/sequences.S
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
tab=$(printf '\t')
count=${COUNT:-$(sed -n "s/^sequences_per_seed:.*$tab//p" "$listing")}
seeds=${SEEDS:-$(seq 0 $(($(sed -n "s/^sequence_seeds:.*$tab//p" "$listing") - 1)))}
number=0 failed=0

# nested COMMANDS: in the nested machine.
nested() {
	"$here/../nested/machine.sh" --timeout 120 --add "$build/kvick:/bin/kvick" --add "$image:/sequences.elf" -- sh -c "$1"
}

# all RING KVICK IMAGE: commands that run every block; what kvick itself says of one has a mark.
all() {
	for seed in $seeds; do
		echo "$2 run --ring $1 --timeout 60s $3 -- $seed $count 2>&1 | sed '/^kvick:/s/^/$seed.x /'"
	done
}

# block SIDE SEED: what it has printed.
block() { sed -n "/^$2\./p" "$scratch/$1"; }

# verbose SIDE SEED N
verbose() {
	case $1 in
	native-*) "$build/kvick" run --ring "${1#native-}" "$image" -- verbose "$2" "$3" 2>&1 ;;
	nested-*) nested "kvick run --ring ${1#nested-} /sequences.elf -- verbose $2 $3 2>&1" ;;
	esac
}

# differing SIDE SEED: the number of the first sequence whose line differs, or is missing, and how many those are; or nothing.
differing() {
	awk -v seed="$2" -v count="$count" '
		FNR == 1 { file++ }
		{ line[file, $1] = $0 }
		END {
			for (n = 0; n < count; n++) {
				name = seed "." n
				if ((!((1, name) in line) || line[1, name] != line[2, name]) && !differ++)
					first = n
			}
			if (differ)
				print first, differ
		}' "$scratch/nested-0.$2" "$scratch/$1.$2"
}

# explain SIDE SEED N: both lines, the instructions, and all of what differs.
explain() {
	for side in nested-0 "$1"; do
		sed -n "s/^$2\.$3 .*/#   $side: &/p" "$scratch/$side.$2"
		sed -n "s/^$2\.x /#   $side: /p" "$scratch/$side.$2" | head -n 20
	done
	sed -n "/^s$2_$3:/,/sequence_end/s/^/#   > /p" "$listing"
	[ -z "$explained" ] || return 0
	explained=yes # one is enough: the machine boots for it
	verbose nested-0 "$2" "$3" >"$scratch/a" 2>"$scratch/error"
	verbose "$1" "$2" "$3" >"$scratch/b" 2>"$scratch/error"
	diff -U 0 "$scratch/a" "$scratch/b" | sed '1,2d; /^@@/d; s/^/#   /'
	sed 's/^/#   nested-0 in full: /' "$scratch/a"
}
explained=

# compare SIDE WHAT
compare() {
	for seed in $seeds; do
		number=$((number + 1))
		block "$1" "$seed" >"$scratch/$1.$seed"
		read -r n differ <<END
$(differing "$1" "$seed")
END
		if [ -z "$n" ]; then
			echo "ok $number - seed $seed, $2"
		else
			failed=$((failed + 1))
			echo "not ok $number - seed $seed, $2: $differ of $count differ, the first is $seed.$n"
			explain "$1" "$seed" "$n"
		fi
	done
}

native=
if [ "${2-}" != hw ] && "$build/kvick" doctor >"$scratch/doctor" 2>/dev/null; then
	native=3
	grep -q 'emulated by this KVM' "$scratch/doctor" || native='3 0'
fi

echo "# begin $count sequences of each seed"
nested "$(all 0 kvick /sequences.elf); echo '# 3'; $(all 3 kvick /sequences.elf)" >"$scratch/nested" 2>"$scratch/error" || {
	echo "not ok 1 - the nested machine: $(tail -n 3 "$scratch/error" | tr '\n' ' ')"
	echo '# differential: 0 passed, 1 failed, 0 skipped'
	exit 1
}
sed '/^# 3/,$d' "$scratch/nested" >"$scratch/nested-0"
sed '1,/^# 3/d' "$scratch/nested" >"$scratch/nested-3"
for seed in $seeds; do
	block nested-0 "$seed" >"$scratch/nested-0.$seed"
done
for ring in $native; do
	sh -c "$(all "$ring" "$build/kvick" "$image")" >"$scratch/native-$ring"
done

compare nested-3 'ring 3 (nested)'
for ring in $native; do
	compare "native-$ring" "ring $ring"
done
echo "1..$number"
echo "# differential: $((number - failed)) passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
