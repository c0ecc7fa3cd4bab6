// SPDX-License-Identifier: MIT
//
// Exercise 2 of phase III: a lock for each size class, and one for the region.

// IN heap.c
static struct lock heap_class[SIZE_CLASS_COUNT];
static struct lock heap_region;

static void
heap_take(struct lock *lock)
{
    if (!heap_held) {
        lock_acquire(lock);
    }
}

static void
heap_give(struct lock *lock)
{
    if (!heap_held) {
        lock_release(lock);
    }
}

// Always in this order, as everybody else: the classes, and the region last.
void
heap_hold(void)
{
    for (unsigned c = 0; c < SIZE_CLASS_COUNT; c++) {
        lock_acquire(&heap_class[c]);
    }
    lock_acquire(&heap_region);
    heap_held = true;
}

void
heap_let_go(void)
{
    heap_held = false;
    lock_release(&heap_region);
    for (unsigned c = 0; c < SIZE_CLASS_COUNT; c++) {
        lock_release(&heap_class[c]);
    }
}

static struct block *
heap_open(unsigned c)
{
    heap_take(&heap_region);
    struct block *block = region_take(1, BLOCK_BYTES);
    if (block != NULL) {
        block->state = BLOCK_CHUNKS;
    }
    heap_give(&heap_region);
    if (block != NULL) {
        block_open(block, c);
        heap_enter(block);
    }
    return block;
}

static void
heap_give_back(struct block *block)
{
    heap_take(&heap_region);
    region_give(block);
    heap_give(&heap_region);
}

static void *
heap_alloc_small(unsigned c)
{
    struct block *block = heap_available[c];

    if (block == NULL && (block = heap_open(c)) == NULL) {
        return NULL;
    }
    void *p = block_take(block, region_memory(block));
    if (block->used == block->capacity) {
        heap_leave(block);
    }
    return p;
}

void *
heap_alloc(size_t size, size_t align)
{
    bool large = size > CHUNK_BYTES_MAX || align > CHUNK_BYTES_MAX;
    size_t chunk = large ? 0 : align > ALIGN_BYTES ? heap_power_of_two(size, align) : size;
    unsigned c = size_class_of(chunk);
    struct lock *lock = large ? &heap_region : &heap_class[c];

    heap_take(lock);
    void *p = large ? heap_alloc_large(size, align) : heap_alloc_small(c);
    heap_give(lock);
    return p;
}

static void
heap_free_small(struct block *block, void *p)
{
    bool was_full = block->used == block->capacity;

    block_put(block, p);
    if (was_full) {
        heap_enter(block);
    }
    bool alone = block->next == NULL && block->previous == NULL;
    if (block->used == 0 && !alone) {
        heap_leave(block);
        heap_give_back(block);
    }
}

void
heap_free(void *p)
{
    struct block *block = region_block_of(p);
    struct lock *lock = &heap_class[block->size_class];

    heap_fill(p);
    if (block->state == BLOCK_LARGE) {
        heap_give_back(block);
        return;
    }
    heap_take(lock);
    heap_free_small(block, p);
    heap_give(lock);
}
