// SPDX-License-Identifier: MIT
//
// The client's side of registration (docs/protocol.md). States, all under `attach_lock`:
//
//   no page, no advice      not registered; tries again when due
//   page, no advice         sent, but not answered in time; the daemon may list us; tries again
//   page and advice         registered; a look at the heartbeat is due a second after the last
//
// What is due is done by the next housekeeping of any thread (heap.c:heap_tick, background.c), not
// by a clock: see "When a process looks" in docs/protocol.md.
//
// When the heap has outgrown its page, a longer one is made and sent at once. If that is refused,
// the next attempt is with a shorter one.
//
// When the heartbeat has stood still for its time to live, or says goodbye, the daemon is gone:
// what it advised is void, and a fresh page is made and sent. The old one cannot be sent again,
// because its descriptor is closed.
//
// Who registers anew with a daemon that lives (a longer page; the child of a fork) leaves the old
// advice page at once, since the daemon no longer writes it, but keeps what it said in force until
// the new one says something, or nobody there wants us (who only refuses a page as long as this is
// shown a shorter one), or the daemon has not been heard of for its time to live (`held_until_ns`).

#include "view/attach.h"

#include "abi/advice_page.h"
#include "abi/hello.h"
#include "base/constants.h"
#include "base/fmt.h"
#include "os/lock.h"
#include "os/os.h"
#include "os/os_page.h"
#include "os/os_thread.h"
#include "policy/config.h"
#include "policy/sampler.h"
#include "view/advice.h"
#include "view/profile_page.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#define NS_PER_MS UINT64_C(1000000)
#define NEVER UINT64_MAX
#define ACK_WAIT_MS_MIN 5      // for the daemon's answer, once in each attempt; doubled with it
#define ACK_WAIT_MS_MAX 40
#define FORK_DELAY_MS 100      // most children exec or exit before that
#define DELAY_MS_MIN 1000      // between attempts; doubled each time
#define DELAY_MS_KNOWN 8000    // up to here when there was a daemon: listed again within 10 s
#define DELAY_MS_UNKNOWN 64000 // up to here when there never was one: 3 system calls a minute
#define WATCH_MS 1000          // between looks at the heartbeat, at least
#define ENVIRONMENT_MAX 65536  // variables looked at
#define SOCKET_PATH_BYTES 108  // of an address, with its NUL

extern char **__environ;

static struct lock attach_lock = LOCK_INIT(LOCK_RANK_ATTACH);
static bool enabled;
static uint64_t delay_ms; // before the next attempt but one
static bool daemon_known; // there has been a daemon
static unsigned place;        // of `plan`, where we registered
static bool profile_is_shown; // or has been refused
static const struct apex_advice_page *advice;
static uint32_t advice_bytes; // that mean something
static uint64_t advice_ttl_ns;
static uint64_t heartbeat_seen;
static uint64_t heartbeat_seen_ns;
static uint64_t held_until_ns; // what was advised is in force until then without a page; 0: is not

struct OWN_PAGES attach_plan {
    void (*mirror_all)(void);
    char places[2][SOCKET_PATH_BYTES]; // where to look, in this order; an empty text is no place
    int filters_tolerated;             // seccomp filters under which registering is safe
};

static CONSTANT struct attach_plan plan;

static void
attach_place(char *out, const char *folder, const char *name)
{
    struct fmt f;

    fmt_init(&f, out, SOCKET_PATH_BYTES);
    fmt_str(&f, folder);
    fmt_str(&f, name);
    fmt_str(&f, "/" APEX_REGISTER_SOCKET);
    // A path that was cut off would be another path.
    if (f.length + 1 >= SOCKET_PATH_BYTES) {
        out[0] = '\0';
    }
}

static const char *
attach_environment(const char *name)
{
    size_t length = strlen(name);

    for (unsigned i = 0; i < ENVIRONMENT_MAX && __environ != NULL && __environ[i] != NULL; i++) {
        if (strncmp(__environ[i], name, length) == 0) {
            return __environ[i] + length;
        }
    }
    return "";
}

