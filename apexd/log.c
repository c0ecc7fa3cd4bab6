// SPDX-License-Identifier: MIT
//
// Lines to stderr, each by one write so that they do not mix with those of other processes. Control
// characters in them (a stranger's name, say) are replaced: a line is one line.

#include "apexd/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES_MAX 512

static enum log_level threshold = LOG_LEVEL_WARNING;

static const struct {
    const char *word;
    enum log_level level;
} levels[] = {
    {"error", LOG_LEVEL_ERROR},
    {"warning", LOG_LEVEL_WARNING},
    {"info", LOG_LEVEL_INFO},
    {"debug", LOG_LEVEL_DEBUG},
};

void
log_set_level(enum log_level level)
{
    threshold = level;
}

bool
log_level_of(const char *word, enum log_level *out)
{
    for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
        if (strcmp(levels[i].word, word) == 0) {
            *out = levels[i].level;
            return true;
        }
    }
    return false;
}

static size_t
log_prefix(char *line, size_t capacity, enum log_level level)
{
    if (getenv("JOURNAL_STREAM") != NULL) {
        return (size_t)snprintf(line, capacity, "<%d>", (int)level);
    }
    return (size_t)snprintf(line, capacity, "apexd: ");
}

void
log_event(enum log_level level, const char *format, ...)
{
    char line[LINE_BYTES_MAX];
    va_list arguments;

    if (level > threshold) {
        return;
    }
    size_t length = log_prefix(line, sizeof line, level);
    va_start(arguments, format);
    int wanted = vsnprintf(line + length, sizeof line - length - 1, format, arguments);
    va_end(arguments);
    if (wanted < 0) {
        return;
    }
    length = strlen(line);
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) {
            line[i] = '?';
        }
    }
    line[length++] = '\n';
    // Nobody to tell when this fails.
    ssize_t written = write(STDERR_FILENO, line, length);
    (void)written;
}
