// SPDX-License-Identifier: MIT
//
// What libapex needs of the operating system, as a contract. os_linux.c fulfils it; os_fault.c
// stands in front of it in tests and refuses the n-th call.
//
// Every function that can fail returns 0 or an errno value, and leaves errno itself alone: free()
// must not change it. Addresses and sizes are multiples of the page size unless it says otherwise.
// Any thread may call anything here at any time; nothing here allocates, locks or is a cancellation
// point.

#ifndef APEX_OS_OS_H
#define APEX_OS_OS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Size of an OS page, read at run time: 4, 16 or 64 KiB.
size_t os_page_bytes(void);

// Reserves address space that cannot be touched yet and costs no memory. `align` is a power of two.
// `near` is a wish (0 for none), not a demand. EINVAL, ENOMEM.
int os_reserve(size_t bytes, size_t align, uintptr_t near, void **out);

// Makes reserved space readable and writable; its pages read as zero until written. ENOMEM.
int os_commit(void *address, size_t bytes);

// Makes committed space inaccessible, with what is in it, until it is committed again. ENOMEM.
int os_hide(void *address, size_t bytes);

// The opposite of commit: what was there is gone, the space stays reserved. ENOMEM: nothing has
// changed.
int os_decommit(void *address, size_t bytes);

// Makes committed pages read-only, with what is in them; os_commit() makes them writable again.
// ENOMEM: nothing has changed.
int os_seal(void *address, size_t bytes);

// Gives pages back; the space stays usable and reads as zero. May be refused, harmlessly (EAGAIN,
// EINVAL on locked memory): then the contents are unchanged.
int os_purge(void *address, size_t bytes);

// Says that what is in these pages is not needed: until they are written to again, the kernel may
// take them when it wants, and each reads as before or as zero. Costs a fiftieth of making pages
// anew. EINVAL on locked memory; harmless.
int os_lazy(void *address, size_t bytes);

// Which pages of a mapping are in memory: bit 0 of one byte each. What is not there was never
// touched, or is in swap. May be refused (EAGAIN, or a sandbox's EPERM).
int os_resident(void *address, size_t bytes, uint8_t *pages);

// False when the kernel has no swap: what is not resident was never touched then. At most a tick of
// the coarse clock old.
bool os_has_swap(void);

// Makes committed pages inaccessible, and gives what was in them back, without a further mapping;
// and the opposite: where they were guarded they read as zero. EINVAL before Linux 6.13, and in
// locked memory: then all that was accessible still is.
int os_guard(void *address, size_t bytes);
void os_unguard(void *address, size_t bytes);

// The same where that fails, for up to two more mappings, until os_commit(), which may itself need
// two. ENOMEM, and EINVAL in locked memory before 5.18: then all that was accessible still is. Out
// of mappings, it may be 0 though only a part is guarded.
int os_guard_by_mapping(void *address, size_t bytes);

// Gives the space back altogether. ENOMEM when the kernel would have to split a mapping and cannot:
// then all of it is still there.
int os_release(void *address, size_t bytes);

// Moves the pages of a committed mapping to `to`, a reserved range of `new_bytes` that is replaced;
// the old range is gone afterwards. On failure the old range is unchanged, but `to` may be there or
// not: the kernel unmaps it first, and another thread may have got the place since. ENOMEM, EFAULT.
int os_move(void *address, size_t old_bytes, size_t new_bytes, void *to);

// Grows a committed mapping where it stands. ENOMEM when something else is behind it; EFAULT when
// the program has split it, by mprotect or madvise of a part.
int os_grow(void *address, size_t old_bytes, size_t new_bytes);

// Asks for huge pages behind this range, or for none. Advice: a refusal is no failure of the
// caller.
int os_huge(void *address, size_t bytes, bool wanted);

// Fills `bytes` (any number up to 256) from the kernel's generator. When that is not ready it falls
// back to the random bytes the kernel gave this process at its start, mixed with the clock.
void os_random(void *out, size_t bytes);

// Monotonic time in ns. The coarse clock: a few ms of grain, a few ns of cost.
uint64_t os_now_ns(void);

// The same, fine: tens of ns of cost.
uint64_t os_clock_ns(void);

// How often the functions above that change or ask about memory have called the kernel since the
// start of the process.
uint64_t os_call_count(void);

// Enters one more such call, made by another file of this layer.
void os_count_call(void);

unsigned os_thread_id(void);
unsigned os_process_id(void);

// True if no thread of this process has that id any more, nor any other by now.
bool os_thread_is_gone(unsigned thread_id);

void os_yield(void);

void os_sleep_ns(uint32_t ns);

// True when the program runs with more rights than its caller (AT_SECURE): trust no environment.
bool os_secure(void);

// Reads a file of any length and hands it on in pieces, in order, until `take` returns false or the
// file ends. ENOENT, EACCES…
typedef bool os_piece_fn(void *context, const char *text, size_t length);
int os_read_pieces(const char *path, os_piece_fn *take, void *context);

// Reads at most `capacity` bytes of a file. ENOENT, EACCES…, EFBIG when there is more.
int os_read_file(const char *path, char *out, size_t capacity, size_t *length);

// Sleeps while *word == expected; may wake for no reason. Shared memory is not supported.
void os_futex_wait(uint32_t *word, uint32_t expected);
void os_futex_wake(uint32_t *word, int count);

// The same for at most `ns`.
void os_futex_wait_ns(uint32_t *word, uint32_t expected, uint64_t ns);

#endif
