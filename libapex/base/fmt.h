// SPDX-License-Identifier: MIT
//
// Text without stdio: printf may allocate, and most of what libapex prints is printed when the heap
// can no longer be trusted. A buffer on the caller's stack, cut off silently when full.

#ifndef APEX_BASE_FMT_H
#define APEX_BASE_FMT_H

#include <stddef.h>
#include <stdint.h>

struct fmt {
    char *text;
    size_t length;   // bytes written, without the terminating NUL
    size_t capacity; // bytes in `text`, at least 1
};

// `text` is NUL-terminated after this call and after each of those below.
void fmt_init(struct fmt *f, char *text, size_t capacity);
void fmt_str(struct fmt *f, const char *s);
void fmt_dec(struct fmt *f, uint64_t value);
void fmt_hex(struct fmt *f, uint64_t value); // with 0x in front

#endif
