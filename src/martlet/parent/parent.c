// SPDX-License-Identifier: MIT
#include "martlet/parent/parent.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "martlet/handover/bundle.h"
#include "martlet/handover/channel.h"
#include "martlet/handover/ports.h"
#include "martlet/handover/source.h"
#include "martlet/handover/watchdog.h"
#include "martlet/host/notify.h"
#include "martlet/host/trim.h"
#include "martlet/host/watch.h"
#include "martlet/parent/acme_helper.h"
#include "martlet/parent/dns_helper.h"
#include "martlet/parent/spawn.h"

enum {
    BACKOFF_FIRST_MS = 100,
    BACKOFF_MAX_MS = 30 * 1000,
    BACKOFF_READY_MAX_MS = 1000,     // after a relay that had become ready: who can crash it must not buy an outage
    LIFE_THAT_COUNTS_MS = 60 * 1000, // a relay that lived this long starts anew at once
    CERTIFICATE_LOOK_MS = 60 * 1000,
    ACME_LOOK_MS = 10 * 1000, // at a small file; certificates of six days are common
    SETTLE_MS = 500,
    STOP_MAX_MS = 15 * 1000, // the relay itself drains for at most 10 s
    MESSAGES_A_TURN = 64,
};

enum parent_state {
    PARENT_STARTING, // no relay has been ready yet: a failure ends the program
    PARENT_SERVING,
    PARENT_STOPPING,
    PARENT_ENDED,
};

struct parent {
    const struct parent_settings *settings;
    enum parent_state state;
    int exit_status;
    int signal_fd;
    struct channel channel;
    pid_t pid;              // 0: no relay runs
    bool is_ready;          // the relay that runs, or ran last, has accepted its START
    struct bundle *current; // what a relay accepted; a restart uses it
    struct bundle *pending; // not answered yet; while no relay runs, what the next one is started with
    bool reload_again;      // asked for while the relay owed an answer
    uint64_t started_ms;
    uint64_t restart_at_ms;
    uint32_t backoff_ms;
    uint64_t look_at_ms;
    struct acme_helper helper;
    struct dns_helper dns;
    int watch_fd;        // -1: no hints
    uint64_t kill_at_ms; // PARENT_STOPPING
    struct watchdog watchdog;
    uint64_t watch_at_ms; // when to ask it
    uint32_t connections; // as the relay has told last
    bool is_reloading;    // the service manager waits for the end of it
};

static bool send_bundle(struct parent *p, enum channel_type type, const struct bundle *b) {
    struct buf encoded;
    buf_init(&encoded, CHANNEL_PAYLOAD_MAX);
    bool ok = bundle_write(b, &encoded) && channel_send(&p->channel, type, buf_slice(&encoded));
    if (encoded.mem != NULL)
        explicit_bzero(encoded.mem, encoded.cap);
    buf_done(&encoded);
    return ok;
}

// ---- the relay's life ----

static uint32_t at_most(uint32_t ms, uint32_t max_ms) {
    return ms < max_ms ? ms : max_ms;
}

// Returns in how many milliseconds.
static uint32_t schedule_restart(struct parent *p) {
    uint64_t now = clock_mono_ms();
    uint32_t max_ms = p->is_ready ? BACKOFF_READY_MAX_MS : BACKOFF_MAX_MS;
    uint32_t pause_ms = now - p->started_ms >= LIFE_THAT_COUNTS_MS ? 0 : at_most(p->backoff_ms, max_ms);
    p->restart_at_ms = now + pause_ms;
    p->backoff_ms = pause_ms == 0 ? BACKOFF_FIRST_MS : at_most(pause_ms * 2, max_ms);
    return pause_ms;
}

static void end(struct parent *p, int exit_status) {
    p->state = PARENT_ENDED;
    p->exit_status = exit_status;
}

// There is no process for it, or no socket to it. After a relay that had served, a later attempt may find the machine
// less full.
static void on_no_relay(struct parent *p, int error) {
    p->pid = 0;
    if (p->state == PARENT_STARTING) {
        (void)fprintf(stderr, "martlet: the relay's process cannot be started (%s): raise %s\n", strerror(error),
                      error == EMFILE || error == ENFILE
                          ? "LimitNOFILE= of the service or `ulimit -n`"
                          : "TasksMax= of the service or `ulimit -u`, or give it more memory");
        end(p, 1);
        return;
    }
    unsigned restart_ms = schedule_restart(p);
    log_error("parent.spawn_failed", "error=\"%s\" restart_ms=%u", strerror(error), restart_ms);
}

