// SPDX-License-Identifier: MIT
//
// The stats page, version 1: how a process shows its heap to apexd. One sealed memfd, written by
// the process alone, mapped read-only by the daemon. Shared by libapex, apexd and apexctl, so it
// includes nothing of libapex and has fixed-width fields only, little-endian, 8-byte aligned.
//
//   0      struct apex_stats_header        identity, versions, table of sections
//   …      APEX_SECTION_PROCESS            one struct apex_stats_process
//   …      APEX_SECTION_CLASS_SIZE         one uint64_t for each size class: chunk size in bytes
//   …      APEX_SECTION_THREAD             struct apex_stats_thread, one for each slot
//   …      APEX_SECTION_SCHEMA             struct apex_stats_schema rows: names, kinds, units
//   …      APEX_SECTION_OPTION             struct apex_stats_option rows: options and their values
//   …      APEX_SECTION_NODE               struct apex_stats_node rows, one for each NUMA node
//   …      APEX_SECTION_LARGE              struct apex_stats_large rows
//   …      APEX_SECTION_SUPERBLOCK         struct apex_stats_superblock rows, the last section: a
//                                          heap that has outgrown its page shows a longer one
//
// Rules for writers: each u64 is stored whole (relaxed atomic); a thread slot has one writer, its
// thread, except the last slot, which threads without a slot share by atomic addition. Counters
// only grow. A slot changes hands under its sequence word: odd while it changes.
//
// Rules for readers: trust nothing. Copy a value, then check it; bound every loop by the sizes
// in the section table after checking those against the size of the mapping; skip section types
// you do not know; use `stride`, not sizeof, to step (a later version may append fields). Read
// live_lost before live_gained, clamp differences at zero: values are not a snapshot across
// counters. A chunk may be gained by one thread and lost by another (blocks are adopted), so
// sum before you subtract.
//
// Error bound: class counters are settled on slow paths. What a thread has allocated or freed
// since is missing: at most one block (64 KiB or one run) for each class a thread uses, plus
// one eighth of each other block. A chunk that another thread freed counts as live until its
// owner drains it.
//
// The map. A row of the last two sections is in use while its `base` is not 0. The word of a block
// is stored whole, by the slow paths that settle the counters; so the map of a process that sleeps
// is right as it stands, but for what others have freed for it meanwhile, and for two things. A
// block in use is shown again when a quarter of its chunks has come or gone, or it is full: its
// fill may be less than that off. And of the empty blocks of one length that a thread keeps, the
// newest may still be shown as it was in use. A row whose superblock is being unmapped, or has just
// been made, may for a moment show words of both.
// Heaps beyond the largest page have superblocks without rows: compare their number with the value
// `superblocks`; and that of live large objects with `large_objects`.

#ifndef APEX_ABI_STATS_PAGE_H
#define APEX_ABI_STATS_PAGE_H

#include <stddef.h>
#include <stdint.h>

#define APEX_STATS_MAGIC UINT64_C(0x004d485358455041) // "APEXSHM\0"
#define APEX_STATS_MAJOR 1
#define APEX_STATS_MINOR 2 // 1: sections OPTION, LARGE and SUPERBLOCK; 2: NODE
#define APEX_STATS_BYTE_ORDER UINT32_C(0x01020304)
#define APEX_STATS_CLASSES 96 // room for size classes; unused ones have size 0
#define APEX_STATS_SLOTS 96   // thread slots, the last one shared
#define APEX_STATS_NODES 64   // NUMA nodes that are told apart
#define APEX_STATS_SECTIONS_MAX 16
#define APEX_STATS_NAME_MAX 32
#define APEX_STATS_PAGE_BYTES (256u << 10)      // at most, with the rows that every page has:
#define APEX_STATS_SUPERBLOCKS_MIN 64          // this many superblocks,
#define APEX_STATS_LARGE 512                   // and large objects, always
#define APEX_STATS_PAGE_BYTES_MAX (16u << 20)  // with rows for 240 GiB of superblocks
#define APEX_STATS_SUPERBLOCK_BLOCKS 64
#define APEX_STATS_BLOCK_BYTES (64u << 10)

enum apex_section_type {
    APEX_SECTION_NONE = 0,
    APEX_SECTION_PROCESS = 1,
    APEX_SECTION_CLASS_SIZE = 2,
    APEX_SECTION_THREAD = 3,
    APEX_SECTION_SCHEMA = 4,
    APEX_SECTION_SUPERBLOCK = 5,
    APEX_SECTION_LARGE = 6,
    APEX_SECTION_OPTION = 7, // since minor 1
    APEX_SECTION_NODE = 8,   // since minor 2
};

