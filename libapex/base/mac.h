// SPDX-License-Identifier: MIT
//
// A keyed checksum of 16 bytes, for headers in memory that a program can overwrite (hardened
// profile): 128 bits of it, half for the header and half for the canary behind the object. Whoever
// does not know the process's keys makes a valid header, of which 32 bits are used, with chance
// 2^-32 for each try, and the first wrong one ends the process.
//
// One of three functions, chosen once at start by what the CPU has:
//   AES        two rounds of AES with secret keys (x86 AES-NI, ARMv8 crypto): each bit of the input
//              reaches each bit of the result. 14 cycles.
//   CRC32C     the instruction, with a secret start, as in Scudo; and then multiplications by a
//              secret number. A CRC alone is linear: who sees one valid header could change header
//              and checksum together without knowing the key.
//   software   the product of both halves, each under a secret mask, folded (the core of Wang Yi's
//              wyhash), and then the same.
//
// None is a MAC for messages that an attacker may ask for as he pleases: they stand against blind
// or partly seeing overwrites of a heap.

#ifndef APEX_BASE_MAC_H
#define APEX_BASE_MAC_H

#include "base/compiler.h"
#include "base/constants.h"

#include <stdint.h>

enum mac_kind { MAC_SOFTWARE, MAC_CRC32C, MAC_AES, MAC_KINDS };

typedef uint64_t mac_vector __attribute__((vector_size(16)));

// Secret; immutable once the process has started.
struct OWN_PAGES mac_secret {
    mac_vector whiten;
    mac_vector round[2];
    uint64_t mask[2];
    uint64_t factor; // odd
    enum mac_kind kind;
};

#define MAC_RANDOM_WORDS 9

extern struct mac_secret mac_secret;

struct mac {
    uint64_t first;
    uint64_t second;
};

// Takes the keys from `random`, and the best kind that the CPU has. Before the first checksum.
void mac_start(const uint64_t random[MAC_RANDOM_WORDS]);

// For tests: the kinds this CPU has, as a set of bits.
unsigned mac_kinds(void);

// Two halves of what is linear in the input.
FAST struct mac
mac_spread(uint64_t linear)
{
    __uint128_t product = (__uint128_t)(linear ^ mac_secret.mask[1]) * mac_secret.factor;
    uint64_t first = (uint64_t)product >> 32 ^ (uint64_t)(product >> 64);
    return (struct mac){first, (first ^ mac_secret.mask[0]) * mac_secret.factor};
}

#if defined(__x86_64__)

FAST struct mac
mac_aes(uint64_t a, uint64_t b)
{
    mac_vector x = {a, b};

    // Written out: the intrinsics would ask for a CPU with AES for all of the library.
    x ^= mac_secret.whiten;
    __asm__("aesenc %1, %0" : "+x"(x) : "m"(mac_secret.round[0]));
    __asm__("aesenc %1, %0" : "+x"(x) : "m"(mac_secret.round[1]));
    return (struct mac){x[0], x[1]};
}

FAST struct mac
mac_crc(uint64_t a, uint64_t b)
{
    uint64_t crc = mac_secret.mask[0];

    __asm__("crc32q %1, %0" : "+r"(crc) : "rm"(a));
    __asm__("crc32q %1, %0" : "+r"(crc) : "rm"(b));
    return mac_spread(crc);
}

#elif defined(__aarch64__)

FAST struct mac
mac_aes(uint64_t a, uint64_t b)
{
    mac_vector x = {a, b};

    __asm__(".arch_extension crypto\n\taese %0.16b, %1.16b\n\taesmc %0.16b, %0.16b"
            : "+w"(x) : "w"(mac_secret.whiten));
    __asm__(".arch_extension crypto\n\taese %0.16b, %1.16b\n\taesmc %0.16b, %0.16b"
            : "+w"(x) : "w"(mac_secret.round[0]));
    x ^= mac_secret.round[1];
    return (struct mac){x[0], x[1]};
}

FAST struct mac
mac_crc(uint64_t a, uint64_t b)
{
    uint32_t crc = (uint32_t)mac_secret.mask[0];

    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(a));
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(b));
    return mac_spread(crc);
}

#else

#define mac_aes mac_software
#define mac_crc mac_software

#endif

FAST struct mac
mac_software(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)(a ^ mac_secret.mask[0]) * (b ^ mac_secret.mask[1]);
    return mac_spread((uint64_t)product ^ (uint64_t)(product >> 64));
}

// Without a call, for which callers would keep registers free also where it is not made.
FAST struct mac
mac_of(uint64_t a, uint64_t b)
{
    return likely(mac_secret.kind == MAC_AES) ? mac_aes(a, b)
           : mac_secret.kind == MAC_CRC32C    ? mac_crc(a, b)
                                              : mac_software(a, b);
}

#endif
