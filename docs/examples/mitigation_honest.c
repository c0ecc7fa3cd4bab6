// SPDX-License-Identifier: MIT
//
// Frees with the size that was asked for, in every way to ask: a mitigation that stops one of them
// stops programs that do nothing wrong. Run by mitigation.sh with its patch.

#include <apex.h>

#include <stdio.h>

static unsigned freed_count;

static void
free_again(void *p, size_t size)
{
    if (p != NULL) {
        apex_free_sized(p, size);
        freed_count++;
    }
}

int
main(void)
{
    for (size_t size = 0; size < (size_t)4 << 20; size += 1 + size / 64) {
        free_again(apex_malloc(size), size);
        free_again(apex_calloc(1, size), size);
        free_again(apex_realloc(apex_malloc(2 * size + 1), size == 0 ? 1 : size),
                   size == 0 ? 1 : size);
        for (size_t align = 16; align <= 65536; align *= 16) {
            void *p = apex_aligned_alloc(align, size);
            if (p != NULL) {
                apex_free_aligned_sized(p, align, size);
                freed_count++;
            }
        }
    }
    apex_free_sized(NULL, 5);
    printf("%u frees, none stopped\n", freed_count);
    return 0;
}
