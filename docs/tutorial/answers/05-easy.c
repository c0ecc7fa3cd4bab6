// SPDX-License-Identifier: MIT
//
// Phase V, easy exercise: the owner takes back what others have returned also when it frees, once
// in 256 times, so a thread that only frees does not let it pile up.
//
// IN heap.c

static void
heap_free_mine(struct block *block, void *p)
{
    static __thread unsigned frees __attribute__((tls_model("initial-exec")));

    heap_put(block, p);
    if (++frees % 256 == 0 && thread_mine != NULL) {
        heap_collect(thread_mine);
    }
}

void
heap_free(void *p)
{
    struct span *span = registry_find(p);

    if (span == NULL) {
        heap_refuse();
    }
    heap_fill(p);
    struct block *block = span->kind == SPAN_LARGE ? NULL : superblock_block_of(p);
    if (block == NULL || block->state == BLOCK_LARGE) {
        heap_free_large(span, block);
    } else if (block->owner == thread_mine) {
        heap_free_mine(block, p);
    } else {
        heap_return(block, p);
    }
}
