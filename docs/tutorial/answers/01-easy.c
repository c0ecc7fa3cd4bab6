// SPDX-License-Identifier: MIT
//
// Phase I, easy exercise: calloc by malloc and memset. It is right as long as the compiler is told
// by -fno-builtin that these are not the functions it knows: otherwise it makes one call of calloc
// of the two, in calloc.
//
// IN malloc.c

EXPORT void *
calloc(size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    void *p = malloc(bytes);
    return p == NULL ? NULL : memset(p, 0, bytes);
}
