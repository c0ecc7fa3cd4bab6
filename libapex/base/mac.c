// SPDX-License-Identifier: MIT
//
// Keys, and what the CPU has. mac_start runs before the second thread; then nothing changes.

#include "base/mac.h"

#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

CONSTANT struct mac_secret mac_secret;

#if defined(__x86_64__)
// By cpuid itself: what __builtin_cpu_supports reads may not be set up yet at the first malloc.
static unsigned
mac_kinds_of_cpu(void)
{
    unsigned a, b, c, d;

    if (__get_cpuid(1, &a, &b, &c, &d) == 0) {
        return 0;
    }
    return ((c & bit_AES) != 0 ? 1u << MAC_AES : 0) |
           ((c & bit_SSE4_2) != 0 ? 1u << MAC_CRC32C : 0);
}
#elif defined(__aarch64__)
static unsigned
mac_kinds_of_cpu(void)
{
    unsigned long have = getauxval(AT_HWCAP);
    return ((have & HWCAP_AES) != 0 ? 1u << MAC_AES : 0) |
           ((have & HWCAP_CRC32) != 0 ? 1u << MAC_CRC32C : 0);
}
#else
static unsigned
mac_kinds_of_cpu(void)
{
    return 0;
}
#endif

unsigned
mac_kinds(void)
{
    return mac_kinds_of_cpu() | 1u << MAC_SOFTWARE;
}

void
mac_start(const uint64_t random[MAC_RANDOM_WORDS])
{
    unsigned kinds = mac_kinds();

    mac_secret = (struct mac_secret){
        .whiten = {random[0], random[1]},
        .round = {{random[2], random[3]}, {random[4], random[5]}},
        .mask = {random[6], random[7]},
        .factor = random[8] | 1,
        .kind = (kinds >> MAC_AES & 1) != 0      ? MAC_AES
                : (kinds >> MAC_CRC32C & 1) != 0 ? MAC_CRC32C
                                                 : MAC_SOFTWARE,
    };
}
