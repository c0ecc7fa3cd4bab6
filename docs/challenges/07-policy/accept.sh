#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Gives the policy answers that are made of a recorded one, and those of a process that runs.

. "$(dirname "$0")/../lib.sh"

serve
script accept "$here/accept.py"
judge accept "$work/policy.py" "$here/recorded.json" "$BUILD/apexctl/apexctl" "$served"
accept "$figures"
