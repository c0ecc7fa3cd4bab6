// SPDX-License-Identifier: MIT
//
// Bins of empty blocks. Owner only.

#include "policy/idle.h"

// How many blocks of the right length to look through for one of the right class, whose chunks are
// carved and linked already.
#define LOOK_MAX 4

void
idle_init(struct idle *idle)
{
    for (unsigned n = 0; n <= IDLE_LENGTH_MAX; n++) {
        list_init(&idle->bin[n]);
    }
    idle->bins = 0;
    idle->blocks = 0;
    idle->hand = 0;
}

struct block *
idle_find(const struct idle *idle, unsigned c, unsigned length, unsigned length_max)
{
    struct block *newest = idle_newest(idle, length, length_max);
    struct block *b = newest;

    for (unsigned looked = 0; b != NULL && looked < LOOK_MAX; looked++) {
        if (b->size_class == c) {
            return b;
        }
        bool last = b->link.next == &idle->bin[b->run_blocks];
        b = last ? NULL : list_entry(b->link.next, struct block, link);
    }
    return newest;
}

struct block *
idle_victim(struct idle *idle)
{
    if (idle->bins == 0) {
        return NULL;
    }
    uint32_t above = idle->bins & ~(uint32_t)bits_range(0, idle->hand + 1);
    idle->hand = bits_lowest(above != 0 ? above : idle->bins);
    return list_entry(idle->bin[idle->hand].prev, struct block, link);
}
