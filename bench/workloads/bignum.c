// SPDX-License-Identifier: MIT
//
// Arithmetic with numbers on the heap. Idea: cfrac by D. Barrett (1987), which D. Detlefs, A.
// Dosser and B. Zorn, "Memory Allocation Costs in Large C and C++ Programs" (1994), measured, and
// with them most papers since.
//
// cfrac factors numbers by continued fractions. This is the heart of that method (M. Morrison and
// J. Brillhart, 1975): expand the square root of N into a continued fraction, and keep the
// numerators of its convergents, modulo N. Each operation allocates its result and the operands are
// freed soon after: millions of objects of 16 to 200 bytes, few at a time.
//
// Stresses the fast path, with computation in between and next to no working set. Differs from the
// original: no factors are looked for, so there is no table of relations; numbers have lengths from
// 3 to 46 words. Checks itself: the square of the last numerator must be congruent to the last
// denominator, or to its negative, as the theory says.
//
//   bignum [terms]
//
// `terms` of the fraction for each of the numbers.

#include "common/object.h"

#include <string.h>

enum { LIMB_BITS = 32 };

// Never changed once it is made. The highest limb is not 0.
struct big {
    uint32_t count;
    uint32_t limbs[];
};

static struct big *
big_new(uint32_t count)
{
    struct big *big = malloc(sizeof *big + count * sizeof *big->limbs);

    if (big == NULL) {
        bench_die("malloc");
    }
    big->count = count;
    return big;
}

static struct big *
big_trim(struct big *big)
{
    while (big->count != 0 && big->limbs[big->count - 1] == 0) {
        big->count--;
    }
    return big;
}

static struct big *
big_from(uint64_t value)
{
    struct big *big = big_new(2);

    big->limbs[0] = (uint32_t)value;
    big->limbs[1] = (uint32_t)(value >> LIMB_BITS);
    return big_trim(big);
}

static struct big *
big_copy(const struct big *a)
{
    struct big *copy = big_new(a->count);

    memcpy(copy->limbs, a->limbs, a->count * sizeof *a->limbs);
    return copy;
}

static int
big_compare(const struct big *a, const struct big *b)
{
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (uint32_t i = a->count; i > 0; i--) {
        if (a->limbs[i - 1] != b->limbs[i - 1]) {
            return a->limbs[i - 1] < b->limbs[i - 1] ? -1 : 1;
        }
    }
    return 0;
}

static struct big *
big_add(const struct big *a, const struct big *b)
{
    uint32_t most = a->count > b->count ? a->count : b->count;
    struct big *sum = big_new(most + 1);
    uint64_t carry = 0;

    for (uint32_t i = 0; i <= most; i++) {
        carry += i < a->count ? a->limbs[i] : 0;
        carry += i < b->count ? b->limbs[i] : 0;
        sum->limbs[i] = (uint32_t)carry;
        carry >>= LIMB_BITS;
    }
    return big_trim(sum);
}

// a - b; b is not greater.
static struct big *
big_subtract(const struct big *a, const struct big *b)
{
    struct big *difference = big_new(a->count);
    int64_t borrow = 0;

    for (uint32_t i = 0; i < a->count; i++) {
        borrow += (int64_t)a->limbs[i] - (i < b->count ? b->limbs[i] : 0);
        difference->limbs[i] = (uint32_t)borrow;
        borrow >>= LIMB_BITS;
    }
    return big_trim(difference);
}

static struct big *
big_multiply(const struct big *a, const struct big *b)
{
    struct big *product = big_new(a->count + b->count);

    memset(product->limbs, 0, product->count * sizeof *product->limbs);
    for (uint32_t i = 0; i < a->count; i++) {
        uint64_t carry = 0;
        for (uint32_t k = 0; k < b->count; k++) {
            carry += (uint64_t)a->limbs[i] * b->limbs[k] + product->limbs[i + k];
            product->limbs[i + k] = (uint32_t)carry;
            carry >>= LIMB_BITS;
        }
        product->limbs[i + b->count] = (uint32_t)carry;
    }
    return big_trim(product);
}

// The variable takes the new number, and the old one is freed.
static void
big_set(struct big **variable, struct big *value)
{
    free(*variable);
    *variable = value;
}

// a modulo b, by subtracting b, doubled as often as it fits: the quotients here are small as a
// rule. The quotient's low 64 bits go to `quotient`, when it is not NULL.
static struct big *
big_remainder(const struct big *a, const struct big *b, uint64_t *quotient)
{
    struct big *rest = big_copy(a);
    uint64_t result = 0;

    while (big_compare(rest, b) >= 0) {
        struct big *multiple = big_copy(b);
        uint64_t times = 1;
        for (;;) {
            struct big *twice = big_add(multiple, multiple);
            if (big_compare(twice, rest) > 0) {
                free(twice);
                break;
            }
            big_set(&multiple, twice);
            times *= 2;
        }
        big_set(&rest, big_subtract(rest, multiple));
        free(multiple);
        result += times;
    }
    if (quotient != NULL) {
        *quotient = result;
    }
    return rest;
}