void
attach_init(void (*mirror_all)(void))
{
    const struct config *config = config_get();

    if (config->do_register == 0 || os_secure()) {
        return;
    }
    const char *given = config->runtime_dir.text[0] != '\0'
                            ? config->runtime_dir.text
                            : attach_environment("APEX_RUNTIME_DIR=");
    if (given[0] != '\0') {
        attach_place(plan.places[0], given, "");
        int filters = os_sandbox_filters();
        plan.filters_tolerated = filters < 0 ? 0 : filters;
    } else {
        const char *folder = attach_environment("XDG_RUNTIME_DIR=");
        attach_place(plan.places[0], APEX_RUNTIME_DIR, "");
        if (folder[0] == '/') {
            attach_place(plan.places[1], folder, "/" APEX_RUNTIME_NAME);
        }
    }
    plan.mirror_all = mirror_all;
    delay_ms = DELAY_MS_MIN;
    enabled = true;
    store_relaxed(&stats_page_guard->due_ns, os_now_ns() + DELAY_MS_MIN * NS_PER_MS);
}

static void
attach_disable(void)
{
    enabled = false;
    store_relaxed(&stats_page_guard->due_ns, NEVER);
}

// Sets the time of the next attempt: later each time, and not at the same time as everybody else.
static void
attach_schedule(uint64_t now_ns)
{
    uint64_t limit_ms = daemon_known ? DELAY_MS_KNOWN : DELAY_MS_UNKNOWN;
    unsigned char jitter;

    os_random(&jitter, sizeof jitter);
    store_relaxed(&stats_page_guard->due_ns,
                  now_ns + delay_ms * NS_PER_MS * (768u + jitter) / 1024u);
    delay_ms = delay_ms * 2 > limit_ms ? limit_ms : delay_ms * 2;
}

static void
attach_forget_advice(void)
{
    if (advice != NULL) {
        os_page_unmap((void *)(uintptr_t)advice, APEX_ADVICE_PAGE_BYTES);
        advice = NULL;
    }
}

static uint64_t
attach_ttl_ns(uint32_t ttl_ms)
{
    uint64_t ttl = ttl_ms < APEX_ADVICE_TTL_MS_MIN ? APEX_ADVICE_TTL_MS_MIN : ttl_ms;
    return (ttl > APEX_ADVICE_TTL_MS_MAX ? APEX_ADVICE_TTL_MS_MAX : ttl) * NS_PER_MS;
}

// Takes the advice page the daemon sent, if it is one for us. 0 or an errno value.
static int
attach_take_advice(int fd, uint64_t nonce, uint64_t now_ns)
{
    void *mapped;
    int error = os_page_map_foreign(fd, APEX_ADVICE_PAGE_BYTES, &mapped);

    if (error != 0) {
        return error;
    }
    const struct apex_advice_page *page = mapped;
    if (load_relaxed(&page->magic) != APEX_ADVICE_MAGIC ||
        load_relaxed(&page->major) != APEX_ADVICE_MAJOR || load_relaxed(&page->nonce) != nonce ||
        load_relaxed(&page->total_bytes) < APEX_ADVICE_BYTES_MIN) {
        os_page_unmap(mapped, APEX_ADVICE_PAGE_BYTES);
        return EPROTO;
    }
    advice = page;
    advice_bytes = load_relaxed(&page->total_bytes);
    advice_ttl_ns = attach_ttl_ns(load_relaxed(&page->ttl_ms));
    heartbeat_seen = load_relaxed(&page->heartbeat);
    heartbeat_seen_ns = now_ns;
    return 0;
}

// A two-hundredth of the time between attempts: on a slow machine the first ones may be in vain.
static unsigned
attach_ack_wait_ms(void)
{
    uint64_t wait_ms = delay_ms * ACK_WAIT_MS_MIN / DELAY_MS_MIN;
    return wait_ms > ACK_WAIT_MS_MAX ? ACK_WAIT_MS_MAX : (unsigned)wait_ms;
}

