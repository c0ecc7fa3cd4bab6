#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A thread that moves to another node gets memory of that node, after as many refills as the option
# says and not before; what one node takes and another frees goes home, and the process does not
# grow (travel.c).

. /rig/tests/lib.sh

# travel LIBRARY OPTIONS WHAT: runs it, and sets $said.
travel()
{
    said=$(env LD_PRELOAD="$1" APEX_OPTIONS="$2" travel "$3") || fail "travel $3 fails: $said"
    echo "${1##*/} under '$2': $said"
}

# word N: of what was said.
word()
{
    echo "$said" | cut -d ' ' -f "$1"
}

# holds CONDITION…: of awk.
holds()
{
    awk "BEGIN { exit !($*) }"
}

for library in $lib $hardened; do
    travel "$library" register=0 migrate
    holds "$(word 2) >= 99" || complain "after it has moved, only $(word 2) % is local"
    # A quarter of what it takes then, it has freed itself, on the node it has left.
    travel "$library" register=0,numa_switch=1000 migrate
    holds "$(word 2) < 90" || complain "$(word 2) % is local long before numa_switch=1000"
    travel "$library" register=0 pass
    holds "$(word 2) >= 99" || complain "only $(word 2) % is on the node that takes it"
    # Objects of 2 MB are there at a time.
    holds "$(word 6) <= $(word 4) + 2048" || complain "it grows from $(word 4) to $(word 6) KiB"
done
finish
