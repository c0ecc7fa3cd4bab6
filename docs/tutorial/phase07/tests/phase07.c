// SPDX-License-Identifier: MIT
//
// Phase VII: what misuses the heap is found, and what it would have to know cannot be foretold.

#include "test.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

enum { TRIES = 100, SIZE = 64 };

// Addresses that the compiler cannot see through: it would warn of what is done with them.
static char *
test_hidden(char *p)
{
    volatile uintptr_t address = (uintptr_t)p;
    return (char *)address;
}

static void
test_reuse_all(void)
{
    for (int i = 0; i < 10000; i++) {
        free(test_hidden(malloc(SIZE)));
    }
    for (int i = 0; i < 2000; i++) {
        require(test_hidden(malloc(SIZE)) != NULL, "no memory");
    }
}

static void
misuse_twice(void)
{
    char *p = malloc(SIZE);
    free(test_hidden(p));
    free(test_hidden(p));
}

static void
misuse_twice_with_another_between(void)
{
    char *p = malloc(SIZE), *other = malloc(SIZE);
    free(test_hidden(p));
    free(test_hidden(other));
    free(test_hidden(p));
}

static void
misuse_interior(void)
{
    free(test_hidden((char *)malloc(SIZE) + 16));
}

static void
misuse_misaligned(void)
{
    free(test_hidden((char *)malloc(SIZE) + 1));
}

static void
misuse_never_allocated(void)
{
    char *p = malloc(16000); // of a block with room for four
    free(test_hidden((char *)((uintptr_t)p | 65535) + 1 - 16));
}

static void
misuse_link(void)
{
    static char *object[16];
    for (int i = 0; i < 16; i++) {
        object[i] = test_hidden(malloc(SIZE));
    }
    for (int i = 0; i < 16; i++) {
        free(object[i]);
        memset(object[i], 0x41, 8); // where the link is
    }
    test_reuse_all();
}

static void
misuse_written(void)
{
    char *p = test_hidden(malloc(SIZE));
    free(p);
    p[40] = 1;
    test_reuse_all();
}

static const struct misuse {
    const char *name;
    void (*run)(void);
} misuses[] = {
    {"an object is freed twice", misuse_twice},
    {"an object is freed twice, another between", misuse_twice_with_another_between},
    {"an address inside of an object is freed", misuse_interior},
    {"a misaligned address is freed", misuse_misaligned},
    {"what was never allocated is freed", misuse_never_allocated},
    {"the link of a free object is written to", misuse_link},
    {"a free object is written to (under TINY_OPTIONS=fill)", misuse_written},
};

enum { MISUSES = sizeof misuses / sizeof misuses[0] };

// In a process of its own, which is started anew so that it reads the option.
static bool
test_is_caught(char *program, int number)
{
    int status = 0;
    pid_t child = fork();

    if (child == 0) {
        char text[16];
        snprintf(text, sizeof text, "%d", number);
        setenv("TINY_OPTIONS", "fill", 1);
        dup2(open("/dev/null", O_WRONLY), 2);
        execl(program, program, text, (char *)NULL);
        _exit(1);
    }
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

// The first word of a free object is a link, here to the object freed before. What is left when
// that address is taken out of it must be more than the place, and not the same everywhere.
static void
test_links(void)
{
    enum { COUNT = 16 };
    char *object[COUNT];
    uintptr_t secret[COUNT];

    for (int i = 0; i < COUNT; i++) {
        object[i] = test_hidden(malloc(2000)); // too large for quarantine
    }
    for (int i = 0; i < COUNT; i++) {
        free(test_hidden(object[i]));
    }
    for (int i = 1; i < COUNT; i++) {
        uintptr_t place = (uintptr_t)object[i], before = (uintptr_t)object[i - 1];
        secret[i] = *(uintptr_t *)test_hidden(object[i]) ^ before;
        require(place >> 16 != before >> 16 || (secret[i] != 0 && secret[i] != place >> 12),
                "the link in a free object can be read without a key");
    }
    require(secret[1] != secret[COUNT - 1] || secret[1] != secret[COUNT / 2],
            "the links in free objects are all hidden by the same number");
}

static void
test_order(void)
{
    char *object[256];
    int neighbours = 0;

    for (int i = 0; i < 256; i++) {
        object[i] = malloc(SIZE);
        neighbours += i > 0 && labs(object[i] - object[i - 1]) == SIZE ? 1 : 0;
    }
    require(neighbours < 128, "of 256 objects %d lie right beside the one before", neighbours);
    for (int i = 0; i < 256; i++) {
        free(object[i]);
    }
    int same = 0;
    for (int i = 0; i < TRIES; i++) {
        char *p = test_hidden(malloc(SIZE));
        uintptr_t was = (uintptr_t)p;
        free(p);
        p = malloc(SIZE);
        same += (uintptr_t)p == was ? 1 : 0;
        free(p);
    }
    require(same < TRIES / 4, "a freed object came back at once %d times of %d", same, TRIES);
    show("nobody can foretell which address comes next");
}

int
main(int count, char **words)
{
    if (count == 2) {
        misuses[atoi(words[1])].run();
        return 0;
    }
    for (int i = 0; i < MISUSES; i++) {
        if (i == MISUSES - 1) { // needs more than the others
            test_links();
            test_order();
        }
        require(test_is_caught(words[0], i), "%s, and nothing happens", misuses[i].name);
    }
    show("%d misuses end the program", MISUSES);
    return 0;
}
