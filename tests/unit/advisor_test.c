// SPDX-License-Identifier: MIT
//
// Unit test of apexd/advisor.c and apexd/rehome.c, on pictures of the test's own: what is applied
// is on the advice page and goes from it again, by a person, by acting mode, by `tune`, and when
// the rule goes; acting mode touches those only that are opted in; nobody's own options are
// overridden. Reason: this is the one part of advice on NUMA that changes other processes.

#include "apexd/advisor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GIB (UINT64_C(1) << 30)
#define SECOND UINT64_C(1000000000)
#define START (1000 * SECOND)
#define OPTIONS 3

// What the process shows: its options, and one superblock.
static struct shown {
    struct apex_stats_option option[OPTIONS];
    struct apex_stats_superblock superblock;
} shown;

static struct topology topology;
static struct picture_host host;
static struct picture picture;
static struct roster *roster;
static struct client *client;
static struct advisor advisor;
static uint64_t now_ns;

static void
source_host(const struct topology *t, struct picture_host *out)
{
    (void)t;
    *out = host;
}

static void
source_picture(struct client *c, const struct topology *t, bool goes_on, uint64_t at_ns,
               struct picture *out)
{
    (void)c;
    (void)t;
    assert_true(goes_on);
    *out = picture;
    out->taken_ns = at_ns;
}

static const struct advisor_source source = {source_host, source_picture};

static void
make_options(void)
{
    static const char *const keys[OPTIONS] = {"numa_home", "numa_large", "numa_large_min"};

    for (unsigned i = 0; i < OPTIONS; i++) {
        struct apex_stats_option *o = &shown.option[i];
        memset(o, 0, sizeof *o);
        strcpy(o->key, keys[i]);
        strcpy(o->unit, i == 1 ? "touch|home|spread" : "count");
        o->type = i == 1 ? APEX_OPTION_CHOICE : i == 2 ? APEX_OPTION_BYTES : APEX_OPTION_MS;
        o->live = 1;
        o->max = i == 0 ? 1024 : i == 1 ? 2 : GIB;
        o->initial = o->own = o->value = i == 0 ? 1024 : 0;
    }
}

// Two nodes, 0 and 3; the process runs on 3, and half of it lies on 0.
static void
make_picture(void)
{
    memset(&topology, 0, sizeof topology);
    memset(&host, 0, sizeof host);
    memset(&picture, 0, sizeof picture);
    topology.node_count = host.node_count = picture.node_count = 2;
    topology.node[1].os_index = 3;
    for (unsigned i = 0; i < 2; i++) {
        topology.node[i].cpus = 4;
        host.node[i].total_bytes = 8 * GIB;
        host.node[i].free_bytes = 4 * GIB;
        picture.node[i].allowed = true;
        picture.node[i].found = 200;
    }
    picture.node[1].cpus_allowed = 4;
    picture.node[1].threads = 4;
    picture.rss_bytes = picture.active_bytes = GIB;
    picture.age_ns = 3600 * SECOND;
}

// A client that is this very process, with a page whose lease it holds itself.
static void
make_client(void)
{
    int fd = memfd_create("advisor-test", MFD_CLOEXEC);
    char path[64];
    int advice_fd;

    client = calloc(1, sizeof *client);
    assert_non_null(client);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    client->map.fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && client->map.fd >= 0);
    assert_int_equal(flock(fd, LOCK_SH), 0); // stays open to the end of the test
    client->map.base = (const unsigned char *)&shown;
    client->map.option = (struct apex_stats_section){APEX_SECTION_OPTION, OPTIONS,
                                                     sizeof shown.option[0], 0};
    client->map.superblock = (struct apex_stats_section){APEX_SECTION_SUPERBLOCK, 1,
                                                         sizeof shown.superblock,
                                                         offsetof(struct shown, superblock)};
    client->peer.pid = getpid();
    client->peer.pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    assert_true(client->peer.pidfd >= 0);
    assert_true(advice_open(&client->advice, 1, 2, false, &advice_fd));
    close(advice_fd);
}

static void
begin(bool acts)
{
    now_ns = START;
    advisor_init(&advisor, roster, &topology, &source, acts);
}

