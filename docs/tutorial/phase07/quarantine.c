// SPDX-License-Identifier: MIT
//
// A chunk stays for 64 frees on average, some for a few only, and some for hundreds.

#include "quarantine.h"

struct chunk *
quarantine_swap(struct quarantine *quarantine, struct chunk *chunk)
{
    // BEGIN STEP 4: return chunk;
    struct chunk **place = &quarantine->held[random_below(QUARANTINE_CHUNKS)];
    struct chunk *out = *place;

    *place = chunk;
    return out;
    // END STEP 4
}
