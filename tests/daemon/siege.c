// SPDX-License-Identifier: MIT
//
// Attacks an apexd that runs, from several processes, and asks it as an honest client would
// meanwhile: how long do its answers take, and how much memory does it come to? siege.py starts the
// daemon and says what to expect.
//
//   siege --dir DIR --pid PID [--seconds N] [--uid UID] [--crowd N] ATTACK[=COUNT]…
//
// Attackers run as UID. --crowd: so many processes register first, each with a page of the
// library's own size. Prints one line: the attacks, answers and their times in ms (connecting
// included; about no process, and about all), those that did not come, what the attackers did, and
// the peak of the daemon's memory in KiB, all of it and without the pages of the processes.

#include "libapex/abi/hello.h"
#include "libapex/abi/stats_page.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE)
#define NONCE UINT64_C(0x1122334455667788)
#define ANSWER_BYTES_MAX (16u << 20)
#define ANSWERS_MAX 200000u
#define HELD_MAX 4096u
#define SLOT_FIELDS 16u
#define PATIENCE_S 30

static const char *folder;
static uid_t attacker_uid;
static unsigned seconds = 2;
static pid_t daemon_pid;

// What attackers count, in memory that all share.
static uint64_t *deeds;

static void
die(const char *what)
{
    perror(what);
    exit(2);
}

static uint64_t
now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void
sleep_until(uint64_t when_ns)
{
    const struct timespec until = {(time_t)(when_ns / 1000000000), (long)(when_ns % 1000000000)};

    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {
    }
}

static void
deed(void)
{
    __atomic_fetch_add(deeds, 1, __ATOMIC_RELAXED);
}

// A connection, or -1. `flags` may be SOCK_NONBLOCK: then a full queue is a refusal.
static int
dial(const char *name, int type, int flags)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const struct timeval patience = {PATIENCE_S, 0};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | flags, 0);

    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", folder, name);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

// --- Pages and registrations ---------------------------------------------------------------------

// A page as large as the library's, with a slot for each thread.
static void
fill_page(unsigned char *page)
{
    struct apex_stats_header *h = (struct apex_stats_header *)(void *)page;
    const uint32_t stride = (uint32_t)sizeof(struct apex_stats_thread);
    const uint32_t process = sizeof *h;
    const uint32_t sizes = process + 8 * SLOT_FIELDS;
    const uint32_t slots = sizes + 8 * APEX_STATS_CLASSES;
    const uint32_t rows = slots + APEX_STATS_SLOTS * stride;
    const struct apex_stats_section section[4] = {
        {APEX_SECTION_PROCESS, 1, 8 * SLOT_FIELDS, process},
        {APEX_SECTION_CLASS_SIZE, APEX_STATS_CLASSES, 8, sizes},
        {APEX_SECTION_THREAD, APEX_STATS_SLOTS, stride, slots},
        {APEX_SECTION_SCHEMA, SLOT_FIELDS, sizeof(struct apex_stats_schema), rows},
    };

    h->magic = APEX_STATS_MAGIC;
    h->major = APEX_STATS_MAJOR;
    h->header_bytes = sizeof *h;
    h->total_bytes = APEX_STATS_PAGE_BYTES;
    h->byte_order = APEX_STATS_BYTE_ORDER;
    h->nonce = NONCE;
    h->state = APEX_STATS_READY;
    h->sections = 4;
    memcpy(h->comm, "siege", 6);
    memcpy(h->section, section, sizeof section);
    for (unsigned i = 0; i < APEX_STATS_CLASSES; i++) {
        uint64_t size = 16 * (i + 1);
        memcpy(page + sizes + 8 * i, &size, sizeof size);
    }
    for (unsigned i = 0; i < SLOT_FIELDS; i++) {
        struct apex_stats_schema row = {.section = APEX_SECTION_PROCESS,
                                        .offset_bytes = 8 * i,
                                        .kind = APEX_STAT_GAUGE,
                                        .unit = "bytes"};
        snprintf(row.name, sizeof row.name, "field_%u", i);
        memcpy(page + rows + sizeof row * i, &row, sizeof row);
    }
}