enum apex_stats_state {
    APEX_STATS_INIT = 0,
    APEX_STATS_READY = 1,
    APEX_STATS_EXITING = 2,
};

struct apex_stats_section {
    uint32_t type;         // enum apex_section_type
    uint32_t count;        // elements
    uint32_t stride_bytes; // from one element to the next
    uint32_t offset_bytes; // of the first element, from the start of the page
};

struct apex_stats_header {
    uint64_t magic; // APEX_STATS_MAGIC
    uint16_t major; // readers refuse another major version
    uint16_t minor; // grows when fields or sections are appended
    uint32_t header_bytes;
    uint32_t total_bytes;
    uint32_t byte_order;   // APEX_STATS_BYTE_ORDER
    uint64_t features;     // bit set, none defined in version 1
    uint64_t nonce;        // random, a new one for each page
    uint32_t sequence;     // odd while the identity below changes
    uint32_t state;        // enum apex_stats_state
    uint32_t pid;          // in the namespace of the process; the kernel attests the real one
    uint32_t sections;     // entries used in `section`
    uint64_t start_ns;     // CLOCK_MONOTONIC when the page was made
    uint64_t published_ns; // CLOCK_MONOTONIC (coarse) of the newest store by any thread
    char comm[16];         // program name, NUL-terminated
    char version[32];      // libapex version, NUL-terminated
    struct apex_stats_section section[APEX_STATS_SECTIONS_MAX];
};

struct apex_stats_process {
#define STAT_PROCESS(name, kind, unit, text) uint64_t name;
#include "../tables/stats.def"
};

// live_gained - live_lost is the number of live chunks of the class that belong to this
// thread's blocks. Not numbers of calls: the fast path counts nothing, so a slow path sees only
// by how much the live count of a block has risen or fallen since it was last settled.
struct apex_stats_class {
    uint64_t live_gained; // sum of the rises
    uint64_t live_lost;   // sum of the falls; read it before live_gained
};

// Bits of `flags` of a node.
#define APEX_NODE_USED 1u    // the row means something
#define APEX_NODE_MEMORY 2u  // the node has memory
#define APEX_NODE_CPUS 4u    // it has processors
#define APEX_NODE_ALLOWED 8u // the process may take memory of it (Mems_allowed)
#define APEX_NODE_NONE UINT32_MAX

// One NUMA node. Every figure of memory is by the home of the superblock, which is the node of the
// thread that took it from the kernel. Where pages really are, `sampled`, `at_home` and `found`
// tell: libapex asks the kernel about a random few when the advice page wants it to.
struct apex_stats_node {
    uint32_t node;  // as the kernel numbers it; rows are in rising order, but for nodes that nobody
                    // expected, which come last, and beyond APEX_STATS_NODES share the last row
    uint32_t flags; // bits above
#define STAT_NODE(name, kind, unit, text) uint64_t name;
#include "../tables/stats.def"
};

_Static_assert(sizeof(struct apex_stats_node) % 8 == 0, "rows are 8-byte aligned");

enum apex_slot_state {
    APEX_SLOT_FREE = 0,
    APEX_SLOT_LIVE = 1,
    APEX_SLOT_EXITED = 2, // its totals stay; the next thread that takes the slot goes on counting
};

struct apex_stats_thread {
    uint32_t sequence; // odd while the slot changes hands
    uint32_t state;    // enum apex_slot_state
    uint32_t tid;      // in the namespace of the process
    uint32_t node;     // NUMA node last seen on a slow path
    struct apex_stats_class class[APEX_STATS_CLASSES]; // before the counters, which may grow
#define STAT_THREAD(name, kind, unit, text) uint64_t name;
#include "../tables/stats.def"
};

// What a block is. Readers take a state that they do not know for one in use.
enum apex_block_state {
    APEX_BLOCK_NONE = 0,      // no such block
    APEX_BLOCK_HEADER = 1,    // holds the descriptors of the others
    APEX_BLOCK_CLEAN = 2,     // free; was never used, or its pages were given back
    APEX_BLOCK_DIRTY = 3,     // free, and may have pages
    APEX_BLOCK_TAKEN = 4,     // on its way from the pool to a thread
    APEX_BLOCK_CURRENT = 5,   // its thread allocates from it
    APEX_BLOCK_AVAILABLE = 6, // in use, with room
    APEX_BLOCK_FULL = 7,      // in use, with hardly any room
    APEX_BLOCK_IDLE = 8,      // empty, kept by a thread for its next need; may have pages
    APEX_BLOCK_TAIL = 9,      // belongs to the run that began `fill` blocks before
    APEX_BLOCK_STATE_COUNT
};