static void start_relay(struct parent *p) {
    p->started_ms = clock_mono_ms();
    int fd = -1;
    p->pid = spawn_relay(p->settings->ports, &fd);
    if (p->pid < 0) {
        on_no_relay(p, errno);
        return;
    }
    p->is_ready = false;
    watchdog_on_start(&p->watchdog, p->started_ms);
    channel_init(&p->channel, fd);
    // A relay that dies before it reads this is noticed by its end.
    (void)!send_bundle(p, CHANNEL_START, p->pending != NULL ? p->pending : p->current);
}

static void log_death(const struct parent *p, int status, unsigned restart_ms) {
    if (WIFSIGNALED(status))
        log_error("parent.relay_died", "signal=%d ready=%d restart_ms=%u", WTERMSIG(status), p->is_ready, restart_ms);
    else
        log_error("parent.relay_died", "status=%d ready=%d restart_ms=%u", WEXITSTATUS(status), p->is_ready,
                  restart_ms);
}

static void on_message(struct parent *p, const struct channel_message *m);
static void answered(struct parent *p);

// True when there may be more of them: a relay that never stops talking keeps nobody from signals and time.
static bool take_messages(struct parent *p) {
    struct channel_message m;
    enum channel_status status = CHANNEL_MESSAGE;
    for (int i = 0; i < MESSAGES_A_TURN && p->channel.fd >= 0; i++) {
        status = channel_receive(&p->channel, &m);
        if (status != CHANNEL_MESSAGE)
            break;
        on_message(p, &m);
    }
    if (status == CHANNEL_END || status == CHANNEL_BAD)
        channel_done(&p->channel); // its end is told by SIGCHLD
    return p->channel.fd >= 0 && status == CHANNEL_MESSAGE;
}

// What a relay had no time to take while it served, the next one starts with. A bundle with which none could start is
// not tried again.
static void drop_pending_of_start(struct parent *p) {
    if (p->is_ready || p->pending == NULL || p->state != PARENT_SERVING)
        return;
    bundle_free(p->pending);
    p->pending = NULL;
    log_error("parent.reload_failed", "reason=\"no relay started with it; configuration and certificate in use stay\"");
}

static void on_relay_end(struct parent *p, int status) {
    (void)take_messages(p);
    channel_done(&p->channel);
    p->pid = 0;
    watchdog_on_end(&p->watchdog);
    drop_pending_of_start(p);
    if (p->state == PARENT_STOPPING)
        end(p, WIFSIGNALED(status) ? 1 : 0);
    else if (p->state == PARENT_STARTING) {
        if (WIFSIGNALED(status))
            (void)fprintf(stderr, "martlet: the relay died at its start (signal %d)\n", WTERMSIG(status));
        else if (WEXITSTATUS(status) != 1) // with 1 it has told why
            (void)fprintf(stderr, "martlet: the relay ended at its start (status %d)\n", WEXITSTATUS(status));
        end(p, 1);
    } else if (p->state == PARENT_SERVING) {
        log_death(p, status, schedule_restart(p));
        if (p->pending == NULL || p->reload_again)
            answered(p);
        notify_status("starting again: the relay has died");
    }
}

static void reap(struct parent *p) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == p->pid)
            on_relay_end(p, status);
        else if (acme_helper_ended(&p->helper, pid, status))
            p->look_at_ms = 0; // there may be a new certificate
        else
            (void)dns_helper_ended(&p->dns, pid, status);
    }
}

// ---- reload ----

// The folders may have been made or exchanged since, and the configuration may name others.
static void watch_again(struct parent *p) {
    if (p->watch_fd >= 0)
        (void)close(p->watch_fd);
    const struct source *source = p->settings->source;
    char versions[PATH_MAX];
    app_versions_file_path(source->config, source->config_path, versions);
    p->watch_fd = watch_open(source->config, versions);
}

// The service manager learns when a reload that was asked for is over, whatever has come of it.
static void reload_begins(struct parent *p) {
    if (p->is_reloading || p->state != PARENT_SERVING)
        return;
    p->is_reloading = true;
    notify_reloading();
}

static void reload_ends(struct parent *p) {
    if (!p->is_reloading)
        return;
    p->is_reloading = false;
    notify_ready();
}

static void reload(struct parent *p) {
    if (p->state > PARENT_SERVING)
        return;
    reload_begins(p);
    if (p->pid > 0 && (!p->is_ready || p->pending != NULL || p->channel.fd < 0)) {
        p->reload_again = true;
        return;
    }
    struct bundle *b = source_reload(p->settings->source, p->settings->ports);
    if (b == NULL) {
        reload_ends(p);
        return;
    }
    watch_again(p);
    if (p->pid == 0) {
        bundle_free(p->pending);
        p->pending = b;
        reload_ends(p);
    } else if (send_bundle(p, CHANNEL_RELOAD, b)) {
        p->pending = b;
    } else {
        // It dies, or reads nothing. What followed a part of the bundle would be taken for the rest: this relay is told
        // to end, and the next one gets it.
        log_error("parent.reload_waits", "reason=\"the relay does not answer and is started again\"");
        bundle_free(b);
        channel_done(&p->channel);
        p->reload_again = true;
    }
}

