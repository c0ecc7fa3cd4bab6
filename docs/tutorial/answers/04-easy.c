// SPDX-License-Identifier: MIT
//
// Phase IV, easy exercise: large objects of 2 MiB and more are backed by huge pages where the
// kernel has some, so the processor needs fewer entries for their addresses.
//
// IN os.c

bool
os_commit(void *p, size_t bytes)
{
    int saved = errno;
    bool done = mprotect(p, os_whole_pages(bytes), PROT_READ | PROT_WRITE) == 0;

    if (done && bytes >= (size_t)2 << 20) {
        madvise(p, os_whole_pages(bytes), MADV_HUGEPAGE); // a wish: not all kernels can
    }
    errno = saved;
    return done;
}
