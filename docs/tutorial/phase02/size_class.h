// SPDX-License-Identifier: MIT
//
// Which sizes chunks have. Requests of about the same size share one, so that what one object
// leaves fits the next.
//
//   16 32 48 … 128 | 160 192 224 256 | 320 384 448 512 | … | 10240 12288 14336 16384
//     steps of 16      four steps to each doubling: at most a fifth of a chunk is waste
//
// Pure functions, for anybody.

#ifndef TINY_SIZE_CLASS_H
#define TINY_SIZE_CLASS_H

#include <stddef.h>

enum { SIZE_CLASS_COUNT = 36, CHUNK_BYTES_MAX = 16384 };

// The smallest class for `size` bytes, at most CHUNK_BYTES_MAX, and the size of a class's chunks.
unsigned size_class_of(size_t size);
size_t size_class_bytes(unsigned c);

#endif
