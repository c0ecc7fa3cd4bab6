// SPDX-License-Identifier: MIT
//
// Phase X, medium exercise: the audit goes along the lists backwards as well.
//
// IN audit.c

static bool
audit_in_list(const struct block *block)
{
    const struct block *before = NULL;
    const struct block *at = block->owner->available[block->size_class];

    while (at != NULL && at != block && at->previous == before) {
        before = at;
        at = at->next;
    }
    return at == block && at->previous == before;
}
