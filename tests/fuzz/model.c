// SPDX-License-Identifier: MIT
//
// The shadow of the heap, and how its rules are held against what the library does.

#include "model.h"

#include "core/registry.h"
#include "os/os.h"
#include "outside.h"

#include <string.h>

#define DAMAGES_MAX 48
#define SCARS_MAX 64
#define TAINTED_MAX 4096
#define FULL_BYTES 4096 // objects above this are filled and looked at here and there

struct object objects[OBJECTS_MAX];
struct model_counts counts;

static struct damage damages[DAMAGES_MAX];

// Where free memory was written to, which must not be seen by whoever gets it.
static struct scar {
    char *at;
    size_t bytes;
} scars[SCARS_MAX];
static unsigned scar_count;

// Blocks in which a free chunk's header was damaged: their list may be found corrupt, now or in a
// later input.
static const char *tainted[TAINTED_MAX]; // where their chunks begin
static unsigned tainted_count;
static uint64_t stamps;

// --- Where things are ----------------------------------------------------------------------------

bool
model_spot(const void *at, struct spot *out)
{
    if (!registry_covers(at) || registry_kind_of(at) != REGISTRY_SUPERBLOCK ||
        geometry_block_index(at) == 0) {
        return false;
    }
    struct block *b = block_head(geometry_descriptor(at));
    if (block_state(b) == BLOCK_UNUSED || b->chunk_bytes == 0) {
        return false;
    }
    ptrdiff_t offset = (const char *)at - b->base;
    size_t lead = size_classes[b->size_class].lead;
    size_t index = (size_t)offset / b->chunk_bytes;
    out->block = b;
    out->lead = offset < 0;
    out->chunk = offset < 0 ? b->base - lead : b->base + index * b->chunk_bytes;
    out->bytes = offset < 0 ? lead : b->chunk_bytes;
    return offset < 0 ? (size_t)-offset <= lead : index < b->capacity;
}

static bool
has_header(const struct object *o)
{
    struct spot spot;
    return model_spot(o->p, &spot);
}

static struct object *
object_at(const void *p)
{
    for (unsigned i = 0; i < OBJECTS_MAX; i++) {
        if (objects[i].life == LIFE_LIVE && objects[i].p == p) {
            return &objects[i];
        }
    }
    return NULL;
}

static struct damage *
damage_of_object(const struct object *o)
{
    for (unsigned i = 0; i < DAMAGES_MAX; i++) {
        if (damages[i].bytes != 0 && damages[i].object == o) {
            return &damages[i];
        }
    }
    return NULL;
}

static struct damage *
damage_in(const char *from, size_t bytes)
{
    for (unsigned i = 0; i < DAMAGES_MAX; i++) {
        struct damage *d = &damages[i];
        if (d->bytes != 0 && d->chunk >= from && d->chunk < from + bytes) {
            return d;
        }
    }
    return NULL;
}

// --- Contents ------------------------------------------------------------------------------------

static unsigned char
content_byte(uint64_t stamp, size_t offset)
{
    return (unsigned char)((stamp + offset * UINT64_C(0x9e3779b97f4a7c15)) >> 53);
}

static size_t
content_stride(size_t size, size_t offset)
{
    if (size <= FULL_BYTES || offset < 256 || offset + 256 >= size) {
        return 1;
    }
    return size - offset > 32768 + 256 ? 32749 : size - 256 - offset;
}

static void
content_fill(struct object *o)
{
    o->stamp = ++stamps * UINT64_C(0xd1342543de82ef95);
    for (size_t i = 0; i < o->size; i += content_stride(o->size, i)) {
        o->p[i] = content_byte(o->stamp, i);
    }
}

static void
content_check(const struct object *o, const unsigned char *at, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += content_stride(o->size, i)) {
        if (at[i] != content_byte(o->stamp, i)) {
            finding("contents changed", at + i, i);
        }
    }
}

