// SPDX-License-Identifier: MIT
//
// Reads the kernel's lists ("0-1,4,7-9"), which may be longer than one read, as a stream of
// numbers.

#define _GNU_SOURCE

#include "os/os_numa.h"

#include "base/atomic.h"
#include "base/fmt.h"
#include "os/os.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>

#define FOLDER "/sys/devices/system/node/"
#define STATUS "/proc/thread-self/status"
#define PATH_BYTES 256
#define CPUS_MAX 8192u
#define NUMBER_MAX 1000000u // larger ones are no node's, no processor's and no distance
#define KEY_BYTES 32

// --- The node of a thread ------------------------------------------------------------------------

#ifndef AT_RSEQ_FEATURE_SIZE
#define AT_RSEQ_FEATURE_SIZE 27
#endif

// What the kernel writes into each thread that has registered it, as glibc does from 2.35 on.
struct rseq_words {
    uint32_t cpu_id_start;
    uint32_t cpu_id; // below 0: this thread has not
    uint64_t critical_section;
    uint32_t flags;
    uint32_t node_id;
};

#define RSEQ_BYTES_WITH_NODE 24

extern const ptrdiff_t __rseq_offset __attribute__((weak));
extern const unsigned __rseq_size __attribute__((weak));

enum { RSEQ_UNKNOWN = 0, RSEQ_SERVES, RSEQ_SERVES_NOT };
static uint32_t rseq_state; // atomic

static const struct rseq_words *
os_numa_rseq(void)
{
#if defined(__x86_64__)
    const char *thread;
    __asm__("mov %%fs:0, %0" : "=r"(thread));
#else
    const char *thread = __builtin_thread_pointer();
#endif
    return (const struct rseq_words *)(const void *)(thread + __rseq_offset);
}

static unsigned
os_numa_getcpu(void)
{
    unsigned cpu = 0;
    unsigned node = 0;
    int saved = errno;

    if (getcpu(&cpu, &node) != 0) {
        errno = saved;
        return 0;
    }
    return node;
}

// Not __rseq_size: glibc says there what it was built to know, and the kernel fills in more.
static bool
os_numa_rseq_serves(void)
{
    if (&__rseq_offset == NULL || &__rseq_size == NULL || __rseq_size == 0 ||
        getauxval(AT_RSEQ_FEATURE_SIZE) < RSEQ_BYTES_WITH_NODE) {
        return false;
    }
    const struct rseq_words *words = os_numa_rseq();
    // Trusted if the two agree; twice, since the thread may move between the questions.
    return (int32_t)load_relaxed(&words->cpu_id) >= 0 &&
           (load_relaxed(&words->node_id) == os_numa_getcpu() ||
            load_relaxed(&words->node_id) == os_numa_getcpu());
}

unsigned
os_numa_node(void)
{
    uint32_t state = load_relaxed(&rseq_state);

    if (unlikely(state == RSEQ_UNKNOWN)) {
        state = os_numa_rseq_serves() ? RSEQ_SERVES : RSEQ_SERVES_NOT;
        store_relaxed(&rseq_state, state);
    }
    if (likely(state == RSEQ_SERVES)) {
        const struct rseq_words *words = os_numa_rseq();
        if (likely((int32_t)load_relaxed(&words->cpu_id) >= 0)) {
            return load_relaxed(&words->node_id);
        }
    }
    return os_numa_getcpu();
}

// --- Lists ---------------------------------------------------------------------------------------

typedef void range_fn(void *context, unsigned first, unsigned last);

// A list as far as it has been read. Numbers are parted by anything but `-`.
struct list {
    range_fn *emit;
    void *context;
    unsigned number;
    unsigned first;
    bool digits;
    bool range;
};

static void
list_end_number(struct list *list)
{
    if (list->digits && list->number < NUMBER_MAX) {
        list->emit(list->context, list->range ? list->first : list->number, list->number);
    }
    list->number = 0;
    list->digits = false;
    list->range = false;
}

static void
list_take(struct list *list, char c)
{
    if (c >= '0' && c <= '9') {
        unsigned digit = (unsigned)(c - '0');
        list->number = list->number < NUMBER_MAX ? list->number * 10 + digit : NUMBER_MAX;
        list->digits = true;
    } else if (c == '-' && list->digits) {
        list->first = list->number;
        list->number = 0;
        list->digits = false;
        list->range = true;
    } else {
        list_end_number(list);
    }
}

static bool
list_take_piece(void *list, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        list_take(list, text[i]);
    }
    return true;
}

// FOLDER, or a node's folder in it, and a name.
static int
list_read(const char *root, int node, const char *name, range_fn *emit, void *context)
{
    struct list list = {.emit = emit, .context = context};
    char path[PATH_BYTES];
    struct fmt f;

    fmt_init(&f, path, sizeof path);
    fmt_str(&f, root);
    fmt_str(&f, FOLDER);
    if (node >= 0) {
        fmt_str(&f, "node");
        fmt_dec(&f, (uint64_t)node);
        fmt_str(&f, "/");
    }
    fmt_str(&f, name);
    int error = os_read_pieces(path, list_take_piece, &list);
    list_end_number(&list);
    return error;
}

// --- Sets ----------------------------------------------------------------------------------------