static int
setup(void **state)
{
    (void)state;
    roster = malloc(sizeof *roster);
    assert_non_null(roster);
    roster_init(roster, 1, 1000);
    make_options();
    make_picture();
    make_client();
    roster->client[0] = client;
    roster->count = 1;
    begin(false);
    return 0;
}

static int
teardown(void **state)
{
    (void)state;
    advice_close(&client->advice);
    close(client->map.fd);
    close(client->peer.pidfd);
    free(client->advisor);
    free(client);
    free(roster);
    return 0;
}

// Beats for so many seconds.
static void
live(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i++) {
        now_ns += SECOND;
        advisor_beat(&advisor, now_ns);
    }
}

static const struct policy_advice *
find(enum policy_kind kind)
{
    const struct policy_list *list = advisor_look(&advisor, client, now_ns);

    for (unsigned i = 0; i < list->count; i++) {
        if (list->advice[i].kind == kind) {
            return &list->advice[i];
        }
    }
    return NULL;
}

static bool
is_home_3(void)
{
    const struct apex_advice_page *page = client->advice.page;
    return page->rows == 1 && strcmp(page->row[0].key, "numa_home") == 0 && page->row[0].value == 3;
}

static uint64_t
total(enum policy_kind kind, enum policy_outcome outcome)
{
    return roster->advice_total[kind][outcome];
}

static void
test_a_person(void **state)
{
    const char *why;

    (void)state;
    const struct policy_advice *a = find(POLICY_spilled);
    assert_non_null(a);
    assert_true(advisor_apply(&advisor, client, a, true, now_ns, &why));
    assert_true(is_home_3());
    assert_int_equal(client->advice.page->rehome, 1);
    assert_int_equal(tune_find(&client->tune, "numa_home")->source, TUNE_USER);
    assert_false(client->advisor->rehome.on); // this daemon only advises
    live(300);
    assert_true(is_home_3()); // stays, although it does not help
    assert_true(advisor_revert(&advisor, client, true, now_ns));
    assert_int_equal(client->advice.page->rows, 0);
    assert_false(advisor_revert(&advisor, client, true, now_ns));
    assert_int_equal(total(POLICY_spilled, POLICY_OUTCOME_APPLIED), 1);
    assert_int_equal(total(POLICY_spilled, POLICY_OUTCOME_REVERTED), 1);
}

static void
test_taken_back_by_tune(void **state)
{
    const char *why;

    (void)state;
    assert_true(advisor_apply(&advisor, client, find(POLICY_spilled), true, now_ns, &why));
    tune_clear(&client->tune, TUNE_USER, NULL);
    live(11);
    assert_false(client->advisor->state.force.on);
}

static void
test_weights(void **state)
{
    const char *why;

    (void)state;
    picture.node[0].cpus_allowed = picture.node[0].threads = 4;
    picture.node[0].found = 400;
    picture.node[1].found = 4;
    picture.large_bytes = GIB;
    assert_true(advisor_apply(&advisor, client, find(POLICY_hot_spot), true, now_ns, &why));
    const struct apex_advice_page *page = client->advice.page;
    assert_int_equal(page->weights, 2);
    assert_int_equal(page->weight[0].node, 0);
    assert_int_equal(page->weight[1].node, 3);
    assert_int_equal(page->rows, 2);
    assert_true(advisor_revert(&advisor, client, true, now_ns));
    assert_int_equal(page->weights, 0);
    assert_int_equal(page->rows, 0);
}

// A reader of the page finds what was in force or what is: there is no change between the two.
static void
test_one_after_the_other(void **state)
{
    const struct apex_advice_page *page = client->advice.page;
    const char *why;

    (void)state;
    tune_set(&client->tune, TUNE_RULE, "decay_ms", 7);
    tune_set(&client->tune, TUNE_RULE, "retain", 7);
    assert_true(advisor_apply(&advisor, client, find(POLICY_spilled), true, now_ns, &why));
    assert_int_equal(page->epoch, 1);
    assert_int_equal(page->rows, 3);
    // The same again.
    assert_true(advisor_apply(&advisor, client, find(POLICY_spilled), true, now_ns, &why));
    assert_int_equal(page->epoch, 1);
    picture.node[0].cpus_allowed = picture.node[0].threads = 4;
    picture.node[0].found = 400;
    picture.node[1].found = 4;
    picture.large_bytes = GIB;
    now_ns += 2 * ADVISOR_PICTURE_NS;
    assert_true(advisor_apply(&advisor, client, find(POLICY_hot_spot), true, now_ns, &why));
    assert_int_equal(page->epoch, 2);
    assert_int_equal(page->rows, 4);
    assert_int_equal(page->weights, 2);
    assert_null(tune_find(&client->tune, "numa_home"));
    assert_true(advisor_revert(&advisor, client, true, now_ns));
    assert_int_equal(page->epoch, 3);
    assert_int_equal(page->rows, 2);
    assert_int_equal(page->weights, 0);
}

