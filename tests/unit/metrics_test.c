// SPDX-License-Identifier: MIT
//
// Unit test of apexd/metrics.c: samples held against golden files in both formats, with names
// that need escapes and fields that a stranger made up to take the place of others; and the
// choice of the format. Reason: a line that Prometheus cannot read costs the whole scrape.
//
//   METRICS_UPDATE=1 metrics_test     writes the golden files instead

#include "apexd/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROCESS APEX_SECTION_PROCESS
#define THREAD APEX_SECTION_THREAD

// The first six as in stats.def; the others are news from a page.
static const struct ledger_field fields[] = {
    {PROCESS, true, "mapped", "bytes", "Has its place among the heap's figures"},
    {PROCESS, false, "purged", "bytes", "Bytes given back to the kernel by purging"},
    {PROCESS, false, "fault_double_free", "count", "Double frees found"},
    {PROCESS, false, "fault_overflow", "count", "Writes past the end of an object found"},
    {THREAD, false, "remote_sent", "count", "Chunks of other threads freed by this thread"},
    {PROCESS, true, "superblocks", "count", "Superblocks held"},
    {PROCESS, false, "slow_ns", "ns", NULL},
    {PROCESS, true, "temperature", "kelvin", NULL},
    {THREAD, true, "purged", "bytes", NULL},           // another meaning for a family that is there
    {PROCESS, true, "heap_mapped", "bytes", NULL},     // the same for one of ours
    {PROCESS, true, "purged_bytes", "count", NULL},    // the same by another way
    {PROCESS, true, "processes", "count", NULL},       // the same
    {PROCESS, false, "faults", "count", NULL},         // the same
    {PROCESS, true, "node_mapped", "bytes", NULL},     // the same
    {PROCESS, false, "requests_total", "count", NULL}, // would end in _total_total
    {PROCESS, true, "live_info", "count", NULL},       // means something else in OpenMetrics
    {PROCESS, false, "fault_future", "count", NULL},   // a kind of fault that is news
};

#define FIELDS (sizeof fields / sizeof fields[0])

static struct metrics_row rows[3];
static const uint32_t nodes[] = {0, 8};

static void
fill(struct metrics_samples *s)
{
    memset(rows, 0, sizeof rows);
    rows[0].labels = METRICS_OF_OTHERS;
    snprintf(rows[0].key.comm, sizeof rows[0].key.comm, "other");
    rows[1].labels = METRICS_OF_GROUP;
    rows[1].key.uid = 1000;
    snprintf(rows[1].key.comm, sizeof rows[1].key.comm, "a\"b\\c {d}=,\xc3\xa4");
    snprintf(rows[1].key.unit, sizeof rows[1].key.unit, "app-x\\x2dterm.scope");
    rows[2].labels = METRICS_OF_PROCESS;
    rows[2].pid = 4711;
    snprintf(rows[2].key.comm, sizeof rows[2].key.comm, "redis-server");
    for (unsigned i = 0; i < 3; i++) {
        rows[i].processes = i;
        rows[i].started = 10 + i;
        rows[i].threads = 2 * i;
        rows[i].heap = (struct totals_heap){1000 * i, 2000 * i, 2600 * i, 500 * i, 300, 4000, 100};
        for (unsigned f = 0; f < FIELDS; f++) {
            rows[i].value[f] = 100 * i + f;
        }
    }
    rows[1].node[0][PAGE_NODE_mapped] = 4096;
    rows[1].node[1][PAGE_NODE_refills_remote] = UINT64_MAX;
    rows[2].node[1][PAGE_NODE_at_home] = 7;
    rows[2].value[1] = UINT64_MAX;
    rows[2].value[6] = UINT64_C(12345000000678);
    *s = (struct metrics_samples){
        .version = "9.9",
        .started_ms = UINT64_C(1700000000042),
        .took_ns = 1234567,
        .processes = 3,
        .capacity = 4096,
        .pressed = 2,
        .sweeps = 24,
        .swept_bytes = 25165824,
        .field_count = FIELDS,
        .field = fields,
        .node_count = sizeof nodes / sizeof nodes[0],
        .node = nodes,
        .row_count = 3,
        .row = rows,
    };
    for (unsigned i = 0; i < APEX_HELLO_STATUS_COUNT; i++) {
        s->answered[i] = 20 + i;
    }
    s->advice[POLICY_spilled][POLICY_OUTCOME_APPLIED] = 7;
    s->advice[POLICY_young][POLICY_OUTCOME_ISSUED] = 8;
}

// Compares with a golden file, or writes it.
static void
golden(const char *name, const char *text)
{
    char path[512];
    const char *top = getenv("top_srcdir");

    snprintf(path, sizeof path, "%s/tests/golden/%s", top == NULL ? "." : top, name);
    if (getenv("METRICS_UPDATE") != NULL) {
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(text, file);
        fclose(file);
        return;
    }
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *wanted = calloc(1, 1 << 16);
    assert_non_null(wanted);
    assert_true(fread(wanted, 1, (1 << 16) - 1, file) > 0);
    fclose(file);
    assert_string_equal(text, wanted);
    free(wanted);
}

static void
render(const struct metrics_samples *s, enum metrics_format format, const char *name)
{
    size_t bytes = 0;
    char *text = metrics_render(s, format, &bytes);

    assert_non_null(text);
    assert_int_equal(strlen(text), bytes);
    golden(name, text);
    free(text);
}

static void
test_golden(void **state)
{
    struct metrics_samples s;

    (void)state;
    fill(&s);
    render(&s, METRICS_PROMETHEUS, "metrics.prom");
    render(&s, METRICS_OPENMETRICS, "metrics.openmetrics");
    rows[0].labels = METRICS_OF_HOST;
    rows[0].node[1][PAGE_NODE_switches] = 3;
    s.row_count = 1;
    render(&s, METRICS_OPENMETRICS, "metrics_host.openmetrics");
}

static void
test_choice(void **state)
{
    static const struct {
        const char *accept;
        enum metrics_format wanted;
    } cases[] = {
        {NULL, METRICS_PROMETHEUS},
        {"", METRICS_PROMETHEUS},
        {"*/*", METRICS_PROMETHEUS},
        {"application/openmetrics-text", METRICS_OPENMETRICS},
        {"Application/OpenMetrics-Text; Version=1.0.0", METRICS_OPENMETRICS},
        {"application/openmetrics-text;version=0.0.1", METRICS_PROMETHEUS},
        {"application/openmetrics-text2", METRICS_PROMETHEUS},
        {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
         "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
         METRICS_OPENMETRICS},
        {"application/openmetrics-text;version=1.0.0;q=0.4, text/plain;version=0.0.4; q=0.5",
         METRICS_PROMETHEUS},
        {"application/openmetrics-text;q=0,text/plain", METRICS_PROMETHEUS},
        {"application/openmetrics-text;q=0", METRICS_PROMETHEUS},
        {"application/openmetrics-text;q=-1e9", METRICS_PROMETHEUS},
        {"application/openmetrics-text;q=nan", METRICS_PROMETHEUS},
        {"text/html, application/openmetrics-text;q=1e99", METRICS_OPENMETRICS},
        {",,, ,;q=,q=", METRICS_PROMETHEUS},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(metrics_choose(cases[i].accept), cases[i].wanted);
    }
    assert_non_null(strstr(metrics_content_type(METRICS_OPENMETRICS), "version=1.0.0"));
    assert_non_null(strstr(metrics_content_type(METRICS_PROMETHEUS), "version=0.0.4"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_choice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
