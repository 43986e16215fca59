// SPDX-License-Identifier: MIT
// One thread beside the loops: it listens to the parent and keeps the heap small.
#include "martlet/relay/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "martlet/handover/bundle.h"
#include "martlet/handover/channel.h"
#include "martlet/host/memory_stats.h"
#include "martlet/host/preflight.h"
#include "martlet/host/process_stats.h"
#include "martlet/host/trim.h"
#include "martlet/host/user.h"
#include "martlet/relay/wire.h"
#include "martlet/sandbox/sandbox.h"
#include "net/listener.h"

enum {
    ARENAS_MAX = 2,              // each malloc arena keeps free memory of its own,
    KEPT_FREE = 4 * 1024 * 1024, // as much as this at its end
    HEAP_MAX = 1024 * 1024,      // larger pieces are pages of their own
    FILES_WANTED = 524288,       // descriptors, when root may raise the limit
    TRIM_EVERY_MS = 30 * 1000,
    SETTLED_AFTER_MS = TRIM_EVERY_MS,
};

struct relay {
    struct channel channel;
    int parent_statm_fd; // -1: none
    int signal_fd;
    struct wire *wire;
    struct trim trim;
    uint64_t ready_ms;
    bool has_settled;                    // the start is over
    char sentence[CHANNEL_SENTENCE_MAX]; // why something failed, for the parent
};

PRINTF_LIKE(2, 3) static bool fail(struct relay *r, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(r->sentence, sizeof(r->sentence), fmt, args);
    va_end(args);
    return false;
}

// ---- configuration ----

// The parent has shown every complaint; here the first error is enough.
static void on_complaint(void *arg, const struct config_complaint *c) {
    struct relay *r = arg;
    if (!c->is_warning && r->sentence[0] == '\0')
        (void)fail(r, "%s", c->text);
}

static struct config *parse_config(struct relay *r, const struct bundle *b) {
    r->sentence[0] = '\0';
    return config_parse(slice_from_cstr(b->config_text), b->config_name, (const char *const *)b->overrides,
                        on_complaint, r);
}

// ---- becoming small ----

