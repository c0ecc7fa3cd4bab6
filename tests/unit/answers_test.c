// SPDX-License-Identifier: MIT
//
// Unit test of apexd/answers.c: texts are counted for each side as long as it has them, one is kept
// for each request, and what is only kept is bounded. Reason: a reader must not be cut off for what
// others read, or nobody does, and the memory of the daemon has an end. Whose turn it is, and who
// shares an answer, is in tests/daemon/turns.py.

#include "apexd/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CROWD 100 // processes: more than are looked at at once

static struct roster roster = {.count = CROWD};
static struct methods methods = {.roster = &roster};
static struct answers answers;
static size_t length;   // of the answers that methods_call gives
static uint64_t now_ns; // our clock

uint64_t __wrap_reply_now_ns(clockid_t clock);

uint64_t
__wrap_reply_now_ns(clockid_t clock)
{
    (void)clock;
    return now_ns;
}

enum message_error __wrap_methods_call(struct methods *m, uid_t uid,
                                       const struct message_request *request, cJSON **result,
                                       const char **why);

enum message_error
__wrap_methods_call(struct methods *m, uid_t uid, const struct message_request *request,
                    cJSON **result, const char **why)
{
    char *text = malloc(length + 1);

    (void)m;
    (void)uid;
    (void)request;
    (void)why;
    assert_non_null(text);
    memset(text, 'x', length);
    text[length] = '\0';
    *result = cJSON_CreateString(text);
    free(text);
    return MESSAGE_NONE;
}

// The answer to a request of this user about all processes.
static struct answer_text *
get(uid_t uid)
{
    const struct message_request request = {.method = METHOD_processes};
    enum message_error error;
    const char *why;
    struct answer_text *text =
        answers_get(&answers, ANSWERS_CONTROL, uid, &request, &error, &why);

    assert_int_equal(error, MESSAGE_NONE);
    assert_non_null(text);
    return text;
}

static unsigned
kept(void)
{
    unsigned count = 0;

    for (unsigned i = 0; i < ANSWERS_SHARED_MAX; i++) {
        count += answers.shared[i].text != NULL ? 1 : 0;
    }
    return count;
}

static void
assert_bytes(size_t control, size_t http, size_t in_store)
{
    assert_int_equal(answers.bytes[ANSWERS_CONTROL], control);
    assert_int_equal(answers.bytes[ANSWERS_HTTP], http);
    assert_int_equal(answers.bytes[ANSWERS_KEPT], in_store);
}

static int
setup(void **state)
{
    (void)state;
    answers_init(&answers, &methods);
    length = 8; // and two quotation marks
    now_ns = CLIENT_SNAPSHOT_NS;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    answers_tidy(&answers, UINT64_MAX);
    assert_bytes(0, 0, 0);
    return 0;
}

static void
test_sides(void **state)
{
    (void)state;
    struct answer_text *first = get(1);
    assert_ptr_equal(get(1), first);
    assert_bytes(10, 0, 10); // once, though it is sent to two
    struct answer_text *other = answers_take(&answers, ANSWERS_HTTP, strdup("other"));
    assert_bytes(10, 5, 10);
    answers_release(&answers, ANSWERS_CONTROL, first);
    assert_bytes(10, 5, 10);
    answers_tidy(&answers, UINT64_MAX);
    assert_bytes(10, 5, 0);
    assert_string_equal(first->text, "\"xxxxxxxx\"");
    answers_release(&answers, ANSWERS_CONTROL, first);
    answers_release(&answers, ANSWERS_HTTP, other);
    answers_release(&answers, ANSWERS_HTTP, NULL);
    assert_null(answers_take(&answers, ANSWERS_HTTP, NULL));
}

// The last answer to a request takes the place of the one before; others have places of their own.
static void
test_places(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 3; round++) {
        for (uid_t uid = 1; uid <= 3; uid++) {
            answers_release(&answers, ANSWERS_CONTROL, get(uid));
            assert_int_equal(kept(), round == 0 ? uid : 3);
        }
        now_ns += CLIENT_SNAPSHOT_NS; // too old to be handed out
    }
    for (uid_t uid = 1; uid <= 2 * ANSWERS_SHARED_MAX; uid++) {
        answers_release(&answers, ANSWERS_CONTROL, get(uid));
    }
    assert_int_equal(kept(), ANSWERS_SHARED_MAX);
    assert_bytes(0, 0, 10 * ANSWERS_SHARED_MAX);
}

// What is too much is not kept, but for what somebody is being sent.
static void
test_bound(void **state)
{
    (void)state;
    length = ANSWERS_KEPT_BYTES_MAX / 2;
    answers_release(&answers, ANSWERS_CONTROL, get(1));
    struct answer_text *second = get(2);
    assert_int_equal(kept(), 1);
    struct answer_text *third = get(3);
    assert_int_equal(kept(), 2);
    answers_release(&answers, ANSWERS_CONTROL, second);
    answers_release(&answers, ANSWERS_CONTROL, get(4));
    assert_int_equal(kept(), 2);
    assert_ptr_equal(get(3), third);
    answers_release(&answers, ANSWERS_CONTROL, third);
    answers_release(&answers, ANSWERS_CONTROL, third);
}

static void
test_tidy(void **state)
{
    (void)state;
    answers_release(&answers, ANSWERS_CONTROL, get(1));
    answers_tidy(&answers, now_ns + CLIENT_SNAPSHOT_NS - 1);
    assert_int_equal(kept(), 1);
    answers_tidy(&answers, now_ns + CLIENT_SNAPSHOT_NS);
    assert_int_equal(kept(), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sides, setup, teardown),
        cmocka_unit_test_setup_teardown(test_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tidy, setup, teardown),
    };

    return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
