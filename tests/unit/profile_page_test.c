// SPDX-License-Identifier: MIT
//
// Unit test of view/profile_page.c: the mirror of the sampler's tables.
// Reason: what apexd reads must be what the process knows, however often the page is replaced, and
// a child must not write to its parent's.

#include "view/profile_page.h"

#include "apex.h"
#include "os/os_page.h"
#include "policy/config.h"
#include "policy/heap.h"
#include "policy/sampler.h"
#include "view/stats_page.h"

#include "../support/unit.h"

#include <sys/wait.h>

#define OBJECTS 500

static void *object[OBJECTS];

static void
allocate(void)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        object[i] = apex_malloc(1000);
    }
}

static void
release(void)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        apex_free(object[i]);
    }
}

static void
assert_mirrored(void)
{
    const struct apex_profile_page *page = profile_page_writable();
    size_t from = offsetof(struct apex_profile_page, header.rate_bytes);

    assert_non_null(page);
    assert_memory_equal((const char *)page + from, (const char *)sampler_table + from,
                        sizeof *page - from);
}

static int
open_page(void)
{
    uint64_t nonce;
    uint32_t bytes;
    int fd;

    assert_int_equal(profile_page_open(&fd, &nonce, &bytes), 0);
    assert_int_equal(profile_page_writable()->header.nonce, nonce);
    assert_int_equal(profile_page_writable()->header.total_bytes, bytes);
    assert_true(bytes >= sizeof(struct apex_profile_page));
    return fd;
}

static int
setup(void **state)
{
    uint64_t nonce;
    uint32_t bytes;
    int fd;

    (void)state;
    apex_free(apex_malloc(1));
    assert_null(profile_page_writable());
    profile_page_drop(); // harmless
    assert_int_equal(stats_page_open(1, &fd, &nonce, &bytes), 0);
    os_close(fd);
    assert_true(config_tune("profile_rate", 2000));
    sampler_poll();
    heap_watch(heap_self.heap);
    return 0;
}

static void
test_mirror(void **state)
{
    (void)state;
    allocate();
    os_close(open_page()); // what was there before, and
    assert_mirrored();
    assert_true(profile_page_writable()->header.samples > 50);
    release(); // what comes after
    assert_mirrored();
    allocate();
    assert_mirrored();
    const void *before = profile_page_writable();
    os_close(open_page()); // another daemon's
    assert_ptr_equal(profile_page_writable(), before);
    assert_mirrored();
    release();
    assert_mirrored();
    profile_page_drop();
    assert_null(profile_page_writable());
    allocate();
    release();
}

static void
test_sealed(void **state)
{
    void *mapped;
    int fd = open_page();

    (void)state;
    assert_int_equal(os_page_map(fd, 4096, NULL, &mapped), EPERM);
    assert_int_equal(os_page_map_foreign(fd, sizeof(struct apex_profile_page), &mapped), 0);
    allocate();
    assert_int_equal(((const struct apex_profile_page *)mapped)->header.samples,
                     sampler_table->header.samples);
    release();
    os_page_unmap(mapped, sizeof(struct apex_profile_page));
    os_close(fd);
}

static void
test_child_keeps_off(void **state)
{
    int status;

    (void)state;
    os_close(open_page());
    uint64_t samples = profile_page_writable()->header.samples;
    pid_t child = fork();
    if (child == 0) {
        allocate();
        release();
        _exit(profile_page_writable() == NULL && sampler_table->header.samples > samples ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(profile_page_writable()->header.samples, samples);
    assert_mirrored();
    profile_page_drop();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mirror),
        cmocka_unit_test(test_sealed),
        cmocka_unit_test(test_child_keeps_off),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
