// SPDX-License-Identifier: MIT
//
// Connects to apexd and talks to it; see call.h. A folder of somebody else's is not asked: who
// answers there is nobody we trust.

#include "apexctl/call.h"

#include "apexd/proto/frame.h"
#include "libapex/abi/hello.h"

#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PRIVATE_MAX 64   // daemons of `apexctl run` that are looked at
#define CONNECT_WAIT_S 2 // in the queue of a daemon that lets nobody in

// --- Where the daemon is -------------------------------------------------------------------------

// 0, or the errno value of the attempt. A daemon that hangs behind a full queue is like none.
static int
call_connect(struct call *call, const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = CONNECT_WAIT_S};
    int length =
        snprintf(address.sun_path, sizeof address.sun_path, "%s/%s", dir, APEX_CONTROL_SOCKET);

    *call = (struct call){.fd = -1, .wait_ms = CALL_WAIT_MS};
    if (length < 0 || (size_t)length >= sizeof address.sun_path) {
        return ENAMETOOLONG;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return errno;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        int error = errno;
        close(fd);
        return error;
    }
    call->fd = fd;
    snprintf(call->dir, sizeof call->dir, "%s", dir);
    return 0;
}

static enum exit_code
call_exit_code(int error)
{
    return error == 0 ? EXIT_OK : error == EACCES || error == EPERM ? EXIT_DENIED : EXIT_NO_DAEMON;
}

// The usual place number `i`; false when there are no more.
static bool
call_usual_dir(unsigned i, char dir[CALL_PATH_BYTES])
{
    const char *base = getenv("XDG_RUNTIME_DIR");

    if (i == 0) {
        snprintf(dir, CALL_PATH_BYTES, "%s", APEX_RUNTIME_DIR);
        return true;
    }
    if (i == 1 && base != NULL && base[0] == '/') {
        int length = snprintf(dir, CALL_PATH_BYTES, "%s/%s", base, APEX_RUNTIME_NAME);
        return length < CALL_PATH_BYTES;
    }
    return false;
}

// The best of two outcomes: an answer, else a daemon that must not be asked, else nothing.
static enum exit_code
call_better(enum exit_code a, enum exit_code b)
{
    return a == EXIT_NO_DAEMON ? b : a;
}

static enum exit_code
call_open_usual(struct call *call)
{
    char dir[CALL_PATH_BYTES];
    enum exit_code best = EXIT_NO_DAEMON;

    for (unsigned i = 0; call_usual_dir(i, dir); i++) {
        enum exit_code code = call_exit_code(call_connect(call, dir));
        if (code == EXIT_OK) {
            return code;
        }
        best = call_better(best, code);
    }
    return best;
}

static bool
call_is_trusted(const char *dir)
{
    struct stat status;

    return lstat(dir, &status) == 0 && S_ISDIR(status.st_mode) &&
           (status.st_uid == geteuid() || status.st_uid == 0);
}

// The daemons that `apexctl run` has started for one program.
static enum exit_code
call_open_private(struct call *call)
{
    const char *xdg = getenv("XDG_RUNTIME_DIR");
    const char *bases[] = {xdg == NULL ? "/run" : xdg, "/run", "/tmp"};
    char pattern[CALL_PATH_BYTES + 16];
    glob_t found;

    for (size_t b = 0; b < sizeof bases / sizeof bases[0]; b++) {
        snprintf(pattern, sizeof pattern, "%s/apexd-run-*", bases[b]);
        if (glob(pattern, GLOB_NOESCAPE, NULL, &found) != 0) {
            continue;
        }
        for (size_t i = 0; i < found.gl_pathc && i < PRIVATE_MAX; i++) {
            if (call_is_trusted(found.gl_pathv[i]) && call_connect(call, found.gl_pathv[i]) == 0) {
                globfree(&found);
                return EXIT_OK;
            }
        }
        globfree(&found);
    }
    return EXIT_NO_DAEMON;
}

static const char *
call_given_dir(const char *runtime_dir)
{
    const char *variable = getenv("APEX_RUNTIME_DIR");

    return runtime_dir != NULL                       ? runtime_dir
           : variable != NULL && variable[0] != '\0' ? variable
                                                     : NULL;
}

bool
call_place(const char *runtime_dir, unsigned i, char dir[CALL_PATH_BYTES])
{
    const char *given = call_given_dir(runtime_dir);

    if (given == NULL) {
        return call_usual_dir(i, dir);
    }
    return i == 0 && snprintf(dir, CALL_PATH_BYTES, "%s", given) < CALL_PATH_BYTES;
}

enum exit_code
call_open_quietly(struct call *call, const char *runtime_dir)
{
    const char *given = call_given_dir(runtime_dir);

    if (given != NULL) {
        return call_exit_code(call_connect(call, given));
    }
    enum exit_code code = call_open_usual(call);
    return code == EXIT_NO_DAEMON ? call_open_private(call) : code;
}

