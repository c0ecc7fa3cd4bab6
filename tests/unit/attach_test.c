// SPDX-License-Identifier: MIT
//
// Unit test of view/attach.c against a daemon of our own, with a clock of our own: when it
// tries, how the waits grow, when it takes the daemon for dead, that it comes back, and what a
// child does. Reason: the times decide whether a restarted daemon has everybody again, and
// whether a daemon that is missing costs anything; and what was advised must neither go for a
// moment when the process needs another page, nor stay when the daemon does not. With real daemons
// and programs: tests/daemon/life.py.

#include "view/attach.h"

#include "abi/advice_page.h"
#include "abi/hello.h"
#include "os/os.h"
#include "os/os_numa.h"
#include "policy/config.h"
#include "policy/steer.h"
#include "view/stats_page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
#define SECOND (1000 * MS)

static char folder[] = "/tmp/attach-test-XXXXXX";
static struct sockaddr_un address = {.sun_family = AF_UNIX};
static pid_t daemon_pid;
static struct apex_advice_page *advice; // written by us, as the daemon would
static int advice_fd;
static uint64_t now; // our clock
static unsigned mirrored;

static struct {
    uint64_t decay_ms;
    enum large_mode large;
    unsigned pages; // of advice that the library has mapped
    bool held;      // no handler of a signal could run
} seen; // while the last page was made

static enum large_mode
mode_of_large(void)
{
    struct steer_place where;

    steer_large((size_t)64 << 20, &where);
    return where.place.mode;
}

// How often the library, which only reads it, has mapped the page of advice.
static unsigned
pages_of_advice(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    unsigned count = 0;

    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        count += strstr(line, " r--s ") != NULL && strstr(line, "/memfd:advice") != NULL;
    }
    fclose(maps);
    return count;
}

static bool
signals_are_held(void)
{
    sigset_t mask;

    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    return sigismember(&mask, SIGUSR1) == 1 && sigismember(&mask, SIGALRM) == 1;
}

static void
mirror(void)
{
    seen.held = signals_are_held();
    seen.decay_ms = config_value(decay_ms);
    seen.large = mode_of_large();
    seen.pages = pages_of_advice();
    mirrored++;
    stats_page_slot(0)->slow_allocs = 4000 + mirrored;
}

// The daemon's part of one registration: takes the page, and answers. It says no to pages longer
// than advice->reserved[0], if that is not 0, and tells in the next word how long the last one was.
static void
answer(int connection)
{
    struct apex_hello hello;
    char control[CMSG_SPACE(sizeof(int))] = "";
    struct iovec part = {&hello, sizeof hello};
    struct msghdr whole = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control};

    whole.msg_controllen = sizeof control;
    if (recvmsg(connection, &whole, 0) != sizeof hello || hello.magic != APEX_HELLO_MAGIC) {
        return;
    }
    close(*(int *)(void *)CMSG_DATA(CMSG_FIRSTHDR(&whole)));
    bool refused = advice->reserved[0] != 0 && hello.page_bytes > advice->reserved[0];
    advice->reserved[1] = hello.page_bytes;
    advice->nonce = hello.nonce;
    struct apex_hello_ack ack = {
        APEX_HELLO_ACK_MAGIC, APEX_HELLO_MAJOR,      0, sizeof ack, hello.nonce,
        APEX_HELLO_ACCEPTED,  APEX_ADVICE_PAGE_BYTES};
    if (refused) {
        ack.status = APEX_HELLO_OVER_QUOTA;
        send(connection, &ack, sizeof ack, 0);
        return;
    }
    part = (struct iovec){&ack, sizeof ack};
    struct cmsghdr *header = CMSG_FIRSTHDR(&whole);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &advice_fd, sizeof advice_fd);
    sendmsg(connection, &whole, 0);
}

// A process that listens, because nobody registers with itself; it is there when this returns.
static void
daemon_start(void)
{
    int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    char byte;
    int ready[2];

    unlink(address.sun_path);
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    daemon_pid = fork();
    if (daemon_pid == 0) {
        listen(listener, 8);
        byte = 1;
        if (write(ready[1], &byte, 1) != 1) {
            _exit(1);
        }
        for (;;) {
            int connection = accept(listener, NULL, NULL);
            answer(connection);
            close(connection);
        }
    }
    close(listener);
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
}

