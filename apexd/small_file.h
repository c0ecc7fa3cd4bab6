// SPDX-License-Identifier: MIT
//
// Files of the kernel that say something short, as text. Any thread.

#ifndef APEXD_SMALL_FILE_H
#define APEXD_SMALL_FILE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

// The file's beginning, cut off where `text` ends, which is terminated. Waits for nobody. False
// when there is no such file, or nothing in it.
static inline bool
small_file_read(const char *path, char *text, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0) {
        return false;
    }
    ssize_t got = read(fd, text, capacity - 1);
    close(fd);
    text[got > 0 ? got : 0] = '\0';
    return got > 0;
}

#endif
