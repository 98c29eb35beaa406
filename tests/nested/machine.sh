#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# machine.sh: boots a small Linux machine with AMD virtualisation (SVM, nested paging) under QEMU's pure
# emulation, runs one command in it, and ends with that command's exit status. It needs neither KVM
# nor root here: the KVM inside is the real kvm_amd.
#
# Exit status: the command's; 124 timed out; 125 the machine could not be started or was lost; 2 usage.
#
# What makes it start fast: `machine.sh -- true` with one choice undone at a time, seconds, median
# (least) of 7 alternating runs on 2 cores that were busy with other work as well:
#   as it is                                     2.8 (2.4)
#   kernel image as it is, not unpacked for PVH  4.0 (2.8)  firmware, and decompression in emulation
#   two CPUs                                     4.4 (3.4)
#   without cryptomgr.notests                    3.5 (2.9)  every cipher tested at each boot
#   CPU "max"                                    3.7 (2.6)  and 3.2 (2.8) without five-level page tables
#   QEMU's default devices                       3.6 (2.6)
#   without tsc=reliable no_timer_check          3.2 (2.6)
#   without rcupdate.rcu_expedited=1             3.2 (2.4)  and, inside, about every second KVM_CREATE_VM
#                                                           waits 10 to 15 ms for an RCU grace period
#   an orderly power-off and not a reset         2.9 (2.6)
#   machine "q35"                                2.9 (2.6)
#   without mitigations=off nokaslr              2.8 (2.6)
# No gain: 256 or 1024 MiB, hpet=off, usb=off, qboot, removing the modules' signatures. Machine "microvm" is
# no faster than this and did not come up in two runs of three.

set -u

default_timeout_s=120
default_memory_mib=512
kernel_options="console=ttyS0 quiet panic=-1 oops=panic printk.devkmsg=on mitigations=off nokaslr \
tsc=reliable no_timer_check cryptomgr.notests random.trust_cpu=on rcupdate.rcu_expedited=1"
# A tick that comes by itself: QEMU now and then loses an interrupt that comes while a guest of KVM's runs, and a timer that is set
# for one time only would never be set again: the whole machine stood still. Not with --exact, which would count the ticks.
ticks='highres=off nohz=off'

here=$(cd "$(dirname "$0")" && pwd) || exit 125
cache=${KVICK_NESTED_DIR:-$(cd "$here/../.." && pwd)/build/nested}
qemu=${KVICK_NESTED_QEMU:-qemu-system-x86_64}

say() { printf 'nested machine: %s\n' "$*" >&2; }
die() { say "$*"; exit 125; }

usage() {
    cat >&2 <<'END'
usage: machine.sh [OPTION]... -- COMMAND [ARGUMENT]...
  --timeout SECONDS       end the machine after this long (120)
  --memory MIB            the machine's memory (512)
  --add SOURCE:PATH       put a file or folder into the machine at PATH; repeatable
  --get PATH:FILE         when the command has ended, copy a file out of the machine to FILE; repeatable
  --module NAME[,OPTION]  load one more kernel module, or kvm_amd with other options (npt=0); repeatable
  --exact                 one nanosecond an instruction: time inside counts instructions (slower)
environment: KVICK_NESTED_KERNEL (a kernel image), KVICK_NESTED_MODULES (its modules' folder),
  KVICK_NESTED_QEMU (the emulator), KVICK_NESTED_DIR (the cache, build/nested)
END
    exit 2
}

bad_usage() { say "$*"; usage; }

. "$here/kernel.sh"

# ---- the kernel and its modules ------------------------------------------------------------------

# add_module NAME [OPTIONS]: unpacks a module into the image after those it depends on.
# What modinfo says of the file itself is used: an unpacked kernel has no modules.dep.
add_module() {
    name=$(printf %s "$1" | tr - _)
    grep -qs "^$name " "$stage/machine/modules/order" && return 0
    file=$(module_file "$name")
    if [ -z "$file" ]; then
        grep -qs "/$(printf %s "$name" | sed 's/_/[-_]/g')\.ko" "$modules/modules.builtin" && return 0
        case $name in
        kvm*)
            die "kernel $version has no module $name; use one with SVM: run tests/packages.sh nested, or set KVICK_NESTED_KERNEL"
            ;;
        *) die "kernel $version has no module $name; set KVICK_NESTED_KERNEL to one that has" ;;
        esac
    fi
    depends=$(modinfo -F depends "$file") || die "cannot read the module $file"
    for dependency in $(printf %s "$depends" | tr , ' '); do
        # A subshell: a function of sh has no variables of its own.
        (add_module "$dependency") || exit 125
    done
    unpack "$file" >"$stage/machine/modules/$name.ko" || die "cannot unpack the module $file"
    echo "$name ${2:-}" >>"$stage/machine/modules/order"
}

