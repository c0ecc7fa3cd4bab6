// SPDX-License-Identifier: MIT
//
// apexd/registrar.c from the message to the roster: whatever message comes, with whatever
// descriptors, it is answered once, a process that is refused is not listed, and no descriptor is
// left behind. The messages come from a process of their own, as the kernel will say, over real
// sockets.
//
// An input is a struct registrar_input, the message, and the page of the memfd that goes with it.

#include "page_seed.h"
#include "target.h"

#include "apexd/log.h"
#include "apexd/registrar.h"

#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

#define FDS_MAX 12
#define FDS_LOOKED_AT 64 // for some that were left open; one input needs no higher number

// What is sent beside the message; each byte of `kinds` is one descriptor.
enum registrar_fd { FD_PAGE, FD_PIPE, FD_FOLDER, FD_SOCKET, FD_NULL, FD_CONNECTION, FD_KINDS };

struct registrar_input {
    uint8_t fds; // how many; modulo FDS_MAX
    uint8_t kinds[3];
    uint8_t seals;    // of the page's memfd
    uint8_t lease;    // odd: it is locked
    uint8_t message;  // bytes of the message
    uint8_t page_log; // its size is 2 to this power, of what follows and zeroes; modulo 24
};

static struct roster roster;
static int others[FD_KINDS]; // one descriptor of each kind but FD_PAGE
static int ends[2];          // of a connection whose peer is another process

// --- Another process -----------------------------------------------------------------------------

// Makes the two ends of the connection and passes them to the fuzzer; then it only has to live.
static void
registrar_peer_main(int channel)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * 2)];
    } control = {.bytes = {0}};
    char byte = 0;
    struct iovec part = {&byte, 1};
    struct msghdr whole = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};
    int pair[2];

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    TARGET_CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair) == 0);
    struct cmsghdr *header = CMSG_FIRSTHDR(&whole);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof pair);
    memcpy(CMSG_DATA(header), pair, sizeof pair);
    TARGET_CHECK(sendmsg(channel, &whole, 0) == 1);
    for (;;) {
        pause();
    }
}

static void
registrar_receive_ends(int channel)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * 2)];
    } control;
    char byte;
    struct iovec part = {&byte, 1};
    struct msghdr whole = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};

    TARGET_CHECK(recvmsg(channel, &whole, 0) == 1);
    struct cmsghdr *header = CMSG_FIRSTHDR(&whole);
    TARGET_CHECK(header != NULL && header->cmsg_len == CMSG_LEN(sizeof ends));
    memcpy(ends, CMSG_DATA(header), sizeof ends);
}

void
target_start(void)
{
    int channel[2];
    int pipes[2];

    TARGET_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, channel) == 0);
    pid_t peer = fork();
    TARGET_CHECK(peer >= 0);
    if (peer == 0) {
        registrar_peer_main(channel[1]);
    }
    registrar_receive_ends(channel[0]);
    TARGET_CHECK(pipe(pipes) == 0);
    others[FD_PIPE] = pipes[0];
    others[FD_FOLDER] = open("/", O_RDONLY | O_DIRECTORY);
    others[FD_SOCKET] = socket(AF_UNIX, SOCK_STREAM, 0);
    others[FD_NULL] = open("/dev/null", O_RDWR);
    others[FD_CONNECTION] = ends[1];
    roster_init(&roster, 1, 4096);
    log_set_level(LOG_LEVEL_ERROR);
}

// --- One registration ----------------------------------------------------------------------------

static unsigned
registrar_count_fds(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < FDS_LOOKED_AT; fd++) {
        count += fcntl(fd, F_GETFD) >= 0 ? 1 : 0;
    }
    return count;
}

