// SPDX-License-Identifier: MIT
//
// Puts the daemon together; see daemon.h.

#include "apexd/daemon.h"

#include "apexd/http.h"
#include "apexd/act.h"
#include "apexd/advisor.h"
#include "apexd/fdstore.h"
#include "apexd/log.h"
#include "apexd/methods.h"
#include "apexd/notify.h"
#include "apexd/placement.h"
#include "apexd/pressure.h"
#include "apexd/registrar.h"
#include "apexd/reply.h"
#include "apexd/restore.h"
#include "apexd/roster.h"
#include "apexd/rundir.h"
#include "apexd/server.h"
#include "apexd/topology.h"

#include <errno.h>
#include <grp.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#define GROUP "apex"
#define TOPOLOGY_BEATS 3 // between two looks whether nodes have come or gone
#define DRAIN_MS 5
#define FDS_WANTED (3 * ROSTER_CLIENTS_MAX + ROSTER_OURS_MAX)

struct daemon {
    uv_loop_t loop;
    struct rundir dir;
    bool register_is_ours; // not passed by a manager: remove it at the end
    bool control_is_ours;
    bool http_is_ours;
    int register_fd;                  // until the registrar has it
    int control_fd;                   // until the server has it
    int http_fds[HTTP_LISTENERS_MAX]; // the socket first; -1: none; until http has them
    size_t fd_limit;
    struct topology topology;
    struct roster roster;
    struct methods methods;
    struct answers answers;
    struct registrar registrar;
    struct server server;
    struct http http;
    struct act act;
    struct advisor advisor;
    uv_timer_t mover; // runs while pages are to be moved
    struct placement placement;
    unsigned beats; // since the last look at the topology
    struct pressure pressure;
    uv_timer_t heartbeat;
    uv_timer_t watchdog;
    uv_timer_t drain; // runs while the service manager has no room for what we have to say
    size_t told; // processes in the last line for the service manager
    uv_prepare_t turn;
    uint64_t turn_ns; // CLOCK_THREAD_CPUTIME_ID when the turn began
    uv_signal_t signals[2];
    uv_signal_t reload;
};

static const struct advisor_source daemon_pictures = {placement_host, placement_picture};

static size_t
daemon_raise_fd_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 1024;
    }
    rlim_t wanted = limit.rlim_max < FDS_WANTED ? limit.rlim_max : FDS_WANTED;
    if (limit.rlim_cur < wanted) {
        limit.rlim_cur = wanted;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur > FDS_WANTED ? FDS_WANTED : (size_t)limit.rlim_cur;
}

static gid_t
daemon_group(void)
{
    const struct group *group = geteuid() == 0 ? getgrnam(GROUP) : NULL;
    return group == NULL ? (gid_t)-1 : group->gr_gid;
}

// Until there is somebody to handle them: a signal that comes while the sockets are being made
// must not leave them behind.
static void
daemon_hold_signals(int how)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(how, &set, NULL);
}

static bool
daemon_open_dir(struct daemon *d, const char *runtime_dir)
{
    char path[RUNDIR_PATH_MAX + 1];
    char why[RUNDIR_WHY_BYTES];

    d->dir.fd = -1;
    if (runtime_dir == NULL) {
        if (!rundir_default(path, sizeof path)) {
            log_event(LOG_LEVEL_ERROR,
                      "XDG_RUNTIME_DIR is not set; say where to serve: --runtime-dir DIR");
            return false;
        }
        runtime_dir = path;
    }
    if (!rundir_open(&d->dir, runtime_dir, why)) {
        log_event(LOG_LEVEL_ERROR, "%s", why);
        return false;
    }
    return true;
}

// A socket that the manager passed, or one of our own in the directory. -1 after a line that says
// why there is none.
static int
daemon_listen(struct daemon *d, int passed, const char *name, int type, mode_t mode, gid_t group,
              bool *is_ours)
{
    char why[RUNDIR_WHY_BYTES];

    *is_ours = passed < 0;
    if (passed >= 0) {
        return passed;
    }
    int fd = rundir_listen(&d->dir, name, type, mode, group, why);
    if (fd < 0) {
        log_event(LOG_LEVEL_ERROR, "%s", why);
    }
    return fd;
}

