// SPDX-License-Identifier: MIT
//
// The contract of os.h on Linux: the only file of the core with mmap, madvise and their like.
//
// In the fault-injecting twin this file is compiled once more with OS_FAULT_TWIN, which puts
// `real_` into the names; os_fault.c then defines the plain names.

#define _GNU_SOURCE

#ifdef OS_FAULT_TWIN
#include "os/os_real_names.h"
#endif

#include "os/os.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/compiler.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_HUGEPAGE
#define MADV_HUGEPAGE 14
#define MADV_NOHUGEPAGE 15
#endif

#define NS_PER_S UINT64_C(1000000000)

// Runs `call`, an expression that is -1 on failure; yields 0 or the errno value and keeps errno.
#define OS_RESULT(call)                              \
    __extension__({                                  \
        int saved_ = errno;                          \
        int error_ = (call) == -1 ? errno : 0;       \
        errno = saved_;                              \
        error_;                                      \
    })

// The same for calls about memory, which are counted.
#define OS_MEMORY_RESULT(call) (add_relaxed(&os_calls, 1), OS_RESULT(call))
static uint64_t os_calls; // atomic

uint64_t
os_call_count(void)
{
    return load_relaxed(&os_calls);
}

void
os_count_call(void)
{
    add_relaxed(&os_calls, 1);
}

size_t
os_page_bytes(void)
{
    static size_t cached;
    size_t bytes = load_relaxed(&cached);

    if (unlikely(bytes == 0)) {
        bytes = getauxval(AT_PAGESZ);
        bytes = bytes == 0 ? 4096 : bytes;
        store_relaxed(&cached, bytes);
    }
    return bytes;
}

static int
os_map_none(uintptr_t near, size_t bytes, char **out)
{
    // Without MAP_NORESERVE: space that cannot be written is not charged anyway, and os_commit is
    // then refused where the kernel's overcommit rules refuse malloc to everybody else.
    int flags = MAP_PRIVATE | MAP_ANONYMOUS;
    void *p = NULL;
    int error = OS_MEMORY_RESULT(
        (p = mmap((void *)near, bytes, PROT_NONE, flags, -1, 0)) == MAP_FAILED ? -1 : 0);
    *out = p;
    return error;
}

int
os_reserve(size_t bytes, size_t align, uintptr_t near, void **out)
{
    char *p;
    int error = os_map_none(near, bytes, &p);

    if (error != 0) {
        return error;
    }
    if (((uintptr_t)p & (align - 1)) == 0) {
        *out = p;
        return 0;
    }
    // Not aligned: map enough that an aligned range must lie in it, and cut off both ends.
    os_release(p, bytes);
    size_t slack = align - os_page_bytes();
    if (bytes > SIZE_MAX - slack) {
        return ENOMEM;
    }
    error = os_map_none(0, bytes + slack, &p);
    if (error != 0) {
        return error;
    }
    char *start = (char *)bits_align_up((uintptr_t)p, align);
    size_t before = (size_t)(start - p);
    if (before != 0) {
        os_release(p, before);
    }
    if (slack != before) {
        os_release(start + bytes, slack - before);
    }
    *out = start;
    return 0;
}

int
os_commit(void *address, size_t bytes)
{
    return OS_MEMORY_RESULT(mprotect(address, bytes, PROT_READ | PROT_WRITE));
}

int
os_hide(void *address, size_t bytes)
{
    return OS_MEMORY_RESULT(mprotect(address, bytes, PROT_NONE));
}

// Linux 5.18, which the C library's headers may not know.
#define DONTNEED_LOCKED 24

// Gives pages back that nobody can touch any more, so that it does no harm where the program has
// locked its memory.
static int
os_drop(void *address, size_t bytes)
{
    int error = OS_MEMORY_RESULT(madvise(address, bytes, MADV_DONTNEED));
    return error == EINVAL ? OS_MEMORY_RESULT(madvise(address, bytes, DONTNEED_LOCKED)) : error;
}

int
os_decommit(void *address, size_t bytes)
{
    int error = os_hide(address, bytes);
    if (error == 0) {
        os_drop(address, bytes); // refused, it costs memory until the space is released
    }
    return error;
}

int
os_seal(void *address, size_t bytes)
{
    return OS_MEMORY_RESULT(mprotect(address, bytes, PROT_READ));
}

int
os_purge(void *address, size_t bytes)
{
    return OS_MEMORY_RESULT(madvise(address, bytes, MADV_DONTNEED));
}

int
os_lazy(void *address, size_t bytes)
{
    return OS_RESULT(madvise(address, bytes, MADV_FREE));
}

int
os_resident(void *address, size_t bytes, uint8_t *pages)
{
    return OS_MEMORY_RESULT(mincore(address, bytes, pages));
}

bool
os_has_swap(void)
{
    static uint64_t known; // when it was asked, and the answer in bit 0; atomic
    uint64_t now = os_now_ns() & ~UINT64_C(1);
    uint64_t answer = load_relaxed(&known);
    struct sysinfo info;

    if ((answer & ~UINT64_C(1)) != now) {
        int error = OS_RESULT(sysinfo(&info));
        answer = now | (error != 0 || info.totalswap != 0);
        store_relaxed(&known, answer);
    }
    return (answer & 1) != 0;
}

// Linux 6.13, which the C library's headers may not know.
#define GUARD_INSTALL 102
#define GUARD_REMOVE 103

