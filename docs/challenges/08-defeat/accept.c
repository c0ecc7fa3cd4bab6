// SPDX-License-Identifier: MIT
//
// Runs one workload under the allocator of a phase, and says how many times it holds what is live.
//
//   accept WORKLOAD PHASE LEAST MOST

#include "test.h"
#include "workload.h"

#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>

#define ACCEPT_MARK 0x5eed5eedu

extern char __bss_start[], end[]; // the linker's names for where static variables lie

static size_t live, peak;

void *
workload_take(size_t bytes)
{
    require(bytes >= 8 && bytes <= WORKLOAD_SIZE_MAX, "asks for %zu bytes", bytes);
    uint32_t *object = malloc(bytes);

    require(object != NULL, "malloc(%zu) gives no memory", bytes);
    memset(object, 1, bytes);
    object[0] = (uint32_t)bytes;
    object[1] = (uint32_t)bytes ^ ACCEPT_MARK;
    live += bytes;
    peak = live > peak ? live : peak;
    require(live <= WORKLOAD_LIVE_MAX, "%zu KiB are live; %zu may be", live / 1024,
            WORKLOAD_LIVE_MAX / 1024);
    return object;
}

void
workload_give(void *object)
{
    uint32_t *mark = object;

    require(object != NULL && (mark[0] ^ mark[1]) == ACCEPT_MARK, "gives what is not live");
    live -= mark[0];
    mark[1] = 0;
    free(object);
}

// Memory in core that has no name: no file's, no stack, and no static variable either.
static size_t
accept_held_bytes(void)
{
    char line[512], name[256];
    size_t from, to, kib, sum = 0;
    bool counts = false;
    FILE *file = fopen("/proc/self/smaps", "r");

    require(file != NULL, "there is no /proc/self/smaps");
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%zx-%zx %*s %*s %*s %*s", &from, &to) == 2) {
            bool is_static = from < (size_t)end && to > (size_t)__bss_start;
            counts = sscanf(line, "%*s %*s %*s %*s %*s %255s", name) != 1 && !is_static;
        } else if (counts && sscanf(line, "Anonymous: %zu", &kib) == 1) {
            sum += kib * 1024;
        }
    }
    fclose(file);
    return sum;
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
        const size_t *live;
    } workload[] = {{"kept", workload_kept, &live},
                    {"pinned", workload_pinned, &live},
                    {"piled", workload_piled, &peak}};
    size_t i = 0;

    require(argc == 5, "usage: accept WORKLOAD PHASE LEAST MOST");
    while (strcmp(workload[i].name, argv[1]) != 0) {
        i++;
    }
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); // a huge page would count in full when touched
    size_t before = accept_held_bytes();
    workload[i].run();
    size_t held = accept_held_bytes() - before;
    require(peak >= WORKLOAD_PEAK_MIN && live >= WORKLOAD_LIVE_MIN,
            "%s: %zu KiB are live at most and %zu at the end; less than %zu and %zu show nothing",
            argv[1], peak / 1024, live / 1024, WORKLOAD_PEAK_MIN / 1024, WORKLOAD_LIVE_MIN / 1024);
    double times = (double)held / (double)*workload[i].live;
    require(times >= atof(argv[3]),
            "%s: phase %s holds %.0f times the live bytes; %s times are wanted", argv[1], argv[2],
            times, argv[3]);
    require(times <= atof(argv[4]),
            "%s: phase %s holds %.1f times the live bytes; at most %s are wanted", argv[1],
            argv[2], times, argv[4]);
    show("%s %.0f", argv[1], times);
    return 0;
}
