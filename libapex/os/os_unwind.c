// SPDX-License-Identifier: MIT
//
// Reads .eh_frame_hdr and .eh_frame of one's own process; see os_unwind.h. Words of the format:
//
//   FDE   what holds for one function; found by binary search in the index
//   CIE   what many FDEs have in common
//   CFA   the value of the stack pointer before the call: all that was saved lies below it
//   rule  where a register of the caller is to be found
//
// What is not understood ends the stack there: a short one is better than a wrong one.

#define _GNU_SOURCE

#include "os/os_unwind.h"

#include "base/atomic.h"
#include "base/bits.h"
#include "base/compiler.h"
#include "os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) && defined(DLFO_STRUCT_HAS_EH_DBASE)
#define UNWIND_KNOWN 1
#define REGISTERS 17
#define REGISTER_FP 6
#define REGISTER_SP 7
#define REGISTER_RA 16
#define KEPT {3, 6, 12, 13, 14, 15, REGISTER_RA}
#define KEPT_COUNT 7
#elif defined(__aarch64__) && defined(DLFO_STRUCT_HAS_EH_DBASE)
#define UNWIND_KNOWN 1
#define REGISTERS 32
#define REGISTER_FP 29
#define REGISTER_SP 31
#define REGISTER_RA 30
#define KEPT {19, 20, 21, 22, 23, 24, 25, 26, 27, 28, REGISTER_FP, REGISTER_RA}
#define KEPT_COUNT 12
#else
#define UNWIND_KNOWN 0
#endif

#if UNWIND_KNOWN

#define REMEMBERED_MAX 4           // DW_CFA_remember_state inside each other
#define INDEX_ENCODINGS 0x3b03     // sorted table of 32-bit offsets, 32-bit count
#define MEMO_COUNT 1024          // addresses whose rules are remembered
#define FRAME_BYTES_MAX (1u << 20) // of one frame that only a frame pointer describes

// A loader that is older than 2.35 has no such function, and then there are no stacks.
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

enum rule_kind { RULE_SAME = 0, RULE_SAVED, RULE_UNDEFINED, RULE_UNKNOWN };

struct rule {
    int32_t offset; // RULE_SAVED: from the CFA
    uint32_t kind;
};

struct rules {
    struct rule reg[REGISTERS];
    uint32_t cfa_reg;
    int64_t cfa_offset;
    const uint8_t *cfa_expression; // NULL: register and offset
    uint64_t cfa_expression_bytes;
};

// The rules of one address, when they are as simple as most are: the CFA by a register, and other
// registers that a call keeps in words below it.
struct brief {
    uintptr_t pc;
    const void *object; // by its tables: what is loaded at an address may change
    int32_t cfa_offset;
    uint8_t cfa_reg;
    bool signal;
    uint16_t saved;             // a bit for each of those below
    int16_t place[KEPT_COUNT];  // in words from the CFA
};

#define BRIEF_WORDS ((sizeof(struct brief) + 7) / 8)

struct memo {
    uint64_t turn; // odd while it is written; 0: nothing was yet
    uint64_t word[BRIEF_WORDS];
};

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool bad;
};

struct cie {
    uint64_t code_align;
    int64_t data_align;
    uint64_t ra;
    uint8_t encoding; // of addresses in its FDEs
    bool augmented;
    bool signal;
    struct cursor program;
};

struct walk {
    uintptr_t pc;
    uintptr_t reg[REGISTERS];
    uintptr_t page; // last one that was found readable
    bool exact;     // pc is an instruction to come, not one behind a call
};

// --- Reading -------------------------------------------------------------------------------------

static uint64_t
unwind_fixed(struct cursor *c, unsigned bytes)
{
    uint64_t value = 0;

    if (c->bad || (size_t)(c->end - c->at) < bytes) {
        c->bad = true;
        return 0;
    }
    memcpy(&value, c->at, bytes);
    c->at += bytes;
    return value;
}

static uint64_t
unwind_uleb(struct cursor *c)
{
    uint64_t value = 0;
    uint8_t byte;
    unsigned shift = 0;

    do {
        byte = (uint8_t)unwind_fixed(c, 1);
        value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
        shift += 7;
    } while ((byte & 0x80) != 0 && !c->bad);
    return value;
}