# ---- the initramfs -------------------------------------------------------------------------------

# pack FOLDER: prints a cpio archive of a folder's contents, owned by root whoever runs this.
# Not compressed: the emulated machine would take longer to unpack it than to read it.
pack() { (cd "$1" && find . -mindepth 1 -print0 | cpio -0 -o -H newc -R 0:0 --quiet); }

# Everything that the base image is made from, as a name for it in the cache.
base_key() {
    {
        cat "$here/init.sh" "$here/hold.c" "$here/kernel.sh" "$0"
        echo "$version $extra_modules"
        ls -lLd --time-style=full-iso "$kernel" "$modules/kernel" "$busybox" # size and time, not 14 MB of content
        command -v musl-gcc
    } | sha256sum | cut -c1-16
}

# Builds the part that does not depend on the caller: busybox, modules, init. Cached.
build_base() {
    busybox=$(command -v busybox) || die 'no busybox; run tests/packages.sh nested'
    if LC_ALL=C grep -qa /lib64/ld-linux "$busybox"; then
        die "$busybox is not statically linked; run tests/packages.sh nested (package busybox-static)"
    fi
    base=$cache/base-$(base_key).cpio
    [ -s "$base" ] && return
    say 'building the base image (once)'
    # Images of earlier kernels and scripts, and what runs that were killed have left.
    find "$cache" -maxdepth 1 -mtime +7 \( -name 'base-*' -o -name 'vmlinux-*' -o -name 'run.*' \) -exec rm -rf {} +
    stage=$run/base
    mkdir -p "$stage/machine/modules" "$stage/bin" "$stage/proc" "$stage/sys" "$stage/dev"
    { cp "$here/init.sh" "$stage/init" && chmod 755 "$stage/init" && cp "$busybox" "$stage/bin/busybox"; } ||
        die "cannot write to $stage"
    # Links made here: busybox would take longer to make them in there, at each start.
    busybox --list | while read -r applet; do
        [ "$applet" = busybox ] || ln -s busybox "$stage/bin/$applet"
    done
    # What the caller says of kvm_amd comes first, and a module is loaded once.
    for module in $extra_modules kvm_amd,npt=1; do
        case $module in
        *,*) add_module "${module%%,*}" "$(printf %s "${module#*,}" | tr , ' ')" ;;
        *) add_module "$module" ;;
        esac
    done
    # Without a compiler the first VM of a run is slower; nothing else is lost.
    ! command -v musl-gcc >/dev/null ||
        musl-gcc -static -O2 -idirafter /usr/include -idirafter "/usr/include/$(uname -m)-linux-gnu" \
            -o "$stage/machine/hold" "$here/hold.c" || die "cannot build $here/hold.c"
    # Renamed when whole: runs may be started in parallel.
    { pack "$stage" >"$run/base.cpio" && mv "$run/base.cpio" "$base"; } || die "cannot write $base"
}

