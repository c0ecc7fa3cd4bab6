// SPDX-License-Identifier: MIT
//
// Looks at a program; see doctor_program.h. What the loader would make of it, the loader is asked:
// it can list libraries without running the program.

#include "apexctl/doctor_program.h"

#include "apexctl/find.h"
#include "apexctl/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define SCRIPTS_MAX 4 // scripts whose interpreter is a script; the kernel's limit is as low
#define LIST_BYTES 65536

// --- What the file says --------------------------------------------------------------------------

// The name of another allocator among the libraries that a program asks for, or NULL.
static const char *
program_other_allocator(const struct elf_file *file)
{
    static const char *const names[] = {"libjemalloc", "libtcmalloc", "libmimalloc",
                                        "libhoard",    "librpmalloc", "libsnmalloc",
                                        "libscudo",    "libtbbmalloc"};

    for (unsigned i = 0; i < file->needed_count; i++) {
        for (size_t n = 0; n < sizeof names / sizeof names[0]; n++) {
            if (strncmp(file->needed[i], names[n], strlen(names[n])) == 0) {
                return file->needed[i];
            }
        }
    }
    return NULL;
}

void
doctor_executable(struct findings *findings, const char *path, const struct elf_file *file)
{
    const char *other = program_other_allocator(file);

    if (!file->is_ours) {
        finding_add(findings, FINDING_BAD, "program",
                    "build it for this machine: a library can only be loaded into its own kind",
                    "%s is for another machine or word size than libapex", path);
    } else if (!file->is_loaded) {
        finding_add(findings, FINDING_BAD, "program",
                    "link it dynamically, or with libapex.a (pkg-config --static apex)",
                    "%s is static: there is no loader to read LD_PRELOAD", path);
    } else if (strstr(file->loader, "musl") != NULL) {
        finding_add(findings, FINDING_BAD, "program", "libapex is for programs on glibc",
                    "%s runs on another libc (%s)", path, file->loader);
    } else if (file->defines_malloc) {
        finding_add(findings, FINDING_BAD, "program",
                    "build it without: a program's own malloc comes before any library's",
                    "%s has a malloc built in", path);
    } else if (other != NULL) {
        finding_add(findings, FINDING_WARN, "program",
                    "libapex comes before it, so malloc is ours; what the program asks the other "
                    "one by name is about an empty heap",
                    "%s is linked with another allocator, %s", path, other);
    } else {
        finding_add(findings, FINDING_OK, "program", NULL, "%s is loaded by %s", path,
                    file->loader);
    }
}

// The kernel tells the loader of such programs to take no orders from the environment.
static void
program_rights(struct findings *findings, const char *path)
{
    struct stat status;

    bool known = stat(path, &status) == 0;
    bool is_set = known && (status.st_mode & (S_ISUID | S_ISGID)) != 0;
    if (is_set && status.st_uid == geteuid() && (status.st_mode & S_ISGID) == 0) {
        finding_add(findings, FINDING_WARN, "rights",
                    "for others, link it with libapex, or name that in /etc/ld.so.preload",
                    "%s is set-uid: LD_PRELOAD works for its owner only", path);
    } else if (is_set) {
        finding_add(findings, FINDING_BAD, "rights",
                    "link it with libapex, or name that in /etc/ld.so.preload",
                    "%s is set-%s: LD_PRELOAD is ignored, and it does not register", path,
                    (status.st_mode & S_ISUID) != 0 ? "uid" : "gid");
    } else if (getxattr(path, "security.capability", NULL, 0) > 0) {
        finding_add(findings, FINDING_BAD, "rights",
                    "link it with libapex, or give the capabilities by the service manager",
                    "%s has capabilities: LD_PRELOAD is ignored, and it does not register", path);
    } else {
        finding_add(findings, FINDING_OK, "rights", NULL,
                    "it runs with no more rights than its caller");
    }
}

// --- What the loader says ------------------------------------------------------------------------