static void
daemon_kill(void)
{
    if (daemon_pid > 0) {
        kill(daemon_pid, SIGKILL);
        waitpid(daemon_pid, NULL, 0);
        daemon_pid = 0;
    }
}

static bool
registered(void)
{
    return stats_page_process() != NULL;
}

static uint64_t
due(void)
{
    return stats_page_guard->due_ns;
}

// The machine may be too busy for the daemon to answer in time; then a try leaves a page without
// advice, and the next one is due later.
static void
register_now(void)
{
    for (unsigned i = 0; i < 200; i++) {
        unsigned before = mirrored;
        now = due() > now && due() != UINT64_MAX ? due() : now;
        attach_poll(now);
        if (mirrored > before && due() == now + SECOND) {
            return;
        }
    }
    fail_msg("not registered in 200 tries");
}

static int
setup_group(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/" APEX_REGISTER_SOCKET, folder);
    advice_fd = memfd_create("advice", MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(advice_fd, APEX_ADVICE_PAGE_BYTES), 0);
    advice = mmap(NULL, APEX_ADVICE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, advice_fd, 0);
    assert_int_equal(fcntl(advice_fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    setenv("APEX_RUNTIME_DIR", folder, 1);
    return 0;
}

static int
teardown_group(void **state)
{
    (void)state;
    unlink(address.sun_path);
    return rmdir(folder);
}

static int
setup(void **state)
{
    (void)state;
    *advice = (struct apex_advice_page){.magic = APEX_ADVICE_MAGIC,
                                        .major = APEX_ADVICE_MAJOR,
                                        .total_bytes = sizeof *advice,
                                        .state = APEX_ADVICE_SERVING,
                                        .heartbeat = 1,
                                        .ttl_ms = APEX_ADVICE_TTL_MS};
    attach_init(mirror);
    now = due() - SECOND;
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    daemon_kill();
    unlink(address.sun_path);
    stats_page_drop();
    return 0;
}

// The wait must lie in (3/4 * wanted, wanted].
static void
expect_wait(uint64_t wanted_ms)
{
    uint64_t wait = due() - now;

    assert_in_range(wait, wanted_ms * MS * 3 / 4, wanted_ms * MS);
}

static void
test_nobody_there(void **state)
{
    unsigned before = mirrored;

    (void)state;
    // Not due: nothing is done.
    attach_poll(due() - 1);
    assert_int_equal(due(), now + SECOND);
    now = due();
    errno = 77;
    for (unsigned wait_ms = 1000; wait_ms <= 64000; wait_ms *= 2) {
        attach_poll(now);
        expect_wait(wait_ms);
        now = due();
    }
    attach_poll(now);
    expect_wait(64000); // and no longer
    assert_int_equal(errno, 77);
    assert_int_equal(mirrored, before);
    assert_false(registered());
}

static void
test_registers(void **state)
{
    unsigned before = mirrored;

    (void)state;
    daemon_start();
    errno = 77;
    register_now();
    assert_int_equal(errno, 77);
    assert_true(registered());
    assert_true(mirrored > before);
    assert_true(seen.held);
    assert_false(signals_are_held());
    assert_int_equal(stats_page_slot(0)->slow_allocs, 4000 + mirrored);
    // While the heart beats, nothing happens.
    before = mirrored;
    for (unsigned i = 0; i < 20; i++) {
        advice->heartbeat++;
        now += SECOND;
        attach_poll(now);
        assert_int_equal(due(), now + SECOND);
    }
    // It may miss a beat or two; and a program that slept for an hour finds it beating.
    now += SECOND;
    attach_poll(now);
    now += SECOND;
    attach_poll(now);
    advice->heartbeat++;
    now += 3600 * SECOND;
    attach_poll(now);
    assert_int_equal(mirrored, before);
    assert_true(registered());
}

static void
test_daemon_dies(void **state)
{
    (void)state;
    daemon_start();
    register_now();
    daemon_kill();
    uint64_t died = now;
    // At most the time to live and one look later the first attempt fails, and the page goes.
    while (registered() && now < died + 20 * SECOND) {
        now = due();
        attach_poll(now);
    }
    assert_in_range(now, died + APEX_ADVICE_TTL_MS * MS, died + (APEX_ADVICE_TTL_MS + 1000) * MS);
    static const unsigned waits_ms[] = {1000, 2000, 4000, 8000, 8000, 8000};
    for (size_t i = 0; i < sizeof waits_ms / sizeof waits_ms[0]; i++) {
        expect_wait(waits_ms[i]);
        now = due();
        attach_poll(now);
    }
    // However long it was away: back in less than ten seconds.
    daemon_start();
    uint64_t back = now;
    now = due();
    attach_poll(now);
    assert_true(registered());
    assert_true(now - back < 10 * SECOND);
}

static void
test_goodbye(void **state)
{
    (void)state;
    daemon_start();
    register_now();
    unsigned before = mirrored;
    unsigned generation = stats_page_generation();
    advice->state = APEX_ADVICE_STOPPED;
    now = due();
    attach_poll(now);
    // The next daemon is there already.
    assert_int_equal(mirrored, before + 1);
    assert_int_not_equal(stats_page_generation(), generation);
    assert_true(registered());
}

// --- Advice --------------------------------------------------------------------------------------

static void
advise(unsigned index, const char *key, uint64_t value)
{
    snprintf(advice->row[index].key, sizeof advice->row[index].key, "%s", key);
    advice->row[index].value = value;
    advice->rows = index + 1;
}

// Registers, and has decay_ms=1234 and large objects on this node from then on.
static void
register_advised(void)
{
    uint64_t own = config_own()->decay_ms;

    advise(0, "decay_ms", 1234);
    advise(1, "numa_large", CONFIG_LARGE_SPREAD);
    advice->weight[0] = (struct apex_advice_weight){(uint16_t)os_numa_node(), 1};
    advice->weights = 1;
    advice->epoch = 7;
    daemon_start();
    register_now();
    assert_int_not_equal(own, 1234);
    assert_int_equal(config_value(decay_ms), 1234);
    assert_int_equal(mode_of_large(), LARGE_PREFER);
    assert_int_equal(pages_of_advice(), 1);
}

static void
expect_own(void)
{
    assert_int_equal(config_value(decay_ms), config_own()->decay_ms);
    assert_int_equal(mode_of_large(), LARGE_TOUCH);
}

// Makes a longer page due; each time one superblock more than there is room for.
static void
outgrow(void)
{
    stats_page_ask(stats_page_guard->sight.rows);
    assert_true(stats_page_outgrown());
    assert_true(due() <= now);
}

static void
test_longer_page(void **state)
{
    (void)state;
    register_advised();
    unsigned generation = stats_page_generation();
    outgrow();
    // The new page of advice is numbered for itself, and may say something else.
    advice->row[0].value = 99;
    uint64_t until = now + APEX_ADVICE_TTL_MS * MS - SECOND;
    do {
        now = due() > now ? due() : now;
        attach_poll(now);
        if (now < until) {
            assert_int_equal(seen.decay_ms, 1234);
            assert_int_equal(seen.large, LARGE_PREFER);
        }
        assert_int_equal(seen.pages, 0);
    } while (due() != now + SECOND);
    assert_int_not_equal(stats_page_generation(), generation);
    assert_int_equal(config_value(decay_ms), 99);
    assert_int_equal(mode_of_large(), LARGE_PREFER);
    assert_int_equal(pages_of_advice(), 1);
    // One that says nothing ends what was said before.
    outgrow();
    advice->epoch = advice->rows = advice->weights = 0;
    register_now();
    expect_own();
}

// What was asked on the old page is answered before it goes.
static void
test_last_look(void **state)
{
    (void)state;
    register_advised();
    outgrow();
    advice->row[0].value = 55;
    advice->epoch++;
    advice->heartbeat++;
    unsigned before = mirrored;
    attach_poll(now);
    assert_int_equal(mirrored, before + 1);
    assert_int_equal(seen.decay_ms, 55);
}

static void
test_refused_for_good(void **state)
{
    (void)state;
    register_advised();
    outgrow();
    daemon_kill();
    attach_poll(now);
    assert_false(registered());
    assert_int_equal(pages_of_advice(), 0);
    expect_own();
    daemon_start();
    register_now();
    assert_int_equal(config_value(decay_ms), 1234);
}

// A daemon that says no to the longer page, and would say yes to one as long as before, has not
// said no to the process.
static void
test_too_long(void **state)
{
    (void)state;
    register_advised();
    uint64_t lease_end = now + APEX_ADVICE_TTL_MS * MS;
    advice->reserved[0] = advice->reserved[1];
    outgrow();
    do {
        now = due() > now ? due() : now;
        attach_poll(now);
        if (now < lease_end) {
            assert_int_equal(config_value(decay_ms), 1234);
            assert_int_equal(mode_of_large(), LARGE_PREFER);
        }
    } while (due() != now + SECOND);
    assert_true(advice->reserved[1] <= advice->reserved[0]);
    assert_int_equal(config_value(decay_ms), 1234);
}

// A daemon that does not answer is believed for as long as one that does not beat.
static void
test_not_answered(void **state)
{
    int status;

    (void)state;
    register_advised();
    uint64_t lease_end = now + APEX_ADVICE_TTL_MS * MS;
    kill(daemon_pid, SIGSTOP);
    assert_int_equal(waitpid(daemon_pid, &status, WUNTRACED), daemon_pid);
    outgrow();
    while (now < lease_end) {
        attach_poll(now);
        assert_int_equal(config_value(decay_ms), 1234);
        assert_int_equal(mode_of_large(), LARGE_PREFER);
        assert_int_equal(pages_of_advice(), 0);
        assert_in_range(due(), now + 1, lease_end);
        now = due();
    }
    attach_poll(now);
    expect_own();
    assert_true(registered()); // it may come to it yet
    kill(daemon_pid, SIGCONT);
    register_now();
    assert_int_equal(config_value(decay_ms), 1234);
}

// Looks each time that one is due, until what was advised is void; when that was.
static uint64_t
until_own(uint64_t limit)
{
    while (config_value(decay_ms) == 1234 && now < limit) {
        assert_int_equal(mode_of_large(), LARGE_PREFER);
        now = due();
        attach_poll(now);
    }
    expect_own();
    return now;
}

// The daemon is killed, at worst while it changes the page: what was in force stays, whole, for as
// long as the last heartbeat is believed, and is void at the next look.
static void
test_dies_advised(void **state)
{
    (void)state;
    for (unsigned in_a_change = 0; in_a_change < 2; in_a_change++) {
        assert_int_equal(setup(state), 0);
        register_advised();
        advice->heartbeat++;
        now += SECOND;
        attach_poll(now);
        uint64_t last_beat = now;
        if (in_a_change != 0) {
            advice->sequence++;
            advice->epoch++;
            advice->row[0].value = 99;
            advice->weights = 0;
        }
        daemon_kill();
        uint64_t end = until_own(last_beat + 20 * SECOND);
        assert_in_range(end, last_beat + APEX_ADVICE_TTL_MS * MS,
                        last_beat + (APEX_ADVICE_TTL_MS + 1000) * MS);
        assert_int_equal(pages_of_advice(), 0);
        assert_false(registered());
    }
}

// The daemon says goodbye: what it advised is void at the next look, and its successor knows
// nothing of it.
static void
test_goodbye_advised(void **state)
{
    (void)state;
    register_advised();
    daemon_kill();
    advice->state = APEX_ADVICE_STOPPED;
    uint64_t left = now;
    assert_in_range(until_own(now + 20 * SECOND), left, left + SECOND);
    assert_int_equal(setup(state), 0);
    daemon_start();
    register_now();
    expect_own();
}

// A process that slept while the daemon died finds out when it goes on.
static void
test_sleeps_over_it(void **state)
{
    (void)state;
    register_advised();
    daemon_kill();
    now += 3600 * SECOND;
    assert_int_equal(config_value(decay_ms), 1234);
    attach_poll(now);
    expect_own();
}

// The child of a fork keeps what its parent was advised until it has a page of its own.
static void
test_child_advised(void **state)
{
    int status;

    (void)state;
    register_advised();
    uint64_t lease_end = now + APEX_ADVICE_TTL_MS * MS;
    attach_fork_prepare();
    pid_t child = fork();
    if (child == 0) {
        attach_fork_child();
        if (config_value(decay_ms) != 1234 || pages_of_advice() != 0) {
            _exit(1);
        }
        advice->row[0].value = 99;
        for (unsigned i = 0; i < 200 && config_value(decay_ms) != 99; i++) {
            now = due() > now ? due() : now;
            attach_poll(now);
            if (now < lease_end && seen.decay_ms != 1234) {
                _exit(2);
            }
        }
        _exit(config_value(decay_ms) == 99 && pages_of_advice() == 1 ? 0 : 3);
    }
    attach_fork_parent();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(config_value(decay_ms), 1234);
}

static void
test_itself(void **state)
{
    int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);
    unsigned before = mirrored;

    (void)state;
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 8), 0);
    attach_try();
    assert_int_equal(mirrored, before);
    assert_true(due() == UINT64_MAX); // never again
    close(listener);
}

