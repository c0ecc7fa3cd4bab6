// SPDX-License-Identifier: MIT
//
// Looks a name up in the GNU hash tables of all loaded modules, as the dynamic linker does it
// (gABI chapter 5; the hash table as binutils and glibc define it):
//
//   word 0 buckets | 1 first hashed symbol | 2 bloom words | 3 shift | bloom, 64 bits each |
//   buckets: index of the first symbol of a chain, 0 for none | chains: hash, lowest bit: the end
//
// The tables come from files that the loader has accepted, yet every walk is bounded.

#include "os/os_symbol.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { DYNAMIC_MAX = 256, CHAIN_MAX = 4096 };

struct module {
    uintptr_t base;
    const ElfW(Sym) * symbols;
    const char *names;
    const uint32_t *hashes;
};

struct query {
    const char *name;
    uint32_t hash;
    os_function *found;
};

static uint32_t
symbol_hash(const char *name)
{
    uint32_t hash = 5381;

    for (const unsigned char *c = (const unsigned char *)name; *c != '\0'; c++) {
        hash = hash * 33 + *c;
    }
    return hash;
}

// The loader turns offsets in the dynamic section into addresses, but leaves read-only ones (the
// vDSO's) as they are.
static const void *
module_pointer(const struct module *m, ElfW(Addr) value)
{
    return (const void *)(value < m->base ? m->base + value : value);
}

static void
module_read(struct module *m, const ElfW(Dyn) * dynamic)
{
    for (unsigned i = 0; i < DYNAMIC_MAX && dynamic[i].d_tag != DT_NULL; i++) {
        const void *pointer = module_pointer(m, dynamic[i].d_un.d_ptr);

        if (dynamic[i].d_tag == DT_SYMTAB) {
            m->symbols = pointer;
        } else if (dynamic[i].d_tag == DT_STRTAB) {
            m->names = pointer;
        } else if (dynamic[i].d_tag == DT_GNU_HASH) {
            m->hashes = pointer;
        }
    }
}

static os_function *
module_find(const struct module *m, const struct query *query)
{
    uint32_t bucket_count = m->hashes[0];
    uint32_t first = m->hashes[1];
    const uint32_t *buckets = m->hashes + 4 + 2 * (size_t)m->hashes[2];
    const uint32_t *chains = buckets + bucket_count;
    uint32_t index = bucket_count == 0 ? 0 : buckets[query->hash % bucket_count];

    for (unsigned i = 0; index >= first && index != 0 && i < CHAIN_MAX; i++, index++) {
        const ElfW(Sym) *symbol = &m->symbols[index];
        uint32_t hash = chains[index - first];

        if ((hash | 1) == (query->hash | 1) && symbol->st_shndx != SHN_UNDEF &&
            ELF64_ST_TYPE(symbol->st_info) == STT_FUNC &&
            strcmp(m->names + symbol->st_name, query->name) == 0) {
            return (os_function *)(m->base + symbol->st_value);
        }
        if (hash & 1) {
            break;
        }
    }
    return NULL;
}

static int
symbol_visit(struct dl_phdr_info *info, size_t size, void *context)
{
    struct query *query = context;
    struct module m = {.base = info->dlpi_addr};

    (void)size;
    for (unsigned i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type == PT_DYNAMIC) {
            module_read(&m, (const ElfW(Dyn) *)(m.base + info->dlpi_phdr[i].p_vaddr));
        }
    }
    if (m.symbols != NULL && m.names != NULL && m.hashes != NULL) {
        query->found = module_find(&m, query);
    }
    return query->found != NULL;
}

os_function *
os_symbol_find(const char *name)
{
    struct query query = {.name = name, .hash = symbol_hash(name)};

    dl_iterate_phdr(symbol_visit, &query);
    return query.found;
}
