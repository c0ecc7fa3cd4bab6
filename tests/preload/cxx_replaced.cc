// SPDX-License-Identifier: MIT
//
// A program that replaces four of the twenty operators, as many do, with ones whose memory is not a
// heap's own pointer. The other sixteen must call these, whatever library they come from: that is
// what the standard says they do. Output must be the same with and without libapex preloaded.

#include <cstdio>
#include <cstdlib>
#include <new>

static int plain_news;
static int plain_deletes;
static int aligned_news;
static int aligned_deletes;
static bool refuse;

// 64 bytes in front of each object: free() would not know what to do with it.
void *
operator new(std::size_t size)
{
    plain_news++;
    char *p = refuse ? nullptr : static_cast<char *>(std::malloc(size + 64));
    if (p == nullptr) {
        throw std::bad_alloc();
    }
    return p + 64;
}

void
operator delete(void *p) noexcept
{
    plain_deletes++;
    if (p != nullptr) {
        std::free(static_cast<char *>(p) - 64);
    }
}

void *
operator new(std::size_t size, std::align_val_t align)
{
    aligned_news++;
    std::size_t a = std::size_t(align) < 64 ? 64 : std::size_t(align);
    char *p = refuse ? nullptr : static_cast<char *>(std::aligned_alloc(a, size + 2 * a));
    if (p == nullptr) {
        throw std::bad_alloc();
    }
    return p + a;
}

void
operator delete(void *p, std::align_val_t align) noexcept
{
    aligned_deletes++;
    std::size_t a = std::size_t(align) < 64 ? 64 : std::size_t(align);
    if (p != nullptr) {
        std::free(static_cast<char *>(p) - a);
    }
}

template <typename T>
static T
hidden(T value)
{
    asm volatile("" : "+r"(value) : : "memory");
    return value;
}

int
main()
{
    const std::align_val_t a = std::align_val_t(256);
    const std::size_t sizes[] = {10, 5000, 3000000};
    for (std::size_t n : sizes) {
        ::operator delete(hidden(::operator new(n)), n);
        ::operator delete[](hidden(::operator new[](n)));
        ::operator delete[](hidden(::operator new[](n)), n);
        ::operator delete(hidden(::operator new(n, std::nothrow)), std::nothrow);
        ::operator delete[](hidden(::operator new[](n, std::nothrow)), std::nothrow);
        ::operator delete(hidden(::operator new(n, a)), n, a);
        ::operator delete[](hidden(::operator new[](n, a)), a);
        ::operator delete[](hidden(::operator new[](n, a)), n, a);
        ::operator delete(hidden(::operator new(n, a, std::nothrow)), a, std::nothrow);
        ::operator delete[](hidden(::operator new[](n, a, std::nothrow)), a, std::nothrow);
    }
    refuse = true;
    int nulls = 0;
    nulls += hidden(::operator new(10, std::nothrow)) == nullptr;
    nulls += hidden(::operator new[](10, std::nothrow)) == nullptr;
    nulls += hidden(::operator new(10, a, std::nothrow)) == nullptr;
    nulls += hidden(::operator new[](10, a, std::nothrow)) == nullptr;
    refuse = false;
    std::printf("plain %d new, %d delete; aligned %d new, %d delete; %d nulls\n", plain_news,
                plain_deletes, aligned_news, aligned_deletes, nulls);
    return !(plain_news == 17 && plain_deletes == 15 && aligned_news == 17 &&
             aligned_deletes == 15 && nulls == 4);
}