static void
test_child(void **state)
{
    int status;

    (void)state;
    daemon_start();
    register_now();
    unsigned before = mirrored;
    // As front/lifecycle.c does around every fork.
    attach_fork_prepare();
    pid_t child = fork();
    if (child == 0) {
        attach_fork_child();
        // No page, and a moment's rest.
        uint64_t start = os_now_ns();
        if (registered() || due() > start + SECOND || due() < start) {
            _exit(1);
        }
        attach_poll(due() - 1);
        if (mirrored != before || registered()) {
            _exit(2);
        }
        now = start;
        for (unsigned i = 0; i < 200 && !registered(); i++) {
            now = due();
            attach_poll(now);
        }
        _exit(registered() && stats_page_slot(0)->slow_allocs == 4000 + mirrored ? 0 : 3);
    }
    attach_fork_parent();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(registered());
    assert_int_equal(stats_page_slot(0)->slow_allocs, 4000 + before);
}

static void
test_silent_daemon(void **state)
{
    int status;

    (void)state;
    daemon_start();
    kill(daemon_pid, SIGSTOP);
    assert_int_equal(waitpid(daemon_pid, &status, WUNTRACED), daemon_pid);
    uint64_t begin = os_clock_ns();
    for (unsigned wait_ms = 1000; wait_ms <= 8000; wait_ms *= 2) {
        now = due();
        attach_poll(now);
        // It may come to it yet: the page stays. But it is asked again.
        assert_true(registered());
        expect_wait(wait_ms);
    }
    // Longer each time.
    assert_true(os_clock_ns() - begin >= (5 + 10 + 20 + 40) * MS);
    kill(daemon_pid, SIGCONT);
    register_now();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        // First, while there has never been a daemon.
        cmocka_unit_test_setup_teardown(test_nobody_there, setup, teardown),
        cmocka_unit_test_setup_teardown(test_registers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_daemon_dies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_goodbye, setup, teardown),
        cmocka_unit_test_setup_teardown(test_silent_daemon, setup, teardown),
        cmocka_unit_test_setup_teardown(test_child, setup, teardown),
        cmocka_unit_test_setup_teardown(test_longer_page, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_look, setup, teardown),
        cmocka_unit_test_setup_teardown(test_refused_for_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_not_answered, setup, teardown),
        cmocka_unit_test_setup_teardown(test_dies_advised, setup, teardown),
        cmocka_unit_test_setup_teardown(test_goodbye_advised, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sleeps_over_it, setup, teardown),
        cmocka_unit_test_setup_teardown(test_child_advised, setup, teardown),
        // Last, because no page is longer from there on, and because nobody registers.
        cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(test_itself, setup, teardown),
    };
    return cmocka_run_group_tests(tests, setup_group, teardown_group);
}
