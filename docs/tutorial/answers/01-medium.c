// SPDX-License-Identifier: MIT
//
// Phase I, medium exercise: the last piece of the region goes back when it is freed. The arrow
// moves back only if it still points behind that piece: another thread may have taken the next one.
// calloc clears what it gives, so nobody counts on memory of the region reading as zero.
//
// IN region.h

// Gives back what was taken last. False, and nothing happens, if something was taken after it.
bool region_give_back(const void *start, size_t bytes);

// The next `bytes`, a multiple of 16: aligned to 16, with any contents. NULL when the region is
// used up, or when the kernel gave none.
void *region_take(size_t bytes);

// IN region.c

bool
region_give_back(const void *start, size_t bytes)
{
    size_t offset = (size_t)((const char *)start - atomic_load(&region_base));
    size_t end = offset + bytes;

    return atomic_compare_exchange_strong(&region_used, &end, offset);
}

// IN heap.c

// The piece is freed first: once it is given back it may be somebody else's.
void
heap_free(void *p)
{
    struct piece *piece = heap_piece_of(p);

    piece->kind = PIECE_FREED;
    region_give_back(piece, piece->bytes);
}