static bool
daemon_open(struct daemon *d)
{
    gid_t group = daemon_group();
    // The one with a name first: the other takes what is left.
    int passed_http = notify_socket(SOCK_STREAM, APEX_HTTP_SOCKET);

    d->register_fd = daemon_listen(d, notify_socket(SOCK_SEQPACKET, NULL), APEX_REGISTER_SOCKET,
                                   SOCK_SEQPACKET, 0666, (gid_t)-1, &d->register_is_ours);
    d->control_fd = daemon_listen(d, notify_socket(SOCK_STREAM, NULL), APEX_CONTROL_SOCKET,
                                  SOCK_STREAM, 0660, group, &d->control_is_ours);
    d->http_fds[0] =
        daemon_listen(d, passed_http, APEX_HTTP_SOCKET, SOCK_STREAM, 0660, group, &d->http_is_ours);
    return d->register_fd >= 0 && d->control_fd >= 0 && d->http_fds[0] >= 0;
}

// The port, by both protocols. A machine without one of them has it by the other.
static bool
daemon_open_port(struct daemon *d, unsigned port)
{
    for (unsigned six = 0; six < 2; six++) {
        int fd = d->http_fds[1 + six] = port == 0 ? -1 : http_loopback(port, six == 1);
        bool absent = fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL);
        if (port != 0 && fd < 0) {
            log_event(absent ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, "cannot listen on %s:%u: %s",
                      six == 1 ? "[::1]" : "127.0.0.1", port, strerror(errno));
            if (!absent) {
                return false;
            }
        }
    }
    return port == 0 || d->http_fds[1] >= 0 || d->http_fds[2] >= 0;
}

static bool
daemon_start_http(struct daemon *d)
{
    http_init(&d->http, &d->loop, &d->answers);
    for (unsigned i = 0; i < HTTP_LISTENERS_MAX; i++) {
        if (d->http_fds[i] >= 0 && !http_add(&d->http, d->http_fds[i], i == 0)) {
            return false;
        }
    }
    return true;
}

// What the service manager shows of us.
static void
daemon_tell(struct daemon *d, const char *first)
{
    char state[128];

    snprintf(state, sizeof state, "%sSTATUS=%zu processes, room for %zu", first, d->roster.count,
             d->roster.capacity);
    d->told = d->roster.count;
    notify_send(state);
}

static void
daemon_on_watchdog(uv_timer_t *timer)
{
    (void)timer;
    (void)notify_push("WATCHDOG=1", NULL, 0);
}

static void
daemon_know_nodes(struct daemon *d)
{
    for (unsigned i = 0; i < d->topology.node_count; i++) {
        ledger_know_node(&d->roster.ledger, d->topology.node[i].os_index);
    }
}

// Memory and processors come and go while the machine runs.
static void
daemon_watch_topology(struct daemon *d)
{
    if (++d->beats >= TOPOLOGY_BEATS) {
        d->beats = 0;
        if (topology_refresh(&d->topology)) {
            log_event(LOG_LEVEL_INFO, "the machine has changed: %u nodes, %u processors",
                      d->topology.node_count, d->topology.cpus);
            daemon_know_nodes(d);
        }
    }
}

static void
daemon_on_move(uv_timer_t *timer)
{
    struct daemon *d = timer->data;

    if (!advisor_move(&d->advisor)) {
        uv_timer_stop(timer);
    }
}

static void
daemon_on_drain(uv_timer_t *timer)
{
    if (fdstore_flush()) {
        uv_timer_stop(timer);
    }
}

