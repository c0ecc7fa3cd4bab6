// SPDX-License-Identifier: MIT
//
// Phase VIII, easy exercise: pages come from where most of them are, so that a call to the kernel
// gives back many at once.
//
// IN superblock_run.c

struct block *
superblock_take_dirty(void)
{
    struct superblock *best = NULL;
    int most = 0;

    for (struct superblock *sb = superblock_list; sb != NULL; sb = sb->next) {
        if (__builtin_popcountll(sb->dirty) > most) {
            most = __builtin_popcountll(sb->dirty);
            best = sb;
        }
    }
    if (best == NULL) {
        return NULL;
    }
    size_t at = (size_t)__builtin_ctzll(best->dirty);
    size_t blocks = 1;
    while (blocks < RUN_BLOCKS_MAX && (best->dirty >> at >> blocks & 1) != 0) {
        blocks++;
    }
    return superblock_mark(best, at, blocks);
}
