// SPDX-License-Identifier: MIT
//
// Unit test of view/stats_page.c: what a fresh page says, one address for life, stores that hit a
// page being replaced or dropped, and children. Reason: threads store into this page at any moment;
// none may ever find nothing there, or somebody else's page.

#include "view/stats_page.h"

#include "core/size_class.h"
#include "os/os_page.h"
#include "policy/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

static int fd;
static uint64_t nonce;
static uint32_t bytes;

// As the daemon sees it.
static const char *
reader_view(void)
{
    void *view = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);

    assert_true(view != MAP_FAILED);
    return view;
}

static void
test_options(void **state)
{
    (void)state;
    assert_int_equal(stats_page_open(1000, &fd, &nonce, &bytes), 0);
    const char *view = reader_view();
    const struct apex_stats_header *h = (const void *)view;
    assert_int_equal(h->section[4].type, APEX_SECTION_OPTION);
    assert_int_equal(h->section[4].stride_bytes, sizeof(struct apex_stats_option));
    const struct apex_stats_option *row = (const void *)(view + h->section[4].offset_bytes);
    assert_string_equal(row[0].key, "decay_ms");
    assert_string_equal(row[0].unit, "ms");
    assert_int_equal(row[0].live, 1);
    assert_int_equal(row[0].max, 600000);
    assert_int_equal(row[0].value, config_get()->decay_ms);
    // An advised value is in force, and does not hide what the process wants.
    struct apex_advice_row advice = {"decay_ms", 4321};
    uint64_t own = config_get()->decay_ms;
    assert_int_equal(config_advise(&advice, 1), 0);
    stats_page_options();
    assert_int_equal(row[0].value, 4321);
    assert_int_equal(row[0].own, own);
    config_advise(NULL, 0);
    stats_page_options();
    assert_int_equal(row[0].value, own);
    munmap((void *)(uintptr_t)view, bytes);
    os_close(fd);
    stats_page_drop();
    stats_page_options(); // without a page: nothing
}

static void
test_no_page(void **state)
{
    (void)state;
    stats_page_drop();
    unsigned generation = stats_page_generation();
    assert_null(stats_page_slot(0));
    assert_null(stats_page_process());
    stats_page_publish(5);
    stats_page_drop();
    assert_int_equal(stats_page_generation(), generation);
    assert_false(stats_page_inherited());
}

static void
test_fresh_page(void **state)
{
    (void)state;
    unsigned before = stats_page_generation();
    errno = 77;
    assert_int_equal(stats_page_open(1000, &fd, &nonce, &bytes), 0);
    assert_int_equal(errno, 77);
    assert_int_not_equal(stats_page_generation(), before);
    const char *view = reader_view();
    const struct apex_stats_header *h = (const void *)view;
    assert_int_equal(h->magic, APEX_STATS_MAGIC);
    assert_int_equal(h->major, APEX_STATS_MAJOR);
    assert_int_equal(h->byte_order, APEX_STATS_BYTE_ORDER);
    assert_int_equal(h->total_bytes, bytes);
    assert_int_equal(h->nonce, nonce);
    assert_int_equal(h->pid, getpid());
    assert_memory_equal(h->comm, program_invocation_short_name,
                        strnlen(program_invocation_short_name, sizeof h->comm - 1));
    assert_int_equal(h->start_ns, 1000);
    assert_int_equal(h->sections, 8);
    assert_int_equal(h->state, APEX_STATS_INIT);
    stats_page_ready();
    assert_int_equal(h->state, APEX_STATS_READY);
    stats_page_publish(2000);
    assert_int_equal(h->published_ns, 2000);
    const uint64_t *sizes = (const void *)(view + h->section[1].offset_bytes);
    for (unsigned i = 0; i < APEX_STATS_CLASSES; i++) {
        assert_int_equal(sizes[i], i < CLASS_COUNT ? size_classes[i].chunk_bytes : 0);
    }
    // Every schema row points into its element, and names a field once.
    const struct apex_stats_schema *rows = (const void *)(view + h->section[3].offset_bytes);
    for (unsigned i = 0; i < h->section[3].count; i++) {
        size_t element = rows[i].section == APEX_SECTION_PROCESS
                             ? sizeof(struct apex_stats_process)
                         : rows[i].section == APEX_SECTION_THREAD ? sizeof(struct apex_stats_thread)
                                                                  : sizeof(struct apex_stats_node);
        assert_true(rows[i].offset_bytes + 8 <= element);
        for (unsigned j = 0; j < i; j++) {
            assert_false(rows[i].section == rows[j].section &&
                         rows[i].offset_bytes == rows[j].offset_bytes);
        }
    }
    munmap((void *)(uintptr_t)view, bytes);
    os_close(fd);
    stats_page_drop();
}

