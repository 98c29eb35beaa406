# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# For scripts that take Debian's kernel apart: where it is, and its modules. They define die() and $cache.

kernel_flavour=cloud-amd64

# Finds a kernel image, its version and its modules: the one asked for, else the newest of the
# flavour that is installed, else the one that packages.sh unpacked.
find_kernel() {
    if [ -n "${KVICK_NESTED_KERNEL:-}" ]; then
        kernel=$KVICK_NESTED_KERNEL
        version=${kernel##*/vmlinuz-}
        modules=${KVICK_NESTED_MODULES:-/lib/modules/$version}
        [ -r "$kernel" ] || die "cannot read the kernel $kernel; set KVICK_NESTED_KERNEL to a readable one"
        [ -d "$modules/kernel" ] || die "no modules in $modules for $kernel; set KVICK_NESTED_MODULES to their folder"
        return
    fi
    for top in '' "$cache/kernel"; do
        for kernel in $(printf '%s\n' "$top"/boot/vmlinuz-*-"$kernel_flavour" | sort -rV); do
            version=${kernel##*/vmlinuz-}
            for modules in "$top/lib/modules/$version" "$top/usr/lib/modules/$version"; do
                [ -r "$kernel" ] && [ -d "$modules/kernel" ] && return
            done
        done
    done
    die 'no kernel to boot; run tests/packages.sh nested, which downloads one'
}

# module_file NAME: prints a module's file, compressed or not. Names have - and _ used as one.
module_file() {
    find "$modules/" -name "$(printf %s "$1" | sed 's/[-_]/[-_]/g').ko*" | head -n 1
}

# unpack FILE: prints a module as insmod takes it.
unpack() {
    case $1 in
    *.ko) program='cat' ;;
    *.xz) program='xz -dc' ;;
    *.zst) program='zstd -dcq' ;;
    *.gz) program='gzip -dc' ;;
    *) die "unknown compression of the module $1" ;;
    esac
    command -v "${program%% *}" >/dev/null || die "the module $1 needs ${program%% *}; install it"
    $program <"$1"
}
