// SPDX-License-Identifier: MIT
//
// Reads the heads of an ELF file; see elf_file.h. Section headers are used for the dynamic symbols,
// as tools that strip leave them there; without them nothing is known of needs and symbols.

#include "apexctl/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef ElfW(Ehdr) elf_head;
typedef ElfW(Phdr) elf_segment;
typedef ElfW(Shdr) elf_section;
typedef ElfW(Sym) elf_symbol;
typedef ElfW(Dyn) elf_entry;

#if defined(__x86_64__)
#define ELF_FILE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define ELF_FILE_MACHINE EM_AARCH64
#else
#define ELF_FILE_MACHINE EM_NONE
#endif

#define ELF_FILE_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)
#define ELF_FILE_ORDER (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB : ELFDATA2MSB)

struct elf_bytes {
    const char *at;
    size_t count;
};

// Copies part `index` of a table; false when the file ends before it.
static bool
elf_file_take(struct elf_bytes b, uint64_t offset, uint64_t stride, uint64_t index, void *out,
              size_t bytes)
{
    if (stride < bytes || index > UINT32_MAX || stride > UINT32_MAX || offset > b.count ||
        index * stride > b.count - offset || b.count - offset - index * stride < bytes) {
        return false;
    }
    memcpy(out, b.at + offset + index * stride, bytes);
    return true;
}

// The text at `offset` of a table of texts; "" when it is not there or has no end.
static const char *
elf_file_text(struct elf_bytes b, const elf_section *texts, uint64_t offset)
{
    if (texts->sh_offset > b.count || texts->sh_size > b.count - texts->sh_offset ||
        offset >= texts->sh_size) {
        return "";
    }
    const char *text = b.at + texts->sh_offset + offset;
    return memchr(text, '\0', texts->sh_size - offset) == NULL ? "" : text;
}

static void
elf_file_segments(struct elf_bytes b, const elf_head *head, struct elf_file *out)
{
    elf_segment s;

    for (unsigned i = 0; i < head->e_phnum; i++) {
        if (!elf_file_take(b, head->e_phoff, head->e_phentsize, i, &s, sizeof s)) {
            return;
        }
        if (s.p_type == PT_INTERP && s.p_offset < b.count && s.p_filesz <= b.count - s.p_offset &&
            s.p_filesz > 0) {
            size_t length = strnlen(b.at + s.p_offset, s.p_filesz);
            length = length < sizeof out->loader ? length : sizeof out->loader - 1;
            memcpy(out->loader, b.at + s.p_offset, length);
            out->loader[length] = '\0';
            out->is_loaded = true;
        }
    }
}

static void
elf_file_symbols(struct elf_bytes b, const elf_section *s, const elf_section *texts,
                 struct elf_file *out)
{
    elf_symbol symbol;

    for (uint64_t i = 0; i < s->sh_size / sizeof symbol; i++) {
        if (!elf_file_take(b, s->sh_offset, sizeof symbol, i, &symbol, sizeof symbol)) {
            return;
        }
        if (symbol.st_shndx != SHN_UNDEF &&
            strcmp(elf_file_text(b, texts, symbol.st_name), "malloc") == 0) {
            out->defines_malloc = true;
        }
    }
}

static void
elf_file_needs(struct elf_bytes b, const elf_section *s, const elf_section *texts,
               struct elf_file *out)
{
    elf_entry entry;

    for (uint64_t i = 0; i < s->sh_size / sizeof entry; i++) {
        if (!elf_file_take(b, s->sh_offset, sizeof entry, i, &entry, sizeof entry) ||
            entry.d_tag == DT_NULL || out->needed_count == ELF_FILE_NEEDED_MAX) {
            return;
        }
        if (entry.d_tag == DT_NEEDED) {
            char *name = out->needed[out->needed_count++];
            strncpy(name, elf_file_text(b, texts, entry.d_un.d_val), ELF_FILE_NAME_BYTES - 1);
        }
    }
}

void
elf_file_parse(const void *bytes, size_t count, struct elf_file *out)
{
    struct elf_bytes b = {bytes, count};
    elf_section section;
    elf_section texts;
    elf_head head;

    memset(out, 0, sizeof *out);
    if (!elf_file_take(b, 0, sizeof head, 0, &head, sizeof head) ||
        memcmp(head.e_ident, ELFMAG, SELFMAG) != 0) {
        return;
    }
    out->is_elf = true;
    out->is_ours = head.e_ident[EI_CLASS] == ELF_FILE_CLASS &&
                   head.e_ident[EI_DATA] == ELF_FILE_ORDER && head.e_machine == ELF_FILE_MACHINE;
    if (!out->is_ours) {
        return;
    }
    elf_file_segments(b, &head, out);
    for (unsigned i = 0; i < head.e_shnum; i++) {
        if (!elf_file_take(b, head.e_shoff, head.e_shentsize, i, &section, sizeof section)) {
            return;
        }
        if ((section.sh_type != SHT_DYNSYM && section.sh_type != SHT_DYNAMIC) ||
            !elf_file_take(b, head.e_shoff, head.e_shentsize, section.sh_link, &texts,
                           sizeof texts)) {
            continue;
        }
        if (section.sh_type == SHT_DYNSYM) {
            elf_file_symbols(b, &section, &texts, out);
        } else {
            elf_file_needs(b, &section, &texts, out);
        }
    }
}

bool
elf_file_read(const char *path, struct elf_file *out)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    memset(out, 0, sizeof *out);
    if (fd < 0) {
        return false;
    }
    bool good = fstat(fd, &status) == 0;
    if (good && S_ISREG(status.st_mode) && status.st_size > 0) {
        void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        good = bytes != MAP_FAILED;
        if (good) {
            elf_file_parse(bytes, (size_t)status.st_size, out);
            munmap(bytes, (size_t)status.st_size);
        }
    }
    close(fd);
    return good;
}
