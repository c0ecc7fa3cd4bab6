// SPDX-License-Identifier: MIT
//
// C++'s operator new and delete, all twenty forms, written in C under their mangled names so that
// libapex needs no C++ runtime. Where the program has one, failure is reported through it: the
// new_handler is called and std::bad_alloc thrown, exactly as the standard says.
//
// A program may replace any form. What the standard lets the library's other forms rely on is kept:
// they call through the replaceable symbol, never past it. So a program that brings its own
// operator new(size_t) and operator delete(void *) also gets its new[] and sized delete served by
// those two. For that the linker must leave references to operators open (--dynamic-list-cpp-new),
// and all forms are weak, so that a static program's own ones win.
//
//   new[] -> new     new(nothrow) -> new     new[](nothrow) -> new[]     the same with align_val_t
//   delete[] -> delete     (sized), (nothrow) -> the form without
//
// Any thread, any time. Compiled with -fexceptions: exceptions of a new_handler pass through.

#include "apex.h"
#include "base/bits.h"
#include "base/compiler.h"
#include "base/fault.h"
#include "base/profile.h"
#include "os/os_symbol.h"
#if PROFILE_TYPES
#include "front/sealed.h"
#endif

#include <stdbool.h>
#include <stdlib.h>
#include <unwind.h>

// What operator new needs of the C++ runtime to report failure.
typedef void new_handler(void);

struct runtime {
    void (*throw_bad_alloc)(void);
    new_handler *(*get_new_handler)(void);
    void *(*begin_catch)(void *exception);
    void (*end_catch)(void);
    __typeof__(_Unwind_SetGR) *set_register;
    __typeof__(_Unwind_SetIP) *set_address;
    __typeof__(_Unwind_GetLanguageSpecificData) *language_data;
};

// In a shared library the C++ runtime is a guest: it may come later, in a library that a C program
// opens, or not at all; it is looked for when it is needed. In libapex.a this file is an object of
// its own, which the linker takes only for programs that use operator new and hence have a runtime,
// and only references make it fetch these functions from there. Being apart, it can then use
// nothing of libapex but apex.h.
#ifdef APEX_STATIC
extern void bad_alloc_throw(void) __asm__("_ZSt17__throw_bad_allocv");
extern new_handler *new_handler_get(void) __asm__("_ZSt15get_new_handlerv");
extern void *catch_begin(void *exception) __asm__("__cxa_begin_catch");
extern void catch_end(void) __asm__("__cxa_end_catch");

static bool
runtime_find(struct runtime *out)
{
    *out = (struct runtime){bad_alloc_throw, new_handler_get, catch_begin,
                            catch_end, _Unwind_SetGR, _Unwind_SetIP,
                            _Unwind_GetLanguageSpecificData};
    return true;
}

static void
runtime_missing(void)
{
}
#else
#define FIND(field, name) \
    ((out->field = (__typeof__(out->field))os_symbol_find(name)) != NULL)

static bool
runtime_find(struct runtime *out)
{
    return FIND(throw_bad_alloc, "_ZSt17__throw_bad_allocv") &&
           FIND(get_new_handler, "_ZSt15get_new_handlerv") &&
           FIND(begin_catch, "__cxa_begin_catch") && FIND(end_catch, "__cxa_end_catch") &&
           FIND(set_register, "_Unwind_SetGR") && FIND(set_address, "_Unwind_SetIP") &&
           FIND(language_data, "_Unwind_GetLanguageSpecificData");
}

static void
runtime_missing(void)
{
    fault_warn("out of memory in operator new, and the program has no C++ runtime to tell");
}
#endif

#define OPERATOR(name) __asm__(name) __attribute__((weak, visibility("default")))

struct nothrow;

void *op_new(size_t size) OPERATOR("_Znwm");
void *op_new_array(size_t size) OPERATOR("_Znam");
void *op_new_nothrow(size_t size, const struct nothrow *) OPERATOR("_ZnwmRKSt9nothrow_t");
void *op_new_array_nothrow(size_t size, const struct nothrow *) OPERATOR("_ZnamRKSt9nothrow_t");
void *op_new_aligned(size_t size, size_t align) OPERATOR("_ZnwmSt11align_val_t");
void *op_new_array_aligned(size_t size, size_t align) OPERATOR("_ZnamSt11align_val_t");
void *op_new_aligned_nothrow(size_t size, size_t align, const struct nothrow *)
        OPERATOR("_ZnwmSt11align_val_tRKSt9nothrow_t");
void *op_new_array_aligned_nothrow(size_t size, size_t align, const struct nothrow *)
        OPERATOR("_ZnamSt11align_val_tRKSt9nothrow_t");

