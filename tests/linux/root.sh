#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# root.sh BUILD: makes what Debian's kernel is booted with in kvick: BUILD/linux/{vmlinuz,initrd.cpio,root.img}. The programs are
# the host's own (tests/packages.sh linux), with their libraries; the modules are the kernel's. Nothing is done when
# nothing has changed. Needs no root.

set -eu
build=$1
here=$(cd "$(dirname "$0")" && pwd)
cache=${KVICK_NESTED_DIR:-$(cd "$here/../.." && pwd)/build/nested}
die() { echo "tests/linux: $*" >&2; exit 1; }
. "$here/../nested/kernel.sh"

programs='fio mkfs.ext4 e2fsck iperf3 ping curl socat'
# In the order in which they can be loaded.
first_modules='virtio_ring virtio virtio_mmio virtio_blk'
modules_there="$first_modules failover net_failover virtio_net vsock vmw_vsock_virtio_transport_common
	vmw_vsock_virtio_transport virtio_console virtio_rng"
image_mib=128

find_kernel
out=$build/linux
mkdir -p "$out"
key=$({
	echo "$version"
	cat "$here"/*.sh "$here"/*/guest.sh
	for program in $programs busybox; do
		ls -lL "$(command -v "$program")" || die "no $program: run tests/packages.sh linux"
	done
} | sha256sum)
[ "$(cat "$out/key" 2>/dev/null)" != "$key" ] || exit 0
rm -f "$out/key"
stage=$(mktemp -d "$out/stage.XXXXXX")
trap 'rm -rf "$stage"' EXIT

# copy FILE…: to the same place in the image.
copy() {
	for file; do
		mkdir -p "$stage/root${file%/*}"
		cp -L "$file" "$stage/root$file"
	done
}

for folder in bin dev proc sys tmp run etc root checks usr/bin "lib/modules/$version"; do
	mkdir -p "$stage/root/$folder"
done
for program in $programs; do
	path=$(command -v "$program")
	cp -L "$path" "$stage/root/usr/bin/"
	# A path is the last word of a line, or stands before the address.
	# shellcheck disable=SC2046 # paths without spaces
	copy $(ldd "$path" | sed -n 's:^[^/]*\(/[^ ]*\) (.*:\1:p')
done
cp "$(command -v busybox)" "$stage/root/bin/busybox"
busybox --list | while read -r applet; do
	[ "$applet" = busybox ] || ln -s busybox "$stage/root/bin/$applet"
done
for module in $modules_there; do
	file=$(module_file "$module")
	[ -n "$file" ] || die "kernel $version has no module $module; set KVICK_NESTED_KERNEL to one that has"
	unpack "$file" >"$stage/root/lib/modules/$version/$module.ko"
done
depmod -b "$stage/root" "$version" 2>/dev/null
cp "$here/run-check.sh" "$stage/root/run-check"
for check in "$here"/*/guest.sh; do
	name=${check%/guest.sh}
	cp "$check" "$stage/root/checks/${name##*/}"
done
# For whoever logs in at the console: root, with the password "unikernel".
echo 'root:x:0:0:root:/tmp:/bin/sh' >"$stage/root/etc/passwd"
echo 'root:x:0:' >"$stage/root/etc/group"
echo "root:$(busybox mkpasswd -m sha512 -S kvick unikernel):19000:0:99999:7:::" >"$stage/root/etc/shadow"
echo hvc0 >"$stage/root/etc/securetty"
rm -f "$out/root.img"
truncate -s "${image_mib}M" "$out/root.img"
mkfs.ext4 -q -F -O ^has_journal -m 0 -E root_owner=0:0 -d "$stage/root" "$out/root.img"

for folder in bin dev proc sys root modules; do
	mkdir -p "$stage/initrd/$folder"
done
cp "$(command -v busybox)" "$stage/initrd/bin/busybox"
cp "$here/init.sh" "$stage/initrd/init"
chmod 755 "$stage/initrd/init"
for module in $first_modules; do
	cp "$stage/root/lib/modules/$version/$module.ko" "$stage/initrd/modules/"
done
(cd "$stage/initrd" && find . -mindepth 1 -print0 | cpio -0 -o -H newc -R 0:0 --quiet) >"$out/initrd.cpio"
cp "$kernel" "$out/vmlinuz"
echo "$key" >"$out/key"
