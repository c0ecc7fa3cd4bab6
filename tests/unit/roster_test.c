// SPDX-License-Identifier: MIT
//
// Unit test of apexd's roster, client and page_map together, on real memfds and real processes:
// one entry for each process, its end by exit and by giving up the page, capacity, heartbeat,
// snapshots. Reason: the list must be true, and bounded. Pages that lie are in
// tests/daemon/hostile.py.

#include "apexd/roster.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define DAEMON_ID 42
#define CROWD 24u // more than a step of a look has at least
#define SECOND UINT64_C(1000000000)

// As in libapex: the smallest page that is one.
struct small_page {
    struct apex_stats_header header;
    uint64_t process[2];
    uint64_t class_size[2];
    struct apex_stats_thread thread[2];
    struct apex_stats_schema schema[2];
};

static struct roster *roster;

static int
setup(void **state)
{
    (void)state;
    roster = malloc(sizeof *roster);
    assert_non_null(roster);
    roster_init(roster, DAEMON_ID, 1000);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    roster_clear(roster);
    assert_int_equal(roster->count, 0);
    free(roster);
    return 0;
}

static void
fill(struct small_page *p, uint64_t nonce, size_t bytes)
{
    static const struct apex_stats_section sections[4] = {
        {APEX_SECTION_PROCESS, 1, sizeof p->process, offsetof(struct small_page, process)},
        {APEX_SECTION_CLASS_SIZE, 2, 8, offsetof(struct small_page, class_size)},
        {APEX_SECTION_THREAD, 2, sizeof p->thread[0], offsetof(struct small_page, thread)},
        {APEX_SECTION_SCHEMA, 2, sizeof p->schema[0], offsetof(struct small_page, schema)},
    };

    p->header.magic = APEX_STATS_MAGIC;
    p->header.major = APEX_STATS_MAJOR;
    p->header.header_bytes = sizeof p->header;
    p->header.total_bytes = (uint32_t)bytes;
    p->header.byte_order = APEX_STATS_BYTE_ORDER;
    p->header.nonce = nonce;
    p->header.state = APEX_STATS_READY;
    p->header.sections = 4;
    memcpy(p->header.section, sections, sizeof sections);
    p->process[1] = 123;
    p->class_size[0] = 16;
    p->class_size[1] = 32;
    p->thread[0].state = APEX_SLOT_LIVE;
    p->thread[0].class[1].live_gained = 10;
    p->thread[1].state = APEX_SLOT_EXITED;
    p->thread[1].class[1].live_lost = 4;
    p->thread[0].slow_allocs = 5;
    p->thread[1].slow_allocs = 6;
    p->schema[0] =
        (struct apex_stats_schema){APEX_SECTION_PROCESS, 8, APEX_STAT_GAUGE, 0, "large", "bytes"};
    p->schema[1] = (struct apex_stats_schema){
        APEX_SECTION_THREAD, offsetof(struct apex_stats_thread, slow_allocs),
        APEX_STAT_COUNTER,   0,
        "slow_allocs",       "count"};
}

