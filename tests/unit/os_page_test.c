// SPDX-License-Identifier: MIT
//
// Unit test of os/os_page.c: pages nobody can take away, what a stranger's page must be before
// it is mapped, one descriptor and never two, the sentinel that a child finds wiped, seccomp
// filters that are counted. Reason: each of these keeps somebody else's mistake out of the
// program.

#include "os/os_page.h"

#include "os/os.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define BYTES ((size_t)64 << 10) // a whole number of pages everywhere

static int
open_fds(void)
{
    int count = 0;

    for (int fd = 0; fd < 256; fd++) {
        count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    }
    return count;
}

static void
test_page_of_ours(void **state)
{
    void *page;
    void *again;
    int fd;

    (void)state;
    errno = 77;
    assert_int_equal(os_page_create("test", BYTES, &fd), 0);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(os_page_map(fd, BYTES, NULL, &page), 0);
    assert_int_equal(os_page_seal(fd), 0);
    // What is mapped still writes; nobody else can, or resize, or punch.
    memset(page, 7, BYTES);
    assert_int_equal(os_page_map(fd, BYTES, NULL, &again), EPERM);
    assert_int_equal(errno, 77);
    assert_int_equal(ftruncate(fd, 0), -1);
    assert_int_equal(ftruncate(fd, 2 * BYTES), -1);
    assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1);
    // One who opens the file anew sees the lease for as long as the mapping lives, descriptor
    // or not.
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int other = open(path, O_RDONLY);
    assert_true(other >= 0);
    assert_int_equal(os_page_lease(fd), 0);
    os_close(fd);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), -1);
    assert_int_equal(os_page_discard(page, BYTES), 0);
    assert_int_equal(flock(other, LOCK_EX | LOCK_NB), 0);
    // What covers it is memory as any, and empty.
    assert_int_equal(((char *)page)[BYTES - 1], 0);
    memset(page, 1, BYTES);
    os_page_unmap(page, BYTES);
    close(other);
}

static void
test_replaced_in_place(void **state)
{
    void *first;
    void *second;
    int fd;

    (void)state;
    assert_int_equal(os_page_create("one", BYTES, &fd), 0);
    assert_int_equal(os_page_map(fd, BYTES, NULL, &first), 0);
    *(int *)first = 1;
    os_close(fd);
    assert_int_equal(os_page_create("two", BYTES, &fd), 0);
    assert_int_equal(os_page_map(fd, BYTES, first, &second), 0);
    assert_ptr_equal(first, second);
    assert_int_equal(*(int *)first, 0);
    os_close(fd);
    os_page_unmap(first, BYTES);
}

static int
foreign(size_t bytes, int seals)
{
    int fd = memfd_create("foreign", MFD_ALLOW_SEALING);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    return fd;
}

static void
test_foreign_pages(void **state)
{
    int ends[2];
    void *page;
    int fd;

    (void)state;
    errno = 77;
    fd = foreign(BYTES, F_SEAL_SHRINK);
    assert_int_equal(os_page_map_foreign(fd, 4096, &page), 0);
    os_page_unmap(page, 4096);
    close(fd);
    fd = foreign(BYTES, F_SEAL_GROW | F_SEAL_WRITE);
    assert_int_equal(os_page_map_foreign(fd, 4096, &page), EPERM);
    close(fd);
    fd = foreign(4095, F_SEAL_SHRINK);
    assert_int_equal(os_page_map_foreign(fd, 4096, &page), EINVAL);
    close(fd);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(os_page_map_foreign(ends[0], 4096, &page), EINVAL);
    close(ends[0]);
    close(ends[1]);
    FILE *file = tmpfile();
    assert_int_equal(ftruncate(fileno(file), 8192), 0);
    assert_int_equal(os_page_map_foreign(fileno(file), 4096, &page), EPERM);
    fclose(file);
    assert_int_equal(os_page_map_foreign(-1, 4096, &page), EINVAL);
    fd = memfd_create("huge", MFD_ALLOW_SEALING | MFD_HUGETLB);
    if (fd >= 0) {
        assert_int_equal(ftruncate(fd, 512 << 20), 0); // in huge pages of any kernel
        assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
        assert_int_equal(os_page_map_foreign(fd, 4096, &page), EPERM);
        close(fd);
    }
    assert_int_equal(errno, 77);
}

