// SPDX-License-Identifier: MIT
//
// Superblocks by number of free blocks, the dirty list, the books.

#include "policy/pool.h"

#include "base/bits.h"
#include "base/constants.h"
#include "base/fault.h"
#include "base/rng.h"
#include "core/empty.h"
#include "core/guard.h"
#include "core/heapmap.h"
#include "core/large.h"
#include "core/meta.h"
#include "core/registry.h"
#include "core/vault.h"
#include "os/lock.h"
#include "os/os.h"
#include "policy/config.h"
#include "policy/steer.h"

// Address space is reserved in regions so that the number of mappings stays small: the first is
// small for the sake of address space limits, each further one twice as large.
#define REGION_BYTES_MIN (16 * SUPERBLOCK_BYTES)
#define REGION_BYTES_MAX (256 * SUPERBLOCK_BYTES)

// Where the first region may lie: 32 to 80 TiB, clear of libraries, stacks and sanitizer shadows.
// Entropy: 48 TiB / 4 MiB = 12.6 million places, 23.5 bits.
#define REGION_NEAR_MIN (UINT64_C(32) << 40)
#define REGION_NEAR_SPAN (UINT64_C(48) << 40)

// How many superblocks to search for dirty blocks, and then how many of each bucket for any.
#define SEARCH_DIRTY_MAX 16
#define SEARCH_COUNT_MAX 8

// A superblock this full is worth huge pages: at most 7 of 63 blocks free.
#define HUGE_FREE_COUNT_MAX 7

// Freed large mappings kept for reuse: this much, or this share of active memory, within `retain`.
// Hardened: some of them must not be used yet.
#define LARGE_CACHE_BYTES_MIN ((PROFILE_QUARANTINE ? UINT64_C(64) : UINT64_C(32)) << 20)
#define LARGE_CACHE_SHARE 8

// Old memory is looked for this many times in each decay period.
#define DECAY_STEPS 4
#define NS_PER_MS UINT64_C(1000000)

// To look at 8 MiB takes some ten microseconds: not more often than this.
#define LOOK_NS (10 * NS_PER_MS)

// So much of what was purged too early is forgotten in each step of decay.
#define REGRET_FADE_SHARE 8

// What stays dirty is marked for the kernel to take, so much at a time. That costs about 40 us for
// each MiB, so 256 MiB a second is one per cent of a CPU; what was not marked for a while may be
// made up for, up to LAZY_BYTES_MAX.
#define LAZY_BATCH_BYTES (UINT64_C(1) << 20)
#define LAZY_BYTES_MAX (UINT64_C(64) << 20)
#define LAZY_NS_PER_BYTE 4
#define LAZY_SUPERBLOCKS_MAX 16 // looked at, newest first

// Who gave so many times the floor away, and took none of it back, needs no floor: a share of it.
#define BURST_TIMES 4
#define BURST_FLOOR_SHARE 8

// Superblocks that are bound one by one, because they were there before numa_home was: each may
// cost two mappings of 65530 (vm.max_map_count).
#define BINDS_MAX 1024

#define BUCKET_COUNT BLOCK_COUNT // 0 to 63 free blocks

// Where the part of the books ends that changes with every block: what comes behind changes seldom,
// but for `resident`, and is shown when it has.
#define HOT_END offsetof(struct apex_stats_process, metadata)
#define HOME_HOT_FIRST offsetof(struct apex_stats_node, mapped)
#define HOME_HOT_END offsetof(struct apex_stats_node, frees_same)

// The superblocks of one home.
struct pool_home {
    uint64_t nonempty; // bit n: bucket n has superblocks
    struct list bucket[BUCKET_COUNT];
    struct apex_stats_node stats;
};

struct pool {
    struct lock lock;
    bool started;
    uint64_t homes;   // bit n: home n has, or had, superblocks
    uint64_t changed; // bit n: its books, since they were last shown
    uint64_t seldom;  // bit n: more of them than the hot part
    uint32_t changes; // of the nodes, as they were last shown
    struct list dirty_list; // oldest first
    struct list all;
    char *region_next; // reserved, not yet committed
    char *region_end;
    unsigned region_home; // that the rest of it is bound to, or STEER_ANYWHERE
    unsigned binds;       // superblocks bound one by one
    size_t region_bytes;
    uint64_t active_published;   // stats.active for those without the lock; atomic
    uint64_t decayed_ns;         // when somebody last looked for old memory; atomic
    uint64_t dirty_bytes;        // of superblocks; the books add the large cache
    uint64_t doubtful_bytes;     // purged for the bound, and perhaps too early
    uint64_t regret_bytes;       // purged for the bound, and then taken anew; raises the bound
    uint64_t unmarked_bytes;     // dirtied since the last marking; some may be gone again
    uint64_t lazy_paid_ns;       // the time up to which marking has been paid for; atomic
    struct rng rng;              // hardened: which block is taken
    unsigned walks;              // under way: no superblock goes
    uint64_t resident_bytes;     // of all superblocks
    struct superblock *look;     // the next one to look at; NULL: the first
    uint64_t looked_ns;          // when the last one was looked at; atomic
    struct apex_stats_process stats;
    bool more_changed; // than the hot part, since they were last shown
    bool mirrored;     // atomic: to where `lent` says
    struct pool_home home[NUMA_HOMES];
};

struct OWN_PAGES pool_loan {
    struct apex_stats_process *(*page_of)(void);
    struct apex_stats_node *(*node_of)(unsigned home);
};

static struct pool pool = {.lock = LOCK_INIT(LOCK_RANK_POOL)};
static CONSTANT struct pool_loan lent;

uint32_t pool_awaited;

static void
pool_start(void)
{
    pool.region_home = STEER_ANYWHERE;
    list_init(&pool.dirty_list);
    list_init(&pool.all);
    if (PROFILE_SHUFFLE) {
        uint64_t seed;
        os_random(&seed, sizeof seed);
        rng_seed(&pool.rng, seed);
    }
    pool.region_bytes = REGION_BYTES_MIN;
    pool.started = true;
}

static void
pool_lock(void)
{
    lock_acquire(&pool.lock);
    if (unlikely(!pool.started)) {
        pool_start();
    }
}

// What the kernel holds of a superblock in core is asked for in turn, a little at a time; what is
// taken meanwhile counts as touched, and what is purged as gone.
static void
pool_set_resident(struct superblock *sb, uint64_t bytes)
{
    bytes = bytes > SUPERBLOCK_BYTES ? SUPERBLOCK_BYTES : bytes;
    pool.resident_bytes += bytes - sb->resident_bytes; // modulo 2^64
    sb->resident_bytes = (uint32_t)bytes;
}

