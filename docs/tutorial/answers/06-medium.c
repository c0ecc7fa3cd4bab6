// SPDX-License-Identifier: MIT
//
// Phase VI, medium exercise: a list that was pushed last in, first out is turned round when it is
// taken, so that what was freed first is used again first.
//
// IN remote.c

static struct chunk *
remote_turn(struct chunk *chunk)
{
    struct chunk *turned = NULL;

    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        chunk->next = turned;
        turned = chunk;
        chunk = next;
    }
    return turned;
}

struct chunk *
remote_take_all(struct remote *remote)
{
    return remote_turn(atomic_exchange_explicit(&remote->first, NULL, memory_order_acquire));
}
