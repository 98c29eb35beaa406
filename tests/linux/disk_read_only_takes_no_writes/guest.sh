# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
at=$(disk data)
reads() { [ "$(head -c 4 "$at")" = here ]; }
try read reads
read_only() { [ "$(cat "/sys/block/${at##*/}/ro")" = 1 ]; }
try is-read-only read_only
refuses() { ! dd if=/dev/zero of="$at" bs=4k count=1 oflag=direct; }
try refuses refuses
