# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
modprobe virtio_net
address() { [ "$(cat /sys/class/net/eth0/address)" = 02:00:00:00:00:05 ]; }
try address address
ip address add 198.18.0.2/24 dev eth0
echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad
ip -6 address add fd00::2/64 dev eth0
ip link set eth0 up
# The host's side may come a moment later.
reach() { for i in 1 2 3 4 5 6 7 8 9 10; do ping -c 1 -W 1 198.18.0.1 && return 0; done; return 1; }
try reach reach
try ping ping -c 10 -i 0.2 -W 5 198.18.0.1
try ping-large ping -c 3 -s 20000 -W 5 198.18.0.1
try ping6 ping -c 3 -W 5 fd00::1
try send iperf3 -c 198.18.0.1 -t 2
grep receiver /tmp/said | sed 's/^/# send: /'
try receive iperf3 -c 198.18.0.1 -t 2 -R
grep receiver /tmp/said | sed 's/^/# receive: /'
try udp iperf3 -c 198.18.0.1 -t 1 -u -b 5M
grep receiver /tmp/said | sed 's/^/# udp: /'
