#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Makes each system call of a launch fail, one at a time, in several ways (vmm/sys.c), and looks at what comes of it:
# the right output and exit code, or one of kvick's own codes with a message; in time, without a signal's
# or a sanitizer's death.
#
#	tests/fault/sweep.sh [--every N] [--no-sanitizers] [--variant NAME] [DIR]
#
# DIR is build unless said otherwise. Needs DIR/fault/{kvick,kvick-musl}, DIR/guests, DIR/hostile.
# Prints TAP: a test for each command and errno. After the first 60 calls one in 7 is taken. --every N: one in N of those, where
# time is dear; a command's errnos take turns, so that N of them meet all. --no-sanitizers: without that build, which needs
# libraries.

set -u

every=1 sanitizers=yes variant=
while :; do
	case ${1-} in
	--every) every=$2; shift 2 ;;
	--no-sanitizers) sanitizers=no; shift ;;
	--variant) variant=" ($2)"; shift 2 ;;
	*) break ;;
	esac
done
build=${1-build}
scratch=$(mktemp -d)
# Snapshots are flushed to the disk, which takes its time; in memory it takes none.
snapshots=$(mktemp -d -p /dev/shm 2>/dev/null) || snapshots=$(mktemp -d)
trap 'rm -rf "$scratch" "$snapshots"' EXIT

# A leak is only seen by the leak checker, and that needs ptrace: where it does not work it says so, and is left out.
export ASAN_OPTIONS=exitcode=99:detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS=print_stacktrace=1:exitcode=99
[ $sanitizers = no ] || ASAN_OPTIONS=$ASAN_OPTIONS "$build/fault/kvick" --version >"$scratch/version" 2>&1 || {
	echo '# the leak checker does not work here'
	export ASAN_OPTIONS=exitcode=99:detect_leaks=0
}

errno_number() {
	case $1 in
	EPERM) echo 1 ;; EINTR) echo 4 ;; EIO) echo 5 ;; EAGAIN) echo 11 ;; ENOMEM) echo 12 ;; EFAULT) echo 14 ;;
	EEXIST) echo 17 ;; ENOSPC) echo 28 ;;
	esac
}

# verdict: of the run that left $code, $dir/out and $dir/err; prints what is wrong with it. It starts few processes: where
# processors are emulated these cost more than the launch.
verdict() {
	case $code in
	124 | 143) [ "$wanted" -eq 124 ] || echo "not ended in 30 s" ;; # busybox's timeout leaves the signal's code
	99) echo "sanitizer: $(grep -m 1 'ERROR\|runtime error' "$dir/err")" ;;
	"$wanted")
		# A crash stays a crash when its output is lost, as long as that is told too.
		cmp -s "$dir/out" "$dir/good" || { [ $code -ne 0 ] && grep -q 'output is incomplete' "$dir/err"; } ||
			echo "exit code $code, and the output is not right" ;;
	120 | 121 | 122 | 123)
		line=
		IFS= read -r line <"$dir/err"
		case $line in 'kvick: '*) ;; *) echo "exit code $code without a message" ;; esac ;;
	*)
		case " $also " in
		*" $code "*) ;;
		*) echo "exit code $code" ;;
		esac ;;
	esac
	while IFS= read -r line; do
		case $line in
		*Sanitizer* | *'runtime error'* | *'Bad system call'* | *Assertion*)
			echo "$line"
			break ;;
		esac
	done <"$dir/err"
}

# facts: what is remembered of the host that is no measured time: kvm_run's size, doorbell, kind of TSS (vmm/host_cache.c).
facts() { od -An -t u4 -j 64 -N 12 "$KVICK_HOST_FACTS/host-facts" 2>/dev/null; }