// Waits a moment for the daemon's answer. 0: registered. ETIMEDOUT: it may come to it yet. Anything
// else: it will not.
static int
attach_await_ack(int connection, const struct apex_hello *hello, uint64_t now_ns)
{
    struct apex_hello_ack ack;
    size_t length;
    int fd;
    int error = os_receive_fd(connection, &ack, sizeof ack, attach_ack_wait_ms(), &length, &fd);

    if (error != 0) {
        return error == EINTR || error == EAGAIN ? ETIMEDOUT : error;
    }
    error = EPROTO;
    if (length == sizeof ack && ack.magic == APEX_HELLO_ACK_MAGIC &&
        ack.major == APEX_HELLO_MAJOR && ack.nonce == hello->nonce) {
        bool profile = hello->kind == APEX_HELLO_PROFILE; // no advice comes with its answer
        error = ack.status != APEX_HELLO_ACCEPTED ? ECONNREFUSED : profile ? 0 : EPROTO;
        if (ack.status == APEX_HELLO_ACCEPTED && fd >= 0 && !profile) {
            error = attach_take_advice(fd, hello->nonce, now_ns);
        }
    }
    if (fd >= 0) {
        os_close(fd);
    }
    return error;
}

static struct apex_hello
attach_hello(enum apex_hello_kind kind)
{
    return (struct apex_hello){
        .magic = APEX_HELLO_MAGIC,
        .major = APEX_HELLO_MAJOR,
        .minor = APEX_HELLO_MINOR,
        .size_bytes = sizeof(struct apex_hello),
        .kind = kind,
    };
}

// Makes a fresh page, fills it and shows it over `connection`. As attach_await_ack; EAGAIN: a
// shorter one may be granted next time.
static int
attach_show_page(int connection, uint64_t now_ns)
{
    struct apex_hello hello = attach_hello(APEX_HELLO_STATS);
    int page;
    int error = stats_page_open(now_ns, &page, &hello.nonce, &hello.page_bytes);

    if (error != 0) {
        return stats_page_refuse() ? EAGAIN : error;
    }
    plan.mirror_all();
    stats_page_ready();
    error = os_send_fd(connection, &hello, sizeof hello, page);
    os_close(page);
    if (error == 0) {
        error = attach_await_ack(connection, &hello, now_ns);
    }
    if (error == ECONNREFUSED && stats_page_refuse()) {
        error = EAGAIN;
    }
    if (error != 0 && error != ETIMEDOUT) {
        stats_page_drop();
    }
    return error;
}

// Shows the daemon that has our statistics the profile as well, once there is one. A daemon that
// does not want it is not asked again.
static void
attach_show_profile(uint64_t now_ns)
{
    struct apex_hello hello = attach_hello(APEX_HELLO_PROFILE);
    int connection;
    int made;

    if (!sampler_is_used() || profile_is_shown ||
        os_connect(plan.places[place], &connection) != 0) {
        return;
    }
    profile_is_shown = true;
    int error = profile_page_open(&made, &hello.nonce, &hello.page_bytes);
    if (error == 0) {
        error = os_send_fd(connection, &hello, sizeof hello, made);
        os_close(made);
    }
    if (error == 0) {
        error = attach_await_ack(connection, &hello, now_ns);
    }
    if (error != 0 && error != ETIMEDOUT) {
        profile_page_drop();
    }
    os_close(connection);
}

static void
attach_drop_profile(void)
{
    profile_is_shown = false;
    profile_page_drop();
}

// Tries one place. 0: registered. ETIMEDOUT: sent. Anything else: nobody there who wants us.
static int
attach_to(const char *path, uint64_t now_ns)
{
    int connection;

    if (path[0] == '\0' || !os_path_exists(path)) {
        return ENOENT;
    }
    if (os_sandbox_filters() != plan.filters_tolerated) {
        return EPERM;
    }
    int error = os_connect(path, &connection);
    if (error != 0) {
        return error;
    }
    if (os_peer_pid(connection) == (int)getpid()) {
        // This is apexd, under libapex: it must not wait for itself.
        attach_disable();
        error = ELOOP;
    } else {
        error = attach_show_page(connection, now_ns);
    }
    os_close(connection);
    return error;
}

// Leaves the advice page for another one; what it said is believed as long as its last heartbeat.
static void
attach_hold_advice(void)
{
    if (advice != NULL) {
        held_until_ns = heartbeat_seen_ns + advice_ttl_ns;
        attach_forget_advice();
    }
}

static void
attach_end_advice(void)
{
    attach_forget_advice();
    held_until_ns = 0;
    advice_end();
}

// The daemon is to be looked for when what is held of its advice becomes void, at the latest.
static void
attach_hurry(void)
{
    if (held_until_ns != 0 && load_relaxed(&stats_page_guard->due_ns) > held_until_ns) {
        store_relaxed(&stats_page_guard->due_ns, held_until_ns);
    }
}

