// SPDX-License-Identifier: MIT
//
// A target without the fuzzer: its seeds, each as it is and changed at random, so that each build,
// by any compiler and with any sanitizer, tries the target; the files that are named, to repeat
// what was found; and the seeds as files, for the fuzzer to begin with.
//
//   *_test [--seed N] [--inputs N]     at random, always the same
//   *_test --write-seeds DIR
//   *_test FILE…

#include "target.h"

#include <string.h>

#define INPUTS 2000
#define CHANGES_MAX 8

static uint8_t input[TARGET_BYTES_MAX];
static uint64_t random_state;

// Knuth's generator of 64 bits, the better half first. Not libapex's: a program that is linked
// with it has its malloc, and the daemon is to be tried with the sanitizers'.
static uint64_t
random_next(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state >> 32 | random_state << 32;
}

static int
run_file(const char *name)
{
    FILE *file = fopen(name, "rb");

    if (file == NULL) {
        perror(name);
        return 1;
    }
    size_t bytes = fread(input, 1, sizeof input, file);
    fclose(file);
    target_run(input, bytes);
    return 0;
}

static int
write_seeds(const char *folder)
{
    char name[4096];
    size_t bytes;

    for (unsigned i = 0; (bytes = target_seed(i, input)) > 0; i++) {
        snprintf(name, sizeof name, "%s/seed-%u", folder, i);
        FILE *file = fopen(name, "wb");
        if (file == NULL || fwrite(input, 1, bytes, file) != bytes || fclose(file) != 0) {
            perror(name);
            return 1;
        }
    }
    return 0;
}

// A byte, a word of one of the values that arithmetic gets wrong, or the end of it.
static size_t
change(size_t bytes)
{
    static const uint32_t values[] = {0, 1, 7, 8, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff};
    size_t at = random_next() % bytes;

    switch (random_next() % 8) {
    case 0:
        return 1 + random_next() % bytes;
    case 1:
    case 2:
    case 3:
        at &= ~(size_t)3;
        if (at + 4 <= bytes) {
            memcpy(input + at, &values[random_next() % 8], 4);
        }
        return bytes;
    default:
        input[at] = (uint8_t)(random_next() >> 40);
        return bytes;
    }
}

static void
run_random(uint64_t seed, unsigned long inputs)
{
    unsigned seeds = 0;

    random_state = seed;
    while (target_seed(seeds, input) > 0) {
        seeds++;
    }
    for (unsigned long i = 0; i < inputs; i++) {
        size_t bytes = target_seed((unsigned)(i % seeds), input);
        // The first time around as they are.
        unsigned changes = i < seeds ? 0 : 1 + (unsigned)(random_next() % CHANGES_MAX);
        while (changes-- > 0) {
            bytes = change(bytes);
        }
        target_run(input, bytes);
    }
    printf("%lu inputs from %u seeds\n", inputs, seeds);
}

int
main(int argc, char **argv)
{
    unsigned long inputs = INPUTS;
    uint64_t seed = 1;
    int files = 0;

    target_start();
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--write-seeds") == 0 && i + 1 < argc) {
            return write_seeds(argv[i + 1]);
        }
        if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc) {
            seed = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--inputs") == 0 && i + 1 < argc) {
            inputs = strtoul(argv[++i], NULL, 10);
        } else if (run_file(argv[i]) != 0) {
            return 1;
        } else {
            files++;
        }
    }
    if (files == 0) {
        run_random(seed, inputs);
    }
    return 0;
}
