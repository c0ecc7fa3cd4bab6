// SPDX-License-Identifier: MIT
//
// One call of the library, made by one of two threads while the other waits: so a run can be
// repeated, and yet frees cross threads, and threads end and leave blocks behind.

#ifndef APEX_TESTS_FUZZ_CALLS_H
#define APEX_TESTS_FUZZ_CALLS_H

#include "core/seal.h"
#include "policy/heap.h"

#include <stdbool.h>
#include <stddef.h>

enum call_what {
    CALL_ALLOC, // malloc, new, new[], by kind; aligned if `align` is not 0
    CALL_CALLOC,
    CALL_REALLOC,
    CALL_FREE, // free, delete, delete[], by kind; sized if `size` is not SEAL_ANY_SIZE
    CALL_USABLE_SIZE,
    CALL_CHECK_RANGE, // of `size` bytes
    CALL_TRIM,    // and with it, what is in quarantine leaves it
    CALL_INSPECT, // the last look of the thread's heap
    CALL_AUDIT,   // debug builds: its invariants
};

struct call {
    enum call_what what;
    void *p;
    size_t size;
    size_t align;
    enum seal_kind kind;
    void *result;
    size_t number;           // what CALL_USABLE_SIZE and CALL_CHECK_RANGE say
    int error;               // errno, which was CALL_ERRNO before
    const struct heap *heap; // of the thread that made the call
};

#define CALL_ERRNO 4711

// The lines of faults are those of this call afterwards.
void call_make(struct call *call, bool helper);

// The second thread ends, and what it leaves is an orphan; another one takes its place.
void call_renew_helper(void);

#endif