static void
zero_check(const unsigned char *p, size_t from, size_t size)
{
    for (size_t i = from; i < size; i += content_stride(size, i)) {
        if (p[i] != 0) {
            finding("new memory is not zero", p + i, i);
        }
    }
    for (unsigned k = 0; k < SCARS_MAX; k++) {
        for (size_t i = 0; i < scars[k].bytes; i++) {
            size_t offset = (size_t)((unsigned char *)scars[k].at + i - p);
            if (offset >= from && offset < size && p[offset] != 0) {
                finding("new memory holds what was written while it was free", p + offset, offset);
            }
        }
    }
}

// --- Faults --------------------------------------------------------------------------------------

static bool
is_tainted(const char *base)
{
    for (unsigned i = 0; i < tainted_count; i++) {
        if (tainted[i] == base) {
            return true;
        }
    }
    return false;
}

static void
taint(const char *base)
{
    if (!is_tainted(base)) {
        if (tainted_count == TAINTED_MAX) {
            finding("the harness has no room for what it has done; run it shorter", base, 0);
        }
        tainted[tainted_count++] = base;
    }
}

static void
damage_see(struct damage *d)
{
    counts.noticed += !d->counted;
    d->counted = true;
    d->seen = true;
}

// The last look names the first chunk when it means what is in front of it.
static bool
fault_is_explained(const struct outside_fault *fault)
{
    bool found = false;
    struct spot spot;

    if (fault->fault == FAULT_CORRUPT_LIST) {
        return is_tainted((const char *)fault->address); // it names the block, not a chunk
    }
    if (!model_spot((void *)fault->address, &spot)) {
        return false;
    }
    for (unsigned i = 0; i < DAMAGES_MAX; i++) {
        struct damage *d = &damages[i];
        bool lead = d->bytes != 0 && d->block == spot.block && d->chunk < spot.block->base &&
                    spot.chunk == spot.block->base && fault->fault == FAULT_CORRUPT_HEADER;
        if (lead || (d->bytes != 0 && d->chunk == spot.chunk)) {
            damage_see(d);
            found = true;
        }
    }
    return found;
}

// How many faults name `p`; they are taken for explained.
static unsigned
faults_about(const void *p)
{
    unsigned count = 0;

    for (unsigned i = 0; i < outside_fault_count; i++) {
        if (outside_faults[i].address == (uintptr_t)p &&
            outside_faults[i].fault != FAULT_CORRUPT_LIST) {
            outside_faults[i].explained = true;
            count++;
        }
    }
    return count;
}

static void
faults_settle(void)
{
    for (unsigned i = 0; i < outside_fault_count; i++) {
        struct outside_fault *f = &outside_faults[i];
        if (!f->explained && !fault_is_explained(f)) {
            finding(fault_message(f->fault), (void *)f->address, 0);
        }
    }
}

static void
make(struct call *call, bool helper)
{
    counts.calls++;
    call_make(call, helper);
}

// --- Damage --------------------------------------------------------------------------------------

static void
scar_add(char *at, size_t bytes)
{
    scars[scar_count++ % SCARS_MAX] = (struct scar){at, bytes};
}

// Whether the damaged header is still as it was left: if not, the library has written another.
static bool
header_holds(const struct damage *d)
{
    unsigned char now;

    for (size_t i = 0; i < d->bytes && d->at + i < d->chunk + HEADER_BYTES; i++) {
        if (!probe_read(&now, d->at + i, 1) || now != d->after[i]) {
            return false;
        }
    }
    return true;
}

// Whether a byte is still as it was left, where that differs from what was there before.
static bool
damage_holds(const struct damage *d, size_t i)
{
    unsigned char now;
    struct spot spot;

    if (d->block != NULL &&
        (!model_spot(d->at, &spot) || spot.block != d->block || d->block->key != d->key)) {
        return false;
    }
    if (d->block != NULL && d->chunk >= d->block->base && d->at + i < d->chunk + HEADER_BYTES) {
        return d->before[i] != d->after[i] && header_holds(d);
    }
    return d->before[i] != d->after[i] && probe_read(&now, d->at + i, 1) && now == d->after[i];
}

