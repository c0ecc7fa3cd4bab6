// SPDX-License-Identifier: MIT
//
// Loads libapex-dlopen.so.0 into a running program and uses it from threads older and younger than
// the load, which free each other's memory. The program's own malloc stays what it was.
//
//   dlopen PATH

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OLD = 3, YOUNG = 3, OBJECTS = 20000 };

static void *(*new_malloc)(size_t);
static void (*new_free)(void *);
static size_t (*new_usable)(void *);
static pthread_barrier_t loaded;
static _Atomic(unsigned char *) exchange[1024];
static atomic_int errors;

static void *
work(void *arg)
{
    unsigned seed = (unsigned)(uintptr_t)arg;

    if (seed < OLD) {
        pthread_barrier_wait(&loaded);
    }
    for (int i = 0; i < OBJECTS; i++) {
        size_t size = 1 + (size_t)rand_r(&seed) % (i % 100 == 0 ? 300000 : 500);
        unsigned char *p = new_malloc(size);
        if (p == NULL || (uintptr_t)p % 16 != 0 || new_usable(p) < size) {
            errors++;
            return NULL;
        }
        memset(p, 0xab, size);
        p = atomic_exchange(&exchange[rand_r(&seed) % 1024], p);
        if (p != NULL && p[0] != 0xab) {
            errors++;
        }
        new_free(p);
    }
    return NULL;
}

static void *
symbol(void *library, const char *name)
{
    void *address = dlsym(library, name);

    if (address == NULL) {
        fprintf(stderr, "dlopen: %s\n", dlerror());
        exit(1);
    }
    return address;
}

int
main(int argc, char **argv)
{
    pthread_t threads[OLD + YOUNG];
    void *other = dlopen(NULL, RTLD_NOW);
    void *plain_malloc = dlsym(other, "malloc");

    pthread_barrier_init(&loaded, NULL, OLD + 1);
    for (uintptr_t i = 0; i < OLD; i++) {
        pthread_create(&threads[i], NULL, work, (void *)i);
    }
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_GLOBAL) : NULL;
    if (library == NULL) {
        fprintf(stderr, "dlopen: %s\n", dlerror());
        return 1;
    }
    *(void **)&new_malloc = symbol(library, "apex_malloc");
    *(void **)&new_free = symbol(library, "apex_free");
    *(void **)&new_usable = symbol(library, "apex_malloc_usable_size");
    pthread_barrier_wait(&loaded);
    for (uintptr_t i = OLD; i < OLD + YOUNG; i++) {
        pthread_create(&threads[i], NULL, work, (void *)i);
    }
    for (int i = 0; i < OLD + YOUNG; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < 1024; i++) {
        new_free(exchange[i]);
    }
    // Names of its own only: it is a guest here.
    if (dlsym(library, "malloc") != plain_malloc) {
        errors++;
    }
    dlclose(library); // threads that have used it may still run its exit hook: it stays mapped
    printf("errors: %d\n", (int)errors);
    return errors != 0;
}