static _Noreturn void
program_exec_list(const char *loader, const char *path, const char *library, int fd)
{
    char name[] = "ld.so";
    char option[] = "--list";
    char *copy = strdup(path);
    char *arguments[] = {name, option, copy, NULL};

    if (copy != NULL && dup2(fd, STDOUT_FILENO) >= 0 && dup2(fd, STDERR_FILENO) >= 0 &&
        setenv("LD_PRELOAD", library, 1) == 0) {
        execv(loader, arguments);
    }
    _exit(127);
}

// Lets the loader list what it would load, ours first. False when it cannot.
static bool
program_list(const char *loader, const char *path, const char *library, char out[LIST_BYTES])
{
    int fd = memfd_create("list", MFD_CLOEXEC);
    pid_t pid = fd < 0 ? -1 : fork();
    int status = -1;

    out[0] = '\0';
    if (pid == 0) {
        program_exec_list(loader, path, library, fd);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    ssize_t got = fd < 0 ? 0 : pread(fd, out, LIST_BYTES - 1, 0);
    out[got > 0 ? got : 0] = '\0';
    if (fd >= 0) {
        close(fd);
    }
    return status == 0;
}

static void
program_loads(struct findings *findings, const char *path, const struct elf_file *file)
{
    static char list[LIST_BYTES];
    char library[FIND_PATH_BYTES];

    // Not one that the program brings along: that would be running it.
    bool known = strncmp(file->loader, "/lib", 4) == 0 || strncmp(file->loader, "/usr/lib", 8) == 0;
    if (!file->is_ours || !file->is_loaded || !known || !find_file(FIND_FAST, library)) {
        return;
    }
    bool good = program_list(file->loader, path, library, list);
    if (!good || strstr(list, "cannot be preloaded") != NULL) {
        list[strcspn(list, "\n")] = '\0';
        finding_add(findings, FINDING_BAD, "loader", "install what is missing",
                    "the loader cannot load it: %s", list);
    } else if (strstr(list, "libapex") == NULL) {
        finding_add(findings, FINDING_BAD, "loader", NULL, "the loader leaves libapex out");
    } else {
        finding_add(findings, FINDING_OK, "loader", NULL, "it would load libapex first");
    }
}

// --- From a name to a file -----------------------------------------------------------------------

// The interpreter of a script into `path`, or the program that env(1) would find for it; false when
// it is none.
static bool
program_interpreter(char path[FIND_PATH_BYTES])
{
    char head[256];

    if (proc_read(path, head, sizeof head) < 3 || head[0] != '#' || head[1] != '!') {
        return false;
    }
    head[strcspn(head, "\n")] = '\0';
    char *rest = NULL;
    char *name = strtok_r(head + 2, " \t", &rest);
    char *argument = name == NULL ? NULL : strtok_r(NULL, " \t", &rest);
    if (name == NULL) {
        return false;
    }
    const char *last = strrchr(name, '/');
    if (last != NULL && strcmp(last, "/env") == 0) {
        argument = argument != NULL && strcmp(argument, "-S") == 0 ? strtok_r(NULL, " \t", &rest)
                                                                   : argument;
        if (argument != NULL && find_program(argument, path)) {
            return true;
        }
    }
    snprintf(path, FIND_PATH_BYTES, "%s", name);
    return true;
}

void
doctor_program(struct findings *findings, const char *name)
{
    static struct elf_file file;
    char path[FIND_PATH_BYTES];

    if (!find_program(name, path)) {
        finding_add(findings, FINDING_BAD, "program", "is its name right, is it in PATH?",
                    "%s is not found", name);
        return;
    }
    for (unsigned i = 0; i < SCRIPTS_MAX; i++) {
        char script[FIND_PATH_BYTES];
        memcpy(script, path, sizeof script);
        if (!program_interpreter(path)) {
            break;
        }
        finding_add(findings, FINDING_OK, "script", NULL, "%s is run by %s", script, path);
    }
    if (!elf_file_read(path, &file)) {
        finding_add(findings, FINDING_WARN, "program", "ask as a user who may read it",
                    "%s cannot be read: %s", path, strerror(errno));
    } else if (!file.is_elf) {
        finding_add(findings, FINDING_BAD, "program", "is it a program?",
                    "%s is neither an executable nor a script", path);
    } else {
        doctor_executable(findings, path, &file);
        program_rights(findings, path);
        program_loads(findings, path, &file);
    }
}
