#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Tries the mitigation of mitigation.patch: its crime, on libapex as it is and on libapex with the
# patch; and that honest calls pass.

. "$(dirname "$0")/lib.sh"

copy libapex tests/crimes docs/examples
change mitigation.patch

# commit PROGRAM: what it says, with the address left out.
commit()
{
    try "$1"
    sed 's/address 0x[0-9a-f]*/address …/' "$scratch/out"
    echo "ended with $ended"
}

compile crime.o tests/crimes/size_mismatch_chunk.c
compile honest.o docs/examples/mitigation_honest.c
compile api.o libapex/front/api.c -fvisibility=hidden
compile malloc.o libapex/front/interpose.c -fvisibility=hidden
link before libapex/libapexcore.la crime.o malloc.o
link after libapex/libapexcore.la crime.o malloc.o api.o
link honest libapex/libapexcore.la honest.o api.o
echo '--- the crime, before'
commit before
echo '--- the crime, after'
commit after
echo '--- honest calls, after'
commit honest