// Enters changes of blocks of `sb` into the books.
static void
pool_enter(const struct superblock *sb, int active, int dirty, int retained)
{
    struct apex_stats_node *node = &pool.home[sb->home].stats;
    uint64_t active_bytes = (uint64_t)active * BLOCK_BYTES; // modulo 2^64, as the others
    uint64_t dirty_bytes = (uint64_t)dirty * BLOCK_BYTES;
    uint64_t retained_bytes = (uint64_t)retained * BLOCK_BYTES;

    pool.changed |= UINT64_C(1) << sb->home;
    pool.stats.active += active_bytes;
    pool.dirty_bytes += dirty_bytes;
    pool.stats.retained += retained_bytes;
    node->active += active_bytes;
    node->dirty += dirty_bytes;
    node->retained += retained_bytes;
}

// One superblock more or less, whose blocks are free and clean.
static void
pool_enter_superblock(const struct superblock *sb, int change)
{
    pool.stats.superblocks += (uint64_t)change;
    pool.home[sb->home].stats.mapped += (uint64_t)change * SUPERBLOCK_BYTES;
    pool_enter(sb, 0, 0, change * (int)SUPERBLOCK_USABLE_BLOCKS);
}

// Copies whole words, so that no reader sees a half-written one.
FAST void
pool_mirror_words(void *page, const void *books, size_t first_byte, size_t end_byte)
{
    for (size_t i = first_byte / sizeof(uint64_t); i < end_byte / sizeof(uint64_t); i++) {
        store_relaxed((uint64_t *)page + i, ((const uint64_t *)books)[i]);
    }
}

static void
pool_publish_home(unsigned home)
{
    struct apex_stats_node *to = lent.node_of(home);
    struct apex_stats_node *node = &pool.home[home].stats;

    if (to == NULL) {
        return;
    }
    if (unlikely((pool.seldom >> home & 1) != 0)) {
        pool.seldom &= ~(UINT64_C(1) << home);
        node->node = numa_node(home, &node->flags);
        pool_mirror_words(to, node, 0, sizeof *node);
    } else {
        pool_mirror_words(to, node, HOME_HOT_FIRST, HOME_HOT_END);
    }
}

static void
pool_publish_homes(void)
{
    uint32_t changes = load_relaxed(&numa_changes);

    if (unlikely(pool.changes != changes)) {
        pool.changes = changes;
        pool.changed = pool.seldom = bits_range(0, NUMA_HOMES);
    }
    for (; pool.changed != 0; pool.changed &= pool.changed - 1) {
        pool_publish_home(bits_lowest(pool.changed));
    }
}

static void
pool_publish(void)
{
    struct apex_stats_process *to = pool.mirrored ? lent.page_of() : NULL;
    uint64_t cached = large_cached_bytes();
    uint64_t os_calls = os_call_count();

    store_relaxed(&pool.active_published, pool.stats.active);
    store_relaxed(&pool.stats.dirty, pool.dirty_bytes + cached);
    pool.stats.mapped =
        pool.stats.superblocks * SUPERBLOCK_BYTES + pool.stats.large + cached;
    pool.stats.metadata = meta_bytes() + vault_bytes() + pool.stats.superblocks * BLOCK_BYTES;
    pool.stats.resident =
        pool.resident_bytes + large_resident_bytes() + meta_bytes() + vault_bytes();
    // What has to do with the kernel says so by this.
    pool.more_changed |= os_calls != pool.stats.os_calls;
    pool.stats.os_calls = os_calls;
    if (to == NULL) {
        return;
    }
    pool_mirror_words(to, &pool.stats, 0, HOT_END);
    store_relaxed(&to->resident, pool.stats.resident);
    if (unlikely(pool.more_changed)) {
        pool.more_changed = false;
        pool_mirror_words(to, &pool.stats, HOT_END, sizeof pool.stats);
    }
    pool_publish_homes();
}

static void
pool_unlock(void)
{
    pool_publish();
    bool pending = pool.stats.dirty != 0;
    lock_release(&pool.lock);
    if (pending) {
        pool_note_pending();
    }
}

// Puts a superblock into the bucket and list that its bit sets ask for (P1, P2).
static void
pool_file(struct superblock *sb, unsigned old_count)
{
    struct pool_home *home = &pool.home[sb->home];
    unsigned count = superblock_free_count(sb);

    list_remove(&sb->link);
    if (list_empty(&home->bucket[old_count])) {
        home->nonempty &= ~(UINT64_C(1) << old_count);
    }
    list_push(&home->bucket[count], &sb->link);
    home->nonempty |= UINT64_C(1) << count;

    bool listed = !list_empty(&sb->dirty_link);
    if (sb->dirty != 0 && !listed) {
        sb->dirtied_ns = os_now_ns();
        list_append(&pool.dirty_list, &sb->dirty_link);
    } else if (sb->dirty == 0 && listed) {
        list_remove(&sb->dirty_link);
    }
}

static uintptr_t
pool_region_near(void)
{
    if (pool.region_end != NULL) {
        return (uintptr_t)pool.region_end; // next to the last one the mappings merge
    }
    uint64_t random;
    os_random(&random, sizeof random);
    return bits_align_down(REGION_NEAR_MIN + random % REGION_NEAR_SPAN, SUPERBLOCK_BYTES);
}

static bool
pool_reserve_region(void)
{
    // Under an address space limit a smaller region may still fit.
    for (size_t bytes = pool.region_bytes; bytes >= SUPERBLOCK_BYTES; bytes /= 2) {
        void *base;
        if (os_reserve(bytes, SUPERBLOCK_BYTES, pool_region_near(), &base) == 0) {
            // Never huge while sparse, also on hosts where everything is huge unless it says no.
            os_huge(base, bytes, false);
            pool.region_next = base;
            pool.region_end = pool.region_next + bytes;
            pool.region_home = STEER_ANYWHERE;
            size_t next = bytes * 2;
            pool.region_bytes = next > REGION_BYTES_MAX ? REGION_BYTES_MAX : next;
            return true;
        }
        pool.stats.os_failures++;
    }
    return false;
}

static bool
pool_wants_huge(const struct superblock *sb)
{
    uint64_t thp = config_value(thp);

    return thp == CONFIG_THP_ALWAYS ||
           (thp == CONFIG_THP_AUTO && superblock_free_count(sb) <= HUGE_FREE_COUNT_MAX);
}

static void
pool_set_huge(struct superblock *sb, bool huge)
{
    if (sb->huge != huge) {
        sb->huge = huge;
        os_huge(geometry_superblock_base(sb), SUPERBLOCK_BYTES, huge);
        heapmap_show_superblock(sb);
    }
}

static void
pool_start_home(unsigned home)
{
    if ((pool.homes >> home & 1) == 0) {
        for (unsigned i = 0; i < BUCKET_COUNT; i++) {
            list_init(&pool.home[home].bucket[i]);
        }
        pool.homes |= UINT64_C(1) << home;
    }
}

