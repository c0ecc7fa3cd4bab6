// SPDX-License-Identifier: MIT
//
// The wrapped functions, the handler of SIGSEGV, and the end of a run that found something.

#include "outside.h"

#include "os/os.h"
#include "policy/config.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct outside_fault outside_faults[OUTSIDE_FAULTS_MAX];
unsigned outside_fault_count;
bool outside_refuses_guards;
uint64_t outside_clock_ns;

static uint64_t random_state;
static volatile sig_atomic_t probing; // the harness itself is at watched memory
static sigjmp_buf probe_end;

// --- Findings ------------------------------------------------------------------------------------

_Noreturn void
finding(const char *what, const void *address, size_t number)
{
    fprintf(stderr, "fuzz: FINDING: %s (address %p, %zu)\n", what, address, number);
    fflush(stderr);
    abort();
}

// --- The library's lines -------------------------------------------------------------------------

ssize_t __real_write(int fd, const void *bytes, size_t count);
ssize_t __wrap_write(int fd, const void *bytes, size_t count);

void
outside_forget(void)
{
    outside_fault_count = 0;
}

static void
outside_take_line(const char *line)
{
    for (unsigned f = 0; f < FAULT_COUNT; f++) {
        const char *message = fault_message((enum fault)f);
        size_t length = strlen(message);
        if (strncmp(line, message, length) != 0 || strncmp(line + length, " (address ", 10) != 0) {
            continue;
        }
        if (outside_fault_count == OUTSIDE_FAULTS_MAX) {
            finding("no end of faults", NULL, outside_fault_count);
        }
        outside_faults[outside_fault_count++] = (struct outside_fault){
            .fault = (enum fault)f,
            .address = strtoull(line + length + 10, NULL, 16),
        };
        return;
    }
    fprintf(stderr, "%s", line);
    finding("the library says what is no fault", NULL, 0);
}

ssize_t
__wrap_write(int fd, const void *bytes, size_t count)
{
    static const char mark[] = "libapex: ";
    char line[256];

    if (fd != STDERR_FILENO || count < sizeof mark || count >= sizeof line ||
        memcmp(bytes, mark, sizeof mark - 1) != 0) {
        return __real_write(fd, bytes, count);
    }
    memcpy(line, bytes, count);
    line[count] = '\0';
    outside_take_line(line + sizeof mark - 1);
    return (ssize_t)count;
}

// --- The library's system ------------------------------------------------------------------------

void __wrap_os_random(void *out, size_t bytes);
uint64_t __wrap_os_now_ns(void);
int __real_os_guard(void *address, size_t bytes);
int __wrap_os_guard(void *address, size_t bytes);

void
outside_seed(uint64_t seed)
{
    random_state = seed;
}

// Good enough to be different each time (splitmix64, Steele et al. 2014).
void
__wrap_os_random(void *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        z ^= z >> 31;
        memcpy((char *)out + i, &z, bytes - i < 8 ? bytes - i : 8);
    }
}

uint64_t
__wrap_os_now_ns(void)
{
    return outside_clock_ns += 1000;
}

int
__wrap_os_guard(void *address, size_t bytes)
{
    return outside_refuses_guards ? ENOMEM : __real_os_guard(address, bytes);
}

// --- Watched memory ------------------------------------------------------------------------------

static void
outside_on_segv(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)context;
    if (probing) {
        // libFuzzer's handler, which calls this one, would leave them blocked.
        sigset_t both;
        sigemptyset(&both);
        sigaddset(&both, SIGSEGV);
        sigaddset(&both, SIGBUS);
        pthread_sigmask(SIG_UNBLOCK, &both, NULL);
        siglongjmp(probe_end, 1);
    }
    finding("a crash that is not the harness's own", info->si_addr, 0);
}

// Byte by byte, so that nothing but these two loops can be where the fault is.
static bool
probe_copy(volatile unsigned char *to, const volatile unsigned char *from, size_t bytes)
{
    if (sigsetjmp(probe_end, 0) != 0) {
        probing = 0;
        return false;
    }
    probing = 1;
    for (size_t i = 0; i < bytes; i++) {
        to[i] = from[i];
    }
    probing = 0;
    return true;
}

bool
probe_read(void *out, const void *from, size_t bytes)
{
    return probe_copy(out, from, bytes);
}

bool
probe_write(void *to, const void *from, size_t bytes)
{
    return probe_copy(to, from, bytes);
}

void
outside_start(char **argv)
{
    struct sigaction action = {.sa_sigaction = outside_on_segv, .sa_flags = SA_SIGINFO};

    if (config_get()->fault != CONFIG_FAULT_REPORT) {
        setenv("APEX_OPTIONS", "fault=report,register=0", 1);
        execv("/proc/self/exe", argv);
        finding("cannot start with faults reported", NULL, (size_t)errno);
    }
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
}
