#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD: tests of kvick-worker.

set -u
build=$1

status=0
tests/unit/run.sh "$build/worker/test_jail" || status=1
tests/worker/drive.py "$build" || status=1
exit $status
