// SPDX-License-Identifier: MIT
//
// A folder of small files that stands in for one of the kernel's, for code that can be told where
// those are.

#ifndef APEX_TESTS_TREE_H
#define APEX_TESTS_TREE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TREE_ROOT_BYTES 64

static inline void
tree_begin(char root[TREE_ROOT_BYTES])
{
    strcpy(root, "/tmp/apex-tree.XXXXXX");
    if (mkdtemp(root) == NULL) {
        abort();
    }
}

// `path` begins with a slash; its folders are made.
static inline void
tree_write(const char *root, const char *path, const char *text)
{
    char name[256];

    snprintf(name, sizeof name, "%s%s", root, path);
    for (char *slash = strchr(name + strlen(root) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(name, 0700);
        *slash = '/';
    }
    FILE *file = fopen(name, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        abort();
    }
}

static inline int
tree_remove(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void
tree_end(const char *root)
{
    nftw(root, tree_remove, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
