// SPDX-License-Identifier: MIT
//
// Unit test of apexd/ledger.c: counters that only grow although processes come and go, the bounds
// on groups and fields, and who makes room for whom. Reason: a sum that falls is a leap in every
// rate, and names come from strangers.

#include "apexd/ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRANGER 4242 // no user of this test is that one

static struct ledger *ledger;
static struct page_field fields[PAGE_MAP_FIELDS_MAX];
static struct page_map map;
static struct page_snapshot snapshot;

static void
field(const char *name, const char *unit, bool is_gauge, uint64_t value)
{
    struct page_field *f = &fields[map.field_count];

    f->section = APEX_SECTION_PROCESS;
    f->is_gauge = is_gauge;
    snprintf(f->name, sizeof f->name, "%s", name);
    snprintf(f->unit, sizeof f->unit, "%s", unit);
    snapshot.value[map.field_count++] = value;
}

static int
setup(void **state)
{
    (void)state;
    ledger = malloc(sizeof *ledger);
    assert_non_null(ledger);
    ledger_init(ledger);
    memset(&map, 0, sizeof map);
    map.field = fields;
    memset(&snapshot, 0, sizeof snapshot);
    field("mapped", "bytes", true, 4096);
    field("purged", "bytes", false, 100);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    free(ledger);
    return 0;
}

static void
enter(uid_t uid, const char *comm, struct ledger_place *place)
{
    struct ledger_key key = {.uid = uid};

    snprintf(key.comm, sizeof key.comm, "%s", comm);
    ledger_enter(ledger, &key, &map, place);
}

static unsigned
field_of(const char *name)
{
    for (unsigned i = 0; i < ledger->field_count; i++) {
        if (strcmp(ledger->field[i].name, name) == 0) {
            return i;
        }
    }
    return LEDGER_NO_FIELD;
}

// What the group shows when `live` processes with the values of `snapshot` are in it.
static uint64_t
shown(const struct ledger_place *place, unsigned live, const char *name)
{
    uint64_t value[LEDGER_FIELDS_MAX] = {0};

    for (unsigned i = 0; i < live; i++) {
        ledger_add(place, &map, &snapshot, value);
    }
    return value[field_of(name)] + ledger->group[place->group].past[field_of(name)];
}

static void
test_counters_stay(void **state)
{
    struct ledger_place one;
    struct ledger_place two;

    (void)state;
    enter(1, "a", &one);
    enter(1, "a", &two);
    assert_int_equal(one.group, two.group);
    assert_int_not_equal(one.group, LEDGER_OTHER);
    assert_int_equal(shown(&one, 2, "purged"), 200);
    assert_int_equal(shown(&one, 2, "mapped"), 8192);
    ledger_leave(ledger, &two, &map, &snapshot);
    assert_int_equal(ledger->group[one.group].live, 1);
    assert_int_equal(shown(&one, 1, "purged"), 200);
    assert_int_equal(shown(&one, 1, "mapped"), 4096);
    ledger_leave(ledger, &one, &map, &snapshot);
    assert_int_equal(shown(&one, 0, "purged"), 200);
    enter(1, "a", &two);
    assert_int_equal(one.group, two.group);
    assert_int_equal(ledger->group[one.group].started, 3);
    assert_int_equal(shown(&one, 1, "purged"), 300);
    // Sums end at the largest number; they do not begin anew.
    snapshot.value[1] = UINT64_MAX;
    ledger_leave(ledger, &two, &map, &snapshot);
    assert_int_equal(shown(&one, 0, "purged"), UINT64_MAX);
}

static void
test_key(void **state)
{
    struct ledger_place a;
    struct ledger_place b;
    struct ledger_place c;
    struct ledger_key key = {.uid = 1, .comm = "a", .unit = "x.service"};

    (void)state;
    enter(1, "a", &a);
    enter(2, "a", &b);
    ledger_enter(ledger, &key, &map, &c);
    assert_int_not_equal(a.group, b.group);
    assert_int_not_equal(a.group, c.group);
    assert_int_not_equal(b.group, c.group);
}

static void
test_one_user_cannot_crowd_out(void **state)
{
    struct ledger_place place[LEDGER_GROUPS_OF_UID_MAX + 1];
    struct ledger_place root;
    char comm[16];

    (void)state;
    for (unsigned i = 0; i <= LEDGER_GROUPS_OF_UID_MAX; i++) {
        snprintf(comm, sizeof comm, "s%u", i);
        enter(STRANGER, comm, &place[i]);
    }
    assert_int_not_equal(place[LEDGER_GROUPS_OF_UID_MAX - 1].group, LEDGER_OTHER);
    assert_int_equal(place[LEDGER_GROUPS_OF_UID_MAX].group, LEDGER_OTHER);
    enter(0, "root", &root);
    assert_int_not_equal(root.group, LEDGER_OTHER);
    // One of its own groups makes room, and what that one counted is not lost for the host.
    ledger_leave(ledger, &place[5], &map, &snapshot);
    enter(STRANGER, "new", &place[LEDGER_GROUPS_OF_UID_MAX]);
    assert_int_equal(place[LEDGER_GROUPS_OF_UID_MAX].group, place[5].group);
    assert_int_equal(ledger->gone[field_of("purged")], 100);
    assert_int_equal(ledger->group[place[5].group].past[field_of("purged")], 0);
}

static void
test_longest_gone_makes_room(void **state)
{
    struct ledger_place place[LEDGER_GROUPS_MAX + 1];
    char comm[16];

    (void)state;
    for (unsigned i = 0; i < LEDGER_GROUPS_MAX; i++) {
        snprintf(comm, sizeof comm, "p%u", i);
        enter(0, comm, &place[i]);
        assert_int_not_equal(place[i].group, LEDGER_OTHER);
    }
    enter(0, "late", &place[LEDGER_GROUPS_MAX]);
    assert_int_equal(place[LEDGER_GROUPS_MAX].group, LEDGER_OTHER);
    ledger_leave(ledger, &place[LEDGER_GROUPS_MAX], &map, &snapshot);
    assert_int_equal(ledger->group[LEDGER_OTHER].past[field_of("purged")], 100);
    ledger_leave(ledger, &place[7], &map, &snapshot);
    ledger_leave(ledger, &place[3], &map, &snapshot);
    enter(0, "late", &place[LEDGER_GROUPS_MAX]);
    assert_int_equal(place[LEDGER_GROUPS_MAX].group, place[7].group);
}

static void
test_fields(void **state)
{
    struct ledger_place place;
    char name[16];
    unsigned known = ledger->field_count;

    (void)state;
    // Known by name, but not what it is.
    field("active", "bytes", false, 1);
    field("dirty", "ns", true, 1);
    field("news", "count", true, 7);
    enter(1, "a", &place);
    assert_int_equal(place.field[2], LEDGER_NO_FIELD);
    assert_int_equal(place.field[3], LEDGER_NO_FIELD);
    assert_int_equal(ledger->field_count, known + 1);
    assert_null(ledger->field[known].text);
    assert_int_equal(shown(&place, 1, "news"), 7);
    // News is bounded.
    for (unsigned i = 0; i < LEDGER_FIELDS_MAX; i++) {
        map.field_count = 2;
        snprintf(name, sizeof name, "n%u", i);
        field(name, "count", false, 1);
        enter(1, "a", &place);
    }
    assert_int_equal(ledger->field_count, LEDGER_FIELDS_MAX);
    assert_int_equal(place.field[2], LEDGER_NO_FIELD);
    ledger_leave(ledger, &place, &map, &snapshot);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counters_stay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_key, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_user_cannot_crowd_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_longest_gone_makes_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fields, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
