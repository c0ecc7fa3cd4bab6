// SPDX-License-Identifier: MIT
//
// The harness of the fuzzer without the fuzzer: inputs at random, a few seconds of them, so that
// each build, by any compiler and with any sanitizer, tries the harness; and the files that are
// named, to repeat what was found.
//
//   fuzz_test [--seed N] [--inputs N]     at random; the seed is printed when one was found
//   fuzz_test FILE…                       these, one after the other, in one process

#include "base/rng.h"
#include "harness.h"
#include "model.h"
#include "outside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES_MAX 2048
#define INPUTS 300

static int
run_file(const char *name)
{
    static uint8_t data[1 << 20];
    FILE *file = fopen(name, "rb");

    if (file == NULL) {
        perror(name);
        return 1;
    }
    harness_run(data, fread(data, 1, sizeof data, file));
    fclose(file);
    return 0;
}

static void
run_random(uint64_t seed, unsigned long inputs)
{
    uint8_t data[INPUT_BYTES_MAX];
    struct rng rng;

    rng_seed(&rng, seed);
    for (unsigned long i = 0; i < inputs; i++) {
        size_t bytes = 1 + rng_next(&rng) % (INPUT_BYTES_MAX - 1);
        // Few objects, or many: only then is each met often enough.
        uint8_t mask = (uint8_t)(rng_next(&rng) % 64);
        for (size_t k = 0; k < bytes; k++) {
            data[k] = (uint8_t)(rng_next(&rng) >> 40);
            data[k] = k % STEP_BYTES == 2 ? data[k] & mask : data[k];
        }
        harness_run(data, bytes);
    }
}

static int
report(void)
{
    printf("%llu inputs, %llu calls, %llu wrong calls; damage done %llu times, noticed %llu, "
           "harmless %llu, undone %llu, met a guard %llu\n",
           (unsigned long long)counts.inputs, (unsigned long long)counts.calls,
           (unsigned long long)counts.wrong_calls, (unsigned long long)counts.damages,
           (unsigned long long)counts.noticed, (unsigned long long)counts.harmless,
           (unsigned long long)counts.undone, (unsigned long long)counts.stopped);
    return 0;
}

int
main(int argc, char **argv)
{
    unsigned long inputs = INPUTS;
    uint64_t seed = 1;
    int files = 0;

    harness_start(argv);
    for (int i = 1; i < argc; i++) {
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
    return report();
}
