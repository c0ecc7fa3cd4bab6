// SPDX-License-Identifier: MIT
//
// From bytes to operations and crimes.
//
//   byte 0   which step (bits 0..5), and whether the second thread makes the call (bit 7)
//   byte 1   which object
//   byte 2   how large, or how
//   byte 3   how large, or where

#include "harness.h"

#include "core/registry.h"
#include "model.h"
#include "os/os.h"
#include "outside.h"

#include <stdlib.h>
#include <string.h>

#define HEADERS_MAX 32

struct step {
    bool helper;
    struct object *o;
    uint8_t how;
    uint8_t where;
};

// Headers that chunks had earlier, for replays.
static struct {
    char *chunk;
    uint64_t header;
} headers[HEADERS_MAX];
static unsigned header_count;

static char outside_static[64];

// --- Operations ----------------------------------------------------------------------------------

// Each class is as likely as any other, and so are sizes on both sides of the limits.
static size_t
step_size(const struct step *s)
{
    size_t fine = s->where;
    size_t coarse = s->how >> 3;

    switch (s->how & 7) {
    case 0:
        return fine < 64 ? 0 : fine % 24;
    case 1:
        return fine;
    case 2:
        return fine * 4 + coarse;
    case 3:
        return 1000 + fine * 16 + coarse % 16;
    case 4:
        return 4096 + fine * 240;
    case 5:
        return (60u << 10) + fine * 3840 + coarse;
    case 6:
        return CHUNK_BYTES_MAX - 128 + fine;
    default:
        return coarse == 31 ? (size_t)fine << 14 : (size_t)1 << (fine % 20);
    }
}

static enum seal_kind
step_kind(const struct step *s)
{
    return (enum seal_kind)(s->how % SEAL_KINDS);
}

static void
header_remember(const void *p)
{
    struct spot spot;
    uint64_t header;

    if (model_spot(p, &spot) && !spot.lead && p == spot.chunk + HEADER_BYTES &&
        probe_read(&header, spot.chunk, sizeof header)) {
        headers[header_count % HEADERS_MAX].chunk = spot.chunk;
        headers[header_count++ % HEADERS_MAX].header = header;
    }
}

static void
step_alloc(const struct step *s, enum call_what what, enum seal_kind kind, size_t align)
{
    struct call call = {.what = what, .size = step_size(s), .kind = kind, .align = align};

    if (s->o->life == LIFE_LIVE) {
        model_free(s->o, s->where % 2 ? s->o->size : SEAL_ANY_SIZE, s->helper);
    }
    model_alloc(s->o, &call, s->helper);
    header_remember(s->o->p);
}

static void
step_free(const struct step *s)
{
    if (s->o->life == LIFE_LIVE) {
        model_free(s->o, s->how % 2 ? s->o->size : SEAL_ANY_SIZE, s->helper);
    }
}

// So many that what is in quarantine and in lists comes out.
static void
step_churn(const struct step *s, size_t size)
{
    unsigned rounds = size > 4096 ? 4 : 64;

    for (unsigned i = 0; i < rounds && s->o->life != LIFE_LIVE; i++) {
        struct call call = {.what = CALL_ALLOC, .size = size};
        model_alloc(s->o, &call, s->helper);
        model_free(s->o, SEAL_ANY_SIZE, s->helper);
    }
}

static void
step_realloc(const struct step *s)
{
    size_t size = step_size(s);

    if (s->o->life == LIFE_LIVE && s->o->kind == SEAL_MALLOC) {
        model_realloc(s->o, size == 0 ? 1 : size, s->helper);
        header_remember(s->o->p);
    }
}

static void
step_realloc_near(const struct step *s)
{
    size_t size = s->o->size + s->where % 64 - 32;

    if (s->o->life == LIFE_LIVE && s->o->kind == SEAL_MALLOC && size - 1 < PTRDIFF_MAX) {
        model_realloc(s->o, size, s->helper);
    }
}

// Half of it beyond the end.
static void
step_check_range(const struct step *s)
{
    size_t offset = s->where * UINT64_C(4099) % (s->o->size + CANARY_BYTES);
    size_t left = offset < s->o->size ? s->o->size - offset : 0;
    const size_t sizes[] = {left, left + 1, s->where, SIZE_MAX - s->where};

    if (s->o->life != LIFE_NONE) {
        model_check_range(s->o, offset, sizes[s->how / 2 % 4], s->helper);
    }
}

