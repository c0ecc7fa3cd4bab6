// SPDX-License-Identifier: MIT
//
// The row of a block in the heap's picture.

#ifndef TINY_PICTURE_BLOCK_H
#define TINY_PICTURE_BLOCK_H

#include "block.h"

// The chunks of other threads change while we look: of their blocks only the class is shown. With
// the lock.
void picture_row(int fd, const struct block *block, size_t number);

#endif
