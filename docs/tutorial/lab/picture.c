// SPDX-License-Identifier: MIT
//
// A few calls, and the picture of the heap that they leave: the same in every phase. Objects of
// several sizes, one of them aligned, two freed, one of those places perhaps used again.

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

int
main(void)
{
    void (*picture)(int) = (void (*)(int))dlsym(RTLD_DEFAULT, "tiny_picture");
    char *name, *row, *words[12];
    void *page = NULL;

    if (picture == NULL) {
        fputs("picture: needs LD_PRELOAD=build/libtiny.so\n", stderr);
        return 1;
    }
    name = malloc(100);
    row = malloc(1000);
    for (int i = 0; i < 12; i++) {
        words[i] = malloc(24);
    }
    free(row);
    free(words[3]);
    free(words[4]);
    row = malloc(40);
    if (posix_memalign(&page, 256, 512) != 0) {
        return 1;
    }
    picture(1);
    free(name);
    return 0;
}
