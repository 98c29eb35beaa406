# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2154
# passt gives the host's own address by DHCP, and the gateway's is the host to the guest.
modprobe virtio_net
ip link set eth0 up
cat >/tmp/lease <<'END'
#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add "$ip/${mask:-24}" dev eth0
ip route add default via "$router" dev eth0
END
chmod +x /tmp/lease
try dhcp udhcpc -i eth0 -n -q -f -s /tmp/lease
router=$(ip route | sed -n 's/^default via \([^ ]*\).*/\1/p')
try get curl -s -S -m 60 -o /tmp/file "http://$router:8000/file"
echo "# got $(sha256sum </tmp/file)"
printf 'HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nhello from a unikernel\n' >/tmp/answer
serve() { timeout 100 nc -l -p 80 </tmp/answer; }
try served serve