void op_delete(void *ptr) OPERATOR("_ZdlPv");
void op_delete_array(void *ptr) OPERATOR("_ZdaPv");
void op_delete_sized(void *ptr, size_t size) OPERATOR("_ZdlPvm");
void op_delete_array_sized(void *ptr, size_t size) OPERATOR("_ZdaPvm");
void op_delete_nothrow(void *ptr, const struct nothrow *) OPERATOR("_ZdlPvRKSt9nothrow_t");
void op_delete_array_nothrow(void *ptr, const struct nothrow *) OPERATOR("_ZdaPvRKSt9nothrow_t");
void op_delete_aligned(void *ptr, size_t align) OPERATOR("_ZdlPvSt11align_val_t");
void op_delete_array_aligned(void *ptr, size_t align) OPERATOR("_ZdaPvSt11align_val_t");
void op_delete_sized_aligned(void *ptr, size_t size, size_t align)
        OPERATOR("_ZdlPvmSt11align_val_t");
void op_delete_array_sized_aligned(void *ptr, size_t size, size_t align)
        OPERATOR("_ZdaPvmSt11align_val_t");
void op_delete_aligned_nothrow(void *ptr, size_t align, const struct nothrow *)
        OPERATOR("_ZdlPvSt11align_val_tRKSt9nothrow_t");
void op_delete_array_aligned_nothrow(void *ptr, size_t align, const struct nothrow *)
        OPERATOR("_ZdaPvSt11align_val_tRKSt9nothrow_t");

// Second names of our own forms: equal to the public ones unless the program has replaced those.
#define MINE(name) __attribute__((alias(name), visibility("hidden")))
extern __typeof__(op_new) mine_new MINE("_Znwm");
extern __typeof__(op_new_array) mine_array MINE("_Znam");
extern __typeof__(op_new_aligned) mine_aligned MINE("_ZnwmSt11align_val_t");
extern __typeof__(op_new_array_aligned) mine_array_aligned MINE("_ZnamSt11align_val_t");
extern __typeof__(op_delete) mine_delete MINE("_ZdlPv");
extern __typeof__(op_delete_array) mine_delete_array MINE("_ZdaPv");
extern __typeof__(op_delete_aligned) mine_delete_aligned MINE("_ZdlPvSt11align_val_t");
extern __typeof__(op_delete_array_aligned) mine_delete_array_aligned
        MINE("_ZdaPvSt11align_val_t");

// Where all forms lead in the end. `align` 1: that of malloc. In the hardened library each object
// remembers whether it came from new or from new[]; so there a form of ours calls another of ours
// directly, where both are, and says which it is.
#define ANY_SIZE SIZE_MAX

#if PROFILE_TYPES
static void *
typed_alloc(size_t size, size_t align, bool array)
{
    enum seal_kind kind = array ? SEAL_NEW_ARRAY : SEAL_NEW;

    if (align == 1) {
        return sealed_alloc(size, kind);
    }
    return bits_is_pow2(align) ? sealed_aligned(size, align, kind) : NULL;
}

static void
typed_free(void *ptr, size_t size, bool array)
{
    enum seal_kind kind = array ? SEAL_NEW_ARRAY : SEAL_NEW;
    sealed_free(ptr, (struct seal_claim){.kind = kind, .size = size});
}
#else
FAST void *
typed_alloc(size_t size, size_t align, bool array)
{
    (void)array;
    return align == 1 ? apex_malloc(size) : apex_aligned_alloc(align, size);
}

FAST void
typed_free(void *ptr, size_t size, bool array)
{
    (void)size;
    (void)array;
    apex_free(ptr);
}
#endif

// An allocation that failed once: asks the program for memory until it has none to give.
static SLOW void *
new_retry(size_t size, size_t align, bool array)
{
    struct runtime runtime;

    if (!runtime_find(&runtime)) {
        runtime_missing();
        abort();
    }
    while (bits_is_pow2(align)) { // for any other alignment no memory will do
        new_handler *handler = runtime.get_new_handler();
        if (handler == NULL) {
            break;
        }
        handler();
        void *ptr = typed_alloc(size, align, array);
        if (ptr != NULL) {
            return ptr;
        }
    }
    runtime.throw_bad_alloc();
    abort(); // it does not return
}

void *
op_new(size_t size)
{
    void *ptr = typed_alloc(size, 1, false);
    return likely(ptr != NULL) ? ptr : new_retry(size, 1, false);
}

void *
op_new_aligned(size_t size, size_t align)
{
    void *ptr = typed_alloc(size, align, false);
    return likely(ptr != NULL) ? ptr : new_retry(size, align, false);
}

