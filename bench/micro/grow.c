// SPDX-License-Identifier: MIT
//
// One object grows by realloc until it reaches its limit, as vectors and buffers do, then it is
// freed and the next one starts at 16 bytes. Shows growth in place, mremap, and what copying costs
// where neither is possible.
//
// Idea: append loops of programming languages' vectors (factor 1.5 or 2) and of readers that grow
// by a line (+16). What was grown is written, one byte of each page, and found again at the end: a
// realloc that loses bytes fails.
//
//   grow x1.5|x2|+16 LIMIT ROUNDS

#include "common/object.h"

#define START_BYTES 16u
#define PAGE_BYTES 4096u

enum step {
    STEP_HALF,
    STEP_DOUBLE,
    STEP_16,
};

static const char *const step_names[] = {"x1.5", "x2", "+16", NULL};

static size_t
grown(enum step step, size_t bytes)
{
    switch (step) {
    case STEP_HALF:
        return bytes + bytes / 2;
    case STEP_DOUBLE:
        return bytes * 2;
    default:
        return bytes + 16;
    }
}

// The byte written at `at`: differs from one page to the next.
static char
page_mark(size_t at)
{
    return (char)(at / PAGE_BYTES % 251 + 1);
}

// Writes the pages that start between `from` and `to`; the first is the object's own mark's.
static void
write_pages(char *p, size_t from, size_t to)
{
    size_t at = (from + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;

    for (at = at == 0 ? PAGE_BYTES : at; at < to; at += PAGE_BYTES) {
        ((volatile char *)p)[at] = page_mark(at);
    }
}

static void
check_pages(const char *p, size_t bytes)
{
    for (size_t at = PAGE_BYTES; at < bytes; at += PAGE_BYTES) {
        if (((const volatile char *)p)[at] != page_mark(at)) {
            bench_die("realloc lost a byte");
        }
    }
}

// Grows one object from START_BYTES to the last size below `limit`; returns the number of steps.
static uint64_t
grow(enum step step, size_t limit)
{
    size_t bytes = START_BYTES;
    char *p = object_new(bytes);
    uint64_t mark = object_mark(p);
    uint64_t steps = 0;

    for (size_t next = grown(step, bytes); next <= limit; next = grown(step, bytes)) {
        p = realloc(p, next);
        if (p == NULL || *(uint64_t *)(void *)p != mark) {
            bench_die("realloc gave nothing, or lost the first word");
        }
        write_pages(p, bytes, next);
        bytes = next;
        steps++;
    }
    check_pages(p, bytes);
    free(p);
    return steps;
}

int
main(int argc, char **argv)
{
    enum step step = (enum step)bench_word(argc, argv, 1, step_names);
    size_t limit = bench_argument(argc, argv, 2, 1 << 20, 2 * START_BYTES);
    uint64_t rounds = bench_argument(argc, argv, 3, 10000, 1);
    uint64_t steps = 0;

    uint64_t begin_ns = bench_now_ns();
    for (uint64_t i = 0; i < rounds; i++) {
        steps += grow(step, limit);
    }
    bench_metric("time", (double)(bench_now_ns() - begin_ns) / (double)steps, "ns", false);
    return 0;
}
