// SPDX-License-Identifier: MIT
//
// A keyed checksum of 16 bytes, for headers in memory that a program can overwrite (hardened
// profile). Whoever does not know the process's keys makes a valid one with chance 2^-32 for each
// try, and the first wrong one ends the process.
//
// One of three functions, chosen once at start by what the CPU has:
//   AES        two rounds of AES with secret keys (x86 AES-NI, ARMv8 crypto): each bit of the input
//              reaches each bit of the result. 14 cycles.
//   CRC32C     the instruction, with a secret start, as in Scudo; and then a multiplication by a
//              secret number. A CRC alone is linear: who sees one valid header could change header
//              and checksum together without knowing the key.
//   software   the product of both halves, each under a secret mask, folded (the core of Wang Yi's
//              wyhash).
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
    uint64_t canary;
    enum mac_kind kind;
};

#define MAC_RANDOM_WORDS 10

extern struct mac_secret mac_secret;

// Takes the keys from `random`, and the best kind that the CPU has. Before the first checksum.
void mac_start(const uint64_t random[MAC_RANDOM_WORDS]);

// For tests: the kinds this CPU has, as a set of bits.
unsigned mac_kinds(void);

#if defined(__x86_64__)

FAST uint64_t
mac_aes(uint64_t a, uint64_t b)
{
    mac_vector x = {a, b};

    // Written out: the intrinsics would ask for a CPU with AES for all of the library.
    x ^= mac_secret.whiten;
    __asm__("aesenc %1, %0" : "+x"(x) : "m"(mac_secret.round[0]));
    __asm__("aesenc %1, %0" : "+x"(x) : "m"(mac_secret.round[1]));
    return x[0];
}

FAST uint64_t
mac_crc(uint64_t a, uint64_t b)
{
    uint64_t crc = mac_secret.mask[0];

    __asm__("crc32q %1, %0" : "+r"(crc) : "rm"(a));
    __asm__("crc32q %1, %0" : "+r"(crc) : "rm"(b));
    return ((crc ^ mac_secret.mask[1]) * mac_secret.factor) >> 32;
}

#elif defined(__aarch64__)

FAST uint64_t
mac_aes(uint64_t a, uint64_t b)
{
    mac_vector x = {a, b};

    __asm__(".arch_extension crypto\n\taese %0.16b, %1.16b\n\taesmc %0.16b, %0.16b"
            : "+w"(x) : "w"(mac_secret.whiten));
    __asm__(".arch_extension crypto\n\taese %0.16b, %1.16b\n\taesmc %0.16b, %0.16b"
            : "+w"(x) : "w"(mac_secret.round[0]));
    x ^= mac_secret.round[1];
    return x[0];
}

FAST uint64_t
mac_crc(uint64_t a, uint64_t b)
{
    uint32_t crc = (uint32_t)mac_secret.mask[0];

    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(a));
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(b));
    return ((crc ^ mac_secret.mask[1]) * mac_secret.factor) >> 32;
}

#else

#define mac_aes mac_software
#define mac_crc mac_software

#endif

FAST uint64_t
mac_software(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)(a ^ mac_secret.mask[0]) * (b ^ mac_secret.mask[1]);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

FAST uint32_t
mac_of(uint64_t a, uint64_t b)
{
    if (likely(mac_secret.kind == MAC_AES)) {
        return (uint32_t)mac_aes(a, b);
    }
    return (uint32_t)(mac_secret.kind == MAC_CRC32C ? mac_crc(a, b) : mac_software(a, b));
}

#endif
