#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# new_root.sh COMMAND…: runs a command whose root is a mount of the initial one, and not that itself: a process whose root is the
# initial one may not change it (pivot_root(2)), as passt does to shut itself in.

mkdir -p /mnt && mount -o rbind / /mnt && cd /mnt && mount -o move . / && exec chroot . "$@"
