// SPDX-License-Identifier: MIT
//
// The leaves of tables/ctl.def, each with the place its value comes from. Looking for a name goes
// through them one by one: about a hundred comparisons, and who asks often has mibs.

#include "front/ctl.h"

#include "front/alloc.h"
#include "front/lifecycle.h"
#include "os/os.h"
#include "policy/config.h"
#include "policy/pool.h"
#include "policy/survey.h"
#include "view/stats.h"
#include "view/stats_page.h"

#include <errno.h>
#include <string.h>

enum ctl_source {
    CTL_OPT,     // the configuration as it was loaded
    CTL_OPTION,  // and as it is
    CTL_TOTAL,   // struct stats_totals
    CTL_PROCESS, // and its part `process`
    CTL_THREADS, // and `threads`
    CTL_THREAD,  // counters of the calling thread
    CTL_OWN,
    CTL_CLASS,
    CTL_INFO,
    CTL_ACTION,
};

enum ctl_info {
    CTL_INFO_version,
    CTL_INFO_profile,
    CTL_INFO_page,
    CTL_INFO_block,
    CTL_INFO_superblock,
    CTL_INFO_alignment,
    CTL_INFO_class_max,
    CTL_INFO_class_count,
};

enum ctl_class { CTL_CLASS_size, CTL_CLASS_live, CTL_CLASS_gained, CTL_CLASS_lost };
enum ctl_own { CTL_OWN_live };
enum ctl_action { CTL_ACTION_trim, CTL_ACTION_purge, CTL_ACTION_flush, CTL_ACTION_publish,
                  CTL_ACTION_sample, CTL_ACTION_rehome };

struct leaf {
    const char *name;
    const char *unit;
    const char *text;
    uint16_t argument; // an offset in bytes, or one of the above
    uint8_t source;    // enum ctl_source
    uint8_t type;      // enum apex_ctl_type
    uint8_t access;    // enum apex_ctl_access, added up
};

#define APEX_CTL_READ_WRITE (APEX_CTL_READ | APEX_CTL_WRITE)
#define CTL_AT_OPT(field) offsetof(struct config, field)
#define CTL_AT_OPTION(field) offsetof(struct config, field)
#define CTL_AT_TOTAL(field) offsetof(struct stats_totals, field)
#define CTL_AT_PROCESS(field) offsetof(struct apex_stats_process, field)
#define CTL_AT_THREADS(field) offsetof(struct apex_stats_thread, field)
#define CTL_AT_THREAD(field) offsetof(struct apex_stats_thread, field)
#define CTL_AT_OWN(word) CTL_OWN_##word
#define CTL_AT_CLASS(word) CTL_CLASS_##word
#define CTL_AT_INFO(word) CTL_INFO_##word
#define CTL_AT_ACTION(word) CTL_ACTION_##word

static const struct leaf leaves[] = {
#define CTL(name, source, type, access, argument, unit, text) \
    {name, unit, text, CTL_AT_##source(argument), CTL_##source, APEX_CTL_##type, APEX_CTL_##access},
#include "tables/ctl.def"
};

#define LEAF_COUNT (sizeof leaves / sizeof leaves[0])

_Static_assert(sizeof(struct stats_totals) <= UINT16_MAX, "offsets fit");

// --- Names ---------------------------------------------------------------------------------------

// The number at `*text`, which it steps over: decimal, as it would be printed. False when there is
// none, or no class has it.
static bool
ctl_number(const char **text, size_t *number)
{
    const char *digit = *text;
    size_t value = 0;

    while (*digit >= '0' && *digit <= '9' && value < CLASS_COUNT) {
        value = value * 10 + (size_t)(*digit++ - '0');
    }
    bool printed_so = digit - *text == 1 || **text != '0';
    bool good = digit != *text && printed_so && value < CLASS_COUNT;
    *text = digit;
    *number = value;
    return good;
}

static bool
ctl_matches(const char *pattern, const char *name, size_t *index)
{
    *index = 0;
    while (*pattern != '\0') {
        if (*pattern == '<') {
            if (!ctl_number(&name, index)) {
                return false;
            }
            pattern = strchr(pattern, '>') + 1;
        } else if (*pattern++ != *name++) {
            return false;
        }
    }
    return *name == '\0';
}

int
ctl_find(const char *name, struct ctl_place *place)
{
    for (size_t i = 0; i < LEAF_COUNT; i++) {
        if (ctl_matches(leaves[i].name, name, &place->index)) {
            place->leaf = i;
            return 0;
        }
    }
    return ENOENT;
}

bool
ctl_has_index(size_t leaf)
{
    return leaf < LEAF_COUNT && leaves[leaf].source == CTL_CLASS;
}

int
ctl_leaf(size_t index, struct apex_ctl_leaf *out)
{
    size_t room = out->size_bytes;

    if (room < offsetof(struct apex_ctl_leaf, unit)) {
        return EINVAL;
    }
    if (index >= LEAF_COUNT) {
        return ENOENT;
    }
    const struct leaf *leaf = &leaves[index];
    const struct apex_ctl_leaf full = {
        .size_bytes = room,
        .name = leaf->name,
        .unit = leaf->unit,
        .text = leaf->text,
        .type = leaf->type,
        .access = leaf->access,
        .count = ctl_has_index(index) ? CLASS_COUNT : 0,
    };
    size_t known = room < sizeof full ? room : sizeof full;

    memcpy(out, &full, known);
    memset((char *)out + known, 0, room - known);
    return 0;
}

// --- Reading -------------------------------------------------------------------------------------

// What a leaf holds: a number, or a text when `text` is not NULL.
struct ctl_value {
    uint64_t number;
    const char *text;
};

static uint64_t
ctl_word(const void *object, size_t offset_bytes)
{
    return load_relaxed((const uint64_t *)(const void *)((const char *)object + offset_bytes));
}

static uint64_t
ctl_minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0; // counters of running threads are not a snapshot
}