static bool
damage_is_there(const struct damage *d)
{
    for (size_t i = 0; i < d->bytes; i++) {
        if (damage_holds(d, i)) {
            return true;
        }
    }
    return false;
}

static void
damage_restore(const struct damage *d)
{
    bool hold[DAMAGE_BYTES_MAX];

    for (size_t i = 0; i < d->bytes; i++) {
        hold[i] = damage_holds(d, i);
    }
    for (size_t i = 0; i < d->bytes; i++) {
        if (hold[i]) {
            probe_write(d->at + i, &d->before[i], 1);
        }
    }
}

// The object was freed, with damage behind its canary: where it was is zero now.
static void
damage_is_free_now(struct damage *d)
{
    d->object = NULL;
    d->slack = false;
    memset(d->before, 0, sizeof d->before);
    scar_add(d->at, d->bytes);
}

static void
damage_drop(struct damage *d)
{
    d->bytes = 0;
    d->object = NULL;
}

static void
damage_undo(struct damage *d)
{
    if (damage_is_there(d)) {
        counts.undone += !d->counted;
        damage_restore(d);
    } else {
        counts.harmless += !d->counted;
    }
    damage_drop(d);
}

// The library has reported that a chunk left quarantine with another header, and will never use it
// again. The last look shall find no fault with it.
static void
damage_bury(struct damage *d)
{
    struct chunk *chunk = (struct chunk *)(void *)d->chunk;

    if (damage_is_there(d)) {
        damage_restore(d);
        uint64_t header = header_sign(chunk, CHUNK_FREE, d->block->key);
        probe_write(chunk, &header, sizeof header);
    }
    damage_drop(d);
}

// What was found in quarantine by the call that has just been made.
static void
bury_the_seen(void)
{
    for (unsigned i = 0; i < DAMAGES_MAX; i++) {
        struct damage *d = &damages[i];
        if (d->bytes != 0 && d->object == NULL && d->certain && d->seen) {
            damage_bury(d);
        }
    }
}

static bool
overlaps(const char *a, size_t a_bytes, const void *b, size_t b_bytes)
{
    return a < (const char *)b + b_bytes && (const char *)b < a + a_bytes;
}

// True if the damage changes one of `bytes` bytes.
static bool
damage_changes(const struct damage *d, const char *from, size_t bytes)
{
    for (size_t i = 0; i < d->bytes; i++) {
        if (d->before[i] != d->after[i] && d->at + i >= from && d->at + i < from + bytes) {
            return true;
        }
    }
    return false;
}

// True if the damage changes one of the first `bytes_max` bytes behind the canary of its object. A
// free looks there if they are worth it.
static bool
damage_hits_slack(const struct damage *d, size_t bytes_max)
{
    const char *slack = (const char *)d->object->p + d->object->size + CANARY_BYTES;
    bool mapping = d->block == NULL;
    size_t bytes = mapping ? -(uintptr_t)slack % os_page_bytes()
                           : (size_t)(d->chunk + d->block->chunk_bytes - slack);

    if (bytes < (mapping ? 8 : 16)) {
        return false;
    }
    return damage_changes(d, slack, mapping || bytes < bytes_max ? bytes : bytes_max);
}