// A page as a process makes it; `*mapped` is its own view, which holds the lease.
static int
make_page(uint64_t nonce, struct small_page **mapped, size_t *bytes)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    int fd = memfd_create("roster-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    *bytes = (sizeof **mapped + 4095) & ~(size_t)4095;
    assert_true(fd >= 0);
    assert_int_equal(posix_fallocate(fd, 0, (off_t)*bytes), 0);
    *mapped = mmap(NULL, *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    assert_true(*mapped != MAP_FAILED);
    fill(*mapped, nonce, *bytes);
    assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
    assert_int_equal(flock(fd, LOCK_SH), 0);
    return fd;
}

// Registers process `pid` with a page of ours.
static struct client *
add(pid_t pid, uint64_t nonce, struct small_page **mapped, size_t *bytes)
{
    struct client_peer peer = {pid, geteuid(), getegid(), (int)syscall(SYS_pidfd_open, pid, 0)};
    struct page_map map;
    int advice_fd = -1;

    assert_true(peer.pidfd >= 0);
    assert_true(roster_has_room(roster, &peer));
    int fd = make_page(nonce, mapped, bytes);
    assert_int_equal(page_map_open(&map, fd, nonce), APEX_HELLO_ACCEPTED);
    struct client *client = client_new(&peer, &map, DAEMON_ID, SECOND, &advice_fd);
    assert_non_null(client);
    close(advice_fd);
    roster_add(roster, client);
    return client;
}

static void
test_snapshot(void **state)
{
    struct small_page *page;
    size_t bytes;
    struct client *client = add(getpid(), 7, &page, &bytes);
    const struct page_snapshot *s = client_snapshot(client, SECOND);
    struct page_thread thread;

    (void)state;
    assert_int_equal(s->class_count, 2);
    assert_int_equal(s->class[1].gained, 10);
    assert_int_equal(s->class[1].lost, 4);
    assert_int_equal(s->small_bytes, 6 * 32);
    assert_int_equal(s->threads_live, 1);
    assert_int_equal(page_map_value(&client->map, s, "large"), 123);
    assert_int_equal(page_map_value(&client->map, s, "slow_allocs"), 0); // not of the process
    assert_int_equal(s->value[1], 11);
    page_map_thread(&client->map, 1, &thread);
    assert_int_equal(thread.live_bytes, 0); // lost more than it gained
    assert_int_equal(thread.value[1], 6);
    // Kept for a while, then read anew.
    page->process[1] = 124;
    s = client_snapshot(client, SECOND + CLIENT_SNAPSHOT_NS - 1);
    assert_int_equal(page_map_value(&client->map, s, "large"), 123);
    s = client_snapshot(client, SECOND + CLIENT_SNAPSHOT_NS);
    assert_int_equal(page_map_value(&client->map, s, "large"), 124);
    assert_true(client_rss_bytes(client) > 0);
    munmap(page, bytes);
}

static void
test_one_entry_each(void **state)
{
    struct small_page *first;
    struct small_page *second;
    size_t bytes;

    (void)state;
    add(getpid(), 1, &first, &bytes);
    struct client *client = add(getpid(), 2, &second, &bytes);
    assert_int_equal(roster->count, 1);
    assert_ptr_equal(roster_find(roster, getpid()), client);
    assert_int_equal(roster->registered_total, 2);
    assert_null(roster_find(roster, 1));
    munmap(first, bytes);
    assert_int_equal(roster_sweep(roster, SECOND), 0);
    munmap(second, bytes);
    uint64_t found = SECOND + ROSTER_SWEEP_NS;
    assert_int_equal(roster_sweep(roster, found - 1), 0); // nobody looks
    assert_int_equal(roster_sweep(roster, found), 0);
    assert_int_equal(roster_sweep(roster, found + CLIENT_GRACE_NS - 1), 0); // it may come again
    assert_int_equal(roster_sweep(roster, found + CLIENT_GRACE_NS - 1 + ROSTER_SWEEP_NS), 1);
    assert_null(roster_find(roster, getpid()));
}

// Who comes again with another page finds on the new page of advice what the old one said.
static void
test_advice_goes_along(void **state)
{
    const struct apex_advice_weight shares[] = {{0, 3}, {2, 1}};
    struct small_page *page[2];
    size_t bytes;
    struct client *client = add(getpid(), 7, &page[0], &bytes);

    (void)state;
    assert_true(tune_set(&client->tune, TUNE_USER, "decay_ms", 50));
    tune_advise_shares(&client->tune, &client->advice, shares, 2);
    client->watch.tightened = true; // or nobody would take back what pressure has asked for
    client->watch.pressed_until_ns = SECOND;
    client = add(getpid(), 8, &page[1], &bytes);
    assert_int_equal(roster->count, 1);
    assert_true(client->watch.tightened);
    assert_int_equal(client->watch.pressed_until_ns, SECOND);
    const struct apex_advice_page *advice = client->advice.page;
    assert_int_equal(advice->rows, 1);
    assert_string_equal(advice->row[0].key, "decay_ms");
    assert_int_equal(advice->weights, 2);
    assert_memory_equal(advice->weight, shares, sizeof shares);
    munmap(page[0], bytes);
    // It lets go of the old page before the new one is here, and others ask for the list meanwhile.
    munmap(page[1], bytes);
    assert_int_equal(roster_sweep(roster, 2 * SECOND), 0);
    client = add(getpid(), 9, &page[0], &bytes);
    assert_int_equal(client->advice.page->rows, 1);
    assert_int_equal(client->advice.page->weights, 2);
    munmap(page[0], bytes);
}

// A user's pages may be so long together and no longer; one that replaces an older one counts
// alone.
static void
test_room_for_pages(void **state)
{
    struct small_page *page;
    size_t bytes;
    struct client *client = add(getpid(), 1, &page, &bytes);
    struct client_peer other = {getpid() + 1, 4711, 4711, -1};

    (void)state;
    client->peer.uid = other.uid;
    client->map.bytes = ROSTER_PAGE_BYTES_OF_UID_MAX - 4096;
    assert_true(roster_has_room_for_page(roster, &other, 4096));
    assert_false(roster_has_room_for_page(roster, &other, 4097));
    other.pid = getpid();
    assert_true(roster_has_room_for_page(roster, &other, 1u << 20));
    other = (struct client_peer){getpid() + 1, 4712, 4711, -1};
    assert_true(roster_has_room_for_page(roster, &other, 1u << 20));
    client->map.bytes = bytes;
    client->peer.uid = geteuid();
    munmap(page, bytes);
}

static void
test_exit(void **state)
{
    struct small_page *page;
    size_t bytes;
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        char byte;
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) != 0);
    }
    close(ends[0]);
    add(child, 1, &page, &bytes);
    assert_int_equal(roster_sweep(roster, SECOND), 0);
    close(ends[1]);
    // The page is still mapped, by us; but its process is gone, even before anybody has waited
    // for it.
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(roster_sweep(roster, 2 * SECOND), 1);
    assert_int_equal(waitpid(child, NULL, 0), child);
    munmap(page, bytes);
}

