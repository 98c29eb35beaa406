#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD: the tests of libkvick: its programs, and what is installed of it.

set -u
build=$1
GUESTS=$build/guests KVICK=$build/kvick
export GUESTS KVICK

status=0
tests/unit/run.sh "$build"/library-tests/test_*[a-z] || status=1
tests/library/install.sh "$build" || status=1
exit $status
