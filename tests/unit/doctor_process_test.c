// SPDX-License-Identifier: MIT
//
// Unit test of apexctl/doctor_process.c and apexctl/finding.c: what is said of a heap by its
// numbers, and in which form. Reason: advice that is given too early is not listened to later.

#include "apexctl/doctor_process.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#define MIB (UINT64_C(1) << 20)

static void
judge(struct findings *findings, const char *text)
{
    cJSON *process = cJSON_Parse(text);

    assert_non_null(process);
    *findings = (struct findings){.list = NULL};
    doctor_heap(findings, process);
    cJSON_Delete(process);
}

// How bad it is judged what is said about `subject`.
static enum finding_level
level(const struct findings *findings, const char *subject)
{
    enum finding_level worst = FINDING_OK;
    bool found = false;

    for (size_t i = 0; i < findings->count; i++) {
        if (strcmp(findings->list[i].subject, subject) == 0) {
            found = true;
            worst = findings->list[i].level > worst ? findings->list[i].level : worst;
        }
    }
    assert_true(found);
    return worst;
}

static void
test_heaps(void **state)
{
    static const struct {
        uint64_t allocated;
        uint64_t active;
        uint64_t dirty;
        enum finding_level dirty_level;
        enum finding_level filling;
    } cases[] = {
        {10 * MIB, 12 * MIB, 60 * MIB, FINDING_OK, FINDING_OK}, // small, whatever the shares are
        {900 * MIB, 1000 * MIB, 400 * MIB, FINDING_OK, FINDING_OK},
        {900 * MIB, 1000 * MIB, 600 * MIB, FINDING_WARN, FINDING_OK},
        {100 * MIB, 1000 * MIB, 0, FINDING_OK, FINDING_WARN},
        {100 * MIB, 250 * MIB, 0, FINDING_OK, FINDING_OK},
        {0, 0, 0, FINDING_OK, FINDING_OK},
    };
    struct findings findings;
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(text, sizeof text,
                 "{\"heap\":{\"allocated_bytes\":%llu,\"active_bytes\":%llu,\"dirty_bytes\":%llu}}",
                 (unsigned long long)cases[i].allocated, (unsigned long long)cases[i].active,
                 (unsigned long long)cases[i].dirty);
        judge(&findings, text);
        assert_int_equal(level(&findings, "dirty"), cases[i].dirty_level);
        assert_int_equal(level(&findings, "filling"), cases[i].filling);
        assert_int_equal(level(&findings, "faults"), FINDING_OK);
        finding_free(&findings);
    }
}

static void
test_counters(void **state)
{
    struct findings findings;

    (void)state;
    judge(&findings, "{\"counters\":{\"fault_double_free_total\":2,\"fault_overflow_total\":0,"
                     "\"os_failures_total\":3}}");
    assert_int_equal(level(&findings, "faults"), FINDING_BAD);
    assert_int_equal(level(&findings, "refusals"), FINDING_WARN);
    assert_string_equal(findings.list[0].text, "fault_double_free_total: 2");
    assert_int_equal(finding_worst(&findings), FINDING_BAD);
    finding_free(&findings);
    judge(&findings, "{\"counters\":[1],\"heap\":7}");
    assert_int_equal(finding_worst(&findings), FINDING_OK);
    finding_free(&findings);
}

static void
test_forms(void **state)
{
    struct findings findings = {.list = NULL};
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);

    (void)state;
    finding_add(&findings, FINDING_OK, "one", NULL, "fine %d", 1);
    finding_add(&findings, FINDING_WARN, "two", "do this", "a \033[31mname\n");
    finding_print(&findings, false, out);
    assert_true(finding_print_json(&findings, out));
    fclose(out);
    assert_string_equal(text, "ok    one         fine 1\n"
                              "warn  two         a ?[31mname?; do this\n"
                              "{\"schema\":\"apexctl.doctor/1\",\"worst\":\"warn\",\"findings\":["
                              "{\"level\":\"ok\",\"subject\":\"one\",\"text\":\"fine 1\"},"
                              "{\"level\":\"warn\",\"subject\":\"two\",\"text\":\"a ?[31mname?\","
                              "\"advice\":\"do this\"}]}\n");
    free(text);
    finding_free(&findings);
    assert_int_equal(finding_worst(&findings), FINDING_OK);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heaps),
        cmocka_unit_test(test_counters),
        cmocka_unit_test(test_forms),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
