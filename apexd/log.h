// SPDX-License-Identifier: MIT
//
// One line for each event, to stderr. Under systemd each line carries its priority (`<4>`), and the
// journal adds the rest; elsewhere it starts with `apexd: `. One thread.

#ifndef APEXD_LOG_H
#define APEXD_LOG_H

#include <stdbool.h>

enum log_level {
    LOG_LEVEL_ERROR = 3,
    LOG_LEVEL_WARNING = 4,
    LOG_LEVEL_INFO = 6,
    LOG_LEVEL_DEBUG = 7
};

// Lines above `level` are left out; so are the first lines, at the default: warning.
void log_set_level(enum log_level level);

// `error`, `warning`, `info` or `debug`; false for another word.
bool log_level_of(const char *word, enum log_level *out);

void log_event(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
