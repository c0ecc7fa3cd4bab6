// SPDX-License-Identifier: MIT
//
// Unit test of front/compat.c: what glibc tells about its heap, told about ours.
// Reason: programs read mallinfo and print malloc_info; the numbers must be true and add up.

#include "front/compat.h"

#include "apex.h"
#include "policy/config.h"

#include "../support/unit.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations" // mallinfo, because we must offer it

static void
test_mallinfo(void **state)
{
    void *objects[1000];
    struct mallinfo2 before = compat_mallinfo2();

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        objects[i] = apex_malloc(1024);
    }
    void *large = apex_malloc(2 << 20);
    errno = 4711;
    struct mallinfo2 info = compat_mallinfo2();
    assert_int_equal(errno, 4711);
    assert_int_equal(info.hblks - before.hblks, 1);
    assert_int_equal(info.hblkhd - before.hblkhd, 2 << 20);
    assert_in_range(info.uordblks - before.uordblks, 900 * 1024, 1064 * 1024); // but for one block
    assert_int_equal(info.uordblks + info.fordblks, info.arena);
    struct mallinfo narrow = compat_mallinfo();
    assert_int_equal(narrow.hblkhd, info.hblkhd);
    assert_int_equal(narrow.arena, info.arena);
    for (unsigned i = 0; i < 1000; i++) {
        apex_free(objects[i]);
    }
    apex_free(large);
}

// More than an int holds must not come out negative.
static void
test_mallinfo_saturates(void **state)
{
    void *large = apex_malloc((size_t)5 << 30);

    (void)state;
    if (large == NULL) {
        assert_int_equal(errno, ENOMEM); // a host that promises no more than it has
        return;
    }
    assert_int_equal(compat_mallinfo().hblkhd, INT32_MAX);
    assert_true(compat_mallinfo2().hblkhd >= (size_t)5 << 30);
    apex_free(large);
}

static void
test_mallopt(void **state)
{
    (void)state;
    assert_int_equal(compat_mallopt(M_TRIM_THRESHOLD, 1 << 20), 1);
    assert_int_equal(config_get()->dirty_floor, 1 << 20);
    assert_int_equal(compat_mallopt(M_MMAP_THRESHOLD, 1 << 20), 1);
    assert_int_equal(compat_mallopt(M_ARENA_MAX, 1), 1);
    assert_int_equal(compat_mallopt(M_MXFAST, 160), 1);
    assert_int_equal(compat_mallopt(M_MXFAST, 161), 0);
    assert_int_equal(compat_mallopt(M_PERTURB, 1), 0);
    assert_int_equal(compat_mallopt(4711, 1), 0);
}

static void
test_malloc_info(void **state)
{
    static char text[65536];
    FILE *stream = fmemopen(text, sizeof text, "w");

    (void)state;
    assert_int_equal(compat_malloc_info(1, stream), EINVAL);
    assert_int_equal(compat_malloc_info(0, stream), 0);
    fclose(stream);
    assert_int_equal(strncmp(text, "<malloc version=\"1\">\n", 21), 0);
    assert_non_null(strstr(text, "<heap nr=\"0\">"));
    assert_non_null(strstr(text, "\"blocks_taken\""));
    assert_non_null(strstr(text, "</malloc>\n"));
    unsigned open = 0;
    unsigned close = 0;
    for (const char *c = text; *c != '\0'; c++) {
        open += *c == '<';
        close += *c == '>';
    }
    assert_int_equal(open, close);
}

static void
test_malloc_stats(void **state)
{
    char text[8192];
    int ends[2];
    int saved = dup(STDERR_FILENO);

    (void)state;
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    compat_malloc_stats();
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t length = read(ends[0], text, sizeof text - 1);
    close(ends[0]);
    assert_true(length > 0);
    text[length] = '\0';
    assert_non_null(strstr(text, "libapex: allocated bytes = "));
    assert_non_null(strstr(text, "libapex: orphan_blocks count = "));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mallinfo),     cmocka_unit_test(test_mallinfo_saturates),
        cmocka_unit_test(test_mallopt),      cmocka_unit_test(test_malloc_info),
        cmocka_unit_test(test_malloc_stats),
    };

    return cmocka_run_group_tests_name("compat", tests, NULL, NULL);
}
