// SPDX-License-Identifier: MIT
//
// Unit test of front/ctl.c: every leaf can be found and does what its row says, and no wrong use
// changes anything.
// Reason: what programs write here changes how their memory is managed; a name that is taken for
// another one, or a size that is not checked, would do so behind their backs.

#include "front/ctl.h"

#include "core/size_class.h"
#include "policy/config.h"
#include "policy/heap.h"
#include "policy/pool.h"

#include "../support/unit.h"

static int
read_number(const char *name, uint64_t *value)
{
    size_t bytes = sizeof *value;
    return apex_ctl(name, value, &bytes, NULL, 0);
}

static uint64_t
number(const char *name)
{
    uint64_t value = 0;

    assert_int_equal(read_number(name, &value), 0);
    return value;
}

static int
write_number(const char *name, uint64_t value)
{
    return apex_ctl(name, NULL, NULL, &value, sizeof value);
}

static struct apex_ctl_leaf
leaf_at(size_t index)
{
    struct apex_ctl_leaf leaf = {.size_bytes = sizeof leaf};

    assert_int_equal(apex_ctl_leaf_get(index, &leaf), 0);
    return leaf;
}

static size_t
leaf_count(void)
{
    struct apex_ctl_leaf leaf = {.size_bytes = sizeof leaf};
    size_t count = 0;

    while (apex_ctl_leaf_get(count, &leaf) == 0) {
        count++;
    }
    return count;
}

// Replaces `<i>` by a number.
static void
concrete(char *out, size_t capacity, const char *pattern, unsigned index)
{
    const char *open = strchr(pattern, '<');

    if (open == NULL) {
        snprintf(out, capacity, "%s", pattern);
    } else {
        snprintf(out, capacity, "%.*s%u%s", (int)(open - pattern), pattern, index,
                 strchr(pattern, '>') + 1);
    }
}

static void
test_every_leaf(void **state)
{
    size_t count = leaf_count();

    (void)state;
    assert_true(count > 80);
    for (size_t i = 0; i < count; i++) {
        struct apex_ctl_leaf leaf = leaf_at(i);
        char name[64];
        char text[256];
        size_t mib[APEX_CTL_MIB_MAX];
        size_t mib_count = APEX_CTL_MIB_MAX;
        size_t bytes = 0;

        concrete(name, sizeof name, leaf.name, 5);
        assert_true(strlen(leaf.text) > 5 && leaf.text[strlen(leaf.text) - 1] != '.');
        assert_int_equal(apex_ctl_name_to_mib(name, mib, &mib_count), 0);
        assert_int_equal(mib[0], i); // no name stands there twice
        assert_int_equal(mib_count, leaf.count == 0 ? 1 : 2);
        int error = apex_ctl_by_mib(mib, mib_count, NULL, &bytes, NULL, 0);
        assert_int_equal(error, leaf.access & APEX_CTL_READ ? 0 : EPERM);
        if (error != 0) {
            assert_int_equal(leaf.access, APEX_CTL_ACTION);
            continue;
        }
        assert_true(leaf.type == APEX_CTL_NUMBER ? bytes == 8 : bytes >= 1);
        assert_true(bytes <= sizeof text);
        assert_int_equal(apex_ctl(name, text, &bytes, NULL, 0), 0);
        bytes--;
        assert_int_equal(apex_ctl(name, text, &bytes, NULL, 0), EINVAL);
        if ((leaf.access & APEX_CTL_WRITE) == 0) {
            assert_int_equal(write_number(name, 0), EPERM);
        }
    }
}

