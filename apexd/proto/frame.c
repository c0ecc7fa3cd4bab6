// SPDX-License-Identifier: MIT
//
// Lines out of a stream; see frame.h.

#include "apexd/proto/frame.h"

#include <string.h>

void
frame_init(struct frame *f, char *data, size_t capacity)
{
    f->data = data;
    f->capacity = capacity;
    f->start = 0;
    f->used = 0;
}

size_t
frame_space(struct frame *f, char **at)
{
    if (f->start > 0) {
        memmove(f->data, f->data + f->start, f->used - f->start);
        f->used -= f->start;
        f->start = 0;
    }
    *at = f->data + f->used;
    return f->capacity - f->used;
}

void
frame_feed(struct frame *f, size_t bytes)
{
    f->used += bytes;
}

enum frame_result
frame_next(struct frame *f, char **line, size_t *length)
{
    char *first = f->data + f->start;
    size_t rest = f->used - f->start;
    char *end = rest == 0 ? NULL : memchr(first, '\n', rest);

    if (end == NULL) {
        return rest == f->capacity ? FRAME_TOO_LONG : FRAME_NONE;
    }
    *end = '\0';
    *line = first;
    *length = (size_t)(end - first);
    f->start += *length + 1;
    return FRAME_LINE;
}

int
frame_partial(const struct frame *f)
{
    return f->used != f->start;
}
