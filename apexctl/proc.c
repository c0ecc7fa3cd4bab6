// SPDX-License-Identifier: MIT
//
// Reads and takes apart what stands below /proc and /sys; see proc.h.

#include "apexctl/proc.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ALL_BYTES_MAX ((size_t)64 << 20) // of a file that is read whole

static ssize_t
proc_read_fd(int fd, char *out, size_t bytes)
{
    size_t used = 0;
    ssize_t got = 1;

    while (got > 0 && used + 1 < bytes) {
        got = read(fd, out + used, bytes - 1 - used);
        if (got < 0 && errno == EINTR) {
            got = 1;
        } else if (got > 0) {
            used += (size_t)got;
        }
    }
    out[used] = '\0';
    return got < 0 ? -1 : (ssize_t)used;
}

ssize_t
proc_read(const char *path, char *out, size_t bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    out[0] = '\0';
    if (fd < 0) {
        return -1;
    }
    ssize_t used = proc_read_fd(fd, out, bytes);
    int error = errno;
    close(fd);
    errno = error;
    return used;
}

ssize_t
proc_read_of(pid_t pid, const char *name, char *out, size_t bytes)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    return proc_read(path, out, bytes);
}

char *
proc_read_all(pid_t pid, const char *name, size_t *bytes)
{
    char *text = NULL;

    // Such files have no size; one that fills its buffer is read again into a larger one.
    for (size_t capacity = 1 << 16; capacity <= ALL_BYTES_MAX; capacity *= 4) {
        char *larger = realloc(text, capacity);
        if (larger == NULL) {
            break;
        }
        text = larger;
        ssize_t used = proc_read_of(pid, name, text, capacity);
        if (used < 0) {
            break;
        }
        if ((size_t)used + 1 < capacity) {
            *bytes = (size_t)used;
            return text;
        }
    }
    int error = errno;
    free(text);
    errno = error;
    return NULL;
}

bool
proc_link(pid_t pid, const char *name, char *out, size_t bytes)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
    ssize_t length = readlink(path, out, bytes - 1);
    out[length > 0 ? length : 0] = '\0';
    return length > 0;
}

bool
proc_field(const char *text, const char *name, uint64_t *value)
{
    size_t length = strlen(name);

    while (*text != '\0') {
        if (strncmp(text, name, length) == 0) {
            const char *number = text + length + strspn(text + length, " \t");
            *value = strtoull(number, NULL, 10);
            return *number >= '0' && *number <= '9';
        }
        text += strcspn(text, "\n");
        text += *text == '\n';
    }
    return false;
}

const char *
proc_variable(const char *environment, size_t bytes, const char *name)
{
    size_t length = strlen(name);

    for (size_t at = 0; at < bytes; at += strlen(environment + at) + 1) {
        if (strncmp(environment + at, name, length) == 0 && environment[at + length] == '=') {
            return environment + at + length + 1;
        }
    }
    return NULL;
}

unsigned long
proc_auxiliary(const char *vector, size_t bytes, unsigned long type)
{
    ElfW(auxv_t) entry;

    for (size_t at = 0; at + sizeof entry <= bytes; at += sizeof entry) {
        memcpy(&entry, vector + at, sizeof entry);
        if (entry.a_type == type) {
            return entry.a_un.a_val;
        }
    }
    return 0;
}

bool
proc_mapped_file(const char *maps, const char *prefix, char *path, size_t bytes)
{
    size_t wanted = strlen(prefix);

    while (*maps != '\0') {
        size_t length = strcspn(maps, "\n");
        const char *name = memchr(maps, '/', length);
        const char *last = name;
        for (const char *c = name; c != NULL; c = memchr(c, '/', (size_t)(maps + length - c))) {
            last = ++c;
        }
        if (name != NULL && (size_t)(maps + length - last) >= wanted &&
            strncmp(last, prefix, wanted) == 0) {
            snprintf(path, bytes, "%.*s", (int)(maps + length - name), name);
            return true;
        }
        maps += length + (maps[length] == '\n');
    }
    return false;
}
