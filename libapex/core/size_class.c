// SPDX-License-Identifier: MIT
//
// The class tables, built by the preprocessor so that they are constants: the first malloc of a
// program may come before any constructor has run.

#include "core/size_class.h"

// Blocks in a run: so many that it has eight chunks; above 8 KiB twice that in a long one. With
// fewer every free would be an event and every malloc a search. Chunks that were never used cost
// address space only; but in time each place of a run gets used, so a thread begins with short
// ones.
#define RUN_BLOCKS(bytes) \
    ((bytes) <= 8192 ? 1 : (bytes) <= 16384 ? 2 : (bytes) <= 32768 ? 4 : 8)
#define LONG_BLOCKS(bytes) ((bytes) <= 8192 ? 1 : (bytes) <= 32768 ? 8 : 16)

// Chunks to carve at a time: about 1 KiB; where their order is random, eight at least.
#define CARVE_BYTES 1024
#define CARVE_COUNT_MIN (PROFILE_SHUFFLE ? 8 : 1)
#define CARVE_COUNT(bytes) \
    ((bytes) * CARVE_COUNT_MIN >= CARVE_BYTES ? CARVE_COUNT_MIN : CARVE_BYTES / (bytes))

// Objects, which begin HEADER_BYTES behind their chunks, are to be aligned like the size of the
// chunks: so the first chunk begins that much before the first aligned place.
#define ALIGN_OF(bytes) \
    (((bytes) & -(bytes)) > OBJECT_ALIGN_MAX ? OBJECT_ALIGN_MAX : ((bytes) & -(bytes)))
#define LEAD(bytes) (PROFILE_HEADER ? ALIGN_OF(bytes) - HEADER_BYTES : 0)

// The inverse of an odd number modulo 2^64, by Newton's iteration: 3 * o ^ 2 is right in its five
// lowest bits, and each step doubles them.
#define ODD(bytes) ((uint64_t)(bytes) >> __builtin_ctz(bytes))
#define NEWTON(o, x) ((x) * (2 - (o) * (x)))
#define INVERSE_5(o) (3 * (o) ^ 2)
#define INVERSE_10(o) NEWTON(o, INVERSE_5(o))
#define INVERSE_20(o) NEWTON(o, INVERSE_10(o))
#define INVERSE_40(o) NEWTON(o, INVERSE_20(o))
#define INVERSE(o) NEWTON(o, INVERSE_40(o))

#define CLASS(bytes, blocks, more, first)                                         \
    {                                                                             \
        .chunk_bytes = (bytes), .run_blocks = (blocks), .long_blocks = (more),    \
        .capacity = ((blocks) * 65536u - (first) - GUARD_BYTES) / (bytes),        \
        .long_capacity = ((more) * 65536u - (first) - GUARD_BYTES) / (bytes),     \
        .carve_count = CARVE_COUNT(bytes), .turn = __builtin_ctz(bytes),          \
        .lead = (uint16_t)(first), .inverse = INVERSE(ODD(bytes)),                          \
    }
#define ROW(bytes) CLASS(bytes, RUN_BLOCKS(bytes), LONG_BLOCKS(bytes), LEAD(bytes))
#define RUN(blocks) CLASS((blocks) * 65536u - RUN_LOSS_BYTES, blocks, blocks, LEAD_BYTES_MAX)
#define EIGHT(base, step)                                                            \
    ROW((base) + (step)), ROW((base) + 2 * (step)), ROW((base) + 3 * (step)),        \
        ROW((base) + 4 * (step)), ROW((base) + 5 * (step)), ROW((base) + 6 * (step)), \
        ROW((base) + 7 * (step)), ROW((base) + 8 * (step))

const struct size_class size_classes[CLASS_COUNT] = {
    EIGHT(0, 16),      EIGHT(128, 16),   EIGHT(256, 32),   EIGHT(512, 64),
    EIGHT(1024, 128),  EIGHT(2048, 256), EIGHT(4096, 512), EIGHT(8192, 1024),
    EIGHT(16384, 2048), EIGHT(32768, 4096), RUN(2), RUN(3), RUN(4), RUN(5), RUN(6), RUN(7),
    RUN(8), RUN(9), RUN(10), RUN(11), RUN(12), RUN(13), RUN(14), RUN(15), RUN(16),
};

// One entry for each multiple of 16. Spelled by repetition: class 16 covers two multiples, class 24
// four, and so on.
#define X1(c) c
#define X2(c) c, c
#define X4(c) X2(c), X2(c)
#define X8(c) X4(c), X4(c)
#define X16(c) X8(c), X8(c)
#define X32(c) X16(c), X16(c)
#define GROUP(x, c) x(c), x(c + 1), x(c + 2), x(c + 3), x(c + 4), x(c + 5), x(c + 6), x(c + 7)

const uint8_t size_class_table[CLASS_TABLE_BYTES_MAX / ALIGN_BYTES + 1] = {
    0, // malloc(0)
    GROUP(X1, 0),   GROUP(X1, 8),   GROUP(X2, 16),  GROUP(X4, 24),
    GROUP(X8, 32),  GROUP(X16, 40), GROUP(X32, 48),
};

unsigned
size_class_aligned(size_t size, size_t align)
{
    if (size > CHUNK_BYTES_MAX || align > OBJECT_ALIGN_MAX) {
        return CLASS_NONE;
    }
    size_t rounded = size_class_round(size, align);
    return rounded > CHUNK_BYTES_MAX ? CLASS_NONE : size_class_of(rounded);
}