// A memfd as a process makes it. What is wrong with it is said by `crime`: 0 is none.
enum crime { CRIME_NONE, CRIME_SEALS, CRIME_SHORT, CRIME_HOLE, CRIME_LEASE, CRIME_PAGE, CRIMES };

static int
make_memfd(enum crime crime, unsigned char **page)
{
    size_t bytes = crime == CRIME_SHORT ? 100 : APEX_STATS_PAGE_BYTES;
    int fd = memfd_create("apex-siege", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, (off_t)bytes) != 0 ||
        (crime != CRIME_HOLE && posix_fallocate(fd, 0, (off_t)bytes) != 0)) {
        die("memfd");
    }
    unsigned char *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) {
        die("mmap");
    }
    if (crime == CRIME_NONE || crime == CRIME_LEASE || crime == CRIME_SEALS) {
        fill_page(map);
    }
    if (crime != CRIME_SEALS) {
        (void)fcntl(fd, F_ADD_SEALS, SEALS);
    }
    if (crime != CRIME_LEASE) {
        (void)flock(fd, LOCK_SH);
    }
    *page = map;
    return fd;
}

// Sends a hello with `count` times `fd`, and returns the connection.
static int
send_hello(int fd, unsigned count)
{
    const struct apex_hello hello = {.magic = APEX_HELLO_MAGIC,
                                     .major = APEX_HELLO_MAJOR,
                                     .size_bytes = sizeof hello,
                                     .nonce = NONCE,
                                     .page_bytes = APEX_STATS_PAGE_BYTES};
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * 8)];
    } control = {.bytes = {0}};
    struct iovec part = {(void *)(uintptr_t)&hello, sizeof hello};
    struct msghdr whole = {.msg_iov = &part, .msg_iovlen = 1};
    int s = dial(APEX_REGISTER_SOCKET, SOCK_SEQPACKET, 0);

    if (s < 0) {
        return -1;
    }
    if (count > 0) {
        whole.msg_control = &control;
        whole.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&whole);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        for (unsigned i = 0; i < count; i++) {
            memcpy(CMSG_DATA(header) + i * sizeof fd, &fd, sizeof fd);
        }
    }
    if (sendmsg(s, &whole, MSG_NOSIGNAL) < 0) {
        close(s);
        return -1;
    }
    return s;
}

// Registers a page that is in order; false when the daemon would not have it.
static bool
register_page(int fd)
{
    struct apex_hello_ack ack = {.status = APEX_HELLO_INTERNAL};
    int s = send_hello(fd, 1);

    // The advice page is not asked for: the kernel drops its descriptor.
    bool good = s >= 0 && recv(s, &ack, sizeof ack, 0) == (ssize_t)sizeof ack &&
                ack.status == APEX_HELLO_ACCEPTED;
    if (s >= 0) {
        close(s);
    }
    return good;
}

// --- Attacks: each until it is killed ------------------------------------------------------------

// Ask and do not read; whoever is thrown out comes again.
static void
attack_readers(unsigned count)
{
    // The two largest answers that there are.
    static const char *const request[2] = {
        "{\"v\":1,\"method\":\"processes\"}\n",
        "{\"v\":1,\"method\":\"processes\",\"params\":{\"counters\":true}}\n"};
    static int held[HELD_MAX];
    static char block[2][64 * 64];
    size_t bytes[2];

    for (unsigned kind = 0; kind < 2; kind++) {
        size_t length = strlen(request[kind]);
        for (bytes[kind] = 0; bytes[kind] + length <= sizeof block[kind]; bytes[kind] += length) {
            memcpy(block[kind] + bytes[kind], request[kind], length);
        }
    }
    memset(held, -1, sizeof held);
    for (;;) {
        for (unsigned i = 0; i < count && i < HELD_MAX; i++) {
            if (held[i] < 0) {
                held[i] = dial(APEX_CONTROL_SOCKET, SOCK_STREAM, SOCK_NONBLOCK);
                deed();
            }
            if (held[i] >= 0 && send(held[i], block[i % 2], bytes[i % 2], MSG_NOSIGNAL) < 0 &&
                errno != EAGAIN) {
                close(held[i]);
                held[i] = -1;
            }
        }
        sleep_until(now_ns() + 2000000);
    }
}

