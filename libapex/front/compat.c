// SPDX-License-Identifier: MIT
//
// glibc's malloc.h with the data of libapex; the mapping is in compat.h. Any thread. All figures of
// one call come from one stats_sum, so they agree with each other.

#include "front/compat.h"

#include "base/compiler.h"
#include "base/fmt.h"
#include "core/geometry.h"
#include "policy/config.h"
#include "view/print.h"
#include "view/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <unistd.h>

#define LINE_BYTES 256
#define MXFAST_MAX 160 // 80 * sizeof(size_t) / 4, the bound of glibc

static uint64_t
compat_minus(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0; // counters of running threads are not a snapshot
}

static int
compat_saturate(size_t value)
{
    return value > INT_MAX ? INT_MAX : (int)value;
}

static struct mallinfo2
compat_map(const struct stats_totals *totals)
{
    const struct apex_stats_process *process = &totals->process;
    uint64_t small = compat_minus(totals->allocated_bytes, process->large);
    uint64_t arena = compat_minus(process->mapped, process->large);

    if (arena < small) {
        arena = small;
    }
    return (struct mallinfo2){
        .arena = arena,
        .ordblks = (process->dirty + process->retained) / BLOCK_BYTES,
        .fsmblks = totals->cached_bytes,
        .hblks = process->large_objects,
        .hblkhd = process->large,
        .uordblks = small,
        .fordblks = arena - small,
        .keepcost = process->dirty,
    };
}

struct mallinfo2
compat_mallinfo2(void)
{
    struct stats_totals totals;

    stats_sum(&totals);
    return compat_map(&totals);
}

struct mallinfo
compat_mallinfo(void)
{
    struct mallinfo2 wide = compat_mallinfo2();

    return (struct mallinfo){
        .arena = compat_saturate(wide.arena),
        .ordblks = compat_saturate(wide.ordblks),
        .smblks = compat_saturate(wide.smblks),
        .hblks = compat_saturate(wide.hblks),
        .hblkhd = compat_saturate(wide.hblkhd),
        .usmblks = compat_saturate(wide.usmblks),
        .fsmblks = compat_saturate(wide.fsmblks),
        .uordblks = compat_saturate(wide.uordblks),
        .fordblks = compat_saturate(wide.fordblks),
        .keepcost = compat_saturate(wide.keepcost),
    };
}

static int
compat_trim_threshold(int value)
{
    return config_tune("dirty_floor", value < 0 ? UINT64_MAX : (uint64_t)value);
}

int
compat_mallopt(int parameter, int value)
{
    switch (parameter) {
    case M_TRIM_THRESHOLD:
        return compat_trim_threshold(value);
    case M_MXFAST:
        return value >= 0 && value <= MXFAST_MAX;
    case M_NLBLKS:
    case M_GRAIN:
    case M_KEEP:
    case M_TOP_PAD:
    case M_MMAP_THRESHOLD:
    case M_MMAP_MAX:
    case M_CHECK_ACTION:
    case M_ARENA_TEST:
    case M_ARENA_MAX:
        return 1;
    default:
        return 0;
    }
}

// Where malloc_stats prints.
static int stats_fd = STDERR_FILENO;

void
compat_malloc_stats(void)
{
    int saved = errno;

    print_stats(print_to_fd, &stats_fd, false);
    errno = saved;
}

// The option `stats_at_exit`. By the time destructors run many programs have closed stderr, so it
// is kept open under another number, for those who asked.
__attribute__((constructor)) static void
compat_start(void)
{
    if (config_value(stats_at_exit)) {
        stats_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    }
}

__attribute__((destructor)) static void
compat_exit(void)
{
    if (config_value(stats_at_exit)) {
        compat_malloc_stats();
    }
}

// One element: `start key="number" …/>`.
struct info_pair {
    const char *key;
    uint64_t value;
};

static void
info_element(FILE *stream, const char *start, const struct info_pair *pairs, unsigned count)
{
    char text[LINE_BYTES];
    struct fmt line;

    fmt_init(&line, text, sizeof text);
    fmt_str(&line, start);
    for (unsigned i = 0; i < count; i++) {
        fmt_str(&line, " ");
        fmt_str(&line, pairs[i].key);
        fmt_str(&line, "=\"");
        fmt_dec(&line, pairs[i].value);
        fmt_str(&line, "\"");
    }
    fmt_str(&line, "/>\n");
    fputs(line.text, stream);
}

static void
info_one(FILE *stream, const char *start, const char *key, uint64_t value)
{
    info_element(stream, start, &(struct info_pair){key, value}, 1);
}

static void
info_total(FILE *stream, const char *start, uint64_t count, uint64_t size)
{
    const struct info_pair pairs[] = {{"count", count}, {"size", size}};

    info_element(stream, start, pairs, 2);
}

// What glibc writes once for each arena and once for the process: we have one arena.
static void
info_sums(FILE *stream, const struct mallinfo2 *info, bool process)
{
    info_total(stream, "<total type=\"fast\"", 0, info->fsmblks);
    info_total(stream, "<total type=\"rest\"", info->ordblks,
               compat_minus(info->fordblks, info->fsmblks));
    if (process) {
        info_total(stream, "<total type=\"mmap\"", info->hblks, info->hblkhd);
    }
    info_one(stream, "<system type=\"current\"", "size", info->arena);
    info_one(stream, "<system type=\"max\"", "size", info->arena);
    info_one(stream, "<aspace type=\"total\"", "size", info->arena);
    info_one(stream, "<aspace type=\"mprotect\"", "size", info->arena);
}

static void
info_classes(FILE *stream, const struct stats_totals *totals)
{
    for (unsigned i = 0; i < APEX_STATS_CLASSES; i++) {
        const struct apex_stats_class *class = &totals->threads.class[i];
        const struct info_pair pairs[] = {
            {"size", totals->class_size_bytes[i]},
            {"live", compat_minus(class->live_gained, class->live_lost)},
            {"gained", class->live_gained},
            {"lost", class->live_lost},
        };

        if (totals->class_size_bytes[i] != 0 && class->live_gained != 0) {
            info_element(stream, "<class", pairs, 4);
        }
    }
}

int
compat_malloc_info(int options, FILE *stream)
{
    if (options != 0) {
        return EINVAL;
    }

    struct stats_totals totals;

    stats_sum(&totals);
    struct mallinfo2 info = compat_map(&totals);

    flockfile(stream); // one document in one piece
    fputs("<malloc version=\"1\">\n<heap nr=\"0\">\n<sizes>\n</sizes>\n", stream);
    info_sums(stream, &info, false);
    fputs("</heap>\n", stream);
    info_sums(stream, &info, true);
    fputs("<apex version=\"" PACKAGE_VERSION "\">\n", stream);
    info_one(stream, "<stat name=\"allocated\" kind=\"gauge\" unit=\"bytes\"", "value",
             totals.allocated_bytes);
    info_one(stream, "<stat name=\"cached\" kind=\"gauge\" unit=\"bytes\"", "value",
             totals.cached_bytes);
#define STAT_PROCESS(name, kind, unit, text)                                                    \
    info_one(stream, "<stat name=\"" #name "\" kind=\"" #kind "\" unit=\"" #unit "\"", "value", \
             totals.process.name);
#define STAT_THREAD(name, kind, unit, text)                                                     \
    info_one(stream, "<stat name=\"" #name "\" kind=\"" #kind "\" unit=\"" #unit "\"", "value", \
             totals.threads.name);
#include "tables/stats.def"
    info_classes(stream, &totals);
    fputs("</apex>\n</malloc>\n", stream);
    funlockfile(stream);
    return 0;
}
