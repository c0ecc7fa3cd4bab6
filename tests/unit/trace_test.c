// SPDX-License-Identifier: MIT
//
// Unit test of apexctl/trace.c: each free finds the allocation that it ends, realloc moves, stays
// or frees, and records that make no sense are left out and counted.

#include "apexctl/trace.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROOM 100

static struct trace_file file;
static struct trace trace;

static int
setup(void **state)
{
    (void)state;
    if (!trace_file_open(&file, ROOM)) {
        return -1;
    }
    file.header->pid = 1;
    file.header->generation = 1;
    file.header->threads = 2;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    trace_free(&trace);
    trace_file_close(&file);
    return 0;
}

static struct apex_trace_event *
put(uint32_t thread, enum apex_trace_op op, uint64_t address, uint64_t requested)
{
    struct apex_trace_event *event =
        (struct apex_trace_event *)((char *)file.header + APEX_TRACE_EVENTS_AT) +
        file.header->next++;

    *event = (struct apex_trace_event){.what = apex_trace_what(op, 0, 1, thread),
                                       .time_ns = file.header->next * 1000,
                                       .address = address,
                                       .requested = requested,
                                       .usable = requested == 0 ? 0 : (requested + 15) & ~15ul};
    return event;
}

static void
check_call(size_t index, enum trace_op op, uint64_t address, uint32_t of)
{
    assert_true(index < trace.count);
    assert_int_equal(trace.call[index].op, op);
    assert_int_equal(trace.call[index].address, address);
    assert_int_equal(trace.call[index].of, of);
}

#define NOTHING UINT32_MAX

static void
test_frees_find_their_allocation(void **state)
{
    (void)state;
    put(1, APEX_TRACE_ALLOC, 0x1000, 10);
    put(2, APEX_TRACE_ZEROED, 0x2000, 20);
    put(2, APEX_TRACE_FREE, 0x1000, 0);
    put(1, APEX_TRACE_ALLOC, 0x1000, 30);
    put(1, APEX_TRACE_FREE, 0x1000, 0);
    put(1, APEX_TRACE_FREE, 0x2000, 0);
    assert_true(trace_read(&trace, &file));
    assert_int_equal(trace.count, 6);
    check_call(0, TRACE_ALLOC, 0x1000, NOTHING);
    check_call(1, TRACE_ZEROED, 0x2000, NOTHING);
    check_call(2, TRACE_FREE, 0x1000, 0);
    check_call(4, TRACE_FREE, 0x1000, 3);
    check_call(5, TRACE_FREE, 0x2000, 1);
    assert_int_equal(trace.call[1].usable, 32);
    assert_int_equal(trace.call[2].thread, 2);
    assert_int_equal(trace.unknown + trace.torn + trace.lost, 0);
}

static void
test_moves(void **state)
{
    (void)state;
    put(1, APEX_TRACE_ALLOC, 0x1000, 10);
    put(1, APEX_TRACE_LEAVE, 0x1000, 0);
    put(2, APEX_TRACE_ALLOC, 0x1000, 10); // another thread is quicker
    put(1, APEX_TRACE_ENTER, 0x3000, 1000);
    put(1, APEX_TRACE_LEAVE, 0x3000, 0);
    put(1, APEX_TRACE_ENTER, 0, 1ul << 60); // refused
    put(1, APEX_TRACE_LEAVE, 0x3000, 0);
    put(1, APEX_TRACE_ENTER, 0, 0);      // freed
    put(2, APEX_TRACE_LEAVE, 0x1000, 0); // the end came in between
    assert_true(trace_read(&trace, &file));
    assert_int_equal(trace.count, 8);
    check_call(1, TRACE_LEAVE, 0x1000, 0);
    check_call(3, TRACE_ENTER, 0x3000, 1);
    check_call(4, TRACE_LEAVE, 0x3000, 3);
    check_call(5, TRACE_STAY, 0x3000, 4);
    assert_int_equal(trace.call[5].requested, 1000);
    check_call(6, TRACE_FREE, 0x3000, 5);
    check_call(7, TRACE_FREE, 0x1000, 2);
}

static void
test_nonsense(void **state)
{
    (void)state;
    put(1, APEX_TRACE_FREE, 0x9000, 0); // made before recording began
    put(0, APEX_TRACE_ALLOC, 0x1000, 10);
    put(3, APEX_TRACE_ALLOC, 0x1000, 10); // there are two threads
    put(1, APEX_TRACE_OP_COUNT, 0x1000, 10);
    put(1, APEX_TRACE_ENTER, 0x4000, 10); // whose LEAVE is missing
    put(1, APEX_TRACE_ALLOC, 0x4000, 10); // whose free is missing
    put(1, APEX_TRACE_LEAVE, 0x8000, 0);
    put(1, APEX_TRACE_ENTER, 0, 5);
    put(1, APEX_TRACE_ALLOC, 0x5000, 10)->what = 0;        // its thread was killed
    put(1, APEX_TRACE_ALLOC, 0x6000, 10)->what ^= 1 << 16; // of another generation
    assert_true(trace_read(&trace, &file));
    assert_int_equal(trace.count, 1);
    check_call(0, TRACE_ALLOC, 0x4000, NOTHING);
    assert_int_equal(trace.unknown, 6);
    assert_int_equal(trace.torn, 2);
}

static void
test_more_than_fit(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < ROOM; i++) {
        put(1, APEX_TRACE_ALLOC, 0x10000 + i * 16, 10);
    }
    file.header->next = ROOM + 7;
    file.header->limit = UINT64_MAX; // it could have been written over
    file.header->threads = UINT32_MAX;
    assert_true(trace_read(&trace, &file));
    assert_int_equal(trace.count, ROOM);
    assert_int_equal(trace.lost, 7);
}

static void
test_a_copy(void **state)
{
    struct trace copy;

    (void)state;
    put(1, APEX_TRACE_ALLOC, 0x1000, 10);
    put(1, APEX_TRACE_FREE, 0x1000, 0);
    assert_true(trace_read(&trace, &file));
    assert_true(trace_copy(&copy, &trace));
    assert_int_equal(copy.count, 2);
    assert_memory_equal(copy.call, trace.call, 2 * sizeof *copy.call);
    copy.call[0].address = 0x2000;
    assert_int_equal(trace.call[0].address, 0x1000);
    trace_free(&copy);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_frees_find_their_allocation, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nonsense, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_than_fit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_copy, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
