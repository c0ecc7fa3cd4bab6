// SPDX-License-Identifier: MIT
//
// Unit test of trace/record.c. Linked with libapex-trace in front of libapex; runs itself again
// with a file to record into, so that recording begins with the first call of the process, and then
// reads what it wrote: each call once, in order, by its thread; nothing of children; what does not
// fit is counted.

#include "abi/trace.h"

#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT 200000
#define THREADS 4
#define ROUNDS 5000

static volatile size_t too_much = PTRDIFF_MAX;

extern void *plain_new(size_t size) __asm__("_Znwm");
extern void *aligned_new_array(size_t size, size_t align) __asm__("_ZnamSt11align_val_t");
extern void plain_delete(void *ptr) __asm__("_ZdlPv");
extern void sized_delete(void *ptr, size_t size) __asm__("_ZdlPvm");
extern void aligned_delete(void *ptr, size_t align) __asm__("_ZdlPvSt11align_val_t");

static struct apex_trace_header *header;
static const struct apex_trace_event *events;

static enum apex_trace_op
op_of(const struct apex_trace_event *event)
{
    return (enum apex_trace_op)(event->what & 0xff);
}

// The event `back` calls ago.
static const struct apex_trace_event *
last(unsigned back)
{
    return &events[header->next - 1 - back];
}

static void
check_event(const struct apex_trace_event *event, enum apex_trace_op op, const void *ptr,
            size_t requested, size_t usable)
{
    assert_int_equal(op_of(event), op);
    assert_int_equal(event->address, (uintptr_t)ptr);
    assert_int_equal(event->requested, requested);
    assert_int_equal(event->usable, usable);
    assert_int_equal(event->what >> 16 & 0xffff, header->generation);
}

static void
test_begins_with_the_process(void **state)
{
    (void)state;
    assert_int_equal(header->pid, getpid());
    assert_true(header->next > 0);
    assert_int_equal(header->early, 0);
    assert_int_equal(header->others, 0);
    for (uint64_t i = 0; i < header->next; i++) {
        assert_int_equal(events[i].what >> 32, 1);
        assert_true(i == 0 || events[i].time_ns >= events[i - 1].time_ns);
    }
}

static void
test_each_kind_of_call(void **state)
{
    (void)state;
    void *p = malloc(100);
    check_event(last(0), APEX_TRACE_ALLOC, p, 100, malloc_usable_size(p));
    void *q = realloc(p, 5000);
    check_event(last(1), APEX_TRACE_LEAVE, p, 0, 0);
    check_event(last(0), APEX_TRACE_ENTER, q, 5000, malloc_usable_size(q));
    free(q);
    check_event(last(0), APEX_TRACE_FREE, q, 0, 0);
    p = calloc(3, 50);
    check_event(last(0), APEX_TRACE_ZEROED, p, 150, malloc_usable_size(p));
    free(p);
    p = aligned_alloc(256, 512);
    check_event(last(0), APEX_TRACE_ALIGNED, p, 512, malloc_usable_size(p));
    assert_int_equal(last(0)->what >> 8 & 0xff, 8);
    free(p);
    assert_int_equal(posix_memalign(&p, 4096, 100), 0);
    assert_int_equal(last(0)->what >> 8 & 0xff, 12);
    free(p);
    p = reallocarray(NULL, 10, 10);
    check_event(last(0), APEX_TRACE_ALLOC, p, 100, malloc_usable_size(p));
    free(p);
    uint64_t before = header->next;
    free(NULL);
    assert_null(malloc(too_much));
    assert_null(reallocarray(NULL, too_much, 3));
    assert_int_equal(header->next, before);
}

static void
test_a_refused_realloc(void **state)
{
    (void)state;
    void *p = malloc(100);
    assert_null(realloc(p, too_much));
    check_event(last(1), APEX_TRACE_LEAVE, p, 0, 0);
    check_event(last(0), APEX_TRACE_ENTER, NULL, PTRDIFF_MAX, 0);
    free(p);
}