void *
op_new_array(size_t size)
{
    if (PROFILE_TYPES && op_new == mine_new) {
        void *ptr = typed_alloc(size, 1, true);
        return likely(ptr != NULL) ? ptr : new_retry(size, 1, true);
    }
    return op_new(size);
}

void *
op_new_array_aligned(size_t size, size_t align)
{
    if (PROFILE_TYPES && op_new_aligned == mine_aligned) {
        void *ptr = typed_alloc(size, align, true);
        return likely(ptr != NULL) ? ptr : new_retry(size, align, true);
    }
    return op_new_aligned(size, align);
}

// The nothrow forms are "the throwing form, and null if it throws". C cannot catch, so this is the
// one function of libapex in assembly: it calls function(size, align) and returns what that
// returns, or, when an exception comes out of it, ends the exception and returns NULL. Its
// personality routine below takes every exception; the language-specific data is nothing but the
// address to go on at.
typedef void *new_form(size_t size, size_t align);
void *new_catch(new_form *function, size_t size, size_t align)
        __attribute__((visibility("hidden")));
_Unwind_Reason_Code new_personality(int version, _Unwind_Action actions,
                                    _Unwind_Exception_Class cls,
                                    struct _Unwind_Exception *exception,
                                    struct _Unwind_Context *context)
        __attribute__((visibility("hidden"), used));
void new_swallow(void *exception) __attribute__((visibility("hidden"), used));

#define NEW_CATCH_HEAD                         \
    ".text\n"                                  \
    ".p2align 4\n"                             \
    ".globl new_catch\n"                       \
    ".hidden new_catch\n"                      \
    ".type new_catch, %function\n"             \
    "new_catch:\n"                             \
    ".cfi_startproc\n"                         \
    ".cfi_personality 0x1b, new_personality\n" \
    ".cfi_lsda 0x1b, .Lnew_caught\n"
#define NEW_CATCH_TAIL \
    ".cfi_endproc\n"   \
    ".size new_catch, . - new_catch\n"

#if defined(__x86_64__)
__asm__(NEW_CATCH_HEAD
        "    subq $8, %rsp\n"
        ".cfi_adjust_cfa_offset 8\n"
        "    movq %rdi, %rax\n"
        "    movq %rsi, %rdi\n"
        "    movq %rdx, %rsi\n"
        "    call *%rax\n"
        ".Lnew_return:\n"
        "    addq $8, %rsp\n"
        ".cfi_remember_state\n"
        ".cfi_adjust_cfa_offset -8\n"
        "    ret\n"
        ".Lnew_caught:\n"
        ".cfi_restore_state\n"
        "    movq %rax, %rdi\n"
        "    call new_swallow\n"
        "    xorl %eax, %eax\n"
        "    jmp .Lnew_return\n" NEW_CATCH_TAIL);
#elif defined(__aarch64__)
__asm__(NEW_CATCH_HEAD
        "    stp x29, x30, [sp, #-16]!\n"
        ".cfi_def_cfa_offset 16\n"
        ".cfi_offset 29, -16\n"
        ".cfi_offset 30, -8\n"
        "    mov x29, sp\n"
        "    mov x3, x0\n"
        "    mov x0, x1\n"
        "    mov x1, x2\n"
        "    blr x3\n"
        ".Lnew_return:\n"
        "    ldp x29, x30, [sp], #16\n"
        ".cfi_remember_state\n"
        ".cfi_def_cfa_offset 0\n"
        ".cfi_restore 29\n"
        ".cfi_restore 30\n"
        "    ret\n"
        ".Lnew_caught:\n"
        ".cfi_restore_state\n"
        "    bl new_swallow\n"
        "    mov x0, #0\n"
        "    b .Lnew_return\n" NEW_CATCH_TAIL);
#else
#error "new_catch is written for x86-64 and AArch64"
#endif

_Unwind_Reason_Code
new_personality(int version, _Unwind_Action actions, _Unwind_Exception_Class cls,
                struct _Unwind_Exception *exception, struct _Unwind_Context *context)
{
    struct runtime runtime;

    (void)version;
    (void)cls;
    if (actions & _UA_FORCE_UNWIND) {
        return _URC_CONTINUE_UNWIND; // a thread that is cancelled: not to be caught
    }
    if (!runtime_find(&runtime)) {
        return _URC_CONTINUE_UNWIND; // who throws, then?
    }
    if (actions & _UA_SEARCH_PHASE) {
        return _URC_HANDLER_FOUND;
    }
    runtime.set_register(context, __builtin_eh_return_data_regno(0),
                         (_Unwind_Word)(uintptr_t)exception);
    runtime.set_address(context, (_Unwind_Ptr)(uintptr_t)runtime.language_data(context));
    return _URC_INSTALL_CONTEXT;
}