# add_path SOURCE:PATH: puts a file or a folder into the caller's part of the image.
add_path() {
    source=${1%:*} target=${1##*:}
    case $1 in *:/*) ;; *) bad_usage "--add $1: not SOURCE:/PATH" ;; esac
    [ -e "$source" ] || die "--add $1: $source does not exist; build it first"
    # A program that needs a dynamic loader would only say "not found" in there.
    case $adds in *:/lib64/ld-linux*) loader=here ;; *) loader= ;; esac
    if [ -z "$loader" ] && [ -f "$source" ] && [ -x "$source" ] &&
        head -c 4096 "$source" | LC_ALL=C grep -qa /lib64/ld-linux; then
        say "warning: $source is dynamically linked and will not run: the machine has no libraries"
    fi
    if [ -d "$source" ]; then
        mkdir -p "$stage$target" && cp -RLp "$source/." "$stage$target/"
    else
        case $target in */) target=$target${source##*/} ;; esac
        mkdir -p "$(dirname "$stage$target")" && cp -Lp "$source" "$stage$target"
    fi || die "--add $1: cannot copy"
}

# Writes the command as a shell script that runs exactly these arguments.
write_command() {
    for argument; do
        printf "'%s' " "$(printf '%s.' "$argument" | sed "s/'/'\\\\''/g")"
    done | sed "s/\.' /' /g"
}

# ---- one run -------------------------------------------------------------------------------------

check_memory() {
    image_mib=$(($(wc -c <"$run/initrd") / 1048576 + 1))
    needed_mib=$((128 + 2 * image_mib)) # the archive and its unpacked files are there at once
    [ "$memory_mib" -ge "$needed_mib" ] ||
        die "--memory $memory_mib is too small for a ${image_mib} MiB image; give at least $needed_mib"
    free_mib=$(awk '/^MemAvailable:/ { print int($2 / 1024) }' /proc/meminfo)
    [ "${free_mib:-999999}" -ge $((memory_mib + 128)) ] ||
        die "needs $((memory_mib + 128)) MiB of memory, $free_mib MiB are available; free some, or lower --memory"
}

# Ends what this script started, by pid, and removes this run's files. On every way out.
clean_up() {
    trap '' INT TERM HUP
    for pid in $qemu_pid $cat_pid; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
    done
    [ -z "$run" ] || rm -rf "$run"
}

# What the kernel said: from its first complaint on where there is one, else the end.
console_tail() {
    tr -d '\r' <"$run/console" >"$run/console-text" 2>/dev/null
    if [ ! -s "$run/console-text" ]; then
        say 'its kernel said nothing'
        return
    fi
    say 'its console:'
    first=$(grep -nm1 -E 'BUG:|Oops|Kernel panic|Out of memory' "$run/console-text" | cut -d: -f1)
    if [ -n "$first" ]; then
        tail -n "+$first" "$run/console-text" | head -n 30
    else
        tail -n 25 "$run/console-text"
    fi | sed 's/^/  | /' >&2
}

boot() {
    say "booting Linux $version ..."
    mkfifo "$run/output" || die "cannot create a pipe in $run"
    : >"$run/console" # QEMU may end before it has created it
    # Through a pipe: QEMU makes its output non-blocking, which a terminal would stay after us.
    cat "$run/output" &
    cat_pid=$!
    # timeout runs QEMU as its own child and ends exactly that one; KILL follows when TERM did not do.
    files=
    [ -z "$gets" ] || files="-chardev file,id=files,path=$run/files -serial chardev:files"
    # shellcheck disable=SC2086 # $accel and $files are words
    timeout --foreground -k 5 "$timeout_s" "$qemu" $accel -machine pc -cpu EPYC,+svm,+npt \
        -m "$memory_mib" -nodefaults -display none -no-reboot \
        -chardev "file,id=console,path=$run/console" -serial chardev:console \
        -chardev stdio,id=output,signal=off -serial chardev:output $files \
        -kernel "$kernel" -initrd "$run/initrd" -append "$kernel_options $ticks" \
        </dev/null >"$run/output" 2>"$run/qemu-log" &
    qemu_pid=$!
    wait "$qemu_pid"
    qemu_status=$?
    qemu_pid=
    wait "$cat_pid"
    cat_pid=
}

# What was to be copied out, of the archive that the machine has written. Fails where something is missing.
get_files() {
    got=0
    IFS='
'
    set -f
    for get in $gets; do
        path=${get%:*} file=${get##*:}
        if cpio -it --quiet <"$run/files" 2>/dev/null | grep -qxF -- "$path" &&
            cpio -i --to-stdout --quiet -- "$path" <"$run/files" >"$run/file" && cp "$run/file" "$file"; then
            continue
        fi
        say "--get $get: the machine has no such file, or $file cannot be written"
        got=1
    done
    set +f
    unset IFS
    return $got
}

# Turns what is left of the machine into an exit status.
conclude() {
    status=$(tr -d '\r' <"$run/console" 2>/dev/null | sed -n 's/.*machine: status \([0-9]*\)$/\1/p' | tail -n 1)
    failure=$(tr -d '\r' <"$run/console" 2>/dev/null | sed -n 's/.*machine: failed: //p' | tail -n 1)
    if [ -n "$status" ]; then
        # A shell in between may have made another status of what the kernel killed.
        if [ "$status" -ne 0 ] && grep -q 'Out of memory' "$run/console"; then
            say "the machine ran out of memory; give it more with --memory"
        fi
        get_files || [ "$status" -ne 0 ] || status=125
        return "$status"
    elif [ "$qemu_status" -eq 124 ] || [ "$qemu_status" -eq 137 ]; then
        say "timed out after $timeout_s s; ended (--timeout gives it longer)"
        console_tail
        return 124
    elif [ -n "$failure" ]; then
        say "$failure"
        console_tail
    elif grep -q 'Kernel panic' "$run/console" 2>/dev/null; then
        say "the kernel inside panicked: $(sed -n 's/.*Kernel panic - not syncing: //p' "$run/console" | tr -d '\r' | head -n 1)"
        console_tail
    elif [ "$qemu_status" -ne 0 ]; then
        # The emulator warns of every processor feature that it lacks; that is not why it failed.
        say "QEMU failed: $(grep -v 'warning: ' "$run/qemu-log" | tail -n 1) (exit status $qemu_status)"
        console_tail
    else
        say 'the machine went away without a word; run it again, and with --memory larger if it does so again'
        console_tail
    fi
    return 125
}

main() {
    timeout_s=$default_timeout_s memory_mib=$default_memory_mib extra_modules='' adds='' gets='' accel='-accel tcg,thread=multi'
    while [ $# -gt 0 ]; do
        case $1 in
        --) shift; break ;;
        --exact) accel='-accel tcg,thread=single -icount shift=0,sleep=off' ticks=; shift; continue ;;
        --timeout | --memory | --add | --get | --module) [ $# -ge 2 ] || bad_usage "$1 needs a value" ;;
        *) bad_usage "unknown option $1 (the command comes after --)" ;;
        esac
        case $1 in
        --timeout) timeout_s=$2 ;;
        --memory) memory_mib=$2 ;;
        --module) extra_modules="$extra_modules $2" ;;
        --add) adds="$adds$2
