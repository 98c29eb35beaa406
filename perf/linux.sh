#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Debian's kernel from spawn to the first line of its init, kvick against QEMU's microvm, both by KVM in the nested machine: in
# instructions (--exact), held against the rows linux.* of budgets.tsv, and by time, for information: the time of a machine that is
# emulated. Each way of giving the kernel is a pair: the ELF file by PVH, and the bzImage as Debian ships it. Exits 1 when one is
# over or could not be measured. Takes 4 to 10 minutes.
#
#	perf/linux.sh
#
# Environment: BUILD (build), EXACT_ROUNDS (1: the next would say the same within a percent), ROUNDS (3), QEMU (qemu-system-x86_64).
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
BUILD=${BUILD:-build}
EXACT_ROUNDS=${EXACT_ROUNDS:-1}
ROUNDS=${ROUNDS:-3}
QEMU=${QEMU:-qemu-system-x86_64}
cache=${KVICK_NESTED_DIR:-$(dirname "$here")/build/nested}

die() {
	echo "linux: $*" >&2
	exit 1
}

for file in "$BUILD/kvick" "$BUILD/perf/pairs"; do
	[ -e "$file" ] || die "$file is missing: make all perf-build first"
done
for tool in "$QEMU" busybox cpio; do
	command -v "$tool" >/dev/null || die "no $tool: run tests/packages.sh nested"
done
qemu=$(command -v "$QEMU")

mkdir -p "$cache"
work=$(mktemp -d "$cache/run.XXXXXX")
trap 'rm -rf "$work"' EXIT

# shellcheck source=tests/nested/kernel.sh
. "$here/../tests/nested/kernel.sh"
run=$work
find_kernel
image=$kernel
unpack_kernel || true # its programs say that something follows the kernel
[ "$kernel" != "$image" ] || die "$image holds no ELF kernel with a PVH entry that can be unpacked here (lz4, xz, zstd, gzip)"

mkdir -p "$work/root/bin"
cp "$(command -v busybox)" "$work/root/bin/busybox"
printf '#!/bin/busybox sh\necho "init: first line"\nexec /bin/busybox sleep 1000\n' >"$work/root/init"
chmod 755 "$work/root/init"
(cd "$work/root" && find . -mindepth 1 -print0 | cpio -0 -o -H newc -R 0:0 --quiet) >"$work/initrd"

# QEMU with its libraries and firmware, at the paths where it looks for them. A library's path is the last word of a line of ldd, or
# stands before the address.
add=(--add "$qemu:/bin/qemu" --add /etc/ld.so.cache:/etc/ld.so.cache)
for file in $(ldd "$qemu" | sed -n 's:^[^/]*\(/[^ ]*\) (.*:\1:p'); do
	add+=(--add "$file:$file")
done
firmware=
for folder in $("$qemu" -L help); do
	[ -d "$folder" ] || continue
	folder=$(realpath "$folder")
	firmware+="${firmware:+ }-L $folder"
	for file in "$folder"/*.bin "$folder"/*.rom; do
		[ ! -e "$file" ] || add+=(--add "$file:$file")
	done
done

# The same memory, console and command line. quiet: else the serial port's lines are what is measured.
cat >"$work/inside.sh" <<INSIDE
cd /linux
line='console=ttyS0 quiet panic=-1 reboot=k'
qemu='/bin/qemu $firmware -accel kvm -cpu host -M microvm -m 384 -nodefaults -no-user-config -display none -no-reboot
	-serial stdio -initrd initrd'
printf 'json '
pairs -n "\$1" -w "\$2" --until 'init: first line' --json --name-a kvick.vmlinux --name-b qemu.vmlinux \
	--name-c kvick.bzimage --name-d qemu.bzimage -- \
	kvick run --mem 384M --initrd initrd vmlinux -- \$line --vs \$qemu -kernel vmlinux -append "\$line" --and \
	kvick run --mem 384M --initrd initrd bzimage -- \$line --vs \$qemu -kernel bzimage -append "\$line" 2>said || {
	status=\$?
	cat said
	exit \$status
}
INSIDE

# measure FILE TIMEOUT ROUNDS WARM_UP [--exact]
measure() {
	"$here/../tests/nested/machine.sh" "${@:5}" --timeout "$2" --memory 1280 "${add[@]}" --add "$BUILD/kvick:/bin/kvick" \
		--add "$BUILD/perf/pairs:/bin/pairs" --add "$work/initrd:/linux/initrd" --add "$kernel:/linux/vmlinux" \
		--add "$image:/linux/bzimage" --add "$work/inside.sh:/inside.sh" -- sh /inside.sh "$3" "$4" >"$work/out" || {
		echo "linux: booting in the nested machine failed with status $?: $(tail -n 3 "$work/out")" >&2
		return 1
	}
	sed -n 's/^json //p' "$work/out" >"$work/report"
	awk -f "$here/json.awk" "$work/report" >"$1"
}

# result FILE PATH
result() { sed -n "s/^$2=//p" "$1" | head -n 1; }

print() { # FILE, divisor of microseconds, unit
	local pair
	printf '%-10s %16s %16s  %-8s %s\n' '' kvick "QEMU microvm" ratio "95% interval"
	for pair in 0 1; do
		printf '%-10s %12.0f %3s %12.0f %3s  %-8s [%s, %s]\n' "$(result "$1" "pairs\.$pair\.a" | sed 's/.*\.//')" \
			"$(awk -v us="$(result "$1" "pairs\.$pair\.a_median_us")" "BEGIN { print us / $2 }")" "$3" \
			"$(awk -v us="$(result "$1" "pairs\.$pair\.b_median_us")" "BEGIN { print us / $2 }")" "$3" \
			"$(result "$1" "pairs\.$pair\.ratio")" "$(result "$1" "pairs\.$pair\.ratio_low")" \
			"$(result "$1" "pairs\.$pair\.ratio_high")"
	done
	echo
}

echo "Linux $version to its init's first line; $("$qemu" --version | head -n 1)"
measure "$work/exact" $((300 + 600 * EXACT_ROUNDS)) "$EXACT_ROUNDS" 0 --exact || exit 1
# One nanosecond is one instruction there.
echo "millions of instructions, in $EXACT_ROUNDS rounds; what both wait for, a hundredth, is in them in nanoseconds"
print "$work/exact" 1000 M
# Where its clock is the host's, the machine has been seen to stand still, with nothing running.
if measure "$work/time" $((120 + 90 * (ROUNDS + 1))) "$ROUNDS" 1; then
	echo "time in the emulated machine, medians of $ROUNDS rounds"
	print "$work/time" 1000 ms
else
	printf 'time in the emulated machine: not measured\n\n'
fi

failed=0
printf '%-30s %10s %10s  %-8s %s\n' budget value limit unit verdict
while IFS=$'\t' read -r name limit unit _; do
	case $name in
	linux.first_line.ratio) value=$(result "$work/exact" 'pairs\.0\.ratio') ;;
	linux.first_line.bzimage.ratio) value=$(result "$work/exact" 'pairs\.1\.ratio') ;;
	*) continue ;;
	esac
	said=$(awk -v value="$value" -v limit="$limit" \
		'BEGIN { print value == "" ? "not ok: NOT COUNTED" : value + 0 <= limit + 0 ? "ok" : "not ok: OVER" }')
	[ "$said" = ok ] || failed=1
	printf '%-30s %10s %10s  %-8s %s\n' "$name" "$value" "$limit" "$unit" "$said"
done <"$here/budgets.tsv"
exit $failed
