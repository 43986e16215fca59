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
#include "intake/hub.h"
#include "intake/intake.h"
#include "martlet/bundle.h"
#include "martlet/crew.h"
#include "martlet/wire_services.h"
#include "martlet/wire_tls.h"
#include "net/listener.h"
#include "net/worker.h"
#include "store/store.h"

enum {
    DRAIN_MAX_MS = 10 * 1000,
    DRAIN_LOOK_US = 5 * 1000,
    READERS_MAX = 4,
};

struct wire {
    struct config_holder *config;
    struct crew *crew;
    struct worker_pool *crypt;
    struct store *store;
    struct hub *hub;
    struct account_service *accounts;
    struct intake *intake;
    struct wire_tls tls;
    struct wire_services *services;
    struct listener *listeners[BUNDLE_LISTENERS_MAX];
    size_t n_listeners;
};

// ---- building ----

static void apply_log_level(const struct config *c) {
    log_set_level(c->log_addresses ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
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

static void build_services(struct wire *w, const struct bundle *b) {
    w->crypt = worker_pool_new("crypt", crew_size(w->crew));
    w->accounts = account_service_new(w->config, w->store, w->crypt);
    w->intake = intake_new(
        &(struct intake_settings){.config = w->config, .store = w->store, .accounts = w->accounts, .crypt = w->crypt});
    struct wire_rooms rooms = {
        .config = w->config,
        .accounts = w->accounts,
        .store = w->store,
        .hub = w->hub,
        .intake = w->intake,
        .tls = &w->tls,
    };
    w->services = wire_services_new(&rooms, b);
}

static bool build_listeners(struct wire *w, const struct bundle *b, const char **ret_error) {
    // Sockets are spread over the loops, so that no single one does all the accepting.
    size_t n = crew_size(w->crew);
    struct loop *const *loops = crew_loops(w->crew);
    for (size_t i = 0; i < b->n_listeners; i++) {
        struct service service;
        if (!wire_services_find(w->services, &b->listeners[i], &service)) {
            *ret_error = "the parent passed a socket for a service that this relay does not have";
            return false;
        }
        w->listeners[w->n_listeners++] = listener_new(b->listeners[i].fd, loops[i % n], loops, n, &service);
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
    wire_services_free(w->services);
    if (w->intake != NULL)
        intake_free(w->intake);
    if (w->accounts != NULL)
        account_service_free(w->accounts);
    if (w->hub != NULL)
        hub_free(w->hub);
    wire_tls_done(&w->tls);
    config_holder_free(w->config);
    free(w);
}

struct wire *wire_start(struct config *config, const struct bundle *bundle, const char **ret_error) {
    struct wire *w = MEM_NEW(struct wire);
    w->config = config_holder_new(config);
    w->crew = crew_new();
    apply_log_level(config);
    bool ok = wire_tls_init(&w->tls, bundle, ret_error) && build_store(w, config, ret_error);
    if (ok) {
        build_services(w, bundle);
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
    if (!wire_tls_replace(&w->tls, bundle, ret_error)) {
        config_free(config);
        return false;
    }
    store_set_mailbox_quota(w->store, config->max_mailbox_size);
    apply_log_level(config);
    config_holder_replace(w->config, config);
    wire_services_reload(w->services, config, bundle);
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
