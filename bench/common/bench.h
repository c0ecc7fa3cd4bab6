// SPDX-License-Identifier: MIT
//
// What the programs of the suite share: arguments, time, memory that is not the allocator's,
// repeatable random numbers, threads that start together, and the lines that the driver reads.
//
// Nothing here allocates between a program's start and its first bench_metric(), so what is
// measured is the workload's own.

#ifndef APEX_BENCH_COMMON_BENCH_H
#define APEX_BENCH_COMMON_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Prints the message, and errno's text when it is not 0, and exits with 1.
_Noreturn void bench_die(const char *what);

// Argument `index` of the program as a number, `fallback` when it is missing. Exits with 2 when it
// is no number, or below `min`. A letter k, m or g multiplies by 1024 once, twice or three times.
uint64_t bench_argument(int argc, char **argv, int index, uint64_t fallback, uint64_t min);

// Argument `index` of the program as one of the words in `names`, which ends with NULL: its place
// there, 0 when it is missing. Exits with 2 when it is none of them.
unsigned bench_word(int argc, char **argv, int index, const char *const *names);

// Nanoseconds since some fixed point.
uint64_t bench_now_ns(void);

// Zeroed memory from the kernel, resident already. Never freed. Exits when there is none.
void *bench_map(size_t bytes);

// Resident bytes of this process at this moment: exact, for a tenth of a millisecond and more.
size_t bench_rss_bytes(void);

// malloc that must not fail; the first and last byte are written, as a program would.
void *bench_alloc(size_t bytes);

// Numbers for choosing sizes and slots: the same for the same seed. One state for each thread.
struct bench_random {
    uint64_t state;
};

void bench_random_start(struct bench_random *random, uint64_t seed);

// xorshift64* (Vigna, 2014): a few instructions, and no memory besides its state. In the header,
// with what follows, because choosing a size must stay cheap beside a fast malloc.
static inline uint64_t
bench_random_next(struct bench_random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return random->state * UINT64_C(0x2545f4914f6cdd1d);
}

// From 0 to `bound` - 1.
static inline uint64_t
bench_random_below(struct bench_random *random, uint64_t bound)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)bench_random_next(random) * bound >> 64);
}

// From 0 to `bound` - 1, out of 32 random bits: one random number makes two choices.
static inline uint32_t
bench_scale(uint32_t bits, uint32_t bound)
{
    return (uint32_t)((uint64_t)bits * bound >> 32);
}

// Runs `work(context, i)` on threads 0 to `count` - 1, which start together, and waits for all.
// Returns the nanoseconds from the start of the first to the end of the last.
uint64_t bench_parallel(unsigned count, void (*work)(void *context, unsigned i), void *context);

// Prints `metric NAME VALUE UNIT lower|higher`, for the driver. NAME "time" is the result of the
// program as a whole.
void bench_metric(const char *name, double value, const char *unit, bool higher_is_better);

#endif
