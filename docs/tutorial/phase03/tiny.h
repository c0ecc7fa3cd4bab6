// SPDX-License-Identifier: MIT
//
// What libtiny offers besides malloc's family.

#ifndef TINY_TINY_H
#define TINY_TINY_H

// Writes the heap as text to the file descriptor `fd`. Other threads that allocate or
// free wait meanwhile.
__attribute__((visibility("default"))) void tiny_picture(int fd);

#endif
