#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# peer.sh UDP_ASK TAP NETWORK: asks netping, behind a tap that kvick makes: NETWORK.1, to a guest that is NETWORK.2.

until ip address add "$3.1/30" dev "$2"; do sleep 0.1; done
ip link set "$2" up
exec "$1" "$3.2" 7 ping