static bool
pool_bind_range(void *address, size_t bytes, unsigned home)
{
    struct os_nodes nodes = {{0}};
    uint32_t flags;

    if (!steer_binds_home()) {
        return false;
    }
    os_nodes_add(&nodes, numa_node(home, &flags));
    bool bound = os_place_prefer(address, bytes, &nodes) == 0;
    pool.stats.os_failures += bound ? 0 : 1;
    return bound;
}

// Binds all that is left of the region, or lets go of it: one call for many superblocks, and one
// mapping.
static void
pool_bind_region(unsigned home)
{
    size_t bytes = (size_t)(pool.region_end - pool.region_next);

    if (pool.region_home == home) {
        return;
    }
    bool done = home == STEER_ANYWHERE ? os_place_default(pool.region_next, bytes) == 0
                                       : pool_bind_range(pool.region_next, bytes, home);
    pool.region_home = done ? home : pool.region_home;
}

// The option numa_home names the home of this one, which was made without it.
static void
pool_bind(struct superblock *sb)
{
    if (!sb->bound && pool.binds < BINDS_MAX) {
        sb->bound = pool_bind_range(geometry_superblock_base(sb), SUPERBLOCK_BYTES, sb->home);
        pool.binds += sb->bound ? 1 : 0;
    }
}

// A fresh superblock, in its bucket; NULL when there is no memory. Unless it is bound, its pages
// will be on the node of whoever touches each first.
static struct superblock *
pool_grow(unsigned home)
{
    uint32_t flags;

    if (pool.region_next == pool.region_end && !pool_reserve_region()) {
        return NULL;
    }
    pool_bind_region(steer_home());
    char *base = pool.region_next;
    if (os_commit(base, SUPERBLOCK_BYTES) != 0) {
        pool.stats.os_failures++;
        return NULL;
    }
    guard_superblock(base);
    pool.region_next += SUPERBLOCK_BYTES;
    struct superblock *sb = superblock_init(base, home, numa_node(home, &flags));
    sb->bound = pool.region_home == home;
    pool_start_home(home);
    registry_mark(base, SUPERBLOCK_BYTES, REGISTRY_SUPERBLOCK);
    pool_set_huge(sb, pool_wants_huge(sb));
    heapmap_enter(sb);
    list_push(&pool.all, &sb->all_link);
    pool_file(sb, SUPERBLOCK_USABLE_BLOCKS);
    pool_enter_superblock(sb, 1);
    return sb;
}

static uint64_t
pool_regret_within(uint64_t bytes)
{
    uint64_t most = config_value(dirty_floor) * POOL_REGRET_TIMES;
    return bytes < most ? bytes : most;
}

// Clean memory was taken. What was purged a moment ago for the bound's sake would have served: the
// bound was too low for what this program does.
static void
pool_regret(uint64_t clean_bytes)
{
    uint64_t bytes = clean_bytes < pool.doubtful_bytes ? clean_bytes : pool.doubtful_bytes;

    pool.doubtful_bytes -= bytes;
    pool.regret_bytes = pool_regret_within(pool.regret_bytes + bytes);
}

// Enters into the books that blocks of `sb` were taken.
static void
pool_taken(struct superblock *sb, unsigned old_count, unsigned old_dirty)
{
    uint64_t count = old_count - superblock_free_count(sb);
    uint64_t dirty = old_dirty - bits_count(sb->dirty);

    pool_enter(sb, (int)count, -(int)dirty, -(int)(count - dirty));
    pool_set_resident(sb, sb->resident_bytes + (count - dirty) * BLOCK_BYTES);
    pool_regret((count - dirty) * BLOCK_BYTES);
    pool_file(sb, old_count);
    if (!sb->huge) {
        pool_set_huge(sb, pool_wants_huge(sb));
    }
}

// Blocks are taken from here on in a superblock: from its start, or anywhere.
static unsigned
pool_choose_block(void)
{
    return PROFILE_SHUFFLE ? (unsigned)(rng_next(&pool.rng) >> 32) % BLOCK_COUNT : 0;
}

static int
pool_take_from(struct superblock *sb, unsigned count, bool *clean)
{
    unsigned old_count = superblock_free_count(sb);
    unsigned old_dirty = bits_count(sb->dirty);
    int first = superblock_take(sb, count, pool_choose_block(), clean);

    if (first >= 0) {
        pool_taken(sb, old_count, old_dirty);
    }
    return first;
}

// Tries up to `tries` superblocks of a bucket; with `dirty` only those whose dirty blocks will do.
static int
pool_find_in(const struct list *bucket, unsigned count, bool dirty, unsigned *tries, bool *clean,
             struct superblock **sb)
{
    int first = -1;

    for (struct list *l = bucket->next; l != bucket && *tries > 0 && first < 0; l = l->next) {
        *sb = list_entry(l, struct superblock, link);
        bool may = dirty ? bits_find_run((*sb)->dirty, count, 0) >= 0 : count <= (*sb)->run_max;
        first = may ? pool_take_from(*sb, count, clean) : -1;
        (*tries)--;
    }
    return first;
}

// Searches buckets from `count` free blocks upwards, fullest superblock first: for dirty blocks,
// whose pages are there already, but not for long; then for any.
static struct superblock *
pool_find(const struct pool_home *home, unsigned count, int *first, bool *clean)
{
    uint64_t buckets = home->nonempty & ~bits_range(0, count);
    unsigned tries = home->stats.dirty < count * BLOCK_BYTES ? 0 : SEARCH_DIRTY_MAX;
    struct superblock *sb = NULL;

    for (uint64_t left = buckets; left != 0 && tries > 0; left &= left - 1) {
        *first = pool_find_in(&home->bucket[bits_lowest(left)], count, true, &tries, clean, &sb);
        if (*first >= 0) {
            return sb;
        }
    }
    for (uint64_t left = buckets; left != 0; left &= left - 1) {
        tries = SEARCH_COUNT_MAX;
        *first = pool_find_in(&home->bucket[bits_lowest(left)], count, false, &tries, clean, &sb);
        if (*first >= 0) {
            return sb;
        }
    }
    return NULL;
}

// The same in any home, for want of new memory.
static SLOW struct superblock *
pool_find_anywhere(unsigned count, int *first, bool *clean)
{
    struct superblock *sb = NULL;

    for (uint64_t left = pool.homes; left != 0 && sb == NULL; left &= left - 1) {
        sb = pool_find(&pool.home[bits_lowest(left)], count, first, clean);
    }
    return sb;
}

static struct superblock *
pool_find_or_grow(unsigned count, unsigned home, int *first, bool *clean)
{
    struct superblock *sb = pool_find(&pool.home[home], count, first, clean);

    if (sb == NULL) {
        sb = pool_grow(home);
        *first = sb == NULL ? -1 : pool_take_from(sb, count, clean);
    }
    if (unlikely(*first < 0) && load_relaxed(&numa_many) != 0) {
        sb = pool_find_anywhere(count, first, clean);
    }
    return sb;
}