// `count` connects a second, which close at once.
static void
attack_connects(unsigned count)
{
    uint64_t begin = now_ns();

    for (uint64_t i = 0;; i++) {
        int fd = dial(APEX_CONTROL_SOCKET, SOCK_STREAM, 0);
        if (fd >= 0) {
            close(fd);
            deed();
        }
        uint64_t due = begin + i * UINT64_C(1000000000) / count;
        if (now_ns() < due) {
            sleep_until(due);
        }
    }
}

// `count` connects a second, each held as long as the descriptors last.
static void
attack_holds(unsigned count)
{
    static int held[HELD_MAX];
    uint64_t begin = now_ns();

    memset(held, -1, sizeof held);
    for (uint64_t i = 0;; i++) {
        int *place = &held[i % 900];
        if (*place >= 0) {
            close(*place);
        }
        *place = dial(APEX_CONTROL_SOCKET, SOCK_STREAM, 0);
        deed();
        uint64_t due = begin + i * UINT64_C(1000000000) / count;
        if (now_ns() < due) {
            sleep_until(due);
        }
    }
}

// Registrations with everything that is wrong, as fast as they are answered.
static void
attack_registers(unsigned count)
{
    unsigned char *page;
    int fds[CRIMES + 1];
    char answer[64];

    (void)count;
    for (unsigned i = 0; i < CRIMES; i++) {
        fds[i] = make_memfd(i == CRIME_NONE ? CRIME_PAGE : (enum crime)i, &page);
    }
    fds[CRIMES] = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (unsigned i = 0;; i++) {
        int s = send_hello(fds[i % (CRIMES + 1)], i % 5 == 0 ? 8 : i % 7 == 0 ? 0 : 1);
        if (s >= 0) {
            (void)!recv(s, answer, sizeof answer, 0);
            close(s);
            deed();
        }
    }
}

// Connections to register.sock that say nothing.
static void
attack_silent(unsigned count)
{
    static int held[HELD_MAX];

    memset(held, -1, sizeof held);
    for (unsigned i = 0;; i = (i + 1) % (count < HELD_MAX ? count : HELD_MAX)) {
        if (held[i] >= 0) {
            close(held[i]);
        }
        held[i] = dial(APEX_REGISTER_SOCKET, SOCK_SEQPACKET, SOCK_NONBLOCK);
        deed();
        if (i == 0) {
            sleep_until(now_ns() + 1000000);
        }
    }
}

// A page that was accepted, and changes all the time.
static void
attack_torn(unsigned count)
{
    unsigned char *page;
    uint64_t state = 4711;
    int fd = make_memfd(CRIME_NONE, &page);
    uint64_t *word = (uint64_t *)(void *)page;

    (void)count;
    if (!register_page(fd)) {
        die("torn: not registered");
    }
    for (;;) {
        for (unsigned i = 0; i < 4096; i++) {
            state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            word[(state >> 33) % (APEX_STATS_PAGE_BYTES / 8)] = state;
        }
        deed();
        sleep_until(now_ns() + 100000);
    }
}

// Stops itself in the middle of a request, or of an answer, and comes again when it is thrown out.
static void
attack_stopped(unsigned count)
{
    static const char half[] = "{\"v\":1,\"id\":1,\"meth";
    static const char whole[] =
        "{\"v\":1,\"method\":\"processes\"}\n{\"v\":1,\"method\":\"stats\"}\n";

    for (unsigned i = 0; i < count; i++) {
        if (fork() == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            int fd = dial(APEX_CONTROL_SOCKET, SOCK_STREAM, 0);
            char byte;
            (void)!send(fd, i % 2 == 0 ? half : whole, strlen(i % 2 == 0 ? half : whole),
                        MSG_NOSIGNAL);
            (void)!(i % 2 == 0 ? 0 : recv(fd, &byte, 1, 0));
            deed();
            raise(SIGSTOP);
            _exit(0);
        }
    }
    for (;;) {
        pause();
    }
}

