// SPDX-License-Identifier: MIT
//
// For guest/pressure.sh. All say "ready" when they have what they are there for.
//
//   press keep MIB      has allocated three times as much and freed every third object of it, so
//                       that what is free lies among what is in use and the kernel cannot take it;
//                       goes on to allocate and free, so that slow paths are reached, until killed
//   press sleep MIB     holds one object of 1 MiB and has freed one of that size; then does nothing
//                       until its stdin ends: exit code 1 if what it holds is not as it was
//   press wait MIB      takes so much memory, again and again, until it is killed: who is above
//                       memory.high waits for it

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define OBJECT ((size_t)250 << 10)
#define BREATH 64

static void
press_ready(void)
{
    puts("ready");
    fflush(stdout);
}

static void *
press_take(size_t bytes)
{
    void *taken = malloc(bytes);

    if (taken == NULL) {
        exit(2);
    }
    return memset(taken, 1, bytes);
}

// Objects of other classes than what is held.
static void
press_breathe(void)
{
    const struct timespec pause = {.tv_nsec = 50000000};
    void *fresh[BREATH];

    for (unsigned i = 0; i < BREATH; i++) {
        fresh[i] = press_take(3000);
    }
    for (unsigned i = 0; i < BREATH; i++) {
        free(fresh[i]);
    }
    nanosleep(&pause, NULL);
}

static void
press_keep(size_t bytes)
{
    size_t count = 3 * bytes / OBJECT;
    void **kept = press_take(count * sizeof *kept);

    for (size_t i = 0; i < count; i++) {
        kept[i] = press_take(OBJECT);
    }
    for (size_t i = 0; i < count; i += 3) {
        free(kept[i]);
    }
    press_ready();
    for (;;) {
        press_breathe();
    }
}

static int
press_sleep(size_t bytes)
{
    char *kept = press_take(MIB);
    char byte;

    free(press_take(bytes));
    press_ready();
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    for (size_t i = 0; i < MIB; i++) {
        if (kept[i] != 1) {
            return 1;
        }
    }
    return 0;
}

static int
press_wait(size_t bytes)
{
    char *held = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (held == MAP_FAILED) {
        return 2;
    }
    for (;;) {
        memset(held, 1, bytes);
        press_ready();
        madvise(held, bytes, MADV_DONTNEED);
    }
}

int
main(int argc, char **argv)
{
    size_t bytes = argc == 3 ? strtoul(argv[2], NULL, 10) * MIB : 0;

    if (bytes != 0 && strcmp(argv[1], "keep") == 0) {
        press_keep(bytes);
    }
    if (bytes != 0 && strcmp(argv[1], "sleep") == 0) {
        return press_sleep(bytes);
    }
    if (bytes != 0 && strcmp(argv[1], "wait") == 0) {
        return press_wait(bytes);
    }
    return 2;
}