// The largest number whose square is not greater than n, bit by bit.
static struct big *
big_root(const struct big *n)
{
    struct big *root = big_from(0);

    for (uint32_t bit = (n->count + 1) / 2 * LIMB_BITS; bit > 0; bit--) {
        struct big *power = big_new((bit - 1) / LIMB_BITS + 1);
        memset(power->limbs, 0, power->count * sizeof *power->limbs);
        power->limbs[power->count - 1] = 1u << (bit - 1) % LIMB_BITS;
        struct big *candidate = big_add(root, power);
        struct big *square = big_multiply(candidate, candidate);
        if (big_compare(square, n) <= 0) {
            big_set(&root, big_copy(candidate));
        }
        free(square);
        free(candidate);
        free(power);
    }
    return root;
}

// (m + root) / d is what is left of the expansion; convergent and previous are numerators mod n.
struct fraction {
    struct big *n;
    struct big *root;
    struct big *m;
    struct big *d;
    struct big *previous_d;
    struct big *convergent;
    struct big *previous;
};

static struct big *
random_odd(uint32_t count, uint64_t seed)
{
    struct big *n = big_new(count);
    struct bench_random random;

    bench_random_start(&random, seed);
    for (uint32_t i = 0; i < count; i++) {
        n->limbs[i] = (uint32_t)(bench_random_next(&random) >> LIMB_BITS);
    }
    n->limbs[0] |= 1;
    n->limbs[count - 1] |= 1u << (LIMB_BITS - 1);
    return n;
}

static void
fraction_start(struct fraction *f, uint32_t count)
{
    f->n = random_odd(count, count);
    f->root = big_root(f->n);
    f->m = big_copy(f->root);
    struct big *square = big_multiply(f->root, f->root);
    f->d = big_subtract(f->n, square);
    free(square);
    f->previous_d = big_from(1);
    f->convergent = big_copy(f->root);
    f->previous = big_from(1);
}

// The identity d' = d" + a (m - m') saves the division of n - m'^2 by d.
static void
fraction_advance(struct fraction *f)
{
    uint64_t term;
    struct big *sum = big_add(f->root, f->m);
    struct big *rest = big_remainder(sum, f->d, &term);
    struct big *a = big_from(term);
    struct big *next_m = big_subtract(f->root, rest);
    bool shrinks = big_compare(f->m, next_m) >= 0;
    struct big *step = shrinks ? big_subtract(f->m, next_m) : big_subtract(next_m, f->m);
    struct big *change = big_multiply(a, step);
    struct big *next_d =
        shrinks ? big_add(f->previous_d, change) : big_subtract(f->previous_d, change);
    struct big *product = big_multiply(a, f->convergent);
    struct big *total = big_add(product, f->previous);

    big_set(&f->previous, big_copy(f->convergent));
    big_set(&f->convergent, big_remainder(total, f->n, NULL));
    big_set(&f->previous_d, f->d);
    f->d = next_d;
    big_set(&f->m, next_m);
    free(total);
    free(product);
    free(change);
    free(step);
    free(a);
    free(rest);
    free(sum);
}

// The square of the convergent modulo n, bit by bit: no quotient is above 3.
static struct big *
convergent_square(const struct fraction *f)
{
    struct big *result = big_from(0);

    for (uint32_t bit = f->convergent->count * LIMB_BITS; bit > 0; bit--) {
        struct big *sum = big_add(result, result);
        if ((f->convergent->limbs[(bit - 1) / LIMB_BITS] >> (bit - 1) % LIMB_BITS & 1) != 0) {
            big_set(&sum, big_add(sum, f->convergent));
        }
        big_set(&result, big_remainder(sum, f->n, NULL));
        free(sum);
    }
    return result;
}

// After an odd number of steps from the start, convergent^2 - d is a multiple of n; after an even
// one, convergent^2 + d.
static void
fraction_check(const struct fraction *f, uint64_t steps)
{
    struct big *square = convergent_square(f);

    if (steps % 2 == 0) {
        big_set(&square, big_add(square, f->d));
    }
    struct big *left = big_remainder(square, f->n, NULL);
    struct big *right = big_remainder(f->d, f->n, NULL);
    if (steps % 2 == 0 ? left->count != 0 : big_compare(left, right) != 0) {
        bench_die("the continued fraction is wrong");
    }
    free(right);
    free(left);
    free(square);
}

static void
fraction_free(struct fraction *f)
{
    free(f->n);
    free(f->root);
    free(f->m);
    free(f->d);
    free(f->previous_d);
    free(f->convergent);
    free(f->previous);
}

int
main(int argc, char **argv)
{
    static const uint32_t counts[] = {3, 6, 12, 24, 46};
    uint64_t terms = bench_argument(argc, argv, 1, 100000, 1);

    for (unsigned i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct fraction f = {0};
        fraction_start(&f, counts[i]);
        for (uint64_t step = 0; step < terms; step++) {
            fraction_advance(&f);
        }
        fraction_check(&f, terms);
        fraction_free(&f);
    }
    return 0;
}
