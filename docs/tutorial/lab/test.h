// SPDX-License-Identifier: MIT
//
// For the tests of the phases. A test is a program that runs under libtiny: it says what holds,
// line by line, and ends with the first thing that does not.

#ifndef TINY_LAB_TEST_H
#define TINY_LAB_TEST_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

// Ends the test unless `truth`. The rest is a printf format and its values: what is wrong.
#define require(truth, ...) ((truth) ? (void)0 : test_fail(__VA_ARGS__))

// One line for what has been shown.
#define show(...) test_show(__VA_ARGS__)

#define test_fail(...) (test_say("FAIL: "), printf(__VA_ARGS__), puts(""), exit(1))
#define test_show(...) (test_say("ok: "), printf(__VA_ARGS__), puts(""), (void)fflush(stdout))

// The word on what is wrong must come out even if malloc() is what is wrong: stdio asks for no
// buffer when it has one.
__attribute__((constructor)) static void
test_prepare(void)
{
    static char buffer[4096];

    setvbuf(stdout, buffer, _IOLBF, sizeof buffer);
}

static inline void
test_say(const char *word)
{
    fputs(word, stdout);
}

#endif