static void
pool_count_refill(unsigned home, unsigned here)
{
    struct apex_stats_node *node = &pool.home[home].stats;

    node->refills_local += home == here ? 1 : 0;
    node->refills_remote += home == here ? 0 : 1;
}

static struct block *
pool_mark_run(struct superblock *sb, unsigned first, unsigned count)
{
    struct block *head = superblock_block(sb, first);

    head->run_blocks = (uint8_t)count;
    for (unsigned i = 1; i < count; i++) {
        block_set_tail(&head[i], i);
    }
    heapmap_show_taken(head, 0, count);
    return head;
}

// The kernel would not open these blocks of a run, which were just taken: they go back as they
// were. What was clean still is, so that they are not the first to be taken again.
static SLOW void
pool_put_back(struct block *first, unsigned have, unsigned count, bool clean)
{
    struct superblock *sb = superblock_of(first);
    uint64_t blocks = bits_range(geometry_descriptor_index(first) + have, count - have);
    uint64_t bytes = (count - have) * BLOCK_BYTES;
    int given = (int)(count - have);

    pool_lock(); // for all of it: a fork must not find the run longer than what is taken
    unsigned old_count = superblock_free_count(sb);
    for (unsigned i = have; i < count; i++) {
        store_relaxed(&first[i].owner, NULL);
        block_set_state(&first[i], BLOCK_UNUSED);
    }
    first->run_blocks = (uint8_t)have;
    superblock_purged(sb, blocks, clean);
    heapmap_show_free(sb, blocks, clean ? APEX_BLOCK_CLEAN : APEX_BLOCK_DIRTY);
    pool_enter(sb, -given, clean ? 0 : given, clean ? given : 0);
    if (clean) {
        pool_set_resident(sb, sb->resident_bytes > bytes ? sb->resident_bytes - bytes : 0);
    }
    pool_file(sb, old_count);
    pool.stats.os_failures++;
    pool_unlock();
}

static bool
pool_within_limit(size_t bytes)
{
    uint64_t limit = config_value(heap_limit);
    return limit == 0 || pool.stats.active + bytes <= limit;
}

struct block *
pool_take(unsigned count, unsigned home, unsigned here, bool *clean)
{
    struct block *result = NULL;
    unsigned wanted = steer_home();
    int first = -1;

    home = unlikely(wanted != STEER_ANYWHERE) ? wanted : home;
    pool_lock();
    if (pool_within_limit(count * BLOCK_BYTES)) {
        struct superblock *sb = pool_find_or_grow(count, home, &first, clean);
        if (first >= 0) {
            if (unlikely(sb->home == wanted)) {
                pool_bind(sb);
            }
            pool_count_refill(sb->home, here);
            result = pool_mark_run(sb, (unsigned)first, count);
        }
    }
    pool_unlock();
    if (PROFILE_GUARD && result != NULL && !guard_make_run(result, 0, count)) {
        pool_put_back(result, 0, count, *clean);
        return NULL;
    }
    return result;
}

bool
pool_extend(struct block *first, unsigned count)
{
    struct superblock *sb = superblock_of(first);
    unsigned have = first->run_blocks;
    unsigned end = geometry_descriptor_index(first) + have;

    pool_lock();
    unsigned old_count = superblock_free_count(sb);
    unsigned old_dirty = bits_count(sb->dirty);
    bool taken = pool_within_limit((count - have) * BLOCK_BYTES) &&
                 superblock_take_at(sb, end, count - have);
    if (taken) {
        pool_taken(sb, old_count, old_dirty);
        first->run_blocks = (uint8_t)count;
        for (unsigned i = have; i < count; i++) {
            block_set_tail(&first[i], i);
        }
        heapmap_show_taken(first, have, count);
    }
    bool clean = bits_count(sb->dirty) == old_dirty;
    pool_unlock();
    if (PROFILE_GUARD && taken && !guard_make_run(first, have, count)) {
        pool_put_back(first, have, count, clean);
        return false;
    }
    return taken;
}

static uint64_t
pool_dirty_bound(void)
{
    uint64_t floor = config_value(dirty_floor);
    bool burst = pool.regret_bytes == 0 && pool.doubtful_bytes / BURST_TIMES >= floor;
    uint64_t bound = burst ? floor / BURST_FLOOR_SHARE : floor;

    bound += pool.stats.active / 100 * config_value(dirty_ratio);
    return config_value(decay_ms) == 0 ? 0 : bound + pool_regret_within(pool.regret_bytes);
}

// Takes the dirty blocks of the oldest superblock in the list; false when there is none older than
// `before_ns`. They count as purged from here on, so that two threads do not purge for the same
// excess.
static bool
pool_purge_take(uint64_t before_ns, struct superblock **sb, uint64_t *blocks)
{
    if (list_empty(&pool.dirty_list)) {
        return false;
    }
    *sb = list_entry(pool.dirty_list.next, struct superblock, dirty_link);
    if ((*sb)->dirtied_ns >= before_ns) {
        return false;
    }
    unsigned old_count = superblock_free_count(*sb);
    *blocks = superblock_take_dirty(*sb);
    pool_enter(*sb, 0, -(int)bits_count(*blocks), 0);
    pool_file(*sb, old_count);
    return true;
}

// The opposite of a purge: what is dirty stays where it is, for the program or for the kernel,
// whoever needs it first. True when so much may be marked now, and then it is entered as done; when
// two threads ask at once, one entry may be lost.
static bool
pool_lazy_afford(uint64_t bytes)
{
    uint64_t now = os_now_ns();
    uint64_t paid = load_relaxed(&pool.lazy_paid_ns);
    uint64_t credit = LAZY_BYTES_MAX * LAZY_NS_PER_BYTE;

    paid = now > credit && paid < now - credit ? now - credit : paid;
    if (bytes > LAZY_BYTES_MAX || paid + bytes * LAZY_NS_PER_BYTE > now) {
        return false;
    }
    store_relaxed(&pool.lazy_paid_ns, paid + bytes * LAZY_NS_PER_BYTE);
    return true;
}

// Puts a superblock that has just been filed as dirty where it belongs by its age.
static void
pool_restore_age(struct superblock *sb, uint64_t dirtied_ns)
{
    struct list *l = sb->dirty_link.prev;

    sb->dirtied_ns = dirtied_ns;
    while (l != &pool.dirty_list &&
           list_entry(l, struct superblock, dirty_link)->dirtied_ns > dirtied_ns) {
        l = l->prev;
    }
    list_remove(&sb->dirty_link);
    list_push(l, &sb->dirty_link);
}