// Fills in what depends on what the bytes are. False when the library cannot be asked to notice.
static bool
damage_judge(struct damage *d, const struct object *live)
{
    bool header_hit = d->block != NULL && d->chunk >= d->block->base &&
                      damage_changes(d, d->chunk, HEADER_BYTES);
    uint64_t header = 0;

    if (live != NULL) {
        const char *canary = (const char *)live->p + live->size;
        d->slack = damage_hits_slack(d, SLACK_BYTES_MAX);
        d->certain = header_hit || damage_changes(d, canary, CANARY_BYTES) ||
                     (d->block == NULL && d->slack);
    }
    if (!header_hit) {
        return true;
    }
    probe_read(&header, d->chunk, sizeof header);
    d->certain |= live == NULL && header == CHUNK_QUARANTINED;
    unsigned char *bytes = (unsigned char *)&header;
    for (size_t i = 0; i < d->bytes; i++) {
        if (d->at + i < d->chunk + HEADER_BYTES) {
            bytes[d->at + i - d->chunk] = d->after[i];
        }
    }
    const struct chunk *chunk = (const struct chunk *)(const void *)d->chunk;
    bool link = header_state(header) == CHUNK_FREE && header_is_sound(chunk, header, d->block->key);
    struct mac mac;
    d->replay = link || header_is_live(chunk, header, d->block->size_class, &mac);
    return live != NULL || d->certain || !link; // an older link is not stopped: docs/SECURITY.md
}

// Memory of longer chunks that nobody has had is trusted: docs/SECURITY.md.
static bool
is_trusted(const struct spot *spot)
{
    const struct block *b = spot->block;
    const struct chunk *chunk = (const struct chunk *)(const void *)spot->chunk;

    if (spot->lead || b->chunk_bytes <= FRESH_BYTES_MAX) {
        return false;
    }
    enum chunk_memory memory = block_starts_chunk(b, chunk)
                                   ? freelist_memory(chunk, b->key)
                                   : block_memory(b, chunk, block_chunk_index(b, chunk));
    return memory == MEMORY_ZERO;
}

static struct damage *
damage_new(void)
{
    for (unsigned i = 0; i < DAMAGES_MAX; i++) {
        if (damages[i].bytes == 0) {
            return &damages[i];
        }
    }
    return NULL;
}

void
model_damage(void *at, const void *bytes, size_t count)
{
    struct damage *d = damage_new();
    struct object *live;
    struct spot spot;

    if (d == NULL || count == 0 || count > DAMAGE_BYTES_MAX) {
        return;
    }
    if (model_spot(at, &spot)) {
        bool within = (char *)at + count <= spot.chunk + spot.bytes;
        live = spot.lead ? NULL : object_at(spot.chunk + HEADER_BYTES);
        if (!within || damage_in(spot.chunk, spot.bytes) != NULL || is_trusted(&spot)) {
            return;
        }
    } else {
        live = NULL;
        for (unsigned i = 0; i < OBJECTS_MAX && live == NULL; i++) {
            struct object *o = &objects[i];
            const char *end = (const char *)o->p + o->size;
            bool here = (char *)at >= end && (char *)at < end + os_page_bytes();
            live = o->life == LIFE_LIVE && here && !has_header(o) ? o : NULL;
        }
        if (live == NULL || live->size == 0 || damage_of_object(live) != NULL) {
            return;
        }
        spot = (struct spot){.chunk = (char *)live->p, .bytes = live->size + count};
    }
    if (live != NULL && overlaps((char *)live->p, live->size, at, count)) {
        return;
    }
    *d = (struct damage){.object = live, .block = spot.block, .chunk = spot.chunk, .at = at};
    d->key = spot.block == NULL ? 0 : spot.block->key;
    memcpy(d->after, bytes, count);
    if (!probe_read(d->before, at, count)) {
        counts.stopped++;
        return;
    }
    d->bytes = count;
    if (memcmp(d->before, bytes, count) == 0 || !damage_judge(d, live)) {
        damage_drop(d);
        return;
    }
    if (live == NULL && spot.block != NULL && !spot.lead &&
        damage_changes(d, spot.chunk, HEADER_BYTES)) {
        taint(spot.block->base);
    }
    counts.damages++;
    probe_write(at, bytes, count);
    if (live == NULL) {
        scar_add(at, count);
    }
}

void
model_stopped(void *at, size_t count)
{
    unsigned char now[DAMAGE_BYTES_MAX];

    // Read first: if it is a finding, it shall not do damage besides.
    if (probe_read(now, at, count)) {
        finding("memory can be accessed that should not", at, count);
    }
    counts.stopped++;
}

