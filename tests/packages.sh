#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# packages.sh WHAT: makes sure that the Debian packages for WHAT are installed.
#
# Silent, and one dpkg-query call, when nothing is missing: every target of the Makefile may call it.
# Exit status: 0 everything is there, 1 something is missing and could not be installed, 2 usage.

set -u

# The sets, one package a line: PACKAGE | the command or file it provides, for systems without dpkg.
# A set named after "+" is part of the set it stands in.

set_build='
gcc               | gcc
make              | make
musl-tools        | musl-gcc
linux-libc-dev    | linux/kvm.h
libc6-dev         | sys/io.h and the C library headers
liburing-dev      | liburing.h and a static liburing.a
libxen-dev        | xen/arch-x86/hvm/start_info.h, xen/elfnote.h
lz4               | lz4
binutils          | ld, readelf, strip
'
set_all='
+build
libcurl4-openssl-dev | curl/curl.h
libjansson-dev    | jansson.h
libpcre2-dev      | pcre2.h
libmicrohttpd-dev | microhttpd.h
libsystemd-dev    | systemd/sd-daemon.h
'
set_test='
+build
libjansson-dev    | jansson.h
libpcre2-dev      | pcre2.h
'
set_check='
+all
libcmocka-dev     | cmocka.h
liblz4-dev        | lz4.h, lz4hc.h and liblz4, to compare with
clang             | clang
libclang-rt-14-dev| the sanitizer and fuzzer runtimes of clang
strace            | strace
passt             | passt
libzydis-dev      | Zydis/Zydis.h
g++               | g++
pkgconf           | pkg-config
python3           | python3
python3-yaml      | yaml, for Python
chromium          | chromium, to look at the page of kvick bench
'
set_nested='
qemu-system-x86   | qemu-system-x86_64
busybox-static    | a statically linked busybox
cpio              | cpio
kmod              | modinfo
musl-tools        | musl-gcc
lz4               | lz4
xz-utils          | xz
'
set_linux='
+nested
passt             | passt
fio               | fio
iperf3            | iperf3
iputils-ping      | ping
curl              | curl
socat             | socat
e2fsprogs         | mkfs.ext4, e2fsck
'
set_perf='
+all
strace            | strace
fio               | fio
iperf3            | iperf3
iproute2          | ip
nginx-light       | nginx
'

# The nested machine's kernel: any of this flavour, newest first. See kernel_here.
kernel_flavour=cloud-amd64
kernel_package=linux-image-$kernel_flavour

root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
kernel_dir=${KVICK_NESTED_DIR:-$root/build/nested}/kernel

say() { printf 'packages: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# rows WHAT: prints the rows of a set, those of the sets it contains first.
rows() {
    case $1 in
    build)  rows_of "$set_build" ;;
    all)    rows_of "$set_all" ;;
    test)   rows_of "$set_test" ;; # kvick and kvick-test
    check)  rows_of "$set_check" ;;
    nested) rows_of "$set_nested" ;;
    linux)  rows_of "$set_linux" ;;
    perf)   rows_of "$set_perf" ;;
    *)      return 1 ;;
    esac
}

rows_of() {
    printf '%s' "$1" | while IFS= read -r row; do
        case $row in
        '')  ;;
        +*)  rows "${row#+}" ;;
        *)   printf '%s\n' "$row" ;;
        esac
    done
}

names_of() { printf '%s\n' "$1" | sed 's/ *|.*//' | tr '\n' ' '; }

# missing PACKAGE...: prints those not installed. Names dpkg has never heard of make it fail and
# print nothing for them, so what is printed decides, never the exit status.
missing() {
    installed=$(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null)
    for name; do
        case "
$installed
" in
        *"
installed $name
"*) ;;
        *)  printf '%s ' "$name" ;;
        esac
    done
}

# Becoming root. Prints the prefix for a command; fails where there is no way to become root.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        echo env
    elif command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        echo 'sudo env' # with a terminal, sudo may ask for the password
    else
        return 1
    fi
}

# A mirror may fail once, and another apt may be at it.
apt="apt-get -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300"

# apt_step COMMAND...: runs one apt command quietly; on failure, leaves in $reason the line that says why.
apt_step() {
    log=$(mktemp) || return 1
    if "$@" >"$log" 2>&1; then
        rm -f "$log"
        return 0
    fi
    reason=$(grep -m1 '^E:' "$log" || tail -n 1 "$log")
    rm -f "$log"
    return 1
}

install() {
    prefix=$(as_root) ||
        die "missing: $* -- neither root nor sudo here; ask an administrator to run: apt-get install $*"
    say "installing: $*"
    # The lists are fetched only when the packages can't be had with those that are here.
    # shellcheck disable=SC2086 # the prefix is words
    try_install() {
        apt_step $prefix DEBIAN_FRONTEND=noninteractive $apt install -y --no-install-recommends "$@"
    }
    try_install "$@" && return 0
    say "package lists are absent or old: apt-get update"
    # shellcheck disable=SC2086
    apt_step $prefix $apt update ||
        die "apt-get update failed (${reason:-no reason given}); check network and /etc/apt/sources.list, then run this again"
    try_install "$@" ||
        die "apt-get install failed (${reason:-no reason given}); run it by hand: apt-get install $*"
}

