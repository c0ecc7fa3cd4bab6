// SPDX-License-Identifier: MIT
//
// Unit test of core/size_class.c: every request, every class, every position in a run.
// Reason: these tables are trusted by malloc and free without a check.

#include "core/size_class.h"

#include "core/block.h"

#include "../support/unit.h"

static void
test_every_request_fits(void **state)
{
    (void)state;
    for (size_t size = 0; size <= CHUNK_BYTES_MAX; size++) {
        unsigned c = size_class_of(size);
        assert_true(c < CLASS_COUNT);
        assert_true(size_classes[c].chunk_bytes >= size);
        if (c > 0) {
            assert_true(size_classes[c - 1].chunk_bytes < size); // no smaller class would do
        }
    }
}

static void
test_waste_is_bounded(void **state)
{
    (void)state;
    for (size_t size = 1; size <= CHUNK_BYTES_MAX; size++) {
        size_t waste = size_classes[size_class_of(size)].chunk_bytes - size;
        if (size > BLOCK_BYTES) {
            assert_true(waste < BLOCK_BYTES); // of address space
        } else {
            assert_true(size <= 128 ? waste < 16 : waste * 8 <= size);
        }
    }
}

static void
test_both_ways_agree(void **state)
{
    (void)state;
    for (size_t size = 257; size <= CLASS_TABLE_BYTES_MAX; size++) {
        assert_int_equal(size_class_small(size), size_class_computed(size));
    }
}

static void
test_classes(void **state)
{
    (void)state;
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        const struct size_class *class = &size_classes[c];
        size_t run = class->run_blocks * BLOCK_BYTES;
        size_t used = (size_t) class->capacity * class->chunk_bytes;
        assert_int_equal(class->chunk_bytes % ALIGN_BYTES, 0);
        assert_true(c == 0 || class->chunk_bytes > size_classes[c - 1].chunk_bytes);
        assert_true(used <= run);
        assert_true(run - used < class->chunk_bytes || class->capacity > 0);
        assert_true((run - used) * 8 <= run);
        assert_true(class->carve_count >= 1);
        assert_true(class->carve_count == 1 || class->carve_count * class->chunk_bytes <= 1024);
        assert_true(class->capacity <= 4096); // the remote word counts to 2^16
        assert_true(class->long_blocks >= class->run_blocks && class->long_blocks <= 16);
        assert_true(class->long_capacity >= class->capacity);
    }
    assert_int_equal(size_classes[CLASS_COUNT - 1].chunk_bytes, CHUNK_BYTES_MAX);
}

// What free() relies on to tell a chunk's start from its inside: exact for every granule of a run,
// and every byte of its first chunks.
static void
check_starts(unsigned c, unsigned blocks)
{
    static char space[16 * 65536 + 64];
    size_t chunk_bytes = size_classes[c].chunk_bytes;
    struct block b;

    memset(&b, 0, sizeof b);
    block_init(&b, space, c, blocks, NULL, freelist_key(1));
    size_t used = b.capacity * chunk_bytes;
    assert_true(blocks * BLOCK_BYTES - used < chunk_bytes);
    for (size_t at = 0; at < sizeof space; at += 16) {
        assert_false(block_starts_chunk(&b, space + at)); // nothing has been cut yet
    }
    while (b.free = NULL, block_carve(&b, NULL)) {
    }
    for (size_t at = 0; at < sizeof space; at += 16) {
        assert_int_equal(block_starts_chunk(&b, space + at), at < used && at % chunk_bytes == 0);
    }
    for (size_t at = 0; at < 2 * chunk_bytes && at < 4096; at++) {
        assert_int_equal(block_starts_chunk(&b, space + at), at < used && at % chunk_bytes == 0);
    }
    // By way of a number: the compiler knows how long `space` is.
    assert_false(block_starts_chunk(&b, (char *)((uintptr_t)space - 16)));
    assert_false(block_starts_chunk(&b, NULL));
    assert_false(block_starts_chunk(&b, (char *)((uintptr_t)space | UINT64_C(0xffff) << 48)));
}

static void
test_starts_are_exact(void **state)
{
    (void)state;
    for (unsigned c = 0; c < CLASS_COUNT; c++) {
        check_starts(c, size_classes[c].run_blocks);
        check_starts(c, size_classes[c].long_blocks);
    }
}

static void
test_aligned(void **state)
{
    (void)state;
    for (size_t align = 1; align <= BLOCK_BYTES; align *= 2) {
        for (size_t size = 0; size <= CHUNK_BYTES_MAX; size += size < 300 ? 1 : 97) {
            unsigned c = size_class_aligned(size, align);
            if (c == CLASS_NONE) {
                assert_true(align > ALIGN_BYTES); // only alignment can make a class impossible
                continue;
            }
            assert_true(size_classes[c].chunk_bytes >= size);
            assert_int_equal(size_classes[c].chunk_bytes % align, 0);
        }
    }
    assert_int_equal(size_class_aligned(CHUNK_BYTES_MAX + 1, 16), CLASS_NONE);
    assert_int_equal(size_class_aligned(16, 2 * BLOCK_BYTES), CLASS_NONE);
    assert_int_equal(size_classes[size_class_aligned(1, 4096)].chunk_bytes, 4096);
    assert_int_equal(size_classes[size_class_aligned(0, BLOCK_BYTES)].chunk_bytes, BLOCK_BYTES);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_request_fits), cmocka_unit_test(test_waste_is_bounded),
        cmocka_unit_test(test_both_ways_agree),    cmocka_unit_test(test_classes),
        cmocka_unit_test(test_starts_are_exact),   cmocka_unit_test(test_aligned),
    };

    return cmocka_run_group_tests_name("size_class", tests, NULL, NULL);
}
