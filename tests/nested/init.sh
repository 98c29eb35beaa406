#!/bin/busybox sh
# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=dash
#
# The first and only service of the nested machine: machine.sh packs it as /init. It loads KVM, runs
# /machine/command with its output on the second serial port, sends the files of /machine/gets as an archive through the third one,
# reports the exit status through the kernel's log (the first serial port) and resets the machine, which ends the emulator.

export PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin:/kvick HOME=/root TERM=dumb LANG=C

# Level 1 is printed whatever the console's level is; one write is one line, never torn apart.
report() { echo "<1>machine: $*" >/dev/kmsg; }

# Reset by the kernel's emergency path: an orderly shutdown takes a little longer, and has nothing to save.
finish() {
    report "$*"
    echo b >/proc/sysrq-trigger
    sleep 1000
}

mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm /root /run /tmp
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /run
# What was put into the machine there stays to be seen.
[ -n "$(ls -A /tmp)" ] || mount -t tmpfs tmpfs /tmp
chmod 1777 /tmp /dev/shm
ln -s /proc/self/fd /dev/fd
hostname nested
ifconfig lo up 2>/dev/null

while read -r module options; do
    # shellcheck disable=SC2086 # options are words
    insmod "/machine/modules/$module.ko" $options || finish "failed: module $module would not load"
done </machine/modules/order
[ -c /dev/kvm ] || finish 'failed: no /dev/kvm after loading the modules'
[ ! -x /machine/hold ] || /machine/hold || finish 'failed: KVM cannot create a VM'

# Raw, so that what the command prints arrives byte for byte; a terminal, so that it arrives line by
# line as it is printed and not when some buffer is full.
stty -F /dev/ttyS1 115200 raw -echo
cd /
sh /machine/command </dev/null >/dev/ttyS1 2>&1
status=$?
stty -F /dev/ttyS1 115200 raw -echo # waits until the port has sent everything
if [ -s /machine/gets ]; then
    stty -F /dev/ttyS2 115200 raw -echo
    # Of one that is missing, cpio would die.
    while IFS= read -r file; do
        [ ! -f "$file" ] || printf '%s\n' "$file"
    done </machine/gets | cpio -o -H newc >/dev/ttyS2 2>/dev/null
    stty -F /dev/ttyS2 115200 raw -echo
fi
finish "status $status"
