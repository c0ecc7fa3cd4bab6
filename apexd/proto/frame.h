// SPDX-License-Identifier: MIT
//
// Cuts a stream of bytes into lines. No I/O, no allocation: the caller brings the buffer, whose
// size is the limit. One thread for each frame.
//
//   space -> read into it -> feed -> next, next, … until FRAME_NONE -> space …

#ifndef APEXD_PROTO_FRAME_H
#define APEXD_PROTO_FRAME_H

#include <stddef.h>

#define FRAME_REQUEST_BYTES_MAX 8192             // of a request, with its newline
#define FRAME_REPLY_BYTES_MAX ((size_t)16 << 20) // of a reply, with its newline

struct frame {
    char *data;
    size_t capacity;
    size_t start; // of the line that is being collected
    size_t used;  // bytes of data that are filled
};

enum frame_result {
    FRAME_NONE,     // no whole line yet
    FRAME_LINE,     // one line, NUL in place of its newline
    FRAME_TOO_LONG, // the limit is reached without a newline; the stream cannot be trusted further
};

void frame_init(struct frame *f, char *data, size_t capacity);

// Where the next bytes go; the number of bytes that fit is returned, 0 when next() must be
// asked first. Lines handed out before are no longer valid afterwards.
size_t frame_space(struct frame *f, char **at);

// `bytes` were put where frame_space said.
void frame_feed(struct frame *f, size_t bytes);

enum frame_result frame_next(struct frame *f, char **line, size_t *length);

// Whether part of a line is waiting for the rest.
int frame_partial(const struct frame *f);

#endif
