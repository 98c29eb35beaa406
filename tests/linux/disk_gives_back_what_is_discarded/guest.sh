# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What a file system frees is discarded; a whole disk, too; and zeroes can be written without sending them.

at=$(disk data)
try mkfs mkfs.ext4 -q "$at"
mount "$at" /tmp/mnt
try fill dd if=/dev/urandom of=/tmp/mnt/large bs=1M count=16 conv=fsync
rm /tmp/mnt/large
sync
try trim fstrim -v /tmp/mnt
sed 's/^/# /' /tmp/said
umount /tmp/mnt
try fsck e2fsck -f -n "$at"
try write dd if=/dev/urandom of="$at" bs=1M count=4 seek=8 oflag=direct
try discard blkdiscard -o 8388608 -l 4194304 "$at"
zeroes() { [ "$(dd if="$at" bs=1M skip=8 count=4 iflag=direct 2>/dev/null | tr -d '\000' | wc -c)" -eq 0 ]; }
try zeroes zeroes
