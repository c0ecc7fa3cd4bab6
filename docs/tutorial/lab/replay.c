// SPDX-License-Identifier: MIT
//
// Plays a trace (record.sh) against the malloc that it runs under. Says how much was live when most
// was live, and how much memory the kernel had given when it had given most.
//
//   replay TRACE            fills every object and looks whether its contents are still there
//   replay TRACE calls      the calls alone; an instruction counter is to look at replay_call_…
//
// Its own memory comes from mmap: it asks nothing of the malloc that it judges.

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { OBJECTS_MAX = 1 << 20 };

struct object {
    unsigned char *p;
    size_t bytes;
};

static struct object *objects; // by number
static int contents = 1;

// noinline: the instructions of these are counted, and of no other function.
__attribute__((noinline)) void *
replay_call_malloc(size_t size)
{
    return malloc(size);
}

__attribute__((noinline)) void *
replay_call_realloc(void *old, size_t size)
{
    return realloc(old, size);
}

__attribute__((noinline)) void
replay_call_free(void *p)
{
    free(p);
}

static void
replay_die(const char *why, size_t line)
{
    printf("FAIL: %s, line %zu of the trace\n", why, line);
    exit(1);
}

static void *
replay_map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        replay_die("no memory for the replay itself", 0);
    }
    return p;
}

// Memory of this process that is no file's and is there, in bytes.
static size_t
replay_anonymous_bytes(void)
{
    char text[4096];
    int fd = open("/proc/self/smaps_rollup", O_RDONLY);
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    const char *found;

    if (fd >= 0) {
        close(fd);
    }
    text[got > 0 ? got : 0] = '\0';
    found = strstr(text, "Anonymous:");
    return found == NULL ? 0 : strtoul(found + 10, NULL, 10) * 1024;
}

static void
replay_check(const struct object *o, unsigned char mark, size_t bytes, size_t line)
{
    for (size_t i = 0; contents && i < bytes; i++) {
        if (o->p[i] != mark) {
            replay_die("an object has changed", line);
        }
    }
}

// One line of the trace; returns the change of the live bytes.
static ptrdiff_t
replay_step(const char *text, size_t line)
{
    char *rest;
    size_t number = strtoul(text + 2, &rest, 10);
    size_t bytes = strtoul(rest, NULL, 10);

    if (number >= OBJECTS_MAX) {
        replay_die("too many objects", line);
    }
    struct object *o = &objects[number];
    size_t before = o->bytes;
    unsigned char mark = (unsigned char)(number * 37 + 1);
    if (*text == 'f') {
        replay_check(o, mark, before, line);
        replay_call_free(o->p);
        *o = (struct object){NULL, 0};
        return -(ptrdiff_t)before;
    }
    o->p = *text == 'r' ? replay_call_realloc(o->p, bytes) : replay_call_malloc(bytes);
    if (o->p == NULL) {
        replay_die("no memory", line);
    }
    if ((uintptr_t)o->p % 16 != 0) {
        replay_die("an object is not aligned to 16", line);
    }
    replay_check(o, mark, before < bytes ? before : bytes, line);
    if (contents) {
        memset(o->p, mark, bytes);
    }
    o->bytes = bytes;
    return (ptrdiff_t)(bytes - before);
}

// Looks at the memory 256 times, and whenever the live bytes are 1/16 above what they ever were.
static void
replay_all(const char *text, size_t lines)
{
    size_t live = 0, live_most = 0, seen = 0, taken_most = 0, line = 0;
    size_t base = replay_anonymous_bytes();

    for (; line < lines; line++) {
        live += (size_t)replay_step(text, line + 1);
        text = strchr(text, '\n') + 1;
        live_most = live > live_most ? live : live_most;
        if (contents && (live > seen + seen / 16 || line % (lines / 256 + 1) == 0)) {
            size_t taken = replay_anonymous_bytes() - base;
            taken_most = taken > taken_most ? taken : taken_most;
            seen = live > seen ? live : seen;
        }
    }
    printf("%zu calls, %zu live, %zu taken\n", lines, live_most, taken_most);
}

int
main(int argc, char **argv)
{
    int fd = argc > 1 ? open(argv[1], O_RDONLY) : -1;
    off_t bytes = lseek(fd, 0, SEEK_END);
    size_t lines = 0;

    if (bytes <= 0) {
        fputs("usage: replay TRACE [calls]\n", stderr);
        return 2;
    }
    char *text = replay_map((size_t)bytes + 1);
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0); // a huge page would count in full when touched
    contents = argc < 3;
    objects = replay_map(OBJECTS_MAX * sizeof *objects);
    memset(objects, 0, OBJECTS_MAX * sizeof *objects); // part of the base
    if (pread(fd, text, (size_t)bytes, 0) != bytes) {
        replay_die("the trace cannot be read", 0);
    }
    for (const char *at = text; (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    setvbuf(stdout, NULL, _IONBF, 0);
    replay_all(text, lines);
    return 0;
}
