// SPDX-License-Identifier: MIT
//
// Unit test of core/meta.c: records are zeroed, aligned, apart, counted; from several threads.
// Reason: heaps and descriptors live here for ever.

#include "core/meta.h"

#include "../support/unit.h"

#define RECORDS 3000
#define THREADS 4

struct record {
    unsigned char *address;
    size_t size;
};

static struct record records[THREADS][RECORDS];

static void *
take_main(void *argument)
{
    struct record *mine = argument;
    unsigned char mark = (unsigned char)(1 + (mine - records[0]) / RECORDS);

    for (unsigned i = 0; i < RECORDS; i++) {
        mine[i].size = 1 + (i * 131) % 3000;
        mine[i].address = meta_alloc(mine[i].size);
        if (mine[i].address == NULL) {
            return "no memory";
        }
        for (size_t k = 0; k < mine[i].size; k++) {
            if (mine[i].address[k] != 0) {
                return "not zeroed, or given to somebody else as well";
            }
        }
        memset(mine[i].address, mark, mine[i].size);
    }
    return NULL;
}

static void
test_records(void **state)
{
    size_t before = meta_bytes();
    size_t sum = 0;
    pthread_t threads[THREADS];

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_main, records[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *complaint = NULL;
        pthread_join(threads[i], &complaint);
        assert_null(complaint);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        for (unsigned k = 0; k < RECORDS; k++) {
            const struct record *r = &records[i][k];
            assert_int_equal((uintptr_t)r->address % 128, 0);
            assert_int_equal(r->address[0], i + 1);
            assert_int_equal(r->address[r->size - 1], i + 1);
            sum += (r->size + 127) / 128 * 128;
        }
    }
    assert_true(meta_bytes() - before >= sum);
    assert_true(meta_bytes() - before <
                sum + (64u << 10)); // and little else, for the threads' heaps
}

static void
test_large_record(void **state)
{
    unsigned char *p = meta_alloc(512u << 10);

    (void)state;
    assert_non_null(p);
    for (size_t i = 0; i < 512u << 10; i++) {
        assert_int_equal(p[i], 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_large_record),
    };

    return cmocka_run_group_tests_name("meta", tests, NULL, NULL);
}
