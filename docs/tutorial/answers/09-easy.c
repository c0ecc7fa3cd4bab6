// SPDX-License-Identifier: MIT
//
// Phase IX, easy exercise: the figure that people ask for, how much of what the heap holds is not
// objects.
//
// IN stats.c

void
stats_print(int fd)
{
    struct tiny_stats stats;

    tiny_stats(&stats);
    size_t held = stats.block_bytes + stats.dirty_bytes;
    size_t waste = held == 0 ? 0 : 100 * (held - stats.object_bytes) / held;
    text_print(fd, "libtiny: %zu objects of %zu KiB in %zu KiB, %zu %% of it waste\n",
               stats.objects, stats.object_bytes / 1024, held / 1024, waste);
}
