// SPDX-License-Identifier: MIT
//
// Makes freed memory read as zero, and looks whether it still does (hardened profile).
//
// Short ranges are overwritten. Of those longer than 32 KiB the kernel is asked which pages are
// there: a program touches little of many of its large buffers, and to bring in the rest only to
// zero it would cost a page fault for each 4 KiB. What is there is overwritten and stays, since the
// next owner would have to fault it in again, which takes ten times as long as to zero it.
//
// The memory belongs to the calling thread. No locks.

#ifndef APEX_CORE_WIPE_H
#define APEX_CORE_WIPE_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WIPE_SHORT_BYTES 1024   // up to here without a call
#define WIPE_DENSE_BYTES 32768u // and up to here without a system call

typedef uint64_t wipe_vector __attribute__((vector_size(16)));

FAST wipe_vector
wipe_load(const char *at)
{
    wipe_vector v;

    memcpy(&v, at, sizeof v);
    return v;
}

FAST wipe_vector
wipe_load_64(const char *at)
{
    return wipe_load(at) | wipe_load(at + 16) | wipe_load(at + 32) | wipe_load(at + 48);
}

// The two for short ranges walk in steps of 64 bytes and end with a step that overlaps the one
// before, so that there is one branch that sizes at random make unpredictable, not one for each
// power of two. `bytes` at least 8.
FAST bool
wipe_holds_short(const char *at, size_t bytes)
{
    const char *end = at + bytes;
    wipe_vector sum = {0, 0};

    if (likely(bytes >= 64)) {
        for (; end - at > 64; at += 64) {
            sum |= wipe_load_64(at);
        }
        sum |= wipe_load_64(end - 64);
    } else if (bytes >= 32) {
        sum |= wipe_load(at) | wipe_load(at + 16) | wipe_load(end - 32) | wipe_load(end - 16);
    } else if (bytes >= 16) {
        sum |= wipe_load(at) | wipe_load(end - 16);
    } else {
        uint64_t first;
        uint64_t last;
        memcpy(&first, at, sizeof first);
        memcpy(&last, end - sizeof last, sizeof last);
        sum[0] = first | last;
    }
    return (sum[0] | sum[1]) == 0;
}

FAST void
wipe_short(char *at, size_t bytes)
{
    char *end = at + bytes;

    if (likely(bytes >= 64)) {
        for (; end - at > 64; at += 64) {
            memset(at, 0, 64);
            // Or clang makes one memset of the loop, which may be that of guard/copy.c.
            __asm__("" : "+r"(at));
        }
        memset(end - 64, 0, 64);
    } else if (bytes >= 32) {
        memset(at, 0, 32);
        memset(end - 32, 0, 32);
    } else if (bytes >= 16) {
        memset(at, 0, 16);
        memset(end - 16, 0, 16);
    } else {
        memset(at, 0, 8);
        memset(end - 8, 0, 8);
    }
}

// Makes any number of bytes read as zero.
void wipe(char *at, size_t bytes);

// True if any number of bytes, at least 8, read as zero. What of a long range is in swap is not
// brought back to be looked at, and counts as zero.
bool wipe_holds(const char *at, size_t bytes);

#endif
