// SPDX-License-Identifier: MIT
//
// For guest/spilled.sh.
//
//   spill ballast MIB        takes so much memory, by whatever policy it was started with, says
//                            "ready" and holds it until it is killed
//   spill work MIB FILE      holds so much in objects of many sizes, goes on to allocate and free,
//                            and writes into FILE, again and again, how many thousandths of its
//                            pages are on the node of the thread; a 0 before that is known

#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define PAGE 4096
#define PAGES 2048 // asked about
#define SMALL 3000
#define LARGE (4 * MIB)

static char **kept; // the large ones first
static size_t count;
static size_t large_count;

static void
spill_keep(size_t bytes)
{
    kept[count] = malloc(bytes);
    if (kept[count] == NULL) {
        exit(1);
    }
    memset(kept[count++], 1, bytes);
}

// Any byte of all that is held.
static uintptr_t
spill_any(void)
{
    size_t at = (size_t)random() % (large_count * LARGE + (count - large_count) * SMALL);

    if (at < large_count * LARGE) {
        return (uintptr_t)kept[at / LARGE] + at % LARGE;
    }
    at -= large_count * LARGE;
    return (uintptr_t)kept[large_count + at / SMALL] + at % SMALL;
}

// Where a sample of the pages is, in thousandths on `node`.
static unsigned
spill_share(int node)
{
    static void *page[PAGES];
    static int status[PAGES];
    unsigned here = 0;
    unsigned known = 0;

    for (unsigned i = 0; i < PAGES; i++) {
        page[i] = (void *)(spill_any() & ~(uintptr_t)(PAGE - 1));
    }
    if (syscall(SYS_move_pages, 0, (unsigned long)PAGES, page, NULL, status, 0) != 0) {
        return 0;
    }
    for (unsigned i = 0; i < PAGES; i++) {
        known += status[i] >= 0 ? 1 : 0;
        here += status[i] == node ? 1 : 0;
    }
    return known == 0 ? 0 : here * 1000 / known;
}

static void
spill_write(const char *path, unsigned share)
{
    char other[256];

    snprintf(other, sizeof other, "%s.new", path);
    FILE *file = fopen(other, "w");
    if (file != NULL) {
        fprintf(file, "%u\n", share);
        fclose(file);
        rename(other, path);
    }
}

// Blocks come and go, so that slow paths are reached.
static void
spill_breathe(void)
{
    static char *fresh[4096];

    for (unsigned i = 0; i < sizeof fresh / sizeof fresh[0]; i++) {
        fresh[i] = malloc(SMALL);
        fresh[i][0] = 1;
    }
    for (unsigned i = 0; i < sizeof fresh / sizeof fresh[0]; i++) {
        free(fresh[i]);
    }
}

static void
spill_work(size_t bytes, const char *path)
{
    const struct timespec pause = {.tv_nsec = 300000000};
    size_t most = bytes / SMALL + 1;
    size_t held = 0;
    unsigned node = 0;

    kept = malloc(most * sizeof *kept);
    for (; held < bytes / 2; held += LARGE) {
        spill_keep(LARGE);
    }
    large_count = count;
    for (; held < bytes; held += SMALL) {
        spill_keep(SMALL);
    }
    for (;;) {
        getcpu(NULL, &node);
        spill_write(path, spill_share((int)node));
        spill_breathe();
        nanosleep(&pause, NULL);
    }
}

static int
spill_ballast(size_t bytes)
{
    char *held = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (held == MAP_FAILED) {
        return 1;
    }
    memset(held, 1, bytes);
    puts("ready");
    fflush(stdout);
    pause();
    return 0;
}

int
main(int argc, char **argv)
{
    size_t bytes = argc > 2 ? strtoul(argv[2], NULL, 10) * MIB : 0;

    if (argc == 3 && strcmp(argv[1], "ballast") == 0) {
        return spill_ballast(bytes);
    }
    if (argc == 4 && strcmp(argv[1], "work") == 0) {
        spill_work(bytes, argv[3]);
    }
    return 2;
}