// What cannot be put in force does not end what is.
static void
test_no_room(void **state)
{
    char key[] = "a";
    const char *why;

    (void)state;
    assert_true(advisor_apply(&advisor, client, find(POLICY_spilled), true, now_ns, &why));
    for (; client->tune.count < TUNE_VALUES_MAX; key[0]++) {
        assert_true(tune_set(&client->tune, TUNE_RULE, key, 1));
    }
    picture.node[0].cpus_allowed = picture.node[0].threads = 4;
    picture.node[0].found = 400;
    picture.node[1].found = 4;
    picture.large_bytes = GIB;
    now_ns += 2 * ADVISOR_PICTURE_NS;
    assert_false(advisor_apply(&advisor, client, find(POLICY_hot_spot), true, now_ns, &why));
    assert_string_equal(why, "too many options are set for the process");
    assert_true(is_home_3());
    assert_int_equal(client->advice.page->epoch, 1);
    assert_true(client->advisor->state.force.on);
    assert_int_equal(client->advisor->force.kind, POLICY_spilled);
}

static void
test_advice_only(void **state)
{
    (void)state;
    client->numa_act = true;
    live(200);
    assert_int_equal(client->advice.page->epoch, 0);
    assert_int_equal(total(POLICY_spilled, POLICY_OUTCOME_ISSUED), 1);
}

static void
test_only_opted_in(void **state)
{
    (void)state;
    begin(true);
    live(200);
    assert_int_equal(client->advice.page->epoch, 0);
}

static void
test_acts(void **state)
{
    (void)state;
    begin(true);
    client->numa_act = true;
    live(35);
    assert_true(is_home_3());
    assert_int_equal(tune_find(&client->tune, "numa_home")->source, TUNE_ADVICE);
    assert_true(client->advisor->rehome.on);
    assert_int_equal(client->advisor->rehome.target, 3);
    client->advisor->rehome.on = false; // all is looked at
    live(10);
    assert_true(client->advisor->rehome.on); // and there is more to move
    client->advisor->rehome.on = false;
    picture.node[1].found = 2000; // it helps
    live(100);
    assert_false(client->advisor->rehome.on);
    assert_true(is_home_3());
    assert_true(client->advisor->state.force.proven);
    client->numa_act = false; // the rule goes
    live(1);
    assert_int_equal(client->advice.page->rows, 0);
    assert_false(client->advisor->rehome.on);
}

static void
test_rolls_back(void **state)
{
    (void)state;
    begin(true);
    client->numa_act = true;
    live(50);
    assert_true(is_home_3());
    live(50);
    assert_int_equal(client->advice.page->rows, 0);
    live(400);
    assert_int_equal(total(POLICY_spilled, POLICY_OUTCOME_APPLIED), 1); // not again for a while
    assert_int_equal(total(POLICY_spilled, POLICY_OUTCOME_REVERTED), 1);
}

static void
test_stands_down(void **state)
{
    (void)state;
    begin(true);
    client->numa_act = true;
    live(50);
    assert_true(is_home_3());
    host.balancing = true;
    live(40);
    assert_int_equal(client->advice.page->rows, 0);
    assert_false(advisor_move(&advisor));
}

