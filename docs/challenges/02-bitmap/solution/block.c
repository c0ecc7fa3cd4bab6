// SPDX-License-Identifier: MIT
//
// Chunks out of a block and back into it, by two levels of bits: the lowest free chunk is found by
// counting zeros twice. The memory of the chunks is not looked at.

#include "block.h"

#include "size_class.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORD_BITS = 64 };

void
block_open(struct block *block, unsigned c)
{
    block->chunk_bytes = (uint32_t)size_class_bytes(c);
    block->capacity = (uint32_t)(BLOCK_BYTES / block->chunk_bytes);
    block->used = 0;
    block->size_class = (uint8_t)c;
    block->words = 0;
    memset(block->free, 0, sizeof block->free);
    for (size_t first = 0; first < block->capacity; first += WORD_BITS) {
        size_t rest = block->capacity - first;
        block->free[first / WORD_BITS] = rest < WORD_BITS ? ((uint64_t)1 << rest) - 1 : ~0ull;
        block->words |= (uint64_t)1 << first / WORD_BITS;
    }
}

void *
block_take(struct block *block, char *start)
{
    unsigned word = (unsigned)__builtin_ctzll(block->words);
    unsigned bit = (unsigned)__builtin_ctzll(block->free[word]);

    block->free[word] &= block->free[word] - 1;
    if (block->free[word] == 0) {
        block->words &= block->words - 1;
    }
    block->used++;
    return start + (size_t)(word * WORD_BITS + bit) * block->chunk_bytes;
}

// What is not live must not be freed: nothing good can come of going on.
__attribute__((noreturn)) static void
block_refuse(void)
{
    static const char complaint[] = "libtiny: free() of what is not live\n";

    ssize_t said = write(2, complaint, sizeof complaint - 1);
    (void)said;
    abort();
}

void
block_put(struct block *block, void *p)
{
    uint32_t offset = (uint32_t)((uintptr_t)p % BLOCK_BYTES); // blocks begin at multiples

    if (block->state != BLOCK_CHUNKS || offset % block->chunk_bytes != 0) {
        block_refuse();
    }
    uint32_t chunk = offset / block->chunk_bytes;
    uint64_t *word = &block->free[chunk / WORD_BITS];
    uint64_t bit = (uint64_t)1 << chunk % WORD_BITS;
    if (chunk >= block->capacity || (*word & bit) != 0) {
        block_refuse();
    }
    *word |= bit;
    block->words |= (uint64_t)1 << chunk / WORD_BITS;
    block->used--;
}