// Each operator once, although libapex's own call each other.
static void
test_operators(void **state)
{
    (void)state;
    uint64_t before = header->next;
    void *p = plain_new(48);
    check_event(last(0), APEX_TRACE_ALLOC, p, 48, 48);
    sized_delete(p, 48);
    check_event(last(0), APEX_TRACE_FREE, p, 0, 0);
    plain_delete(plain_new(1));
    p = aligned_new_array(64, 64);
    check_event(last(0), APEX_TRACE_ALIGNED, p, 64, 64);
    aligned_delete(p, 64);
    check_event(last(0), APEX_TRACE_FREE, p, 0, 0);
    assert_int_equal(header->next - before, 6);
}

static void *
rounds(void *argument)
{
    size_t size = 1000 + (size_t)(uintptr_t)argument;

    for (int i = 0; i < ROUNDS; i++) {
        free(malloc(size));
    }
    return NULL;
}

static void
test_threads(void **state)
{
    pthread_t id[THREADS];
    uint32_t by[THREADS] = {0};
    unsigned count[THREADS] = {0};

    (void)state;
    uint64_t before = header->next;
    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&id[i], NULL, rounds, (void *)i), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(id[i], NULL);
    }
    for (uint64_t e = before; e < header->next; e++) {
        uint64_t i = events[e].requested - 1000;
        if (op_of(&events[e]) == APEX_TRACE_ALLOC && i < THREADS) {
            uint32_t thread = (uint32_t)(events[e].what >> 32);
            assert_true(by[i] == 0 || by[i] == thread);
            by[i] = thread;
            count[i]++;
        }
        assert_int_not_equal(op_of(&events[e]), APEX_TRACE_NONE);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(count[i], ROUNDS);
        assert_true(by[i] > 1);
        for (int k = 0; k < i; k++) {
            assert_int_not_equal(by[i], by[k]);
        }
    }
}

static void
test_children_are_silent(void **state)
{
    (void)state;
    fflush(NULL);
    uint64_t before = header->next;
    pid_t child = fork();
    if (child == 0) {
        free(malloc(77));
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    // One that becomes a program finds the file taken.
    child = fork();
    if (child == 0) {
        execl("/proc/self/exe", "record_test", "77", NULL);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    for (uint64_t e = before; e < header->next; e++) {
        assert_int_not_equal(events[e].requested, 77);
    }
    assert_int_equal(header->pid, getpid());
    assert_int_equal(header->generation, 1);
    assert_int_equal(header->others, 1);
}

// The last test: nothing is written from here on.
static void
test_what_does_not_fit_is_counted(void **state)
{
    (void)state;
    while (header->next < LIMIT) {
        free(malloc(16));
    }
    uint64_t before = header->next;
    free(malloc(16));
    assert_int_equal(header->next, before + 2);
    assert_int_equal(events[LIMIT].what, 0);
    assert_int_not_equal(op_of(&events[LIMIT - 1]), APEX_TRACE_NONE);
}

// Runs this program again, to be recorded.
static int
run_again(char **argv)
{
    size_t bytes = APEX_TRACE_EVENTS_AT + (LIMIT + 1) * sizeof(struct apex_trace_event);
    int fd = memfd_create("record_test", 0);
    char name[64];

    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0) {
        perror("memfd");
        return 1;
    }
    struct apex_trace_header head = {.magic = APEX_TRACE_MAGIC, .limit = LIMIT};
    if (pwrite(fd, &head, sizeof head, 0) != sizeof head) {
        return 1;
    }
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    setenv(APEX_TRACE_VARIABLE, name, 1);
    execv("/proc/self/exe", argv);
    perror("exec");
    return 1;
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_begins_with_the_process),
        cmocka_unit_test(test_each_kind_of_call),
        cmocka_unit_test(test_a_refused_realloc),
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_children_are_silent),
        cmocka_unit_test(test_what_does_not_fit_is_counted),
    };
    const char *name = getenv(APEX_TRACE_VARIABLE);
    int fd = -1;

    if (argc == 2) { // a child
        free(malloc(77));
        return 0;
    }
    if (name == NULL) {
        return run_again(argv);
    }
    sscanf(name, "/proc/self/fd/%d", &fd);
    void *map = mmap(NULL, APEX_TRACE_EVENTS_AT + (LIMIT + 1) * sizeof *events,
                     PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(map, MAP_FAILED);
    header = map;
    events = (const void *)((const char *)map + APEX_TRACE_EVENTS_AT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
