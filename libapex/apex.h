// SPDX-License-Identifier: MIT
//
// ApexAlloc's own names for what a program asks of its allocator. C11 and C++.
//
// Every function may be called from any thread at any time after the dynamic loader has relocated
// libapex: before constructors, in them, after main has returned, in a child of fork. None may be
// called from a signal handler that interrupted another one. Each accepts memory that any other
// one returned, and memory of malloc, calloc, operator new and so on when libapex is in their
// place.
//
// Rules for all that allocate:
//   - Memory is aligned to 16 bytes at least, good for an object of any standard type.
//   - A size of 0 gives a pointer that differs from every other live one and may be freed. To
//     access what it points to ends the program by SIGSEGV, as a rule.
//   - Failure is a null pointer and errno ENOMEM; nothing has changed then. Success keeps errno.
//   - A size above PTRDIFF_MAX always fails.
// Rules for all that free:
//   - A null pointer does nothing. errno is kept.
//   - A pointer that is not the start of a live object (freed before, inside an object, of another
//     allocator) ends the program with one line on stderr, unless the option `fault` says
//     otherwise.

#ifndef APEX_H
#define APEX_H

#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
#define APEX_BEGIN extern "C" {
#define APEX_END }
#if __cplusplus >= 201103L
#define APEX_NOTHROW noexcept
#else
#define APEX_NOTHROW throw()
#endif
#else
#define APEX_BEGIN
#define APEX_END
#define APEX_NOTHROW __attribute__((nothrow))
#endif

// Attributes that let the compiler find leaks, overflows and results that are not used.
#define APEX_API __attribute__((visibility("default")))
#define APEX_USE_RESULT __attribute__((warn_unused_result))
#define APEX_ALLOC_SIZE(size) __attribute__((alloc_size(size)))
#define APEX_ALLOC_PRODUCT(count, size) __attribute__((alloc_size(count, size)))
#define APEX_ALLOC_ALIGN(argument) __attribute__((alloc_align(argument)))
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 11
#define APEX_FRESH __attribute__((malloc, malloc(apex_free, 1)))
#else
#define APEX_FRESH __attribute__((malloc))
#endif

APEX_BEGIN

// Frees `ptr`, the result of any function below that allocates.
APEX_API void apex_free(void *ptr) APEX_NOTHROW;

// `size` bytes, contents undefined.
APEX_API void *apex_malloc(size_t size) APEX_NOTHROW APEX_FRESH APEX_ALLOC_SIZE(1) APEX_USE_RESULT;

// An array of `count` elements of `size` bytes, all zero. Fails when the product overflows.
APEX_API void *apex_calloc(size_t count, size_t size) APEX_NOTHROW APEX_FRESH
        APEX_ALLOC_PRODUCT(1, 2) APEX_USE_RESULT;

// Makes the object at `ptr` `size` bytes long, in place or by moving it; contents up to the smaller
// size are kept. On failure the old object is untouched; to make it smaller never fails.
// realloc(NULL, n) is malloc(n); realloc(p, 0) with p not null frees p and returns NULL without
// touching errno, as glibc does.
APEX_API void *apex_realloc(void *ptr, size_t size) APEX_NOTHROW APEX_ALLOC_SIZE(2) APEX_USE_RESULT;

// apex_realloc to count * size bytes; fails when the product overflows.
APEX_API void *apex_reallocarray(void *ptr, size_t count, size_t size) APEX_NOTHROW
        APEX_ALLOC_PRODUCT(2, 3) APEX_USE_RESULT;

// C23. As apex_free; `size` is what was asked for when `ptr` was allocated or last resized, or any
// size up to apex_malloc_usable_size(ptr). The fast profile takes it as a hint and does not rely on
// it.
APEX_API void apex_free_sized(void *ptr, size_t size) APEX_NOTHROW;

// C23. The same for memory of apex_aligned_alloc(alignment, size).
APEX_API void apex_free_aligned_sized(void *ptr, size_t alignment, size_t size) APEX_NOTHROW;

// `size` bytes at a multiple of `alignment`, which is a power of two, any up to 2^63; anything else
// fails with EINVAL (as C17 and glibc from 2.38 on; older glibc rounds up, see apex_memalign).
// `size` need not be a multiple of `alignment`.
APEX_API void *apex_aligned_alloc(size_t alignment, size_t size) APEX_NOTHROW APEX_FRESH
        APEX_ALLOC_SIZE(2) APEX_ALLOC_ALIGN(1) APEX_USE_RESULT;

// The same, but an alignment that is not a power of two is rounded up to the next one, and 0 means
// any; above 2^63 fails with EINVAL.
APEX_API void *apex_memalign(size_t alignment, size_t size) APEX_NOTHROW APEX_FRESH
        APEX_ALLOC_SIZE(2) APEX_USE_RESULT;

