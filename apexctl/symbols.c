// SPDX-License-Identifier: MIT
//
// Asks libdw; see symbols.h. It is told of the process by text, as /proc/PID/maps would say it: so
// what the daemon has seen is what counts, though the process may have ended since.

#include "apexctl/symbols.h"

#include "apexctl/value.h"

#include <elfutils/libdwfl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// A name without what was behind it.
struct symbols_name {
    struct symbols_name *next;
    char text[];
};

struct symbols {
    Dwfl *dwfl; // NULL: no names
    struct symbols_name *names;
};

static const Dwfl_Callbacks symbols_callbacks = {
    .find_elf = dwfl_linux_proc_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
};

// libdw reads device and inode to tell files apart: by the path each has its own.
static void
symbols_write_maps(FILE *maps, const cJSON *mappings)
{
    const cJSON *m;
    unsigned inode = 0;
    const char *last = "";

    cJSON_ArrayForEach(m, mappings)
    {
        const char *path = value_text(m, "path");
        inode += strcmp(path, last) == 0 ? 0 : 1;
        last = path;
        uint64_t start = strtoull(value_text(m, "start"), NULL, 16);
        uint64_t end = strtoull(value_text(m, "end"), NULL, 16);
        uint64_t offset = strtoull(value_text(m, "offset"), NULL, 16);
        // Only what can be executed is told. libdw wants each file from its beginning on.
        if (path[0] == '/' && start >= offset && end > start) {
            fprintf(maps, "%" PRIx64 "-%" PRIx64 " r-xp 00000000 08:01 %u %s\n", start - offset,
                    end, inode, path);
        }
    }
}

struct symbols *
symbols_open(const cJSON *mappings)
{
    struct symbols *s = calloc(1, sizeof *s);
    char *text = NULL;
    size_t bytes = 0;
    FILE *maps = s == NULL ? NULL : open_memstream(&text, &bytes);

    if (maps == NULL) {
        return s;
    }
    symbols_write_maps(maps, mappings);
    fclose(maps);
    maps = bytes == 0 ? NULL : fmemopen(text, bytes, "r");
    if (maps != NULL) {
        s->dwfl = dwfl_begin(&symbols_callbacks);
        if (s->dwfl != NULL) {
            dwfl_report_begin(s->dwfl);
            (void)dwfl_linux_proc_maps_report(s->dwfl, maps);
            (void)dwfl_report_end(s->dwfl, NULL, NULL);
        }
        fclose(maps);
    }
    free(text);
    return s;
}

// Names of versioned functions end in @VERSION; nobody calls them so.
static const char *
symbols_plain(struct symbols *s, const char *name)
{
    size_t length = strcspn(name, "@");

    if (length == 0 || name[length] == '\0') {
        return name;
    }
    struct symbols_name *plain = malloc(sizeof *plain + length + 1);
    if (plain == NULL) {
        return name;
    }
    memcpy(plain->text, name, length);
    plain->text[length] = '\0';
    plain->next = s->names;
    s->names = plain;
    return plain->text;
}

// What clang makes has no table from addresses to compilation units, by which dwfl_module_getsrc()
// finds them: asks one after the other.
static void
symbols_search_line(Dwfl_Module *module, uint64_t address, struct symbol *found)
{
    Dwarf_Addr bias;

    for (Dwarf_Die *unit = dwfl_module_nextcu(module, NULL, &bias); unit != NULL;
         unit = dwfl_module_nextcu(module, unit, &bias)) {
        if (dwarf_haspc(unit, address - bias) != 1) {
            continue;
        }
        Dwarf_Line *line = dwarf_getsrc_die(unit, address - bias);
        const char *file = line == NULL ? NULL : dwarf_linesrc(line, NULL, NULL);
        if (file != NULL && dwarf_lineno(line, &found->line) == 0) {
            found->file = file;
        }
        return;
    }
}

struct symbol
symbols_find(struct symbols *s, uint64_t address)
{
    struct symbol found = {"", "", 0};
    Dwfl_Module *module = s->dwfl == NULL ? NULL : dwfl_addrmodule(s->dwfl, address);

    if (module == NULL) {
        return found;
    }
    const char *name = dwfl_module_addrname(module, address);
    found.name = name == NULL ? "" : symbols_plain(s, name);
    Dwfl_Line *line = dwfl_module_getsrc(module, address);
    if (line != NULL) {
        const char *file = dwfl_lineinfo(line, NULL, &found.line, NULL, NULL, NULL);
        found.file = file == NULL ? "" : file;
    } else {
        symbols_search_line(module, address, &found);
    }
    return found;
}

void
symbols_build_id(struct symbols *s, uint64_t address, char out[129])
{
    const unsigned char *bits;
    GElf_Addr at;
    Dwfl_Module *module = s->dwfl == NULL ? NULL : dwfl_addrmodule(s->dwfl, address);
    GElf_Addr bias;
    int length = 0;

    out[0] = '\0';
    if (module != NULL && dwfl_module_getelf(module, &bias) != NULL) {
        length = dwfl_module_build_id(module, &bits, &at);
    }
    for (int i = 0; i < length && i < 64; i++) {
        snprintf(out + 2 * (size_t)i, 3, "%02x", bits[i]);
    }
}

void
symbols_close(struct symbols *s)
{
    if (s == NULL) {
        return;
    }
    if (s->dwfl != NULL) {
        dwfl_end(s->dwfl);
    }
    while (s->names != NULL) {
        struct symbols_name *next = s->names->next;
        free(s->names);
        s->names = next;
    }
    free(s);
}