// A look at all goes on where its last step ended, unless that is long ago: then whoever it was for
// has gone, and the next one must not be told what was seen for the first.
static void
test_look_left(void **state)
{
    struct small_page *page[CROWD];
    struct client *first = NULL;
    pid_t child[CROWD];
    size_t bytes;

    (void)state;
    for (unsigned i = 0; i < CROWD; i++) {
        child[i] = fork();
        if (child[i] == 0) {
            pause();
            _exit(0);
        }
        struct client *client = add(child[i], i + 1, &page[i], &bytes);
        first = i == 0 ? client : first;
    }
    assert_false(roster_look(roster, 0));
    size_t step = roster->look_next;
    assert_false(roster_look(roster, 0));
    assert_int_equal(roster->look_next, 2 * step);
    page[0]->process[1] = 124;
    first->snapshot_ns -= SECOND;
    roster->look_step_ns -= SECOND;
    while (!roster_look(roster, 0)) {
    }
    assert_int_equal(page_map_value(&first->map, &first->snapshot, "large"), 124);
    for (unsigned i = 0; i < CROWD; i++) {
        kill(child[i], SIGKILL);
        assert_int_equal(waitpid(child[i], NULL, 0), child[i]);
        munmap(page[i], bytes);
    }
    // Nor are all who have gone let go of in one step.
    roster->looked_ns = 0;
    assert_false(roster_look(roster, 0));
    assert_int_equal(roster->count, CROWD - step);
    while (!roster_look(roster, 0)) {
    }
    assert_int_equal(roster->count, 0);
}

static volatile sig_atomic_t alarms;

static void
on_alarm(int number)
{
    (void)number;
    alarms++;
}

// Who lives is not taken for dead because a signal came while he was looked at.
static void
test_alive_amid_signals(void **state)
{
    struct small_page *page;
    size_t bytes;
    const struct client *client = add(getpid(), 1, &page, &bytes);
    const struct sigaction action = {.sa_handler = on_alarm};
    const struct itimerval often = {{0, 2000}, {0, 2000}};
    const struct itimerval never = {{0, 0}, {0, 0}};
    unsigned dead = 0;

    (void)state;
    assert_int_equal(sigaction(SIGALRM, &action, NULL), 0);
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    while (alarms < 300) {
        dead += client_alive(client) ? 0 : 1;
    }
    assert_int_equal(setitimer(ITIMER_REAL, &never, NULL), 0);
    assert_int_equal(dead, 0);
    munmap(page, bytes);
}