# sweep NAME CODE ALSO ERRNOS COMMAND…: CODE is what is right; ALSO, what the guest may end with when a call of its own fails.
sweep() {
	name=$1 wanted=$2 also=$3 errnos=$4
	shift 4
	if [ -n "$counting" ]; then
		# shellcheck disable=SC2086 # errnos are words
		printf '%s\n' $errnos
		return
	fi
	dir=$scratch/$(printf '%s' "$name" | tr -c 'a-z0-9\n' _)
	mkdir "$dir"
	export KVICK_HOST_FACTS="$dir/run/kvick" # and no other: an earlier launch has left its own
	mkdir "$dir/run"
	echo "# begin $name$variant, without any fault"
	timeout 60 "$@" >"$dir/good" 2>"$dir/err" </dev/null
	code=$?
	if [ $code -ne "$wanted" ]; then
		# One for all of its errnos.
		for errno in $errnos; do number=$((number + 1)); done
		echo "not ok $number - $name$variant: exit code $code without any fault"
		return
	fi
	right=$(facts)
	# A fault that is put right leaves no trace: the calls of a good run, by its own count, are all gone through. The report's
	# writing comes on top.
	least=48 binary=$1
	case $2 in
	run | restore)
		command=$2
		shift 2
		[ -z "$cold" ] || rm -rf "$KVICK_HOST_FACTS"
		timeout 60 "$binary" $command --report "json=$dir/report" "$@" >/dev/null 2>&1 </dev/null
		counted=$(grep -o '"system_calls":[0-9]*' "$dir/report" 2>/dev/null | cut -d : -f 2)
		least=$((${counted:-40} + 8))
		set -- "$binary" $command "$@"
		;;
	snapshot) least=150 ;; # it has no report
	esac
	: >"$dir/stamp"
	first=0
	for errno in $errnos; do
		echo "# begin $name, $errno$variant"
		value=$(errno_number "$errno")
		number=$((number + 1))
		n=$((first % every + 1 - every)) quiet=0 bad=
		first=$((first + 1))
		# Past the last call nothing fails any more: a few runs in a row with no trace of a fault are the end. It comes soon
		# after the calls of a good run, or something is amiss.
		while [ $quiet -lt $enough ] && [ $n -lt $((least + 350)) ]; do
			# The first calls are all different; further on the same few come again and again.
			if [ $n -lt 60 ]; then n=$((n + every)); else n=$((n + far)); fi
			[ -z "$cold" ] || rm -rf "$KVICK_HOST_FACTS"
			KVICK_FAULT=$n:$value timeout 30 "$@" >"$dir/out" 2>"$dir/err" </dev/null
			code=$?
			wrong=$(verdict)
			# A snapshot that could not be written leaves nothing, and the one before as it was.
			if [ $code -ne 0 ] && [ "$2" = snapshot ]; then
				place=$snapshots/${1##*/}
				[ "$(ls "$place")" = snapshot ] || wrong="$wrong left: $(ls "$place")"
				"$musl" inspect "$place/snapshot" >"$dir/old" 2>&1 || wrong="$wrong $(cat "$dir/old")"
			fi
			# What a failure has hidden must not be remembered as the host's.
			if [ -e "$KVICK_HOST_FACTS/host-facts" ] && ! [ "$dir/stamp" -nt "$KVICK_HOST_FACTS/host-facts" ]; then
				[ "$(facts)" = "$right" ] || wrong="$wrong wrong facts are remembered"
				: >"$dir/stamp"
			fi
			[ -z "$wrong" ] || bad="$bad
#   call $n: $(printf '%s' "$wrong" | tr '\n' ' ')"
			if [ $code -ne "$wanted" ] || [ $n -lt "$least" ]; then quiet=0; else quiet=$((quiet + 1)); fi
		done
		[ $quiet -ge $enough ] || bad="$bad
#   call $n: faults leave a trace beyond the calls of a good run, $least with a report's"
		which="calls 1 to $n"
		if [ "$every" -gt 1 ]; then
			which="one in $every of $which"
			[ $n -le 60 ] || which="$which (one in $far after 60)"
		elif [ $n -gt 60 ]; then
			which="$which (one in $far after 60)"
		fi
		echo "$([ -z "$bad" ] && echo ok || echo 'not ok') $number - $name, $errno at $which$variant$bad"
	done
}

few='EINTR ENOMEM'
# Where the file system takes direct I/O: a disk for the rows about disks.
truncate -s 1M "$scratch/solo5" "$scratch/asan-solo5"
truncate -s 128K "$scratch/disk" "$scratch/asan-disk" "$scratch/shared-disk" # the two builds are swept at once, and each writes
direct=
! "$build/fault/kvick-musl" run --disk "$scratch/disk,direct" "$build/guests/hello.elf" >"$scratch/direct" 2>&1 || direct=,direct
# A socket device that the guest reaches itself by (hostile/guests/sockets), and a passt that is none.
ln -s asan "$scratch/asan_1"
ln -s musl "$scratch/musl_1"
mkdir "$scratch/bin"
printf '#!/bin/sh\nexit 0\n' >"$scratch/bin/passt"
chmod +x "$scratch/bin/passt"
export PATH="$scratch/bin:$PATH"
# In a network namespace of its own each, so that no tap is left: for rows about taps, where they can be made.
taps=yes
for which in kvick kvick-musl; do
	printf '#!/bin/sh\nexec unshare -rn "%s" "$@"\n' "$build/fault/$which" >"$scratch/tap-$which"
	chmod +x "$scratch/tap-$which"