static const struct {
    const char *name;
    void (*run)(unsigned count);
    unsigned count;
} attacks[] = {
    {"readers", attack_readers, 64}, {"connects", attack_connects, 10000},
    {"holds", attack_holds, 10000},  {"registers", attack_registers, 1},
    {"silent", attack_silent, 256},  {"torn", attack_torn, 1},
    {"stopped", attack_stopped, 16},
};

#define ATTACKS (sizeof attacks / sizeof attacks[0])

static void
become_attacker(void)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (attacker_uid != geteuid() &&
        (setgroups(0, NULL) != 0 || setresgid(attacker_uid, attacker_uid, attacker_uid) != 0 ||
         setresuid(attacker_uid, attacker_uid, attacker_uid) != 0)) {
        die("uid");
    }
    // Changing one's user undoes it.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

static pid_t
start_attack(const char *word)
{
    size_t length = strcspn(word, "=");

    for (size_t i = 0; i < ATTACKS; i++) {
        if (strlen(attacks[i].name) == length && strncmp(attacks[i].name, word, length) == 0) {
            unsigned long count = word[length] == '=' ? strtoul(word + length + 1, NULL, 10) : 0;
            pid_t pid = fork();
            if (pid == 0) {
                become_attacker();
                attacks[i].run(count != 0 ? (unsigned)count : attacks[i].count);
            }
            return pid;
        }
    }
    fprintf(stderr, "siege: no such attack: %s\n", word);
    exit(2);
}

// `count` processes that register and wait; they end with us.
static void
start_crowd(unsigned count)
{
    int ready[2];
    char byte;

    if (pipe(ready) != 0) {
        die("pipe");
    }
    for (unsigned i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid < 0) {
            die("fork");
        }
        if (pid == 0) {
            unsigned char *page;
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            int fd = make_memfd(CRIME_NONE, &page);
            byte = register_page(fd) ? 1 : 0;
            (void)!write(ready[1], &byte, 1);
            for (;;) {
                pause();
            }
        }
        if (read(ready[0], &byte, 1) != 1 || byte != 1) {
            fprintf(stderr, "siege: process %u of the crowd is not registered\n", i);
            exit(2);
        }
    }
}

// --- The honest client ---------------------------------------------------------------------------

// By kind: of this daemon itself, of all processes.
static struct times {
    uint64_t *ns;
    unsigned count;
} times[2];

static unsigned long longest_turn_us;
static unsigned refusals; // told to come later, or dropped
static unsigned long peak_kib;
static unsigned long peak_own_kib;

// Connects, asks and reads the line; false when there is no answer with a result.
static bool
ask(const char *method)
{
    static char answer[ANSWER_BYTES_MAX];
    char request[80];
    size_t got = 0;
    int fd = dial(APEX_CONTROL_SOCKET, SOCK_STREAM, 0);

    if (fd < 0) {
        return false;
    }
    int length =
        snprintf(request, sizeof request, "{\"v\":1,\"id\":1,\"method\":\"%s\"}\n", method);
    bool good = send(fd, request, (size_t)length, MSG_NOSIGNAL) == length;
    while (good && (got == 0 || answer[got - 1] != '\n')) {
        ssize_t bytes = recv(fd, answer + got, sizeof answer - 1 - got, 0);
        good = bytes > 0;
        got += good ? (size_t)bytes : 0;
    }
    close(fd);
    answer[got] = '\0';
    const char *turn = strcmp(method, "stats") == 0 ? strstr(answer, "\"longest_turn_us\":") : NULL;
    if (turn != NULL) {
        longest_turn_us = strtoul(strchr(turn, ':') + 1, NULL, 10);
    }
    return good && strncmp(answer, "{\"v\":1,\"id\":1,\"result\":", 23) == 0;
}

