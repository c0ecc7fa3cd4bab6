// SPDX-License-Identifier: MIT
//
// What the recorder (trace/record.c) and `apexctl trace` share: a file in memory, made and owned by
// apexctl, in which a program that is traced writes a record for each call of malloc and its kin.
// The program finds it by a variable of its environment. Records are claimed by one counter, which
// makes their order the order of the calls; see docs/decisions/0028-a-recorder-in-front.md.
//
// apexctl reads only when the program has ended, and believes nothing of what it finds.

#ifndef APEX_ABI_TRACE_H
#define APEX_ABI_TRACE_H

#include <stdint.h>

#define APEX_TRACE_VARIABLE "APEX_TRACE" // path of the file
#define APEX_TRACE_MAGIC UINT64_C(0x0145434152545841)
#define APEX_TRACE_EVENTS_AT 4096 // where the records begin in the file
#define APEX_TRACE_EVENTS_MAX 10000000

// Frees are written before they are done and allocations after, so that an address that goes from
// one thread to another is never live twice. realloc is both: LEAVE before, ENTER after.
enum apex_trace_op {
    APEX_TRACE_NONE, // claimed, but its thread ended before it was written
    APEX_TRACE_ALLOC,
    APEX_TRACE_ZEROED, // calloc
    APEX_TRACE_ALIGNED,
    APEX_TRACE_FREE,
    APEX_TRACE_LEAVE,
    APEX_TRACE_ENTER, // address 0: refused, or freed by a size of 0
    APEX_TRACE_OP_COUNT
};

struct apex_trace_event {
    uint64_t what;    // apex_trace_what(): written last
    uint64_t time_ns; // since start_ns
    uint64_t address;
    uint64_t requested; // bytes; 0 for FREE and LEAVE, as is
    uint64_t usable;    // malloc_usable_size()
};

struct apex_trace_header {
    uint64_t magic;
    uint64_t limit;      // records that there is room for
    uint64_t start_ns;   // of CLOCK_MONOTONIC
    uint32_t pid;        // of the one process that writes; 0: the next that comes
    uint32_t generation; // programs that this process has been, by exec; the last one counts
    uint32_t others;     // processes that would have written, too: its children
    uint32_t early;      // calls before there was an environment to look into
    uint32_t threads;    // numbered so far, from 1
    uint32_t unused;
    // Records claimed: more than `limit`, if that was too few.
    uint64_t next __attribute__((aligned(64)));
};

static inline uint64_t
apex_trace_what(enum apex_trace_op op, unsigned align_log2, uint32_t generation, uint32_t thread)
{
    return (uint64_t)thread << 32 | (uint64_t)(generation & 0xffff) << 16 |
           (uint64_t)(align_log2 & 0xff) << 8 | (uint64_t)op;
}

#endif