// Both kinds of leaves for each option, and what can be written is what may change.
static void
test_options(void **state)
{
    size_t count;
    const struct config_option *row = config_options(&count);

    (void)state;
    for (size_t i = 0; i < count; i++, row++) {
        char name[64];
        uint64_t value;

        if (row->type == CONFIG_PATH) {
            continue;
        }
        snprintf(name, sizeof name, "opt.%s", row->key);
        assert_int_equal(number(name), row->initial);
        assert_int_equal(write_number(name, row->min), EPERM);
        snprintf(name, sizeof name, "option.%s", row->key);
        assert_int_equal(number(name), row->initial);
        if (row->when != CONFIG_LIVE) {
            assert_int_equal(write_number(name, row->min), EPERM);
            continue;
        }
        assert_int_equal(write_number(name, row->max), 0);
        assert_int_equal(number(name), row->max);
        if (row->max < UINT64_MAX) {
            assert_int_equal(write_number(name, row->max + 1), EINVAL);
        }
        assert_int_equal(number(name), row->max);
        size_t bytes = sizeof value;
        assert_int_equal(apex_ctl(name, &value, &bytes, &row->initial, 8), 0);
        assert_int_equal(value, row->max); // the one before
        assert_int_equal(number(name), row->initial);
    }
    char path[CONFIG_PATH_BYTES];
    size_t bytes = sizeof path;
    assert_int_equal(apex_ctl("opt.runtime_dir", path, &bytes, NULL, 0), 0);
    assert_int_equal(bytes, strlen(path) + 1);
}

static void
test_wrong_use(void **state)
{
    uint64_t value = 4711;
    uint32_t narrow = 4711;
    size_t bytes = sizeof value;
    uint64_t initial = number("option.decay_ms");

    (void)state;
    errno = 4711;
    static const char *const none[] = {"",
                                       "nothing",
                                       "stats",
                                       "stats.",
                                       "stats.active.",
                                       "stats.activ",
                                       "class.5",
                                       "class.x.size",
                                       "class..size",
                                       "class.05.size",
                                       "class.95.size",
                                       "class.99999999999999999999.size",
                                       "class.<i>.size",
                                       " version"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(read_number(none[i], &value), ENOENT);
    }
    assert_int_equal(apex_ctl("option.decay_ms", NULL, NULL, NULL, 0), EINVAL);
    assert_int_equal(apex_ctl("option.decay_ms", &value, NULL, NULL, 0), EINVAL);
    assert_int_equal(apex_ctl("option.decay_ms", NULL, NULL, &narrow, sizeof narrow), EINVAL);
    assert_int_equal(apex_ctl("option.decay_ms", NULL, NULL, NULL, 8), EINVAL);
    // A value that cannot be read must not be written either.
    bytes = 4;
    assert_int_equal(apex_ctl("option.decay_ms", &value, &bytes, &value, 8), EINVAL);
    assert_int_equal(number("option.decay_ms"), initial);
    assert_int_equal(value, 4711);
    bytes = 8;
    assert_int_equal(apex_ctl("trim", &value, &bytes, NULL, 0), EPERM);
    assert_int_equal(apex_ctl("purge", NULL, NULL, &value, 8), EINVAL); // it takes none
    assert_int_equal(errno, 4711);
}

static void
test_mibs(void **state)
{
    size_t mib[APEX_CTL_MIB_MAX] = {0};
    size_t count = 1;
    uint64_t value;
    size_t bytes = sizeof value;

    (void)state;
    assert_int_equal(apex_ctl_name_to_mib("class.3.size", mib, &count), EINVAL);
    count = APEX_CTL_MIB_MAX;
    assert_int_equal(apex_ctl_name_to_mib("class.3.size", mib, &count), 0);
    assert_int_equal(count, 2);
    assert_int_equal(mib[1], 3);
    for (mib[1] = 0; mib[1] < number("class.count"); mib[1]++) {
        assert_int_equal(apex_ctl_by_mib(mib, count, &value, &bytes, NULL, 0), 0);
        assert_int_equal(value, size_classes[mib[1]].chunk_bytes);
    }
    assert_int_equal(apex_ctl_by_mib(mib, count, &value, &bytes, NULL, 0), ENOENT);
    assert_int_equal(apex_ctl_by_mib(mib, 1, &value, &bytes, NULL, 0), ENOENT);
    assert_int_equal(apex_ctl_by_mib(mib, 0, &value, &bytes, NULL, 0), ENOENT);
    mib[0] = SIZE_MAX;
    assert_int_equal(apex_ctl_by_mib(mib, 1, &value, &bytes, NULL, 0), ENOENT);
    assert_int_equal(apex_ctl_name_to_mib("nothing", mib, &count), ENOENT);
}