// One call for each stretch of neighbouring blocks. Without the lock. False if any was refused.
static bool
pool_each_stretch(const struct superblock *sb, uint64_t blocks,
                  int (*call)(struct block *, unsigned), unsigned *calls)
{
    bool all = true;

    while (blocks != 0) {
        unsigned first = bits_lowest(blocks);
        uint64_t rest = ~(blocks >> first);
        unsigned count = rest == 0 ? 64 : bits_lowest(rest);
        all &= call(superblock_block(sb, first), count) == 0;
        blocks &= ~bits_range(first, count);
        (*calls)++;
    }
    return all;
}

static int
pool_lazy(struct block *first, unsigned count)
{
    struct superblock *sb = superblock_of(first);
    char *address = superblock_block_address(sb, geometry_descriptor_index(first));

    return os_lazy(address, count * BLOCK_BYTES);
}

// Marks the dirty blocks of one superblock. They are nobody's meanwhile, or somebody might write to
// one that is being marked. With the lock, which it gives up meanwhile. False if it was refused.
static bool
pool_mark_one(struct superblock *sb)
{
    unsigned old_count = superblock_free_count(sb);
    uint64_t dirtied_ns = sb->dirtied_ns;
    uint64_t blocks = superblock_take_unmarked(sb);
    int count = (int)bits_count(blocks);
    unsigned calls = 0;

    pool_enter(sb, 0, -count, 0);
    pool_file(sb, old_count);
    lock_release(&pool.lock);
    bool marked = pool_each_stretch(sb, blocks, pool_lazy, &calls);
    lock_acquire(&pool.lock);
    old_count = superblock_free_count(sb);
    superblock_marked(sb, blocks, marked);
    pool_enter(sb, 0, count, 0);
    pool_file(sb, old_count);
    pool_restore_age(sb, dirtied_ns);
    return marked;
}

// The newest superblock with dirty blocks that are not marked, NULL when there is none among the
// newest. Not one of huge pages that is well filled: a mark on a part of such a page splits it.
static struct superblock *
pool_find_unmarked(void)
{
    const struct list *l = pool.dirty_list.prev;

    for (unsigned i = 0; i < LAZY_SUPERBLOCKS_MAX && l != &pool.dirty_list; i++, l = l->prev) {
        struct superblock *sb = list_entry(l, struct superblock, dirty_link);
        bool whole = sb->huge && superblock_free_count(sb) <= BLOCK_COUNT / 2;
        if (!whole && (sb->dirty & ~sb->lazy) != 0) {
            return sb;
        }
    }
    return NULL;
}

// Marks what was given back lately: what is older has been marked before. With the lock, which it
// gives up meanwhile.
static void
pool_mark_lazy(void)
{
    struct superblock *sb;

    if (pool.unmarked_bytes < LAZY_BATCH_BYTES || !pool_lazy_afford(pool.unmarked_bytes)) {
        return;
    }
    pool.unmarked_bytes = 0;
    for (unsigned i = 0; i < LAZY_SUPERBLOCKS_MAX && (sb = pool_find_unmarked()) != NULL &&
                         pool_mark_one(sb); i++) {
    }
}

// A superblock of a home that is wholly free and clean; NULL when there is none.
static struct superblock *
pool_excess_of(const struct pool_home *home)
{
    const struct list *head = &home->bucket[SUPERBLOCK_USABLE_BLOCKS];

    for (struct list *l = head->next; l != head; l = l->next) {
        struct superblock *sb = list_entry(l, struct superblock, link);
        if (sb->dirty == 0) {
            return sb;
        }
    }
    return NULL;
}

// One of the home that retains most of those that have such.
static struct superblock *
pool_excess_find(void)
{
    struct superblock *best = NULL;

    for (uint64_t left = pool.homes; left != 0; left &= left - 1) {
        struct pool_home *home = &pool.home[bits_lowest(left)];
        struct superblock *sb = pool_excess_of(home);
        if (best == NULL ||
            (sb != NULL && home->stats.retained > pool.home[best->home].stats.retained)) {
            best = sb;
        }
    }
    return best;
}

// Takes a superblock that is wholly free and clean off all lists; NULL when there is none, or no
// more is retained than `keep_bytes`. With the lock.
static struct superblock *
pool_excess_take(uint64_t keep_bytes)
{
    if (pool.walks > 0 || pool.stats.retained <= keep_bytes) {
        return NULL;
    }
    struct superblock *sb = pool_excess_find();
    if (sb != NULL) {
        struct pool_home *home = &pool.home[sb->home];
        list_remove(&sb->link);
        list_remove(&sb->all_link);
        pool.look = pool.look == sb ? NULL : pool.look;
        pool_set_resident(sb, 0);
        if (list_empty(&home->bucket[SUPERBLOCK_USABLE_BLOCKS])) {
            home->nonempty &= ~(UINT64_C(1) << SUPERBLOCK_USABLE_BLOCKS);
        }
        pool_enter_superblock(sb, -1);
        registry_mark(geometry_superblock_base(sb), SUPERBLOCK_BYTES, REGISTRY_NONE);
        heapmap_leave(sb);
    }
    return sb;
}

// The opposite, for a superblock the kernel would not unmap: it stays, as clean as it is.
static void
pool_excess_restore(struct superblock *sb)
{
    registry_mark(geometry_superblock_base(sb), SUPERBLOCK_BYTES, REGISTRY_SUPERBLOCK);
    heapmap_enter(sb);
    list_push(&pool.all, &sb->all_link);
    pool_file(sb, SUPERBLOCK_USABLE_BLOCKS);
    pool_enter_superblock(sb, 1);
    pool.stats.os_failures++;
}

// Unmaps wholly free superblocks while more than `keep_bytes` are retained. Called with the lock,
// which it gives up meanwhile.
static void
pool_release_excess(uint64_t keep_bytes)
{
    struct superblock *sb;

    while ((sb = pool_excess_take(keep_bytes)) != NULL) {
        lock_release(&pool.lock);
        int error = guard_release(geometry_superblock_base(sb));
        lock_acquire(&pool.lock);
        if (error != 0) {
            pool_excess_restore(sb);
            return;
        }
    }
}

// Purges blocks that were taken out of `free`, and puts them back. Called with the lock, which it
// gives up meanwhile. Returns bytes given back; 0 when the kernel refused.
static size_t
pool_purge_blocks(struct superblock *sb, uint64_t blocks)
{
    unsigned calls = 0;
    bool sparse = sb->huge && config_value(thp) != CONFIG_THP_ALWAYS;

    sb->huge = sb->huge && !sparse;
    lock_release(&pool.lock);
    if (sparse) {
        // Or the kernel would fill the holes again, to make a huge page of what is left.
        os_huge(geometry_superblock_base(sb), SUPERBLOCK_BYTES, false);
    }
    bool clean = pool_each_stretch(sb, blocks, guard_purge, &calls);
    lock_acquire(&pool.lock);

    size_t bytes = (size_t)bits_count(blocks) * BLOCK_BYTES;
    int count = (int)bits_count(blocks);
    unsigned old_count = superblock_free_count(sb);
    superblock_purged(sb, blocks, clean);
    pool_enter(sb, 0, clean ? 0 : count, clean ? count : 0);
    heapmap_show_free(sb, blocks, clean ? APEX_BLOCK_CLEAN : APEX_BLOCK_DIRTY);
    heapmap_show_superblock(sb);
    pool_file(sb, old_count);
    pool.stats.purge_calls += calls;
    if (!clean) {
        pool.stats.os_failures++;
        return 0;
    }
    pool.stats.purged += bytes;
    pool_set_resident(sb, sb->resident_bytes > bytes ? sb->resident_bytes - bytes : 0);
    return bytes;
}