// Stores in `*result` `size` bytes at a multiple of `alignment`, a power of two that is a multiple
// of sizeof(void *). Returns 0, EINVAL (wrong alignment) or ENOMEM. On failure `*result` is
// untouched. errno is kept in every case.
APEX_API int apex_posix_memalign(void **result, size_t alignment, size_t size) APEX_NOTHROW
        APEX_USE_RESULT __attribute__((nonnull(1)));

// `size` bytes at a multiple of the page size.
APEX_API void *apex_valloc(size_t size) APEX_NOTHROW APEX_FRESH APEX_ALLOC_SIZE(1) APEX_USE_RESULT;

// Whole pages, enough for `size` bytes, at least one.
APEX_API void *apex_pvalloc(size_t size) APEX_NOTHROW APEX_FRESH APEX_USE_RESULT;

// Bytes that may be used at `ptr`: at least what was asked for, all of them the caller's. 0 for
// NULL.
APEX_API size_t apex_malloc_usable_size(void *ptr) APEX_NOTHROW;

// 1 if the `size` bytes at `ptr` may be read or written, as far as the heap can tell: they are part
// of one live object, or `ptr` is no address of libapex's at all (stack, static data, mappings of
// the program), or `size` is 0. `ptr` may point anywhere, also into objects. An object ends with
// apex_malloc_usable_size(): in the hardened library with what was asked for. Otherwise the program
// ends as at a wrong free; with fault=report it returns 0. Takes no lock and allocates nothing; a
// signal handler may call it, unlike the others. The caller sees to it that nobody frees the object
// meanwhile.
APEX_API int apex_check_range(const void *ptr, size_t size) APEX_NOTHROW;

// Gives memory that is free back to the kernel now, all but `keep_bytes` of it; for the whole
// process. 1 when any was given back, else 0.
APEX_API int apex_malloc_trim(size_t keep_bytes) APEX_NOTHROW;

// "major.minor.patch" of the library that runs, which may be newer than this header.
APEX_API const char *apex_version(void) APEX_NOTHROW __attribute__((const));

// What the heap of this process holds. Bytes come from counters that threads settle on their slow
// paths: each thread may be off by one block (64 KiB, or one run up to 1 MiB) for each size class
// it uses, and by one eighth of its other blocks.
struct apex_stats {
    size_t size_bytes;         // set by the caller to sizeof(struct apex_stats) before the call
    uint64_t allocated_bytes;  // live objects, in the sizes of their classes
    uint64_t active_bytes;     // blocks and large mappings that hold them
    uint64_t resident_bytes;   // most that can be in memory: active + dirty + metadata
    uint64_t dirty_bytes;      // free, but not yet given back to the kernel
    uint64_t retained_bytes;   // address space that is free and given back
    uint64_t mapped_bytes;     // address space held from the kernel
    uint64_t metadata_bytes;   // the allocator's own
    uint64_t large_bytes;      // objects with a mapping of their own
    uint64_t large_count;      // how many of them
    uint64_t purged_bytes;     // given back to the kernel since the start
    uint64_t threads_count;    // threads that hold a heap
};

// Fills `stats` up to `stats->size_bytes`, so that a program built with an older, shorter struct
// runs with a newer library and the other way round; fields that the library does not know are set
// to 0. Returns 0, or EINVAL when size_bytes has no room for the first field. Allocates nothing.
APEX_API int apex_stats_get(struct apex_stats *stats) APEX_NOTHROW __attribute__((nonnull(1)));

// Prints all statistics: lines `libapex: name unit = value`, or with APEX_PRINT_JSON one object in
// one line. In pieces to `write`, which need not be whole lines, or, when that is NULL, to standard
// error. Allocates nothing, and holds no lock while `write` runs. Returns 0, or EINVAL for other
// flags. The option `stats_at_exit` prints them when the program ends.
typedef void apex_write_fn(void *context, const char *text, size_t length);
enum apex_print { APEX_PRINT_TEXT = 0, APEX_PRINT_JSON = 1 };
APEX_API int apex_stats_print(apex_write_fn *write, void *context, unsigned flags) APEX_NOTHROW;

// Settings, figures and actions by dotted name. apex_ctl(3) lists the leaves; apex_ctl_leaf_get()
// and `apexctl ctl --list` do so, too.
//
//   version, heap.*     what runs
//   opt.KEY             an option, as the process started with it
//   option.KEY          the same as it is now; those that may change can be written
//   stats.*             figures of the process, and sums over its threads; apex-stats(7)
//   class.<i>.*         one size class, <i> below class.count
//   thread.*            the calling thread's own
//   trim, purge, thread.flush, stats.publish   actions
//
// A number is a uint64_t; a text is characters and a NUL. A choice, as of the option `thp`, is the
// number of the word. What counts as live is as apex_stats has it; "stats.publish" settles the
// calling thread's share, which then is exact.
enum apex_ctl_type { APEX_CTL_NONE = 0, APEX_CTL_NUMBER = 1, APEX_CTL_TEXT = 2 };
enum apex_ctl_access { APEX_CTL_READ = 1, APEX_CTL_WRITE = 2, APEX_CTL_ACTION = 4 };