static void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    struct rlimit more = {FILES_WANTED, FILES_WANTED};
    if (limit.rlim_max >= FILES_WANTED || setrlimit(RLIMIT_NOFILE, &more) != 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

// A service has its own user; in development it is whoever owns the state directory.
static bool find_user(struct relay *r, const struct config *c, bool is_dev, uid_t *ret_uid, gid_t *ret_gid) {
    if (!is_dev)
        return user_find(c->user, ret_uid, ret_gid) || fail(r, "there is no system user %s", c->user);
    struct stat st;
    if (stat(c->state_dir, &st) != 0)
        return fail(r, "%s: %s", c->state_dir, strerror(errno));
    *ret_uid = st.st_uid;
    *ret_gid = st.st_gid;
    return true;
}

static bool drop_root(struct relay *r, const struct config *c, bool is_dev) {
    uid_t uid = (uid_t)-1;
    gid_t gid = (gid_t)-1;
    if (geteuid() != 0)
        return true;
    if (!find_user(r, c, is_dev, &uid, &gid))
        return false;
    int error = user_become(uid, gid);
    return error == 0 || fail(r, "cannot become user %u: %s", (unsigned)uid, strerror(error));
}

// Buffers of a turn are freed at its end. Left alone, the allocator gives their pages back to the kernel each time, and
// takes them anew in the next turn, which more than halves what an iroh client can send to another; martlet/host/trim.h
// gives back what is not needed in earnest.
static void set_up_memory(void) {
    (void)mallopt(M_ARENA_MAX, ARENAS_MAX);
    (void)mallopt(M_TRIM_THRESHOLD, KEPT_FREE);
    (void)mallopt(M_MMAP_THRESHOLD, HEAP_MAX); // would no longer adapt itself now
}

// What opens files on first use is used once before the door closes.
static void warm_up(void) {
    (void)OPENSSL_init_ssl(0, NULL);
    tzset();
}

static bool settle(struct relay *r, const struct config *c, const struct bundle *b) {
    raise_file_limit();
    if (!drop_root(r, c, b->is_dev))
        return false;
    // After the change of user, which clears it. Should the parent have died before, the channel's end tells.
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    (void)umask(0077);
    set_up_memory();
    warm_up();
    process_stats_open(r->parent_statm_fd);
    memory_stats_open();
    char report[SANDBOX_REPORT_MAX];
    if (!sandbox_enter(c, report))
        return fail(r, "the sandbox cannot be entered: %s", report);
    log_info("relay.sandbox", "%s uid=%u", report, (unsigned)geteuid());
    if (sandbox_weakness_in_force() != NULL)
        log_warning("relay.sandbox", "%s", sandbox_weakness_in_force());
    return true;
}

// ---- the parent's messages ----

static bool start(struct relay *r, const struct bundle *b) {
    struct config *c = parse_config(r, b);
    if (c == NULL)
        return false;
    if (!settle(r, c, b)) {
        config_free(c);
        return false;
    }
    const char *error = "";
    char dir[PATH_MAX], sentence[PREFLIGHT_SENTENCE_MAX];
    (void)snprintf(dir, sizeof(dir), "%s", c->state_dir);
    r->wire = wire_start(c, b, &error);
    if (r->wire != NULL)
        return true;
    preflight_advise(dir, error, sentence);
    return fail(r, "%s", sentence);
}

static bool reload(struct relay *r, const struct bundle *b) {
    struct config *c = parse_config(r, b);
    const char *error = "";
    return c != NULL && (wire_reload(r->wire, c, b, &error) || fail(r, "%s", error));
}

// False when the relay should end.
static bool on_message(struct relay *r, const struct channel_message *m) {
    bool is_start = m->type == CHANNEL_START;
    if (m->type != (r->wire == NULL ? CHANNEL_START : CHANNEL_RELOAD))
        return false;
    struct bundle *b = bundle_parse(m->payload);
    bool ok = b != NULL ? (is_start ? start(r, b) : reload(r, b)) : fail(r, "the bundle is malformed");
    bundle_free(b);
    enum channel_type answer = !ok ? CHANNEL_FAILED : is_start ? CHANNEL_READY : CHANNEL_RELOADED;
    if (ok && is_start)
        r->ready_ms = clock_mono_ms();
    if (!channel_send(&r->channel, answer, ok ? SLICE_EMPTY : slice_from_cstr(r->sentence)))
        return false;
    return ok || !is_start;
}

static bool take_messages(struct relay *r) {
    struct channel_message m;
    enum channel_status status;
    while ((status = channel_receive(&r->channel, &m)) == CHANNEL_MESSAGE)
        if (!on_message(r, &m))
            return false;
    return status == CHANNEL_MORE;
}

// SIGINT and SIGHUP reach the whole terminal group; they are the parent's to answer.
static int open_signals(void) {
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    ASSERT(sigprocmask(SIG_BLOCK, &set, NULL) == 0); // threads inherit it
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

// ---- serving ----

static void tell_alive(struct relay *r) {
    char octets[4];
    size_t n = conn_count();
    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = (char)(n >> (24 - 8 * i));
    (void)!channel_send(&r->channel, CHANNEL_ALIVE, slice_make(octets, sizeof(octets))); // its end is noticed elsewhere
}

static void look_after(struct relay *r) {
    uint64_t now = clock_mono_ms();
    if (!r->has_settled && now - r->ready_ms >= SETTLED_AFTER_MS) {
        r->has_settled = true;
        trim_after_start();
    }
    wire_tick(r->wire, now);
    process_stats_tick(now);
    trim_if_due(&r->trim, now, TRIM_EVERY_MS);
    if (wire_pulse(r->wire, now))
        tell_alive(r);
}

// Before the START only the parent has anything to say.
static int wait_ms(const struct relay *r) {
    return r->wire != NULL ? (int)wire_wait_ms(r->wire, clock_mono_ms()) : -1;
}

static void serve(struct relay *r) {
    for (;;) {
        struct pollfd fds[2] = {{.fd = r->channel.fd, .events = POLLIN}, {.fd = r->signal_fd, .events = POLLIN}};
        int n = poll(fds, ARRAY_LEN(fds), wait_ms(r));
        if (n < 0)
            ASSERT(errno == EINTR);
        if (n > 0 && fds[1].revents != 0)
            return;
        if (n > 0 && fds[0].revents != 0 && !take_messages(r))
            return;
        if (r->wire != NULL)
            look_after(r);
    }
}

int relay_run(int channel_fd, int parent_statm_fd) {
    struct relay r = {.parent_statm_fd = parent_statm_fd, .signal_fd = open_signals()};
    if (r.signal_fd < 0 || fcntl(channel_fd, F_SETFD, FD_CLOEXEC) != 0 ||
        (parent_statm_fd >= 0 && fcntl(parent_statm_fd, F_SETFD, FD_CLOEXEC) != 0))
        return 2;
    channel_init(&r.channel, channel_fd);
    serve(&r);
    int exit_status = 1;
    if (r.wire != NULL) {
        log_info("relay.draining", "reason=asked");
        exit_status = 0;
        if (!wire_stop(r.wire))
            _exit(exit_status); // threads and sessions are left standing
    }
    channel_done(&r.channel);
    (void)close(r.signal_fd);
    log_info("relay.ended", "status=%d", exit_status);
    return exit_status;
}
