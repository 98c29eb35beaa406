#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# net_case.sh HELPERS here|made|passt KVICK…: runs kvick with a guest that echoes ICMP and UDP at 198.18.0.2, and asks it; the last
# word ends the guest. To be run in a network namespace of its own (`unshare -rn`), so that nothing of it is left.
#
#	here    behind the tap kvick0, which is there before kvick is
#	made    the same, and kvick makes it
#	passt   behind a passt that kvick starts, which forwards port 7007 of this host's, whose address is the guest's too
#	killed  the same, but nobody asks: kvick is killed, and passt has to end too
#	up      runs a command, not a guest's, with the tap kvick0 there and up
#	tap     makes a tap, and that is all: can it be done here?

set -u

# Nobody but the test has anything to say by it: no router is looked for.
be_quiet() {
	[ ! -e /proc/sys/net/ipv6/conf/kvick0/disable_ipv6 ] || echo 1 >/proc/sys/net/ipv6/conf/kvick0/disable_ipv6
}

# By iproute2, or by busybox.
make_tap() {
	ip tuntap add dev "$1" mode tap 2>/dev/null || tunctl -t "$1" >/dev/null 2>&1
}

helpers=$1 how=$2 address_of_host=198.18.0.1/30 address=198.18.0.2 port=7 ping=ping
shift 2
case $how in
here | tap)
	make_tap kvick0 || exit 1
	[ $how = here ] || exit 0
	;;
up)
	make_tap kvick0 && be_quiet && ip address add $address_of_host dev kvick0 && ip link set kvick0 up || exit 1
	exec "$@"
	;;
passt | killed)
	# passt wants an interface with a default route, and takes its addresses for the guest's and the gateway's.
	{ make_tap host0 && ip link set lo up && ip address add 198.18.0.2/24 dev host0 && ip link set host0 up &&
		ip route add default via 198.18.0.1; } || exit 1
	address=127.0.0.1 port=7007 ping= # passt forwards no echo requests
	;;
esac

# passt has the port.
bound() { grep -q ':1B5F ' /proc/net/udp; }

if [ "$how" = killed ]; then
	"$@" &
	kvick=$! tries=900
	until bound; do
		kill -0 $kvick && [ $((tries -= 1)) -gt 0 ] || exit 1
		sleep 0.1
	done
	kill -KILL $kvick
	until ! bound; do
		[ $((tries -= 1)) -gt 0 ] || exit 1
		sleep 0.1
	done
	echo 'passt has ended'
	exit 0
fi
timeout 100 "$@" &
kvick=$!
if [ "$how" != passt ]; then
	tries=900
	until ip address add $address_of_host dev kvick0 2>/dev/null; do
		kill -0 $kvick && [ $((tries -= 1)) -gt 0 ] || exit 1
		sleep 0.1
	done
	be_quiet
	ip link set kvick0 up
fi
"$helpers/udp_ask" $address $port $ping &
asking=$!
wait $kvick
code=$?
kill $asking 2>/dev/null
exit $code
