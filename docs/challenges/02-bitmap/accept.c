// SPDX-License-Identifier: MIT
//
// Judges blocks that know from outside which of their chunks are free: nobody writes to freed
// memory, what is not live is not freed, and finding a free chunk is not a search. Runs under
// libtiny.

#include "block.h"
#include "steps.h"

#include <fcntl.h>
#include <string.h>

enum { OBJECTS = 3 * 4096, SOME = 200, PAGES = 48, LARGE_BLOCKS = 100 };

#define DESCRIPTOR_BYTES_MAX (BLOCK_BYTES / 100)
#define STEPS_MAX 400 // of two frees and two mallocs

// As numbers, since the compiler knows that nobody reads an object that was freed.
static volatile uintptr_t object[OBJECTS];

static char *
accept_object(size_t i)
{
    return (char *)object[i];
}

static void
accept_alloc(size_t i, size_t bytes)
{
    object[i] = (uintptr_t)malloc(bytes);
    require(object[i] != 0, "malloc(%zu) gives no memory", bytes);
}

static void
accept_free_all(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(accept_object(i));
    }
}

// --- Freed memory --------------------------------------------------------------------------------

static void
accept_same(const uintptr_t *place, size_t bytes, const char *when)
{
    for (size_t i = 0; i < SOME; i++) {
        const volatile char *p = (const volatile char *)place[i];
        for (size_t at = 0; at < bytes; at++) {
            require(p[at] == (char)(i + 1), "the memory of an object of %zu bytes is written to %s",
                    bytes, when);
        }
    }
}

static void
accept_untouched(void)
{
    static uintptr_t place[SOME];

    for (size_t bytes = 16; bytes <= 16384; bytes *= 2) {
        for (size_t i = 0; i < SOME; i++) {
            accept_alloc(i, bytes);
            place[i] = object[i];
            memset(accept_object(i), (int)(i + 1), bytes);
        }
        accept_free_all(SOME);
        accept_same(place, bytes, "when it is freed");
        for (size_t i = 0; i < SOME; i++) {
            accept_alloc(i, bytes);
        }
        accept_same(place, bytes, "when it is allocated");
        accept_free_all(SOME);
    }
}

// --- What must not be freed ----------------------------------------------------------------------

// The process in which `p` is freed must end there, by abort().
static void
accept_refused(char *p, const char *what)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        dup2(open("/dev/null", O_WRONLY), 2);
        free(p);
        _exit(0);
    }
    require(waitpid(child, &status, 0) == child, "no process");
    require(!WIFEXITED(status), "%s is freed, and nothing happens", what);
    require(WTERMSIG(status) == SIGABRT, "%s is freed, and the process dies of %s, not by abort()",
            what, strsignal(WTERMSIG(status)));
}

static void
accept_strangers(void)
{
    for (size_t i = 0; i < SOME; i++) {
        accept_alloc(i, 100); // in chunks of 112
    }
    char *p = accept_object(SOME / 2);
    char *block = (char *)((uintptr_t)accept_object(SOME - 1) & ~(BLOCK_BYTES - 1));
    accept_refused(p + 16, "an address inside an object");
    accept_refused(block + BLOCK_BYTES / 112 * 112, "the rest of a block");
    accept_refused(block + (BLOCK_BYTES / 112 - 1) * 112, "a chunk that was never allocated");
    free(p);
    accept_refused(p, "a freed object");
    free(accept_object(0));
    free(accept_object(SOME - 1));
    accept_refused(p, "an object that was freed before others");
    object[SOME / 2] = object[SOME - 1] = object[0] = 0;
    accept_free_all(SOME);
}

// Blocks that become empty go back to the region, but for the last of their class.
static void
accept_empty_blocks(void)
{
    for (size_t i = 0; i < PAGES; i++) {
        accept_alloc(i, 4096);
    }
    accept_free_all(PAGES);
    for (size_t i = 0; i < PAGES; i++) {
        accept_refused(accept_object(i), "a freed object of a block that is empty");
    }
    accept_alloc(0, LARGE_BLOCKS * BLOCK_BYTES);
    for (size_t i = 1; i < LARGE_BLOCKS; i++) {
        accept_refused(accept_object(0) + i * BLOCK_BYTES, "an address inside a large object");
    }
    free(accept_object(0));
    accept_refused(accept_object(0), "a freed large object");
}

// --- What it costs -------------------------------------------------------------------------------

static size_t object_low;

// Frees two objects and allocates two: if looking for the one is short, the other is far away.
static void
accept_pairs(size_t high)
{
    size_t low = object_low;

    free(accept_object(high));
    free(accept_object(low));
    object[low] = (uintptr_t)malloc(16);
    object[high] = (uintptr_t)malloc(16);
}

// The number of the object in chunk `chunk` of the block that holds most of the objects.
static size_t
accept_number_of(size_t chunk)
{
    uintptr_t block = object[OBJECTS / 2] & ~(BLOCK_BYTES - 1);

    for (size_t i = 0; i < OBJECTS; i++) {
        if (object[i] == block + chunk * 16) {
            return i;
        }
    }
    require(false, "chunk %zu of a full block is nobody's", chunk);
    return 0;
}

static void
accept_cost(void)
{
    static const size_t chunk[] = {4095, 4032, 2048, 64, 1};
    size_t high[5];
    long steps[5];

    require(sizeof(struct block) <= DESCRIPTOR_BYTES_MAX,
            "a descriptor has %zu bytes; %zu are allowed, 1 %% of a block", sizeof(struct block),
            DESCRIPTOR_BYTES_MAX);
    for (size_t i = 0; i < OBJECTS; i++) {
        accept_alloc(i, 16);
    }
    object_low = accept_number_of(0);
    for (size_t i = 0; i < 5; i++) {
        high[i] = accept_number_of(chunk[i]);
    }
    steps_count(accept_pairs, high, 5, steps);
    for (size_t i = 0; i < 5; i++) {
        require(steps[i] <= STEPS_MAX,
                "two frees and two mallocs in a full block take %ld "
                "instructions; %d are allowed",
                steps[i], STEPS_MAX);
    }
    accept_free_all(OBJECTS);
}

int
main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0); // printf is not to allocate
    accept_untouched();
    accept_strangers();
    accept_empty_blocks();
    accept_cost();
    show("freed memory stays as it was, what is not live is refused, descriptors of at most %zu "
         "bytes, no search",
         DESCRIPTOR_BYTES_MAX);
    return 0;
}
