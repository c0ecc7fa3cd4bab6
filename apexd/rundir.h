// SPDX-License-Identifier: MIT
//
// The runtime directory: where the sockets are. One daemon holds it, by a lock that ends with
// the daemon however that ends; so whatever sockets are found there once the lock is ours are
// left over, and go. One thread.

#ifndef APEXD_RUNDIR_H
#define APEXD_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define RUNDIR_PATH_MAX 90 // a socket's address has 108 bytes
#define RUNDIR_WHY_BYTES 256

struct rundir {
    int fd;    // locked
    bool made; // by us: so it goes when we do
    char path[RUNDIR_PATH_MAX + 1];
};

// /run/apexd for root, $XDG_RUNTIME_DIR/apexd for others; false when that is not set or too long.
bool rundir_default(char *path, size_t capacity);

// Makes the directory if need be (but not its parents), checks that nobody else can write to
// it, and takes it. False with a sentence in `why`.
bool rundir_open(struct rundir *dir, const char *path, char why[RUNDIR_WHY_BYTES]);

// A listening socket in it: `type` SOCK_SEQPACKET or SOCK_STREAM, non-blocking. `group`
// (gid_t)-1 leaves the group alone. -1 with a sentence in `why`.
int rundir_listen(const struct rundir *dir, const char *name, int type, mode_t mode, gid_t group,
                  char why[RUNDIR_WHY_BYTES]);

void rundir_unlink(const struct rundir *dir, const char *name);

// Gives it up, and removes it if we made it and nothing is in it.
void rundir_close(struct rundir *dir);

#endif
