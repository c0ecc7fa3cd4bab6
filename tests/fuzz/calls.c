// SPDX-License-Identifier: MIT
//
// Calls by name, and the thread that makes those that the first does not make.

#include "calls.h"

#include "apex.h"
#include "front/sealed.h"
#include "outside.h"
#include "policy/inspect.h"
#include "policy/pool.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>

static void *
call_alloc(const struct call *c)
{
    if (c->kind != SEAL_MALLOC) {
        return c->align == 0 ? sealed_alloc(c->size, c->kind)
                             : sealed_aligned(c->size, c->align, c->kind);
    }
    return c->align == 0 ? apex_malloc(c->size) : apex_aligned_alloc(c->align, c->size);
}

static void
call_free(const struct call *c)
{
    if (c->kind != SEAL_MALLOC) {
        sealed_free(c->p, (struct seal_claim){.kind = c->kind, .size = c->size});
    } else if (c->size != SEAL_ANY_SIZE) {
        apex_free_sized(c->p, c->size);
    } else {
        apex_free(c->p);
    }
}

static void
call_run(struct call *c)
{
    errno = CALL_ERRNO;
    switch (c->what) {
    case CALL_ALLOC:
        c->result = call_alloc(c);
        break;
    case CALL_CALLOC:
        c->result = apex_calloc(1, c->size);
        break;
    case CALL_REALLOC:
        c->result = apex_realloc(c->p, c->size);
        break;
    case CALL_FREE:
        call_free(c);
        break;
    case CALL_USABLE_SIZE:
        c->number = apex_malloc_usable_size(c->p);
        break;
    case CALL_CHECK_RANGE:
        c->number = (size_t)apex_check_range(c->p, c->size);
        break;
    case CALL_TRIM:
        apex_malloc_trim(c->size);
        break;
    case CALL_INSPECT:
        if (heap_self.heap->live) {
            inspect_heap(heap_self.heap, SIZE_MAX);
        }
        break;
    case CALL_AUDIT:
        if (heap_self.heap->live) {
            heap_audit(heap_self.heap);
        }
        pool_audit();
        break;
    }
    c->error = errno;
    c->heap = heap_self.heap;
}

static struct helper {
    pthread_t thread;
    sem_t go;
    sem_t done;
    struct call *call; // NULL: end
    bool runs;
} helper;

static void
helper_wait(sem_t *sem)
{
    while (sem_wait(sem) != 0) {
    }
}

static void *
helper_main(void *unused)
{
    (void)unused;
    for (;;) {
        helper_wait(&helper.go);
        if (helper.call == NULL) {
            return NULL;
        }
        call_run(helper.call);
        sem_post(&helper.done);
    }
}

void
call_renew_helper(void)
{
    if (!helper.runs) {
        return; // it will be new when it is needed
    }
    helper.call = NULL;
    sem_post(&helper.go);
    pthread_join(helper.thread, NULL);
    sem_destroy(&helper.go);
    sem_destroy(&helper.done);
    helper.runs = false;
}

void
call_make(struct call *call, bool by_helper)
{
    outside_forget();
    if (!by_helper) {
        call_run(call);
        return;
    }
    if (!helper.runs) {
        sem_init(&helper.go, 0, 0);
        sem_init(&helper.done, 0, 0);
        if (pthread_create(&helper.thread, NULL, helper_main, NULL) != 0) {
            finding("cannot start a thread", NULL, 0);
        }
        helper.runs = true;
    }
    helper.call = call;
    sem_post(&helper.go);
    helper_wait(&helper.done);
}