static void
daemon_on_heartbeat(uv_timer_t *timer)
{
    struct daemon *d = timer->data;

    roster_sweep(&d->roster, uv_hrtime());
    roster_beat(&d->roster);
    roster_keep(&d->roster, uv_hrtime());
    // Its queue may be as short as ten messages, and a thousand processes may have gone at once.
    if (!fdstore_flush()) {
        uv_timer_start(&d->drain, daemon_on_drain, DRAIN_MS, DRAIN_MS);
    }
    if (d->told != d->roster.count) {
        daemon_tell(d, "");
    }
    act_beat(&d->act, &d->roster, uv_hrtime());
    daemon_watch_topology(d);
    placement_beat(&d->placement, &d->roster, &d->topology, uv_hrtime());
    advisor_beat(&d->advisor, uv_hrtime());
    if (d->act.enabled && !uv_is_active((uv_handle_t *)&d->mover)) {
        uv_timer_start(&d->mover, daemon_on_move, 0, REHOME_STEP_MS);
    }
    answers_tidy(&d->answers, uv_hrtime());
}

// Once a turn, before the loop waits. Processor time, so that neither waiting counts nor others
// that keep us from running.
static void
daemon_on_turn(uv_prepare_t *turn)
{
    struct daemon *d = turn->data;
    uint64_t now_ns = reply_now_ns(CLOCK_THREAD_CPUTIME_ID);

    if (d->turn_ns != 0 && now_ns - d->turn_ns > d->methods.turn_ns) {
        d->methods.turn_ns = now_ns - d->turn_ns;
    }
    d->turn_ns = now_ns;
}

// Out of sight: whoever looks finds the next daemon or none.
static void
daemon_hide(struct daemon *d)
{
    if (d->register_is_ours) {
        rundir_unlink(&d->dir, APEX_REGISTER_SOCKET);
    }
    if (d->control_is_ours) {
        rundir_unlink(&d->dir, APEX_CONTROL_SOCKET);
    }
    if (d->http_is_ours) {
        rundir_unlink(&d->dir, APEX_HTTP_SOCKET);
    }
}

// Everything that is open closes; the loop then has nothing left to wait for, and ends.
static void
daemon_on_signal(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;

    log_event(LOG_LEVEL_INFO, "stopping on signal %d", number);
    notify_send("STOPPING=1");
    daemon_hide(d); // before we say goodbye
    registrar_stop(&d->registrar);
    server_stop(&d->server);
    http_stop(&d->http);
    answers_tidy(&d->answers, UINT64_MAX);
    pressure_stop(&d->pressure);
    uv_close((uv_handle_t *)&d->heartbeat, NULL);
    uv_close((uv_handle_t *)&d->mover, NULL);
    uv_close((uv_handle_t *)&d->watchdog, NULL);
    uv_close((uv_handle_t *)&d->drain, NULL);
    uv_close((uv_handle_t *)&d->turn, NULL);
    uv_close((uv_handle_t *)&d->signals[0], NULL);
    uv_close((uv_handle_t *)&d->signals[1], NULL);
    uv_close((uv_handle_t *)&d->reload, NULL);
}

static void
daemon_tell_reloading(void)
{
    char state[64];

    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
             reply_now_ns(CLOCK_MONOTONIC) / 1000);
    notify_send(state);
}

// The rules again, for processes that are here as for those to come. Rules that make no sense
// change nothing.
static void
daemon_on_reload(uv_signal_t *handle, int number)
{
    struct daemon *d = handle->data;
    struct rules *rules = &d->roster.rules;
    char why[RULES_WHY_BYTES];

    (void)number;
    daemon_tell_reloading();
    if (rules->path[0] == '\0') {
        log_event(LOG_LEVEL_WARNING, "there are no rules to read again: no --config was given");
    } else if (!rules_load(rules, rules->path, why)) {
        log_event(LOG_LEVEL_ERROR, "the rules stay as they are: %s", why);
    } else {
        log_event(LOG_LEVEL_INFO, "read %s again", rules->path);
        roster_apply_rules(&d->roster);
    }
    daemon_tell(d, "READY=1\n");
}

