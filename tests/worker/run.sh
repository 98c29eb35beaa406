#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD: tests of kvick-worker.

set -u
build=$1

tests/unit/run.sh "$build/worker/test_jail"
