// SPDX-License-Identifier: MIT
//
// Sets of bit vectors. Idea: espresso, the minimizer of logic by R. Brayton and others (Berkeley,
// 1984), which D. Detlefs, A. Dosser and B. Zorn, "Memory Allocation Costs in Large C and C++
// Programs" (1994), measured, and with them most papers since.
//
// A function of logic is a cover: a vector, grown by realloc, of cubes; a cube is a set of two bits
// for each variable, allocated alone. This is the operation that espresso spends most in, the
// complement: split the cover by a variable, take the complement of both halves, join them. Many
// short vectors, many cubes of a few words, and recursion that frees in the opposite order.
//
// Stresses the fast path with sizes from 16 to some thousand bytes, and realloc of vectors.
// Differs from the original: only this operation, on random covers. Checks itself: at random points
// exactly one of cover and complement must hold.
//
//   setops [covers variables cubes literals]
//
// `cubes` in each cover, each with up to `literals` of the variables.

#include "common/object.h"

#include <string.h>

enum { VARIABLES_IN_WORD = 32, POINTS = 200, FIRST_CAPACITY = 4, JOINED_CUBES = 64 };

// The low bit of each pair: the variable may be 0; the high bit: it may be 1. Pairs that stand for
// no variable are full.
struct cube {
    uint64_t mark; // object.h's
    uint64_t words[];
};

struct cover {
    struct cube **cubes;
    uint32_t count;
    uint32_t capacity;
};

struct space {
    uint32_t variable_count;
    uint32_t word_count;
};

#define LOW_BITS UINT64_C(0x5555555555555555)

static struct cube *
cube_new(const struct space *space)
{
    struct cube *cube = object_new(sizeof *cube + space->word_count * sizeof *cube->words);

    memset(cube->words, 0xff, space->word_count * sizeof *cube->words);
    return cube;
}

static struct cube *
cube_copy(const struct space *space, const struct cube *from)
{
    struct cube *cube = cube_new(space);

    memcpy(cube->words, from->words, space->word_count * sizeof *cube->words);
    return cube;
}

static unsigned
cube_pair(const struct cube *cube, uint32_t variable)
{
    uint64_t word = cube->words[variable / VARIABLES_IN_WORD];
    return word >> 2 * (variable % VARIABLES_IN_WORD) & 3;
}

static void
cube_set_pair(struct cube *cube, uint32_t variable, unsigned pair)
{
    uint64_t *word = &cube->words[variable / VARIABLES_IN_WORD];
    unsigned shift = 2 * (variable % VARIABLES_IN_WORD);

    *word = (*word & ~(UINT64_C(3) << shift)) | (uint64_t)pair << shift;
}

// Whether some variable can take no value: the intersection is empty.
static bool
cubes_disjoint(const struct space *space, const struct cube *a, const struct cube *b)
{
    for (uint32_t i = 0; i < space->word_count; i++) {
        uint64_t both = a->words[i] & b->words[i];
        if (((both | both >> 1) & LOW_BITS) != LOW_BITS) {
            return true;
        }
    }
    return false;
}

static bool
cube_within(const struct space *space, const struct cube *inner, const struct cube *outer)
{
    for (uint32_t i = 0; i < space->word_count; i++) {
        if ((inner->words[i] & ~outer->words[i]) != 0) {
            return false;
        }
    }
    return true;
}

static bool
cube_full(const struct space *space, const struct cube *cube)
{
    for (uint32_t i = 0; i < space->word_count; i++) {
        if (cube->words[i] != UINT64_MAX) {
            return false;
        }
    }
    return true;
}

static void
cover_add(struct cover *cover, struct cube *cube)
{
    if (cover->count == cover->capacity) {
        cover->capacity = cover->capacity == 0 ? FIRST_CAPACITY : cover->capacity * 3 / 2;
        cover->cubes = realloc(cover->cubes, cover->capacity * sizeof *cover->cubes);
        if (cover->cubes == NULL) {
            bench_die("realloc");
        }
    }
    cover->cubes[cover->count++] = cube;
}

static void
cover_free(struct cover *cover)
{
    for (uint32_t i = 0; i < cover->count; i++) {
        object_free(cover->cubes[i]);
    }
    free(cover->cubes);
}

// What is left of the cover when the variable has one value, as a pair: 1 for 0, 2 for 1.
static struct cover
cover_half(const struct space *space, const struct cover *cover, uint32_t variable, unsigned pair)
{
    struct cover half = {0};

    for (uint32_t i = 0; i < cover->count; i++) {
        if ((cube_pair(cover->cubes[i], variable) & pair) != 0) {
            struct cube *cube = cube_copy(space, cover->cubes[i]);
            cube_set_pair(cube, variable, 3);
            cover_add(&half, cube);
        }
    }
    return half;
}