static void
test_slots(void **state)
{
    (void)state;
    assert_int_equal(stats_page_open(1, &fd, &nonce, &bytes), 0);
    const char *view = reader_view();
    const struct apex_stats_header *h = (const void *)view;
    for (unsigned i = 0; i < APEX_STATS_SLOTS; i++) {
        stats_page_slot(i)->slow_allocs = 1000 + i;
    }
    for (unsigned i = 0; i < APEX_STATS_SLOTS; i++) {
        const struct apex_stats_thread *slot =
            (const void *)(view + h->section[2].offset_bytes + i * h->section[2].stride_bytes);
        assert_int_equal(slot->slow_allocs, 1000 + i);
    }
    assert_int_equal(h->section[2].offset_bytes % 128, 0);
    assert_int_equal(h->section[2].stride_bytes % 128, 0);
    // Those without a slot of their own share the last.
    assert_ptr_equal(stats_page_slot(APEX_STATS_SLOTS), stats_page_slot(APEX_STATS_SLOTS - 1));
    assert_ptr_equal(stats_page_slot(1000000), stats_page_slot(APEX_STATS_SLOTS - 1));
    stats_page_process()->mapped = 4711;
    assert_int_equal(h->section[5].type, APEX_SECTION_NODE);
    assert_int_equal(h->section[5].count, APEX_STATS_NODES);
    const struct apex_stats_node *nodes = (const void *)(view + h->section[5].offset_bytes);
    stats_page_node(APEX_STATS_NODES - 1)->switches = 4712;
    assert_int_equal(nodes[APEX_STATS_NODES - 1].switches, 4712);
    const struct apex_stats_process *process = (const void *)(view + h->section[0].offset_bytes);
    assert_int_equal(process->mapped, 4711);
    munmap((void *)(uintptr_t)view, bytes);
    os_close(fd);
    stats_page_drop();
}

static void
test_replaced_and_dropped(void **state)
{
    (void)state;
    assert_int_equal(stats_page_open(1, &fd, &nonce, &bytes), 0);
    // A thread in the middle of its copy holds this pointer.
    struct apex_stats_thread *held = stats_page_slot(3);
    const char *old = reader_view();
    size_t offset = (size_t)((const char *)held - (const char *)stats_page_process()) +
                    sizeof(struct apex_stats_header);
    uint64_t first_nonce = nonce;
    unsigned generation = stats_page_generation();
    held->slow_frees = 1;
    os_close(fd);
    assert_int_equal(stats_page_open(2, &fd, &nonce, &bytes), 0);
    assert_int_not_equal(stats_page_generation(), generation);
    assert_int_not_equal(nonce, first_nonce);
    assert_ptr_equal(stats_page_slot(3), held);
    assert_int_equal(held->slow_frees, 0);
    held->slow_frees = 2;
    const char *view = reader_view();
    assert_int_equal(((const struct apex_stats_thread *)(const void *)(view + offset))->slow_frees,
                     2);
    assert_int_equal(((const struct apex_stats_thread *)(const void *)(old + offset))->slow_frees,
                     1);
    generation = stats_page_generation();
    stats_page_drop();
    assert_int_not_equal(stats_page_generation(), generation);
    assert_null(stats_page_slot(3));
    held->slow_frees = 3; // harms nobody
    assert_int_equal(((const struct apex_stats_thread *)(const void *)(view + offset))->slow_frees,
                     2);
    munmap((void *)(uintptr_t)view, bytes);
    munmap((void *)(uintptr_t)old, bytes);
    os_close(fd);
}

// In a child: no slot, due at once; after the drop nothing it stores reaches the parent.
static int
child_of(struct apex_stats_thread *held)
{
    if (!stats_page_inherited() || stats_page_slot(0) != NULL || stats_page_process() != NULL ||
        stats_page_guard->due_ns != 0) {
        return 1;
    }
    stats_page_drop();
    held->slow_frees = 99;
    if (stats_page_inherited() || stats_page_slot(0) != NULL) {
        return 2;
    }
    int mine;
    if (stats_page_open(3, &mine, &nonce, &bytes) != 0 || stats_page_slot(0) == NULL) {
        return 3;
    }
    stats_page_slot(0)->slow_frees = 98;
    return 0;
}

