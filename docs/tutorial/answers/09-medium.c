// SPDX-License-Identifier: MIT
//
// Phase IX, medium exercise: what is still live at the end, by size. A program that frees what it
// needs no more has few of any size; a leak is a line that grows with the work done.
//
// IN stats.c

struct stats_sizes {
    size_t objects[64]; // by the position of the highest bit of the size
};

static void
stats_visit(void *object, size_t bytes, void *argument)
{
    struct stats_sizes *sizes = argument;

    (void)object;
    sizes->objects[63 - __builtin_clzl(bytes)]++;
}

void
stats_print(int fd)
{
    struct stats_sizes sizes = {{0}};

    tiny_walk(stats_visit, &sizes);
    text_print(fd, "libtiny: objects of at least so many bytes\n");
    for (unsigned i = 0; i < 64; i++) {
        if (sizes.objects[i] > 0) {
            text_print(fd, "%12zu %8zu\n", (size_t)1 << i, sizes.objects[i]);
        }
    }
}