// The variable that most cubes depend on.
static uint32_t
cover_busiest(const struct space *space, const struct cover *cover)
{
    uint32_t best = 0;
    uint32_t most = 0;

    for (uint32_t variable = 0; variable < space->variable_count; variable++) {
        uint32_t used = 0;
        for (uint32_t i = 0; i < cover->count; i++) {
            used += cube_pair(cover->cubes[i], variable) != 3;
        }
        if (used > most) {
            most = used;
            best = variable;
        }
    }
    return best;
}

// Moves the cubes of `half` to `to`, each restricted to one value of the variable. One that is also
// in the `other` half goes without the restriction, and from there it is dropped; but only the
// first JOINED_CUBES of that are looked at, lest comparing take all the time.
static void
cover_join(const struct space *space, struct cover *to, struct cover *half, struct cover *other,
           uint32_t variable, unsigned pair)
{
    for (uint32_t i = 0; i < half->count; i++) {
        struct cube *cube = half->cubes[i];
        bool in_both = false;
        for (uint32_t k = 0; k < other->count && k < JOINED_CUBES && !in_both; k++) {
            if (cube_within(space, cube, other->cubes[k])) {
                in_both = true;
                if (cube_within(space, other->cubes[k], cube)) {
                    object_free(other->cubes[k]);
                    other->cubes[k] = other->cubes[--other->count];
                }
            }
        }
        if (!in_both) {
            cube_set_pair(cube, variable, pair);
        }
        cover_add(to, cube);
    }
    free(half->cubes);
}

// De Morgan: one cube for each variable that this one depends on.
static struct cover
cube_complement(const struct space *space, const struct cube *cube)
{
    struct cover result = {0};

    for (uint32_t variable = 0; variable < space->variable_count; variable++) {
        unsigned pair = cube_pair(cube, variable);
        if (pair != 3) {
            struct cube *part = cube_new(space);
            cube_set_pair(part, variable, ~pair & 3);
            cover_add(&result, part);
        }
    }
    return result;
}

static struct cover
complement(const struct space *space, const struct cover *cover)
{
    struct cover result = {0};

    if (cover->count == 0) {
        cover_add(&result, cube_new(space));
        return result;
    }
    for (uint32_t i = 0; i < cover->count; i++) {
        if (cube_full(space, cover->cubes[i])) {
            return result;
        }
    }
    if (cover->count == 1) {
        return cube_complement(space, cover->cubes[0]);
    }
    uint32_t variable = cover_busiest(space, cover);
    struct cover low = cover_half(space, cover, variable, 1);
    struct cover not_low = complement(space, &low);
    struct cover high = cover_half(space, cover, variable, 2);
    struct cover not_high = complement(space, &high);
    cover_join(space, &result, &not_low, &not_high, variable, 1);
    struct cover nothing = {0};
    cover_join(space, &result, &not_high, &nothing, variable, 2);
    cover_free(&high);
    cover_free(&low);
    return result;
}

static struct cover
random_cover(const struct space *space, uint32_t cubes, uint32_t literals,
             struct bench_random *random)
{
    struct cover cover = {0};

    for (uint32_t i = 0; i < cubes; i++) {
        struct cube *cube = cube_new(space);
        for (uint32_t k = 0; k < literals; k++) {
            uint64_t bits = bench_random_next(random);
            uint32_t variable = bench_scale((uint32_t)bits, space->variable_count);
            cube_set_pair(cube, variable, 1 + (bits >> 63));
        }
        cover_add(&cover, cube);
    }
    return cover;
}

static bool
cover_holds(const struct space *space, const struct cover *cover, const struct cube *point)
{
    for (uint32_t i = 0; i < cover->count; i++) {
        if (!cubes_disjoint(space, cover->cubes[i], point)) {
            return true;
        }
    }
    return false;
}

static void
check(const struct space *space, const struct cover *cover, const struct cover *inverse,
      struct bench_random *random)
{
    struct cube *point = cube_new(space);

    for (unsigned i = 0; i < POINTS; i++) {
        for (uint32_t variable = 0; variable < space->variable_count; variable++) {
            cube_set_pair(point, variable, 1 + (unsigned)bench_random_below(random, 2));
        }
        if (cover_holds(space, cover, point) == cover_holds(space, inverse, point)) {
            bench_die("the complement is wrong");
        }
    }
    object_free(point);
}

int
main(int argc, char **argv)
{
    uint64_t covers = bench_argument(argc, argv, 1, 20, 1);
    struct space space = {.variable_count = (uint32_t)bench_argument(argc, argv, 2, 48, 1)};
    uint32_t cubes = (uint32_t)bench_argument(argc, argv, 3, 24, 1);
    uint32_t literals = (uint32_t)bench_argument(argc, argv, 4, 5, 1);
    struct bench_random random;

    space.word_count = (space.variable_count + VARIABLES_IN_WORD - 1) / VARIABLES_IN_WORD;
    bench_random_start(&random, 1);
    for (uint64_t i = 0; i < covers; i++) {
        struct cover cover = random_cover(&space, cubes, literals, &random);
        struct cover inverse = complement(&space, &cover);
        check(&space, &cover, &inverse, &random);
        cover_free(&inverse);
        cover_free(&cover);
    }
    return 0;
}
