# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
#
# For scripts that take Debian's kernel apart: where it is, its modules, and the ELF file in it. They define die(), $cache and $run,
# a folder of theirs beside what is cached.

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

# field OFFSET BYTES: prints one number of the kernel image's header (Linux, x86 boot protocol).
field() { od -An -v -t "u$2" -j "$1" -N "$2" "$kernel" | tr -d ' '; }

# Unpacks the ELF kernel out of a compressed image, which QEMU enters directly (PVH): no firmware, and
# no unpacking in emulation. Cached. Where that can't be done the image boots as it is, slower.
unpack_kernel() {
    # shellcheck disable=SC2012 # size and time are wanted, and the name as it is
    unpacked=$cache/vmlinux-$(ls -lLd --time-style=full-iso "$kernel" | sha256sum | cut -c1-16)
    if [ ! -s "$unpacked" ]; then
        start=$(((($(field 0x1f1 1) + 1) * 512) + $(field 0x248 4) + 1)) # setup sectors, payload offset
        length=$(field 0x24c 4)
        payload() { tail -c "+$start" "$kernel" | head -c "$length"; }
        case $(payload 2>/dev/null | head -c 4 | od -An -t x1 | tr -d ' ') in
        02214c18) unpack='lz4 -dc' ;;
        28b52ffd) unpack='zstd -dcq' ;;
        fd377a58) unpack='xz -dc' ;;
        1f8b*) unpack='gzip -dc' ;;
        *) return ;;
        esac
        # Four bytes after the compressed data hold its size, and make the program fail at the very end:
        # what it has written is judged, and not its exit status.
        payload 2>/dev/null | $unpack >"$run/vmlinux" 2>/dev/null
        # The note 18 is XEN_ELFNOTE_PHYS32_ENTRY: without it QEMU can't enter an ELF kernel. The last
        # section header can only be read when the file is whole.
        readelf -n "$run/vmlinux" 2>/dev/null | grep -q 'note type: (0x00000012)' || return
        [ -z "$(readelf -S "$run/vmlinux" 2>&1 >/dev/null)" ] || return
        mv "$run/vmlinux" "$unpacked" || return
    fi
    kernel=$unpacked
}
