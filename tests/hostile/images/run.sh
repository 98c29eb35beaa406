#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Images, snapshots, command lines and hosts that a start must refuse, each with one line that says why.
#
#	tests/hostile/images/run.sh [DIR]
#
# DIR is build unless said otherwise. Needs DIR/kvick and DIR/kvick-snapshot, what DIR/hostile/make* makes, DIR/guests/hello.elf,
# abi.hvt and abi's kernels there. Prints TAP.

set -u

build=${1-build}
kvick=$build/kvick
hello=$build/guests/hello.elf

scratch=$(mktemp -d)
chmod 755 "$scratch" # for nobody
trap 'rm -rf "$scratch"' EXIT
out=$scratch/out err=$scratch/err
number=0 failed=0 skipped=0
tab=$(printf '\t')

ok() {
	number=$((number + 1))
	echo "ok $number - $1"
}

not_ok() {
	number=$((number + 1))
	failed=$((failed + 1))
	echo "not ok $number - $1"
	echo "#   $2"
	sed 's/^/#   stdout: /' "$out" | head -n 5
	sed 's/^/#   stderr: /' "$err" | head -n 5
}

skip() {
	number=$((number + 1))
	skipped=$((skipped + 1))
	echo "ok $number - $1 # SKIP $2"
}

# refused NAME CODE HAS COMMAND…: ends in time with CODE, nothing on stdout, one line on stderr with HAS in it.
refused() {
	name=$1 wanted=$2 has=$3
	shift 3
	timeout 5 "$@" >"$out" 2>"$err" </dev/null
	code=$?
	if [ $code -ne "$wanted" ]; then
		not_ok "$name" "exit code $code instead of $wanted"
	elif [ -s "$out" ]; then
		not_ok "$name" "something on stdout"
	elif [ "$(wc -l <"$err")" -ne 1 ] || [ "$(tr -d '\n' <"$err" | tail -c 1 | wc -c)" -ne 1 ]; then
		not_ok "$name" "not one line on stderr"
	elif ! grep -q '^kvick: ' "$err"; then
		not_ok "$name" "stderr does not start with \"kvick: \""
	elif ! grep -Fq -- "$has" "$err"; then
		not_ok "$name" "stderr lacks: $has"
	elif LC_ALL=C grep -q '[[:cntrl:]]' "$err"; then
		not_ok "$name" "a control character on stderr"
	else
		ok "$name"
	fi
}

# --- spoiled images ---

mkdir "$scratch/images"
if ! "$build/hostile/make_images" "$hello" "$scratch/images" >"$scratch/list" ||
	! "$build/hostile/make_solo5_images" "$build/guests/abi.hvt" "$scratch/images" >>"$scratch/list"; then
	echo "Bail out! make_images failed"
	exit 1
fi
abi=$build/guests/abi
if ! "$build/hostile/make_kernels" "$abi.kernel" "$abi-pvh.kernel" "$abi-lz4.bzImage" "$scratch/images" >>"$scratch/list"; then
	echo "Bail out! make_kernels failed"
	exit 1
fi
while IFS=$tab read -r image fragment options; do
	path=$scratch/images/$image
	# shellcheck disable=SC2086 # options are words
	timeout 5 "$kvick" run $options "$path" >"$out" 2>"$err" </dev/null
	code=$?
	if [ $code -eq 122 ] && ! grep -Fq -- "$path" "$err"; then
		not_ok "run $image" "stderr does not name the file"
	else
		# shellcheck disable=SC2086
		refused "run $image" 122 "$fragment" "$kvick" run $options "$path"
	fi
	if [ -z "$options" ]; then
		refused "inspect $image" 122 "$fragment" "$kvick" inspect "$path"
		refused "inspect --json $image" 122 "$image: " "$kvick" inspect --json "$path"
	elif timeout 5 "$kvick" inspect "$path" >"$out" 2>"$err" && [ ! -s "$err" ]; then
		ok "inspect $image is content"
	else
		not_ok "inspect $image is content" "it is not"
	fi
done <"$scratch/list"

# --- spoiled snapshots ---

# survives NAME COMMAND…: ends in time, and not by a signal, whatever it makes of it.
survives() {
	name=$1
	shift
	timeout 5 "$@" >"$out" 2>"$err" </dev/null
	code=$?
	if [ $code -ge 124 ]; then not_ok "$name" "exit code $code"; else ok "$name"; fi
}

