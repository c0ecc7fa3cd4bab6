// SPDX-License-Identifier: MIT
//
// Unit test of apexctl/top_model.c: rates over the daemon's clock, order, filter, and answers that
// are not as they should be. Reason: a rate that is wrong for a moment looks like an incident.

#include "apexctl/top_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

static bool
update(struct top_model *model, const char *text)
{
    cJSON *result = cJSON_Parse(text);

    assert_non_null(result);
    bool good = top_model_update(model, result);
    cJSON_Delete(result);
    return good;
}

// Three processes, of which the first has counted `slow` slow allocations at `ns`.
static void
feed(struct top_model *model, uint64_t ns, unsigned slow)
{
    char text[2048];

    snprintf(text, sizeof text,
             "{\"monotonic_ns\":%llu,\"hidden\":2,\"processes\":["
             "{\"key\":\"10:1\",\"pid\":10,\"comm\":\"Redis\",\"rss_bytes\":500,\"threads\":4,"
             "\"heap\":{\"allocated_bytes\":100,\"dirty_bytes\":7},"
             "\"thread_counters\":{\"slow_allocs_total\":%u,\"remote_sent_total\":0},"
             "\"counters\":{\"purge_calls_total\":3}},"
             "{\"key\":\"9:1\",\"pid\":9,\"comm\":\"python3\",\"rss_bytes\":900,\"threads\":1,"
             "\"heap\":{\"allocated_bytes\":300}},"
             "{\"key\":\"11:1\",\"pid\":11,\"comm\":\"bash\",\"rss_bytes\":500,\"threads\":1,"
             "\"heap\":{\"allocated_bytes\":200}}]}",
             (unsigned long long)ns, slow);
    assert_true(update(model, text));
}

static void
expect_order(const struct top_model *model, const char *wanted)
{
    char text[64] = "";

    for (size_t i = 0; i < model->shown; i++) {
        snprintf(text + strlen(text), sizeof text - strlen(text), "%.0f ",
                 model->row[i].value[TOP_PID]);
    }
    assert_string_equal(text, wanted);
}

static double
slow_rate(const struct top_model *model)
{
    return model->row[top_model_find(model, "10:1", 0)].value[TOP_SLOW];
}

static void
test_rates(void **state)
{
    struct top_model model;

    (void)state;
    top_model_init(&model);
    feed(&model, 5 * SECOND, 1000);
    assert_true(slow_rate(&model) < 0); // nothing to compare with
    feed(&model, 7 * SECOND, 1500);
    assert_true(slow_rate(&model) == 250);
    feed(&model, 7 * SECOND, 1500); // the same moment: the same answer
    assert_true(slow_rate(&model) == 250);
    feed(&model, 8 * SECOND, 1400); // a counter that went back is no rate below 0
    assert_true(slow_rate(&model) == 0);
    assert_true(model.row[top_model_find(&model, "9:1", 0)].value[TOP_SLOW] < 0);
    top_model_clear(&model);
    feed(&model, 20 * SECOND, 5000); // the daemon was away: nothing is known
    assert_true(slow_rate(&model) < 0);
    top_model_clear(&model);
}

// A process that has another's pid is another.
static void
test_reused_pid(void **state)
{
    struct top_model model;

    (void)state;
    top_model_init(&model);
    assert_true(update(&model,
                       "{\"monotonic_ns\":1000000000,\"processes\":[{\"key\":\"5:1\",\"pid\":5,"
                       "\"thread_counters\":{\"slow_allocs_total\":9}}]}"));
    assert_true(update(&model,
                       "{\"monotonic_ns\":2000000000,\"processes\":[{\"key\":\"5:2\",\"pid\":5,"
                       "\"thread_counters\":{\"slow_allocs_total\":99}}]}"));
    assert_true(model.row[0].value[TOP_SLOW] < 0);
    top_model_clear(&model);
}

static void
test_order(void **state)
{
    struct top_model model;

    (void)state;
    top_model_init(&model);
    feed(&model, SECOND, 0);
    expect_order(&model, "9 11 10 "); // by allocated
    top_model_sort(&model, TOP_ALLOCATED, true);
    expect_order(&model, "10 11 9 ");
    top_model_sort(&model, TOP_RSS, false);
    expect_order(&model, "9 10 11 "); // equal ones by pid, whichever way round
    top_model_sort(&model, TOP_PID, false);
    expect_order(&model, "9 10 11 ");
    top_model_sort(&model, TOP_NAME, false);
    expect_order(&model, "10 11 9 ");
    top_model_sort(&model, TOP_SLOW, false);
    expect_order(&model, "9 10 11 ");
    assert_true(model.sum[TOP_ALLOCATED] == 600);
    assert_true(model.sum[TOP_THREADS] == 6);
    assert_int_equal(model.hidden, 2);
    top_model_clear(&model);
}

static void
test_filter(void **state)
{
    struct top_model model;

    (void)state;
    top_model_init(&model);
    feed(&model, SECOND, 0);
    top_model_filter(&model, "rEDI");
    expect_order(&model, "10 ");
    top_model_filter(&model, "1");
    expect_order(&model, "11 10 ");
    top_model_filter(&model, "none of them");
    expect_order(&model, "");
    assert_int_equal(top_model_find(&model, "10:1", 7), 0);
    feed(&model, 2 * SECOND, 0);
    expect_order(&model, "");
    assert_int_equal(model.count, 3);
    top_model_filter(&model, "");
    expect_order(&model, "9 11 10 ");
    assert_int_equal(top_model_find(&model, "10:1", 0), 2);
    assert_int_equal(top_model_find(&model, "gone", 1), 1);
    assert_int_equal(top_model_find(&model, "gone", 7), 2);
    top_model_clear(&model);
}

static void
test_strange_answers(void **state)
{
    struct top_model model;

    (void)state;
    top_model_init(&model);
    feed(&model, SECOND, 0);
    assert_false(update(&model, "{}"));
    assert_false(update(&model, "{\"processes\":7}"));
    assert_int_equal(model.count, 3);
    assert_true(update(&model,
                       "{\"monotonic_ns\":\"x\",\"processes\":[7,{\"key\":3,\"pid\":-4,"
                       "\"heap\":[],\"thread_counters\":{\"slow_allocs_total\":\"no\"}}]}"));
    assert_int_equal(model.count, 2);
    assert_true(model.row[0].value[TOP_PID] == 0);
    assert_true(update(&model, "{\"processes\":[]}"));
    assert_int_equal(model.shown, 0);
    top_model_clear(&model);
}

static void
test_columns(void **state)
{
    enum top_column column = TOP_PID;

    (void)state;
    assert_true(top_model_column("rss", &column));
    assert_int_equal(column, TOP_RSS);
    assert_false(top_model_column("RSS", &column));
    assert_false(top_model_column("", &column));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),   cmocka_unit_test(test_reused_pid),
        cmocka_unit_test(test_order),   cmocka_unit_test(test_filter),
        cmocka_unit_test(test_columns), cmocka_unit_test(test_strange_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
