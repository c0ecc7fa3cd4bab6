// SPDX-License-Identifier: MIT
//
// A system call as it is, for the parts of this layer whose wrappers in libc are cancellation
// points, set errno, or are not there. Only files of os/ include this.

#ifndef APEX_OS_OS_RAW_H
#define APEX_OS_OS_RAW_H

#include <errno.h>
#include <unistd.h>

// What the call returns, or minus the errno value. Keeps errno.
#define OS_RAW(...)                                 \
    __extension__({                                 \
        int saved_ = errno;                         \
        long result_ = syscall(__VA_ARGS__);        \
        result_ = result_ == -1 ? -errno : result_; \
        errno = saved_;                             \
        result_;                                    \
    })

// The errno value in such a result; 0 when there is none.
static inline int
os_raw_error(long result)
{
    return result < 0 ? (int)-result : 0;
}

#endif
