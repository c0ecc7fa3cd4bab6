// SPDX-License-Identifier: MIT
//
// Crime: none that has a name: the key of all checksums is overwritten by someone who knows where
// it is. This program has a library of its own inside, whose key it can name.

#include "../hardened/sized.h"

#include "apex.h"
#include "base/mac.h"

int
main(int argc, char **argv)
{
    volatile char *p = apex_malloc(crime_size(argc, argv));
    volatile uint64_t *key = &mac_secret.factor;

    *p = 1;
    crime_expect_guard();
    *key = 0;
    return crime_unpunished();
}
