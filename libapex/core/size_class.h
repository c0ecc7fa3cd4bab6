// SPDX-License-Identifier: MIT
//
// From a request to a size class. Steps of 16 bytes up to 256, from there eight classes for each
// doubling, up to 64 KiB: a chunk is at most 12.5 % larger than what was asked for above 128 bytes,
// and at most 15 bytes larger below. Then steps of 64 KiB up to 1 MiB, each chunk a run of blocks
// of its own: what the program does not touch of its end costs address space only.
//
//   class   0..15    16, 32, … 256
//   class  16..23    288, 320, … 512          (step 32)
//   class  24..31    576, … 1024              (step 64)
//   …
//   class  72..79    36 KiB, … 64 KiB         (step 4 KiB)
//   class  80..94    128 KiB, … 1 MiB         (step 64 KiB)
//
// Immutable after compile time; any thread.

#ifndef APEX_CORE_SIZE_CLASS_H
#define APEX_CORE_SIZE_CLASS_H

#include "base/bits.h"
#include "core/geometry.h"

#define CLASS_COUNT 95
#define CLASS_RUN 80 // from here on a chunk is a run of blocks
#define CLASS_TABLE_BYTES_MAX 8192 // requests up to here are looked up, larger ones computed
#define CLASS_NONE CLASS_COUNT
#define CARVE_COUNT_MAX 64 // chunks that are added to a free list at a time

// A granule is 16 bytes, the alignment of chunks.
struct size_class {
    uint32_t chunk_bytes;
    uint16_t capacity;      // chunks in a block or run
    uint16_t long_capacity; // and in a long run
    uint8_t run_blocks;     // 64 KiB blocks in the run
    uint8_t long_blocks;
    uint8_t carve_count;    // chunks to add to the free list at a time
    uint8_t turn;           // chunk_bytes is 2^turn times an odd number,
    uint16_t lead;          // bytes of the block in front of the first chunk
    uint64_t inverse;       // of which this is the inverse modulo 2^64 (block.h:block_chunk_index)
};

extern const struct size_class size_classes[CLASS_COUNT];
extern const uint8_t size_class_table[CLASS_TABLE_BYTES_MAX / ALIGN_BYTES + 1];

// `size` is at most CLASS_TABLE_BYTES_MAX; 0 counts as 1.
FAST unsigned
size_class_small(size_t size)
{
    return size_class_table[(size + ALIGN_BYTES - 1) >> ALIGN_SHIFT];
}

// `size` from 257 to CHUNK_BYTES_MAX. Up to 64 KiB eight classes share each power of two: the
// position of the top bit of size-1 gives the group, the three bits below it the place in it.
FAST unsigned
size_class_computed(size_t size)
{
    size_t last = size - 1;
    unsigned top = bits_log2(last);

    if (last >= BLOCK_BYTES) {
        return CLASS_RUN - 1 + (unsigned)((last + RUN_LOSS_BYTES) >> BLOCK_SHIFT);
    }
    return 16 + (top - 8) * 8 + (unsigned)((last >> (top - 3)) & 7);
}

// Any `size` up to CHUNK_BYTES_MAX.
FAST unsigned
size_class_of(size_t size)
{
    return likely(size <= CLASS_TABLE_BYTES_MAX) ? size_class_small(size)
                                                 : size_class_computed(size);
}

// `size` rounded up so that the objects of its class are all aligned to `align`, a power of two up
// to OBJECT_ALIGN_MAX. Blocks are 64 KiB-aligned, so it is enough that the chunk size is a multiple
// of `align`; and a multiple of `align` that is no class itself lies between two whose distance is
// larger than `align`, and both of which are therefore multiples of it.
FAST size_t
size_class_round(size_t size, size_t align)
{
    size = size == 0 ? 1 : size;
    return bits_align_up(size, align < ALIGN_BYTES ? ALIGN_BYTES : align);
}

// The class for `size` aligned to `align`, a power of two; CLASS_NONE when no class will do.
unsigned size_class_aligned(size_t size, size_t align);

#endif