#define APEX_OWNER_NONE 255   // `owner` of a block that nobody owns
#define APEX_OWNER_ORPHAN 254 // of one whose thread has exited

struct apex_stats_block {
    uint8_t class; // index into the class sizes; means something in use and idle only
    uint8_t state; // enum apex_block_state
    uint8_t owner; // thread slot, or one of the above
    uint8_t fill;  // live chunks when shown: 255 * live / capacity, rounded up, 255 only if full
};

#define APEX_SUPERBLOCK_HUGE 1u // bit of `flags`: huge pages were asked for

struct apex_stats_superblock {
    uint64_t base;  // address; stored last when the row comes into use, cleared first afterwards
    uint32_t flags; // bits above
    uint32_t node;  // NUMA node that is its home
    struct apex_stats_block block[APEX_STATS_SUPERBLOCK_BLOCKS];
};

enum apex_large_state {
    APEX_LARGE_NONE = 0,
    APEX_LARGE_LIVE = 1,
    APEX_LARGE_CACHED = 2, // freed, and kept with its pages for the next request
    APEX_LARGE_PARKED = 3, // freed, and address space only
};

struct apex_stats_large {
    uint64_t base;  // address
    uint64_t bytes; // whole pages
    uint32_t state; // enum apex_large_state
    uint32_t reserved;
};

enum apex_stat_kind { APEX_STAT_COUNTER = 0, APEX_STAT_GAUGE = 1 };

struct apex_stats_schema {
    uint32_t section;      // enum apex_section_type the field is in
    uint32_t offset_bytes; // of the field, in its element
    uint32_t kind;         // enum apex_stat_kind
    uint32_t reserved;
    char name[APEX_STATS_NAME_MAX];
    char unit[8];
};

enum apex_option_type {
    APEX_OPTION_BYTES = 0,
    APEX_OPTION_MS = 1,
    APEX_OPTION_PERCENT = 2,
    APEX_OPTION_BOOL = 3,
    APEX_OPTION_CHOICE = 4,
    APEX_OPTION_PATH = 5, // its value is not shown
    APEX_OPTION_COUNT = 6,
    APEX_OPTION_NODE = 7, // a node as the kernel numbers it; since minor 2, as the one before
};

#define APEX_OPTION_NODE_NONE 1024u // value of an option of type NODE: no node

struct apex_stats_option {
    char key[24];    // NUL-terminated, as the next
    char unit[24];   // of a choice the words, in order of value, parted by `|`
    uint32_t type;   // enum apex_option_type
    uint32_t live;   // 1: may change while the process runs
    uint64_t min;    // both inside
    uint64_t max;
    uint64_t initial;
    uint64_t own;    // what the process wants itself
    uint64_t value;  // what is in force: `own`, or what apexd advised
};

_Static_assert(sizeof(struct apex_stats_option) == 96, "layout of a row");
_Static_assert(sizeof(struct apex_stats_header) == 120 + 16 * 16, "layout of the header");
_Static_assert(sizeof(struct apex_stats_thread) % 8 == 0, "slots are 8-byte aligned");
_Static_assert(offsetof(struct apex_stats_thread, class) == 16, "readers find the classes here");
_Static_assert(sizeof(struct apex_stats_schema) == 16 + APEX_STATS_NAME_MAX + 8, "layout of a row");
_Static_assert(sizeof(struct apex_stats_block) == 4, "a block is stored as one word");
_Static_assert(sizeof(struct apex_stats_superblock) == 16 + 256, "layout of a superblock");
_Static_assert(sizeof(struct apex_stats_large) == 24, "layout of a large object");
_Static_assert(sizeof(struct apex_stats_header) + sizeof(struct apex_stats_process) +
                       8 * APEX_STATS_CLASSES +
                       APEX_STATS_SLOTS * sizeof(struct apex_stats_thread) + 96 * 64 +
                       64 * sizeof(struct apex_stats_option) +
                       APEX_STATS_NODES * sizeof(struct apex_stats_node) +
                       APEX_STATS_LARGE * sizeof(struct apex_stats_large) +
                       APEX_STATS_SUPERBLOCKS_MIN * sizeof(struct apex_stats_superblock) <=
                   APEX_STATS_PAGE_BYTES,
               "everything fits the page");

#endif