static uint64_t
ctl_class(const struct apex_stats_thread *threads, unsigned c, enum ctl_class word)
{
    uint64_t lost = load_relaxed(&threads->class[c].live_lost); // before the other
    uint64_t gained = load_relaxed(&threads->class[c].live_gained);

    switch (word) {
    case CTL_CLASS_size:
        return size_classes[c].chunk_bytes;
    case CTL_CLASS_live:
        return ctl_minus(gained, lost);
    case CTL_CLASS_gained:
        return gained;
    case CTL_CLASS_lost:
        break;
    }
    return lost;
}

// Objects may leave a thread's blocks that came there with others: the sum over classes of the
// calling thread can be less than nothing for one that adopts.
static uint64_t
ctl_own_live(const struct heap *heap)
{
    uint64_t bytes = 0;

    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        bytes += ctl_class(&heap->stats, c, CTL_CLASS_live) * size_classes[c].chunk_bytes;
    }
    return bytes;
}

static struct ctl_value
ctl_info(enum ctl_info word)
{
    switch (word) {
    case CTL_INFO_version:
        return (struct ctl_value){.text = PACKAGE_VERSION};
    case CTL_INFO_profile:
        return (struct ctl_value){.text = PROFILE_HEADER ? "hardened" : "fast"};
    case CTL_INFO_page:
        return (struct ctl_value){.number = os_page_bytes()};
    case CTL_INFO_block:
        return (struct ctl_value){.number = BLOCK_BYTES};
    case CTL_INFO_superblock:
        return (struct ctl_value){.number = SUPERBLOCK_BYTES};
    case CTL_INFO_alignment:
        return (struct ctl_value){.number = ALIGN_BYTES};
    case CTL_INFO_class_max:
        return (struct ctl_value){.number = size_classes[CLASS_COUNT - 1].chunk_bytes};
    case CTL_INFO_class_count:
        break;
    }
    return (struct ctl_value){.number = CLASS_COUNT};
}

static struct ctl_value
ctl_option(const struct config *config, const struct leaf *leaf)
{
    const char *field = (const char *)config + leaf->argument;

    return leaf->type == APEX_CTL_TEXT ? (struct ctl_value){.text = field}
                                       : (struct ctl_value){.number = ctl_word(field, 0)};
}

static uint64_t
ctl_statistic(const struct leaf *leaf, size_t index)
{
    struct stats_totals totals;

    stats_sum(&totals);
    switch (leaf->source) {
    case CTL_PROCESS:
        return ctl_word(&totals.process, leaf->argument);
    case CTL_THREADS:
        return ctl_word(&totals.threads, leaf->argument);
    case CTL_CLASS:
        return ctl_class(&totals.threads, (unsigned)index, (enum ctl_class)leaf->argument);
    default:
        return ctl_word(&totals, leaf->argument);
    }
}

static struct ctl_value
ctl_read(const struct leaf *leaf, size_t index)
{
    const struct heap *heap = heap_self.heap;

    switch (leaf->source) {
    case CTL_OPT:
        return ctl_option(config_started(), leaf);
    case CTL_OPTION:
        return ctl_option(config_get(), leaf);
    case CTL_INFO:
        return ctl_info((enum ctl_info)leaf->argument);
    case CTL_THREAD:
        return (struct ctl_value){.number = ctl_word(&heap->stats, leaf->argument)};
    case CTL_OWN:
        return (struct ctl_value){.number = ctl_own_live(heap)};
    default:
        return (struct ctl_value){.number = ctl_statistic(leaf, index)};
    }
}