static int64_t
unwind_sleb(struct cursor *c)
{
    const uint8_t *first = c->at;
    uint64_t value = unwind_uleb(c);
    unsigned bits = 7 * (unsigned)(c->at - first);

    // The last byte's bit 6 is the sign.
    if (!c->bad && bits < 64 && (c->at[-1] & 0x40) != 0) {
        value |= ~UINT64_C(0) << bits;
    }
    return (int64_t)value;
}

// An address as DW_EH_PE_… encodes it; relative to where it stands, or as it is.
static uintptr_t
unwind_address(struct cursor *c, uint8_t encoding)
{
    uintptr_t base = (encoding & 0x70) == 0x10 ? (uintptr_t)c->at : 0;

    c->bad |= (encoding & 0x70) != 0x10 && (encoding & 0x70) != 0;
    switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
        return base + unwind_fixed(c, 8);
    case 0x03:
        return base + unwind_fixed(c, 4);
    case 0x0b:
        return base + (uintptr_t)(int64_t)(int32_t)unwind_fixed(c, 4);
    default:
        c->bad = true;
        return 0;
    }
}

// A return address without its signature.
static uintptr_t
unwind_stripped(uintptr_t ra)
{
#if defined(__aarch64__)
    return ra & ((UINT64_C(1) << 48) - 1);
#else
    return ra;
#endif
}

// Reads a word of the stack, when its page can be read. The kernel copies a signal set from where
// it is told before it looks at what is to be done with it, which here is nothing: EFAULT or
// EINVAL. (The trick is Abseil's.)
static bool
unwind_read(struct walk *w, uintptr_t address, uintptr_t *out)
{
    uintptr_t page = address & ~(uintptr_t)(os_page_bytes() - 1);

    if (address % sizeof *out != 0) {
        return false;
    }
    if (page != w->page) {
        int saved = errno;
        long result = syscall(SYS_rt_sigprocmask, -1, address, NULL, 8L);
        bool readable = result == -1 && errno == EINVAL;
        errno = saved;
        if (!readable) {
            return false;
        }
        w->page = page;
    }
    *out = *(const uintptr_t *)address;
    return true;
}

// --- Tables --------------------------------------------------------------------------------------

// A record and its contents, behind its length. False: the end, or one of more than 4 GiB.
static bool
unwind_record(const uint8_t *at, struct cursor *c)
{
    uint32_t bytes;

    memcpy(&bytes, at, sizeof bytes);
    *c = (struct cursor){at + sizeof bytes, at + sizeof bytes + bytes, false};
    return bytes != 0 && bytes != UINT32_MAX;
}

static bool
unwind_cie(const uint8_t *at, struct cie *out)
{
    struct cursor c;

    *out = (struct cie){.encoding = 0};
    if (!unwind_record(at, &c) || unwind_fixed(&c, 4) != 0) {
        return false;
    }
    uint64_t version = unwind_fixed(&c, 1);
    const char *augmentation = (const char *)c.at;
    while (unwind_fixed(&c, 1) != 0) {
    }
    out->code_align = unwind_uleb(&c);
    out->data_align = unwind_sleb(&c);
    out->ra = version == 1 ? unwind_fixed(&c, 1) : unwind_uleb(&c);
    if (augmentation[0] == 'z') {
        out->augmented = true;
        uint64_t bytes = unwind_uleb(&c);
        struct cursor data = {c.at, c.at + bytes, false};
        c.at += bytes;
        for (const char *a = augmentation + 1; *a != '\0'; a++) {
            if (*a == 'R') {
                out->encoding = (uint8_t)unwind_fixed(&data, 1);
            } else if (*a == 'P') {
                uint8_t encoding = (uint8_t)unwind_fixed(&data, 1);
                unwind_address(&data, encoding & 0x0f);
            } else if (*a == 'L') {
                unwind_fixed(&data, 1);
            }
            out->signal |= *a == 'S';
        }
        c.bad |= data.bad;
    } else if (augmentation[0] != '\0') {
        return false;
    }
    out->program = c;
    return !c.bad && c.at <= c.end && (version == 1 || version == 3) && out->ra == REGISTER_RA;
}