// The relay owes nothing now.
static void answered(struct parent *p) {
    if (!p->reload_again) {
        reload_ends(p);
        return;
    }
    p->reload_again = false;
    p->look_at_ms = 0;
    reload(p);
}

static void on_answer(struct parent *p, bool accepted) {
    if (p->pending != NULL && accepted) {
        bundle_free(p->current);
        p->current = p->pending;
    } else {
        bundle_free(p->pending);
    }
    p->pending = NULL;
    // A relay that has refused its START is about to end; what it was given is forgotten then.
    if (p->is_ready)
        answered(p);
}

static void on_ready(struct parent *p) {
    log_info("parent.ready", "start_ms=%u", (unsigned)(clock_mono_ms() - p->started_ms));
    p->is_ready = true;
    watchdog_on_ready(&p->watchdog, clock_mono_ms());
    p->look_at_ms = 0; // what waits for a relay need not wait longer
    if (p->state == PARENT_STARTING) {
        p->state = PARENT_SERVING;
        notify_ready();
        trim_after_start();
        if (p->settings->on_ready != NULL)
            p->settings->on_ready(p->settings->arg);
    }
    on_answer(p, p->pending != NULL);
}

// The relay is not trusted with words for the service manager: it tells a number.
static void on_alive(struct parent *p, struct slice octets) {
    p->connections = 0;
    for (size_t i = 0; i < octets.len; i++)
        p->connections = p->connections << 8 | (unsigned char)octets.ptr[i];
    watchdog_on_round(&p->watchdog, clock_mono_ms());
}

static void on_refusal(struct parent *p, struct slice payload) {
    char sentence[CHANNEL_SENTENCE_MAX];
    channel_sentence(payload, sentence);
    if (p->state == PARENT_STARTING)
        (void)fprintf(stderr, "martlet: %s\n", sentence);
    else
        log_error("parent.relay_refused", "reason=\"%s%s\"", sentence,
                  p->is_ready ? "; configuration and certificate in use stay" : "");
    on_answer(p, false);
}

static void on_message(struct parent *p, const struct channel_message *m) {
    switch (m->type) {
    case CHANNEL_READY:
        on_ready(p);
        break;
    case CHANNEL_RELOADED:
        log_info("parent.reloaded", "listeners=%zu", p->settings->ports->n);
        on_answer(p, true);
        break;
    case CHANNEL_ALIVE:
        on_alive(p, m->payload);
        break;
    case CHANNEL_FAILED:
        on_refusal(p, m->payload);
        break;
    case CHANNEL_START:
    case CHANNEL_RELOAD:
        log_error("parent.channel", "unexpected=%d", (int)m->type);
        break;
    }
}

// ---- signals and time ----

static void stop(struct parent *p) {
    if (p->state == PARENT_STOPPING)
        return;
    log_info("parent.stopping", "relay=%d", p->pid > 0);
    p->state = PARENT_STOPPING;
    notify_stopping();
    p->kill_at_ms = clock_mono_ms() + STOP_MAX_MS;
    if (p->pid == 0)
        end(p, 0);
    else if (p->channel.fd >= 0)
        (void)shutdown(p->channel.fd, SHUT_WR); // the relay reads the end and drains
}

static void on_signal(struct parent *p, int number) {
    switch (number) {
    case SIGCHLD:
        reap(p);
        break;
    case SIGHUP:
        if (p->settings->hangup_ends) {
            stop(p);
            break;
        }
        reload(p);
        p->helper.is_asked = true;
        dns_helper_ask(&p->dns, p->settings->source);
        p->look_at_ms = 0;
        break;
    case SIGINT:
        // The second Ctrl-C does not wait: what was acknowledged is durable.
        if (p->state == PARENT_STOPPING && p->pid > 0)
            (void)kill(p->pid, SIGKILL);
        stop(p);
        break;
    case SIGTERM:
        stop(p);
        break;
    default:
        break;
    }
}