// Purges one superblock's dirty blocks. Called with the lock, which it gives up meanwhile.
// Returns bytes given back; 0 when there was nothing to do, or the kernel refused.
static size_t
pool_purge_one(uint64_t before_ns)
{
    struct superblock *sb;
    uint64_t blocks;

    return pool_purge_take(before_ns, &sb, &blocks) ? pool_purge_blocks(sb, blocks) : 0;
}

// With the lock, which it gives up meanwhile.
static void
pool_rehome_one(struct superblock *sb, pool_away_fn *away)
{
    unsigned old_count = superblock_free_count(sb);
    uint64_t dirtied_ns = sb->dirtied_ns;
    uint64_t blocks = superblock_take_dirty(sb);

    pool_enter(sb, 0, -(int)bits_count(blocks), 0);
    pool_file(sb, old_count);
    lock_release(&pool.lock);
    uint64_t gone = away(sb, blocks) & blocks;
    lock_acquire(&pool.lock);
    uint64_t stay = blocks & ~gone;
    if (stay != 0) {
        old_count = superblock_free_count(sb);
        superblock_purged(sb, stay, false);
        pool_enter(sb, 0, (int)bits_count(stay), 0);
        pool_file(sb, old_count);
        pool_restore_age(sb, dirtied_ns);
    }
    if (gone != 0) {
        pool_purge_blocks(sb, gone);
    }
}

void
pool_rehome(pool_away_fn *away)
{
    pool_lock();
    pool.walks++; // none goes while the lock is not held
    for (struct list *l = pool.all.next; l != &pool.all; l = l->next) {
        struct superblock *sb = list_entry(l, struct superblock, all_link);
        if (sb->dirty != 0) {
            pool_rehome_one(sb, away);
        }
    }
    pool.walks -= pool.walks > 0 ? 1 : 0;
    pool_unlock();
}

void
pool_give(struct block *first)
{
    struct superblock *sb = superblock_of(first);
    unsigned index = geometry_descriptor_index(first);
    unsigned count = first->run_blocks;

    for (unsigned i = 0; i < count; i++) {
        store_relaxed(&first[i].owner, NULL);
        block_set_state(&first[i], BLOCK_UNUSED);
    }
    pool_lock();
    unsigned old_count = superblock_free_count(sb);
    superblock_give(sb, index, count);
    heapmap_show_free(sb, bits_range(index, count), APEX_BLOCK_DIRTY);
    pool.unmarked_bytes += count * BLOCK_BYTES;
    pool_enter(sb, -(int)count, (int)count, 0);
    pool_file(sb, old_count);
    if (pool.dirty_bytes > pool_dirty_bound()) {
        uint64_t goal = pool_dirty_bound() / 2;
        uint64_t before = pool.dirty_bytes;
        while (pool.dirty_bytes > goal && pool_purge_one(UINT64_MAX) != 0) {
        }
        pool.doubtful_bytes += before > pool.dirty_bytes ? before - pool.dirty_bytes : 0;
        pool_release_excess(config_value(retain));
    }
    pool_mark_lazy();
    pool_unlock();
}

_Static_assert(offsetof(struct apex_stats_process, fault_use_after_free) -
                       offsetof(struct apex_stats_process, fault_double_free) ==
                   (FAULT_COUNT - 1) * sizeof(uint64_t),
               "one for each fault");

void
pool_count_faults(void)
{
    uint64_t *entry = &pool.stats.fault_double_free;
    bool changed = false;

    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        changed |= load_relaxed(&entry[i]) != fault_count((enum fault)i);
    }
    if (!changed) {
        return;
    }
    pool_lock();
    for (unsigned i = 0; i < FAULT_COUNT; i++) {
        store_relaxed(&entry[i], fault_count((enum fault)i));
    }
    pool.more_changed = true;
    pool_unlock();
}

// `delta_bytes` modulo 2^64.
static void
pool_enter_large(uint64_t delta_bytes)
{
    pool.stats.active += delta_bytes;
    pool.stats.large += delta_bytes;
    pool.more_changed = true;
}

bool
pool_large_reserve(size_t bytes)
{
    pool_lock();
    bool granted = pool_within_limit(bytes);
    if (granted) {
        pool_enter_large(bytes);
        pool.stats.large_objects++;
        pool.stats.large_allocs++;
    }
    pool_unlock();
    return granted;
}

void
pool_large_free(size_t bytes)
{
    pool_lock();
    pool_enter_large(-(uint64_t)bytes);
    pool.stats.large_objects--;
    pool.stats.large_frees++;
    pool_unlock();
}

bool
pool_large_resize(size_t old_bytes, size_t new_bytes)
{
    size_t delta = new_bytes - old_bytes;

    pool_lock();
    bool granted = new_bytes <= old_bytes || pool_within_limit(delta);
    if (granted) {
        pool_enter_large(delta);
    }
    pool_unlock();
    return granted;
}

void
pool_large_adjust(size_t old_bytes, size_t new_bytes)
{
    pool_lock();
    pool_enter_large(new_bytes - old_bytes);
    pool_unlock();
}

struct large_bounds
pool_large_bounds(size_t freed_bytes)
{
    uint64_t bytes = load_relaxed(&pool.active_published) / LARGE_CACHE_SHARE;
    uint64_t retain = config_value(retain);

    bytes = bytes < LARGE_CACHE_BYTES_MIN ? LARGE_CACHE_BYTES_MIN : bytes;
    bytes = bytes > retain ? retain : bytes;
    return (struct large_bounds){
        .cached_bytes_max = config_value(decay_ms) == 0 ? 0 : bytes,
        .lazy = freed_bytes != 0 && freed_bytes <= bytes && pool_lazy_afford(freed_bytes),
        .now_ns = os_now_ns(),
    };
}

uint64_t
pool_decay_ns(void)
{
    return config_value(decay_ms) * NS_PER_MS;
}

