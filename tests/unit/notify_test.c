// SPDX-License-Identifier: MIT
//
// Unit test of apexd/notify.c: what counts as passed by a service manager, which socket is handed
// out for what, and what is told. Reason: the variables come from the environment, where anybody
// may have left anything, and a descriptor that is taken for another is served to strangers.

#include "apexd/notify.h"

#include "../support/manager.h"
#include "../support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

// Runs a function in a process of its own, whose descriptors from 3 on are free.
static int
apart(int (*body)(void))
{
    pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        close_range(3, ~0u, 0);
        _exit(body());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

// A socket in the next free descriptor, bound to a name of its own; listening or not.
static int
make(int type, const char *path, bool listening)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);

    // Abstract, so that nothing is left behind; a path in it ends as that of a file does.
    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "apex-notify-test-%d%s",
             (int)getpid(), path);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                                  strlen(address.sun_path + 1));
    if (bind(fd, (struct sockaddr *)&address, bytes) != 0 || (listening && listen(fd, 1) != 0)) {
        _exit(100);
    }
    return fd;
}

static void
pass(const char *count, const char *names)
{
    char pid[32];

    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", count, 1);
    setenv("LISTEN_FDNAMES", names, 1);
}

#define WANT(claim)      \
    if (!(claim)) {      \
        return __LINE__; \
    }

static int
body_sockets(void)
{
    char name[NOTIFY_NAME_BYTES];

    make(SOCK_STREAM, "/a", true);           // 3
    make(SOCK_SEQPACKET, "/b", true);        // 4
    make(SOCK_STREAM, "/c", false);          // 5: does not listen
    make(SOCK_STREAM, "/d", true);           // 6
    WANT(socket(AF_INET, SOCK_STREAM, 0) == 7);
    WANT(open("/dev/null", O_RDONLY) == 8);
    pass("7", "one:two:three:http.sock:five"); // the seventh is not open
    WANT(notify_socket(SOCK_STREAM, "http") == -1);
    WANT(notify_socket(SOCK_STREAM, "http.sock") == 6);
    WANT(notify_socket(SOCK_STREAM, "http.sock") == -1);
    WANT(notify_socket(SOCK_SEQPACKET, NULL) == 4);
    WANT(notify_socket(SOCK_STREAM, NULL) == 3);
    WANT(notify_socket(SOCK_STREAM, NULL) == -1);
    WANT((fcntl(3, F_GETFD) & FD_CLOEXEC) != 0 && (fcntl(3, F_GETFL) & O_NONBLOCK) != 0);
    WANT(notify_rest(name) == 5 && strcmp(name, "three") == 0);
    WANT((fcntl(5, F_GETFD) & FD_CLOEXEC) != 0);
    WANT(notify_rest(name) == 7 && strcmp(name, "five") == 0);
    WANT(notify_rest(name) == 8 && strcmp(name, "") == 0); // there are fewer names
    WANT(notify_rest(name) == -1 && notify_rest(name) == -1);
    return 0;
}

static int
body_names(void)
{
    char names[2 * NOTIFY_NAME_BYTES];
    char name[NOTIFY_NAME_BYTES];

    for (int fd = 3; fd < 7; fd++) {
        WANT(open("/dev/null", O_RDONLY) == fd);
    }
    // Empty ones, and one that is longer than names are.
    memset(names, 'x', sizeof names);
    names[0] = ':';
    memcpy(names + NOTIFY_NAME_BYTES + 1, "::", 3);
    pass("4", names);
    WANT(notify_rest(name) == 3 && name[0] == '\0');
    WANT(notify_rest(name) == 4 && name[0] == '\0');
    WANT(notify_rest(name) == 5 && name[0] == '\0');
    WANT(notify_rest(name) == 6 && name[0] == '\0');
    WANT(notify_rest(name) == -1);
    return 0;
}

static const char *wrong_count;
static const char *wrong_pid;

static int
body_wrong(void)
{
    char name[NOTIFY_NAME_BYTES];

    make(SOCK_STREAM, "/a", true);
    pass(wrong_count, "");
    if (wrong_pid != NULL) {
        setenv("LISTEN_PID", wrong_pid, 1);
    }
    WANT(notify_socket(SOCK_STREAM, NULL) == -1);
    WANT(notify_rest(name) == -1);
    return 0;
}

