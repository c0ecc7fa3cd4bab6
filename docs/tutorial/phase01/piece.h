// SPDX-License-Identifier: MIT
//
// What stands in front of each object, for heap.c, which writes it, and picture.c, which reads it.
//
//   region                       one piece
//   +-------+-------+----        +--------+----------------+
//   | piece | piece | …          | header | object         |
//   +-------+-------+----        +--------+----------------+
//                                 16 bytes  a multiple of 16

#ifndef TINY_PIECE_H
#define TINY_PIECE_H

#include "heap.h"

enum piece_kind {
    PIECE_NONE = 0, // nothing has been written here yet
    PIECE_LIVE,
    PIECE_FREED,
    PIECE_GAP, // skipped, so that the object behind it is aligned
};

struct piece {
    size_t bytes; // with this header
    enum piece_kind kind;
};

_Static_assert(sizeof(struct piece) == ALIGN_BYTES, "an object starts aligned");

#endif
