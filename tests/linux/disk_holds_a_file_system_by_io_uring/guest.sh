# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# A file system made, filled, checked, and read anew; then blocks at random by several programs at once, each verified.

at=$(disk data)
try mkfs mkfs.ext4 -q "$at"
try mount mount "$at" /tmp/mnt
fill() {
	for i in 1 2 3 4 5 6 7 8; do
		dd if=/dev/urandom of="/tmp/mnt/file$i" bs=64k count=$((i * 4)) || return 1
	done
	(cd /tmp/mnt && sha256sum file*) >/tmp/sums && sync
}
try fill fill
try umount umount /tmp/mnt
try fsck e2fsck -f -n "$at"
try mount-again mount "$at" /tmp/mnt
verify() { (cd /tmp/mnt && sha256sum -c /tmp/sums); }
try sums verify
try umount-again umount /tmp/mnt
try fio fio --name=verify --filename="$at" --direct=1 --ioengine=io_uring --rw=randrw --bsrange=512-64k --bs_unaligned=0 \
	--blockalign=512 --size=16M --iodepth=16 --verify=crc32c --verify_fatal=1 --do_verify=1 --fsync=64 --output=/tmp/fio
grep -E '^ *(read|write): ' /tmp/fio | sed 's/^ */# fio: /'
