// SPDX-License-Identifier: MIT
//
// Threads store into the stats page while it is made, replaced by longer ones and dropped under
// them, again and again. Reason: registration may happen at any moment of any thread; a store must
// always find memory, and what is stored into a page that stays must be read back from it. Also
// built with ThreadSanitizer.

#include "base/atomic.h"
#include "os/os_page.h"
#include "view/stats_page.h"

#include "../support/expect.h"

#define WRITERS 4
#define SUPERBLOCKS 2000 // asked for; the first page has fewer
#define ROUNDS (UNDER_TSAN ? 300 : 3000)

static uint32_t stop;
static uint64_t stores[WRITERS];

// As a heap does: fetches the slot now and then, and goes on storing into it meanwhile.
static void *
write_slot(void *argument)
{
    unsigned index = (unsigned)(uintptr_t)argument;
    struct apex_stats_thread *slot = NULL;
    struct apex_stats_superblock *row = NULL;
    uint64_t n = 0;

    do { // once at least, however late it comes to run
        if (n % 64 == 0) {
            slot = stats_page_slot(index);
            row = heapmap_superblock((uint32_t)(n / 64 % SUPERBLOCKS) + 1);
            stats_page_publish(n);
        }
        if (slot != NULL) {
            store_relaxed(&slot->slow_allocs, ++n);
            store_relaxed(&slot->class[index].live_gained, n);
        } else {
            n++;
        }
        if (row != NULL) {
            store_relaxed(&row->node, (uint32_t)n);
        }
    } while (load_relaxed(&stop) == 0);
    slot = stats_page_slot(index);
    expect(slot != NULL);
    store_relaxed(&slot->slow_frees, n);
    stores[index] = n;
    return NULL;
}

int
main(void)
{
    pthread_t writers[WRITERS];
    uint64_t nonce;
    uint32_t bytes;
    int fd;
    static const struct heapmap_hooks hooks = {stats_page_ask, stats_page_large};

    heapmap_set_hooks(&hooks);
    for (unsigned i = 0; i < WRITERS; i++) {
        writers[i] = thread_start(write_slot, (void *)(uintptr_t)i);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        expect(stats_page_open(round, &fd, &nonce, &bytes) == 0);
        stats_page_ready();
        os_close(fd);
        if (round % 3 == 0) {
            stats_page_drop();
        }
    }
    expect(stats_page_open(1, &fd, &nonce, &bytes) == 0);
    expect(heapmap_superblock(SUPERBLOCKS) != NULL || stats_page_outgrown());
    store_relaxed(&stop, 1);
    for (unsigned i = 0; i < WRITERS; i++) {
        thread_join(writers[i]);
        expect(stores[i] > 0);
        expect(stats_page_slot(i)->slow_frees == stores[i]);
    }
    os_close(fd);
    stats_page_drop();
    return 0;
}
