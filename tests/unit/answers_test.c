// SPDX-License-Identifier: MIT
//
// Unit test of apexd/answers.c: texts are counted as long as somebody has them, and what is only
// kept for others can be let go of at once. Reason: they are bounded together, and a reader must
// not be cut off for texts that nobody reads. Whose turn it is, and who shares an answer, is in
// tests/daemon/turns.py.

#include "apexd/answers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

static struct methods methods;
static struct answers answers;

// A text that is kept for others and is being sent to `readers`.
static struct answer_text *
keep(unsigned place, const char *text, unsigned readers)
{
    struct answer_text *made = answers_take(&answers, strdup(text));

    assert_non_null(made);
    made->uses += readers;
    answers.shared[place].text = made;
    return made;
}

static void
test_spare(void **state)
{
    (void)state;
    answers_init(&answers, &methods);
    struct answer_text *read = keep(0, "read", 1);
    keep(3, "kept", 0);
    assert_int_equal(answers.bytes, 8);
    answers_spare(&answers);
    assert_int_equal(answers.bytes, 4);
    assert_ptr_equal(answers.shared[0].text, read);
    assert_null(answers.shared[3].text);
    answers_release(&answers, read); // it has been read
    answers_spare(&answers);
    assert_int_equal(answers.bytes, 0);
}

static void
test_tidy(void **state)
{
    (void)state;
    answers_init(&answers, &methods);
    keep(1, "old", 0);
    answers.shared[1].made_ns = 1000;
    answers_tidy(&answers, 1000 + CLIENT_SNAPSHOT_NS - 1);
    assert_int_equal(answers.bytes, 3);
    answers_tidy(&answers, 1000 + CLIENT_SNAPSHOT_NS);
    assert_int_equal(answers.bytes, 0);
    assert_null(answers_take(&answers, NULL));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spare),
        cmocka_unit_test(test_tidy),
    };

    return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
