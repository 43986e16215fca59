// SPDX-License-Identifier: MIT
// Built from the ground up, taken down in reverse. Order of the end: no more connections, connections leave, loops
// stand still, workers finish, the store closes, and what those two posted runs while the loops are freed.
#include "martlet/wire.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "account/account.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "imap/imap_server.h"
#include "imap/share.h"
#include "intake/hub.h"
#include "intake/intake.h"
#include "martlet/bundle.h"
#include "martlet/crew.h"
#include "net/listener.h"
#include "net/tls.h"
#include "net/worker.h"
#include "smtp/server/smtp_server.h"
#include "store/store.h"

enum {
    DRAIN_MAX_MS = 10 * 1000,
    DRAIN_LOOK_US = 5 * 1000,
    HANDSHAKE_MAX_MS = 60 * 1000, // what clients allow for connecting
    READERS_MAX = 4,
    SHARE_OF_ADDRESS = 5, // one client address may have this part of a service's connections,
    IMAP_SHARE_MIN = 100, // and this many of IMAP in any case: many people can be behind one address, and they stay
};

enum protocol { PROTOCOL_IMAP, PROTOCOL_SMTP };

// What is served, by the names of ports_services. Each submission port has a limit of its own; IMAP has one for both.
enum limit { LIMIT_IMAP, LIMIT_SMTPS, LIMIT_SUBMISSION, N_LIMITS };
static const struct wired_service {
    const char *name;
    enum protocol protocol;
    enum listener_tls tls_mode;
    enum limit limit;
} services[] = {
    {"imap", PROTOCOL_IMAP, LISTENER_PLAIN, LIMIT_IMAP},
    {"imaps", PROTOCOL_IMAP, LISTENER_IMPLICIT, LIMIT_IMAP},
    {"smtps", PROTOCOL_SMTP, LISTENER_IMPLICIT, LIMIT_SMTPS},
    {"submission", PROTOCOL_SMTP, LISTENER_PLAIN, LIMIT_SUBMISSION},
};

struct wire {
    struct config_holder *config;
    struct crew *crew;
    struct worker_pool *crypt;
    struct store *store;
    struct hub *hub;
    struct account_service *accounts;
    struct intake *intake;
    struct tls_context *tls_imap, *tls_smtp;
    struct conn_limits *limits[N_LIMITS];
    struct imap_server imap;
    struct smtp_server smtp;
    struct listener *listeners[BUNDLE_LISTENERS_MAX];
    size_t n_listeners;
};

// ---- parts that a reload changes ----

static struct tls_settings tls_settings_of(const struct bundle *b, enum protocol protocol) {
    // Clients offer these when the port is not the registered one (RFC 7301 wants the selection answered).
    static const char *const alpn_imap[] = {"imap", NULL};
    static const char *const alpn_smtp[] = {"smtp", NULL};
    return (struct tls_settings){
        .cert_pem = slice_from_cstr(b->cert_pem),
        .key_pem = slice_from_cstr(b->key_pem),
        .alpn = protocol == PROTOCOL_IMAP ? alpn_imap : alpn_smtp,
    };
}

static uint32_t total_of(const struct config *c, enum limit limit) {
    return limit == LIMIT_IMAP ? c->max_imap_connections : c->max_smtp_connections;
}

static uint32_t share_of(uint32_t total, enum limit limit) {
    uint32_t share = total / SHARE_OF_ADDRESS;
    if (limit == LIMIT_IMAP && share < IMAP_SHARE_MIN)
        share = total < IMAP_SHARE_MIN ? total : IMAP_SHARE_MIN;
    return share > 0 ? share : 1;
}