// Blocks that are free and clean have no pages, though the kernel counts those that it guards.
static void
pool_look_at(struct superblock *sb)
{
    uint8_t pages[SUPERBLOCK_BYTES / 4096];
    size_t page_bytes = os_page_bytes();
    size_t count = BLOCK_BYTES / page_bytes;
    size_t found = PROFILE_GUARD ? 2 : 0; // of the descriptors, among guards

    if (os_resident(geometry_superblock_base(sb), SUPERBLOCK_BYTES, pages) != 0) {
        return;
    }
    for (unsigned i = PROFILE_GUARD ? 1 : 0; i < BLOCK_COUNT; i++) {
        bool clean = ((sb->free & ~sb->dirty) >> i & 1) != 0;
        unsigned kind = superblock_block(sb, i)->fence & FENCE_KIND;
        bool fence = PROFILE_GUARD && kind == FENCE_PAGE;
        for (size_t n = 0; !clean && n < count - (fence ? 1 : 0); n++) {
            found += pages[i * count + n] & 1;
        }
    }
    pool_set_resident(sb, found * page_bytes);
}

// Looks at the next superblock. False when that was the last.
static bool
pool_look_on(void)
{
    if (pool.look == NULL && !list_empty(&pool.all)) {
        pool.look = list_entry(pool.all.next, struct superblock, all_link);
    }
    if (pool.look != NULL) {
        struct list *next = pool.look->all_link.next;
        pool_look_at(pool.look);
        pool.look = next == &pool.all ? NULL : list_entry(next, struct superblock, all_link);
    }
    return pool.look != NULL;
}

void
pool_look_some(void)
{
    uint64_t now = os_now_ns();

    if (!load_relaxed(&pool.mirrored) || now - load_relaxed(&pool.looked_ns) < LOOK_NS) {
        return;
    }
    store_relaxed(&pool.looked_ns, now);
    pool_lock();
    pool_look_on();
    large_look();
    pool_unlock();
}

// One step of either kind; the lock is not held for longer.
static bool
pool_look_step(bool (*step)(void))
{
    pool_lock();
    bool more = step();
    pool_unlock();
    return more;
}

void
pool_look_all(void)
{
    // The end of the turn that is under way, and then a whole one.
    for (unsigned turn = 0; turn < 2; turn++) {
        while (pool_look_step(pool_look_on)) {
        }
        while (pool_look_step(large_look)) {
        }
    }
}

void
pool_decay(void)
{
    uint64_t now = os_now_ns();
    uint64_t decay = pool_decay_ns();

    if (now - load_relaxed(&pool.decayed_ns) < decay / DECAY_STEPS || now < decay) {
        return;
    }
    store_relaxed(&pool.decayed_ns, now);
    if (large_cached_bytes() != 0) {
        large_trim(0, now - decay);
    }
    pool_lock();
    pool.doubtful_bytes = 0;
    pool.regret_bytes -= pool.regret_bytes / REGRET_FADE_SHARE;
    while (pool_purge_one(now - decay) != 0) {
    }
    pool_release_excess(config_value(retain));
    pool_unlock();
}

uint64_t
pool_pending(void)
{
    return load_relaxed(&pool.stats.dirty);
}

SLOW void
pool_wake(void)
{
    if (load_relaxed(&pool_awaited) != 0) {
        store_relaxed(&pool_awaited, 0);
        os_futex_wake(&pool_awaited, 1);
    }
}

void
pool_await_pending(uint64_t ns)
{
    store_relaxed(&pool_awaited, 1);
    fence_full(); // what is dirty and not seen here was entered by somebody who sees the word
    if (pool_pending() == 0) {
        os_futex_wait_ns(&pool_awaited, 1, ns);
    }
    store_relaxed(&pool_awaited, 0);
}

void
pool_sparse(const struct block *b)
{
    struct superblock *sb = superblock_of(b);

    pool_lock();
    if (config_value(thp) != CONFIG_THP_ALWAYS) {
        pool_set_huge(sb, false);
    }
    pool_unlock();
}

void
pool_retune(void)
{
    large_trim(pool_large_bounds(0).cached_bytes_max, UINT64_MAX);
    pool_lock();
    for (struct list *l = pool.all.next; l != &pool.all; l = l->next) {
        struct superblock *sb = list_entry(l, struct superblock, all_link);
        pool_set_huge(sb, pool_wants_huge(sb));
    }
    while (pool.dirty_bytes > pool_dirty_bound() && pool_purge_one(UINT64_MAX) != 0) {
    }
    pool_release_excess(config_value(retain));
    pool_unlock();
}

size_t
pool_trim(size_t keep_bytes)
{
    size_t given = large_trim(keep_bytes, UINT64_MAX);

    pool_lock();
    while (pool.dirty_bytes > keep_bytes) {
        size_t bytes = pool_purge_one(UINT64_MAX);
        if (bytes == 0) {
            break;
        }
        given += bytes;
    }
    uint64_t retained = pool.stats.retained;
    pool_release_excess(keep_bytes);
    given += retained - pool.stats.retained;
    pool_unlock();
    return given;
}

void
pool_count(size_t field_offset_bytes, uint64_t delta)
{
    pool_lock();
    uint64_t *fields = (uint64_t *)&pool.stats;
    fields[field_offset_bytes / sizeof *fields] += delta;
    pool.more_changed = true;
    pool_unlock();
}

void
pool_count_home(unsigned home, size_t field_offset_bytes, uint64_t delta)
{
    pool_lock();
    uint64_t *fields = (uint64_t *)(void *)&pool.home[home].stats;
    fields[field_offset_bytes / sizeof *fields] += delta;
    pool.changed |= UINT64_C(1) << home;
    pool.seldom |= UINT64_C(1) << home;
    pool_unlock();
}

bool
pool_home_stats(unsigned home, struct apex_stats_node *out)
{
    pool_lock();
    *out = pool.home[home].stats;
    bool used = (pool.homes >> home & 1) != 0;
    pool_unlock();
    out->node = numa_node(home, &out->flags);
    return used || out->flags != 0;
}

void
pool_stats(struct apex_stats_process *out)
{
    pool_lock();
    pool_publish();
    *out = pool.stats;
    pool_unlock();
}

void
pool_set_page(struct apex_stats_process *(*page_of)(void),
              struct apex_stats_node *(*node_of)(unsigned home))
{
    lent.page_of = page_of;
    lent.node_of = node_of;
}

void
pool_mirror(void)
{
    pool_lock();
    store_relaxed(&pool.mirrored, lent.page_of != NULL);
    pool.changed = pool.seldom = bits_range(0, NUMA_HOMES);
    pool.more_changed = true;
    for (struct list *l = pool.all.next; l != &pool.all; l = l->next) {
        heapmap_mirror(list_entry(l, struct superblock, all_link));
    }
    heapmap_large_mirror();
    pool_unlock();
}

void
pool_visit_blocks(void (*visit)(struct block *block, void *context), void *context)
{
    pool_lock();
    for (struct list *l = pool.all.next; l != &pool.all; l = l->next) {
        const struct superblock *sb = list_entry(l, struct superblock, all_link);
        for (unsigned i = 1; i < BLOCK_COUNT; i++) {
            struct block *b = superblock_block(sb, i);
            if (b->state != BLOCK_UNUSED && b->state != BLOCK_TAIL) {
                visit(b, context);
            }
        }
    }
    pool_unlock();
}

