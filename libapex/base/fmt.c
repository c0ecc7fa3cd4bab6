// SPDX-License-Identifier: MIT
//
// Allocation-free text. Any thread; a buffer belongs to one caller. Async-signal-safe.

#include "base/fmt.h"

static void
fmt_char(struct fmt *f, char c)
{
    if (f->length + 1 < f->capacity) {
        f->text[f->length++] = c;
        f->text[f->length] = '\0';
    }
}

void
fmt_init(struct fmt *f, char *text, size_t capacity)
{
    f->text = text;
    f->length = 0;
    f->capacity = capacity;
    text[0] = '\0';
}

void
fmt_str(struct fmt *f, const char *s)
{
    while (*s != '\0') {
        fmt_char(f, *s++);
    }
}

static void
fmt_base(struct fmt *f, uint64_t value, unsigned base)
{
    char digits[20]; // 2^64 has 20 decimal digits
    unsigned n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (n > 0) {
        fmt_char(f, digits[--n]);
    }
}

void
fmt_dec(struct fmt *f, uint64_t value)
{
    fmt_base(f, value, 10);
}

void
fmt_hex(struct fmt *f, uint64_t value)
{
    fmt_str(f, "0x");
    fmt_base(f, value, 16);
}
