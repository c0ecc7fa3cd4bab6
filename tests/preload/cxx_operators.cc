// SPDX-License-Identifier: MIT
//
// Uses every form of operator new and delete, and says what happened. Run with and without libapex
// preloaded, and linked statically with libapex.a: the output must be the same each time.
// Forms are called by name (::operator new(...)), so that no compiler leaves one out.

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <vector>

namespace {

int failures;

void
check(bool good, const char *what)
{
    std::printf("%s: %s\n", what, good ? "ok" : "WRONG");
    failures += !good;
}

template <typename T>
T
hidden(T value)
{
    asm volatile("" : "+r"(value) : : "memory");
    return value;
}

bool
is_good(void *p, std::size_t size, std::size_t align)
{
    p = hidden(p);
    if (p == nullptr || reinterpret_cast<std::uintptr_t>(p) % align != 0) {
        return false;
    }
    std::memset(p, 0x5a, size);
    return true;
}

const std::size_t sizes[] = {0, 1, 8, 24, 100, 1000, 5000, 70000, 2000000};
const std::size_t too_much = std::size_t(1) << 62;
const std::align_val_t aligns[] = {std::align_val_t(1), std::align_val_t(16), std::align_val_t(64),
                                   std::align_val_t(4096), std::align_val_t(1 << 21)};

void
plain_forms()
{
    bool good = true;
    for (std::size_t n : sizes) {
        void *p[8];
        for (int i = 0; i < 4; i++) {
            p[2 * i] = i < 2 ? ::operator new(n) : ::operator new(n, std::nothrow);
            p[2 * i + 1] = i < 2 ? ::operator new[](n) : ::operator new[](n, std::nothrow);
        }
        for (void *q : p) {
            good = good && is_good(q, n, 16);
        }
        good = good && p[0] != p[2];
        ::operator delete(p[0]);
        ::operator delete[](p[1]);
        ::operator delete(p[2], n);
        ::operator delete[](p[3], n);
        ::operator delete(p[4], std::nothrow);
        ::operator delete[](p[5], std::nothrow);
        ::operator delete(p[6]);
        ::operator delete[](p[7], n);
    }
    check(good, "plain, array, sized, nothrow");
}

void
aligned_forms()
{
    bool good = true;
    for (std::align_val_t a : aligns) {
        for (std::size_t n : sizes) {
            void *p[6];
            p[0] = ::operator new(n, a);
            p[1] = ::operator new[](n, a);
            p[2] = ::operator new(n, a, std::nothrow);
            p[3] = ::operator new[](n, a, std::nothrow);
            p[4] = ::operator new(n, a);
            p[5] = ::operator new[](n, a);
            for (void *q : p) {
                good = good && is_good(q, n, std::size_t(a));
            }
            ::operator delete(p[0], a);
            ::operator delete[](p[1], a);
            ::operator delete(p[2], n, a);
            ::operator delete[](p[3], n, a);
            ::operator delete(p[4], a, std::nothrow);
            ::operator delete[](p[5], a, std::nothrow);
        }
    }
    check(good, "aligned, aligned array, aligned sized, aligned nothrow");
}

void *
no_object()
{
    return hidden(static_cast<void *>(nullptr));
}

void
null_forms()
{
    const std::align_val_t a = aligns[2];
    errno = 4711;
    ::operator delete(no_object());
    ::operator delete[](no_object());
    ::operator delete(no_object(), std::size_t(8));
    ::operator delete[](no_object(), std::size_t(8));
    ::operator delete(no_object(), std::nothrow);
    ::operator delete[](no_object(), std::nothrow);
    ::operator delete(no_object(), a);
    ::operator delete[](no_object(), a);
    ::operator delete(no_object(), std::size_t(8), a);
    ::operator delete[](no_object(), std::size_t(8), a);
    ::operator delete(no_object(), a, std::nothrow);
    ::operator delete[](no_object(), a, std::nothrow);
    check(errno == 4711, "delete of null");
}

// Calls one of the throwing forms by number.
void *
throwing_form(int form, std::size_t n)
{
    switch (form) {
    case 0:
        return ::operator new(n);
    case 1:
        return ::operator new[](n);
    case 2:
        return ::operator new(n, aligns[2]);
    default:
        return ::operator new[](n, aligns[2]);
    }
}

void *
nothrow_form(int form, std::size_t n)
{
    switch (form) {
    case 0:
        return ::operator new(n, std::nothrow);
    case 1:
        return ::operator new[](n, std::nothrow);
    case 2:
        return ::operator new(n, aligns[2], std::nothrow);
    default:
        return ::operator new[](n, aligns[2], std::nothrow);
    }
}

struct unwound {
    int *count;
    ~unwound() { ++*count; }
};

void
bad_alloc_is_thrown()
{
    int caught = 0;
    int destroyed = 0;
    for (int form = 0; form < 4; form++) {
        try {
            unwound guard{&destroyed};
            hidden(throwing_form(form, hidden(too_much)));
        } catch (const std::bad_alloc &e) {
            caught += std::strcmp(e.what(), "std::bad_alloc") == 0;
        }
    }
    check(caught == 4 && destroyed == 4, "bad_alloc from the throwing forms");
    int nulls = 0;
    for (int form = 0; form < 4; form++) {
        nulls += hidden(nothrow_form(form, hidden(too_much))) == nullptr;
    }
    check(nulls == 4, "null from the nothrow forms");
    try {
        hidden(new char[hidden(too_much)]);
        check(false, "bad_alloc from a new expression");
    } catch (const std::bad_alloc &) {
        check(true, "bad_alloc from a new expression");
    }
    caught = 0;
    try {
        hidden(::operator new(10, hidden(std::align_val_t(24))));
    } catch (const std::bad_alloc &) {
        caught++;
    }
    try {
        hidden(::operator new(10, hidden(std::align_val_t(0))));
    } catch (const std::bad_alloc &) {
        caught++;
    }
    caught += hidden(::operator new(10, hidden(std::align_val_t(24)), std::nothrow)) == nullptr;
    check(caught == 3, "an alignment that is none");
}

int handler_calls;

void
handler_that_gives_up()
{
    if (++handler_calls == 3) {
        std::set_new_handler(nullptr);
    }
}

void
handler_that_throws()
{
    handler_calls++;
    throw std::bad_alloc();
}

void
handler_that_throws_other()
{
    handler_calls++;
    throw 4711;
}

void
handlers_are_called()
{
    bool good = true;
    for (int form = 0; form < 4; form++) {
        handler_calls = 0;
        std::set_new_handler(handler_that_gives_up);
        try {
            hidden(throwing_form(form, hidden(too_much)));
            good = false;
        } catch (const std::bad_alloc &) {
        }
        good = good && handler_calls == 3;
        handler_calls = 0;
        std::set_new_handler(handler_that_gives_up);
        good = good && hidden(nothrow_form(form, hidden(too_much))) == nullptr;
        good = good && handler_calls == 3;
    }
    check(good, "new_handler is called until there is none");
    handler_calls = 0;
    std::set_new_handler(handler_that_throws);
    for (int form = 0; form < 4; form++) {
        try {
            hidden(throwing_form(form, hidden(too_much)));
            good = false;
        } catch (const std::bad_alloc &) {
        }
    }
    check(good && handler_calls == 4, "new_handler that throws, throwing forms");
    for (int i = 0; i < 100; i++) {
        for (int form = 0; form < 4; form++) {
            good = good && hidden(nothrow_form(form, hidden(too_much))) == nullptr;
        }
    }
    check(good && handler_calls == 404, "new_handler that throws, nothrow forms");
    std::set_new_handler(handler_that_throws_other);
    handler_calls = 0;
    for (int form = 0; form < 4; form++) {
        try {
            hidden(throwing_form(form, hidden(too_much)));
        } catch (int value) {
            handler_calls += value == 4711;
        }
        good = good && hidden(nothrow_form(form, hidden(too_much))) == nullptr;
    }
    check(good && handler_calls == 12, "new_handler that throws an int");
    std::set_new_handler(nullptr);
}

struct alignas(128) wide {
    char bytes[300];
};

void
library_types()
{
    std::vector<std::thread> threads;
    std::vector<std::size_t> sums(4);
    for (std::size_t t = 0; t < sums.size(); t++) {
        threads.emplace_back([t, &sums] {
            std::vector<std::string> words;
            std::vector<wide> wides(100);
            for (int i = 0; i < 10000; i++) {
                words.push_back(std::string(std::size_t(i % 100), char('a' + i % 26)));
            }
            for (const std::string &w : words) {
                sums[t] += w.size();
            }
            sums[t] += reinterpret_cast<std::uintptr_t>(wides.data()) % 128;
        });
    }
    std::size_t sum = 0;
    for (std::size_t t = 0; t < sums.size(); t++) {
        threads[t].join();
        sum += sums[t];
    }
    check(sum == 4 * 495000, "strings and vectors in four threads");
}

} // namespace

int
main()
{
    plain_forms();
    aligned_forms();
    null_forms();
    bad_alloc_is_thrown();
    handlers_are_called();
    library_types();
    return failures != 0;
}
