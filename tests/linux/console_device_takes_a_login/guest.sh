# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
modprobe virtio_console
for i in 1 2 3 4 5 6 7 8 9 10; do [ -c /dev/hvc0 ] || sleep 0.2; done
hostname guest
try login setsid getty 0 hvc0
