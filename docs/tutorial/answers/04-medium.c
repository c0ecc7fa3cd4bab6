// SPDX-License-Identifier: MIT
//
// Phase IV, medium exercise: a run comes from the fullest superblock that has one, so that the
// others can become empty and go back.
//
// IN superblock_run.c

static int
superblock_free_count(const struct superblock *sb)
{
    return __builtin_popcountll(sb->free);
}

struct block *
superblock_take(size_t blocks, size_t align)
{
    struct superblock *best = NULL;
    size_t best_at = 0;

    for (struct superblock *sb = superblock_list; sb != NULL; sb = sb->next) {
        size_t at = superblock_find(sb, blocks, align);
        if (at != 0 && (best == NULL || superblock_free_count(sb) < superblock_free_count(best))) {
            best = sb;
            best_at = at;
        }
    }
    if (best == NULL && ((best = superblock_make()) == NULL ||
                         (best_at = superblock_find(best, blocks, align)) == 0)) {
        return NULL;
    }
    struct block *first = superblock_mark(best, best_at, blocks);
    if (first == NULL) {
        superblock_settle(best);
    }
    return first;
}