int
os_guard(void *address, size_t bytes)
{
    int error = OS_MEMORY_RESULT(madvise(address, bytes, GUARD_INSTALL));

    if (error != 0) {
        os_unguard(address, bytes); // it may have got as far as the part that is locked
    }
    return error;
}

int
os_guard_by_mapping(void *address, size_t bytes)
{
    // In this order: what is opened again must read as zero.
    int error = os_drop(address, bytes);

    if (error == 0) {
        error = os_hide(address, bytes);
        // It may have got as far as the last mapping. What cannot be undone is done.
        if (error != 0 && os_commit(address, bytes) != 0) {
            error = 0;
        }
    }
    return error;
}

void
os_unguard(void *address, size_t bytes)
{
    (void)OS_MEMORY_RESULT(madvise(address, bytes, GUARD_REMOVE));
}

int
os_release(void *address, size_t bytes)
{
    return OS_MEMORY_RESULT(munmap(address, bytes));
}

int
os_move(void *address, size_t old_bytes, size_t new_bytes, void *to)
{
    int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
    return OS_MEMORY_RESULT(
        mremap(address, old_bytes, new_bytes, flags, to) == MAP_FAILED ? -1 : 0);
}

int
os_grow(void *address, size_t old_bytes, size_t new_bytes)
{
    return OS_MEMORY_RESULT(mremap(address, old_bytes, new_bytes, 0) == MAP_FAILED ? -1 : 0);
}

int
os_huge(void *address, size_t bytes, bool wanted)
{
    return OS_MEMORY_RESULT(madvise(address, bytes, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE));
}

void
os_random(void *out, size_t bytes)
{
    // Not the getrandom() wrapper, which is a cancellation point. GRND_NONBLOCK: an early boot
    // process must not hang because it allocates.
    long got = 0;
    int error = OS_RESULT(got = syscall(SYS_getrandom, out, bytes, 1));

    if (error == 0 && got == (long)bytes) {
        return;
    }
    const unsigned char *seed = (const unsigned char *)getauxval(AT_RANDOM);
    uint64_t clock = os_now_ns();
    for (size_t i = 0; i < bytes; i++) {
        unsigned char s = seed == NULL ? 0x5a : seed[i % 16];
        ((unsigned char *)out)[i] = (unsigned char)(s ^ (clock >> (i % 8 * 8)) ^ (i * 37));
    }
}

static uint64_t
os_clock(clockid_t clock)
{
    struct timespec now = {0, 0};
    int error = OS_RESULT(clock_gettime(clock, &now));
    return error != 0 ? 0 : (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t
os_now_ns(void)
{
    return os_clock(CLOCK_MONOTONIC_COARSE);
}

uint64_t
os_clock_ns(void)
{
    return os_clock(CLOCK_MONOTONIC);
}

unsigned
os_thread_id(void)
{
    return (unsigned)syscall(SYS_gettid);
}

unsigned
os_process_id(void)
{
    return (unsigned)getpid();
}

bool
os_thread_is_gone(unsigned thread_id)
{
    return OS_RESULT(syscall(SYS_tgkill, getpid(), thread_id, 0)) == ESRCH;
}

void
os_yield(void)
{
    sched_yield();
}

void
os_sleep_ns(uint32_t ns)
{
    // Not the nanosleep() wrapper, which is a cancellation point.
    const struct timespec time = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
    (void)OS_RESULT(syscall(SYS_nanosleep, &time, NULL));
}

bool
os_secure(void)
{
    return getauxval(AT_SECURE) != 0;
}

int
os_read_pieces(const char *path, os_piece_fn *take, void *context)
{
    char text[512];
    long fd = -1;
    long got = 1;
    int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY;
    int error = OS_RESULT(fd = syscall(SYS_openat, AT_FDCWD, path, flags));

    while (error == 0 && got > 0) {
        error = OS_RESULT(got = syscall(SYS_read, fd, text, sizeof text));
        if (error == EINTR) {
            error = 0;
            got = 1;
        } else if (error == 0 && got > 0 && !take(context, text, (size_t)got)) {
            break;
        }
    }
    if (fd >= 0) {
        (void)OS_RESULT(syscall(SYS_close, fd));
    }
    return error;
}

struct file_copy {
    char *out;
    size_t capacity;
    size_t length;
};

static bool
os_copy_piece(void *context, const char *text, size_t length)
{
    struct file_copy *copy = context;
    size_t room = copy->capacity - copy->length;

    length = length < room ? length : room;
    memcpy(copy->out + copy->length, text, length);
    copy->length += length;
    return copy->length < copy->capacity;
}

int
os_read_file(const char *path, char *out, size_t capacity, size_t *length)
{
    struct file_copy copy = {.out = out, .capacity = capacity};
    int error = os_read_pieces(path, os_copy_piece, &copy);

    *length = copy.length;
    return error == 0 && copy.length == capacity ? EFBIG : error;
}

void
os_futex_wait(uint32_t *word, uint32_t expected)
{
    (void)OS_RESULT(syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0));
}

void
os_futex_wait_ns(uint32_t *word, uint32_t expected, uint64_t ns)
{
    const struct timespec time = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
    (void)OS_RESULT(syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, &time, NULL, 0));
}

void
os_futex_wake(uint32_t *word, int count)
{
    (void)OS_RESULT(syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0));
}
