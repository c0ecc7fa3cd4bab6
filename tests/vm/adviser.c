// SPDX-License-Identifier: MIT
//
// For guest/steering.sh: a false apexd, which lists nobody, and gives each process that comes the
// same advice. Says "ready", and ends when it is killed.
//
//   adviser FOLDER NODE:WEIGHT…   to spread large objects by these shares
//   adviser FOLDER absurd         another absurdity each time: nodes that do not exist, shares of
//                                 nothing, more rows than there are, an epoch that goes back

#include "abi/advice_page.h"
#include "abi/hello.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BEAT_MS 300
#define FUTURE_WRITE 0x0010 // F_SEAL_FUTURE_WRITE
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | FUTURE_WRITE)
#define NO_NODE 9
#define SPREAD 2 // numa_large=spread

static struct apex_advice_page *page; // of the process that came last
static struct apex_advice_weight weight[APEX_ADVICE_WEIGHTS_MAX];
static unsigned weights;
static bool absurd;
static unsigned turn;

static void
die(const char *what)
{
    perror(what);
    exit(2);
}

static void
adviser_set(unsigned i, const char *key, uint64_t value)
{
    strcpy(page->row[i].key, key);
    page->row[i].value = value;
}

// A page with the advice, for the process with this nonce.
static int
adviser_page(uint64_t nonce)
{
    int fd = (int)memfd_create("advice", MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, APEX_ADVICE_PAGE_BYTES)) {
        die("memfd");
    }
    page = mmap(NULL, APEX_ADVICE_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED || fcntl(fd, F_ADD_SEALS, SEALS)) {
        die("advice");
    }
    *page = (struct apex_advice_page){.magic = APEX_ADVICE_MAGIC,
                                      .major = APEX_ADVICE_MAJOR,
                                      .minor = APEX_ADVICE_MINOR,
                                      .total_bytes = sizeof *page,
                                      .nonce = nonce,
                                      .daemon = 1,
                                      .state = APEX_ADVICE_SERVING,
                                      .heartbeat = 1,
                                      .epoch = 1,
                                      .ttl_ms = APEX_ADVICE_TTL_MS,
                                      .weights = weights};
    memcpy(page->weight, weight, sizeof weight);
    adviser_set(0, "numa_large", SPREAD);
    page->rows = weights == 0 ? 0 : 1;
    return fd;
}

static void
adviser_answer(int connection)
{
    struct apex_hello hello;
    char control[CMSG_SPACE(sizeof(int))] = "";
    struct iovec part = {&hello, sizeof hello};
    struct msghdr whole = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};

    if (recvmsg(connection, &whole, 0) != sizeof hello || hello.kind != APEX_HELLO_STATS) {
        return;
    }
    int fd = adviser_page(hello.nonce);
    struct apex_hello_ack ack = {APEX_HELLO_ACK_MAGIC,  APEX_HELLO_MAJOR,    0, sizeof ack,
                                 hello.nonce,           APEX_HELLO_ACCEPTED,
                                 APEX_ADVICE_PAGE_BYTES};
    part = (struct iovec){&ack, sizeof ack};
    struct cmsghdr *header = CMSG_FIRSTHDR(&whole);
    close(*(int *)(void *)CMSG_DATA(header)); // theirs
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    if (sendmsg(connection, &whole, MSG_NOSIGNAL) < 0) {
        perror("sendmsg");
    }
    close(fd);
}

static void
adviser_weigh(uint16_t a, uint16_t share, uint16_t b)
{
    page->weight[0] = (struct apex_advice_weight){a, share};
    page->weight[1] = (struct apex_advice_weight){b, share};
}

static void
adviser_be_absurd(void)
{
    unsigned step = ++turn % 6;

    __atomic_store_n(&page->sequence, 2 * turn - 1, __ATOMIC_SEQ_CST);
    adviser_set(0, "numa_home", NO_NODE);
    adviser_set(1, "numa_home", UINT64_MAX);
    adviser_weigh(0, step == 1 ? 0 : 1, step == 1 ? 1 : NO_NODE);
    page->rows = step == 0 ? 2 : step == 4 ? UINT32_MAX : 0;
    page->weights = step == 1 || step == 2 ? 2 : step == 3 ? UINT32_MAX : 0;
    page->epoch = step == 5 ? 1 : 10 + turn;
    __atomic_store_n(&page->sequence, 2 * turn, __ATOMIC_SEQ_CST);
}

static int
adviser_listen(const char *folder)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", folder, APEX_REGISTER_SOCKET);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) ||
        listen(listener, 8)) {
        die(address.sun_path);
    }
    return listener;
}

int
main(int argc, char **argv)
{
    if (argc < 3) {
        return 2;
    }
    absurd = strcmp(argv[2], "absurd") == 0;
    for (int i = 2; i < argc && !absurd; i++, weights++) {
        if (sscanf(argv[i], "%hu:%hu", &weight[weights].node, &weight[weights].weight) != 2) {
            return 2;
        }
    }
    struct pollfd waiting = {.fd = adviser_listen(argv[1]), .events = POLLIN};
    puts("ready");
    fflush(stdout);
    for (;;) {
        if (poll(&waiting, 1, BEAT_MS) == 1) {
            int connection = accept(waiting.fd, NULL, NULL);
            adviser_answer(connection);
            close(connection);
        } else if (page != NULL) {
            if (absurd) {
                adviser_be_absurd();
            }
            page->heartbeat++;
        }
    }
}
