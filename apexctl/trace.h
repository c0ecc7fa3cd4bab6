// SPDX-License-Identifier: MIT
//
// What a program did with its heap, call by call: the file that the recorder writes
// (libapex/abi/trace.h), and what becomes of it once the program has ended: calls in their order,
// in which each free knows the allocation that it ends. The calls lie in memory that a replayer
// (replay.c) can share. One thread.
//
// The program had the file in its own memory, and may have written anything into it: what makes no
// sense is left out, and counted.

#ifndef APEXCTL_TRACE_H
#define APEXCTL_TRACE_H

#include "libapex/abi/trace.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum trace_op {
    TRACE_ALLOC,
    TRACE_ZEROED,
    TRACE_ALIGNED,
    TRACE_ENTER, // an allocation by realloc, of the object that `of`, a TRACE_LEAVE, took out
    TRACE_STAY,  // realloc was refused: the object is back where it was
    TRACE_FREE,
    TRACE_LEAVE,
};

struct trace_call {
    uint64_t time_ns;
    uint64_t address;
    uint64_t requested; // bytes, as the next
    uint64_t usable;
    uint32_t thread; // from 1 to struct trace.threads
    uint32_t of;     // the call that is meant; see above; of FREE and LEAVE the one that allocated
    uint8_t op;      // enum trace_op
    uint8_t align_log2;
};

struct trace {
    struct trace_call *call;
    size_t count;
    uint32_t threads;
    uint64_t lost;    // calls behind the last one that there was room for
    uint64_t torn;    // whose thread ended before they were written
    uint64_t unknown; // frees of what was not live, and records that make no sense
    uint32_t others;  // processes that were not recorded
    uint32_t early;   // calls before recording began
    int fd;           // of the memory that `call` lies in
    size_t bytes;
};

struct trace_file {
    int fd;
    size_t bytes;
    struct apex_trace_header *header;
};

// Whether the call makes an object.
static inline bool
trace_is_birth(const struct trace_call *call)
{
    return call->op <= TRACE_STAY;
}

// Memory that no other file has and that goes with its last user. Returns its descriptor, closed
// on exec, and maps it; -1 (errno) when there is none. It is all there, so that writing to it
// cannot fail later.
int trace_memory(const char *name, size_t bytes, void **map);

// An empty file for so many records. False (errno) when there is no memory for it.
bool trace_file_open(struct trace_file *file, uint64_t events);
void trace_file_close(struct trace_file *file);

// Whether a program has come and written.
bool trace_file_used(const struct trace_file *file);

// Takes the file apart. False when memory is short. trace_free() it.
bool trace_read(struct trace *trace, const struct trace_file *file);

// The same calls, for a replayer to fill in others' addresses. False when memory is short.
bool trace_copy(struct trace *copy, const struct trace *trace);

void trace_free(struct trace *trace);

#endif
