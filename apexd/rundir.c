// SPDX-License-Identifier: MIT
//
// The runtime directory; see rundir.h.

#include "apexd/rundir.h"

#include "apexd/trust.h"

#include "libapex/abi/hello.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 256

bool
rundir_default(char *path, size_t capacity)
{
    const char *base = getenv("XDG_RUNTIME_DIR");
    int length;

    if (geteuid() == 0) {
        length = snprintf(path, capacity, "%s", APEX_RUNTIME_DIR);
    } else if (base != NULL && base[0] == '/') {
        length = snprintf(path, capacity, "%s/%s", base, APEX_RUNTIME_NAME);
    } else {
        return false;
    }
    return length > 0 && (size_t)length < capacity;
}

static int
rundir_socket(const char *path, const char *name, int type, struct sockaddr_un *address)
{
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    int length = snprintf(address->sun_path, sizeof address->sun_path, "%s/%s", path, name);
    if (length < 0 || (size_t)length >= sizeof address->sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

// Who holds the directory: the process that listens there; 0 when it cannot be told.
static pid_t
rundir_holder(const char *path)
{
    struct sockaddr_un address;
    struct ucred peer = {0, 0, 0};
    socklen_t bytes = sizeof peer;
    int fd = rundir_socket(path, APEX_CONTROL_SOCKET, SOCK_STREAM, &address);

    if (fd < 0) {
        return 0;
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0) {
        peer.pid = 0;
    }
    close(fd);
    return peer.pid;
}

static bool
rundir_check(int fd, const char *path, char why[RUNDIR_WHY_BYTES])
{
    struct stat status;

    if (fstat(fd, &status) != 0) {
        snprintf(why, RUNDIR_WHY_BYTES, "cannot look at %s: %s", path, strerror(errno));
        return false;
    }
    if (!trust_uid(status.st_uid)) {
        snprintf(why, RUNDIR_WHY_BYTES, "%s belongs to another user (uid %u)", path,
                 (unsigned)status.st_uid);
        return false;
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        snprintf(why, RUNDIR_WHY_BYTES, "%s can be written by others (mode %04o); chmod go-w it",
                 path, (unsigned)(status.st_mode & 07777));
        return false;
    }
    return true;
}

static bool
rundir_lock(int fd, const char *path, char why[RUNDIR_WHY_BYTES])
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        return true;
    }
    pid_t holder = rundir_holder(path);
    if (holder > 0) {
        snprintf(why, RUNDIR_WHY_BYTES, "another apexd (pid %d) serves %s", (int)holder, path);
    } else {
        snprintf(why, RUNDIR_WHY_BYTES, "another apexd serves %s", path);
    }
    return false;
}

bool
rundir_open(struct rundir *dir, const char *path, char why[RUNDIR_WHY_BYTES])
{
    dir->fd = -1;
    if (strlen(path) > RUNDIR_PATH_MAX) {
        snprintf(why, RUNDIR_WHY_BYTES, "the runtime directory is longer than %d bytes",
                 RUNDIR_PATH_MAX);
        return false;
    }
    snprintf(dir->path, sizeof dir->path, "%s", path);
    dir->made = mkdir(path, geteuid() == 0 ? 0755 : 0700) == 0;
    if (!dir->made && errno != EEXIST) {
        snprintf(why, RUNDIR_WHY_BYTES, "cannot make %s: %s", path, strerror(errno));
        return false;
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        snprintf(why, RUNDIR_WHY_BYTES, "cannot open %s: %s", path, strerror(errno));
        return false;
    }
    if (!rundir_check(fd, path, why) || !rundir_lock(fd, path, why)) {
        close(fd);
        return false;
    }
    dir->fd = fd;
    return true;
}

int
rundir_listen(const struct rundir *dir, const char *name, int type, mode_t mode, gid_t group,
              char why[RUNDIR_WHY_BYTES])
{
    struct sockaddr_un address;
    int fd = rundir_socket(dir->path, name, type, &address);

    if (fd < 0) {
        snprintf(why, RUNDIR_WHY_BYTES, "cannot make a socket: %s", strerror(errno));
        return -1;
    }
    rundir_unlink(dir, name);
    // Between bind and listen nobody can connect, so nobody finds the socket with another mode.
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        fchmodat(dir->fd, name, mode, 0) != 0 ||
        (group != (gid_t)-1 &&
         fchownat(dir->fd, name, (uid_t)-1, group, AT_SYMLINK_NOFOLLOW) != 0) ||
        listen(fd, BACKLOG) != 0) {
        snprintf(why, RUNDIR_WHY_BYTES, "cannot listen on %s: %s", address.sun_path,
                 strerror(errno));
        close(fd);
        return -1;
    }
    return fd;
}

void
rundir_unlink(const struct rundir *dir, const char *name)
{
    (void)unlinkat(dir->fd, name, 0);
}

void
rundir_close(struct rundir *dir)
{
    if (dir->fd >= 0) {
        // While it is still ours: nobody else has begun to serve it.
        if (dir->made) {
            (void)rmdir(dir->path);
        }
        close(dir->fd);
        dir->fd = -1;
    }
}
