// SPDX-License-Identifier: MIT
//
// The map of a heap as apexd tells it (docs/protocol.md, method `map`), taken apart for those who
// draw it: superblocks in the order of their addresses, runs with their lengths. Pure. One thread.
//
// What a daemon says may be newer than we are, or nonsense: what makes no sense is left out.

#ifndef APEXCTL_MAP_H
#define APEXCTL_MAP_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAP_BLOCKS 64 // in a superblock
#define MAP_CLASSES_MAX 256
#define MAP_OWNERS_MAX 256
#define MAP_OWNER_ORPHAN 254
#define MAP_OWNER_NONE 255

// What a block is, by the daemon's words. What we do not know counts as `room`.
enum map_state {
    MAP_NONE,
    MAP_HEADER,
    MAP_CLEAN,
    MAP_DIRTY,
    MAP_TAKEN,
    MAP_CURRENT,
    MAP_ROOM,
    MAP_FULL,
    MAP_IDLE,
    MAP_TAIL,
    MAP_STATE_COUNT
};

struct map_block {
    uint8_t class;
    uint8_t state; // enum map_state
    uint8_t owner;
    uint8_t fill;  // of 255
    uint8_t run;   // blocks of the run it is part of, 1 for a single one
    uint8_t place; // in the run; behind the first all of the above is as in the first
};

struct map_superblock {
    uint64_t base;
    uint64_t node;
    bool huge;
    struct map_block block[MAP_BLOCKS];
};

struct map_large {
    uint64_t base;
    uint64_t bytes;
    bool live;    // else freed,
    bool pages;   // and perhaps still in core
};

struct map {
    char comm[64];
    uint64_t pid;
    uint64_t block_bytes;
    uint64_t superblocks_held; // with those that are not told of
    uint64_t large_held;       // live ones, the same
    unsigned class_count;
    uint64_t class_bytes[MAP_CLASSES_MAX];
    uint64_t owner_tid[MAP_OWNERS_MAX]; // 0: none
    bool owner_live[MAP_OWNERS_MAX];
    size_t count;
    size_t capacity;
    struct map_superblock *superblock;
    size_t large_count;
    struct map_large *large;
};

// Sums over all blocks, in bytes.
struct map_sums {
    uint64_t state_bytes[MAP_STATE_COUNT];
    uint64_t class_bytes[MAP_CLASSES_MAX]; // of blocks in use
    uint64_t class_live_bytes[MAP_CLASSES_MAX];
    uint64_t owner_bytes[MAP_OWNERS_MAX]; // in use or idle
    uint64_t large_live_bytes;
    uint64_t large_cached_bytes;
    size_t large_live;
};

// Takes the first part of a map: NULL when it is none, or memory is short. map_free() it.
struct map *map_new(const cJSON *part);

// Adds the superblocks of a part, the first one too. False when memory is short.
bool map_add(struct map *map, const cJSON *part);

// Once all parts are in: sorts, and finds the runs.
void map_finish(struct map *map);

void map_free(struct map *map);

void map_sum(const struct map *map, struct map_sums *sums);

// Chunks of the run that `block` heads, and how many of them are live. 0 when there are none.
uint64_t map_capacity(const struct map *map, const struct map_block *block);
uint64_t map_live(const struct map *map, const struct map_block *block);

// True if the block holds chunks: in use, not idle.
bool map_in_use(const struct map_block *block);

// "header", "free, clean"… for legends.
const char *map_state_text(enum map_state state);

#endif
