// SPDX-License-Identifier: MIT
//
// libapex-trace.so.0: writes a record of each call of malloc and its kin for `apexctl trace`.
// Preloaded in front of libapex, it takes their names, has libapex do the call under its apex_
// names, and writes what came of it into the file that abi/trace.h describes. Nothing else knows of
// it: a program that is not traced has not loaded it.
//
// Any thread, any time, from before the first constructor on. There is no buffer that an end by a
// signal could lose, no lock and no descriptor: a thread claims a record by an addition and writes
// it into memory that the reader has as well. What does not fit is counted, not written.
//
// One process writes. The page that tells it that it is the one is wiped in the child of any kind
// of fork, so a child writes nothing; a program that it becomes by exec starts anew.
//
// Of C++'s operators four are taken, on which libapex builds the others when a program replaces
// them (front/interpose_cxx.c); libapex's own are found as the next of their names.

#define _GNU_SOURCE
#include "abi/trace.h"
#include "apex.h"
#include "base/atomic.h"
#include "base/compiler.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

// Whichever libapex is preloaded; it comes after this library, and none is linked.
#pragma weak apex_malloc
#pragma weak apex_calloc
#pragma weak apex_realloc
#pragma weak apex_reallocarray
#pragma weak apex_free
#pragma weak apex_free_sized
#pragma weak apex_free_aligned_sized
#pragma weak apex_aligned_alloc
#pragma weak apex_memalign
#pragma weak apex_posix_memalign
#pragma weak apex_valloc
#pragma weak apex_pvalloc
#pragma weak apex_malloc_usable_size

extern char **__environ;

enum record_phase { RECORD_NEW, RECORD_STARTING, RECORD_ON, RECORD_OFF };

static enum record_phase record_phase;
static struct apex_trace_header *record_header;
static const unsigned char *record_alive; // reads 0 in a child
static uint32_t record_generation;
static uint32_t record_early;
static __thread uint32_t record_thread; // 0: has no number yet

// --- Beginning -----------------------------------------------------------------------------------

// Maps the file; NULL when it is none.
static struct apex_trace_header *
record_map(const char *name)
{
    struct stat status;
    int fd = open(name, O_RDWR | O_CLOEXEC);

    if (fd < 0) {
        return NULL;
    }
    struct apex_trace_header *header = MAP_FAILED;
    if (fstat(fd, &status) == 0 && status.st_size > APEX_TRACE_EVENTS_AT) {
        header = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    close(fd);
    if (header == MAP_FAILED) {
        return NULL;
    }
    uint64_t room = (uint64_t)status.st_size - APEX_TRACE_EVENTS_AT;
    if (header->magic != APEX_TRACE_MAGIC ||
        header->limit > room / sizeof(struct apex_trace_event)) {
        munmap(header, (size_t)status.st_size);
        return NULL;
    }
    return header;
}

// Whether this process is the one that writes: the first that comes, or what it has become by exec.
static bool
record_claim(struct apex_trace_header *header)
{
    uint32_t found = 0;
    uint32_t self = (uint32_t)getpid();

    if (!cas_strong_acquire(&header->pid, &found, self) && found != self) {
        add_relaxed(&header->others, 1);
        return false;
    }
    header->generation++;
    header->threads = 0;
    header->early = record_early;
    header->next = 0;
    return true;
}

// A page that a fork wipes; NULL where the kernel cannot.
static const unsigned char *
record_sentinel(void)
{
    size_t bytes = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *page =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED || madvise(page, bytes, MADV_WIPEONFORK) != 0) {
        return NULL;
    }
    *page = 1;
    return page;
}

static SLOW void
record_start(void)
{
    enum record_phase found = RECORD_NEW;
    int saved = errno;

    // The dynamic linker allocates before libc has been told of the environment.
    if (__environ == NULL || !cas_strong_acquire(&record_phase, &found, RECORD_STARTING)) {
        add_relaxed(&record_early, 1);
        return;
    }
    const char *name = secure_getenv(APEX_TRACE_VARIABLE);
    record_header = name == NULL ? NULL : record_map(name);
    record_alive = record_header == NULL ? NULL : record_sentinel();
    bool on = record_alive != NULL && record_claim(record_header);
    if (on) {
        record_generation = record_header->generation;
    }
    store_release(&record_phase, on ? RECORD_ON : RECORD_OFF);
    errno = saved;
}

// Where to write; NULL when nothing is to be written.
static struct apex_trace_header *
record_where(void)
{
    if (unlikely(load_relaxed(&record_phase) == RECORD_NEW)) {
        record_start();
    }
    if (load_acquire(&record_phase) != RECORD_ON || *record_alive == 0) {
        return NULL;
    }
    return record_header;
}

// For programs that call none of these functions: the file is to know that they were there.
__attribute__((constructor)) static void
record_here(void)
{
    (void)record_where();
}

// --- Writing -------------------------------------------------------------------------------------

static uint64_t
record_now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void
record_write(enum apex_trace_op op, const void *ptr, size_t requested, size_t align)
{
    struct apex_trace_header *header = record_where();

    if (header == NULL) {
        return;
    }
    uint64_t usable = op == APEX_TRACE_FREE || op == APEX_TRACE_LEAVE || ptr == NULL
                          ? 0
                          : apex_malloc_usable_size((void *)(uintptr_t)ptr);
    if (record_thread == 0) {
        record_thread = add_relaxed(&header->threads, 1) + 1;
    }
    uint64_t index = add_relaxed(&header->next, 1);
    if (index >= header->limit) {
        return;
    }
    struct apex_trace_event *event =
        (struct apex_trace_event *)((char *)header + APEX_TRACE_EVENTS_AT) + index;
    event->time_ns = record_now_ns() - header->start_ns;
    event->address = (uintptr_t)ptr;
    event->requested = requested;
    event->usable = usable;
    unsigned align_log2 = align == 0 ? 0 : (unsigned)__builtin_ctzl(align);
    store_release(&event->what, apex_trace_what(op, align_log2, record_generation, record_thread));
}

