// SPDX-License-Identifier: MIT
//
// A fuzz target that looks at little: each byte is the size of an object, whose life is short.

#include "target.h"

#include "pool.h"

enum { POOL_BYTES = 4096 };

void
target(const unsigned char *data, size_t bytes)
{
    static _Alignas(16) char memory[POOL_BYTES];
    struct pool pool;

    pool_init(&pool, memory, sizeof memory);
    for (size_t i = 0; i < bytes; i++) {
        void *object = pool_take(&pool, data[i]);
        if (object == NULL) {
            target_found("an empty pool has no room");
        }
        pool_give(&pool, object);
    }
}