static void
test_heartbeat(void **state)
{
    struct small_page *page;
    size_t bytes;
    struct client *client = add(getpid(), 9, &page, &bytes);
    const struct apex_advice_page *advice = client->advice.page;

    (void)state;
    assert_int_equal(advice->nonce, 9);
    assert_int_equal(advice->daemon, DAEMON_ID);
    assert_int_equal(advice->state, APEX_ADVICE_SERVING);
    uint64_t before = advice->heartbeat;
    roster_beat(roster);
    assert_int_equal(advice->heartbeat, before + 1);
    munmap(page, bytes);
}

// Readers take what lies between two looks at the same even sequence, and what is new by the epoch.
static void
test_weights_and_requests(void **state)
{
    const struct apex_advice_weight shares[] = {{0, 3}, {2, 1}};
    struct small_page *page;
    size_t bytes;
    struct client *client = add(getpid(), 9, &page, &bytes);
    const struct apex_advice_page *advice = client->advice.page;

    (void)state;
    assert_int_equal(advice->total_bytes, sizeof *advice);
    advice_write(&client->advice, NULL, 0, shares, 2);
    assert_int_equal(advice->weights, 2);
    assert_memory_equal(advice->weight, shares, sizeof shares);
    assert_int_equal(advice->epoch, 1);
    assert_int_equal(advice->sequence, 2);
    advice_write(&client->advice, NULL, 0, shares, 2); // nothing new
    assert_int_equal(advice->epoch, 1);
    advice_write(&client->advice, NULL, 0, shares, 1);
    assert_int_equal(advice->weights, 1);
    assert_int_equal(advice->weight[1].weight, 0);
    advice_write(&client->advice, NULL, 0, NULL, 0);
    assert_int_equal(advice->weights, 0);
    assert_int_equal(advice->weight[0].weight, 0);
    assert_int_equal(advice->epoch, 3);
    assert_int_equal(advice->sequence, 6);
    // A request is none of that.
    advice_sample(&client->advice);
    advice_sample(&client->advice);
    advice_rehome(&client->advice);
    assert_int_equal(advice->sample, 2);
    assert_int_equal(advice->rehome, 1);
    assert_int_equal(advice->purge, 0);
    assert_int_equal(advice->epoch, 3);
    munmap(page, bytes);
}

static void
test_capacity(void **state)
{
    struct client_peer stranger = {1, 12345, 12345, -1};
    struct small_page *page;
    size_t bytes;

    (void)state;
    assert_true(roster->capacity > 100 && roster->capacity < 500); // of 1000 descriptors
    assert_true(roster_has_room(roster, &stranger));
    roster->capacity = 1;
    add(getpid(), 1, &page, &bytes);
    assert_false(roster_has_room(roster, &stranger));
    // Who is in it already may come again.
    struct client_peer self = {getpid(), geteuid(), getegid(), -1};
    assert_true(roster_has_room(roster, &self));
    struct roster none;
    roster_init(&none, 1, 2);
    assert_int_equal(none.capacity, 0);
    munmap(page, bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_snapshot, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_entry_each, setup, teardown),
        cmocka_unit_test_setup_teardown(test_advice_goes_along, setup, teardown),
        cmocka_unit_test_setup_teardown(test_room_for_pages, setup, teardown),
        cmocka_unit_test_setup_teardown(test_exit, setup, teardown),
        cmocka_unit_test_setup_teardown(test_look_left, setup, teardown),
        cmocka_unit_test_setup_teardown(test_alive_amid_signals, setup, teardown),
        cmocka_unit_test_setup_teardown(test_heartbeat, setup, teardown),
        cmocka_unit_test_setup_teardown(test_weights_and_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(test_capacity, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