void
new_swallow(void *exception)
{
    struct runtime runtime;

    if (runtime_find(&runtime)) {
        runtime.begin_catch(exception);
        runtime.end_catch();
    }
}

static void *
form_new(size_t size, size_t align)
{
    (void)align;
    return op_new(size);
}

static void *
form_array(size_t size, size_t align)
{
    (void)align;
    return op_new_array(size);
}

static SLOW void *
new_nothrow(new_form *form, bool mine, size_t size, size_t align)
{
    struct runtime runtime;

    if (runtime_find(&runtime)) {
        return new_catch(form, size, align);
    }
    // No runtime: nobody can have set a handler, and our throwing form would abort.
    return mine ? NULL : form(size, align);
}

void *
op_new_nothrow(size_t size, const struct nothrow *tag)
{
    bool mine = op_new == mine_new;
    void *ptr = likely(mine) ? typed_alloc(size, 1, false) : NULL;

    (void)tag;
    return likely(ptr != NULL) ? ptr : new_nothrow(form_new, mine, size, 1);
}

void *
op_new_array_nothrow(size_t size, const struct nothrow *tag)
{
    bool mine = op_new_array == mine_array && op_new == mine_new;
    void *ptr = likely(mine) ? typed_alloc(size, 1, true) : NULL;

    (void)tag;
    return likely(ptr != NULL) ? ptr : new_nothrow(form_array, mine, size, 1);
}

void *
op_new_aligned_nothrow(size_t size, size_t align, const struct nothrow *tag)
{
    bool mine = op_new_aligned == mine_aligned;
    void *ptr = likely(mine) ? typed_alloc(size, align, false) : NULL;

    (void)tag;
    return likely(ptr != NULL) ? ptr : new_nothrow(op_new_aligned, mine, size, align);
}

void *
op_new_array_aligned_nothrow(size_t size, size_t align, const struct nothrow *tag)
{
    bool mine = op_new_array_aligned == mine_array_aligned && op_new_aligned == mine_aligned;
    void *ptr = likely(mine) ? typed_alloc(size, align, true) : NULL;

    (void)tag;
    return likely(ptr != NULL) ? ptr : new_nothrow(op_new_array_aligned, mine, size, align);
}

void
op_delete(void *ptr)
{
    typed_free(ptr, ANY_SIZE, false);
}

void
op_delete_sized(void *ptr, size_t size)
{
    if (PROFILE_TYPES && op_delete == mine_delete) {
        typed_free(ptr, size, false);
    } else {
        op_delete(ptr);
    }
}

void
op_delete_nothrow(void *ptr, const struct nothrow *tag)
{
    (void)tag;
    op_delete(ptr);
}

void
op_delete_array(void *ptr)
{
    if (PROFILE_TYPES && op_delete == mine_delete) {
        typed_free(ptr, ANY_SIZE, true);
    } else {
        op_delete(ptr);
    }
}

void
op_delete_array_sized(void *ptr, size_t size)
{
    if (PROFILE_TYPES && op_delete_array == mine_delete_array && op_delete == mine_delete) {
        typed_free(ptr, size, true);
    } else {
        op_delete_array(ptr);
    }
}

void
op_delete_array_nothrow(void *ptr, const struct nothrow *tag)
{
    (void)tag;
    op_delete_array(ptr);
}

void
op_delete_aligned(void *ptr, size_t align)
{
    (void)align;
    typed_free(ptr, ANY_SIZE, false);
}

void
op_delete_sized_aligned(void *ptr, size_t size, size_t align)
{
    if (PROFILE_TYPES && op_delete_aligned == mine_delete_aligned) {
        typed_free(ptr, size, false);
    } else {
        op_delete_aligned(ptr, align);
    }
}

void
op_delete_aligned_nothrow(void *ptr, size_t align, const struct nothrow *tag)
{
    (void)tag;
    op_delete_aligned(ptr, align);
}

void
op_delete_array_aligned(void *ptr, size_t align)
{
    if (PROFILE_TYPES && op_delete_aligned == mine_delete_aligned) {
        typed_free(ptr, ANY_SIZE, true);
    } else {
        op_delete_aligned(ptr, align);
    }
}

void
op_delete_array_sized_aligned(void *ptr, size_t size, size_t align)
{
    if (PROFILE_TYPES && op_delete_array_aligned == mine_delete_array_aligned &&
        op_delete_aligned == mine_delete_aligned) {
        typed_free(ptr, size, true);
    } else {
        op_delete_array_aligned(ptr, align);
    }
}

void
op_delete_array_aligned_nothrow(void *ptr, size_t align, const struct nothrow *tag)
{
    (void)tag;
    op_delete_array_aligned(ptr, align);
}
