#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# peer.sh STREAM TAP NETWORK: the host's end of netbench's connection, behind a tap that kvick makes: NETWORK.1, to a guest that is
# NETWORK.2 at 02:00:00:00:00:02 and answers no ARP.

until ip address add "$3.1/30" dev "$2"; do sleep 0.1; done
ip link set "$2" up
# By iproute2, or by busybox.
ip neighbour replace "$3.2" lladdr 02:00:00:00:00:02 dev "$2" || arp -i "$2" -s "$3.2" 02:00:00:00:00:02
exec "$1" receive "$3.2" 5001 0.2
