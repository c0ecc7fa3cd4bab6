// SPDX-License-Identifier: MIT
//
// apexd/page_map.c and what methods.c makes of it: whatever the page of a stranger says, and
// however it changes between one look and the next, reading stays inside it and the answers are
// JSON.
//
// The first 8 bytes of an input say what else happens; the rest is the page.

#include "page_seed.h"
#include "target.h"

#include "apexd/client.h"
#include "apexd/placement.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <pthread.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HEAD_BYTES 8

enum head_bits {
    HEAD_TRUE_SIZE = 1, // the header gives the true size, which is hard to come by
    HEAD_CHANGES = 2,   // other bytes come after the page was accepted
    HEAD_SCRIBBLES = 4, // another thread writes while we read
};

static struct roster roster;
static struct topology topology;
static const struct advisor_source pictures = {placement_host, placement_picture};
static struct advisor advisor;
static struct methods methods;
static struct advice advice;

// Pages lie before this, and then there is nothing: a byte too far is a crash. Shared memory, as a
// stranger's is: part of it is given back to the kernel and read again.
static unsigned char *page_end;

static void
page_start_memory(void)
{
    size_t os_page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char *base = mmap(NULL, TARGET_BYTES_MAX + os_page, PROT_READ | PROT_WRITE,
                               MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    TARGET_CHECK(base != MAP_FAILED);
    page_end = base + TARGET_BYTES_MAX;
    TARGET_CHECK(mprotect(page_end, os_page, PROT_NONE) == 0);
}
static int pidfd;  // our own
static int leased; // a file whose lock we hold: the client is one that lives

static void
page_start_lease(void)
{
    char path[32];
    int fd = memfd_create("apex-fuzz", MFD_CLOEXEC);

    TARGET_CHECK(fd >= 0 && flock(fd, LOCK_SH) == 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    leased = open(path, O_RDONLY | O_CLOEXEC);
    pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    TARGET_CHECK(leased >= 0 && pidfd >= 0);
}

void
target_start(void)
{
    int fd;

    page_start_memory();
    page_start_lease();
    TARGET_CHECK(advice_open(&advice, PAGE_SEED_NONCE, 1, false, &fd));
    close(fd);
    roster_init(&roster, 1, 4096);
    // Two nodes, so that rows of nodes count for something.
    topology.node_count = 2;
    topology.node[1].os_index = 2;
    advisor_init(&advisor, &roster, &topology, &pictures, false);
    methods_init(&methods, &roster, &advisor, &topology, "/run");
}

// --- Another who writes --------------------------------------------------------------------------

struct scribbler {
    unsigned char *page;
    size_t words;
    uint64_t state;
    bool done;
};

static void *
scribbler_main(void *argument)
{
    struct scribbler *s = argument;
    uint64_t *word = (uint64_t *)(void *)s->page;

    while (!__atomic_load_n(&s->done, __ATOMIC_RELAXED)) {
        s->state = s->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        // Mostly where the tables are.
        size_t among = (s->state & 1) != 0 && s->words > 64 ? 64 : s->words;
        uint64_t value = (s->state & 2) != 0 ? s->state : s->state >> 40;
        __atomic_store_n(&word[(s->state >> 33) % among], value, __ATOMIC_RELAXED);
    }
    return NULL;
}

// --- Reading -------------------------------------------------------------------------------------

static void
page_check_map(const struct page_map *map)
{
    TARGET_CHECK(map->field_count <= PAGE_MAP_FIELDS_MAX);
    TARGET_CHECK(map->thread.count <= PAGE_MAP_SLOTS_MAX);
    for (unsigned i = 0; i < map->field_count; i++) {
        const struct page_field *field = &map->field[i];
        size_t length = strnlen(field->name, sizeof field->name);
        TARGET_CHECK(length > 0 && length < sizeof field->name);
        TARGET_CHECK(strspn(field->name, "abcdefghijklmnopqrstuvwxyz0123456789_") == length);
        TARGET_CHECK(strnlen(field->unit, sizeof field->unit) < sizeof field->unit);
    }
}

// Whatever can be asked about one process.
static void
page_ask_all(void)
{
    char line[128];

    for (size_t i = 0; i < message_param_count; i++) {
        const struct message_param *p = &message_params[i];
        if (strcmp(p->name, "pid") == 0) {
            snprintf(line, sizeof line,
                     "{\"v\":1,\"id\":7,\"method\":\"%s\",\"params\":{\"pid\":%d}}",
                     message_methods[p->method].name, (int)getpid());
            page_seed_ask(&methods, line, p->method == METHOD_stats);
        }
    }
}

// As if the process had registered with it: every look that a method takes.
static void
page_read(const struct page_map *map)
{
    static struct client client;
    struct page_thread thread;

    memset(&client, 0, sizeof client);
    client.peer = (struct client_peer){.pid = getpid(), .uid = getuid(), .pidfd = pidfd};
    client.map = *map;
    client.map.fd = leased;
    client.advice = advice;
    roster.client[0] = &client;
    roster.pid[0] = client.peer.pid;
    roster.uid[0] = client.peer.uid;
    roster.count = 1;
    TARGET_CHECK(client_snapshot(&client, 1)->class_count <= PAGE_MAP_CLASSES_MAX);
    for (unsigned i = 0; i < map->thread.count; i++) {
        page_map_thread(map, i, &thread);
    }
    page_ask_all();
    page_seed_ask(&methods, "{\"v\":1,\"id\":7,\"method\":\"stats\"}", true);
    page_seed_ask(&methods, "{\"v\":1,\"id\":7,\"method\":\"processes\"}", true);
    page_seed_ask(&methods, "{\"v\":1,\"id\":7,\"method\":\"topology\"}", true);
    page_seed_ask(&methods, "{\"v\":1,\"id\":7,\"method\":\"numa\"}", true);
    roster.count = 0;
    // What the methods have remembered of it; client_free() would close what the next one needs.
    free(client.advisor);
    free(client.placement);
}

void
target_run(const uint8_t *data, size_t bytes)
{
    struct page_map map = {.fd = -1};
    pthread_t thread;

    if (bytes < HEAD_BYTES + 8) {
        return;
    }
    unsigned bits = data[0];
    map.bytes = (bytes - HEAD_BYTES) & ~(size_t)7;
    unsigned char *page = page_end - map.bytes;
    memcpy(page, data + HEAD_BYTES, map.bytes);
    if ((bits & HEAD_TRUE_SIZE) != 0 && map.bytes >= sizeof(struct apex_stats_header)) {
        uint32_t total = (uint32_t)map.bytes;
        memcpy(page + offsetof(struct apex_stats_header, total_bytes), &total, sizeof total);
    }
    map.base = page;
    struct scribbler s = {.page = page, .words = map.bytes / 8};
    memcpy(&s.state, data, sizeof s.state);
    bool scribbles =
        (bits & HEAD_SCRIBBLES) != 0 && pthread_create(&thread, NULL, scribbler_main, &s) == 0;
    if (page_map_parse(&map) == APEX_HELLO_ACCEPTED) {
        page_check_map(&map);
        if ((bits & HEAD_CHANGES) != 0) {
            memset(page, data[1], map.bytes / 2);
        }
        page_read(&map);
    }
    page_map_forget(&map);
    if (scribbles) {
        __atomic_store_n(&s.done, true, __ATOMIC_RELAXED);
        pthread_join(thread, NULL);
    }
}

size_t
target_seed(unsigned index, uint8_t *out)
{
    if (index >= 6) {
        return 0;
    }
    memset(out, 0, HEAD_BYTES);
    out[0] = index < 3 ? HEAD_TRUE_SIZE : index == 3 ? HEAD_CHANGES : HEAD_SCRIBBLES;
    out[1] = 0xff;
    page_seed_fill(out + HEAD_BYTES, index % 3);
    return HEAD_BYTES + PAGE_SEED_BYTES;
}
