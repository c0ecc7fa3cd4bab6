// SPDX-License-Identifier: MIT
//
// Makes and unmakes mappings.

#include "large.h"

#include "os.h"

#include <stdint.h>

static struct large *large_list;

const struct large *
large_first(void)
{
    return large_list;
}

static void
large_enter(struct large *large)
{
    large->previous = NULL;
    large->next = large_list;
    if (large_list != NULL) {
        large_list->previous = large;
    }
    large_list = large;
    registry_add(&large->span);
}

static void
large_leave(struct large *large)
{
    registry_remove(&large->span);
    if (large->next != NULL) {
        large->next->previous = large->previous;
    }
    if (large->previous != NULL) {
        large->previous->next = large->next;
    } else {
        large_list = large->next;
    }
}

// The object begins so far behind the mapping's begin as it has to be aligned; its span lies at the
// last multiple of 4 MiB before it.
void *
large_alloc(size_t size, size_t align)
{
    // BEGIN STEP 5: return NULL;
    size_t lead = align > PAGE_BYTES ? align : PAGE_BYTES;
    size_t bytes = (size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    size_t total = lead + bytes;
    char *mapped = total < bytes || bytes < size
                       ? NULL
                       : os_reserve(total, lead > SPAN_BYTES ? lead : SPAN_BYTES);

    if (mapped == NULL) {
        return NULL;
    }
    char *object = mapped + lead;
    struct large *large = (struct large *)(((uintptr_t)object - 1) & ~(SPAN_BYTES - 1));
    if (!os_commit(large, (size_t)(mapped + total - (char *)large))) {
        os_release(mapped, total);
        return NULL;
    }
    *large = (struct large){{SPAN_LARGE}, bytes, mapped, total, NULL, NULL};
    large_enter(large);
    return object;
    // END STEP 5
}

void
large_free(struct large *large)
{
    // BEGIN STEP 5:
    large_leave(large);
    os_release(large->mapped, large->mapped_bytes);
    // END STEP 5
}
