// SPDX-License-Identifier: MIT
//
// Registration, version 1: the two messages a process and apexd exchange once, over the
// SEQPACKET socket <runtime directory>/register.sock. Shared by libapex and apexd; includes
// nothing of either.
//
//   process -> apexd   struct apex_hello, with the sealed memfd of the stats page (SCM_RIGHTS);
//                      since 1.1 also, on a connection of its own, with that of the profile page
//   apexd -> process   struct apex_hello_ack, when accepted with that of the advice page
//
// Who speaks is attested by the kernel (SO_PEERCRED, SO_PEERPIDFD); neither message says so. Both
// sides close every descriptor before the exchange is over; what stays are two mappings.

#ifndef APEX_ABI_HELLO_H
#define APEX_ABI_HELLO_H

#include <stdint.h>

#define APEX_HELLO_MAGIC UINT64_C(0x004c454858455041)     // "APEXHEL\0"
#define APEX_HELLO_ACK_MAGIC UINT64_C(0x004b434158455041) // "APEXACK\0"
#define APEX_HELLO_MAJOR 1
#define APEX_HELLO_MINOR 1
#define APEX_RUNTIME_DIR "/run/apexd" // of the daemon that root runs
#define APEX_RUNTIME_NAME "apexd"     // of any other: $XDG_RUNTIME_DIR/apexd
#define APEX_REGISTER_SOCKET "register.sock"
#define APEX_CONTROL_SOCKET "control.sock"
#define APEX_HTTP_SOCKET "http.sock" // for those who speak HTTP

struct apex_hello {
    uint64_t magic; // APEX_HELLO_MAGIC
    uint16_t major; // apexd refuses another major version
    uint16_t minor;
    uint32_t size_bytes; // of this message; a later minor version may append fields
    uint64_t nonce;      // the one in the page's header
    uint32_t page_bytes; // size of the memfd
    uint32_t kind;       // enum apex_hello_kind; 0 in version 1.0
};

// Which page it is. That of the profile is for a process that has shown its statistics; it is
// answered without an advice page.
enum apex_hello_kind { APEX_HELLO_STATS = 0, APEX_HELLO_PROFILE = 1, APEX_HELLO_KIND_COUNT };

// The numbers are the protocol; the words are what apexd counts and logs.
#define APEX_HELLO_STATUSES(STATUS)       \
    STATUS(ACCEPTED, 0, "accepted")       \
    STATUS(BAD_MESSAGE, 1, "bad_message") \
    STATUS(BAD_VERSION, 2, "bad_version") \
    STATUS(BAD_FD, 3, "bad_fd")           \
    STATUS(BAD_SEALS, 4, "bad_seals")     \
    STATUS(BAD_SIZE, 5, "bad_size")       \
    STATUS(BAD_PAGE, 6, "bad_page")       \
    STATUS(NO_LEASE, 7, "no_lease")       \
    STATUS(OVER_QUOTA, 8, "over_quota")   \
    STATUS(REFUSED, 9, "refused")         \
    STATUS(INTERNAL, 10, "internal")

enum apex_hello_status {
#define APEX_HELLO_ENUM(name, number, word) APEX_HELLO_##name = number,
    APEX_HELLO_STATUSES(APEX_HELLO_ENUM)
#undef APEX_HELLO_ENUM
        APEX_HELLO_STATUS_COUNT
};

struct apex_hello_ack {
    uint64_t magic; // APEX_HELLO_ACK_MAGIC
    uint16_t major;
    uint16_t minor;
    uint32_t size_bytes;
    uint64_t nonce;        // of the page this answers
    uint32_t status;       // enum apex_hello_status
    uint32_t advice_bytes; // size of the advice memfd; 0 unless accepted
};

_Static_assert(sizeof(struct apex_hello) == 32, "layout of the message");
_Static_assert(sizeof(struct apex_hello_ack) == 32, "layout of the message");

#endif
