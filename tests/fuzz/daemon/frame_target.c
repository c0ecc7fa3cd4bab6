// SPDX-License-Identifier: MIT
//
// apexd/proto/frame.c: a stream that arrives in pieces of any size gives the lines that it has,
// each once and whole, and a line that is too long ends it. The first byte of an input says how
// large the buffer is; the sizes of the pieces are taken from the end of it.

#include "target.h"

#include "apexd/proto/frame.h"

#include <string.h>

#define CAPACITY_MAX 256

void
target_start(void)
{
}

// Takes the lines that are there; each must be what the stream has at `*at`. False at the end of
// all.
static int
frame_take(struct frame *f, const uint8_t *stream, size_t arrived, size_t *at)
{
    char *line;
    size_t length;

    for (;;) {
        enum frame_result result = frame_next(f, &line, &length);
        const uint8_t *end = arrived == *at ? NULL : memchr(stream + *at, '\n', arrived - *at);
        if (result == FRAME_NONE) {
            TARGET_CHECK(end == NULL);
            TARGET_CHECK(frame_partial(f) == (arrived != *at));
            return 1;
        }
        if (result == FRAME_TOO_LONG) {
            TARGET_CHECK(end == NULL && arrived - *at == f->capacity);
            return 0;
        }
        TARGET_CHECK(end != NULL && length == (size_t)(end - (stream + *at)));
        TARGET_CHECK(line[length] == '\0' && memcmp(line, stream + *at, length) == 0);
        *at += length + 1;
    }
}

void
target_run(const uint8_t *data, size_t bytes)
{
    struct frame f;
    size_t arrived = 0;
    size_t taken = 0;

    if (bytes < 2) {
        return;
    }
    size_t capacity = 1 + data[0] % CAPACITY_MAX;
    const uint8_t *stream = data + 1;
    size_t rest = bytes - 1;
    // Of exactly this size, so that a sanitizer sees a byte too far.
    char *buffer = malloc(capacity);
    TARGET_CHECK(buffer != NULL);
    frame_init(&f, buffer, capacity);
    for (size_t step = 0; arrived < rest; step++) {
        char *at;
        size_t room = frame_space(&f, &at);
        TARGET_CHECK(room > 0 && at >= buffer && at + room == buffer + capacity);
        size_t piece = 1 + data[bytes - 1 - step % rest] % 64;
        piece = piece < room ? piece : room;
        piece = piece < rest - arrived ? piece : rest - arrived;
        memcpy(at, stream + arrived, piece);
        arrived += piece;
        frame_feed(&f, piece);
        if (!frame_take(&f, stream, arrived, &taken)) {
            break;
        }
    }
    free(buffer);
}

size_t
target_seed(unsigned index, uint8_t *out)
{
    static const char *const seeds[] = {
        "\x40{\"v\":1,\"method\":\"hello\"}\n",
        "\x10one\ntwo\n\nthree\nfour, which is too long for it",
        "\xff\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
        "\003ab\nabc\n",
    };

    if (index >= sizeof seeds / sizeof seeds[0]) {
        return 0;
    }
    size_t bytes = strlen(seeds[index]);
    memcpy(out, seeds[index], bytes);
    return bytes;
}
