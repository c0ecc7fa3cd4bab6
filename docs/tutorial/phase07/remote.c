// SPDX-License-Identifier: MIT
//
// The release and the acquire are one pair (M2). Without the release, the owner could see the new
// `first` before the chunk's link; without the acquire, it could follow the link before it sees it.

#include "remote.h"

#include <stddef.h>

void
remote_push(struct remote *remote, struct chunk *chunk)
{
    struct chunk *first = atomic_load_explicit(&remote->first, memory_order_relaxed);

    do {
        chunk_set_next(chunk, first);
    } while (!atomic_compare_exchange_weak_explicit(&remote->first, &first, chunk,
                                                    memory_order_release, memory_order_relaxed));
}

struct chunk *
remote_take_all(struct remote *remote)
{
    return atomic_exchange_explicit(&remote->first, NULL, memory_order_acquire);
}
