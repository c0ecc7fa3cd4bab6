// SPDX-License-Identifier: MIT
//
// Phase V: a thread that has memory of its own asks nobody for it, and what it had is not lost when
// it exits.

#include "holder.h"
#include "memory.h"

enum { OBJECTS = 10000, ROUNDS = 100, THREADS = 200 };

// What the process does in which a thread holds the lock: objects of a size that it has a block of.
static void
test_allocate_meanwhile(void)
{
    static char *object[100];
    char *kept = malloc(100);

    holder_begin();
    for (int i = 0; i < 100; i++) {
        object[i] = malloc(100);
        memset(object[i], i, 100);
    }
    for (int i = 0; i < 100; i++) {
        free(object[i]);
    }
    _exit(kept == NULL ? 1 : 0);
}

static void
test_without_lock(void)
{
    pid_t child = fork();

    if (child == 0) {
        test_allocate_meanwhile();
    }
    enum holder_ending ending = holder_ending(child);
    require(ending != HOLDER_SLEEPS,
            "a thread waits for another one, though it has memory of its own");
    require(ending == HOLDER_ENDS, "a thread that allocates while another holds the lock dies");
    show("a thread allocates and frees while another holds the lock");
}

// One object of each size class.
static void *
test_come_and_go(void *unused)
{
    (void)unused;
    for (size_t bytes = 16; bytes <= 16384; bytes += bytes / 8 + 1) {
        char *p = malloc(bytes);
        memset(p, 1, bytes);
        free(p);
    }
    return NULL;
}

static void
test_exits(void)
{
    size_t before = memory_kib(MEMORY_RESIDENT);

    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        require(pthread_create(&thread, NULL, test_come_and_go, NULL) == 0, "no thread");
        pthread_join(thread, NULL);
    }
    size_t after = memory_kib(MEMORY_RESIDENT);
    require(after < before + 8192, "%d threads that have exited hold %zu KiB", THREADS,
            after - before);
    show("a thread goes on with what an exited one had");
}

static void *
test_free_one(void *object)
{
    free(object);
    return NULL;
}

// What another thread frees is not what the owner gets next, as it would be if that thread had put
// it into the owner's list.
static void
test_own_lists(void)
{
    char *kept = malloc(100), *gone = malloc(100);
    pthread_t thread;

    require(pthread_create(&thread, NULL, test_free_one, gone) == 0, "no thread");
    pthread_join(thread, NULL);
    char *next = malloc(100);
    require(next != gone, "a thread has changed a list of another one");
    free(next);
    free(kept);
}

static char *between, *late;

static void *
test_between(void *unused)
{
    (void)unused;
    between = malloc(100);
    free(between);
    return NULL;
}

// A destructor that comes behind libtiny's, when the thread's heap has been passed on. Another
// thread allocates and frees; if both have the same heap, this one gets the same chunk.
static void
test_destructor(void *first)
{
    pthread_t thread;

    free(malloc(100));
    require(pthread_create(&thread, NULL, test_between, NULL) == 0, "no thread");
    pthread_join(thread, NULL);
    late = malloc(100);
    free(late);
    free(first);
}

static void *
test_set_key(void *key)
{
    pthread_setspecific(*(pthread_key_t *)key, malloc(100));
    return NULL;
}

static void
test_one_owner(void)
{
    pthread_key_t key; // younger than libtiny's, so its destructor comes later
    pthread_t thread;

    require(pthread_key_create(&key, test_destructor) == 0, "no key");
    require(pthread_create(&thread, NULL, test_set_key, &key) == 0, "no thread");
    pthread_join(thread, NULL);
    require(late != between, "two threads have the same heap");
    pthread_key_delete(key);
}

static char *passed[OBJECTS];

static void *
test_free_all(void *unused)
{
    (void)unused;
    for (int i = 0; i < OBJECTS; i++) {
        require(passed[i][0] == (char)i && passed[i][99] == (char)i, "an object has changed");
        free(passed[i]);
    }
    return NULL;
}

// Every object is freed by a thread that has not allocated it.
static void
test_pass_on(void)
{
    size_t before = memory_kib(MEMORY_RESIDENT);

    for (int round = 0; round < ROUNDS; round++) {
        pthread_t thread;
        for (int i = 0; i < OBJECTS; i++) {
            passed[i] = malloc(100);
            memset(passed[i], i, 100);
        }
        require(pthread_create(&thread, NULL, test_free_all, NULL) == 0, "no thread");
        pthread_join(thread, NULL);
    }
    require(memory_kib(MEMORY_RESIDENT) < before + 8192, "what others free is lost: %zu KiB",
            memory_kib(MEMORY_RESIDENT) - before);
    show("what another thread frees comes back");
}

int
main(void)
{
    test_without_lock();
    test_exits();
    test_one_owner();
    test_own_lists();
    test_pass_on();
    return 0;
}
