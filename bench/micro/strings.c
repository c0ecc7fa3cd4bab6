// SPDX-License-Identifier: MIT
//
// Short strings as programs make them: copied by strdup, joined from two, formatted by asprintf,
// extended by realloc. Each takes the place of an older one in a working set. Most allocations of
// ordinary programs are such strings of 4 to 60 bytes, not multiples of anything.
//
// Idea: the string handling of shells, scripting languages and mail filters. libc's own calls of
// malloc are part of it. One in sixteen is formatted, as that takes the longest outside of the
// allocator.
//
//   strings SLOTS COUNT

#include "common/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST 40u
#define FORMATTED_ONE_OF 16u

static const char letters[] = "the quick brown fox jumps over the lazy dog";

static char *
checked(char *string)
{
    if (string == NULL) {
        bench_die("no memory for a string");
    }
    return string;
}

static char *
copy(const char *word)
{
    return checked(strdup(word));
}

static char *
join(const char *first, const char *second)
{
    size_t length = strlen(first);
    size_t bytes = strlen(second) + 1;
    char *both = checked(malloc(length + bytes));

    memcpy(both, first, length);
    memcpy(both + length, second, bytes);
    return both;
}

static char *
extend(char *string, const char *tail)
{
    size_t length = strlen(string) % LONGEST;
    size_t bytes = strlen(tail) + 1;
    char *longer = checked(realloc(string, length + bytes));

    memcpy(longer + length, tail, bytes);
    return longer;
}

static char *
format(const char *word, unsigned number)
{
    char *text;

    if (asprintf(&text, "%s=%u", word, number) < 0) {
        bench_die("asprintf");
    }
    return text;
}

static void
replace(char **string, uint64_t bits)
{
    // Short ones are more frequent: the smaller of two numbers.
    unsigned one = (unsigned)(bits & 0xff) % LONGEST;
    unsigned other = (unsigned)(bits >> 8 & 0xff) % LONGEST;
    const char *word = letters + (sizeof letters - 1) - 1 - (one < other ? one : other);
    unsigned kind = (unsigned)(bits >> 16) % FORMATTED_ONE_OF;
    char *old = *string;

    if (kind == 0) {
        *string = format(word, (unsigned)(bits >> 40));
    } else if (kind < FORMATTED_ONE_OF / 2) {
        *string = copy(word);
    } else if (kind < FORMATTED_ONE_OF - FORMATTED_ONE_OF / 4) {
        *string = join(word, letters + sizeof letters - 4);
    } else {
        *string = extend(old, word);
        return;
    }
    free(old);
}

int
main(int argc, char **argv)
{
    size_t slots = bench_argument(argc, argv, 1, 1000, 1);
    uint64_t count = bench_argument(argc, argv, 2, 20000000, 1);
    char **strings = bench_map(slots * sizeof *strings);
    struct bench_random random;

    bench_random_start(&random, 1);
    for (size_t i = 0; i < slots; i++) {
        strings[i] = copy("");
    }
    uint64_t begin_ns = bench_now_ns();
    for (uint64_t i = 0; i < count; i++) {
        size_t slot = bench_random_below(&random, slots);
        replace(&strings[slot], bench_random_next(&random));
    }
    bench_metric("time", (double)(bench_now_ns() - begin_ns) / (double)count, "ns", false);
    return 0;
}