static int
registrar_memfd(const struct registrar_input *in, const uint8_t *page, size_t bytes)
{
    int fd = memfd_create("apex-fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    size_t size = (size_t)1 << in->page_log % 24;

    TARGET_CHECK(fd >= 0);
    if (bytes > 0) {
        TARGET_CHECK(pwrite(fd, page, bytes < size ? bytes : size, 0) >= 0);
    }
    // What is not written is a hole.
    TARGET_CHECK(ftruncate(fd, (off_t)size) == 0);
    TARGET_CHECK(fcntl(fd, F_ADD_SEALS, in->seals & 0x1f) == 0);
    if (in->lease % 2 != 0) {
        TARGET_CHECK(flock(fd, LOCK_SH) == 0);
    }
    return fd;
}

static void
registrar_send(const struct registrar_input *in, const uint8_t *message, int memfd)
{
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int) * FDS_MAX)];
    } control;
    int fds[FDS_MAX];
    size_t count = in->fds % FDS_MAX;
    struct iovec part = {(void *)(uintptr_t)message, in->message};
    struct msghdr whole = {.msg_iov = &part, .msg_iovlen = 1};

    if (count > 0) {
        for (size_t i = 0; i < count; i++) {
            unsigned kind = (in->kinds[i % 3] >> (i / 3)) % FD_KINDS;
            fds[i] = kind == FD_PAGE ? memfd : others[kind];
        }
        memset(&control, 0, sizeof control);
        whole.msg_control = &control;
        whole.msg_controllen = CMSG_SPACE(sizeof(int) * count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&whole);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * count);
    }
    TARGET_CHECK(sendmsg(ends[0], &whole, MSG_NOSIGNAL) == (ssize_t)in->message);
}

// What the other end finds must be what the registrar says that it answered.
static void
registrar_check_answer(enum apex_hello_status status)
{
    struct apex_hello_ack ack;
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec part = {&ack, sizeof ack};
    struct msghdr whole = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = &control,
                           .msg_controllen = sizeof control};

    TARGET_CHECK(recvmsg(ends[0], &whole, MSG_DONTWAIT) == (ssize_t)sizeof ack);
    TARGET_CHECK(ack.magic == APEX_HELLO_ACK_MAGIC && ack.status == (uint32_t)status);
    struct cmsghdr *header = CMSG_FIRSTHDR(&whole);
    TARGET_CHECK((header != NULL) == (status == APEX_HELLO_ACCEPTED));
    if (header != NULL) {
        int fd;
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
        close(fd);
    }
    TARGET_CHECK(recv(ends[0], &ack, sizeof ack, MSG_DONTWAIT) < 0);
}

void
target_run(const uint8_t *data, size_t bytes)
{
    struct registrar_input in;
    enum apex_hello_status status;

    if (bytes < sizeof in) {
        return;
    }
    memcpy(&in, data, sizeof in);
    data += sizeof in;
    bytes -= sizeof in;
    in.message = in.message < bytes ? in.message : (uint8_t)bytes;
    // Between two inputs libFuzzer may open some for itself: pipes to a symbolizer, the first time
    // that it names a function.
    unsigned fds_before = registrar_count_fds();
    int memfd = registrar_memfd(&in, data + in.message, bytes - in.message);
    registrar_send(&in, data, memfd);
    TARGET_CHECK(registrar_receive(&roster, ends[1], &status));
    TARGET_CHECK(status < APEX_HELLO_STATUS_COUNT && status != APEX_HELLO_INTERNAL);
    registrar_check_answer(status);
    TARGET_CHECK(roster.count == (status == APEX_HELLO_ACCEPTED ? 1 : 0));
    if (roster.count == 1) {
        // Leased by us: it leaves only when nobody has the lock.
        TARGET_CHECK(client_alive(roster.client[0]));
        (void)client_snapshot(roster.client[0], 1);
    }
    close(memfd);
    TARGET_CHECK(roster.count == 0 || !client_alive(roster.client[0]));
    roster_clear(&roster);
    TARGET_CHECK(registrar_count_fds() == fds_before);
}

size_t
target_seed(unsigned index, uint8_t *out)
{
    struct registrar_input in = {
        .fds = 1,
        .seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE,
        .lease = 1,
        .message = sizeof(struct apex_hello),
        .page_log = 13,
    };
    const struct apex_hello hello = {
        .magic = APEX_HELLO_MAGIC,
        .major = APEX_HELLO_MAJOR,
        .minor = APEX_HELLO_MINOR,
        .size_bytes = sizeof hello,
        .nonce = PAGE_SEED_NONCE,
        .page_bytes = PAGE_SEED_BYTES,
    };

    if (index >= 7) {
        return 0;
    }
    in.fds = index == 3 ? 9 : 1;
    in.kinds[0] = index == 4 ? FD_SOCKET : FD_PAGE;
    in.seals = index == 5 ? F_SEAL_SHRINK : in.seals;
    in.page_log = index == 6 ? 14 : 13; // half of it is a hole
    memcpy(out, &in, sizeof in);
    memcpy(out + sizeof in, &hello, sizeof hello);
    page_seed_fill(out + sizeof in + sizeof hello, index % 3);
    return sizeof in + sizeof hello + PAGE_SEED_BYTES;
}