// --- Crimes: calls -------------------------------------------------------------------------------

// Frees, or does something else with, what it should not.
static void
wrong(const struct step *s, const void *p)
{
    static const enum call_what whats[] = {CALL_FREE, CALL_FREE, CALL_REALLOC, CALL_USABLE_SIZE};
    struct call call = {
        .what = whats[s->how % 4],
        .p = (void *)(uintptr_t)p,
        .size = (s->how & 4) != 0 ? s->where : SEAL_ANY_SIZE,
        .kind = (enum seal_kind)((s->how >> 3) % SEAL_KINDS),
    };

    if (call.what == CALL_REALLOC) {
        call.size = (s->how & 4) != 0 ? (size_t)s->where * 16 : s->o->size;
        call.size += call.size == 0 && (s->how & 8) != 0;
    }
    model_wrong(&call, s->helper);
}

static void
crime_again(const struct step *s)
{
    if (s->o->life == LIFE_GONE) {
        wrong(s, s->o->p);
    }
}

static void
crime_near(const struct step *s)
{
    static const ptrdiff_t distances[] = {1, 8, -8, 16, -16, 32, 4096, -4096, 65536, -65536};
    size_t inside = s->o->size == 0 ? 0 : (s->how * 256u + s->where) * 16u % s->o->size;

    if (s->o->life != LIFE_NONE) {
        bool in = s->where % 3 == 0;
        wrong(s, s->o->p + (in ? (ptrdiff_t)(inside & ~15u) + 16
                               : distances[s->where / 3 % 10] * (1 + s->where / 30)));
    }
}

static void
crime_wild(const struct step *s)
{
    char here[64] = {0};
    uintptr_t p = (uintptr_t)s->o->p;

    switch (s->where % 8) {
    case 0:
        wrong(s, here + s->where % 48);
        break;
    case 1:
        wrong(s, outside_static + (s->where & 32));
        break;
    case 2: // anywhere in the same superblock: descriptors, guards, free blocks
        wrong(s, (char *)(p & ~SUPERBLOCK_MASK) + (s->how << 14) + ((s->where >> 3) << 9));
        break;
    case 3:
        wrong(s, (char *)(p ^ (uintptr_t)1 << (16 + s->how % 48)));
        break;
    case 4: // looks like ours but for bits above the addresses of users
        wrong(s, (char *)(p | (uintptr_t)(s->how | 1) << 56));
        break;
    case 5:
        wrong(s, (char *)(uintptr_t)(s->how * 16 + 16));
        break;
    case 6:
        wrong(s, (char *)(p & ~BLOCK_MASK) + (s->how << 8) + (s->where & 0xf0));
        break;
    default:
        wrong(s, (char *)~(uintptr_t)(s->how << 8));
    }
}

static void
crime_claim(const struct step *s)
{
    struct call call = {.what = CALL_FREE, .p = s->o->p, .kind = s->o->kind};

    if (s->o->life != LIFE_LIVE) {
        return;
    }
    if (s->how % 3 == 0) {
        call.size = s->o->size + s->where - 100u;
    } else if (s->how % 3 == 1) {
        call.what = CALL_REALLOC;
        call.size = s->how & 8 ? s->o->size + s->where : s->where * 16u;
    } else {
        call.kind = (enum seal_kind)(s->where % SEAL_KINDS);
        call.size = s->where & 64 ? s->o->size : SEAL_ANY_SIZE;
    }
    model_wrong(&call, s->helper);
}

// --- Crimes: writes ------------------------------------------------------------------------------

// What a program writes by mistake, and what an attacker writes.
static void
crime_bytes(const struct step *s, unsigned char *bytes, const void *at, size_t count)
{
    memset(bytes, 0, count);
    probe_read(bytes, at, count);
    switch (s->how % 6) {
    case 0:
        memset(bytes, 0, count);
        break;
    case 1:
        memset(bytes, 'A', count);
        break;
    case 2:
        bytes[s->where % count] ^= (unsigned char)(1u << (s->how >> 5));
        break;
    case 3:
        for (size_t i = 0; i < count; i++) {
            bytes[i] = (unsigned char)(s->where * 31 + i * 89 + s->how);
        }
        break;
    case 4:
        bytes[0]++;
        break;
    default:
        bytes[count - 1] ^= s->where | 1;
    }
}

