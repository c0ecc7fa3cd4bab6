// SPDX-License-Identifier: MIT
//
// A cache in memory, as memcached and redis are. Own idea.
//
// Values of random size lie in a hash table, up to a budget of bytes; beyond it the least recently
// used one goes, or sometimes any one. In each of four phases the sizes are drawn from another
// range, so the holes that old values leave do not fit new ones. Threads share the cache, which has
// a lock for each of 64 parts: objects are freed by whoever comes by.
//
// Stresses a large heap whose objects are far apart in time and in memory: misses of cache and TLB
// in the allocator's data, and fragmentation. The cache's own misses are part of the time; those
// are the same for all, but for the places that the allocator chose. Reports, besides the time, the
// resident memory beside what is stored, the largest of the four at the end of each phase.
//
//   objcache [threads budget operations]
//
// `operations` for each phase, all threads together.

#include "common/object.h"

#include <pthread.h>

enum { PHASES = 4, PARTS = 64, MEAN_ITEM_BYTES = 512, SPARED = 8, ANY_ONE_IN = 4 };

struct item {
    uint64_t mark; // object.h's
    struct item *chain;
    struct item *newer;
    struct item *older;
    uint64_t key;
    uint32_t value_bytes;
    uint8_t value[];
};

struct part {
    _Alignas(128) pthread_mutex_t lock;
    struct item **chains;
    struct item *newest;
    struct item *oldest;
    uint64_t stored_bytes;
};

struct cache {
    struct part parts[PARTS];
    uint32_t chain_count; // in each part, a power of two
    uint64_t key_count;
    uint64_t budget_bytes; // for each part
    uint64_t operation_count;
    unsigned thread_count;
    unsigned phase;
};

static const struct {
    uint32_t min_bytes;
    uint32_t max_bytes;
} values[PHASES] = {{100, 1500}, {16, 400}, {500, 9000}, {50, 1000}};

static uint64_t
item_bytes(const struct item *item)
{
    return sizeof *item + item->value_bytes;
}

static struct item **
chain_of(const struct cache *cache, const struct part *part, uint64_t key)
{
    uint64_t hash = key * UINT64_C(0x9e3779b97f4a7c15);
    return &part->chains[hash >> 40 & (cache->chain_count - 1)];
}

static void
order_remove(struct part *part, struct item *item)
{
    *(item->newer != NULL ? &item->newer->older : &part->newest) = item->older;
    *(item->older != NULL ? &item->older->newer : &part->oldest) = item->newer;
}

static void
order_add(struct part *part, struct item *item)
{
    item->newer = NULL;
    item->older = part->newest;
    *(part->newest != NULL ? &part->newest->newer : &part->oldest) = item;
    part->newest = item;
}

static void
item_remove(const struct cache *cache, struct part *part, struct item *item)
{
    struct item **link = chain_of(cache, part, item->key);

    while (*link != item) {
        link = &(*link)->chain;
    }
    *link = item->chain;
    order_remove(part, item);
    part->stored_bytes -= item_bytes(item);
    object_free(item);
}

static void
item_add(const struct cache *cache, struct part *part, uint64_t key, uint32_t value_bytes)
{
    struct item *item = object_new(sizeof *item + value_bytes);
    struct item **link = chain_of(cache, part, key);

    item->key = key;
    item->value_bytes = value_bytes;
    item->value[0] = 1;
    item->value[value_bytes - 1] = 1;
    item->chain = *link;
    *link = item;
    order_add(part, item);
    part->stored_bytes += item_bytes(item);
}

static void
make_room(const struct cache *cache, struct part *part, struct bench_random *random)
{
    while (part->stored_bytes > cache->budget_bytes) {
        uint64_t bits = bench_random_next(random);
        struct item *item = part->oldest;
        if (bits % ANY_ONE_IN == 0) {
            struct item *any = part->chains[bench_scale(bits >> 32, cache->chain_count)];
            item = any != NULL && any != part->newest ? any : item;
        }
        item_remove(cache, part, item);
    }
}

