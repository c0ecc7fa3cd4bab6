// SPDX-License-Identifier: MIT
//
// Judges guarded objects: that there are as many as there should be, what they notice, what they
// leave alone, and that they keep to their pages. Runs under libtiny, which guards each EVERYth
// object and has SLOTS pages for that.

#include "probe.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { EVERY = 8, SLOTS = 16, TRIES = 1000, HELD = 2000 };

// A guarded object; others that come before it are freed.
static char *
accept_guarded(size_t size)
{
    for (int i = 0; i < TRIES; i++) {
        char *p = malloc(size);
        require(p != NULL, "malloc(%zu) gives no memory", size);
        if (probe_is_guarded(p, size)) {
            return p;
        }
        free(p);
    }
    require(false, "of %d objects of %zu bytes none is guarded", TRIES, size);
    return NULL;
}

static void
accept_rate(void)
{
    int guarded = 0, wanted = TRIES;

    for (int i = 0; i < EVERY * TRIES; i++) {
        char *p = malloc(48);
        guarded += probe_is_guarded(p, 48);
        free(p);
    }
    require(guarded >= wanted * 8 / 10 && guarded <= wanted * 12 / 10,
            "of %d objects %d have a guard behind them; about %d are wanted", EVERY * TRIES,
            guarded, wanted);
}

// --- Misuse --------------------------------------------------------------------------------------

enum misuse { READ, WRITE, WRITE_AND_FREE, FREE };

// A child that does this to `p` and frees `object` must die of `wanted`.
static void
accept_dies(enum misuse misuse, char *p, char *object, int wanted, const char *what)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        dup2(open("/dev/null", O_WRONLY), 2);
        if (misuse == READ) {
            _exit(*(volatile char *)p & 0);
        } else if (misuse == WRITE || misuse == WRITE_AND_FREE) {
            *(volatile char *)p = 1;
        }
        if (misuse != WRITE) {
            free(probe_hidden(object));
        }
        _exit(0);
    }
    require(waitpid(child, &status, 0) == child, "no process");
    require(!WIFEXITED(status), "%s, and nothing happens", what);
    require(WTERMSIG(status) == wanted, "%s: the process dies of %s", what,
            strsignal(WTERMSIG(status)));
}

static void
accept_overflow(void)
{
    static const size_t size[] = {16, 48, 1008, 4080, 4096};
    static const size_t odd[] = {1, 20, 1000, 4095};

    for (size_t i = 0; i < sizeof size / sizeof size[0]; i++) {
        char *p = accept_guarded(size[i]);
        accept_dies(READ, p + size[i], NULL, SIGSEGV, "the byte behind a guarded object is read");
        accept_dies(WRITE, p + size[i], NULL, SIGSEGV,
                    "the byte behind a guarded object is "
                    "written");
        free(p);
    }
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        char *p = accept_guarded(odd[i]);
        require((uintptr_t)p % 16 == 0, "an object of %zu bytes is not aligned", odd[i]);
        require(malloc_usable_size(p) == odd[i],
                "a guarded object of %zu bytes may be used up to %zu, says malloc_usable_size()",
                odd[i], malloc_usable_size(p));
        accept_dies(WRITE_AND_FREE, p + (odd[i] + 15) / 16 * 16 - 1, p, SIGABRT,
                    "up to 15 bytes behind a guarded object one is written, and it is freed");
        memset(p, 1, malloc_usable_size(p));
        free(p);
    }
    char *p = accept_guarded(PAGE);
    accept_dies(WRITE, p - 1, NULL, SIGSEGV, "the byte before a guarded page is written");
    free(p);
}

static void
accept_free(void)
{
    char *p = accept_guarded(64);

    accept_dies(FREE, NULL, p + 16, SIGABRT, "an address inside a guarded object is freed");
    free(p);
    accept_dies(FREE, NULL, p, SIGABRT, "a guarded object is freed twice");
    for (int others = 0; others < SLOTS; others++) {
        require(!probe_can_read(p),
                "a freed object can be read again after %d other guarded ones; "
                "%d pages were free",
                others, SLOTS - 1);
        if (others < SLOTS - 1) {
            char *other = accept_guarded(64);
            require(other != p,
                    "the page of a freed object is used again after %d others; %d were "
                    "free",
                    others, SLOTS - 1);
            free(other);
        }
    }
}

// --- Honest programs -----------------------------------------------------------------------------

static bool
accept_is_resident(char *page)
{
    unsigned char there = 0;

    return mincore(probe_hidden(page), PAGE, &there) == 0 && (there & 1) != 0;
}

static void
accept_budget(void)
{
    static char *object[HELD], *page[SLOTS];
    int guarded = 0;

    for (int i = 0; i < HELD; i++) {
        object[i] = malloc(48);
        require(object[i] != NULL, "there is no memory when all pages are taken");
        memset(object[i], i, 48);
        if (probe_is_guarded(object[i], 48)) {
            require(guarded < SLOTS, "more than %d objects are guarded at once", SLOTS);
            page[guarded++] = object[i] + 48 - PAGE;
        }
    }
    require(guarded == SLOTS, "of %d live objects %d are guarded; there are %d pages", HELD,
            guarded, SLOTS);
    for (int i = 0; i < HELD; i++) {
        require(object[i][0] == (char)i && object[i][47] == (char)i, "an object has changed");
        free(object[i]);
    }
    for (int i = 0; i < SLOTS; i++) {
        require(!accept_is_resident(page[i]), "the page of a freed object still holds memory");
    }
}

static void
accept_shapes(void)
{
    for (int i = 0; i < TRIES; i++) {
        for (size_t align = 16; align <= 16384; align *= 4) {
            void *p = NULL;
            require(posix_memalign(&p, align, 24) == 0, "no memory");
            require((uintptr_t)p % align == 0, "an object is not at a multiple of %zu", align);
            free(p);
        }
        char *zero = calloc(10, 20);
        for (int at = 0; at < 200; at++) {
            require(zero[at] == 0, "calloc gives memory that is not zero");
        }
        memset(zero, 1, 200);
        char *more = realloc(zero, 300 + (size_t)i);
        require(more[0] == 1 && more[199] == 1, "realloc loses what was there");
        free(more);
        free(malloc(0));
    }
}

int
main(void)
{
    probe_begin();
    accept_rate();
    accept_overflow();
    accept_free();
    accept_budget();
    accept_shapes();
    show("one object of %d is guarded; overflows, double frees and late reads end the program; "
         "%d pages suffice",
         EVERY, SLOTS);
    return 0;
}