// From the first byte behind the object on, and, if it is long enough, into the next chunk.
static void
crime_overflow(const struct step *s)
{
    unsigned char bytes[DAMAGE_BYTES_MAX];
    size_t count = 1 + s->where % 48;
    char *at = (char *)s->o->p + s->o->size;
    struct spot spot;

    if (s->o->life != LIFE_LIVE) {
        return;
    }
    if (!model_spot(s->o->p, &spot)) {
        count = 1 + s->where % CANARY_BYTES; // a mapping may end there
        crime_bytes(s, bytes, at, count);
        model_damage(at, bytes, s->o->size == 0 ? 0 : count);
        return;
    }
    size_t room = (size_t)(spot.chunk + spot.bytes - at);
    size_t here = count < room ? count : room;
    crime_bytes(s, bytes, at, here);
    model_damage(at, bytes, here);
    if (count > room && model_spot(at + room, &spot)) {
        crime_bytes(s, bytes, at + room, count - room);
        model_damage(at + room, bytes, count - room);
        model_damage(at + room, bytes, HEADER_BYTES < count - room ? HEADER_BYTES : count - room);
    }
}

// Behind the canary; of a mapping, in what is left of its page.
static void
crime_jump(const struct step *s)
{
    unsigned char bytes[DAMAGE_BYTES_MAX];
    char *at = (char *)s->o->p + s->o->size + CANARY_BYTES + s->where;
    struct spot spot;

    if (s->o->life != LIFE_LIVE || s->o->size == 0) {
        return;
    }
    const char *canary_end = at - s->where;
    const char *end = model_spot(s->o->p, &spot)
                          ? spot.chunk + spot.bytes
                          : canary_end + -(uintptr_t)canary_end % os_page_bytes();
    if (at < end) {
        size_t count = end - at < 8 ? (size_t)(end - at) : 8;
        crime_bytes(s, bytes, at, count);
        model_damage(at, bytes, count);
    }
}

// From the last byte before the object on, downwards, and, if it is long enough, into the chunk
// before.
static void
crime_underflow(const struct step *s)
{
    unsigned char bytes[DAMAGE_BYTES_MAX];
    size_t count = 1 + s->where % 40;
    size_t here = count < HEADER_BYTES ? count : HEADER_BYTES;
    struct spot spot;

    if (s->o->life != LIFE_NONE && model_spot(s->o->p, &spot)) {
        char *at = (char *)s->o->p - here;
        crime_bytes(s, bytes, at, here);
        model_damage(at, bytes, here);
        if (count > here) {
            at -= count - here;
            crime_bytes(s, bytes, at, count - here);
            model_damage(at, bytes, count - here);
        }
    }
}

static void
crime_dangling(const struct step *s)
{
    unsigned char bytes[DAMAGE_BYTES_MAX];
    size_t count = 1 + s->where % 32;
    struct spot spot;

    if (s->o->life == LIFE_GONE && model_spot(s->o->p, &spot)) {
        size_t limit = s->o->size > count ? s->o->size - count : 0;
        size_t somewhere = s->where * UINT64_C(4099) * (s->how | 1u) % (limit + 1);
        char *at = (char *)s->o->p + (s->how & 8 ? limit : somewhere);
        crime_bytes(s, bytes, at, count);
        model_damage(at, bytes, count);
    }
}

// The header of another chunk, one that this chunk had earlier, or one that is made up.
static void
crime_header(const struct step *s)
{
    struct spot spot;
    uint64_t header = 0;

    if (s->o->life == LIFE_NONE || !model_spot(s->o->p, &spot) || spot.lead) {
        return;
    }
    header_remember(s->o->p);
    probe_read(&header, spot.chunk, sizeof header);
    unsigned pick = s->where % HEADERS_MAX;
    switch (s->how % 6) {
    case 0:
        header = headers[pick].header;
        break;
    case 1:
        for (unsigned i = 0; i < HEADERS_MAX; i++) {
            if (headers[(pick + i) % HEADERS_MAX].chunk == spot.chunk) {
                header = headers[(pick + i) % HEADERS_MAX].header;
                break;
            }
        }
        break;
    case 2: // any bit
        header ^= UINT64_C(1) << (s->where & 63);
        break;
    case 3: // state
        header = (header & ~(uint64_t)STATE_MASK) | (s->where & STATE_MASK);
        break;
    case 4: // a link, and nothing else
        header ^= (uint64_t)(s->where + 1) << HEADER_VALUE_SHIFT;
        break;
    default:
        header = s->where & 1 ? CHUNK_QUARANTINED : s->where & 2 ? CHUNK_LIVE : ~header;
    }
    model_damage(spot.chunk, &header, sizeof header);
}