static void
look_at_memory(void)
{
    char path[64];
    char line[256];
    unsigned long rss = 0;
    unsigned long shared = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)daemon_pid);
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fprintf(stderr, "siege: the daemon is gone\n");
        exit(1);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        (void)sscanf(line, "VmRSS: %lu", &rss);
        (void)sscanf(line, "RssShmem: %lu", &shared);
    }
    fclose(file);
    peak_kib = rss > peak_kib ? rss : peak_kib;
    peak_own_kib = rss - shared > peak_own_kib ? rss - shared : peak_own_kib;
}

static int
compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void
be_honest(void)
{
    static const char *const methods[] = {"hello",     "stats", "hello",
                                          "processes", "hello", "topology"};
    uint64_t end = now_ns() + seconds * UINT64_C(1000000000);
    uint64_t looked = 0;

    for (unsigned i = 0; now_ns() < end && i < ANSWERS_MAX; i++) {
        uint64_t begin = now_ns();
        if (ask(methods[i % (sizeof methods / sizeof methods[0])])) {
            struct times *t = &times[i % 2];
            t->ns[t->count++] = now_ns() - begin;
        } else {
            refusals++;
        }
        if (begin - looked > 20000000) {
            look_at_memory();
            looked = begin;
        }
        sleep_until(now_ns() + 2000000);
    }
    look_at_memory();
}

static double
time_ms(const struct times *t, double part)
{
    size_t at = (size_t)(part * t->count);

    return t->count == 0 ? -1 : (double)t->ns[at < t->count ? at : t->count - 1] / 1e6;
}

static void
print_times(const char *kind, struct times *t)
{
    qsort(t->ns, t->count, sizeof *t->ns, compare);
    printf(" %s=%u p50_ms=%.2f p99_ms=%.2f max_ms=%.2f", kind, t->count, time_ms(t, 0.5),
           time_ms(t, 0.99), time_ms(t, 1));
}

int
main(int argc, char **argv)
{
    pid_t pids[64];
    unsigned attackers = 0;
    char names[256] = "";
    unsigned crowd = 0;

    attacker_uid = geteuid();
    times[0].ns = calloc(ANSWERS_MAX, sizeof *times[0].ns);
    times[1].ns = calloc(ANSWERS_MAX, sizeof *times[1].ns);
    deeds = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (times[0].ns == NULL || times[1].ns == NULL || deeds == MAP_FAILED) {
        die("memory");
    }
    for (int i = 1; i < argc && attackers < 64; i++) {
        bool more = i + 1 < argc;
        if (strcmp(argv[i], "--dir") == 0 && more) {
            folder = argv[++i];
        } else if (strcmp(argv[i], "--pid") == 0 && more) {
            daemon_pid = (pid_t)atoi(argv[++i]);
        } else if (strcmp(argv[i], "--seconds") == 0 && more) {
            seconds = (unsigned)atoi(argv[++i]);
        } else if (strcmp(argv[i], "--uid") == 0 && more) {
            attacker_uid = (uid_t)atoi(argv[++i]);
        } else if (strcmp(argv[i], "--crowd") == 0 && more) {
            crowd = (unsigned)atoi(argv[++i]);
            start_crowd(crowd);
        } else {
            pids[attackers++] = start_attack(argv[i]);
            snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s",
                     attackers > 1 ? "," : "", argv[i]);
        }
    }
    be_honest();
    for (unsigned i = 0; i < attackers; i++) {
        kill(pids[i], SIGKILL);
        waitpid(pids[i], NULL, 0);
    }
    printf("attack=%s crowd=%u", names[0] == '\0' ? "none" : names, crowd);
    print_times("light", &times[0]);
    print_times("all", &times[1]);
    printf(" refused=%u deeds=%llu turn_us=%lu rss_kib=%lu own_kib=%lu\n", refusals,
           (unsigned long long)*deeds, longest_turn_us, peak_kib, peak_own_kib);
    return 0;
}