static bool
daemon_start(struct daemon *d)
{
    static const int numbers[2] = {SIGTERM, SIGINT};

    if (uv_loop_init(&d->loop) != 0 ||
        !registrar_start(&d->registrar, &d->loop, d->register_fd, d->fd_limit, &d->roster) ||
        !server_start(&d->server, &d->loop, d->control_fd, d->fd_limit, &d->answers) ||
        !daemon_start_http(d)) {
        log_event(LOG_LEVEL_ERROR, "the kernel refuses an event loop");
        return false;
    }
    uv_timer_init(&d->loop, &d->heartbeat);
    d->heartbeat.data = d;
    uv_timer_start(&d->heartbeat, daemon_on_heartbeat, APEX_ADVICE_BEAT_MS, APEX_ADVICE_BEAT_MS);
    uv_timer_init(&d->loop, &d->mover);
    d->mover.data = d;
    uv_timer_init(&d->loop, &d->drain);
    uv_timer_init(&d->loop, &d->watchdog);
    uint64_t watchdog_ms = notify_watchdog_ms();
    if (watchdog_ms > 0) {
        uv_timer_start(&d->watchdog, daemon_on_watchdog, 0, watchdog_ms / 3 + 1);
    }
    pressure_start(&d->pressure, &d->loop, &d->act, &d->roster);
    uv_prepare_init(&d->loop, &d->turn);
    d->turn.data = d;
    uv_prepare_start(&d->turn, daemon_on_turn);
    for (unsigned i = 0; i < 2; i++) {
        uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        uv_signal_start(&d->signals[i], daemon_on_signal, numbers[i]);
    }
    uv_signal_init(&d->loop, &d->reload);
    d->reload.data = d;
    uv_signal_start(&d->reload, daemon_on_reload, SIGHUP);
    return true;
}

// Root's daemon has rules where the system keeps such; others say where theirs are, if any. An
// empty name is no file.
static bool
daemon_load_rules(struct daemon *d, const char *config)
{
    char why[RULES_WHY_BYTES];

    config = config == NULL && geteuid() == 0 ? RULES_PATH : config;
    if (config != NULL && config[0] != '\0' && !rules_load(&d->roster.rules, config, why)) {
        log_event(LOG_LEVEL_ERROR, "%s", why);
        return false;
    }
    return true;
}

int
daemon_run(const struct daemon_options *options)
{
    struct daemon *d = calloc(1, sizeof *d);
    uint64_t random;

    // libuv writes without MSG_NOSIGNAL.
    signal(SIGPIPE, SIG_IGN);
    daemon_hold_signals(SIG_BLOCK);
    if (d == NULL || getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random) {
        log_event(LOG_LEVEL_ERROR, "short of memory or of random numbers");
        free(d);
        return 1;
    }
    d->fd_limit = daemon_raise_fd_limit();
    roster_init(&d->roster, random, d->fd_limit);
    if (!topology_load(&d->topology)) {
        log_event(LOG_LEVEL_WARNING, "hwloc cannot tell the topology of this machine");
    }
    daemon_know_nodes(d);
    // A daemon that could not start leaves nothing behind that the end of the process does not
    // clear.
    if (!daemon_load_rules(d, options->config) || !daemon_open_dir(d, options->runtime_dir) ||
        !daemon_open(d) || !daemon_open_port(d, options->http_port)) {
        daemon_hide(d);
        rundir_close(&d->dir);
        free(d);
        return 1;
    }
    act_init(&d->act, options->act, options->pressure);
    d->placement.samples = options->act;
    advisor_init(&d->advisor, &d->roster, &d->topology, &daemon_pictures, options->act);
    methods_init(&d->methods, &d->roster, &d->advisor, &d->topology, d->dir.path);
    answers_init(&d->answers, &d->methods);
    (void)restore_all(&d->roster);
    if (!daemon_start(d)) {
        return 1;
    }
    daemon_hold_signals(SIG_UNBLOCK);
    if (options->http_port != 0) {
        log_event(LOG_LEVEL_INFO, "serving http://localhost:%u", options->http_port);
    }
    log_event(LOG_LEVEL_INFO, "serving %s, room for %zu processes", d->dir.path,
              d->roster.capacity);
    daemon_tell(d, "READY=1\n");
    uv_run(&d->loop, UV_RUN_DEFAULT);
    uv_loop_close(&d->loop);
    methods_free(&d->methods);
    roster_hand_over(&d->roster);
    roster_clear(&d->roster);
    rundir_close(&d->dir);
    free(d);
    return 0;
}
