// SPDX-License-Identifier: MIT
//
// Size classes, by a table with an entry for each 16 bytes. Classes up to 8 KiB were found from the
// top down: of a class that puts n chunks into a block, the smallest object may be 7/8 of a block
// through n; the next class is the multiple of 16 below that, or the power of two that would be
// passed over. Above, there is one class for each n.

#include "size_class.h"

#include <stdint.h>

// The class of more than `from` bytes and up to `to`.
#define SIZE_CLASSES(ROW)                                                                         \
    ROW(0, 16) ROW(16, 32) ROW(32, 48) ROW(48, 64) ROW(64, 80) ROW(80, 96) ROW(96, 112)           \
    ROW(112, 128) ROW(128, 144) ROW(144, 160) ROW(160, 176) ROW(176, 192) ROW(192, 208)           \
    ROW(208, 224) ROW(224, 256) ROW(256, 288) ROW(288, 320) ROW(320, 352) ROW(352, 400)           \
    ROW(400, 448) ROW(448, 512) ROW(512, 576) ROW(576, 640) ROW(640, 720) ROW(720, 800)           \
    ROW(800, 896) ROW(896, 1024) ROW(1024, 1136) ROW(1136, 1280) ROW(1280, 1440) ROW(1440, 1600)  \
    ROW(1600, 1792) ROW(1792, 2048) ROW(2048, 2304) ROW(2304, 2608) ROW(2608, 2880)               \
    ROW(2880, 3200) ROW(3200, 3584) ROW(3584, 4096) ROW(4096, 4416) ROW(4416, 4784)               \
    ROW(4784, 5216) ROW(5216, 5744) ROW(5744, 6384) ROW(6384, 7168) ROW(7168, 8192)               \
    ROW(8192, 9360) ROW(9360, 10912) ROW(10912, 13104) ROW(13104, 16384) ROW(16384, 21840)        \
    ROW(21840, 32768)

#define NAME(from, to) CLASS_##to,
enum { SIZE_CLASSES(NAME) };

#define BYTES(from, to) to,
static const uint16_t size_class_sizes[] = {SIZE_CLASSES(BYTES)};
_Static_assert(sizeof size_class_sizes == SIZE_CLASS_COUNT * sizeof *size_class_sizes,
               "size_class.h has as many classes as the table");

// By the last byte's number through 16, which is constant for the linker: it is there before the
// first constructor runs.
#define RANGE(from, to) [(from) / 16 ... (to) / 16 - 1] = CLASS_##to,
static const uint8_t size_class_table[CHUNK_BYTES_MAX / 16] = {SIZE_CLASSES(RANGE)};

unsigned
size_class_of(size_t size)
{
    return size == 0 ? 0 : size_class_table[(size - 1) / 16];
}

size_t
size_class_bytes(unsigned c)
{
    return size_class_sizes[c];
}
