# SPDX-License-Identifier: MIT
# shellcheck shell=bash
cmd_demo() { die "not yet"; }
