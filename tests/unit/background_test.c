// SPDX-License-Identifier: MIT
//
// Unit test of front/background.c: the thread comes when it is asked for and the program allocates,
// gives back what is free while nobody calls anything, comes back in a child, and goes when it is
// not wanted any more. Reason: DESIGN §3, "Giving memory back".

#include "front/background.h"

#include "apex.h"
#include "os/os.h"
#include "policy/heaps.h"
#include "policy/pool.h"

#include "../support/unit.h"

#include <dirent.h>
#include <sys/wait.h>

#define OBJECTS 20000
#define OBJECT_BYTES 1000
#define WAIT_MS_MAX 60000 // for what takes a moment
#define PAUSE_NS 5000000

static void *objects[OBJECTS];

static bool
is_ours(const char *tid)
{
    char path[64];
    char name[16] = "";

    snprintf(path, sizeof path, "/proc/self/task/%.20s/comm", tid);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return false;
    }
    bool ours = fgets(name, sizeof name, file) != NULL && strcmp(name, "apex-purge\n") == 0;
    fclose(file);
    return ours;
}

static unsigned
threads_of_ours(void)
{
    unsigned count = 0;
    DIR *folder = opendir("/proc/self/task");

    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        count += is_ours(entry->d_name) ? 1 : 0;
    }
    closedir(folder);
    return count;
}

static bool
wait_for(bool (*holds)(void))
{
    for (unsigned i = 0; i < WAIT_MS_MAX / (PAUSE_NS / 1000000); i++) {
        if (holds()) {
            return true;
        }
        os_sleep_ns(PAUSE_NS);
    }
    return false;
}

static bool
one_is_there(void)
{
    return threads_of_ours() == 1;
}

static bool
none_is_there(void)
{
    return threads_of_ours() == 0;
}

static bool
nothing_is_pending(void)
{
    return pool_pending() == 0 && heaps_home() == 0;
}

static void
make(void)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        objects[i] = apex_malloc(OBJECT_BYTES);
        memset(objects[i], 1, OBJECT_BYTES);
    }
}

static void
drop(void)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        apex_free(objects[i]);
    }
    apex_free(apex_malloc((size_t)8 << 20)); // a large one, into the cache
}

static void
test_none_unless_asked_for(void **state)
{
    (void)state;
    make();
    drop();
    assert_int_equal(threads_of_ours(), 0);
}

static void
test_memory_goes_while_nobody_calls(void **state)
{
    (void)state;
    assert_true(config_tune("decay_ms", 20));
    assert_true(config_tune("background_thread", 1));
    make();
    assert_true(wait_for(one_is_there));
    drop();
    assert_true(wait_for(nothing_is_pending));
    make(); // it has long been asleep
    drop();
    assert_true(pool_pending() != 0 || wait_for(nothing_is_pending));
    assert_true(wait_for(nothing_is_pending));
    assert_int_equal(threads_of_ours(), 1);
}

static pthread_barrier_t turn;

static void *
sleeper_main(void *argument)
{
    (void)argument;
    make();
    pthread_barrier_wait(&turn); // made
    pthread_barrier_wait(&turn); // the test is over
    return NULL;
}

static uint64_t purged_before;

static bool
an_eighth_is_purged(void)
{
    struct apex_stats_process now;

    pool_stats(&now);
    return now.purged - purged_before >= OBJECTS / 8 * OBJECT_BYTES;
}

// What came home to a sleeper goes, too, however little it is. Nothing is pending before it has
// come, either, so it is what was purged that is waited for.
static void
test_sleepers_are_swept(void **state)
{
    struct apex_stats_process before;
    pthread_t thread;

    (void)state;
    pthread_barrier_init(&turn, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, sleeper_main, NULL), 0);
    pthread_barrier_wait(&turn);
    pool_stats(&before);
    purged_before = before.purged;
    for (unsigned i = 0; i < OBJECTS / 4; i++) {
        apex_free(objects[i]);
    }
    assert_true(wait_for(an_eighth_is_purged));
    for (unsigned i = OBJECTS / 4; i < OBJECTS; i++) {
        apex_free(objects[i]);
    }
    pthread_barrier_wait(&turn);
    pthread_join(thread, NULL);
}

static void
test_a_child_gets_its_own(void **state)
{
    int status = 0;

    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool fine = threads_of_ours() == 0;
        make();
        drop();
        fine = fine && wait_for(one_is_there) && wait_for(nothing_is_pending);
        exit(fine ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(threads_of_ours(), 1);
}

static void
test_it_goes_when_not_wanted(void **state)
{
    (void)state;
    assert_true(config_tune("background_thread", 0));
    make();
    drop(); // wakes it
    assert_true(wait_for(none_is_there));
    assert_true(config_tune("background_thread", 1));
    make();
    drop();
    assert_true(wait_for(one_is_there));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none_unless_asked_for),
        cmocka_unit_test(test_memory_goes_while_nobody_calls),
        cmocka_unit_test(test_sleepers_are_swept),
        cmocka_unit_test(test_a_child_gets_its_own),
        cmocka_unit_test(test_it_goes_when_not_wanted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