static void *
record_alloc(enum apex_trace_op op, void *ptr, size_t requested, size_t align)
{
    if (likely(ptr != NULL)) {
        record_write(op, ptr, requested, align);
    }
    return ptr;
}

static void
record_free(enum apex_trace_op op, const void *ptr)
{
    if (ptr != NULL) {
        record_write(op, ptr, 0, 0);
    }
}

// --- The names of libc ---------------------------------------------------------------------------

void free_sized(void *ptr, size_t size);
void free_aligned_sized(void *ptr, size_t alignment, size_t size);

APEX_EXPORT void *
malloc(size_t size)
{
    return record_alloc(APEX_TRACE_ALLOC, apex_malloc(size), size, 0);
}

APEX_EXPORT void *
calloc(size_t count, size_t size)
{
    return record_alloc(APEX_TRACE_ZEROED, apex_calloc(count, size), count * size, 0);
}

APEX_EXPORT void *
realloc(void *ptr, size_t size)
{
    if (ptr == NULL) {
        return record_alloc(APEX_TRACE_ALLOC, apex_realloc(NULL, size), size, 0);
    }
    record_free(APEX_TRACE_LEAVE, ptr);
    void *moved = apex_realloc(ptr, size);
    record_write(APEX_TRACE_ENTER, moved, size, 0);
    return moved;
}

APEX_EXPORT void *
reallocarray(void *ptr, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        return apex_reallocarray(ptr, count, size); // which says no
    }
    return realloc(ptr, bytes);
}

APEX_EXPORT void
free(void *ptr)
{
    record_free(APEX_TRACE_FREE, ptr);
    apex_free(ptr);
}

APEX_EXPORT void
free_sized(void *ptr, size_t size)
{
    record_free(APEX_TRACE_FREE, ptr);
    apex_free_sized(ptr, size);
}

APEX_EXPORT void
free_aligned_sized(void *ptr, size_t alignment, size_t size)
{
    record_free(APEX_TRACE_FREE, ptr);
    apex_free_aligned_sized(ptr, alignment, size);
}

APEX_EXPORT void *
aligned_alloc(size_t alignment, size_t size)
{
    return record_alloc(APEX_TRACE_ALIGNED, apex_aligned_alloc(alignment, size), size, alignment);
}

APEX_EXPORT void *
memalign(size_t alignment, size_t size)
{
    return record_alloc(APEX_TRACE_ALIGNED, apex_memalign(alignment, size), size, alignment);
}

APEX_EXPORT int
posix_memalign(void **result, size_t alignment, size_t size)
{
    int error = apex_posix_memalign(result, alignment, size);

    if (error == 0) {
        record_alloc(APEX_TRACE_ALIGNED, *result, size, alignment);
    }
    return error;
}

APEX_EXPORT void *
valloc(size_t size)
{
    return record_alloc(APEX_TRACE_ALIGNED, apex_valloc(size), size, (size_t)sysconf(_SC_PAGESIZE));
}

APEX_EXPORT void *
pvalloc(size_t size)
{
    return record_alloc(APEX_TRACE_ALIGNED, apex_pvalloc(size), size,
                        (size_t)sysconf(_SC_PAGESIZE));
}

// --- The operators of C++ ------------------------------------------------------------------------

#define OPERATOR(name) __asm__(name) __attribute__((visibility("default")))

void *record_new(size_t size) OPERATOR("_Znwm");
void *record_new_aligned(size_t size, size_t align) OPERATOR("_ZnwmSt11align_val_t");
void record_delete(void *ptr) OPERATOR("_ZdlPv");
void record_delete_aligned(void *ptr, size_t align) OPERATOR("_ZdlPvSt11align_val_t");

// The function of libapex of this name; kept in `*known`. It is there: dlsym() allocates only to
// say that something is not.
static uintptr_t
record_next(uintptr_t *known, const char *name)
{
    uintptr_t function = load_relaxed(known);

    if (function == 0) {
        function = (uintptr_t)dlsym(RTLD_NEXT, name);
        store_relaxed(known, function);
    }
    return function;
}

void *
record_new(size_t size)
{
    static uintptr_t known;
    __typeof__(record_new) *next = (__typeof__(record_new) *)record_next(&known, "_Znwm");

    return record_alloc(APEX_TRACE_ALLOC, next(size), size, 0);
}

void *
record_new_aligned(size_t size, size_t align)
{
    static uintptr_t known;
    __typeof__(record_new_aligned) *next =
        (__typeof__(record_new_aligned) *)record_next(&known, "_ZnwmSt11align_val_t");

    return record_alloc(APEX_TRACE_ALIGNED, next(size, align), size, align);
}

void
record_delete(void *ptr)
{
    static uintptr_t known;
    __typeof__(record_delete) *next = (__typeof__(record_delete) *)record_next(&known, "_ZdlPv");

    record_free(APEX_TRACE_FREE, ptr);
    next(ptr);
}

void
record_delete_aligned(void *ptr, size_t align)
{
    static uintptr_t known;
    __typeof__(record_delete_aligned) *next =
        (__typeof__(record_delete_aligned) *)record_next(&known, "_ZdlPvSt11align_val_t");

    record_free(APEX_TRACE_FREE, ptr);
    next(ptr, align);
}
