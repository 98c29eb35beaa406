# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
modprobe vmw_vsock_virtio_transport
try device test -c /dev/vsock
head -c 3000000 /dev/urandom >/tmp/data
try send socat -u OPEN:/tmp/data VSOCK-CONNECT:2:1000
echo "# sent $(sha256sum </tmp/data)"
# What is sent ends before what comes back does: a half-close.
there_and_back() { socat -t 120 - VSOCK-CONNECT:2:1001 </tmp/data >/tmp/back; }
try echo there_and_back
try same cmp /tmp/data /tmp/back
try asked timeout 60 socat -t 30 VSOCK-LISTEN:2000 SYSTEM:'read question; echo "a unikernel, $question"'
