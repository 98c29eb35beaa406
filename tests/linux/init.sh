#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
#
# The first process of a Debian kernel that kvick boots (root.sh packs it as the initrd's /init). It loads what the root disk
# takes, enters that, runs the check that the command line names (check=NAME: a case's guest.sh) and turns the machine off.

/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
for module in virtio_ring virtio virtio_mmio virtio_blk; do
	/bin/busybox insmod "/modules/$module.ko"
done
# The disk that the operator has named so: the order of the others is the case's.
for disk in /sys/block/vd*; do
	[ "$(/bin/busybox cat "$disk/serial")" = root ] && root=/dev/${disk##*/}
done
/bin/busybox mount -o ro "$root" /root || echo 'init: no disk with the serial number "root"'
for folder in dev proc sys; do
	/bin/busybox mount -o move "/$folder" "/root/$folder"
done
exec /bin/busybox chroot /root /bin/sh /run-check
