// SPDX-License-Identifier: MIT
//
// The driver: makes inputs from a seed, the same ones each time, and gives them to the target in a
// child, so that one that dies is found as well.
//
//   accept SEED NAME     says whether something was found; NAME is the pool's bug, or `none`

#include "target.h"
#include "test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INPUTS = 2000, INPUT_MAX = 256, FRESH = 16, CPU_S = 30 };

// Shared with the child.
static struct {
    unsigned char data[INPUT_MAX];
    size_t bytes;
    long number; // of the input
    char why[128];
} *now;

static unsigned char seed[INPUT_MAX];
static size_t seed_bytes;

static uint64_t
accept_random(uint64_t below)
{
    static uint64_t state = 20261126;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % below;
}

void
target_found(const char *why)
{
    snprintf(now->why, sizeof now->why, "%s", why);
    _exit(1);
}

// One change: a byte is another, or a piece is gone, or there twice.
static void
accept_mutate(void)
{
    size_t at = now->bytes == 0 ? 0 : accept_random(now->bytes);
    size_t piece = 1 + accept_random(16);

    switch (accept_random(4)) {
    case 0:
        piece = at + piece > now->bytes ? now->bytes - at : piece;
        memmove(now->data + at, now->data + at + piece, now->bytes - at - piece);
        now->bytes -= piece;
        break;
    case 1:
        piece = now->bytes + piece > INPUT_MAX ? INPUT_MAX - now->bytes : piece;
        memmove(now->data + at + piece, now->data + at, now->bytes - at);
        now->bytes += piece;
        break;
    default:
        if (at < now->bytes) {
            now->data[at] = (unsigned char)accept_random(256);
        }
    }
}

// The seed as it is, first; then changed ever more, until it begins anew.
static void
accept_all_inputs(void)
{
    for (now->number = 0; now->number < INPUTS; now->number++) {
        if (now->number % FRESH == 0) {
            memcpy(now->data, seed, seed_bytes);
            now->bytes = seed_bytes;
        }
        for (uint64_t i = now->number == 0 ? 0 : 1 + accept_random(8); i > 0; i--) {
            accept_mutate();
        }
        target(now->data, now->bytes);
    }
}

static void
accept_same_input(void)
{
    target(now->data, now->bytes);
}

static void
accept_no_input(void)
{
    target(now->data, 0);
}

// True if something is found.
static bool
accept_child(void (*run)(void))
{
    int status;
    pid_t child = fork();

    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        setrlimit(RLIMIT_CPU, &(struct rlimit){CPU_S, CPU_S});
        run();
        _exit(0);
    }
    require(child > 0 && waitpid(child, &status, 0) == child, "no process");
    if (WIFSIGNALED(status)) {
        snprintf(now->why, sizeof now->why, "%s", strsignal(WTERMSIG(status)));
    }
    return status != 0;
}

static void
accept_read_seed(const char *path)
{
    int fd = open(path, O_RDONLY);
    ssize_t bytes = read(fd, seed, sizeof seed);

    require(bytes > 0, "the seed is empty");
    seed_bytes = (size_t)bytes;
    close(fd);
}

int
main(int argc, char **argv)
{
    require(argc == 3, "usage: accept SEED NAME");
    setvbuf(stdout, NULL, _IONBF, 0);
    accept_read_seed(argv[1]);
    now = mmap(NULL, sizeof *now, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    require(now != MAP_FAILED, "no memory");
    require(!accept_child(accept_no_input), "no bytes at all, and it says '%s'", now->why);
    bool found = accept_child(accept_all_inputs);
    if (strcmp(argv[2], "none") == 0) {
        require(!found, "nothing is wrong with the mended pool, and of input %ld it says '%s'",
                now->number, now->why);
        return 0;
    }
    require(!found || accept_child(accept_same_input),
            "bug %s: what input %ld has shown it does not show again, alone", argv[2],
            now->number);
    if (found) {
        show("%s", argv[2]);
        fprintf(stderr, "%s: input %ld: %s\n", argv[2], now->number, now->why);
    } else {
        show("not %s", argv[2]);
    }
    return 0;
}