// What the process, a rule or a person has said goes before.
static void
test_own_options(void **state)
{
    (void)state;
    begin(true);
    client->numa_act = true;
    shown.option[0].own = 0; // numa_home=0 in APEX_OPTIONS
    live(100);
    assert_int_equal(client->advice.page->epoch, 0);
    const char *why;
    assert_false(advisor_apply(&advisor, client, find(POLICY_spilled), true, now_ns, &why));
    assert_string_equal(why, policy_row(POLICY_own_options)->what);
    assert_int_equal(total(POLICY_spilled, POLICY_OUTCOME_REJECTED), 1);
    shown.option[0].own = 1024;
    tune_set(&client->tune, TUNE_RULE, "numa_large", 1);
    live(100);
    assert_int_equal(client->advice.page->epoch, 0);
}

static void
test_too_old(void **state)
{
    const char *why;

    (void)state;
    client->map.option.count = 0;
    assert_false(advisor_apply(&advisor, client, find(POLICY_spilled), true, now_ns, &why));
    assert_string_equal(why, "the process runs on a libapex too old for it");
    assert_int_equal(client->advice.page->epoch, 0);
}

// When a node goes, places in the pictures before mean others: a new one is taken at once.
static void
test_nodes_go(void **state)
{
    (void)state;
    assert_int_equal(find(POLICY_spilled)->node, 3);
    topology.node_count = host.node_count = picture.node_count = 1;
    topology.node[0].os_index = 3;
    now_ns += SECOND;
    assert_null(find(POLICY_spilled));
    assert_non_null(find(POLICY_one_node));
    assert_int_equal(client->advisor->picture.taken_ns, now_ns);
}

// --- Pages ---------------------------------------------------------------------------------------

// Where the kernel says that a page is; negative when it will not say.
static int
node_of(void *page)
{
    int status = -1;
    return syscall(SYS_move_pages, 0, 1ul, &page, NULL, &status, 0) == 0 ? status : -1;
}

static void
test_moves_pages(void **state)
{
    const size_t bytes = PAGE_MAP_SUPERBLOCK_BYTES;
    char *room = mmap(NULL, 2 * bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct rehome work = {.on = false};

    (void)state;
    assert_true(room != MAP_FAILED);
    char *base = (char *)(((uintptr_t)room + bytes - 1) & ~(uintptr_t)(bytes - 1));
    memset(base, 1, bytes);
    int node = node_of(base);
    if (node < 0) { // a sandbox: nothing is moved, and nothing breaks
        node = 0;
    }
    shown.superblock.base = (uintptr_t)base;
    shown.superblock.node = (uint32_t)node;
    for (unsigned i = 1; i < APEX_STATS_SUPERBLOCK_BLOCKS; i++) {
        shown.superblock.block[i].state = APEX_BLOCK_FULL;
    }
    // All is at home: two blocks are looked at in the first step, and nothing moves.
    rehome_begin(&work, REHOME_HOME);
    assert_int_equal(work.pages, REHOME_STEP_PAGES_MIN);
    unsigned steps = 0;
    while (rehome_step(&work, client)) {
        steps++;
        assert_true(work.offset <= bytes);
    }
    assert_false(work.on);
    assert_int_equal(work.moved, 0);
    if (work.error == 0) {
        assert_true(steps >= 1);
        // To a node that there is not, at the pace that was found: the kernel refuses, and the
        // pages stay.
        unsigned pages = work.pages;
        rehome_begin(&work, 1000);
        assert_int_equal(work.pages, pages);
        while (rehome_step(&work, client)) {
        }
        assert_int_equal(work.moved, 0);
        assert_int_equal(node_of(base), node);
        assert_int_equal(base[bytes - 1], 1);
    }
    // What a hostile page says is never looked at.
    shown.superblock.base = UINT64_MAX - bytes + 1;
    rehome_begin(&work, REHOME_HOME);
    assert_false(rehome_step(&work, client));
    assert_int_equal(work.error, 0);
    shown.superblock.base = 0;
    munmap(room, 2 * bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_person, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taken_back_by_tune, setup, teardown),
        cmocka_unit_test_setup_teardown(test_weights, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_after_the_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_advice_only, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_opted_in, setup, teardown),
        cmocka_unit_test_setup_teardown(test_acts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rolls_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stands_down, setup, teardown),
        cmocka_unit_test_setup_teardown(test_own_options, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_old, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nodes_go, setup, teardown),
        cmocka_unit_test_setup_teardown(test_moves_pages, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
