// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: with `seal_metadata` on, the record of a large object is overwritten
// by someone who knows where it is, so that a free of the object would unmap its neighbours, too.
// This program has a library of its own inside, whose records it can find.

#include "../hardened/sized.h"

#include "apex.h"
#include "core/large.h"

int
main(int argc, char **argv)
{
    size_t size = crime_size(argc, argv);

    if (getenv("APEX_OPTIONS") == NULL) { // read before main(): so once more from the beginning
        setenv("APEX_OPTIONS", "seal_metadata=on", 1);
        execv(argv[0], argv);
        return 2;
    }
    volatile struct large *large = large_find(apex_malloc(size + (4u << 20)));
    crime_expect_guard();
    large->usable_bytes += (size_t)1 << 30;
    return crime_unpunished();
}