// The FDE of `pc` by the index of its object: the last function that begins at or before it.
static const uint8_t *
unwind_search(const uint8_t *index, uintptr_t pc)
{
    struct cursor c = {index, index + 12, false};
    uint64_t version = unwind_fixed(&c, 1);
    uint64_t frame_encoding = unwind_fixed(&c, 1);
    uint64_t encodings = unwind_fixed(&c, 2);
    unwind_fixed(&c, 4);
    uint64_t count = unwind_fixed(&c, 4);
    const int32_t *table = (const int32_t *)(const void *)c.at;
    int64_t wanted = (int64_t)(pc - (uintptr_t)index);
    uint64_t low = 0;
    uint64_t high = count;

    if (version != 1 || encodings != INDEX_ENCODINGS || (frame_encoding & 0x0f) != 0x0b) {
        return NULL;
    }
    while (low < high) {
        uint64_t middle = (low + high) / 2;
        if (table[2 * middle] <= wanted) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low == 0 ? NULL : index + table[2 * (low - 1) + 1];
}

// --- The program of rules ------------------------------------------------------------------------

static void
unwind_set(struct rules *r, uint64_t reg, enum rule_kind kind, int64_t offset)
{
    if (reg < REGISTERS) {
        r->reg[reg] = (struct rule){(int32_t)offset, kind};
    }
}

static void
unwind_block(struct cursor *c, const uint8_t **at, uint64_t *bytes)
{
    *bytes = unwind_uleb(c);
    *at = c->at;
    if (c->bad || (uint64_t)(c->end - c->at) < *bytes) {
        c->bad = true;
        return;
    }
    c->at += *bytes;
}

static void
unwind_set_cfa(struct rules *r, uint64_t reg, int64_t offset)
{
    r->cfa_reg = (uint32_t)reg;
    r->cfa_offset = offset;
    r->cfa_expression = NULL;
}

// The operations that have no operand in their first byte, but for those that move on, remember
// and restore.
static void
unwind_rule(struct cursor *c, const struct cie *cie, uint8_t op, struct rules *r)
{
    const uint8_t *unused;
    uint64_t bytes;
    uint64_t reg = op == 0x00 || op == 0x0e || op == 0x0f || op == 0x13 || op == 0x2d || op == 0x2e
                       ? 0
                       : unwind_uleb(c);

    switch (op) {
    case 0x00: // nop
    case 0x2d: // AArch64: the return address is signed, or no longer
        break;
    case 0x05: // offset_extended
        unwind_set(r, reg, RULE_SAVED, (int64_t)unwind_uleb(c) * cie->data_align);
        break;
    case 0x11: // offset_extended_sf
        unwind_set(r, reg, RULE_SAVED, unwind_sleb(c) * cie->data_align);
        break;
    case 0x07: // undefined
        unwind_set(r, reg, RULE_UNDEFINED, 0);
        break;
    case 0x08: // same_value
        unwind_set(r, reg, RULE_SAME, 0);
        break;
    case 0x09: // register
        unwind_uleb(c);
        unwind_set(r, reg, RULE_UNKNOWN, 0);
        break;
    case 0x10: // expression
    case 0x16: // val_expression
        unwind_block(c, &unused, &bytes);
        unwind_set(r, reg, RULE_UNKNOWN, 0);
        break;
    case 0x0c: // def_cfa
        unwind_set_cfa(r, reg, (int64_t)unwind_uleb(c));
        break;
    case 0x12: // def_cfa_sf
        unwind_set_cfa(r, reg, unwind_sleb(c) * cie->data_align);
        break;
    case 0x0d: // def_cfa_register
        unwind_set_cfa(r, reg, r->cfa_offset);
        break;
    case 0x0e: // def_cfa_offset
        r->cfa_offset = (int64_t)unwind_uleb(c);
        break;
    case 0x13: // def_cfa_offset_sf
        r->cfa_offset = unwind_sleb(c) * cie->data_align;
        break;
    case 0x0f: // def_cfa_expression
        unwind_block(c, &r->cfa_expression, &r->cfa_expression_bytes);
        break;
    case 0x2e: // GNU_args_size
        unwind_uleb(c);
        break;
    default:
        c->bad = true;
    }
}

// By how much an operation moves on; 0 when it is another one.
static uint64_t
unwind_advance(struct cursor *c, uint8_t op)
{
    return (op & 0xc0) == 0x40 ? op & 0x3fu
           : op >= 0x02 && op <= 0x04 ? unwind_fixed(c, 1u << (op - 0x02)) : 0;
}

// Runs a program up to `pc`. `initial`: the rules after the CIE's own program.
static bool
unwind_run(struct cursor c, const struct cie *cie, uintptr_t begin, uintptr_t pc,
           const struct rules *initial, struct rules *r)
{
    struct rules remembered[REMEMBERED_MAX];
    unsigned depth = 0;
    uintptr_t at = begin;

    while (c.at < c.end && !c.bad) {
        uint8_t op = (uint8_t)unwind_fixed(&c, 1);
        uint8_t low = op & 0x3f;
        if ((op & 0xc0) == 0x40 || (op >= 0x02 && op <= 0x04)) {
            at += unwind_advance(&c, op) * cie->code_align;
            if (at > pc) {
                return true;
            }
        } else if ((op & 0xc0) == 0x80) {
            unwind_set(r, low, RULE_SAVED, (int64_t)unwind_uleb(&c) * cie->data_align);
        } else if ((op & 0xc0) == 0xc0 || op == 0x06) {
            uint64_t reg = op == 0x06 ? unwind_uleb(&c) : low;
            c.bad |= reg >= REGISTERS;
            if (!c.bad) {
                r->reg[reg] = initial->reg[reg];
            }
        } else if (op == 0x0a && depth < REMEMBERED_MAX) {
            remembered[depth++] = *r;
        } else if (op == 0x0b && depth > 0) {
            *r = remembered[--depth];
        } else if (op == 0x01) {
            at = unwind_address(&c, cie->encoding);
            if (at > pc) {
                return !c.bad;
            }
        } else {
            unwind_rule(&c, cie, op, r);
        }
    }
    return !c.bad;
}

// The rules that hold at `pc`. `signal`: the frame is that of a signal handler's return.
static bool
unwind_rules(const uint8_t *fde, uintptr_t pc, struct rules *r, bool *signal)
{
    struct cursor c;
    struct cie cie;
    struct rules initial = {.cfa_reg = REGISTER_SP};

    if (!unwind_record(fde, &c)) {
        return false;
    }
    const uint8_t *field = c.at;
    uint64_t distance = unwind_fixed(&c, 4);
    if (distance == 0 || !unwind_cie(field - distance, &cie)) {
        return false;
    }
    uintptr_t begin = unwind_address(&c, cie.encoding);
    uintptr_t bytes = unwind_address(&c, cie.encoding & 0x0f);
    if (cie.augmented) {
        c.at += unwind_uleb(&c);
    }
    if (c.bad || c.at > c.end || pc < begin || pc - begin >= bytes) {
        return false;
    }
    *signal = cie.signal;
    if (!unwind_run(cie.program, &cie, 0, UINTPTR_MAX, &initial, &initial)) {
        return false;
    }
    *r = initial;
    return unwind_run(c, &cie, begin, pc, &initial, r);
}

// --- What is remembered --------------------------------------------------------------------------
//
// Running the program of rules takes some thousand instructions for a frame, and a program
// allocates at few places. So brief rules are kept, each in the one place that its address has, by
// a sequence lock: who finds a place being written goes on without it, and nobody waits.

static struct memo memos[MEMO_COUNT];
static const uint8_t kept[KEPT_COUNT] = KEPT;

static struct memo *
unwind_memo(uintptr_t pc)
{
    uint64_t product = (uint64_t)pc * UINT64_C(0x9e3779b97f4a7c15); // as in policy/sampler.c
    return &memos[product >> (64 - bits_log2(MEMO_COUNT))];
}

static bool
unwind_recall(uintptr_t pc, const void *object, struct brief *out)
{
    struct memo *memo = unwind_memo(pc);
    uint64_t word[BRIEF_WORDS];
    uint64_t turn = load_acquire(&memo->turn); // pairs: unwind_remember

    for (unsigned i = 0; i < BRIEF_WORDS; i++) {
        word[i] = load_relaxed(&memo->word[i]);
    }
    fence_acquire();
    if (turn % 2 != 0 || load_relaxed(&memo->turn) != turn) {
        return false;
    }
    memcpy(out, word, sizeof *out);
    return out->pc == pc && out->object == object;
}

static void
unwind_remember(const struct brief *brief)
{
    struct memo *memo = unwind_memo(brief->pc);
    uint64_t word[BRIEF_WORDS] = {0};
    uint64_t turn = load_relaxed(&memo->turn);

    // Pairs with the fence in unwind_recall: who reads a word of these sees the turn odd, or later.
    if (turn % 2 != 0 || !cas_strong_acquire(&memo->turn, &turn, turn + 1)) {
        return; // somebody else writes there
    }
    fence_full();
    memcpy(word, brief, sizeof *brief);
    for (unsigned i = 0; i < BRIEF_WORDS; i++) {
        store_relaxed(&memo->word[i], word[i]);
    }
    store_release(&memo->turn, turn + 2); // pairs with the acquire in unwind_recall
}

// False when the rules are not of the brief kind.
static bool
unwind_abridge(const struct rules *r, struct brief *out)
{
    if (r->cfa_expression != NULL || r->cfa_reg >= REGISTERS || r->cfa_offset > INT32_MAX ||
        r->cfa_offset < INT32_MIN || r->reg[REGISTER_RA].kind >= RULE_UNDEFINED) {
        return false;
    }
    out->cfa_offset = (int32_t)r->cfa_offset;
    out->cfa_reg = (uint8_t)r->cfa_reg;
    out->saved = 0;
    for (unsigned i = 0; i < KEPT_COUNT; i++) {
        const struct rule *rule = &r->reg[kept[i]];
        int32_t words = rule->offset / (int32_t)sizeof(uintptr_t);
        if (rule->kind != RULE_SAVED) {
            continue;
        }
        if (rule->offset % (int32_t)sizeof(uintptr_t) != 0 || words != (int16_t)words) {
            return false;
        }
        out->saved |= (uint16_t)(1u << i);
        out->place[i] = (int16_t)words;
    }
    return true;
}

static bool
unwind_apply_brief(struct walk *w, const struct brief *b)
{
    uintptr_t cfa = w->reg[b->cfa_reg] + (uintptr_t)(intptr_t)b->cfa_offset;

    if (cfa < w->reg[REGISTER_SP]) {
        return false;
    }
    for (unsigned left = b->saved; left != 0; left &= left - 1) {
        unsigned i = (unsigned)__builtin_ctz(left);
        uintptr_t at = cfa + (uintptr_t)(intptr_t)b->place[i] * sizeof at;
        if (!unwind_read(w, at, &w->reg[kept[i]])) {
            return false;
        }
    }
    w->reg[REGISTER_SP] = cfa;
    w->pc = unwind_stripped(w->reg[REGISTER_RA]);
    w->exact = b->signal;
    return w->pc != 0;
}

// --- From frame to frame -------------------------------------------------------------------------

// What a function that aligns its stack says of its CFA: the word at some register's distance.
static bool
unwind_cfa_expression(struct walk *w, const struct rules *r, uintptr_t *cfa)
{
    struct cursor c = {r->cfa_expression, r->cfa_expression + r->cfa_expression_bytes, false};
    bool any = false;

    *cfa = 0;
    while (c.at < c.end && !c.bad) {
        uint8_t op = (uint8_t)unwind_fixed(&c, 1);
        if (op >= 0x70 && op < 0x70 + REGISTERS && !any) { // breg
            *cfa = w->reg[op - 0x70] + (uintptr_t)unwind_sleb(&c);
            any = true;
        } else if (op == 0x06 && any) { // deref
            c.bad |= !unwind_read(w, *cfa, cfa);
        } else if (op == 0x23 && any) { // plus_uconst
            *cfa += unwind_uleb(&c);
        } else {
            c.bad = true;
        }
    }
    return any && !c.bad;
}

static bool
unwind_apply(struct walk *w, const struct rules *r)
{
    uintptr_t cfa;
    uintptr_t next[REGISTERS];

    if (r->cfa_expression != NULL) {
        if (!unwind_cfa_expression(w, r, &cfa)) {
            return false;
        }
    } else if (r->cfa_reg < REGISTERS) {
        cfa = w->reg[r->cfa_reg] + (uintptr_t)r->cfa_offset;
    } else {
        return false;
    }
    if (cfa < w->reg[REGISTER_SP]) {
        return false;
    }
    for (unsigned i = 0; i < REGISTERS; i++) {
        next[i] = w->reg[i];
        if (r->reg[i].kind == RULE_SAVED &&
            !unwind_read(w, cfa + (uintptr_t)(intptr_t)r->reg[i].offset, &next[i])) {
            return false;
        }
    }
    if (r->reg[REGISTER_RA].kind >= RULE_UNDEFINED) {
        return false; // where a thread begins
    }
    next[REGISTER_SP] = cfa;
    memcpy(w->reg, next, sizeof w->reg);
    w->pc = unwind_stripped(w->reg[REGISTER_RA]);
    return w->pc != 0;
}

// Code that no object describes.
static bool
unwind_by_frame_pointer(struct walk *w)
{
    uintptr_t fp = w->reg[REGISTER_FP];

    if (fp < w->reg[REGISTER_SP] || fp - w->reg[REGISTER_SP] > FRAME_BYTES_MAX ||
        !unwind_read(w, fp + sizeof fp, &w->pc) || !unwind_read(w, fp, &w->reg[REGISTER_FP])) {
        return false;
    }
    w->reg[REGISTER_SP] = fp + 2 * sizeof fp;
    w->reg[REGISTER_RA] = w->pc;
    return w->pc != 0;
}

static bool
unwind_step(struct walk *w)
{
    struct dl_find_object object;
    struct rules r;
    uintptr_t pc = w->exact ? w->pc : w->pc - 1;
    bool signal = false;

    w->exact = false;
    if (_dl_find_object((void *)pc, &object) != 0 || object.dlfo_eh_frame == NULL) {
        return unwind_by_frame_pointer(w);
    }
    struct brief brief;
    if (unwind_recall(pc, object.dlfo_eh_frame, &brief)) {
        return unwind_apply_brief(w, &brief);
    }
    const uint8_t *fde = unwind_search(object.dlfo_eh_frame, pc);
    if (fde == NULL || !unwind_rules(fde, pc, &r, &signal)) {
        return false;
    }
    brief = (struct brief){.pc = pc, .object = object.dlfo_eh_frame, .signal = signal};
    if (unwind_abridge(&r, &brief)) {
        unwind_remember(&brief);
    }
    w->exact = signal;
    return unwind_apply(w, &r);
}

// The registers of this very place; inlined, so that the tables of the caller describe it.
FAST void
unwind_here(struct walk *w)
{
    memset(w, 0, sizeof *w);
    w->exact = true;
#if defined(__x86_64__)
    __asm__ volatile("lea 0(%%rip), %%rax\n\t"
                     "movq %%rax, %[pc]\n\t"
                     "movq %%rbx, %[rbx]\n\t"
                     "movq %%rbp, %[rbp]\n\t"
                     "movq %%rsp, %[rsp]\n\t"
                     "movq %%r12, %[r12]\n\t"
                     "movq %%r13, %[r13]\n\t"
                     "movq %%r14, %[r14]\n\t"
                     "movq %%r15, %[r15]"
                     : [pc] "=m"(w->pc), [rbx] "=m"(w->reg[3]), [rbp] "=m"(w->reg[6]),
                       [rsp] "=m"(w->reg[7]), [r12] "=m"(w->reg[12]), [r13] "=m"(w->reg[13]),
                       [r14] "=m"(w->reg[14]), [r15] "=m"(w->reg[15])
                     :
                     : "rax", "memory");
#else
    __asm__ volatile("adr x9, .\n\t"
                     "str x9, [%[pc]]\n\t"
                     "stp x19, x20, [%[reg], #152]\n\t"
                     "stp x21, x22, [%[reg], #168]\n\t"
                     "stp x23, x24, [%[reg], #184]\n\t"
                     "stp x25, x26, [%[reg], #200]\n\t"
                     "stp x27, x28, [%[reg], #216]\n\t"
                     "stp x29, x30, [%[reg], #232]\n\t"
                     "mov x9, sp\n\t"
                     "str x9, [%[reg], #248]"
                     :
                     : [pc] "r"(&w->pc), [reg] "r"(w->reg)
                     : "x9", "memory");
#endif
}

// Where libapex lies, when it is an object of its own and not part of the program.
static void
unwind_own(uintptr_t pc, uintptr_t *first, uintptr_t *end)
{
    struct dl_find_object object;

    *first = 0;
    *end = 0;
    if (_dl_find_object((void *)pc, &object) == 0 && object.dlfo_link_map != NULL &&
        object.dlfo_link_map->l_name != NULL && object.dlfo_link_map->l_name[0] != '\0') {
        *first = (uintptr_t)object.dlfo_map_start;
        *end = (uintptr_t)object.dlfo_map_end;
    }
}

APART unsigned
os_unwind(uintptr_t *pc, unsigned max)
{
    struct walk w;
    uintptr_t first;
    uintptr_t end;
    unsigned count = 0;

    if (_dl_find_object == NULL) {
        return 0;
    }
    unwind_here(&w);
    unwind_own(w.pc, &first, &end);
    for (unsigned i = 0; i < OS_UNWIND_MAX && count < max && unwind_step(&w); i++) {
        if (w.pc < first || w.pc >= end) {
            pc[count++] = w.pc;
        }
    }
    return count;
}

#else

unsigned
os_unwind(uintptr_t *pc, unsigned max)
{
    (void)pc;
    (void)max;
    return 0;
}

#endif