static void apply_log_level(const struct config *c) {
    log_set_level(c->log_addresses ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
}

// ---- building ----

static bool build_tls(struct wire *w, const struct bundle *b, const char **ret_error) {
    struct tls_settings imap = tls_settings_of(b, PROTOCOL_IMAP), smtp = tls_settings_of(b, PROTOCOL_SMTP);
    w->tls_imap = tls_context_new(&imap, ret_error);
    w->tls_smtp = w->tls_imap != NULL ? tls_context_new(&smtp, ret_error) : NULL;
    return w->tls_smtp != NULL;
}

static bool build_store(struct wire *w, const struct config *c, const char **ret_error) {
    size_t n_loops = crew_size(w->crew);
    struct store_settings settings = {
        .dir = c->state_dir,
        .mailbox_quota = c->max_mailbox_size,
        .n_readers = (uint32_t)(n_loops < READERS_MAX ? n_loops : READERS_MAX),
    };
    w->store = store_open(&settings, ret_error);
    if (w->store == NULL)
        return false;
    w->hub = hub_new(crew_loops(w->crew), n_loops);
    store_set_on_change(w->store, hub_publish, w->hub);
    return true;
}

static void build_services(struct wire *w, const struct config *c) {
    w->crypt = worker_pool_new("crypt", crew_size(w->crew));
    w->accounts = account_service_new(w->config, w->store, w->crypt);
    w->intake = intake_new(w->config, w->store, w->accounts);
    for (int i = 0; i < N_LIMITS; i++) {
        uint32_t total = total_of(c, (enum limit)i);
        w->limits[i] = conn_limits_new(total, share_of(total, (enum limit)i));
    }
    w->imap = (struct imap_server){.config = w->config,
                                   .accounts = w->accounts,
                                   .store = w->store,
                                   .hub = w->hub,
                                   .shares = imap_share_new(),
                                   .tls = w->tls_imap};
    w->smtp =
        (struct smtp_server){.config = w->config, .accounts = w->accounts, .intake = w->intake, .tls = w->tls_smtp};
}

static const struct wired_service *find_service(const char *name) {
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        if (strcmp(services[i].name, name) == 0)
            return &services[i];
    return NULL;
}

static void add_listener(struct wire *w, int fd, const struct wired_service *s) {
    bool is_imap = s->protocol == PROTOCOL_IMAP;
    struct service service = {
        .name = s->name,
        .tls_mode = s->tls_mode,
        .tls = is_imap ? w->tls_imap : w->tls_smtp,
        .limits = w->limits[s->limit],
        .handshake_timeout_ms = HANDSHAKE_MAX_MS,
        .ops = is_imap ? &imap_session_ops : &smtp_session_ops,
        .on_open = is_imap ? imap_session_open : smtp_session_open,
        .arg = is_imap ? (void *)&w->imap : (void *)&w->smtp,
    };
    // Sockets are spread over the loops, so that no single one does all the accepting.
    size_t n = crew_size(w->crew);
    struct loop *const *loops = crew_loops(w->crew);
    w->listeners[w->n_listeners] = listener_new(fd, loops[w->n_listeners % n], loops, n, &service);
    w->n_listeners++;
}

static bool build_listeners(struct wire *w, const struct bundle *b, const char **ret_error) {
    for (size_t i = 0; i < b->n_listeners; i++) {
        const struct wired_service *s = find_service(b->listeners[i].service);
        if (s == NULL) {
            *ret_error = "the parent passed a socket for a service that this relay does not have";
            return false;
        }
        add_listener(w, b->listeners[i].fd, s);
    }
    return true;
}

// ---- taking down ----

static void free_listeners(struct wire *w) {
    for (size_t i = 0; i < w->n_listeners; i++)
        listener_free(w->listeners[i]);
    w->n_listeners = 0;
}

// Of a wire whose loops stand still, or that was built in part only.
static void take_down(struct wire *w) {
    free_listeners(w);
    if (w->crypt != NULL)
        worker_pool_free(w->crypt);
    if (w->store != NULL)
        store_close(w->store);
    crew_free(w->crew); // runs what workers and store have posted
    for (int i = 0; i < N_LIMITS; i++)
        if (w->limits[i] != NULL)
            conn_limits_free(w->limits[i]);
    imap_share_free(w->imap.shares);
    if (w->intake != NULL)
        intake_free(w->intake);
    if (w->accounts != NULL)
        account_service_free(w->accounts);
    if (w->hub != NULL)
        hub_free(w->hub);
    if (w->tls_smtp != NULL)
        tls_context_free(w->tls_smtp);
    if (w->tls_imap != NULL)
        tls_context_free(w->tls_imap);
    config_holder_free(w->config);
    free(w);
}

struct wire *wire_start(struct config *config, const struct bundle *bundle, const char **ret_error) {
    struct wire *w = MEM_NEW(struct wire);
    w->config = config_holder_new(config);
    w->crew = crew_new();
    apply_log_level(config);
    bool ok = build_tls(w, bundle, ret_error) && build_store(w, config, ret_error);
    if (ok) {
        build_services(w, config);
        ok = build_listeners(w, bundle, ret_error);
    }
    if (!ok) {
        take_down(w);
        return NULL;
    }
    crew_start(w->crew);
    log_info("relay.serving", "loops=%zu listeners=%zu", crew_size(w->crew), w->n_listeners);
    return w;
}

bool wire_reload(struct wire *w, struct config *config, const struct bundle *bundle, const char **ret_error) {
    struct tls_settings imap = tls_settings_of(bundle, PROTOCOL_IMAP), smtp = tls_settings_of(bundle, PROTOCOL_SMTP);
    // The second can only fail for a reason that the first has, so both are replaced or none.
    if (!tls_context_replace(w->tls_imap, &imap, ret_error) || !tls_context_replace(w->tls_smtp, &smtp, ret_error)) {
        config_free(config);
        return false;
    }
    for (int i = 0; i < N_LIMITS; i++) {
        uint32_t total = total_of(config, (enum limit)i);
        conn_limits_set(w->limits[i], total, share_of(total, (enum limit)i));
    }
    store_set_mailbox_quota(w->store, config->max_mailbox_size);
    apply_log_level(config);
    config_holder_replace(w->config, config);
    return true;
}

static void stop_listeners_of(void *arg, struct loop *loop, size_t index) {
    struct wire *w = arg;
    for (size_t i = index; i < w->n_listeners; i += crew_size(w->crew))
        listener_stop(w->listeners[i]);
}

static void shut_down_connections(void *arg, struct loop *loop, size_t index) {
    conn_shutdown_all(loop);
}

bool wire_stop(struct wire *w) {
    // In two rounds: a connection accepted at the last moment has reached its loop when the second begins.
    crew_call(w->crew, stop_listeners_of, w);
    crew_call(w->crew, shut_down_connections, w);
    uint64_t deadline = clock_mono_ms() + DRAIN_MAX_MS;
    while (conn_count() > 0 && clock_mono_ms() < deadline)
        (void)usleep(DRAIN_LOOK_US);
    crew_stop(w->crew);
    size_t cut = conn_count();
    if (cut == 0) {
        take_down(w);
        return true;
    }
    // Their sessions still refer to what would be freed here. The store closes in order, the process ends.
    log_warning("relay.connections_cut", "count=%zu", cut);
    worker_pool_free(w->crypt);
    store_close(w->store);
    return false;
}