// One object's canary behind another one.
static void
crime_canary(const struct step *s)
{
    unsigned char canary[CANARY_BYTES];
    const struct object *other = &objects[s->where % OBJECTS_MAX];

    if (s->o->life == LIFE_LIVE && other->life == LIFE_LIVE && s->o->size != 0 &&
        other->size != 0 && probe_read(canary, other->p + other->size, sizeof canary)) {
        model_damage(s->o->p + s->o->size, canary, sizeof canary);
    }
}

// What must not be accessible: objects of no bytes, guards behind blocks, freed large objects.
static void
crime_forbidden(const struct step *s)
{
    struct object *o = s->o;
    struct spot spot;

    if (o->life != LIFE_LIVE) {
        return;
    }
    bool chunk = model_spot(o->p, &spot);
    if (registry_kind_of(o->p) == REGISTRY_EMPTY) {
        model_stopped(o->p, 1);
    } else if (!chunk && o->size != 0) {
        size_t size = o->size;
        unsigned char *p = o->p;
        model_free(o, size, s->helper);
        model_stopped(p + (s->where * UINT64_C(4099) * s->how) % size, 1);
    } else if (chunk && !outside_refuses_guards) {
        char *first = (char *)((uintptr_t)spot.block->base & ~BLOCK_MASK);
        model_stopped(first + spot.block->run_blocks * BLOCK_BYTES - GUARD_BYTES + s->where, 1);
    }
}

// --- Inputs --------------------------------------------------------------------------------------

static void
step_misc(const struct step *s)
{
    switch (s->where % 6) {
    case 0:
        model_renew_helper();
        break;
    case 1:
        model_trim(s->how % 2 == 0 ? 0 : 1u << 20, s->helper);
        break;
    case 2:
        outside_clock_ns += UINT64_C(300000000) << s->how % 4;
        break;
    case 3: // what this object was, above all
        step_churn(s, s->o->size);
        break;
    default:
        step_churn(s, step_size(s));
    }
}

static void
step_crime(unsigned which, const struct step *s)
{
    static void (*const crimes[])(const struct step *) = {
        crime_again,    crime_near,      crime_wild,     crime_claim,  crime_overflow, crime_jump,
        crime_overflow, crime_underflow, crime_dangling, crime_header, crime_canary,
        crime_forbidden, crime_dangling, crime_header,   crime_again,  crime_underflow,
    };
    crimes[which % (sizeof crimes / sizeof crimes[0])](s);
}

static void
step_run(unsigned which, const struct step *s)
{
    switch (which) {
    case 0:
        step_alloc(s, CALL_ALLOC, SEAL_MALLOC, (size_t)1 << (4 + s->how / 8 % 10));
        break;
    case 1:
    case 2:
        step_alloc(s, CALL_CALLOC, SEAL_MALLOC, 0);
        break;
    case 3:
    case 4:
        step_alloc(s, CALL_ALLOC, step_kind(s), 0);
        break;
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
        step_free(s);
        break;
    case 10:
        step_realloc(s);
        break;
    case 11:
        step_realloc_near(s);
        break;
    case 12:
        step_misc(s);
        break;
    case 13:
        if (s->how % 2 == 0) {
            step_check_range(s);
        } else if (s->o->life == LIFE_LIVE) {
            model_usable_size(s->o, s->helper);
        }
        break;
    default:
        step_alloc(s, CALL_ALLOC, SEAL_MALLOC, 0);
    }
}

void
harness_start(char **argv)
{
    outside_start(argv);
    outside_refuses_guards = getenv("FUZZ_REFUSE_GUARDS") != NULL;
}

void
harness_run(const uint8_t *data, size_t bytes)
{
    model_begin();
    for (size_t at = 0; at + STEP_BYTES <= bytes; at += STEP_BYTES) {
        struct step s = {
            .helper = (data[at] & 0x80) != 0,
            .o = &objects[data[at + 1] % OBJECTS_MAX],
            .how = data[at + 2],
            .where = data[at + 3],
        };
        // Half of the steps are honest.
        if ((data[at] & 0x10) == 0) {
            step_run(data[at] & 15, &s);
        } else {
            step_crime(data[at] & 15, &s);
        }
    }
    model_end();
}
