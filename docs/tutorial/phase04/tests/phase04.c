// SPDX-License-Identifier: MIT
//
// Phase IV: address space is taken as it is needed, and memory goes back to the kernel.

#include "memory.h"

#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

enum { LIMIT_MIB = 256, OBJECTS = 100000, OBJECT_BYTES = 1000 };

// What a program does that is started with little address space: 0 when it gets memory.
static int
test_small(void)
{
    for (size_t bytes = 16; bytes <= 16 * MIB; bytes *= 4) {
        char *p = malloc(bytes);
        if (p == NULL) {
            return 1;
        }
        memset(p, 1, bytes);
        free(p);
    }
    return 0;
}

static void
test_limit(char *program)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        const struct rlimit limit = {LIMIT_MIB * MIB, LIMIT_MIB * MIB};
        setrlimit(RLIMIT_AS, &limit);
        execl(program, program, "small", (char *)NULL);
        _exit(1);
    }
    waitpid(child, &status, 0);
    require(status == 0, "a program that may have %d MiB of address space gets no memory",
            LIMIT_MIB);
    show("%d MiB of address space are enough", LIMIT_MIB);
}

static void
test_large(void)
{
    size_t before = memory_kib(MEMORY_RESIDENT) / 1024;
    char *p = malloc(64 * MIB);

    require(p != NULL, "malloc of 64 MiB gives no memory");
    memset(p, 1, 64 * MIB);
    require(memory_kib(MEMORY_RESIDENT) / 1024 >= before + 60, "64 MiB are not there");
    free(p);
    require(memory_kib(MEMORY_RESIDENT) / 1024 <= before + 8,
            "of 64 MiB that were freed %zu are still in core",
            memory_kib(MEMORY_RESIDENT) / 1024 - before);
    show("a large object goes back when it is freed");
}

static void
test_shrink(void)
{
    static char *object[OBJECTS];
    size_t before = memory_kib(MEMORY_ADDRESSES) / 1024;

    for (int i = 0; i < OBJECTS; i++) {
        object[i] = malloc(OBJECT_BYTES);
        require(object[i] != NULL, "no memory");
        memset(object[i], 1, OBJECT_BYTES);
    }
    for (int i = 0; i < OBJECTS; i++) {
        free(object[i]);
    }
    require(memory_kib(MEMORY_ADDRESSES) / 1024 <= before + 16,
            "%zu MiB of address space are kept for nothing",
            memory_kib(MEMORY_ADDRESSES) / 1024 - before);
    show("empty superblocks go back");
}

// Objects of every kind at every alignment, several of them at once, each filled to its end.
static void
test_alignments(void)
{
    for (size_t align = 16; align <= 64 * MIB; align *= 4) {
        char *object[4];
        for (size_t i = 0; i < 4; i++) {
            size_t bytes = i == 3 ? 3 * MIB + 1 : 100 * (i + 1) * (i + 1) * (i + 1);
            object[i] = aligned_alloc(align, bytes);
            require(object[i] != NULL, "no memory at a multiple of %zu", align);
            require((uintptr_t)object[i] % align == 0, "not at a multiple of %zu", align);
            memset(object[i], (int)i, bytes);
        }
        for (size_t i = 0; i < 4; i++) {
            require(object[i][99] == (char)i, "objects at multiples of %zu overlap", align);
            free(object[i]);
        }
    }
    show("objects of every kind lie at multiples of up to 64 MiB");
}

static void
test_foreign(void)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        char mine[64];
        volatile uintptr_t address = (uintptr_t)mine;
        close(2);
        signal(SIGABRT, SIG_DFL);
        free((void *)address);
        _exit(0);
    }
    waitpid(child, &status, 0);
    require(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT,
            "free() of an address on the stack is not refused");
    show("free() of an address that is not ours ends the program");
}

int
main(int count, char **words)
{
    if (count == 2) {
        return test_small();
    }
    test_limit(words[0]);
    test_large();
    test_shrink();
    test_alignments();
    test_foreign();
    return 0;
}