// Reads and writes the leaf `name`, in this order.
// To read, `old_value` is where the value goes and `*old_bytes` how much room is there: 8 for a
// number, at least all of it and its NUL for a text; `*old_bytes` becomes its length. With
// `old_value` NULL and `old_bytes` not, nothing is read, but `*old_bytes` becomes that length.
// To write, `new_value` points to `new_bytes` bytes: 8 for a number. An action is done when nothing
// is read; its value, if it takes any, may be left out.
// Returns 0, or what is wrong, and then nothing has changed:
//   ENOENT  no such name, or no such class
//   EINVAL  sizes that do not fit, or a value that is out of range
//   EPERM   the leaf cannot be written, or not be read
//   EAGAIN  no memory for the change, or the thread is at its very end
// Any thread; allocates nothing, but an action may take long. errno is kept. The names and the way
// to use them are jemalloc's (mallctl), so that those who know one know the other.
APEX_API int apex_ctl(const char *name, void *old_value, size_t *old_bytes, const void *new_value,
                      size_t new_bytes) APEX_NOTHROW __attribute__((nonnull(1)));

// The name as numbers, for those who ask often: `mib` has room for `*mib_count` of them, and gets
// at most APEX_CTL_MIB_MAX; `*mib_count` becomes how many. The second number is <i>, and may be
// changed to look at other classes. They are good for this run of the program only. Returns 0,
// ENOENT, or EINVAL when there is no room.
#define APEX_CTL_MIB_MAX 2
APEX_API int apex_ctl_name_to_mib(const char *name, size_t *mib, size_t *mib_count) APEX_NOTHROW
        __attribute__((nonnull(1, 2, 3)));

// As apex_ctl, by what apex_ctl_name_to_mib has stored.
APEX_API int apex_ctl_by_mib(const size_t *mib, size_t mib_count, void *old_value,
                             size_t *old_bytes, const void *new_value, size_t new_bytes)
        APEX_NOTHROW __attribute__((nonnull(1)));

// One leaf. Texts are the library's and stay.
struct apex_ctl_leaf {
    size_t size_bytes; // set by the caller to sizeof(struct apex_ctl_leaf) before the call
    const char *name;  // with `<i>` where a number stands
    const char *unit;  // "bytes", "count", …; of a choice the words, parted by `|`
    const char *text;  // what it is
    uint64_t type;     // enum apex_ctl_type
    uint64_t access;   // enum apex_ctl_access, added up
    uint64_t count;    // how many values <i> may have; 0 when the name has none
};

// Fills `leaf` up to `leaf->size_bytes`, as apex_stats_get does, with the leaf number `index`.
// Returns 0; ENOENT behind the last one; EINVAL when size_bytes has no room for the name.
APEX_API int apex_ctl_leaf_get(size_t index, struct apex_ctl_leaf *leaf) APEX_NOTHROW
        __attribute__((nonnull(2)));

// A live object, as apex_walk shows it.
enum apex_object_kind { APEX_OBJECT_CHUNK = 0, APEX_OBJECT_LARGE = 1, APEX_OBJECT_EMPTY = 2 };
struct apex_object {
    void *ptr;            // what malloc returned
    size_t usable_bytes;  // apex_malloc_usable_size(ptr); hardened: what was asked for
    size_t granted_bytes; // what it takes up: a chunk of its class, or whole pages; 0 of malloc(0)
    uint32_t kind;        // enum apex_object_kind
    uint32_t size_class;  // of a chunk: <i> of the leaves "class.<i>.*"
};

// Called for each object. The struct is good until it returns, and a later version may have more
// fields. Not 0 ends the walk.
typedef int apex_walk_fn(const struct apex_object *object, void *context);

// Calls `visit` for every live object of the process, in no order, and for none twice: those of all
// threads, of threads that have ended, large ones, malloc(0). Other threads go on meanwhile:
//   - an object that lives all the while is visited, but for one that is just being resized;
//   - one that is allocated or freed meanwhile is visited or not;
//   - one that another thread freed is not visited, though statistics count it until its owner
//     takes it home.
// So the result is exact when all threads but the calling one are quiet. Threads wait for the walk
// only when they need a block of 64 KiB or give one back, and then for one step of it, at most 64
// objects. No superblock (4 MiB) is given back to the kernel before it ends.
// No lock is held while `visit` runs: it may allocate and free, also the object it is shown. It
// must not fork, nor leave by longjmp or an exception. Returns 0, also when `visit` ended it. Reads
// the first bytes of each chunk; allocates nothing itself. errno is kept.
APEX_API int apex_walk(apex_walk_fn *visit, void *context) APEX_NOTHROW
        __attribute__((nonnull(1)));

APEX_END

#endif