// --- Objects -------------------------------------------------------------------------------------

static void
object_enter(struct object *o, void *p, size_t size, enum seal_kind kind)
{
    struct spot spot;

    if ((uintptr_t)p % ALIGN_BYTES != 0) {
        finding("not aligned", p, size);
    }
    for (unsigned i = 0; i < OBJECTS_MAX; i++) {
        const struct object *other = &objects[i];
        if (other->life == LIFE_LIVE && other != o &&
            overlaps(p, size + 1, other->p, other->size + 1)) {
            finding("overlaps a live object", p, size);
        }
    }
    // All that was done to the chunk while it was free ends here: the zeroes are looked at next.
    if (model_spot(p, &spot)) {
        struct damage *d = damage_in(spot.chunk, spot.bytes);
        while (d != NULL) {
            if (d->certain && !d->seen && d->object == NULL) {
                finding("left quarantine with a damaged header", p, size);
            }
            counts.harmless += !d->counted;
            damage_drop(d);
            d = damage_in(spot.chunk, spot.bytes);
        }
    }
    *o = (struct object){.life = LIFE_LIVE, .p = p, .size = size, .kind = kind};
}

void
model_alloc(struct object *o, struct call *call, bool helper)
{
    make(call, helper);
    if (call->result == NULL) {
        finding("refused", NULL, call->size);
    }
    if (call->error != CALL_ERRNO) {
        finding("success changed errno", call->result, (size_t)call->error);
    }
    if (call->align != 0 && (uintptr_t)call->result % call->align != 0) {
        finding("not aligned as asked", call->result, call->align);
    }
    faults_settle();
    object_enter(o, call->result, call->size, call->kind);
    bury_the_seen();
    zero_check(o->p, 0, o->size);
    content_fill(o);
}

static void
free_once(const struct object *o, size_t claimed_size, bool helper)
{
    struct call call = {
        .what = CALL_FREE, .p = o->p, .size = claimed_size, .kind = o->kind};

    make(&call, helper);
    if (call.error != CALL_ERRNO) {
        finding("free changed errno", o->p, (size_t)call.error);
    }
}

// After a free or a realloc of `o` that had `own` lines about it. True when it was refused: nothing
// has changed then, and the damage that was the reason is undone.
static bool
settle_refusal(const struct object *o, struct damage *d, unsigned own)
{
    faults_settle();
    bury_the_seen();
    if (own == 0) {
        return false;
    }
    damage_see(d);
    damage_undo(d);
    content_check(o, o->p, o->size);
    return true;
}

void
model_free(struct object *o, size_t claimed_size, bool helper)
{
    struct damage *d = damage_of_object(o);

    content_check(o, o->p, o->size);
    free_once(o, claimed_size, helper);
    unsigned own = faults_about(o->p);
    if (d == NULL && own != 0) {
        finding("a sound object cannot be freed", o->p, o->size);
    }
    if (d != NULL && (d->certain || d->slack) && own == 0) {
        finding("freed in spite of damage", o->p, o->size);
    }
    if (settle_refusal(o, d, own)) {
        free_once(o, claimed_size, helper);
        if (faults_about(o->p) != 0) {
            finding("cannot be freed after the damage was undone", o->p, o->size);
        }
        faults_settle();
        bury_the_seen();
    } else if (d != NULL && d->block != NULL) {
        damage_is_free_now(d); // too far behind the canary for free to look
    } else if (d != NULL) {
        counts.harmless++;
        damage_drop(d);
    }
    o->life = LIFE_GONE;
}

// The damage was too far behind the canary for realloc to look. What the object has grown over is
// its own now, and undefined until the program writes it.
static void
realloc_settle_damage(const struct object *o, const struct object *old, struct damage *d)
{
    const char *end = (const char *)o->p + o->size + CANARY_BYTES;

    if (o->p != old->p) {
        damage_is_free_now(d);
        return;
    }
    for (size_t i = 0; i < d->bytes && d->at + i < end; i++) {
        d->before[i] = d->after[i];
    }
    d->slack = damage_hits_slack(d, SLACK_BYTES_MAX);
    if (!damage_is_there(d)) {
        counts.harmless++;
        damage_drop(d);
    }
}

