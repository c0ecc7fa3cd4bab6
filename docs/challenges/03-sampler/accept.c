// SPDX-License-Identifier: MIT
//
// Judges a sampler by programs whose allocations are known: what it says of each size, how much it
// samples, whether threads disturb each other, and what it costs those that are not sampled.

#include "known.h"
#include "sampler.h"
#include "steps.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

enum { SIZES = 6, CYCLE = 64, CALLS = 512, SEEDS = 10000, SEQUENCE = 1000 };

#define BYTES_OF_SIZE 41e6 // ten thousand times the mean
#define STEPS_MAX 20       // for each object, on average

struct program {
    const char *name;
    size_t count;
    size_t size[SIZES];
    double bytes[SIZES], found[SIZES];
    double samples, samples_wanted;
};

// The chance that an object is sampled if each byte is, independently, once in the mean.
static double
accept_chance(size_t size)
{
    return -expm1(-(double)size / SAMPLER_MEAN_BYTES);
}

static void
accept_alloc(struct program *program, size_t i)
{
    size_t weight = sampler_weigh(program->size[i]);

    program->bytes[i] += (double)program->size[i];
    program->found[i] += (double)weight;
    program->samples += weight > 0;
    program->samples_wanted += accept_chance(program->size[i]);
}

static void
accept_judge(const struct program *program)
{
    double off = (program->samples / program->samples_wanted - 1) * 100;

    for (size_t i = 0; i < program->count; i++) {
        known_compare(program->name, program->size[i], program->bytes[i], program->found[i]);
    }
    require(fabs(off) <= KNOWN_PERCENT, "%s has %.0f samples; %.0f are wanted (%+.1f %%)",
            program->name, program->samples, program->samples_wanted, off);
}

// A program that does the same again and again. A round is as long as the mean, and as a number
// that one might count to: who samples at even distances always meets the same object.
static void
accept_cycle(void)
{
    static struct program cycle = {.name = "a loop", .count = 2, .size = {16, 3088}};

    sampler_seed(1);
    while (cycle.bytes[0] < BYTES_OF_SIZE) {
        for (int i = 1; i < CYCLE; i++) {
            accept_alloc(&cycle, 0);
        }
        accept_alloc(&cycle, 1);
    }
    accept_judge(&cycle);
}

// Sizes in random order, as many bytes of each.
static void
accept_mix(void)
{
    static struct program mix = {
        .name = "a mix", .count = SIZES, .size = {16, 64, 400, 4096, 10000, 100000}};
    uint64_t random = 1;
    double turn[SIZES], all = 0;

    for (size_t i = 0; i < SIZES; i++) {
        turn[i] = all += 1.0 / (double)mix.size[i];
    }
    sampler_seed(2);
    while (mix.bytes[0] < BYTES_OF_SIZE) {
        size_t i = 0;
        random = random * 6364136223846793005 + 1442695040888963407;
        while (i < SIZES - 1 && (double)(random >> 11) * 0x1p-53 * all > turn[i]) {
            i++;
        }
        accept_alloc(&mix, i);
    }
    accept_judge(&mix);
}

// The first object of a thread is like any other, whatever the seed.
static void
accept_first(unsigned shift)
{
    size_t small = 0, large = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        sampler_seed(seed << shift);
        small += sampler_weigh(16) > 0;
        sampler_seed(seed << shift);
        large += sampler_weigh(SAMPLER_MEAN_BYTES) > 0;
    }
    require(small >= 10 && small <= 80,
            "of %d threads whose first object has 16 bytes %zu sample "
            "it; 39 are wanted",
            SEEDS, small);
    require(fabs((double)large / SEEDS - accept_chance(SAMPLER_MEAN_BYTES)) < 0.025,
            "of %d threads whose first object has %d bytes %zu sample it; 6321 are wanted", SEEDS,
            SAMPLER_MEAN_BYTES, large);
}

// --- Threads -------------------------------------------------------------------------------------

static void
accept_sequence(char *sampled, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        sampled[i] = sampler_weigh(400) > 0;
    }
}

static void *
accept_other(void *sampled)
{
    accept_sequence(sampled, 0, SEQUENCE);
    return NULL;
}

static void
accept_thread(char *sampled)
{
    pthread_t thread;

    require(pthread_create(&thread, NULL, accept_other, sampled) == 0, "no thread");
    pthread_join(thread, NULL);
}

static void
accept_threads(void)
{
    static char alone[SEQUENCE], disturbed[SEQUENCE], other[SEQUENCE], later[SEQUENCE];

    sampler_seed(3);
    accept_sequence(alone, 0, SEQUENCE);
    sampler_seed(3);
    accept_sequence(disturbed, 0, SEQUENCE / 2);
    accept_thread(other);
    accept_sequence(disturbed, SEQUENCE / 2, SEQUENCE);
    require(memcmp(alone, disturbed, SEQUENCE) == 0,
            "what a thread samples changes when another one allocates");
    accept_thread(later);
    require(memcmp(other, later, SEQUENCE) != 0, "two threads sample the same objects");
}

// --- What it costs -------------------------------------------------------------------------------

static void
accept_calls(size_t count)
{
    static volatile size_t weight;

    for (size_t i = 0; i < count; i++) {
        weight = sampler_weigh(16);
    }
}

static void
accept_cost(void)
{
    static const size_t calls = CALLS;
    long steps = 0;

    sampler_seed(4);
    steps_count(accept_calls, &calls, 1, &steps);
    require(steps <= STEPS_MAX * CALLS,
            "an object of 16 bytes takes %ld instructions on average; "
            "%d are allowed",
            steps / CALLS, STEPS_MAX);
}

int
main(void)
{
    accept_cycle();
    accept_mix();
    accept_first(0);
    accept_first(32);
    accept_threads();
    accept_cost();
    show("%d sizes in two programs and under threads within %d %%, as many samples as wanted, no "
         "work for the others",
         SIZES, KNOWN_PERCENT);
    return 0;
}
