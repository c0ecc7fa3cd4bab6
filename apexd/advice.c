// SPDX-License-Identifier: MIT
//
// Makes and writes advice pages. A process that holds the descriptor can neither write the page nor
// resize it: the seals forbid it to everybody but the mapping that exists.

#include "apexd/advice.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

static int
advice_memfd(void)
{
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create("apex-advice", flags | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create("apex-advice", flags);
    }
    if (fd >= 0 && (ftruncate(fd, APEX_ADVICE_PAGE_BYTES) != 0 ||
                    posix_fallocate(fd, 0, APEX_ADVICE_PAGE_BYTES) != 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

bool
advice_open(struct advice *advice, uint64_t nonce, uint64_t daemon, int *fd)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    int made = advice_memfd();

    advice->page = NULL;
    if (made < 0) {
        return false;
    }
    void *base = mmap(NULL, APEX_ADVICE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, made, 0);
    if (base == MAP_FAILED) {
        close(made);
        return false;
    }
    struct apex_advice_page *page = base;
    page->magic = APEX_ADVICE_MAGIC;
    page->major = APEX_ADVICE_MAJOR;
    page->minor = APEX_ADVICE_MINOR;
    page->total_bytes = sizeof *page;
    page->nonce = nonce;
    page->daemon = daemon;
    page->state = APEX_ADVICE_SERVING;
    page->heartbeat = 1;
    page->ttl_ms = APEX_ADVICE_TTL_MS;
    if (fcntl(made, F_ADD_SEALS, seals) != 0) {
        munmap(base, APEX_ADVICE_PAGE_BYTES);
        close(made);
        return false;
    }
    advice->page = page;
    *fd = made;
    return true;
}

// One more of what only grows.
static void
advice_grow(uint64_t *word)
{
    __atomic_store_n(word, *word + 1, __ATOMIC_RELAXED);
}

void
advice_beat(struct advice *advice)
{
    advice_grow(&advice->page->heartbeat);
}

static void
advice_set_sequence(struct apex_advice_page *page, uint32_t sequence)
{
    __atomic_store_n(&page->sequence, sequence, __ATOMIC_RELEASE);
    // The rows that are stored next stay behind an odd sequence. Pairs with the fence of the reader
    // (libapex/view/advice.c).
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

// Stores words one by one, whole; readers may be looking.
static void
advice_store(void *to, const void *from, size_t bytes)
{
    uint64_t *out = to;

    for (size_t i = 0; i < bytes / sizeof *out; i++) {
        uint64_t word;
        memcpy(&word, (const char *)from + i * sizeof word, sizeof word);
        __atomic_store_n(&out[i], word, __ATOMIC_RELAXED);
    }
}

static void
advice_begin_change(struct apex_advice_page *page)
{
    advice_set_sequence(page, page->sequence + 1);
}

static void
advice_end_change(struct apex_advice_page *page)
{
    advice_grow(&page->epoch);
    advice_set_sequence(page, page->sequence + 1);
}

void
advice_write(struct advice *advice, const struct apex_advice_row *row, unsigned count)
{
    struct apex_advice_page *page = advice->page;

    if (count == page->rows && memcmp(page->row, row, count * sizeof *row) == 0) {
        return;
    }
    advice_begin_change(page);
    advice_store(page->row, row, count * sizeof *row);
    __atomic_store_n(&page->rows, count, __ATOMIC_RELAXED);
    advice_end_change(page);
}

void
advice_weights(struct advice *advice, const struct apex_advice_weight *weight, unsigned count)
{
    struct apex_advice_page *page = advice->page;
    struct apex_advice_weight all[APEX_ADVICE_WEIGHTS_MAX] = {{0, 0}};

    if (count > 0) {
        memcpy(all, weight, count * sizeof *weight);
    }
    if (count == page->weights && memcmp(page->weight, all, sizeof all) == 0) {
        return;
    }
    advice_begin_change(page);
    advice_store(page->weight, all, sizeof all);
    __atomic_store_n(&page->weights, count, __ATOMIC_RELAXED);
    advice_end_change(page);
}

void
advice_purge(struct advice *advice)
{
    advice_grow(&advice->page->purge);
}

void
advice_sample(struct advice *advice)
{
    advice_grow(&advice->page->sample);
}

void
advice_rehome(struct advice *advice)
{
    advice_grow(&advice->page->rehome);
}

void
advice_close(struct advice *advice)
{
    if (advice->page != NULL) {
        __atomic_store_n(&advice->page->state, APEX_ADVICE_STOPPED, __ATOMIC_RELAXED);
        munmap(advice->page, APEX_ADVICE_PAGE_BYTES);
        advice->page = NULL;
    }
}
