// SPDX-License-Identifier: MIT
//
// A block: 64 KiB, cut into chunks of one size, or part of a run for one large object. What is
// known of it stands in its descriptor, away from the objects: also which chunks are free.
//
//   words    a bit for each word of `free` that is not 0      0…0101
//                                                                | +--------+
//   free     a bit for each chunk that is not live      word 2 … 0010   word 0 … 0110
//
// Invariants
//   B1  A bit of `free` is set if and only if the chunk of that number may be taken.
//   B2  Bit w of `words` is set if and only if free[w] is not 0.
//   B3  used = capacity - the bits that are set in `free`.
//
// One thread at a time.

#ifndef TINY_BLOCK_H
#define TINY_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#define BLOCK_BYTES ((size_t)64 << 10)

enum block_state {
    BLOCK_FREE = 0, // nobody's
    BLOCK_CHUNKS,   // cut into chunks
    BLOCK_LARGE,    // the first block of a run that is one object
    BLOCK_TAIL,     // a later one
};

enum { BLOCK_WORDS = 64 }; // 64 times 64 chunks of 16 bytes are a block

struct block {
    uint64_t words;
    uint64_t free[BLOCK_WORDS];
    struct block *next, *previous; // in the heap's list of blocks with room
    uint32_t used;                 // chunks that are live
    uint32_t capacity;             // chunks that fit
    uint32_t chunk_bytes;
    uint32_t run_blocks; // length of a run, in its first block
    uint8_t size_class;
    uint8_t state; // enum block_state
};

// Makes a block ready for chunks of class `c`: all are free.
void block_open(struct block *block, unsigned c);

// Takes the lowest free chunk of a block that has room. `start` is the block's memory.
void *block_take(struct block *block, char *start);

// Puts a live chunk back. Ends the program when `p` is none of this block.
void block_put(struct block *block, void *p);

#endif
