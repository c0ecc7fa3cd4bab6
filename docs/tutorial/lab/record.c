// SPDX-License-Identifier: MIT
//
// Records what a program asks of malloc, for replay.c: a library for LD_PRELOAD that passes every
// call on to glibc and writes a line for it to the file that TINY_TRACE names. record.sh makes
// numbers of the addresses. For programs of one thread.

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_calloc(size_t count, size_t size);
void __libc_free(void *p);

static char record_buffer[1 << 16];
static size_t record_bytes;
static int record_fd = -1;

static void
record_flush(void)
{
    if (record_fd >= 0 && write(record_fd, record_buffer, record_bytes) < 0) {
        record_fd = -1;
    }
    record_bytes = 0;
}

__attribute__((constructor)) static void
record_open(void)
{
    const char *name = getenv("TINY_TRACE");

    if (name != NULL) {
        record_fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        unsetenv("TINY_TRACE"); // not for what the program starts
    }
}

__attribute__((destructor)) static void
record_close(void)
{
    record_flush();
}

static void
record_line(char what, void *old, void *p, size_t size)
{
    if (record_bytes > sizeof record_buffer - 64) {
        record_flush();
    }
    record_bytes +=
        (size_t)snprintf(record_buffer + record_bytes, 64, "%c %p %p %zu\n", what, old, p, size);
}

void *
malloc(size_t size)
{
    void *p = __libc_malloc(size);

    record_line('a', NULL, p, size);
    return p;
}

void *
calloc(size_t count, size_t size)
{
    void *p = __libc_calloc(count, size);

    record_line('a', NULL, p, count * size);
    return p;
}

void *
realloc(void *old, size_t size)
{
    void *p = __libc_realloc(old, size);

    record_line('r', old, p, size);
    return p;
}

void
free(void *p)
{
    if (p != NULL) {
        record_line('f', p, NULL, 0);
    }
    __libc_free(p);
}