// The superblock in `l`, an entry of `all`; NULL behind the last.
static const struct superblock *
pool_walk_at(const struct list *l)
{
    return l == &pool.all ? NULL : list_entry(l, const struct superblock, all_link);
}

void
pool_walk_begin(struct pool_walk *walk)
{
    pool_lock();
    pool.walks++;
    *walk = (struct pool_walk){.sb = pool_walk_at(pool.all.next), .block = 1};
    pool_unlock();
}

bool
pool_walk_on(struct pool_walk *walk, pool_walk_fn *visit, void *context)
{
    bool more = true;

    pool_lock();
    while (more && walk->sb != NULL) {
        while (more && walk->block < BLOCK_COUNT) {
            const struct block *b = superblock_block(walk->sb, walk->block);
            enum block_state state = block_state(b);
            more = state == BLOCK_UNUSED || state == BLOCK_TAIL || visit(b, context);
            walk->block += more ? 1 : 0;
        }
        if (more) {
            walk->sb = pool_walk_at(walk->sb->all_link.next);
            walk->block = 1;
        }
    }
    pool_unlock();
    return !more;
}

bool
pool_walk_superblocks(struct pool_walk *walk, unsigned most, pool_superblock_fn *visit,
                      void *context)
{
    pool_lock();
    for (unsigned i = 0; i < most && walk->sb != NULL; i++) {
        visit(walk->sb, context);
        walk->sb = pool_walk_at(walk->sb->all_link.next);
    }
    bool more = walk->sb != NULL;
    pool_unlock();
    return more;
}

void
pool_walk_end(struct pool_walk *walk)
{
    pool_lock();
    pool.walks -= pool.walks > 0 ? 1 : 0; // none in the child of a fork
    pool_unlock();
    walk->sb = NULL;
}

// P1: every superblock is where it belongs, and the books of its home agree.
static uint64_t
pool_audit_home(unsigned index)
{
    const struct pool_home *home = &pool.home[index];
    uint64_t count = 0;
    uint64_t dirty = 0;
    uint64_t free = 0;

    for (unsigned n = 0; n < BUCKET_COUNT; n++) {
        const struct list *head = &home->bucket[n];
        apex_audit(list_empty(head) == ((home->nonempty >> n & 1) == 0));
        for (const struct list *l = head->next; l != head; l = l->next) {
            const struct superblock *sb = list_entry(l, struct superblock, link);
            apex_audit(sb->home == index && superblock_free_count(sb) == n);
            dirty += (uint64_t)bits_count(sb->dirty);
            free += n;
            count++;
        }
    }
    apex_audit(count * SUPERBLOCK_BYTES == home->stats.mapped);
    apex_audit(dirty * BLOCK_BYTES == home->stats.dirty);
    apex_audit((free - dirty) * BLOCK_BYTES <= home->stats.retained);
    return count;
}

void
pool_audit(void)
{
    uint64_t dirty = 0;
    uint64_t clean = 0;
    uint64_t count = 0;

    pool_lock();
    for (struct list *l = pool.all.next; l != &pool.all; l = l->next) {
        const struct superblock *sb = list_entry(l, struct superblock, all_link);
        superblock_audit(sb);
        apex_audit((sb->dirty != 0) == !list_empty(&sb->dirty_link));
        dirty += (uint64_t)bits_count(sb->dirty);
        clean += (uint64_t)bits_count(sb->free & ~sb->dirty);
    }
    for (uint64_t left = pool.homes; left != 0; left &= left - 1) {
        count += pool_audit_home(bits_lowest(left));
    }
    apex_audit(count == pool.stats.superblocks);
    apex_audit(dirty * BLOCK_BYTES == pool.dirty_bytes);
    apex_audit(clean * BLOCK_BYTES <= pool.stats.retained);
    pool_unlock();
}

void
pool_fork_prepare(void)
{
    steer_fork_prepare();
    pool_lock();
    large_fork_prepare();
    empty_fork_prepare();
    registry_fork_prepare();
    meta_fork_prepare();
    vault_fork_prepare();
    config_fork_prepare();
}

void
pool_fork_parent(void)
{
    config_fork_parent();
    vault_fork_parent();
    meta_fork_parent();
    registry_fork_parent();
    empty_fork_parent();
    large_fork_parent();
    pool_unlock();
    steer_fork_parent();
}

// Puts blocks that were between two hands when the process was copied back where they belong: taken
// but not in use yet, given but not filed yet, out of `free` because they were being purged. Such
// may be guarded or not: taken for guarded, they are opened when they are used.
static void
pool_fork_recover(struct superblock *sb)
{
    unsigned old_count = superblock_free_count(sb);

    for (unsigned i = 1; i < BLOCK_COUNT; i++) {
        struct block *b = superblock_block(sb, i);
        if (block_state(block_head(b)) == BLOCK_UNUSED && (sb->free >> i & 1) == 0) {
            block_set_state(b, BLOCK_UNUSED);
            b->owner = NULL;
            b->fence = FENCE_ALL | (b->fence & FENCE_COUNTED);
            sb->free |= UINT64_C(1) << i;
            sb->dirty |= UINT64_C(1) << i;
            sb->run_max = SUPERBLOCK_USABLE_BLOCKS;
            heapmap_show_free(sb, UINT64_C(1) << i, APEX_BLOCK_DIRTY);
        }
    }
    pool_file(sb, old_count);
}

// In the child, with the lock: the sets first, then the books from them.
static void
pool_fork_recount(void)
{
    for (uint64_t left = pool.homes; left != 0; left &= left - 1) {
        struct apex_stats_node *node = &pool.home[bits_lowest(left)].stats;
        node->active = node->dirty = node->retained = 0;
    }
    pool.dirty_bytes = 0;
    pool.stats.retained = 0;
    pool.stats.active = pool.stats.large;
    for (struct list *l = pool.all.next; l != &pool.all; l = l->next) {
        struct superblock *sb = list_entry(l, struct superblock, all_link);
        pool_fork_recover(sb);
        int dirty = (int)bits_count(sb->dirty);
        int free = (int)superblock_free_count(sb);
        pool_enter(sb, (int)SUPERBLOCK_USABLE_BLOCKS - free, dirty, free - dirty);
    }
}

void
pool_fork_child(void)
{
    steer_fork_child();
    config_fork_child();
    vault_fork_child();
    meta_fork_child();
    registry_fork_child();
    large_fork_child();
    empty_fork_child();
    numa_fork_child();
    pool_fork_recount();
    pool.walks = 0;
    store_relaxed(&pool_awaited, 0);
    lock_renew(&pool.lock);
}