static void
attach_attempt(uint64_t now_ns)
{
    int error = ENOENT;
    bool again = false; // somebody is too busy to be connected to, or wants a shorter page

    if (now_ns >= held_until_ns) {
        attach_end_advice();
    }
    attach_drop_profile();
    for (unsigned i = 0; i < 2 && enabled; i++) {
        error = attach_to(plan.places[i], now_ns);
        place = i;
        again = again || error == EAGAIN;
        if (error == 0 || error == ETIMEDOUT) {
            break;
        }
    }
    if (error == 0) {
        held_until_ns = 0;
        advice_begin(advice, advice_bytes);
    } else if (error != ETIMEDOUT && !again) {
        attach_end_advice();
    }
    if (!enabled) {
        return;
    }
    daemon_known = daemon_known || error == 0 || error == ETIMEDOUT;
    if (error == 0) {
        delay_ms = DELAY_MS_MIN;
        store_relaxed(&stats_page_guard->due_ns, now_ns + WATCH_MS * NS_PER_MS);
        attach_show_profile(now_ns);
        return;
    }
    if (error != ETIMEDOUT) {
        stats_page_drop();
    }
    attach_schedule(now_ns);
    attach_hurry();
}

// Without signals, so that no handler forks amid an attempt, and no call is cut short. False when
// another thread is at it.
static bool
attach_begin(sigset_t *signals)
{
    os_signals_hold(signals);
    if (lock_try(&attach_lock)) {
        return true;
    }
    os_signals_release(signals);
    return false;
}

static void
attach_end(const sigset_t *signals)
{
    lock_release(&attach_lock);
    os_signals_release(signals);
}

void
attach_try(void)
{
    sigset_t signals;

    if (attach_begin(&signals)) {
        if (enabled) {
            attach_attempt(os_now_ns());
        }
        attach_end(&signals);
    }
}

// True while the daemon's heartbeat can be believed.
static bool
attach_daemon_alive(uint64_t now_ns)
{
    uint64_t heartbeat = load_relaxed(&advice->heartbeat);

    if (load_relaxed(&advice->state) != APEX_ADVICE_SERVING) {
        return false;
    }
    if (heartbeat != heartbeat_seen) {
        heartbeat_seen = heartbeat;
        heartbeat_seen_ns = now_ns;
    }
    return now_ns - heartbeat_seen_ns < advice_ttl_ns;
}

// Leaves what belongs to the parent. The lock is held, or there is nobody else.
static void
attach_reset_child(uint64_t now_ns)
{
    stats_page_drop();
    attach_drop_profile();
    attach_hold_advice();
    delay_ms = DELAY_MS_MIN;
    store_relaxed(&stats_page_guard->due_ns, enabled ? now_ns + FORK_DELAY_MS * NS_PER_MS : NEVER);
}

// The daemon lives. What is new on its page is taken, once more before the page is left for that of
// a longer stats page.
static void
attach_watch(uint64_t now_ns)
{
    advice_follow(advice, advice_bytes);
    if (stats_page_outgrown()) {
        attach_hold_advice();
        attach_attempt(now_ns);
        return;
    }
    store_relaxed(&stats_page_guard->due_ns, now_ns + WATCH_MS * NS_PER_MS);
    attach_show_profile(now_ns);
}

void
attach_poll_due(uint64_t now_ns)
{
    sigset_t signals;

    if (unlikely(stats_page_inherited())) {
        // The child of a bare clone(): whoever held the lock at that moment is not here.
        lock_renew(&attach_lock);
        attach_reset_child(now_ns);
        return;
    }
    if (!attach_begin(&signals)) {
        return;
    }
    if (!enabled || now_ns < load_relaxed(&stats_page_guard->due_ns)) {
        // Somebody else has done it meanwhile, or found that it must not be done.
    } else if (advice != NULL && attach_daemon_alive(now_ns)) {
        attach_watch(now_ns);
    } else {
        attach_attempt(now_ns);
    }
    attach_end(&signals);
}

void
attach_fork_prepare(void)
{
    lock_acquire(&attach_lock);
}

void
attach_fork_parent(void)
{
    lock_release(&attach_lock);
}

void
attach_fork_child(void)
{
    lock_renew(&attach_lock);
    attach_reset_child(os_now_ns());
}
