# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# VIRTIO_F_VERSION_1 is the 33rd of the features that Linux shows; without it its drivers take the device for a legacy one.
modprobe virtio_rng
modprobe virtio_net
count=0 legacy=0
for device in /sys/bus/virtio/devices/*; do
	count=$((count + 1))
	[ "$(cut -c 33 "$device/features")" != 0 ] || legacy=$((legacy + 1))
done
echo "$count devices, $legacy of them legacy"

at=$(disk data)
try mkfs mkfs.ext4 -q "$at"
try mount mount "$at" /tmp/mnt
fill() {
	for i in 1 2 3 4; do
		dd if=/dev/urandom of="/tmp/mnt/file$i" bs=64k count=$((i * 8)) || return 1
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
	--blockalign=512 --size=8M --iodepth=16 --verify=crc32c --verify_fatal=1 --do_verify=1 --fsync=64 --output=/tmp/fio

current() { [ "$(cat /sys/class/misc/hw_random/rng_current)" = virtio_rng.0 ]; }
try current current
try read dd if=/dev/hwrng of=/tmp/one bs=4096 count=16 iflag=fullblock
dd if=/dev/hwrng of=/tmp/two bs=4096 count=16 iflag=fullblock 2>/dev/null
# What is random does not become smaller.
differs() { ! cmp -s /tmp/one /tmp/two && [ "$(gzip -c /tmp/one | wc -c)" -gt 65000 ]; }
try differs differs

address() { [ "$(cat /sys/class/net/eth0/address)" = 02:00:00:00:00:05 ]; }
try address address
try set-address ip link set eth0 address 02:00:00:00:00:06
ip address add 198.18.0.2/24 dev eth0
ip link set eth0 up
reach() { for i in 1 2 3 4 5 6 7 8 9 10; do ping -c 1 -W 1 198.18.0.1 && return 0; done; return 1; }
try reach reach
try ping ping -c 5 -i 0.2 -W 5 198.18.0.1
try ping-large ping -c 3 -s 20000 -W 5 198.18.0.1
try send iperf3 -c 198.18.0.1 -t 2
grep receiver /tmp/said | sed 's/^/# send: /'
try receive iperf3 -c 198.18.0.1 -t 2 -R
grep receiver /tmp/said | sed 's/^/# receive: /'