enum exit_code
call_open(struct call *call, const char *runtime_dir)
{
    enum exit_code code = call_open_quietly(call, runtime_dir);
    const char *given = call_given_dir(runtime_dir);

    if (code == EXIT_NO_DAEMON && given != NULL) {
        fprintf(stderr, "apexctl: no apexd serves %s\n", given);
    } else if (code == EXIT_NO_DAEMON) {
        fputs("apexctl: no apexd is running; start one (apexd, or systemctl start apexd)\n",
              stderr);
    } else if (code == EXIT_DENIED) {
        fputs("apexctl: not allowed to talk to apexd; it is for root and the group apex\n", stderr);
    }
    return code;
}

bool
call_is_served(const char *runtime_dir, char dir[CALL_PATH_BYTES])
{
    const char *given = call_given_dir(runtime_dir);
    struct call call;

    dir[0] = '\0';
    enum exit_code code =
        given != NULL ? call_exit_code(call_connect(&call, given)) : call_open_usual(&call);
    call_close(&call);
    if (given != NULL) {
        snprintf(dir, CALL_PATH_BYTES, "%s", given);
    }
    return code != EXIT_NO_DAEMON;
}

// --- One question --------------------------------------------------------------------------------

// Gives up on a daemon that reads nothing for CONNECT_WAIT_S.
static bool
call_send(int fd, const char *line)
{
    size_t rest = strlen(line);

    while (rest > 0) {
        ssize_t sent = send(fd, line, rest, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) {
            continue;
        }
        if (sent <= 0) {
            return false;
        }
        line += sent;
        rest -= (size_t)sent;
    }
    return true;
}

// Reads up to the end of the line; NULL when it does not come. The buffer grows with what comes, up
// to the limit.
static char *
call_receive(int fd, unsigned wait_ms, size_t *length)
{
    size_t capacity = 4096;
    size_t used = 0;
    char *line = malloc(capacity);

    while (line != NULL) {
        struct pollfd wanted = {.fd = fd, .events = POLLIN};
        int ready = poll(&wanted, 1, (int)wait_ms);
        ssize_t got = ready <= 0 ? ready : recv(fd, line + used, capacity - used, 0);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        used += (size_t)got;
        if (line[used - 1] == '\n') {
            line[used - 1] = '\0';
            *length = used - 1;
            return line;
        }
        if (used == capacity) {
            char *larger = capacity < FRAME_REPLY_BYTES_MAX ? realloc(line, capacity * 2) : NULL;
            if (larger == NULL) {
                break;
            }
            line = larger;
            capacity *= 2;
        }
    }
    free(line);
    return NULL;
}

static __attribute__((format(printf, 2, 3))) void
call_complain(struct call *call, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(call->why, sizeof call->why, format, arguments);
    va_end(arguments);
    if (!call->quiet) {
        fprintf(stderr, "apexctl: %s\n", call->why);
    }
}

static enum exit_code
call_error(struct call *call, const struct message_answer *answer)
{
    call_complain(call, "%s", answer->text);
    switch (answer->error) {
    case MESSAGE_DENIED:
        return EXIT_DENIED;
    case MESSAGE_NO_SUCH_PROCESS:
        return EXIT_NO_PROCESS;
    default:
        return EXIT_OTHER;
    }
}

enum exit_code
call_ask(struct call *call, enum method method, cJSON *params, struct call_reply *reply)
{
    char *request = message_request_line(++call->id, method, params);
    size_t length = 0;

    memset(reply, 0, sizeof *reply);
    if (request == NULL) {
        call_complain(call, "short of memory");
        return EXIT_OTHER;
    }
    // A daemon that turns us away says why before we have said anything, and hangs up.
    (void)call_send(call->fd, request);
    reply->line = call_receive(call->fd, call->wait_ms, &length);
    free(request);
    if (reply->line == NULL) {
        call_complain(call, "the apexd at %s does not answer", call->dir);
        return EXIT_NO_DAEMON;
    }
    if (!message_parse_answer(reply->line, length, call->id, &reply->answer)) {
        call_complain(call, "the apexd at %s does not speak our protocol", call->dir);
        call_reply_free(reply);
        return EXIT_OTHER;
    }
    if (reply->answer.error != MESSAGE_NONE) {
        enum exit_code code = call_error(call, &reply->answer);
        call_reply_free(reply);
        return code;
    }
    reply->raw = message_raw_result(reply->line, length, &reply->raw_bytes);
    return EXIT_OK;
}

void
call_reply_print(const struct call_reply *reply)
{
    fwrite(reply->raw, 1, reply->raw_bytes, stdout);
    fputc('\n', stdout);
}

void
call_reply_free(struct call_reply *reply)
{
    message_answer_free(&reply->answer);
    free(reply->line);
    *reply = (struct call_reply){.line = NULL};
}

void
call_close(struct call *call)
{
    if (call->fd >= 0) {
        close(call->fd);
        call->fd = -1;
    }
}
