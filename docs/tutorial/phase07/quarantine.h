// SPDX-License-Identifier: MIT
//
// What was freed stays away for a while: a pointer that is still used then finds nobody else's
// object there, and whoever frees and allocates cannot foretell which address comes back.
//
// One thread at a time.

#ifndef TINY_QUARANTINE_H
#define TINY_QUARANTINE_H

#include "block.h"

enum { QUARANTINE_CHUNKS = 64, QUARANTINE_BYTES_MAX = 1024 };

struct quarantine {
    struct chunk *held[QUARANTINE_CHUNKS];
};

// Holds a chunk, and gives out another that has been held, drawn at random. NULL while there is
// room.
struct chunk *quarantine_swap(struct quarantine *quarantine, struct chunk *chunk);

#endif