done
"$scratch/tap-kvick-musl" run --net tap=kvick0 "$build/guests/hello.elf" >"$scratch/tap" 2>&1 || {
	echo '# no tap can be made here: what needs one is left out'
	taps=no
}
printf 'initrd' >"$scratch/initrd"
# What snapshots are made of, and what is made of them.
mkdir "$snapshots/kvick" "$snapshots/kvick-musl"
for snapshot in "$scratch/function" "$scratch/asan-function"; do
	"$build/fault/kvick-musl" snapshot --ring 3 -o "$snapshot" "$build/guests/echo.elf"
done
"$build/fault/kvick-musl" snapshot --ring 3 -o "$scratch/devices" --after 0 --disk "$scratch/shared-disk,ro" --rng \
	"$build/guests/hello.elf"
all='EINTR ENOMEM EIO EPERM EAGAIN EFAULT EEXIST ENOSPC'
asan=$build/fault/kvick musl=$build/fault/kvick-musl
guests=$build/guests
cold=
# Calls from one to the next after the first 60.
far=$((7 * every))
# Runs without a trace that are the end.
enough=$((every > 1 ? 2 : 4))

with_sanitizers() {
	sweep 'sanitizers: hello, ring 3' 0 '' "$few EIO" "$asan" run --ring 3 --no-sandbox "$guests/hello.elf"
	sweep 'sanitizers: snapshot' 0 '' "$few EIO" "$asan" snapshot --ring 3 --no-sandbox -o "$snapshots/kvick/snapshot" \
		"$guests/echo.elf"
	sweep 'sanitizers: restore' 0 '' "$few EIO" "$asan" restore --no-sandbox --verify --request "$scratch/initrd" \
		"$scratch/asan-function"
	sweep 'sanitizers: restore with devices' 0 '' "$few EIO" "$asan" restore --no-sandbox --same-devices "$scratch/devices"
	sweep 'sanitizers: function' 0 '' "$few EIO" "$asan" run --ring 3 --no-sandbox --request "$scratch/initrd" \
		"$guests/echo.elf"
	sweep 'sanitizers: crash' 121 '' "$few" "$asan" run --ring 3 --no-sandbox "$guests/crash.elf" -- null
	sweep 'sanitizers: report' 0 '' "$few" "$asan" run --ring 3 --no-sandbox --timeout 20s \
		--report "json=$scratch/report" "$guests/hello.elf"
	sweep 'sanitizers: mapped image' 0 '' EIO "$asan" run --ring 3 --no-sandbox "$build/hostile/fat.elf" -- now
	cold=yes
	sweep 'sanitizers: trial run' 0 '' "$few" "$asan" run --no-sandbox "$guests/hello.elf"
	cold=
	sweep 'sanitizers: CPU model' 0 '' "$few EIO" "$asan" run --ring 3 --no-sandbox "$guests/cpuid.elf"
	for io in io_uring sync; do
		sweep "sanitizers: disk by $io" 0 '1' EIO "$asan" run --ring 3 --no-sandbox --io $io --disk "$scratch/asan-disk" \
			"$guests/blkcheck.elf" -- write 1 256
	done
	for io in io_uring sync; do
		sweep "sanitizers: sockets by $io" 0 '1' 'EINTR EIO' "$asan" run --ring 3 --no-sandbox --io $io \
			--vsock "3,$scratch/asan" "$build/hostile/sockets.elf" -- exit-with-connections
	done
	sweep 'sanitizers: passt' 0 '' EIO "$asan" run --ring 3 --no-sandbox --net user,udp=7007 "$guests/hello.elf"
	[ $taps = no ] || sweep 'sanitizers: tap' 0 '' EIO "$scratch/tap-kvick" run --ring 3 --no-sandbox --net tap=kvick0 \
		"$guests/hello.elf"
	sweep 'sanitizers: console' 0 '1' EIO "$asan" run --ring 3 --no-sandbox --console "$guests/consolecat.elf" -- 0
	for io in io_uring sync; do
		sweep "sanitizers: PC by $io" 0 '125' EIO "$asan" run --no-sandbox --io $io --initrd "$scratch/initrd" \
			--disk "$scratch/asan-disk" --rng "$guests/abi.bzImage" -- all
		sweep "sanitizers: old PC by $io" 0 '125' EIO "$asan" run --no-sandbox --io $io --rng \
			"$guests/legacy.bzImage" -- all
	done
	for io in io_uring sync; do
		sweep "sanitizers: Solo5 by $io" 0 '1' EIO "$asan" run --no-sandbox --io $io --block:disk="$scratch/asan-solo5" \
			--block-sector-size:disk=4096 "$guests/abi.hvt" -- blocks
	done
	sweep 'sanitizers: Solo5 at ring 3' 0 '' "$few EIO" "$asan" run --ring 3 --no-sandbox "$guests/hello.hvt"
	sweep 'sanitizers: Solo5 at ring 3, code of its own' 0 '' EIO "$asan" run --ring 3 --no-sandbox \
		--block:disk="$scratch/asan-solo5" "$build/hostile/monitor.hvt" -- code-first-of-two-pages-changes
	sweep 'sanitizers: image for ring 0 at ring 3' 0 '' "$few EIO" "$asan" run --ring 3 --no-sandbox "$guests/ring0.elf" \
		-- bases
	sweep 'sanitizers: multiboot' 0 '' EIO "$asan" run --no-sandbox --module "$scratch/initrd" "$guests/multiboot32.elf" \
		-- modules
	sweep 'sanitizers: payload, by PVH' 0 '' "$few EIO" "$asan" run --no-sandbox --protocol pvh "$guests/abi-lz4.bzImage" \
		-- start_info
	sweep 'sanitizers: page tables' 0 '1' EIO "$asan" run --ring 3 --no-sandbox "$guests/pgtable.elf"
}