// One request: a value that is there is read, or in a third of all cases replaced; one that is not
// there is stored.
static void
request(struct cache *cache, struct bench_random *random)
{
    uint64_t bits = bench_random_next(random);
    uint64_t key = bench_random_below(random, cache->key_count);
    struct part *part = &cache->parts[key % PARTS];
    uint32_t min_bytes = values[cache->phase].min_bytes;
    uint32_t range_bytes = values[cache->phase].max_bytes - min_bytes + 1;

    pthread_mutex_lock(&part->lock);
    struct item *item = *chain_of(cache, part, key);
    while (item != NULL && item->key != key) {
        item = item->chain;
    }
    if (item != NULL && bits % 3 != 0) {
        item->value[0]++;
        if (bits % SPARED == 0) { // like memcached, which does not move an item at each touch
            order_remove(part, item);
            order_add(part, item);
        }
    } else {
        if (item != NULL) {
            item_remove(cache, part, item);
        }
        item_add(cache, part, key, min_bytes + bench_scale(bits >> 32, range_bytes));
        make_room(cache, part, random);
    }
    pthread_mutex_unlock(&part->lock);
}

static void
work(void *context, unsigned index)
{
    struct cache *cache = context;
    struct bench_random random;

    bench_random_start(&random, cache->phase * 1000 + index);
    for (uint64_t i = 0; i < cache->operation_count / cache->thread_count; i++) {
        request(cache, &random);
    }
}

static void
cache_prepare(struct cache *cache, uint64_t budget_bytes)
{
    cache->budget_bytes = budget_bytes / PARTS;
    cache->key_count = 2 * budget_bytes / MEAN_ITEM_BYTES;
    cache->chain_count = 1;
    while (cache->chain_count < cache->budget_bytes / MEAN_ITEM_BYTES) {
        cache->chain_count *= 2;
    }
    for (unsigned i = 0; i < PARTS; i++) {
        pthread_mutex_init(&cache->parts[i].lock, NULL);
        cache->parts[i].chains = calloc(cache->chain_count, sizeof(struct item *));
        if (cache->parts[i].chains == NULL) {
            bench_die("calloc");
        }
    }
}

static uint64_t
cache_stored_bytes(const struct cache *cache)
{
    uint64_t stored_bytes = 0;

    for (unsigned i = 0; i < PARTS; i++) {
        stored_bytes += cache->parts[i].stored_bytes;
    }
    return stored_bytes + PARTS * cache->chain_count * sizeof(struct item *);
}

static void
cache_free(struct cache *cache)
{
    for (unsigned i = 0; i < PARTS; i++) {
        while (cache->parts[i].oldest != NULL) {
            item_remove(cache, &cache->parts[i], cache->parts[i].oldest);
        }
        free(cache->parts[i].chains);
    }
}

int
main(int argc, char **argv)
{
    unsigned threads = (unsigned)bench_argument(argc, argv, 1, 1, 1);
    uint64_t budget_bytes = bench_argument(argc, argv, 2, UINT64_C(200) << 20, 1 << 20);
    struct cache *cache = bench_map(sizeof *cache);
    size_t before_bytes = bench_rss_bytes();
    double worst_ratio = 0;
    uint64_t elapsed_ns = 0;

    cache->operation_count = bench_argument(argc, argv, 3, 250000, 1);
    cache->thread_count = threads;
    cache_prepare(cache, budget_bytes);
    for (cache->phase = 0; cache->phase < PHASES; cache->phase++) {
        elapsed_ns += bench_parallel(threads, work, cache);
        double ratio =
            (double)(bench_rss_bytes() - before_bytes) / (double)cache_stored_bytes(cache);
        worst_ratio = ratio > worst_ratio ? ratio : worst_ratio;
    }
    cache_free(cache);
    bench_metric("time", (double)elapsed_ns / 1e9, "s", false);
    bench_metric("resident", worst_ratio, "ratio", false);
    return 0;
}
