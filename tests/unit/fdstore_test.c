// SPDX-License-Identifier: MIT
//
// Unit test of apexd/fdstore.c: names under which descriptors are kept, and a manager that does not
// listen for a while. Reason: what is not dropped stays with the manager for good, and a name that
// is read wrongly makes one process of two.

#include "apexd/fdstore.h"

#include "../support/manager.h"
#include "../support/unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

// The next message; "" when there is none.
static const char *
heard(int fd)
{
    static char text[512];
    ssize_t got = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);

    text[got < 0 ? 0 : got] = '\0';
    return text;
}

static void
test_messages(void **state)
{
    int fd = manager_start();
    uint32_t first = fdstore_id();
    uint32_t second = fdstore_id();
    char wanted[64];

    (void)state;
    assert_true(first != 0 && second != 0 && first != second);
    assert_true(fdstore_put(first, &fd, 1));
    snprintf(wanted, sizeof wanted, "FDSTORE=1\nFDPOLL=0\nFDNAME=p%x", first);
    assert_string_equal(heard(fd), wanted);
    fdstore_drop(0xabc123);
    assert_string_equal(heard(fd), "FDSTOREREMOVE=1\nFDNAME=pabc123");
    assert_string_equal(heard(fd), "");
    close(fd);
}

static void
test_deaf(void **state)
{
    static unsigned char said[5000];
    int fd = manager_start();
    unsigned filled = 0;
    unsigned value;

    (void)state;
    while (fdstore_put(1, NULL, 0)) {
        filled++;
    }
    for (unsigned i = 0; i < 3000; i++) {
        fdstore_drop(1000 + i);
    }
    assert_false(fdstore_put(2, NULL, 0));
    for (unsigned i = 0; i < filled; i++) {
        assert_string_not_equal(heard(fd), "");
    }
    assert_string_equal(heard(fd), "");
    // It listens again: each is dropped once, a queue full at a time.
    for (unsigned turn = 0; turn < 3000; turn++) {
        fdstore_flush();
        for (const char *text = heard(fd); text[0] != '\0'; text = heard(fd)) {
            assert_int_equal(sscanf(text, "FDSTOREREMOVE=1\nFDNAME=p%x", &value), 1);
            assert_true(value >= 1000 && value < 4000);
            said[value]++;
        }
    }
    for (unsigned i = 1000; i < 4000; i++) {
        assert_int_equal(said[i], 1);
    }
    close(fd);
}

// In a process of its own: what is passed is from descriptor 3 on.
static int
body_take(void)
{
    char pid[32];
    uint32_t id;

    for (int fd = 3; fd < 64; fd++) {
        close(fd);
    }
    for (int fd = 3; fd < 12; fd++) {
        if (open("/dev/null", O_RDONLY) != fd) {
            return 1;
        }
    }
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_PID", pid, 1);
    setenv("LISTEN_FDS", "9", 1);
    setenv("LISTEN_FDNAMES", "pff:pF0:p0:p012:q12:p100000001:p:p7:pff", 1);
    if (fdstore_take(&id) != 3 || id != 0xff || fdstore_take(&id) != 10 || id != 7 ||
        fdstore_take(&id) != 11 || id != 0xff || fdstore_take(&id) != -1) {
        return 2;
    }
    for (int fd = 4; fd < 10; fd++) {
        if (fcntl(fd, F_GETFD) >= 0) {
            return 3; // not closed
        }
    }
    // Numbers of those that come do not meet those that are there.
    return fdstore_id() == 0x100 ? 0 : 4;
}

static void
test_take(void **state)
{
    int status;

    (void)state;
    unsetenv("NOTIFY_SOCKET");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(body_take());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_take),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_deaf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
