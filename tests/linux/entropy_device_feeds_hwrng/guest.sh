# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
modprobe virtio_rng
current() { [ "$(cat /sys/class/misc/hw_random/rng_current)" = virtio_rng.0 ]; }
try current current
try read dd if=/dev/hwrng of=/tmp/one bs=4096 count=16 iflag=fullblock
dd if=/dev/hwrng of=/tmp/two bs=4096 count=16 iflag=fullblock 2>/dev/null
# What is random does not become smaller.
differs() { ! cmp -s /tmp/one /tmp/two && [ "$(gzip -c /tmp/one | wc -c)" -gt 65000 ]; }
try differs differs