" ;;
        --get)
            case $2 in /*:?*) ;; *) bad_usage "--get $2: not /PATH:FILE" ;; esac
            gets="$gets$2
"
            ;;
        esac
        shift 2
    done
    [ $# -gt 0 ] || bad_usage 'no command'
    for number in "$timeout_s" "$memory_mib"; do
        case $number in '' | *[!0-9]* | 0*) bad_usage "'$number' is not a whole number above 0" ;; esac
    done

    command -v "$qemu" >/dev/null || die "no $qemu: run tests/packages.sh nested, or set KVICK_NESTED_QEMU"
    for tool in cpio modinfo timeout; do
        command -v "$tool" >/dev/null || die "no $tool; run tests/packages.sh nested"
    done
    mkdir -p "$cache" || die "cannot create $cache; set KVICK_NESTED_DIR to a folder that can be written"
    run='' qemu_pid='' cat_pid=''
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    run=$(mktemp -d "$cache/run.XXXXXX") || die "cannot create a folder in $cache"

    find_kernel
    build_base
    unpack_kernel
    # The caller's files are a second archive after the base, which Linux unpacks over it. Packing them
    # takes less time than finding out whether they have changed, so that they aren't cached.
    stage=$run/add
    mkdir -p "$stage/machine"
    write_command "$@" >"$stage/machine/command"
    printf %s "$gets" | sed 's/:[^:]*$//' >"$stage/machine/gets"
    # Split at newlines alone, and not as patterns.
    IFS='
'
    set -f
    for add in $adds; do add_path "$add"; done
    set +f
    unset IFS
    { cat "$base" && pack "$stage"; } >"$run/initrd" || die "cannot write $run/initrd"
    rm -rf "$stage"
    check_memory
    boot
    conclude
}

main "$@"
