// SPDX-License-Identifier: MIT
//
// The contract of os_page.h on Linux. Raw system calls: the wrappers of connect, sendmsg, recvmsg,
// poll and close are cancellation points, and malloc is not one.

#define _GNU_SOURCE

#include "os/os_page.h"

#include "base/compiler.h"
#include "os/os.h"
#include "os/os_raw.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U // Linux 6.3
#endif
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010 // Linux 5.1
#endif
#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

#define INTERRUPTIONS_MAX 8   // of one wait, each of which starts it anew
#define STATUS_BYTES_MAX 8192 // of /proc/thread-self/status; about 1500 are usual

int
os_page_create(const char *name, size_t bytes, int *fd)
{
    unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    long made = OS_RAW(SYS_memfd_create, name, flags | MFD_NOEXEC_SEAL);

    if (made == -EINVAL) {
        made = OS_RAW(SYS_memfd_create, name, flags);
    }
    if (made < 0) {
        return os_raw_error(made);
    }
    long result = OS_RAW(SYS_ftruncate, made, bytes);
    if (result == 0) {
        result = OS_RAW(SYS_fallocate, made, 0, 0L, bytes);
    }
    if (result < 0) {
        os_close((int)made);
        return os_raw_error(result);
    }
    *fd = (int)made;
    return 0;
}

static int
os_page_mmap(void *at, size_t bytes, int protection, int flags, int fd, void **out)
{
    // Not mmap(): what stands in for it in some builds (ThreadSanitizer) takes the replacement of a
    // page under those who store into it for a race, and it is the point.
    long result = OS_RAW(SYS_mmap, at, bytes, protection, flags, fd, 0L);

    // Addresses of programs are positive; errors are the last few numbers below zero.
    if (result < 0) {
        return os_raw_error(result);
    }
    *out = (void *)result;
    return 0;
}

int
os_page_map(int fd, size_t bytes, void *at, void **out)
{
    int flags = MAP_SHARED | (at == NULL ? 0 : MAP_FIXED);
    return os_page_mmap(at, bytes, PROT_READ | PROT_WRITE, flags, fd, out);
}

int
os_page_seal(int fd)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    return os_raw_error(OS_RAW(SYS_fcntl, fd, F_ADD_SEALS, seals));
}

int
os_page_lease(int fd)
{
    return os_raw_error(OS_RAW(SYS_flock, fd, LOCK_SH | LOCK_NB));
}

int
os_page_make(const char *name, size_t bytes, void *at, void **out, int *fd)
{
    int error = os_page_create(name, bytes, fd);

    if (error != 0) {
        return error;
    }
    // Order matters: a sealed page can no longer be mapped writable.
    error = os_page_map(*fd, bytes, at, out);
    bool mapped = error == 0;
    if (error == 0) {
        error = os_page_seal(*fd);
    }
    if (error == 0) {
        error = os_page_lease(*fd);
    }
    if (error != 0) {
        os_close(*fd);
        if (mapped && at == NULL) {
            os_page_unmap(*out, bytes);
        }
    }
    return error;
}

int
os_page_discard(void *address, size_t bytes)
{
    void *same;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED;
    return os_page_mmap(address, bytes, PROT_READ | PROT_WRITE, flags, -1, &same);
}

int
os_page_map_foreign(int fd, size_t bytes, void **out)
{
    struct stat status;
    int saved = errno;
    int failed = fstat(fd, &status);

    errno = saved;
    if (failed != 0 || status.st_size < 0 || (size_t)status.st_size < bytes) {
        return EINVAL;
    }
    long seals = OS_RAW(SYS_fcntl, fd, F_GET_SEALS);
    if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) {
        return EPERM;
    }
    // A memfd of huge pages may have seals, yet touching it raises SIGBUS when there is no huge
    // page.
    if (!S_ISREG(status.st_mode) || (size_t)status.st_blksize != os_page_bytes()) {
        return EPERM;
    }
    return os_page_mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, out);
}

void
os_page_unmap(void *address, size_t bytes)
{
    (void)OS_RAW(SYS_munmap, address, bytes);
}

int
os_page_sentinel(void **out)
{
    size_t bytes = os_page_bytes();
    int error =
        os_page_mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, out);

    if (error != 0) {
        return error;
    }
    error = os_raw_error(OS_RAW(SYS_madvise, *out, bytes, MADV_WIPEONFORK));
    if (error != 0) {
        os_page_unmap(*out, bytes);
    }
    return error;
}

