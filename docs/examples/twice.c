// SPDX-License-Identifier: MIT
//
// An allocator with a mistake, for docs/experiments/workload.md: every third object is handed out a
// second time. It has no free: what is given back is forgotten.
//
//   cc -shared -fPIC -o twice.so docs/examples/twice.c

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define ROOM_BYTES ((size_t)4 << 30)
#define ALIGN_BYTES ((size_t)16)

static char *twice_at;
static char *twice_end;
static void *twice_last;
static unsigned twice_count;

void *
malloc(size_t size)
{
    size_t bytes = (size / ALIGN_BYTES + 1) * ALIGN_BYTES;

    if (twice_at == NULL) {
        twice_at = mmap(NULL, ROOM_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        twice_end = twice_at + ROOM_BYTES;
    }
    if (size > ROOM_BYTES || bytes > (size_t)(twice_end - twice_at)) {
        return NULL;
    }
    if (++twice_count % 3 == 0 && twice_last != NULL) {
        return twice_last;
    }
    twice_last = twice_at;
    twice_at += bytes;
    return twice_last;
}

void
free(void *p)
{
    (void)p;
}

void *
calloc(size_t count, size_t size)
{
    void *p = count != 0 && size > SIZE_MAX / count ? NULL : malloc(count * size);
    return p == NULL ? NULL : memset(p, 0, count * size);
}

void *
realloc(void *old, size_t size)
{
    void *p = malloc(size);
    return p == NULL || old == NULL ? p : memmove(p, old, size);
}
