// SPDX-License-Identifier: MIT
//
// Where the memory of a process goes that holds no objects, computed from its page: from the map
// (abi/stats_page.h), one pass over all blocks, and the counters of classes. Pure but for reading
// the page. One thread.
//
//   a block in use     | live, granted | live, … |  free chunks  | live … | loss |
//                        ^ of which some were not asked for: internal      ^ no chunk fits
//
// The program's requests are not known, the fast path counts nothing: `internal` is estimated from
// the distance of the classes. If all sizes between two classes are as frequent, half of the
// distance is lost for each object; all of it but one byte at most.

#ifndef APEXD_FRAG_H
#define APEXD_FRAG_H

#include "apexd/page_map.h"

#define FRAG_ADVICE_MAX 8
#define FRAG_TEXT_BYTES 320

struct frag_class {
    uint64_t size_bytes;     // of a chunk; 0: no such class
    uint64_t blocks;         // of 64 KiB, in use or idle
    uint64_t live;           // chunks
    uint64_t capacity;       // chunks that blocks in use have room for
    uint64_t live_bytes;     // and what they take
    uint64_t internal_bytes; // of that, not asked for: an estimate
    uint64_t internal_bytes_max;
    uint64_t free_bytes; // external: free chunks of blocks in use
    uint64_t loss_bytes; // at the ends of blocks in use
    uint64_t idle_bytes; // empty blocks that threads keep
};

struct frag_advice {
    const char *kind;
    uint64_t saves_bytes; // at most
    char text[FRAG_TEXT_BYTES];
    const char *option; // for `apexctl tune`, NULL when there is none that helps
};

struct frag {
    unsigned class_count;
    struct frag_class class[PAGE_MAP_CLASSES_MAX];
    struct frag_class sum;      // over all classes
    uint64_t large_bytes;       // live large objects
    uint64_t large_cached_bytes;
    uint64_t dirty_bytes;       // free blocks that may have pages
    uint64_t clean_bytes;       // free blocks without
    uint64_t taken_bytes;       // on their way to a thread
    uint64_t orphan_free_bytes; // of `free_bytes`: in blocks of threads that have exited
    uint64_t metadata_bytes;
    uint64_t retained_bytes;    // as the books say, large objects included
    uint64_t superblocks_hidden; // of which the page does not tell
    uint64_t held_bytes;         // all of the above that may be in core
    unsigned advice_count;
    struct frag_advice advice[FRAG_ADVICE_MAX];
};

void frag_compute(struct frag *frag, const struct page_map *map, const struct page_snapshot *s);

#endif