mkdir "$scratch/snapshots"
truncate -s 1M "$scratch/disk"
good=$scratch/good
if ! "$kvick" snapshot --ring 3 --disk "$scratch/disk" --rng -o "$good" --after 0 "$hello" ||
	! "$build/hostile/make_snapshots" "$good" "$scratch/snapshots" >"$scratch/list"; then
	echo "Bail out! make_snapshots failed"
	exit 1
fi
while IFS=$tab read -r snapshot wanted fragment; do
	path=$scratch/snapshots/$snapshot
	if [ "$wanted" = any ]; then
		survives "restore $snapshot" "$kvick" restore --same-devices --timeout 2s "$path"
		continue
	fi
	refused "restore $snapshot" "$wanted" "$fragment" "$kvick" restore --same-devices "$path"
	case $wanted/$snapshot in
	122/state-*) ;; # what is in the state only a machine knows
	122/*) refused "inspect $snapshot" 122 "$fragment" "$kvick" inspect "$path" ;;
	esac
done <"$scratch/list"
refused 'restore, another disk instead' 120 'devices are to be given again' "$kvick" restore --rng --disk "$scratch/disk" "$good"
refused 'restore, one device too many' 120 'devices are to be given again' \
	"$kvick" restore --disk "$scratch/disk" --rng --console "$good"
printf x | dd of="$good/memory" bs=1 seek=5000000 conv=notrunc 2>"$scratch/dd"
refused 'restore --verify, memory changed' 122 'memory: not of the checksum' "$kvick" restore --verify --same-devices "$good"
refused 'inspect, memory changed' 122 'memory: not of the checksum' "$kvick" inspect "$good"

# --- what is no image ---

mkfifo "$scratch/fifo"
ln -s loop "$scratch/loop"
printf 'x' >"$scratch/file"
new_line="$scratch/a
b"
printf 'x' >"$new_line"
for verb in run inspect; do
	refused "$verb: absent" 122 "$scratch/absent: no such file" "$kvick" $verb "$scratch/absent"
	refused "$verb: FIFO" 122 "fifo: is a FIFO" "$kvick" $verb "$scratch/fifo"
	refused "$verb: /dev/null" 122 "/dev/null: is a character device" "$kvick" $verb /dev/null
	refused "$verb: /dev/zero" 122 "/dev/zero: is a character device" "$kvick" $verb /dev/zero
	refused "$verb: link to itself" 122 "too many symbolic links" "$kvick" $verb "$scratch/loop"
	refused "$verb: file as a folder" 122 "is not a folder" "$kvick" $verb "$scratch/file/x"
	refused "$verb: name too long" 122 "too long" "$kvick" $verb "$(printf '%05000d' 0)"
	refused "$verb: empty name" 122 "no such file" "$kvick" $verb ''
	refused "$verb: new line in the name" 122 "a?b: " "$kvick" $verb "$new_line"
	refused "$verb: one byte" 122 "not an ELF file" "$kvick" $verb "$scratch/file"
	refused "$verb: itself" 122 "has no kvick note" "$kvick" $verb "$kvick"
	truncate -s 1T "$scratch/huge"
	refused "$verb: 1 TiB of nothing" 122 "not an ELF file" "$kvick" $verb "$scratch/huge"
	rm "$scratch/huge"
done

# Root reads everything: become nobody for it.
as_nobody=
[ "$(id -u)" -ne 0 ] || as_nobody='setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all'
cp "$hello" "$scratch/secret"
chmod 000 "$scratch/secret"
cp "$kvick" "$scratch/kvick"
chmod 755 "$scratch/kvick"
if [ -z "$as_nobody" ] || $as_nobody true 2>/dev/null; then
	refused "no read permission" 122 "secret: no permission to read it" $as_nobody "$scratch/kvick" run "$scratch/secret"
else
	skip "no read permission" "root reads everything, and setpriv cannot make us nobody"
fi

refused 'run: directory' 122 "$scratch: is a directory" "$kvick" run "$scratch"
refused 'inspect: directory' 122 'manifest.json: No such file' "$kvick" inspect "$scratch"

# --- sizes ---

for size in 0 1 4096 1M 2097151 -1 -0 '' abc 16X 1.5M 0x200000 ' 16M' '16M ' 65G 1T \
	16777216T 18446744073709551616 99999999999999999999999; do
	refused "--mem '$size'" 120 "--mem $size: " "$kvick" run --mem "$size" "$hello"
done
refused "--mem 2M + 1" 120 "not a multiple of 4K: the next is 2052K" "$kvick" run --mem 2097153 "$hello"
refused "--mem 4097 bytes" 120 "less than the smallest guest's 2M" "$kvick" run --mem=4097 "$hello"
host_gib=$(($(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo) / 1048576))
if [ $host_gib -lt 60 ]; then
	refused "--mem 60G on a host of $host_gib GiB" 123 "ask for less" "$kvick" run --mem 60G "$hello"
else
	skip "--mem 60G" "this host has $host_gib GiB"
fi
free=$(cat /sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages 2>/dev/null || echo 0)
if [ "$free" -lt 8 ]; then
	refused "--hugepages without free pages" 123 "--hugepages: the host has not 8 free 2 MiB pages" \
		"$kvick" run --hugepages --mem 16M "$hello"
else
	skip "--hugepages without free pages" "this host has $free"
fi
for kind in '' 2M always transparent2; do
	refused "--hugepages='$kind'" 120 "--hugepages=$kind: write --hugepages or --hugepages=transparent" \
		"$kvick" run --hugepages="$kind" "$hello"
done
refused "--hugepages with an odd size" 120 "--mem must be a multiple of 2M" "$kvick" run --hugepages --mem 5M "$hello"
(ulimit -v 100000 && refused "--mem beyond RLIMIT_AS" 123 "address space" "$kvick" run --mem 512M "$hello") >"$scratch/limited"
sed "s/^\(not ok\|ok\) [0-9]* /\1 $((number + 1)) /" "$scratch/limited"
number=$((number + 1))
! grep -q '^not ok' "$scratch/limited" || failed=$((failed + 1))

# --- command lines ---

refused "no operand" 120 "IMAGE is missing" "$kvick" run
refused "no operand but arguments" 120 "IMAGE is missing" "$kvick" run -- x
refused "two operands" 120 "one operand too many" "$kvick" run "$hello" "$hello"
refused "unknown option" 120 "--wrong: no such option" "$kvick" run --wrong "$hello"
refused "unknown option with a value" 120 "--wrong=1: no such option" "$kvick" run --wrong=1 "$hello"
refused "short option" 120 "-m: no such option" "$kvick" run -m "$hello"
refused "option cut short" 120 "--me: no such option" "$kvick" run --me 16M "$hello"
refused "an option that is only =" 120 "no such option" "$kvick" run --=1 "$hello"
refused "switch with a value" 120 "--no-sandbox takes no value" "$kvick" run --no-sandbox=1 "$hello"
for option in mem ring cpu timeout report env doorbell; do
	refused "--$option without a value" 120 "--$option: its value is missing" "$kvick" run "$hello" --$option
done
for ring in 1 2 03 '' -1 00 three; do
	refused "--ring '$ring'" 120 "--ring $ring: write auto, 0 or 3" "$kvick" run --ring "$ring" "$hello"
done
for time in 0 -1 '' 1x 0.0 0s . 1e3 99999999999999999999s 18446744073709551615h; do
	refused "--timeout '$time'" 120 ": write 500ms, 2s, 1.5m or 1h" "$kvick" run --timeout "$time" "$hello"
done
for report in xml '' json= jsonx text= stamps stamps= stamps=x stamps=9999999; do
	refused "--report '$report'" 120 "--report: " "$kvick" run --report "$report" "$hello"
done
refused "--report into a descriptor that is not open" 123 "--report stamps=77: Bad file descriptor: " \
	"$kvick" run --report stamps=77 "$hello"
refused "--report into no folder" 123 "--report: $scratch/no/file: " "$kvick" run --report "json=$scratch/no/file" "$hello"
refused "--report into a folder" 123 "--report: $scratch: " "$kvick" run --report "json=$scratch" "$hello"
for model in wrong '' HOST baseline-v4 'host '; do
	refused "--cpu '$model'" 120 "--cpu $model: write auto, none, host, baseline, baseline-v2 or baseline-v3" \
		"$kvick" run --cpu "$model" "$hello"
done
for model in wrong auto none; do
	refused "doctor --cpu $model" 120 "--cpu $model: write host, baseline, baseline-v2 or baseline-v3" \
		"$kvick" doctor --cpu "$model"
done
refused "--doorbell wrong" 120 "--doorbell wrong: write auto, port or vmcall" "$kvick" run --doorbell wrong "$hello"
refused "--doorbell vmcall at ring 3" 123 "--doorbell vmcall: " "$kvick" run --ring 3 --doorbell vmcall "$hello"
hvt=$build/guests/abi.hvt
refused "--block:NAME without a value" 120 "--block:disk: write --block:NAME=VALUE" "$kvick" run --block:disk "$hvt"
refused "--block without a name" 120 "--block=/dev/null: no such option" "$kvick" run --block=/dev/null "$hvt"
refused "--block:NAME twice" 120 "attached already" "$kvick" run --block:disk=/dev/null --block:disk=/dev/null "$hvt"
refused "--block:NAME of a device without blocks" 123 "--block:disk=/dev/null: is neither a file nor a block device" \
	"$kvick" run --block:disk=/dev/null "$hvt"
refused "--block-sector-size:NAME of 521" 120 "--block-sector-size:disk=521: a sector's size is a power of two" \
	"$kvick" run --block-sector-size:disk=521 "$hvt"
refused "--net:NAME of no tap" 120 "--net:net=a/b: write a tap's name" "$kvick" run --net:net=a/b "$hvt"
refused "--net-mac:NAME of no address" 120 "--net-mac:net=x: write the address of one station" "$kvick" run --net-mac:net=x "$hvt"
refused "--mem=512 as Solo5 has it" 120 "less than the smallest guest's 2M" "$kvick" run --mem=512 "$hvt"
refused "--doorbell vmcall for a Solo5 guest" 123 "--doorbell vmcall: only native guests ring by it" \
	"$kvick" run --doorbell vmcall "$build/guests/hello.hvt"
refused "--env without =" 120 "--env X: write NAME=VALUE" "$kvick" run --env X "$hello"
refused "--env without a name" 120 "--env =X: write NAME=VALUE" "$kvick" run --env =X "$hello"
long=$(printf '%0100000d' 0)
refused "200 KB of arguments" 120 "pass less" "$kvick" run "$hello" -- "$long" "$long"
refused "inspect: two operands" 120 "usage: kvick inspect" "$kvick" inspect "$hello" -- x
refused "inspect: unknown option" 120 "--wrong: no such option" "$kvick" inspect --wrong "$hello"
refused "unknown command" 120 "wrong: no such command" "$kvick" wrong
refused "empty command" 120 "no such command" "$kvick" ''

# --- hosts ---

# In a mount namespace of our own /dev/kvm can be something else.
if unshare -m true 2>/dev/null; then
	elsewhere() { # NAME CODE HAS WHAT
		refused "$1" "$2" "$3" unshare -m sh -c 'mount --bind "$1" /dev/kvm && exec "$2" run "$3"' sh "$4" "$kvick" "$hello"
	}
	elsewhere "/dev/kvm is /dev/null" 123 "/dev/kvm: " /dev/null
	elsewhere "/dev/kvm is a file" 123 "/dev/kvm: " "$scratch/file"
	refused "/dev/kvm is absent" 123 "/dev/kvm: No such file or directory: load kvm_intel or kvm_amd" \
		unshare -m sh -c 'mount -t tmpfs none /dev && exec "$1" run "$2" </proc/self/fd/0' sh "$kvick" "$hello"
else
	skip "/dev/kvm is something else" "unshare -m is not permitted"
fi
if [ -z "$as_nobody" ]; then
	skip "no permission for /dev/kvm" "only root can take on a user without it"
elif ! $as_nobody true 2>/dev/null; then
	skip "no permission for /dev/kvm" "setpriv cannot make us nobody"
elif $as_nobody sh -c 'test -r /dev/kvm -a -w /dev/kvm'; then
	skip "no permission for /dev/kvm" "everybody has it here"
else
	cp "$hello" "$scratch/hello.elf"
	chmod 644 "$scratch/hello.elf"
	refused "no permission for /dev/kvm" 123 "add yourself to the group \`kvm\`" \
		$as_nobody "$scratch/kvick" run "$scratch/hello.elf"
fi

echo "1..$number"
echo "# hostile images: $((number - failed - skipped)) passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