# True when there is a kernel the nested machine can boot: one installed with its modules, or one
# unpacked into the build folder.
kernel_here() {
    [ -n "${KVICK_NESTED_KERNEL:-}" ] && return 0
    for top in '' "$kernel_dir"; do
        for image in "$top"/boot/vmlinuz-*-"$kernel_flavour"; do
            version=${image##*/vmlinuz-}
            [ -r "$image" ] && { [ -d "$top/lib/modules/$version/kernel" ] ||
                [ -d "$top/usr/lib/modules/$version/kernel" ]; } && return 0
        done
    done
    return 1
}

# The kernel is downloaded and unpacked, never installed: installing it would rebuild the initramfs
# and the boot menu of the user's machine, for a kernel that is only ever booted in an emulator.
# Needs no root, unless the package lists have to be fetched.
kernel_fetch() {
    package=$(kernel_versioned)
    if [ -z "$package" ]; then
        prefix=$(as_root) ||
            die "no package lists, and neither root nor sudo here; ask an administrator to run: apt-get update"
        say "fetching package lists"
        # shellcheck disable=SC2086
        apt_step $prefix $apt update ||
            die "apt-get update failed (${reason:-no reason given}); check network and /etc/apt/sources.list"
        package=$(kernel_versioned)
    fi
    [ -n "$package" ] ||
        die "$kernel_package is not in the package lists;" \
            "set KVICK_NESTED_KERNEL to a kernel image whose modules are in /lib/modules"
    say "downloading $package for the nested machine (unpacked into the build folder, not installed)"
    mkdir -p "$kernel_dir" || die "cannot create $kernel_dir"
    kernel_download "$package" && return 0
    # Lists older than the archive name files that are gone; fetch them anew and try once more.
    prefix=$(as_root) ||
        die "cannot download $package (${reason:-no reason given}); ask an administrator to run apt-get update"
    # shellcheck disable=SC2086
    if apt_step $prefix $apt update; then
        package=$(kernel_versioned)
        kernel_download "$package" && return 0
    fi
    die "cannot download $package (${reason:-no reason given}); check the network, then run this again"
}

# The package that the meta-package depends on: linux-image-VERSION-cloud-amd64.
kernel_versioned() {
    apt-cache depends "$kernel_package" 2>/dev/null |
        sed -n "s/^ *Depends: *\(linux-image-[0-9].*-$kernel_flavour\)\$/\1/p" | head -n 1
}

# Unpacks into a folder of its own and renames it last: a kernel that is there is whole.
kernel_download() {
    stage=$(mktemp -d "$kernel_dir/fetch.XXXXXX") || return 1
    # apt's own user must be able to write here, or apt prints a warning on every download.
    chmod 755 "$stage"
    # shellcheck disable=SC2086
    if (cd "$stage" && apt_step $apt download "$1" || { printf '%s' "$reason" >"$stage/reason"; false; }) &&
        apt_step dpkg-deb -x "$stage"/*.deb "$stage/tree"; then
        rm -rf "${kernel_dir:?}/boot" "${kernel_dir:?}/lib" "${kernel_dir:?}/usr"
        # boot last: it is what the search looks for first.
        for part in lib usr boot; do
            [ ! -d "$stage/tree/$part" ] || mv "$stage/tree/$part" "$kernel_dir/$part" || return 1
        done
        rm -rf "$stage"
        return 0
    fi
    [ ! -s "$stage/reason" ] || reason=$(cat "$stage/reason")
    rm -rf "$stage"
    return 1
}

wants_kernel() {
    case $1 in nested | linux) ;; *) return 1 ;; esac
}

main() {
    if [ $# -ne 1 ] || ! table=$(rows "$1"); then
        echo 'usage: packages.sh build|test|all|check|nested|linux|perf' >&2
        exit 2
    fi
    if ! command -v dpkg-query >/dev/null 2>&1 || ! command -v apt-get >/dev/null 2>&1; then
        wanted=$(printf '%s\n' "$table" | sed 's/.*| *//' | paste -sd, - | sed 's/,/, /g')
        ! wants_kernel "$1" || wanted="$wanted, a Linux kernel with the module kvm_amd (KVICK_NESTED_KERNEL=IMAGE)"
        die "no apt here; install with this system's package manager what provides: $wanted"
    fi
    # shellcheck disable=SC2046 # names are words
    lacking=$(missing $(names_of "$table"))
    # shellcheck disable=SC2086
    [ -z "$lacking" ] || install $lacking
    ! wants_kernel "$1" || kernel_here || kernel_fetch
}

reason=
main "$@"
