// SPDX-License-Identifier: MIT
//
// Unit test of apexd/registrar.c on kernels before 6.5, which do not say by a pidfd who is at the
// other end of a connection: a process that has closed its end before it was looked at. Reason: it
// may sleep by now and never come again, so it must be listed; but its number may be another's.

#include "apexd/registrar.h"

#include "../fuzz/daemon/page_seed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define PEERPIDFD 77 // SO_PEERPIDFD

static struct roster roster;
static int listener;
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static socklen_t address_bytes = sizeof address;

int __real_getsockopt(int fd, int level, int name, void *value, socklen_t *bytes);
int __wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *bytes);

int
__wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *bytes)
{
    if (level == SOL_SOCKET && name == PEERPIDFD) {
        errno = ENOPROTOOPT;
        return -1;
    }
    return __real_getsockopt(fd, level, name, value, bytes);
}

// --- The process ---------------------------------------------------------------------------------

static int
peer_page(bool leased)
{
    static unsigned char page[PAGE_SEED_BYTES];
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    int fd = memfd_create("left-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    page_seed_fill(page, 0);
    if (fd < 0 || write(fd, page, sizeof page) != sizeof page ||
        fcntl(fd, F_ADD_SEALS, seals) != 0 || (leased && flock(fd, LOCK_SH) != 0)) {
        _exit(1);
    }
    return fd;
}

// Says hello, closes its end and sleeps.
static void
peer_main(enum apex_hello_kind kind, bool leased)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.bytes = {0}};
    struct apex_hello hello = {
        .magic = APEX_HELLO_MAGIC,
        .major = APEX_HELLO_MAJOR,
        .size_bytes = sizeof hello,
        .nonce = PAGE_SEED_NONCE,
        .page_bytes = PAGE_SEED_BYTES,
        .kind = kind,
    };
    struct iovec part = {&hello, sizeof hello};
    struct msghdr whole = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};
    int page = peer_page(leased);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct cmsghdr *header = CMSG_FIRSTHDR(&whole);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof page);
    memcpy(CMSG_DATA(header), &page, sizeof page);
    if (connect(fd, (const struct sockaddr *)&address, address_bytes) != 0 ||
        sendmsg(fd, &whole, 0) != sizeof hello) {
        _exit(1);
    }
    close(fd);
    for (;;) {
        pause();
    }
}

// --- The daemon ----------------------------------------------------------------------------------

// What such a process is answered, and whether that was counted.
static enum apex_hello_status
receive(enum apex_hello_kind kind, bool leased, pid_t *pid, bool *counted)
{
    enum apex_hello_status status;

    *pid = fork();
    assert_true(*pid >= 0);
    if (*pid == 0) {
        peer_main(kind, leased);
    }
    int fd = accept(listener, NULL, NULL);
    struct pollfd left = {.fd = fd, .events = POLLRDHUP};
    assert_true(fd >= 0);
    assert_int_equal(poll(&left, 1, -1), 1);
    assert_true(registrar_receive(&roster, fd, &status));
    *counted = roster.answered_total[status] != 0;
    close(fd);
    return status;
}

static void
end(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static int
setup(void **state)
{
    (void)state;
    roster_init(&roster, 1, 100);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    roster_clear(&roster);
    return 0;
}

static void
test_sleeper(void **state)
{
    bool counted;
    pid_t pid;

    (void)state;
    assert_int_equal(receive(APEX_HELLO_STATS, true, &pid, &counted), APEX_HELLO_ACCEPTED);
    assert_true(counted);
    assert_non_null(roster_find(&roster, pid));
    end(pid);
}

// The page says that its process has gone: whoever has the number now is another one.
static void
test_no_lease(void **state)
{
    bool counted;
    pid_t pid;

    (void)state;
    assert_int_equal(receive(APEX_HELLO_STATS, false, &pid, &counted), APEX_HELLO_NO_LEASE);
    assert_false(counted);
    assert_null(roster_find(&roster, pid));
    end(pid);
}

// The page of a profile says nothing of the kind.
static void
test_profile(void **state)
{
    bool counted;
    pid_t pid;

    (void)state;
    assert_int_equal(receive(APEX_HELLO_PROFILE, true, &pid, &counted), APEX_HELLO_REFUSED);
    assert_false(counted);
    end(pid);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sleeper, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_lease, setup, teardown),
        cmocka_unit_test_setup_teardown(test_profile, setup, teardown),
    };

    // A name that the kernel chooses, which needs no file.
    listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (bind(listener, (const struct sockaddr *)&address, sizeof address.sun_family) != 0 ||
        listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &address_bytes) != 0) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