static void
test_children(void **state)
{
    (void)state;
    for (unsigned bare = 0; bare < 2; bare++) {
        int status;
        assert_int_equal(stats_page_open(1, &fd, &nonce, &bytes), 0);
        os_close(fd);
        struct apex_stats_thread *held = stats_page_slot(0);
        held->slow_frees = 7;
        stats_page_guard->due_ns = 1234;
        // No handler of fork() is there in this program, and a bare clone() would not run it.
        pid_t child = bare ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();
        if (child == 0) {
            _exit(child_of(held));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
        assert_int_equal(held->slow_frees, 7);
        assert_int_equal(stats_page_guard->due_ns, 1234);
        assert_ptr_equal(stats_page_slot(0), held);
        stats_page_drop();
    }
}

static uint32_t
rows_of_page(void)
{
    uint32_t n = 0;

    while (heapmap_superblock(n + 1) != NULL) {
        n++;
    }
    return n;
}

// A heap that outgrows its page makes a longer one due; a refused one makes the next one shorter.
static void
test_growth(void **state)
{
    (void)state;
    assert_int_equal(stats_page_open(1, &fd, &nonce, &bytes), 0);
    os_close(fd);
    uint32_t first_bytes = bytes;
    struct apex_stats_superblock *held = heapmap_superblock(1);
    struct apex_stats_large *large = stats_page_large(APEX_STATS_LARGE - 1);
    assert_non_null(held);
    assert_non_null(large);
    assert_null(stats_page_large(APEX_STATS_LARGE));
    assert_false(stats_page_outgrown());
    stats_page_guard->due_ns = 1234;
    uint32_t rows = rows_of_page(); // asks for one more
    assert_true(rows >= APEX_STATS_SUPERBLOCKS_MIN);
    assert_true(stats_page_outgrown());
    assert_int_equal(stats_page_guard->due_ns, 0);
    assert_int_equal(stats_page_open(1, &fd, &nonce, &bytes), 0);
    assert_true(bytes > first_bytes && bytes < 2 * first_bytes);
    assert_ptr_equal(heapmap_superblock(1), held);
    assert_false(stats_page_outgrown());
    const char *view = reader_view();
    const struct apex_stats_header *h = (const void *)view;
    const struct apex_stats_section *section = &h->section[7];
    assert_int_equal(section->type, APEX_SECTION_SUPERBLOCK);
    assert_true(section->count >= 2 * APEX_STATS_SUPERBLOCKS_MIN);
    assert_int_equal(rows_of_page(), section->count);
    heapmap_superblock(section->count)->node = 77;
    assert_int_equal(((const struct apex_stats_superblock *)(const void *)(
                          view + section->offset_bytes +
                          (size_t)(section->count - 1) * section->stride_bytes))
                         ->node,
                     77);
    munmap((void *)(uintptr_t)view, bytes);
    os_close(fd);
    assert_null(heapmap_superblock(10000));
    assert_int_equal(stats_page_open(1, &fd, &nonce, &bytes), 0);
    os_close(fd);
    assert_true(bytes > 10000 * sizeof(struct apex_stats_superblock));
    assert_non_null(heapmap_superblock(10000));
    uint32_t long_bytes = bytes;
    assert_true(stats_page_refuse()); // a shorter one follows
    stats_page_drop();
    held->node = 1; // somebody in the middle of a store, at both ends of what was a page
    assert_int_equal(stats_page_open(1, &fd, &nonce, &bytes), 0);
    os_close(fd);
    assert_true(bytes <= long_bytes / 2 + 65536);
    assert_null(heapmap_superblock(10000));
    assert_false(stats_page_outgrown()); // what was refused is not asked for again
    stats_page_drop();
    stats_page_refuse();
}

// The longest page is as long as the ABI says, however large the heap is.
static void
test_longest(void **state)
{
    int status;

    (void)state;
    pid_t child = fork(); // what was refused before binds this process
    if (child == 0) {
        stats_page_drop();
        _exit(stats_page_open(1, &fd, &nonce, &bytes) == 0 &&
                      heapmap_superblock(1u << 20) == NULL && stats_page_outgrown() &&
                      stats_page_open(1, &fd, &nonce, &bytes) == 0 &&
                      bytes == APEX_STATS_PAGE_BYTES_MAX &&
                      heapmap_superblock(1u << 20) == NULL && !stats_page_outgrown()
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int
main(void)
{
    static const struct heapmap_hooks hooks = {stats_page_ask, stats_page_large};
    heapmap_set_hooks(&hooks);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_page),  cmocka_unit_test(test_fresh_page),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_slots),    cmocka_unit_test(test_replaced_and_dropped),
        cmocka_unit_test(test_children), cmocka_unit_test(test_longest),
        cmocka_unit_test(test_growth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