void
model_realloc(struct object *o, size_t size, bool helper)
{
    struct damage *d = damage_of_object(o);
    struct call call = {.what = CALL_REALLOC, .p = o->p, .size = size};
    struct object old = *o;

    content_check(o, o->p, o->size);
    make(&call, helper);
    unsigned own = faults_about(old.p);
    if (d == NULL && own != 0) {
        finding("a sound object cannot be resized", old.p, old.size);
    }
    if (d != NULL && (d->certain || d->slack) && own == 0) {
        finding("resized in spite of damage", old.p, old.size);
    }
    if ((call.result == NULL) != (own != 0)) {
        finding("realloc says another thing than its line", old.p, size);
    }
    if (settle_refusal(o, d, own)) {
        return;
    }
    if (call.result == old.p) {
        *o = (struct object){.life = LIFE_LIVE, .p = old.p, .size = size, .kind = old.kind};
    } else {
        o->life = LIFE_GONE; // for the overlap
        struct object new = {0};
        object_enter(&new, call.result, size, old.kind);
        *o = new;
    }
    size_t kept = size < old.size ? size : old.size;
    content_check(&old, o->p, kept);
    if (d == NULL) {
        zero_check(o->p, kept, size);
    } else {
        realloc_settle_damage(o, &old, d);
    }
    content_fill(o);
}

void
model_usable_size(struct object *o, bool helper)
{
    struct call call = {.what = CALL_USABLE_SIZE, .p = o->p};
    struct damage *d = damage_of_object(o);

    make(&call, helper);
    if (faults_about(o->p) != 0 && d == NULL) {
        finding("a sound object has no size", o->p, o->size);
    }
    faults_settle();
    if (call.number != o->size && d == NULL) {
        finding("usable size is not what was asked for", o->p, call.number);
    }
}

void
model_check_range(struct object *o, size_t offset, size_t size, bool helper)
{
    struct call call = {.what = CALL_CHECK_RANGE, .p = o->p + offset, .size = size};
    struct spot spot;
    bool chunk = model_spot(call.p, &spot);
    bool damaged = chunk ? damage_in(spot.chunk, spot.bytes) != NULL : damage_of_object(o) != NULL;
    bool in = offset < o->size && size <= o->size - offset;

    if (o->life == LIFE_GONE) {
        bool reused = chunk && object_at(spot.chunk + HEADER_BYTES) != NULL;
        if (reused || registry_kind_of(call.p) != REGISTRY_SUPERBLOCK) {
            return;
        }
        in = false;
    }
    if (damaged) {
        return;
    }
    in |= size == 0;
    make(&call, helper);
    if (call.number != in || outside_fault_count != !in) {
        finding("a range was taken for what it is not", call.p, size);
    }
    counts.wrong_calls += !in;
}

void
model_trim(size_t keep_bytes, bool helper)
{
    struct call call = {.what = CALL_TRIM, .size = keep_bytes};

    make(&call, helper);
    faults_settle();
    bury_the_seen();
}

void
model_renew_helper(void)
{
    outside_forget();
    call_renew_helper();
    faults_settle();
    bury_the_seen();
}

static bool
is_right(const struct call *call, const struct object *live)
{
    switch (call->what) {
    case CALL_FREE:
        return call->kind == live->kind &&
               (call->size == live->size || call->size == SEAL_ANY_SIZE);
    case CALL_REALLOC:
        return live->kind == SEAL_MALLOC;
    default:
        return true;
    }
}