static int
body_many(void)
{
    char name[NOTIFY_NAME_BYTES];

    make(SOCK_STREAM, "/a", true);
    pass("99999999999", "a"); // most of these are not open
    WANT(notify_socket(SOCK_STREAM, NULL) == 3);
    WANT(notify_rest(name) == -1);
    return 0;
}

static void
test_passed(void **state)
{
    static const char *const counts[] = {"", "0", "-1", "+1", " 1", "1x", "0x1", "one"};
    static const char *const pids[] = {"", "1", "-1", "0"};

    (void)state;
    assert_int_equal(apart(body_sockets), 0);
    assert_int_equal(apart(body_names), 0);
    assert_int_equal(apart(body_many), 0);
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        wrong_count = counts[i];
        assert_int_equal(apart(body_wrong), 0);
    }
    wrong_count = "1";
    for (unsigned i = 0; i < sizeof pids / sizeof pids[0]; i++) {
        wrong_pid = pids[i];
        assert_int_equal(apart(body_wrong), 0);
    }
}

static void
test_watchdog(void **state)
{
    char pid[32];

    (void)state;
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    unsetenv("WATCHDOG_PID");
    unsetenv("WATCHDOG_USEC");
    assert_int_equal(notify_watchdog_ms(), 0);
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(notify_watchdog_ms(), 30000);
    setenv("WATCHDOG_PID", pid, 1);
    assert_int_equal(notify_watchdog_ms(), 30000);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_watchdog_ms(), 0);
    setenv("WATCHDOG_PID", pid, 1);
    setenv("WATCHDOG_USEC", "30s", 1);
    assert_int_equal(notify_watchdog_ms(), 0);
}

static void
hear(int fd, const char *text, unsigned count, int *first)
{
    char got[256] = "";
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * 8)];
    } control;
    struct iovec part = {got, sizeof got - 1};
    struct msghdr whole = {.msg_iov = &part, .msg_iovlen = 1};

    whole.msg_control = &control;
    whole.msg_controllen = sizeof control;
    assert_true(recvmsg(fd, &whole, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) >= 0);
    assert_string_equal(got, text);
    struct cmsghdr *c = CMSG_FIRSTHDR(&whole);
    unsigned found = c == NULL ? 0 : (unsigned)((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    assert_int_equal(found, count);
    for (unsigned i = 0; i < found; i++) {
        int passed;
        memcpy(&passed, CMSG_DATA(c) + i * sizeof(int), sizeof passed);
        if (i == 0 && first != NULL) {
            *first = passed;
        } else {
            close(passed);
        }
    }
}

static void
test_telling(void **state)
{
    int fds[NOTIFY_FDS_MAX + 1];
    unsigned sent = 0;
    int got;

    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_false(notify_wanted());
    assert_false(notify_push("READY=1", NULL, 0));
    notify_send("READY=1");
    setenv("NOTIFY_SOCKET", "relative", 1);
    assert_false(notify_wanted());
    setenv("NOTIFY_SOCKET", "/nonexistent/notify", 1);
    assert_false(notify_push("READY=1", NULL, 0));
    int fd = manager_start();
    assert_true(notify_wanted());
    notify_send("READY=1");
    hear(fd, "READY=1", 0, NULL);
    for (unsigned i = 0; i < NOTIFY_FDS_MAX + 1; i++) {
        fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    }
    assert_true(notify_push("FDSTORE=1\nFDNAME=x", fds, 1));
    hear(fd, "FDSTORE=1\nFDNAME=x", 1, &got);
    assert_int_not_equal(got, fds[0]);
    close(got);
    assert_true(notify_push("FDSTORE=1", fds, NOTIFY_FDS_MAX));
    hear(fd, "FDSTORE=1", NOTIFY_FDS_MAX, NULL);
    assert_false(notify_push("FDSTORE=1", fds, NOTIFY_FDS_MAX + 1));
    // One that does not listen does not hold us up.
    while (sent < 100000 && notify_push("STATUS=x", NULL, 0)) {
        sent++;
    }
    assert_true(sent > 0 && sent < 100000);
    for (unsigned i = 0; i < NOTIFY_FDS_MAX + 1; i++) {
        assert_int_equal(fcntl(fds[i], F_GETFD), FD_CLOEXEC); // still ours
        close(fds[i]);
    }
    close(fd);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passed),
        cmocka_unit_test(test_watchdog),
        cmocka_unit_test(test_telling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