static void
test_sentinel(void **state)
{
    int status;
    void *page;

    (void)state;
    assert_int_equal(os_page_sentinel(&page), 0);
    *(uint32_t *)page = 1;
    pid_t child = fork();
    if (child == 0) {
        _exit(*(uint32_t *)page == 0 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(*(uint32_t *)page, 1);
    os_page_unmap(page, os_page_bytes());
}

static void
test_sandbox_filters(void **state)
{
    struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const struct sock_fprog program = {1, allow};
    int status;
    int before = os_sandbox_filters();

    (void)state;
    assert_true(before >= 0);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        for (int i = 1; i <= 2; i++) {
            if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0 ||
                os_sandbox_filters() != before + i) {
                _exit(i);
            }
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    // Where the file cannot be opened there is no saying, so there is a sandbox.
    child = fork();
    if (child == 0) {
        struct sock_filter no_open[] = {
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog denying = {4, no_open};
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &denying);
        errno = 77;
        _exit(os_sandbox_filters() == -1 && !os_path_exists("/") && errno == 77 ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void
test_connect(void **state)
{
    char folder[] = "/tmp/os-page-XXXXXX";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char long_path[200];
    int fd;

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/s", folder);
    errno = 77;
    assert_false(os_path_exists(address.sun_path));
    assert_int_equal(os_connect(address.sun_path, &fd), ENOENT);
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(os_connect(long_path, &fd), ENAMETOOLONG);
    int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_true(os_path_exists(address.sun_path));
    assert_int_equal(os_connect(address.sun_path, &fd), ECONNREFUSED);
    assert_int_equal(listen(listener, 0), 0);
    assert_int_equal(os_connect(address.sun_path, &fd), 0);
    assert_int_equal(os_peer_pid(fd), getpid());
    int second;
    // The queue is full: it does not wait.
    assert_int_equal(os_connect(address.sun_path, &second), EAGAIN);
    assert_int_equal(errno, 77);
    os_close(fd);
    close(listener);
    unlink(address.sun_path);
    rmdir(folder);
}

static void
test_send(void **state)
{
    int pair[2];
    char text[8];
    size_t length;
    int fd;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    errno = 77;
    assert_int_equal(os_send_fd(pair[0], "hello", 5, pair[0]), 0);
    assert_int_equal(os_receive_fd(pair[1], text, sizeof text, 1000, &length, &fd), 0);
    assert_int_equal(length, 5);
    assert_memory_equal(text, "hello", 5);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    os_close(fd);
    assert_int_equal(os_receive_fd(pair[1], text, sizeof text, 1, &length, &fd), ETIMEDOUT);
    assert_int_equal(fd, -1);
    assert_int_equal(send(pair[0], "x", 1, 0), 1);
    assert_int_equal(os_receive_fd(pair[1], text, sizeof text, 1000, &length, &fd), 0);
    assert_int_equal(fd, -1);
    close(pair[0]);
    assert_int_equal(os_receive_fd(pair[1], text, sizeof text, 1000, &length, &fd), ECONNRESET);
    // No SIGPIPE.
    assert_int_equal(os_send_fd(pair[1], "x", 1, pair[1]), EPIPE);
    assert_int_equal(errno, 77);
    close(pair[1]);
}

static void
test_one_descriptor_only(void **state)
{
    char control[CMSG_SPACE(sizeof(int) * 3)];
    struct iovec part = {(void *)"x", 1};
    struct msghdr whole = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control};
    int pair[2];
    int before;
    char text[8];
    size_t length;
    int fd;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    before = open_fds();
    for (unsigned count = 1; count <= 3; count++) {
        int passed[3] = {pair[0], pair[0], pair[0]};
        whole.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&whole);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), passed, sizeof(int) * count);
        assert_int_equal(sendmsg(pair[0], &whole, 0), 1);
        assert_int_equal(os_receive_fd(pair[1], text, sizeof text, 1000, &length, &fd), 0);
        if (fd >= 0) {
            os_close(fd);
        }
        assert_int_equal(open_fds(), before);
    }
    close(pair[0]);
    close(pair[1]);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_of_ours),
        cmocka_unit_test(test_replaced_in_place),
        cmocka_unit_test(test_foreign_pages),
        cmocka_unit_test(test_sentinel),
        cmocka_unit_test(test_sandbox_filters),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_send),
        cmocka_unit_test(test_one_descriptor_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