void
model_wrong(struct call *call, bool helper)
{
    struct object *live = object_at(call->p);
    struct spot spot;

    if (call->p == NULL || (live != NULL && is_right(call, live))) {
        return;
    }
    if (model_spot(call->p, &spot)) {
        struct damage *d = damage_in(spot.chunk, spot.bytes);
        if (d != NULL && d->replay) {
            return;
        }
    }
    counts.wrong_calls++;
    make(call, helper);
    if (faults_about(call->p) == 0) {
        finding("a wrong call went unnoticed", call->p, call->size);
    }
    if (call->result != NULL || call->number != 0) {
        finding("a wrong call had a result", call->result, call->number);
    }
    faults_settle();
}

// --- Beginning and end ---------------------------------------------------------------------------

void
model_begin(void)
{
    counts.inputs++;
    memset(objects, 0, sizeof objects);
    memset(scars, 0, sizeof scars);
    scar_count = 0;
}

// True if the last look at `heap` must find it.
static bool
damage_is_in_reach(const struct damage *d, const struct heap *heap)
{
    const struct block *b = d->block;
    const struct chunk *chunk = (const struct chunk *)(const void *)d->chunk;
    bool behind_header = false;
    uint64_t header;

    if (b == NULL || d->replay || !damage_is_there(d) || b->owner != &heap->owner ||
        (b->state != BLOCK_CURRENT && b->state != BLOCK_FULL && b->state != BLOCK_AVAILABLE) ||
        (d->chunk >= b->base && !block_starts_chunk(b, chunk)) || b->carved == 0) {
        return false;
    }
    if (d->chunk < b->base) {
        return true;
    }
    if (d->object != NULL) {
        bool run = b->size_class >= CLASS_RUN;
        return d->certain || damage_hits_slack(d, run ? SLACK_BYTES_MAX : BLOCK_BYTES);
    }
    probe_read(&header, d->chunk, sizeof header);
    for (size_t i = 0; i < d->bytes; i++) {
        behind_header |= d->at + i >= d->chunk + HEADER_BYTES && damage_holds(d, i);
    }
    if (header == CHUNK_QUARANTINED) {
        return behind_header;
    }
    // A sound one was written by the library since.
    bool sound = freelist_is_free(chunk, b->key);
    bool wiped = seal_kind_of(chunk) == (enum seal_kind)MEMORY_WIPE;
    return !sound || (behind_header && !wiped);
}

static void
last_look(bool helper)
{
    struct call call = {.what = CALL_INSPECT};

    for (unsigned i = 0; i < DAMAGES_MAX; i++) {
        damages[i].seen = false;
    }
    make(&call, helper);
    faults_settle();
    for (unsigned i = 0; i < DAMAGES_MAX; i++) {
        struct damage *d = &damages[i];
        if (d->bytes != 0 && !d->seen && damage_is_in_reach(d, call.heap)) {
            finding("the last look did not see it", d->at, d->bytes);
        }
    }
}

void
model_end(void)
{
    struct call audit = {.what = CALL_AUDIT};

    last_look(false);
    last_look(true);
    for (unsigned i = 0; i < DAMAGES_MAX; i++) {
        struct damage *d = &damages[i];
        if (d->bytes != 0 && d->object == NULL) {
            bool waits = d->certain && damage_is_there(d);
            d->seen &= !waits;
            if (!waits) {
                damage_undo(d);
            }
        }
    }
    for (unsigned i = 0; i < OBJECTS_MAX; i++) {
        if (objects[i].life == LIFE_LIVE) {
            model_free(&objects[i], objects[i].size, i % 8 == 0);
        }
    }
    model_trim(0, true);
    model_trim(0, false);
    for (unsigned i = 0; i < DAMAGES_MAX; i++) {
        struct damage *d = &damages[i];
        if (d->bytes != 0 && d->certain) {
            finding("left quarantine, or was forgotten there", d->at, d->bytes);
        }
        if (d->bytes != 0) {
            damage_undo(d);
        }
    }
    if (tainted_count == 0) {
        make(&audit, false);
        make(&audit, true);
    }
}