// An older program's struct is shorter, a newer one's longer.
static void
test_leaf_sizes(void **state)
{
    struct {
        struct apex_ctl_leaf leaf;
        uint64_t more;
    } longer = {.more = 4711};
    struct apex_ctl_leaf leaf = {.text = "untouched"};

    (void)state;
    leaf.size_bytes = offsetof(struct apex_ctl_leaf, text);
    assert_int_equal(apex_ctl_leaf_get(0, &leaf), 0);
    assert_string_equal(leaf.name, "version");
    assert_string_equal(leaf.text, "untouched");
    leaf.size_bytes = offsetof(struct apex_ctl_leaf, unit) - 1;
    assert_int_equal(apex_ctl_leaf_get(0, &leaf), EINVAL);
    longer.leaf.size_bytes = sizeof longer;
    assert_int_equal(apex_ctl_leaf_get(0, &longer.leaf), 0);
    assert_int_equal(longer.more, 0);
}

static void
test_figures(void **state)
{
    enum { OBJECTS = 1000, BYTES = 3000 };
    static void *objects[OBJECTS];
    unsigned c = size_class_of(BYTES);
    char name[64];

    (void)state;
    assert_int_equal(apex_ctl("stats.publish", NULL, NULL, NULL, 0), 0);
    snprintf(name, sizeof name, "class.%u.live", c);
    uint64_t live = number(name);
    uint64_t own = number("thread.live");
    uint64_t allocated = number("stats.allocated");
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = apex_malloc(BYTES);
    }
    void *large = apex_malloc(4 << 20);
    assert_int_equal(apex_ctl("stats.publish", NULL, NULL, NULL, 0), 0);
    uint64_t bytes = (uint64_t)OBJECTS * size_classes[c].chunk_bytes;
    assert_int_equal(number(name) - live, OBJECTS);
    assert_int_equal(number("thread.live") - own, bytes);
    assert_int_equal(number("stats.allocated") - allocated, bytes + (4 << 20));
    assert_true(number("stats.active") >= bytes + (4 << 20));
    assert_int_equal(number("stats.threads"), 1);
    assert_true(number("thread.blocks_taken") >= bytes / 65536);
    assert_int_equal(number("stats.blocks_taken"), number("thread.blocks_taken"));
    for (unsigned i = 0; i < OBJECTS; i++) {
        apex_free(objects[i]);
    }
    apex_free(large);
    assert_int_equal(apex_ctl("thread.flush", NULL, NULL, NULL, 0), 0);
    assert_int_equal(number(name), live);
    assert_true(number("stats.dirty") > 0);
    assert_int_equal(apex_ctl("purge", NULL, NULL, NULL, 0), 0);
    assert_int_equal(number("stats.dirty"), 0);
}

static void
test_trim(void **state)
{
    void *run;

    (void)state;
    pool_trim(0);
    void *keep = apex_malloc(16);
    run = apex_malloc(900 << 10);
    apex_free(run);
    assert_int_equal(write_number("trim", 64 << 20), 0);
    assert_true(number("stats.dirty") >= 900 << 10);
    assert_int_equal(apex_ctl("trim", NULL, NULL, NULL, 0), 0);
    assert_int_equal(number("stats.dirty"), 0);
    apex_free(keep);
}

static void *
ask_as_another(void *result)
{
    uint64_t *values = result;

    // Before its first allocation it has nothing.
    values[0] = number("thread.live");
    apex_free(apex_malloc(100));
    void *p = apex_malloc(100);
    assert_int_equal(apex_ctl("stats.publish", NULL, NULL, NULL, 0), 0);
    values[1] = number("thread.live");
    apex_free(p);
    return NULL;
}

static void
test_another_thread(void **state)
{
    uint64_t values[2];
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, ask_as_another, values), 0);
    pthread_join(thread, NULL);
    assert_int_equal(values[0], 0);
    assert_int_equal(values[1], size_classes[size_class_of(100)].chunk_bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_leaf), cmocka_unit_test(test_options),
        cmocka_unit_test(test_wrong_use),  cmocka_unit_test(test_mibs),
        cmocka_unit_test(test_leaf_sizes), cmocka_unit_test(test_figures),
        cmocka_unit_test(test_trim),       cmocka_unit_test(test_another_thread),
    };

    return cmocka_run_group_tests_name("ctl", tests, NULL, NULL);
}
