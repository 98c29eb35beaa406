# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
modprobe virtio_net
modprobe vmw_vsock_virtio_transport
head -c 1000000 /dev/urandom >/tmp/data
echo "# sent $(sha256sum </tmp/data)"
try write dd if=/tmp/data of="$(disk data)" bs=64k conv=fsync
ip address add 198.18.0.2/24 dev eth0
ip link set eth0 up
# The host's side may come a moment later.
reach() { for i in 1 2 3 4 5 6 7 8 9 10; do ping -c 1 -W 1 198.18.0.1 && return 0; done; return 1; }
try ping reach
try send socat -u OPEN:/tmp/data VSOCK-CONNECT:2:1000
