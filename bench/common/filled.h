// SPDX-License-Identifier: MIT
//
// Objects for measuring memory: every byte is written, so that all that is paid for is resident.

#ifndef APEX_BENCH_COMMON_FILLED_H
#define APEX_BENCH_COMMON_FILLED_H

#include "common/object.h"

#include <string.h>

// Of OBJECT_MIN_BYTES or more; for object_free().
static inline void *
filled_new(size_t bytes)
{
    void *p = malloc(bytes);

    if (p == NULL) {
        bench_die("malloc");
    }
    memset(p, 1, bytes);
    return object_start(p);
}

// By how much RSS, now, is above `base_bytes`.
static inline double
filled_rss_above(size_t base_bytes)
{
    size_t now_bytes = bench_rss_bytes();

    return now_bytes > base_bytes ? (double)(now_bytes - base_bytes) : 0;
}

#endif