static void take_signals(struct parent *p) {
    struct signalfd_siginfo info;
    while (p->state != PARENT_ENDED && read(p->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
        on_signal(p, (int)info.ssi_signo);
}

static void look(struct parent *p, uint64_t now) {
    struct source *source = p->settings->source;
    bool uses_acme = source_certificate_kind(source) == CERTIFICATE_FROM_ACME;
    p->look_at_ms = now + (uses_acme ? ACME_LOOK_MS : CERTIFICATE_LOOK_MS);
    bool new_versions = source_app_versions_changed(source);
    if (source_certificate_changed(source) || new_versions)
        reload(p);
    source_remind(source);
    // The CA's challenge is answered by the relay; and a configuration that waits may name another CA.
    if (uses_acme && p->pid > 0 && p->is_ready && !p->reload_again)
        acme_helper_look(&p->helper, source->config, source->has_certificate);
    dns_helper_look(&p->dns, source);
}

// A relay that makes no progress is killed like one that has died: what it acknowledged is durable, clients come back.
// Under a debugger one for trying things out may stand still.
static void watch_relay(struct parent *p, uint64_t now) {
    p->watch_at_ms = now + watchdog_every_ms(p->watchdog.limit_ms);
    const struct watchdog_verdict v = watchdog_look(&p->watchdog, now);
    if (v.feed)
        notify_alive(p->connections);
    if (!v.kill || p->pid == 0 || p->settings->source->is_dev)
        return;
    log_error("parent.relay_hangs", "silent_ms=%u", (unsigned)v.age_ms);
    notify_status("the relay makes no progress and is started again");
    (void)kill(p->pid, SIGKILL);
}

static void check_time(struct parent *p) {
    uint64_t now = clock_mono_ms();
    if (p->state == PARENT_SERVING && now >= p->watch_at_ms)
        watch_relay(p, now);
    if (p->state == PARENT_STOPPING && p->pid > 0 && now >= p->kill_at_ms) {
        log_error("parent.relay_hangs", "after_ms=%d", STOP_MAX_MS);
        (void)kill(p->pid, SIGKILL);
        p->kill_at_ms = now + STOP_MAX_MS;
    }
    if (p->state == PARENT_SERVING && now >= p->look_at_ms)
        look(p, now);
    acme_helper_check(&p->helper, now);
    dns_helper_check(&p->dns, now);
    if ((p->state == PARENT_SERVING || p->state == PARENT_STARTING) && p->pid == 0 && now >= p->restart_at_ms)
        start_relay(p);
}

static int wait_ms(const struct parent *p) {
    uint64_t look_at_ms = p->look_at_ms < p->watch_at_ms ? p->look_at_ms : p->watch_at_ms;
    uint64_t next = p->state == PARENT_STOPPING ? p->kill_at_ms : p->state == PARENT_SERVING ? look_at_ms : UINT64_MAX;
    if (p->state != PARENT_STOPPING && p->pid == 0 && p->restart_at_ms < next)
        next = p->restart_at_ms;
    uint64_t now = clock_mono_ms();
    uint64_t wait = next > now ? next - now : 0;
    return wait < CERTIFICATE_LOOK_MS ? (int)wait : CERTIFICATE_LOOK_MS;
}

// Whoever renews a certificate writes more than one file: the look waits for the last of them.
static void on_hint(struct parent *p) {
    watch_drain(p->watch_fd);
    uint64_t at = clock_mono_ms() + SETTLE_MS;
    if (at < p->look_at_ms)
        p->look_at_ms = at;
}

static void run(struct parent *p) {
    bool more = false;
    while (p->state != PARENT_ENDED) {
        check_time(p);
        struct pollfd fds[3] = {{.fd = p->signal_fd, .events = POLLIN},
                                {.fd = p->channel.fd, .events = POLLIN},
                                {.fd = p->watch_fd, .events = POLLIN}};
        if (poll(fds, ARRAY_LEN(fds), more ? 0 : wait_ms(p)) < 0)
            ASSERT(errno == EINTR);
        if (more || fds[1].revents != 0)
            more = take_messages(p);
        if (fds[0].revents != 0)
            take_signals(p);
        else if (fds[2].revents != 0)
            on_hint(p);
    }
}

static int open_signals(void) {
    sigset_t set;
    (void)sigemptyset(&set);
    static const int numbers[] = {SIGCHLD, SIGHUP, SIGINT, SIGTERM};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        (void)sigaddset(&set, numbers[i]);
    ASSERT(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
    (void)signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int parent_run(const struct parent_settings *settings) {
    struct parent p = {.settings = settings, .channel = {.fd = -1}, .signal_fd = open_signals(), .watch_fd = -1};
    p.current = source_make_bundle(settings->source, settings->ports);
    if (p.current == NULL || p.signal_fd < 0)
        return 1;
    watchdog_init(&p.watchdog, notify_watchdog_ms(), clock_mono_ms());
    watch_again(&p);
    run(&p);
    acme_helper_stop(&p.helper);
    dns_helper_stop(&p.dns);
    if (p.watch_fd >= 0)
        (void)close(p.watch_fd);
    channel_done(&p.channel);
    bundle_free(p.current);
    bundle_free(p.pending);
    (void)close(p.signal_fd);
    return p.exit_status;
}