with_sandbox() {
	for ring in 3 0; do
		sweep "sandbox: hello, ring $ring" 0 '' "$all" "$musl" run --ring $ring "$guests/hello.elf"
		sweep "sandbox: crash, ring $ring" 121 '' "$few EIO" "$musl" run --ring $ring "$guests/crash.elf" -- null
	done
	sweep 'sandbox: snapshot' 0 '' "$few EIO ENOSPC" "$musl" snapshot --ring 3 -o "$snapshots/kvick-musl/snapshot" \
		"$guests/echo.elf"
	sweep 'sandbox: snapshot with devices' 0 '' "$few EIO" "$musl" snapshot --ring 3 -o "$snapshots/kvick-musl/snapshot" \
		--after 0 --disk "$scratch/disk,ro" --rng "$guests/echo.elf"
	sweep 'sandbox: restore' 0 '' "$all" "$musl" restore --verify --request "$scratch/initrd" "$scratch/function"
	sweep 'sandbox: restore with devices' 0 '' "$few EIO" "$musl" restore --same-devices "$scratch/devices"
	sweep 'sandbox: function' 0 '' "$few EIO EAGAIN" "$musl" run --ring 3 --request "$scratch/initrd" "$guests/echo.elf"
	sweep 'sandbox: report' 0 '' "$all" "$musl" run --ring 3 --timeout 20s --report json "$guests/hello.elf"
	sweep 'sandbox: report as stamps' 0 '' "$few" "$musl" run --ring 3 --report stamps=2 "$guests/hello.elf"
	sweep 'sandbox: report into a file' 0 '' "$few ENOSPC" \
		"$musl" run --ring 3 --report "text=$scratch/text" "$guests/hello.elf"
	sweep 'sandbox: mapped image' 0 '' "$few EIO" "$musl" run --ring 3 "$build/hostile/fat.elf" -- now
	sweep 'sandbox: store to read-only memory' 121 '' "$few EIO" \
		"$musl" run --ring 0 "$build/hostile/readonly.elf" -- store-locked
	sweep 'sandbox: transparent hugepages' 0 '' "$few" "$musl" run --ring 3 --hugepages=transparent "$guests/hello.elf"
	sweep 'sandbox: image refused' 122 '' "$all" "$musl" run --ring 3 "$musl"
	sweep 'sandbox: entropy' 0 '1' "$few EIO" "$musl" run --ring 3 "$guests/entropy.elf"
	sweep 'sandbox: arguments' 0 '' "$few" "$musl" run --ring 3 "$guests/args.elf" -- "$(printf '%03000d' 0)"
	cold=yes
	sweep 'sandbox: trial run' 0 '' "$all" "$musl" run "$guests/hello.elf"
	cold=
	sweep 'sandbox: trial run remembered' 0 '' "$all" "$musl" run "$guests/hello.elf"
	sweep 'sandbox: CPU model' 0 '' "$all" "$musl" run --ring 3 --cpu baseline "$guests/cpuid.elf"
	sweep 'sandbox: XSAVE' 0 '' "$all" "$musl" run --ring 3 "$guests/avx.elf"
	sweep 'sandbox: page tables' 0 '1' 'EINTR EIO EFAULT' "$musl" run --ring 3 "$guests/pgtable.elf"
	for io in io_uring sync; do
		sweep "sandbox: disk by $io" 0 '1' "$few EIO ENOSPC" "$musl" run --ring 3 --io $io --disk "$scratch/disk" \
			"$guests/blkcheck.elf" -- write 1 256
		sweep "sandbox: direct disk and entropy by $io" 0 '1' 'ENOMEM EIO' "$musl" run --ring 3 --io $io \
			--disk "$scratch/disk$direct,queues=2" --rng "$guests/blkcheck.elf" -- write 1 256
	done
	for io in io_uring sync; do
		sweep "sandbox: sockets by $io" 0 '1' "$few EIO" "$musl" run --ring 3 --io $io --vsock "3,$scratch/musl" \
			"$build/hostile/sockets.elf" -- exit-with-connections
	done
	sweep 'sandbox: passt' 0 '' "$few EIO" "$musl" run --ring 3 --net user,udp=7007 "$guests/hello.elf"
	[ $taps = no ] || sweep 'sandbox: tap' 0 '' "$few EIO" "$scratch/tap-kvick-musl" run --ring 3 --net tap=kvick0 \
		"$guests/hello.elf"
	for io in io_uring sync; do
		sweep "sandbox: console by $io" 0 '1' 'EINTR EIO' "$musl" run --ring 3 --io $io --console \
			"$guests/consolecat.elf" -- 0
		sweep "sandbox: PC by $io" 0 '125' 'ENOMEM EIO' "$musl" run --io $io --initrd "$scratch/initrd" \
			--disk "$scratch/disk" --rng "$guests/abi.bzImage" -- all
		sweep "sandbox: old PC by $io" 0 '125' 'ENOMEM EIO' "$musl" run --io $io --rng "$guests/legacy.bzImage" -- all
	done
	sweep 'sandbox: Solo5' 0 '' "$all" "$musl" run "$guests/hello.hvt"
	for io in io_uring sync; do
		sweep "sandbox: Solo5 with a disk by $io" 0 '1' "$few EIO" "$musl" run --io $io --block:disk="$scratch/solo5" \
			--block-sector-size:disk=4096 "$guests/abi.hvt" -- blocks
	done
	[ $taps = no ] || sweep 'sandbox: Solo5 with a tap' 0 '1' "$few EIO" "$scratch/tap-kvick-musl" run --net:net=kvick0 \
		"$guests/echo.hvt" -- no-answers
	sweep 'sandbox: Solo5 at ring 3' 0 '' "$all" "$musl" run --ring 3 "$guests/hello.hvt"
	sweep 'sandbox: Solo5 at ring 3, code of its own' 0 '' "$few EIO" "$musl" run --ring 3 --block:disk="$scratch/solo5" \
		"$build/hostile/monitor.hvt" -- code-first-of-two-pages-changes
	sweep 'sandbox: image for ring 0 at ring 3' 0 '' "$all" "$musl" run --ring 3 "$guests/ring0.elf" -- bases
	sweep 'sandbox: crash of an image for ring 0 at ring 3' 121 '' "$few EIO" "$musl" run --ring 3 "$guests/crash-ring0.elf" \
		-- null
	sweep 'sandbox: multiboot' 0 '' "$few EIO" "$musl" run --module "$scratch/initrd" "$guests/multiboot32.elf" -- modules
	sweep 'sandbox: ELF kernel' 0 '' 'ENOMEM EIO' "$musl" run --initrd "$scratch/initrd" "$guests/abi.kernel" -- initrd
	sweep 'sandbox: payload' 0 '' "$few EIO" "$musl" run --initrd "$scratch/initrd" "$guests/abi-lz4.bzImage" -- initrd
	sweep 'inspect' 0 '' "$all" "$musl" inspect "$guests/hello.elf"
}

counting=yes
tests=$(with_sandbox | wc -l)
total=$tests
if [ $sanitizers = yes ]; then
	total=$((total + $(with_sanitizers | wc -l)))
else
	echo '# the sanitized build is left out (--no-sanitizers)'
fi
echo "1..$total"
counting=

# The sandbox's part as it comes, so that a hang is seen where it is; then what the other has left.
: >"$scratch/first"
if [ $sanitizers = yes ]; then
	number=$tests
	with_sanitizers >"$scratch/first" &
fi
number=0
with_sandbox | tee "$scratch/second"
wait
cat "$scratch/first"
cat "$scratch/first" "$scratch/second" >"$scratch/both"
failed=$(grep -c '^not ok ' "$scratch/both")
echo "# fault sweep$variant: $(grep -c '^ok ' "$scratch/both") passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
