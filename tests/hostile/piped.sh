#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# piped.sh COMMAND…: a flood is its input, and its output goes into a pipe that is read. The exit code is the command's.

set -u
code=$(mktemp)
trap 'rm -f "$code"' EXIT
yes 'more than a guest wants to hear' 2>/dev/null | { "$@"; echo $? >"$code"; } | cat
exit "$(cat "$code")"