static void
os_numa_add(void *set, unsigned first, unsigned last)
{
    struct os_nodes *nodes = set;

    for (unsigned n = first; n <= last && n < OS_NODES_MAX; n++) {
        nodes->word[n / 64] |= UINT64_C(1) << n % 64;
    }
}

void
os_numa_possible(const char *root, struct os_nodes *out)
{
    *out = (struct os_nodes){{0}};
    if (list_read(root, -1, "possible", os_numa_add, out) != 0) {
        os_numa_add(out, 0, 0);
    }
}

struct cpu_set {
    uint64_t word[CPUS_MAX / 64];
};

static void
os_numa_add_cpus(void *set, unsigned first, unsigned last)
{
    struct cpu_set *cpus = set;

    for (unsigned n = first; n <= last && n < CPUS_MAX; n++) {
        cpus->word[n / 64] |= UINT64_C(1) << n % 64;
    }
}

// The lines of STATUS that say what is allowed, taken out of the stream.
struct status {
    struct list list; // of the line it is in, if that is one of them
    struct os_nodes *mems;
    struct cpu_set *cpus;
    char key[KEY_BYTES]; // what has been read of a line before its colon
    size_t length;
    bool in_list;
    bool in_text;
    bool found_mems;
    bool found_cpus;
};

static void
status_end_key(struct status *s)
{
    s->in_text = true;
    if (s->length == strlen("Mems_allowed_list") &&
        memcmp(s->key, "Mems_allowed_list", s->length) == 0) {
        s->list = (struct list){.emit = os_numa_add, .context = s->mems};
        s->in_list = s->found_mems = true;
    } else if (s->length == strlen("Cpus_allowed_list") &&
               memcmp(s->key, "Cpus_allowed_list", s->length) == 0) {
        s->list = (struct list){.emit = os_numa_add_cpus, .context = s->cpus};
        s->in_list = s->found_cpus = true;
    }
}

static bool
status_take(void *context, const char *text, size_t length)
{
    struct status *s = context;

    for (size_t i = 0; i < length; i++) {
        if (s->in_list) {
            list_take(&s->list, text[i]);
        }
        if (text[i] == '\n') {
            s->length = 0;
            s->in_list = s->in_text = false;
        } else if (text[i] == ':' && !s->in_text) {
            status_end_key(s);
        } else if (!s->in_text && s->length < KEY_BYTES) {
            s->key[s->length++] = text[i];
        }
    }
    return true;
}

struct overlap {
    const struct cpu_set *cpus;
    bool found;
};

static void
os_numa_overlap(void *context, unsigned first, unsigned last)
{
    struct overlap *overlap = context;

    for (unsigned n = first; n <= last && n < CPUS_MAX && !overlap->found; n++) {
        overlap->found = (overlap->cpus->word[n / 64] >> n % 64 & 1) != 0;
    }
}

static void
os_numa_read_allowed(const char *root, struct os_numa *out)
{
    struct cpu_set cpus = {{0}};
    struct status status = {.mems = &out->allowed, .cpus = &cpus};
    char path[PATH_BYTES];
    struct fmt f;

    fmt_init(&f, path, sizeof path);
    fmt_str(&f, root);
    fmt_str(&f, STATUS);
    (void)os_read_pieces(path, status_take, &status);
    if (!status.found_mems) {
        out->allowed = out->online;
    }
    if (!status.found_cpus) {
        out->runs = out->cpus;
        return;
    }
    for (unsigned n = 0; n < OS_NODES_MAX; n++) {
        struct overlap overlap = {.cpus = &cpus};
        if (os_nodes_has(&out->cpus, n) &&
            list_read(root, (int)n, "cpulist", os_numa_overlap, &overlap) == 0 &&
            overlap.found) {
            os_numa_add(&out->runs, n, n);
        }
    }
}

bool
os_numa_read(const char *root, struct os_numa *out)
{
    memset(out, 0, sizeof *out);
    if (list_read(root, -1, "online", os_numa_add, &out->online) != 0 ||
        list_read(root, -1, "has_memory", os_numa_add, &out->memory) != 0 ||
        list_read(root, -1, "has_cpu", os_numa_add, &out->cpus) != 0) {
        const struct os_nodes first = {{1}};
        *out = (struct os_numa){first, first, first, first, first};
        return false;
    }
    os_numa_read_allowed(root, out);
    return true;
}

// --- Distances -----------------------------------------------------------------------------------

// The numbers of the file belong to the nodes online, in rising order.
struct nearest {
    const struct os_nodes *online;
    const struct os_nodes *among;
    unsigned next;
    unsigned best;
    int node;
};

static void
nearest_take(void *context, unsigned first, unsigned distance)
{
    struct nearest *nearest = context;

    (void)first;
    while (nearest->next < OS_NODES_MAX && !os_nodes_has(nearest->online, nearest->next)) {
        nearest->next++;
    }
    if (os_nodes_has(nearest->among, nearest->next) &&
        (nearest->node < 0 || distance < nearest->best)) {
        nearest->best = distance;
        nearest->node = (int)nearest->next;
    }
    nearest->next++;
}

int
os_numa_nearest(const char *root, unsigned node, const struct os_nodes *online,
                const struct os_nodes *among)
{
    struct nearest nearest = {.online = online, .among = among, .node = -1};

    (void)list_read(root, (int)node, "distance", nearest_take, &nearest);
    return nearest.node;
}