static size_t
ctl_length(const struct ctl_value *value)
{
    return value->text != NULL ? strlen(value->text) + 1 : sizeof value->number;
}

static int
ctl_fits(const struct ctl_value *value, const struct ctl_call *call)
{
    size_t bytes = ctl_length(value);
    size_t room = *call->old_bytes;
    bool fits = value->text != NULL ? room >= bytes : room == bytes;

    return fits || call->old_value == NULL ? 0 : EINVAL;
}

static void
ctl_put(const struct ctl_value *value, const struct ctl_call *call)
{
    size_t bytes = ctl_length(value);
    const void *from = value->text != NULL ? (const void *)value->text : &value->number;

    *call->old_bytes = bytes;
    if (call->old_value != NULL) {
        memcpy(call->old_value, from, bytes);
    }
}

// --- Writing -------------------------------------------------------------------------------------

static int
ctl_option_write(const struct leaf *leaf, uint64_t value)
{
    const char *key = leaf->name + sizeof "option." - 1;
    size_t count;
    const struct config_option *row = config_options(&count);

    while (count > 0 && strcmp(row->key, key) != 0) {
        row++;
        count--;
    }
    if (count == 0 || value < row->min || value > row->max) {
        return EINVAL;
    }
    return config_tune(key, value) ? 0 : EAGAIN;
}

static int
ctl_act(const struct leaf *leaf, uint64_t value)
{
    struct heap *heap = lifecycle_heap_to_free();
    struct apex_stats_process ignored;

    switch ((enum ctl_action)leaf->argument) {
    case CTL_ACTION_trim:
        alloc_trim(value);
        return 0;
    case CTL_ACTION_purge:
        pool_trim(0);
        return 0;
    case CTL_ACTION_flush:
        if (heap != NULL) {
            heap_collect(heap);
        }
        return heap == NULL ? EAGAIN : 0;
    case CTL_ACTION_sample:
        return survey_sample(SURVEY_PROGRAM) ? 0 : EAGAIN;
    case CTL_ACTION_rehome:
        return survey_rehome(SURVEY_PROGRAM) ? 0 : EAGAIN;
    case CTL_ACTION_publish:
        break;
    }
    if (heap != NULL) {
        heap_settle_all(heap);
    }
    pool_count_faults();
    pool_look_all();
    pool_stats(&ignored); // which mirrors the books on its way
    stats_page_publish(os_now_ns());
    return heap == NULL ? EAGAIN : 0;
}

// What the new value says; 0 when there is none and an action needs none.
static int
ctl_take(const struct leaf *leaf, const struct ctl_call *call, uint64_t *value)
{
    bool optional = (leaf->access & APEX_CTL_ACTION) != 0;

    *value = 0;
    if (call->new_value == NULL) {
        return call->new_bytes == 0 && optional ? 0 : EINVAL;
    }
    if (leaf->type != APEX_CTL_NUMBER || call->new_bytes != sizeof *value) {
        return EINVAL;
    }
    memcpy(value, call->new_value, sizeof *value);
    return 0;
}

static int
ctl_write(const struct leaf *leaf, uint64_t value)
{
    int saved = errno;
    int error = leaf->source == CTL_ACTION ? ctl_act(leaf, value) : ctl_option_write(leaf, value);

    errno = saved;
    return error;
}

int
ctl_do(struct ctl_place place, const struct ctl_call *call)
{
    if (place.leaf >= LEAF_COUNT || place.index >= (ctl_has_index(place.leaf) ? CLASS_COUNT : 1)) {
        return ENOENT;
    }
    const struct leaf *leaf = &leaves[place.leaf];
    bool acts = (leaf->access & APEX_CTL_ACTION) != 0;
    bool reads = call->old_bytes != NULL;
    bool writes = call->new_value != NULL || call->new_bytes != 0 || acts;
    uint64_t value = 0;

    if ((reads && (leaf->access & APEX_CTL_READ) == 0) ||
        (writes && (leaf->access & (APEX_CTL_WRITE | APEX_CTL_ACTION)) == 0)) {
        return EPERM;
    }
    if ((call->old_value != NULL && !reads) || (!reads && !writes)) {
        return EINVAL;
    }
    int error = writes ? ctl_take(leaf, call, &value) : 0;
    struct ctl_value old = {0};
    if (error == 0 && reads) {
        old = ctl_read(leaf, place.index);
        error = ctl_fits(&old, call);
    }
    if (error == 0 && writes) {
        error = ctl_write(leaf, value);
    }
    if (error == 0 && reads) {
        ctl_put(&old, call);
    }
    return error;
}
