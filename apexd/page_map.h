// SPDX-License-Identifier: MIT
//
// The stats page of a stranger (libapex/abi/stats_page.h): accept it, read it, notice when it
// is given up. The stranger may be hostile and may write while we read. So: only memory that
// cannot be taken away from under us is accepted; every value is copied before it is checked,
// and used as copied; every loop is bounded by what was checked. One thread.

#ifndef APEXD_PAGE_MAP_H
#define APEXD_PAGE_MAP_H

#include "apexd/page_fields.h"
#include "libapex/abi/hello.h"
#include "libapex/abi/stats_page.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE_MAP_BYTES_MIN 4096u
#define PAGE_MAP_BYTES_MAX APEX_STATS_PAGE_BYTES_MAX
#define PAGE_MAP_SLOTS_MAX 1024u
#define PAGE_MAP_CLASSES_MAX APEX_STATS_CLASSES
#define PAGE_MAP_FIELDS_MAX PAGE_FIELDS_MAX
#define PAGE_MAP_OPTIONS_MAX 64u
#define PAGE_MAP_SUPERBLOCK_BYTES \
    ((uint64_t)APEX_STATS_SUPERBLOCK_BLOCKS * APEX_STATS_BLOCK_BYTES)
#define PAGE_MAP_NODES_MAX APEX_STATS_NODES

// An option of the process and its two values.
struct page_option {
    char key[24];  // lower case letters, digits and _, NUL-terminated
    char unit[24]; // the same; of a choice the words, in order of value, parted by `|`
    enum apex_option_type type;
    bool live; // may be changed
    uint64_t min;
    uint64_t max;
    uint64_t initial;
    uint64_t own;   // what the process wants itself
    uint64_t value; // what is in force
};

// What is told of each NUMA node, by the names of stats.def. What a page has besides is left out.
enum page_node_value {
#define STAT_NODE(name, kind, unit, text) PAGE_NODE_##name,
#include "libapex/tables/stats.def"
    PAGE_NODE_VALUES
};

struct page_node_field {
    bool is_gauge;
    const char *name;
    const char *unit; // "bytes" or "count"
    const char *text;
};

extern const struct page_node_field page_node_field[PAGE_NODE_VALUES];

struct page_node {
    uint32_t node;  // as the kernel numbers it
    uint32_t flags; // APEX_NODE_…
    uint64_t value[PAGE_NODE_VALUES];
};

struct page_map {
    const unsigned char *base; // NULL when not open
    size_t bytes;
    int fd; // ours, read-only
    uint64_t nonce;
    uint32_t peer_pid; // as the process sees itself
    char comm[16];     // as it says; not terminated
    char version[32];
    struct apex_stats_section process; // checked: lies in the page
    struct apex_stats_section class_size;
    struct apex_stats_section thread;
    struct apex_stats_section option; // of a process older than minor 1: empty
    struct apex_stats_section superblock; // these two may be missing: count 0
    struct apex_stats_section large;
    struct apex_stats_section node; // of a process older than minor 2: empty
    uint32_t node_offset[PAGE_NODE_VALUES]; // of each value in its row; 0: the page has none
    uint32_t started_offset; // of the number of threads started; 0: the page has none
    unsigned field_count;
    const struct page_field *field; // shared with other maps; NULL before there are any
};

struct page_class {
    uint64_t size_bytes;
    uint64_t gained; // over all slots: a chunk may be gained in one and lost in another
    uint64_t lost;
};

// What the page said at one moment. Values are not consistent with each other to the last digit.
struct page_snapshot {
    uint64_t value[PAGE_MAP_FIELDS_MAX]; // by field; those of threads summed over all slots
    unsigned class_count;
    struct page_class class[PAGE_MAP_CLASSES_MAX];
    unsigned threads_live;
    uint64_t published_ns; // CLOCK_MONOTONIC of the process
    uint64_t small_bytes;  // live chunks of all classes, saturating
};

struct page_thread {
    uint32_t state; // enum apex_slot_state
    uint32_t tid;
    uint32_t node;
    uint64_t live_bytes;                 // gained here less lost here; below zero counts as zero
    uint64_t value[PAGE_MAP_FIELDS_MAX]; // only fields of the thread section
};

// Accepts the memfd `fd` for a page with this nonce, or says why not. `fd` is closed in either
// case. `map` is open afterwards only if the result is APEX_HELLO_ACCEPTED.
enum apex_hello_status page_map_open(struct page_map *map, int fd, uint64_t nonce);

// What page_map_open does with the file: maps it if it is plain memory of a size that a page has
// and nobody can take it away or write to it but through mappings that are there. `fd` is closed in
// either case; `*own_fd` is a descriptor of ours, the caller's to close.
enum apex_hello_status page_map_file(int fd, const unsigned char **base, size_t *bytes,
                                     int *own_fd);

// Copies words one at a time: the writer stores whole words, so none is torn. `from` and `bytes`
// are multiples of 8.
void page_map_copy(void *to, const unsigned char *from, size_t bytes);

// As page_map_open, for bytes that lie anywhere: the part of it that reads the contents. For
// tests, and for page_map_open itself. What it keeps page_map_forget lets go of, if the map is not
// to be closed.
enum apex_hello_status page_map_parse(struct page_map *map);
void page_map_forget(struct page_map *map);

// False when no process has the page mapped any more: its maker has exited, or runs another
// program.
bool page_map_leased(const struct page_map *map);

void page_map_snapshot(const struct page_map *map, struct page_snapshot *out);

// How many slots there is something to read in, of map->thread.count. To read the others, too,
// takes 100 KiB more of each page into our resident size.
unsigned page_map_slots(const struct page_map *map);

// Slot `index`, below map->thread.count.
void page_map_thread(const struct page_map *map, unsigned index, struct page_thread *out);

// The NUMA nodes that the process tells of, by rising number. Rows that make no sense, or come out
// of order, are left out. Returns how many there are.
unsigned page_map_nodes(const struct page_map *map, struct page_node out[PAGE_MAP_NODES_MAX]);

// The node that the thread in slot `index` was last seen on. False when no live thread has it.
bool page_map_thread_node(const struct page_map *map, unsigned index, uint32_t *node);

// The options of the process as they are now. Rows that make no sense are left out. Returns how
// many there are; 0 for a process that is older than the list.
unsigned page_map_options(const struct page_map *map,
                          struct page_option out[PAGE_MAP_OPTIONS_MAX]);

// Row `index`, below map->superblock.count or map->large.count. False when it is not in use. What
// it says is a stranger's word: addresses may be any number, states and classes any byte.
bool page_map_superblock(const struct page_map *map, uint32_t index,
                         struct apex_stats_superblock *out);
bool page_map_large(const struct page_map *map, uint32_t index, struct apex_stats_large *out);

// Whether a superblock or a large object can lie there: what a row says is a stranger's word.
bool page_map_is_span(uint64_t base, uint64_t bytes);

// The size of a class; 0 for one that there is not.
uint64_t page_map_class_bytes(const struct page_map *map, unsigned class);

// The value of the process field with this name; 0 when the page has none.
uint64_t page_map_value(const struct page_map *map, const struct page_snapshot *s,
                        const char *name);

// Takes the page out of our page tables until it is read again.
void page_map_rest(const struct page_map *map);

void page_map_close(struct page_map *map);

#endif
