// SPDX-License-Identifier: MIT
//
// Which sizes chunks have, chosen by how much of a block they leave to nobody, at its end and
// behind each object: at most an eighth up to 8 KiB.
//
// Pure functions, for anybody.

#ifndef TINY_SIZE_CLASS_H
#define TINY_SIZE_CLASS_H

#include <stddef.h>

enum { SIZE_CLASS_COUNT = 52, CHUNK_BYTES_MAX = 32768 };

// The smallest class for `size` bytes, at most CHUNK_BYTES_MAX, and the size of a class's chunks.
unsigned size_class_of(size_t size);
size_t size_class_bytes(unsigned c);

#endif