bool
os_path_exists(const char *path)
{
    long fd = OS_RAW(SYS_openat, AT_FDCWD, path, O_PATH | O_CLOEXEC);

    if (fd < 0) {
        return false;
    }
    os_close((int)fd);
    return true;
}

// The number behind `name` at the start of a line; -1 when there is none.
static int
os_status_number(const char *text, const char *name)
{
    const char *found = strstr(text, name);
    int number = 0;

    if (found == NULL) {
        return -1;
    }
    found += strlen(name);
    while (*found == ' ' || *found == '\t') {
        found++;
    }
    if (*found < '0' || *found > '9') {
        return -1;
    }
    for (unsigned i = 0; i < 9 && *found >= '0' && *found <= '9'; i++) {
        number = number * 10 + (*found++ - '0');
    }
    return number;
}

// Not prctl(PR_GET_SECCOMP), which a strict sandbox answers by killing the program: opening a
// file is what sandboxes expect of every library, and refuse with an error.
int
os_sandbox_filters(void)
{
    char text[STATUS_BYTES_MAX];
    size_t length;

    if (os_read_file("/proc/thread-self/status", text, sizeof text - 1, &length) != 0) {
        return -1;
    }
    text[length] = '\0';
    int mode = os_status_number(text, "\nSeccomp:");
    return mode == 0 ? 0 : os_status_number(text, "\nSeccomp_filters:");
}

int
os_connect(const char *path, int *fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(path);

    if (length >= sizeof address.sun_path) {
        return ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, length);
    long made = OS_RAW(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0) {
        return os_raw_error(made);
    }
    long result = OS_RAW(SYS_connect, made, &address, sizeof address);
    if (result < 0) {
        os_close((int)made);
        return os_raw_error(result);
    }
    *fd = (int)made;
    return 0;
}

int
os_peer_pid(int fd)
{
    struct ucred peer = {0, 0, 0};
    socklen_t bytes = sizeof peer;
    long result = OS_RAW(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes);
    return result < 0 ? 0 : peer.pid;
}

// Room for the one descriptor a message may carry.
union os_page_control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int
os_send_fd(int fd, const void *message, size_t bytes, int passed)
{
    union os_page_control control;
    struct iovec part = {(void *)(uintptr_t)message, bytes};
    struct msghdr whole = {.msg_iov = &part, .msg_iovlen = 1};

    memset(&control, 0, sizeof control);
    whole.msg_control = &control;
    whole.msg_controllen = CMSG_SPACE(sizeof(int));
    struct cmsghdr *header = CMSG_FIRSTHDR(&whole);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &passed, sizeof passed);
    return os_raw_error(OS_RAW(SYS_sendmsg, fd, &whole, MSG_NOSIGNAL | MSG_DONTWAIT));
}

static int
os_page_wait(int fd, unsigned timeout_ms)
{
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000};
    long result = -EINTR;

    // A profiler's signals must not end the wait, nor make it endless.
    for (unsigned i = 0; i < INTERRUPTIONS_MAX && result == -EINTR; i++) {
        result = OS_RAW(SYS_ppoll, &wanted, 1, &timeout, NULL, _NSIG / 8);
    }
    return result < 0 ? os_raw_error(result) : result == 0 ? ETIMEDOUT : 0;
}

int
os_receive_fd(int fd, void *message, size_t bytes, unsigned timeout_ms, size_t *length, int *passed)
{
    union os_page_control control;
    struct iovec part = {message, bytes};
    struct msghdr whole = {.msg_iov = &part, .msg_iovlen = 1};
    int error = os_page_wait(fd, timeout_ms);

    *length = 0;
    *passed = -1;
    if (error != 0) {
        return error;
    }
    memset(&control, 0, sizeof control);
    whole.msg_control = &control;
    // Not CMSG_SPACE: its padding has room for a second descriptor, which would then be ours.
    whole.msg_controllen = CMSG_LEN(sizeof(int));
    long got = OS_RAW(SYS_recvmsg, fd, &whole, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got <= 0) {
        return got == 0 ? ECONNRESET : os_raw_error(got);
    }
    *length = (size_t)got;
    struct cmsghdr *header = CMSG_FIRSTHDR(&whole);
    if (header != NULL && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int))) {
        memcpy(passed, CMSG_DATA(header), sizeof *passed);
    }
    return 0;
}

void
os_close(int fd)
{
    (void)OS_RAW(SYS_close, fd);
}
