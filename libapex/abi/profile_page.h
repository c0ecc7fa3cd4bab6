// SPDX-License-Identifier: MIT
//
// The profile page, version 1: what a process shows to apexd of its sampled allocations. A sealed
// memfd as the stats page is (abi/stats_page.h), written by the process alone, and made when the
// profile is first switched on. Shared by libapex, apexd and apexctl: fixed-width fields only,
// little-endian, 8-byte aligned.
//
//   0      struct apex_profile_header
//   …      stack_count × struct apex_profile_stack: who allocated, how much, how much of it is free
//   …      live_count × struct apex_profile_live: each sampled object that is live
//
// Sampling. Each allocation is taken with the probability 1 - exp(-b / rate): as if a Poisson
// process with one event in `rate` bytes ran along what is allocated. b is what was granted (the
// size of the class) for objects up to 64 KiB, and what was asked for above and in the hardened
// library. So a sampled object stands for weight = 1 / (1 - exp(-b / rate)) objects of its size;
// sums of weights are unbiased estimates of what was asked for, whatever the sizes and however the
// rate has changed meanwhile. Weights are in units of 1/256.
//
// Rules for writers: u64 are stored whole. A stack is complete when its `depth` is not 0, and does
// not change afterwards but for its counters, which only grow. A live entry is complete when
// `address` is above APEX_PROFILE_BUSY; that is stored last and erased first.
//
// Rules for readers: as in abi/stats_page.h: trust nothing, copy then check, read frees before
// allocs, bound every loop by what was checked.

#ifndef APEX_ABI_PROFILE_PAGE_H
#define APEX_ABI_PROFILE_PAGE_H

#include <stddef.h>
#include <stdint.h>

#define APEX_PROFILE_MAGIC UINT64_C(0x0046525058455041) // "APEXPRF\0"
#define APEX_PROFILE_MAJOR 1
#define APEX_PROFILE_MINOR 0
#define APEX_PROFILE_BYTE_ORDER UINT32_C(0x01020304)
#define APEX_PROFILE_DEPTH_MAX 32
#define APEX_PROFILE_STACKS 4096
#define APEX_PROFILE_LIVE 32768 // 16 GiB of live memory at a sample in 512 KiB
#define APEX_PROFILE_BUSY 1
#define APEX_PROFILE_WEIGHT_ONE 256

struct apex_profile_header {
    uint64_t magic; // APEX_PROFILE_MAGIC
    uint16_t major; // readers refuse another major version
    uint16_t minor;
    uint32_t header_bytes;
    uint32_t total_bytes; // of the page
    uint32_t byte_order;  // APEX_PROFILE_BYTE_ORDER
    uint64_t nonce;       // random, a new one for each page
    uint32_t pid;         // in the namespace of the process
    uint32_t stack_count;
    uint32_t stack_stride_bytes;
    uint32_t stack_offset_bytes;
    uint32_t live_count;
    uint32_t live_stride_bytes;
    uint32_t live_offset_bytes;
    uint32_t reserved;
    uint64_t rate_bytes;     // now; 0: off
    uint64_t start_ns;       // CLOCK_MONOTONIC when it was first switched on
    uint64_t samples;        // taken
    uint64_t dropped_live;   // not taken, for want of a place among the live objects
    uint64_t dropped_stacks; // taken, but entered without a stack for want of a place
};

struct apex_profile_sum {
    uint64_t samples;
    uint64_t weight; // sum over these samples; the estimated number of objects
    uint64_t bytes;  // the estimated number of bytes
};

struct apex_profile_stack {
    uint64_t hash;  // of the addresses; 0: nobody's
    uint32_t depth; // addresses in `pc`, innermost first; the place of stack 0 is for those without
    uint32_t reserved;
    struct apex_profile_sum frees; // of what is in allocs; before them, for who copies in order
    struct apex_profile_sum allocs;
    uint64_t pc[APEX_PROFILE_DEPTH_MAX];
};

struct apex_profile_live {
    uint64_t address; // what malloc returned; 0: free
    uint64_t size_bytes;
    uint64_t weight;
    uint64_t birth_ns; // CLOCK_MONOTONIC
    uint32_t stack;    // index
    uint32_t lead_bytes; // the writer's: from the start of the chunk to the object
};

struct apex_profile_page {
    struct apex_profile_header header;
    struct apex_profile_stack stack[APEX_PROFILE_STACKS];
    struct apex_profile_live live[APEX_PROFILE_LIVE];
};

_Static_assert(sizeof(struct apex_profile_header) == 104, "layout of the header");
_Static_assert(sizeof(struct apex_profile_stack) == 64 + 8 * APEX_PROFILE_DEPTH_MAX,
               "layout of a stack");
_Static_assert(sizeof(struct apex_profile_live) == 40, "layout of a live object");

#endif
