// SPDX-License-Identifier: MIT
//
// How much memory a million objects take, of one size or mixed: while all live, after nine of ten
// were freed at random, and after two seconds of idling and one more allocation. Metrics live,
// freed, idle: growth of RSS divided by the bytes that were asked for, by this project's first
// bench.
//
//   million BYTES|mixed [COUNT [IDLE_MS]]

#include "common/bench.h"
#include "common/choice.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KEEP_ONE_OF 10

int
main(int argc, char **argv)
{
    bool mixed = argc > 1 && strcmp(argv[1], "mixed") == 0;
    size_t size = mixed ? 100 : bench_argument(argc, argv, 1, 24, 1);
    size_t count = bench_argument(argc, argv, 2, 1000000, 1);
    size_t idle_ms = bench_argument(argc, argv, 3, 2000, 0);
    double payload_bytes = 0;
    char **object = bench_map(count * sizeof *object);
    struct bench_random random;

    bench_random_start(&random, 1);
    double before = (double)bench_rss_bytes();
    for (size_t i = 0; i < count; i++) {
        size_t bytes = mixed ? choose_mixed_size(&random) : size;
        object[i] = bench_alloc(bytes);
        memset(object[i], 1, bytes);
        payload_bytes += (double)bytes;
    }
    double live = (double)bench_rss_bytes() - before;
    for (size_t i = 0; i < count; i++) {
        if (bench_random_below(&random, KEEP_ONE_OF) != 0) {
            free(object[i]);
        }
    }
    double freed = (double)bench_rss_bytes() - before;
    usleep((useconds_t)idle_ms * 1000);
    char *volatile one_more = bench_alloc(size);
    double idle = (double)bench_rss_bytes() - before;
    bench_metric("live", live / payload_bytes, "ratio", false);
    bench_metric("freed", freed / payload_bytes, "ratio", false);
    bench_metric("idle", idle / payload_bytes, "ratio", false);
    return one_more == NULL;
}
