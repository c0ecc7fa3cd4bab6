// SPDX-License-Identifier: MIT
//
// Unit test of core/freelist.h: links and tags, with the right key and with a wrong one.
// Reason: the coding is what stands between an overflow and a forged list.

#include "core/freelist.h"

#include "../support/unit.h"

static void
test_round_trip(void **state)
{
    struct chunk chunks[3];
    uint64_t key = freelist_key(UINT64_C(0x123456789abcdef0));

    (void)state;
    freelist_set_next(&chunks[0], &chunks[1], key);
    freelist_set_next(&chunks[1], NULL, key);
    assert_ptr_equal(freelist_next(&chunks[0], key), &chunks[1]);
    assert_null(freelist_next(&chunks[1], key));
    assert_true(chunks[0].link != (uintptr_t)&chunks[1]); // not in the clear
    assert_true(chunks[1].link != 0);
    chunks[2] = chunks[0]; // a link that was copied elsewhere leads nowhere sensible
    assert_ptr_not_equal(freelist_next(&chunks[2], key), &chunks[1]);
    assert_ptr_not_equal(freelist_next(&chunks[0], key ^ 1), &chunks[1]);
}

static void
test_tag(void **state)
{
    struct chunk chunk = {0, 0};
    uint64_t key = freelist_key(7);

    (void)state;
    freelist_mark_free(&chunk, key);
    assert_true(freelist_may_be_free(&chunk, 0, &key));
    assert_true(freelist_is_free(&chunk, key));
    assert_false(freelist_is_free(&chunk, key ^ 16));
    freelist_mark_used(&chunk);
    assert_false(freelist_may_be_free(&chunk, 0, &key));
    assert_false(freelist_is_free(&chunk, key));
}

// What a program writes into the second word of its object should seldom look like a tag: not zero,
// not small numbers of either sign, not addresses, not text.
static void
test_top_byte_is_unusual(void **state)
{
    static const unsigned char usual[] = {0x00, 0xff, 0x7f, 0x3f, 0x40, 0xbf,
                                          0xc0, 'a',  'z',  '0',  ' '};

    (void)state;
    for (uint64_t i = 0; i < 4096; i++) {
        uint64_t key = freelist_key(i << 52 | i);
        for (size_t k = 0; k < sizeof usual; k++) {
            assert_int_not_equal(key >> 56, usual[k]);
        }
        assert_true(key >> 56 >= 0x80);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_tag),
        cmocka_unit_test(test_top_byte_is_unusual),
    };

    return cmocka_run_group_tests_name("freelist", tests, NULL, NULL);
}
