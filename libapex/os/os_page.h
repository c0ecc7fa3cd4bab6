// SPDX-License-Identifier: MIT
//
// What registration needs of the operating system beyond os.h: memory that can be shown to another
// process (memfd, seals, lease) and one datagram with a descriptor over a local socket.
//
// Every function that can fail returns 0 or an errno value and keeps errno. Nothing here blocks
// for longer than the timeout it is given, allocates, raises SIGPIPE or is a cancellation point
// (raw system calls). Any thread. Descriptors are close-on-exec; the caller closes what it is
// given, soon.

#ifndef APEX_OS_OS_PAGE_H
#define APEX_OS_OS_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// A memfd of `bytes`, all of them allocated: later stores cannot fail for want of space.
int os_page_create(const char *name, size_t bytes, int *fd);

// Maps the memfd readable and writable; at `at`, replacing what is there, unless that is NULL.
int os_page_map(int fd, size_t bytes, void *at, void **out);

// From now on nobody can resize the memfd, map it writable anew, or change its seals; mappings that
// exist keep working.
int os_page_seal(int fd);

// Takes a shared lock on the memfd. It lives as long as a mapping of it does, so that whoever
// else has the file can see when the last one is gone, by exit or by exec.
int os_page_lease(int fd);

// All of these at once: a page that is mapped at `at` (NULL: anywhere), sealed and leased, and its
// descriptor for the caller to send and close. On failure nothing is left but, when `at` is not
// NULL, the mapping.
int os_page_make(const char *name, size_t bytes, void *at, void **out, int *fd);

// Puts fresh private memory where a page was mapped. Whoever still stores there harms nobody.
int os_page_discard(void *address, size_t bytes);

// Maps the first `bytes` of a memfd that somebody else made, to be read only. EPERM when its
// maker could still pull it away from under us (no seals, not plain memory), EINVAL when it is
// shorter.
int os_page_map_foreign(int fd, size_t bytes, void **out);

void os_page_unmap(void *address, size_t bytes);

// One private page that holds zeroes in every child made by fork or clone without CLONE_VM.
// ENOSYS or EINVAL on kernels before 4.14.
int os_page_sentinel(void **out);

// Whether there is something at `path`. Uses only calls that the dynamic linker uses, too, so
// that a sandbox that lets a program start lets it ask.
bool os_path_exists(const char *path);

// How many seccomp filters bind this thread: 0 none, -1 cannot be told (then assume some).
int os_sandbox_filters(void);

// Connects to a SEQPACKET socket without waiting. ENOENT, ECONNREFUSED, EAGAIN (queue full),
// EACCES…
int os_connect(const char *path, int *fd);

// The process that listens on the other side; 0 when it cannot be told.
int os_peer_pid(int fd);

// Sends one datagram with one descriptor. EPIPE, EAGAIN…
int os_send_fd(int fd, const void *message, size_t bytes, int passed);

// Waits at most `timeout_ms` for one datagram of at most `bytes`, which may carry one descriptor
// (`*passed` is -1 when not). ETIMEDOUT; ECONNRESET when the other side is gone.
int os_receive_fd(int fd, void *message, size_t bytes, unsigned timeout_ms, size_t *length,
                  int *passed);

void os_close(int fd);

#endif
