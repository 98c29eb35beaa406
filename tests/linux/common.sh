# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh disable=SC2034
#
# What the cases of tests/linux have in common: Debian's kernel, its root disk, and the check that is the case's guest.sh; or
# $check, where a case borrows another's. They run in the nested machine, which has the root disk's programs below /host.

image=build/linux/vmlinuz
rings=0
check=${folder##*/}
options='--mem 384M --initrd build/linux/initrd.cpio --disk build/linux/root.img,ro,id=root --timeout 200s'
# nohz=off: an interrupt between STI and HLT, which QEMU's SVM lets through when the host is interrupted just there, is slept over
# until the next; let there be one.
args='console=ttyS0 quiet panic=-1 nohz=off check=$check'
no_stdout='^not ok
^# kernel: '
