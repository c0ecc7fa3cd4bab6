// SPDX-License-Identifier: MIT
//
// Allocate, touch, free, over and over: the shortest path through an allocator, and for large
// sizes what it keeps between two uses.
//
// Idea: the first loop that every allocator's authors publish. A pair always gets back what it just
// gave, so it shows instructions, not caches; see workset.c and batch.c for the rest.
//
//   pair malloc|calloc|ALIGNMENT MIN MAX word|pages|none COUNT
//
// Sizes from MIN to MAX repeat after SIZE_COUNT. `word` writes the first word and checks it,
// `pages` also one byte of each page, `none` nothing.

#include "common/choice.h"
#include "common/object.h"

#include <string.h>

#define SIZE_COUNT 4096u // a power of two
#define PAGE_BYTES 4096u

enum call {
    CALL_MALLOC,
    CALL_CALLOC,
    CALL_ALIGNED,
};

enum touch {
    TOUCH_WORD,
    TOUCH_PAGES,
    TOUCH_NONE,
};

static const char *const touch_names[] = {"word", "pages", "none", NULL};

struct job {
    enum call call;
    enum touch touch;
    size_t alignment;
    uint64_t count;
    uint32_t sizes[SIZE_COUNT];
};

static inline void *
get(enum call call, size_t alignment, size_t bytes)
{
    switch (call) {
    case CALL_CALLOC:
        return calloc(1, bytes);
    case CALL_ALIGNED:
        return aligned_alloc(alignment, bytes);
    default:
        return malloc(bytes);
    }
}

static inline void
pair(enum call call, enum touch touch, size_t alignment, size_t bytes)
{
    void *p = get(call, alignment, bytes);

    if (p == NULL || (call == CALL_ALIGNED && (uintptr_t)p % alignment != 0)) {
        bench_die("no memory, or not aligned");
    }
    if (touch == TOUCH_PAGES) {
        for (size_t at = PAGE_BYTES; at < bytes; at += PAGE_BYTES) {
            ((volatile char *)p)[at] = 1;
        }
    }
    if (touch == TOUCH_NONE) {
        free(p);
    } else {
        object_free(object_start(p));
    }
}

// Inlined with a constant `call`, so that the loop holds no switch.
static inline __attribute__((always_inline)) void
loop(const struct job *job, enum call call)
{
    for (uint64_t i = 0; i < job->count; i++) {
        pair(call, job->touch, job->alignment, job->sizes[i % SIZE_COUNT]);
    }
}

static void
run(const struct job *job)
{
    switch (job->call) {
    case CALL_CALLOC:
        loop(job, CALL_CALLOC);
        break;
    case CALL_ALIGNED:
        loop(job, CALL_ALIGNED);
        break;
    default:
        loop(job, CALL_MALLOC);
    }
}

static void
parse(struct job *job, int argc, char **argv)
{
    struct bench_random random;

    job->call = CALL_MALLOC;
    if (argc > 1 && strcmp(argv[1], "calloc") == 0) {
        job->call = CALL_CALLOC;
    } else if (argc > 1 && strcmp(argv[1], "malloc") != 0) {
        job->call = CALL_ALIGNED;
        job->alignment = bench_argument(argc, argv, 1, 0, sizeof(void *));
    }
    size_t min = bench_argument(argc, argv, 2, 16, OBJECT_MIN_BYTES);
    size_t max = bench_argument(argc, argv, 3, min, min);
    job->touch = (enum touch)bench_word(argc, argv, 4, touch_names);
    job->count = bench_argument(argc, argv, 5, 100000000, 1);
    bench_random_start(&random, 1);
    for (unsigned i = 0; i < SIZE_COUNT; i++) {
        job->sizes[i] = (uint32_t)choose_size(&random, min, max);
    }
}

int
main(int argc, char **argv)
{
    struct job *job = bench_map(sizeof *job);

    parse(job, argc, argv);
    uint64_t begin_ns = bench_now_ns();
    run(job);
    bench_metric("time", (double)(bench_now_ns() - begin_ns) / (double)job->count, "ns", false);
    return 0;
}
