#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# signalled.sh SIGNAL TEXT COMMAND…: runs a command, and sends it SIGNAL when its output, $scratch/out, has TEXT: however long it
# takes to come so far. The exit code is the command's. Not as a job in the background, which would have SIGINT ignored.

set -u
signal=$1 text=$2 tries=600
shift 2
rm -f "$scratch/pid"
{
	until grep -q "$text" "$scratch/out" || [ $((tries -= 1)) -eq 0 ]; do sleep 0.1; done
	kill -"$signal" "$(cat "$scratch/pid")"
} &
sh -c 'echo $$ >"$scratch/pid"; exec "$@"' sh "$@"
