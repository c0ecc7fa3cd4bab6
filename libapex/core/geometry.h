// SPDX-License-Identifier: MIT
//
// The sizes everything stands on, each named once, and the words for them.
//
//   superblock   4 MiB of address space, 4 MiB-aligned: masking an address finds it.
//   block        64 KiB of a superblock; one size class, one owner. Some classes use a run.
//   run          blocks in a row that serve as one.
//   chunk        what malloc returns, for requests up to 1 MiB.
//   large        a mapping of its own, for requests above 1 MiB.
//   page         always a page of the operating system, never one of ours.
//
//   superblock                                                    one descriptor (128 bytes)
//   +---------+---------+---------+--     --+---------+           +--------------------------+
//   | block 0 | block 1 | block 2 |   ...   | block 63|           | line 0: the owner's      |
//   | descr.  | chunks  | chunks  |         | chunks  |           +--------------------------+
//   +---------+---------+---------+--     --+---------+           | line 1: everybody's      |
//    ^ 64 descriptors, 8 KiB, at one of 8 offsets (colour)        +--------------------------+
//
// Colour: descriptor tables at the same offset in every superblock would all compete for the same
// cache sets. Three low bits of the superblock's number choose which eighth of block 0 holds the
// table, and cost nothing: one shift and one mask of the address yield both colour and index.

#ifndef APEX_CORE_GEOMETRY_H
#define APEX_CORE_GEOMETRY_H

#include "base/compiler.h"
#include "base/profile.h"

#include <stddef.h>
#include <stdint.h>

#define SUPERBLOCK_SHIFT 22
#define SUPERBLOCK_BYTES (UINT64_C(1) << SUPERBLOCK_SHIFT)
#define SUPERBLOCK_MASK (SUPERBLOCK_BYTES - 1)

#define BLOCK_SHIFT 16
#define BLOCK_BYTES (UINT64_C(1) << BLOCK_SHIFT)
#define BLOCK_MASK (BLOCK_BYTES - 1)
#define BLOCK_COUNT ((unsigned)(SUPERBLOCK_BYTES / BLOCK_BYTES))

#define DESCRIPTOR_SHIFT 7
#define DESCRIPTOR_BYTES (UINT64_C(1) << DESCRIPTOR_SHIFT)

// Where in block 0 the table may lie. With guards it keeps away from both ends, and there are four
// places instead of eight.
#define DESCRIPTOR_OFFSET_MIN (PROFILE_GUARD ? BLOCK_BYTES / 4 : 0)
#define DESCRIPTOR_OFFSET_MASK ((PROFILE_GUARD ? BLOCK_BYTES / 2 : BLOCK_BYTES) - DESCRIPTOR_BYTES)

#define ALIGN_BYTES 16 // alignment of every chunk, and the smallest chunk
#define ALIGN_SHIFT 4

// Where chunks begin between multiples of ALIGN_BYTES, so that objects begin at them.
#define CHUNK_OFFSET ((ALIGN_BYTES - HEADER_BYTES) % ALIGN_BYTES)

// The largest alignment that size classes provide: a multiple of it is aligned to it. With a header
// in front of each object the first chunk of a block begins later, by so much less the header.
#define OBJECT_ALIGN_MAX (PROFILE_HEADER ? 4096u : 65536u)
#define LEAD_BYTES_MAX (PROFILE_HEADER ? OBJECT_ALIGN_MAX - HEADER_BYTES : 0u)

#define RUN_BYTES_MAX (1u << 20)
// What a run of its own has no room for: the lead, in multiples of 16, and the guard.
#define RUN_LOSS_BYTES ((PROFILE_HEADER ? OBJECT_ALIGN_MAX : 0u) + GUARD_BYTES)
#define CHUNK_BYTES_MAX (RUN_BYTES_MAX - RUN_LOSS_BYTES) // larger requests get a mapping

// User addresses: 47 bits on x86-64, 48 on AArch64. The kernel gives more only when asked to.
#if defined(__x86_64__)
#define ADDRESS_BITS 47
#else
#define ADDRESS_BITS 48
#endif

_Static_assert(BLOCK_COUNT == 64, "one bit for each block in a 64-bit set");
_Static_assert(SUPERBLOCK_BYTES % (UINT64_C(2) << 20) == 0, "halves are huge-page candidates");
_Static_assert(BLOCK_COUNT * DESCRIPTOR_BYTES * 8 == BLOCK_BYTES, "eight colours fill block 0");

// Bits above the user address space are dropped, so that a wild pointer that looks like one of ours
// leads to memory that is there.
FAST char *
geometry_superblock_base(const void *p)
{
    return (char *)((uintptr_t)p & ~SUPERBLOCK_MASK & ((UINT64_C(1) << ADDRESS_BITS) - 1));
}

// Descriptor of the 64 KiB in which `p` lies. `p` must lie in a superblock.
FAST void *
geometry_descriptor(const void *p)
{
    uintptr_t offset = ((uintptr_t)p >> (BLOCK_SHIFT - DESCRIPTOR_SHIFT)) & DESCRIPTOR_OFFSET_MASK;
    return geometry_superblock_base(p) + DESCRIPTOR_OFFSET_MIN + offset;
}

// Index of the block that a descriptor is about.
FAST unsigned
geometry_descriptor_index(const void *descriptor)
{
    uintptr_t table_bytes = BLOCK_COUNT * DESCRIPTOR_BYTES;
    return (unsigned)(((uintptr_t)descriptor & (table_bytes - 1)) >> DESCRIPTOR_SHIFT);
}

// Index of the 64 KiB in which `p` lies, in its superblock: 0 to 63.
FAST unsigned
geometry_block_index(const void *p)
{
    return (unsigned)(((uintptr_t)p & SUPERBLOCK_MASK) >> BLOCK_SHIFT);
}

#endif
