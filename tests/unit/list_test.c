// SPDX-License-Identifier: MIT
//
// Unit test of base/list.h: order, removal from anywhere, emptiness.
// Reason: every block hangs in such a list, and one wrong link loses 64 KiB or corrupts two lists.

#include "base/list.h"

#include "../support/unit.h"

struct item {
    int value;
    struct list link;
};

static void
expect_order(const struct list *head, const int *values, unsigned count)
{
    const struct list *l = head->next;

    for (unsigned i = 0; i < count; i++, l = l->next) {
        assert_ptr_not_equal(l, head);
        assert_int_equal(list_entry(l, struct item, link)->value, values[i]);
        assert_ptr_equal(l->next->prev, l);
    }
    assert_ptr_equal(l, head);
}

static void
test_push_append_remove(void **state)
{
    struct item items[5] = {{.value = 0}, {.value = 1}, {.value = 2}, {.value = 3}, {.value = 4}};
    struct list head;

    (void)state;
    list_init(&head);
    assert_true(list_empty(&head));
    list_push(&head, &items[1].link);
    list_push(&head, &items[0].link);
    list_append(&head, &items[2].link);
    list_append(&head, &items[3].link);
    assert_false(list_empty(&head));
    expect_order(&head, (int[]){0, 1, 2, 3}, 4);
    list_remove(&items[1].link);
    assert_true(list_empty(&items[1].link));
    expect_order(&head, (int[]){0, 2, 3}, 3);
    list_remove(&items[1].link); // in no list: nothing happens
    list_remove(&items[0].link);
    list_remove(&items[3].link);
    expect_order(&head, (int[]){2}, 1);
    list_remove(&items[2].link);
    assert_true(list_empty(&head));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_push_append_remove)};

    return cmocka_run_group_tests_name("list", tests, NULL, NULL);
}
