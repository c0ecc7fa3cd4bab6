// SPDX-License-Identifier: MIT
//
// Makes and writes advice pages. A process that holds the descriptor can neither write the page nor
// resize it. Resizing is forbidden by seals. So is writing, to everybody but the mapping that
// exists; but a page that another daemon is to go on writing cannot have that seal, and is
// protected by the kind of descriptor and the mode of the file.

#include "apexd/advice.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define RECORD_MAGIC UINT64_C(0x0031434552585041) // "APXREC1\0"
#define KEPT_BYTES (2 * APEX_ADVICE_PAGE_BYTES)   // of a page with a record
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

_Static_assert(sizeof(struct advice_record) <= APEX_ADVICE_PAGE_BYTES, "it fits its page");

// A signal may come in between, and nobody restarts the call.
static bool
advice_allocate(int fd, size_t bytes)
{
    int error;

    do {
        error = posix_fallocate(fd, 0, (off_t)bytes);
    } while (error == EINTR);
    return error == 0;
}

static int
advice_memfd(size_t bytes)
{
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    int fd = memfd_create("apex-advice", flags | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL) {
        fd = memfd_create("apex-advice", flags);
    }
    if (fd >= 0 && (ftruncate(fd, (off_t)bytes) != 0 || !advice_allocate(fd, bytes))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static bool
advice_map(struct advice *advice, int fd, bool with_record)
{
    size_t bytes = with_record ? KEPT_BYTES : APEX_ADVICE_PAGE_BYTES;
    unsigned char *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    advice->page = NULL;
    advice->record = NULL;
    advice->fd = -1;
    if (base == MAP_FAILED) {
        return false;
    }
    advice->page = (struct apex_advice_page *)(void *)base;
    if (with_record) {
        advice->record = (struct advice_record *)(void *)(base + APEX_ADVICE_PAGE_BYTES);
    }
    return true;
}

void
advice_leave(struct advice *advice)
{
    if (advice->page != NULL) {
        munmap(advice->page, advice->record != NULL ? KEPT_BYTES : APEX_ADVICE_PAGE_BYTES);
        advice_kept(advice);
        advice->page = NULL;
        advice->record = NULL;
    }
}

// Makes the file such that whoever has `*fd` cannot write it.
static bool
advice_protect(struct advice *advice, int made, int *fd)
{
    char path[32];

    if (advice->record == NULL) {
        *fd = made;
        return fcntl(made, F_ADD_SEALS, SEALS | F_SEAL_FUTURE_WRITE) == 0;
    }
    snprintf(path, sizeof path, "/proc/self/fd/%d", made);
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    if (*fd < 0 || fchmod(made, 0) != 0 || fcntl(made, F_ADD_SEALS, SEALS) != 0) {
        if (*fd >= 0) {
            close(*fd);
        }
        return false;
    }
    advice->fd = made;
    return true;
}

bool
advice_open(struct advice *advice, uint64_t nonce, uint64_t daemon, bool keep, int *fd)
{
    int made = advice_memfd(keep ? KEPT_BYTES : APEX_ADVICE_PAGE_BYTES);

    advice->page = NULL;
    if (made < 0) {
        return false;
    }
    if (!advice_map(advice, made, keep) || !advice_protect(advice, made, fd)) {
        advice_leave(advice);
        close(made);
        return false;
    }
    struct apex_advice_page *page = advice->page;
    page->magic = APEX_ADVICE_MAGIC;
    page->major = APEX_ADVICE_MAJOR;
    page->minor = APEX_ADVICE_MINOR;
    page->total_bytes = sizeof *page;
    page->nonce = nonce;
    page->daemon = daemon;
    page->state = APEX_ADVICE_SERVING;
    page->heartbeat = 1;
    // Who may be taken over is given time for that.
    page->ttl_ms = keep ? APEX_ADVICE_TTL_MS_MAX : APEX_ADVICE_TTL_MS;
    if (keep) {
        advice->record->magic = RECORD_MAGIC;
    }
    return true;
}

void
advice_kept(struct advice *advice)
{
    if (advice->fd >= 0) {
        close(advice->fd);
        advice->fd = -1;
    }
}

void
advice_remember(struct advice *advice, const struct apex_advice_row *row, unsigned count)
{
    struct advice_record *record = advice->record;

    if (record == NULL) {
        return;
    }
    // We may be killed anywhere in between; nobody reads it while we live.
    __atomic_store_n(&record->sequence, record->sequence | 1u, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    memcpy(record->row, row, count * sizeof *row);
    record->rows = count;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    __atomic_store_n(&record->sequence, record->sequence + 1u, __ATOMIC_RELAXED);
}

unsigned
advice_remembered(const struct advice *advice, struct apex_advice_row row[APEX_ADVICE_ROWS_MAX])
{
    const struct advice_record *record = advice->record;

    if (record == NULL || record->sequence % 2 != 0 || record->rows > APEX_ADVICE_ROWS_MAX) {
        return 0;
    }
    unsigned count = record->rows;
    memcpy(row, record->row, count * sizeof *row);
    for (unsigned i = 0; i < count; i++) {
        row[i].key[APEX_ADVICE_KEY_MAX - 1] = '\0';
    }
    return count;
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
advice_write(struct advice *advice, const struct apex_advice_row *row, unsigned rows,
             const struct apex_advice_weight *weight, unsigned weights)
{
    struct apex_advice_page *page = advice->page;
    struct apex_advice_weight all[APEX_ADVICE_WEIGHTS_MAX] = {{0, 0}};

    if (weights > 0) {
        memcpy(all, weight, weights * sizeof *weight);
    }
    if (rows == page->rows && (rows == 0 || memcmp(page->row, row, rows * sizeof *row) == 0) &&
        weights == page->weights && memcmp(page->weight, all, sizeof all) == 0) {
        return;
    }
    advice_begin_change(page);
    advice_store(page->row, row, rows * sizeof *row);
    __atomic_store_n(&page->rows, rows, __ATOMIC_RELAXED);
    advice_store(page->weight, all, sizeof all);
    __atomic_store_n(&page->weights, weights, __ATOMIC_RELAXED);
    advice_end_change(page);
}

// Whether the file is one of advice_protect's, with a record.
static bool
advice_is_kept(int fd)
{
    struct stat status;
    int seals = fcntl(fd, F_GET_SEALS);

    return seals >= 0 && (seals & (SEALS | F_SEAL_WRITE | F_SEAL_FUTURE_WRITE)) == SEALS &&
           fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 07777) == 0 &&
           status.st_uid == geteuid() && status.st_size == KEPT_BYTES &&
           (uint64_t)status.st_blocks * 512 >= KEPT_BYTES &&
           (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR;
}

bool
advice_reopen(struct advice *advice, int fd, uint64_t daemon)
{
    advice->page = NULL;
    bool mapped = advice_is_kept(fd) && advice_map(advice, fd, true);
    close(fd);
    if (!mapped) {
        return false;
    }
    struct apex_advice_page *page = advice->page;
    if (page->magic != APEX_ADVICE_MAGIC || page->major != APEX_ADVICE_MAJOR ||
        page->state != APEX_ADVICE_SERVING || page->rows > APEX_ADVICE_ROWS_MAX ||
        advice->record->magic != RECORD_MAGIC) {
        advice_leave(advice);
        return false;
    }
    page->daemon = daemon;
    // Killed in the middle of a change: there is no advice until the next one.
    if (page->sequence % 2 != 0) {
        __atomic_store_n(&page->rows, 0, __ATOMIC_RELAXED);
        advice_end_change(page);
    }
    // Whoever wants shares will say so again; who does not would not know that there are any.
    advice_write(advice, page->row, page->rows, NULL, 0);
    advice_beat(advice);
    return true;
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
        advice_leave(advice);
    }
}
