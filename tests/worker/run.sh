#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD: tests of kvick-worker.

set -u
build=$1

status=0
tests/unit/run.sh "$build/worker/test_jail" || status=1
tests/worker/drive.py "$build" || status=1
# A sanitizer that has something to say ends the worker with a status of its own. Leaks are looked for by ptrace, out of the jail.
export ASAN_OPTIONS=detect_leaks=0:exitcode=99 TSAN_OPTIONS=report_thread_leaks=0:exitcode=99
tests/worker/drive.py "$build" "$build/worker/kvick-worker-asan" --no-sandbox || status=1
# The thread sanitizer has handlers of signals wait for a call of the C library's: only guests that bring those about can be
# cancelled.
ONLY='echo|random|log_of_its_call|slots_serve|spins_in_calls|before_it_comes|ends_a_slot|messages_that_are_none' \
	tests/worker/drive.py "$build" "$build/worker/kvick-worker-tsan" --no-sandbox || status=1
exit $status
