// SPDX-License-Identifier: MIT
//
// What must be true of the heap that is fuzzed: which objects are live, what is in them, and what
// was done to the memory around them that the library has not noticed yet.
//
// The rules (README.md has the reasons)
//   - Each fault that the library reports is explained by damage to the chunk it names.
//   - An object whose header or canary is damaged cannot be freed, and is as it was afterwards:
//     when the damage is undone, it can.
//   - A chunk whose header was damaged while it was in quarantine is reported when it leaves.
//   - What is allocated overlaps nothing that is live, and reads as zero, whatever was written to
//     it while it was free.
//   - The last look finds all damage that is in its reach.

#ifndef APEX_TESTS_FUZZ_MODEL_H
#define APEX_TESTS_FUZZ_MODEL_H

#include "calls.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum life { LIFE_NONE, LIFE_LIVE, LIFE_GONE };

struct object {
    enum life life;
    unsigned char *p; // of one that is gone: a dangling pointer
    size_t size;
    enum seal_kind kind;
    uint64_t stamp; // of its contents
};

#define OBJECTS_MAX 64
#define DAMAGE_BYTES_MAX 64

// Bytes of one chunk, or of a large object, that were overwritten.
struct damage {
    struct object *object; // whose; NULL when the chunk was free
    struct block *block;   // NULL: a large object
    uint64_t key;          // of the block then: with another one it has been made anew
    char *chunk;
    char *at;
    size_t bytes; // 0: this entry is free
    bool certain; // the header or canary of a live object, the header of a chunk in quarantine
    bool slack;   // behind the canary of a live object, where free looks
    bool replay;  // the header is one that this chunk had before
    bool seen;
    bool counted; // in model_counts
    unsigned char before[DAMAGE_BYTES_MAX];
    unsigned char after[DAMAGE_BYTES_MAX];
};

struct model_counts {
    uint64_t inputs;
    uint64_t calls;
    uint64_t damages;     // bytes that were changed where no program may write
    uint64_t noticed;     // of these by a fault
    uint64_t stopped;     // writes that met a guard
    uint64_t harmless;    // of which nothing was left when the memory was used again
    uint64_t undone;      // by the harness, before anybody looked
    uint64_t wrong_calls; // frees and the like that are wrong by themselves, all noticed
};

extern struct object objects[OBJECTS_MAX];
extern struct model_counts counts;

void model_begin(void);

// Looks, frees everything, and looks again.
void model_end(void);

// A new object in the place of one that is not live.
void model_alloc(struct object *o, struct call *call, bool helper);
void model_free(struct object *o, size_t claimed_size, bool helper);
void model_realloc(struct object *o, size_t size, bool helper);
void model_usable_size(struct object *o, bool helper);
// `offset` from where the object starts, or, of one that is gone, started; less than 8 behind it.
void model_check_range(struct object *o, size_t offset, size_t size, bool helper);

void model_trim(size_t keep_bytes, bool helper);
void model_renew_helper(void);

// A call with a pointer, kind or size that is wrong by itself. Nothing, when it happens to be
// right.
void model_wrong(struct call *call, bool helper);

// Writes where no program may: all of it to one chunk, none of it to the contents of a live object.
// Nothing when the library could not tell, or when the chunk is damaged already.
void model_damage(void *at, const void *bytes, size_t count);

// Writes that must not succeed.
void model_stopped(void *at, size_t count);

// Where the chunk is in which an address lies; false when it lies in none.
struct spot {
    struct block *block;
    char *chunk;
    size_t bytes; // of the chunk
    bool lead;    // in front of the first chunk
};

bool model_spot(const void *at, struct spot *out);

#endif
