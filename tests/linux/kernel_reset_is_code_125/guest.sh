# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
echo resetting
sleep 0.2
reboot -f
