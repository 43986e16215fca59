// SPDX-License-Identifier: MIT
// Built from the ground up, taken down in reverse. Order of the end: no more connections, connections leave, loops
// stand still, workers finish, the store closes, and what those two posted runs while the loops are freed.
#include "martlet/relay/wire.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "account/account.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "imap/share.h"
#include "intake/hub.h"
#include "intake/intake.h"
#include "martlet/handover/bundle.h"
#include "martlet/handover/watchdog.h"
#include "martlet/host/crew.h"
#include "martlet/host/notify.h"
#include "martlet/relay/outbound.h"
#include "martlet/relay/pressure_watch.h"
#include "martlet/relay/pulse.h"
#include "martlet/relay/wire_realtime.h"
#include "martlet/relay/wire_services.h"
#include "martlet/relay/wire_tls.h"
#include "martlet/web/announce.h"
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
    struct table *shares; // sessions of each account
    struct account_service *accounts;
    struct intake *intake;
    struct outbound *outbound;
    struct wire_tls tls;
    struct wire_realtime *realtime;
    struct pressure_watch *pressure;
    struct wire_services *services;
    struct listener *listeners[BUNDLE_LISTENERS_MAX];
    size_t n_listeners;
    struct pulse *pulse;
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

static bool is_in_use(void *arg, uint64_t account_id) {
    return imap_share_has(arg, account_id);
}

// What mail from here to elsewhere, and from elsewhere to here, goes through.
static bool build_mail(struct wire *w, const struct bundle *b, const struct config *c, const char **ret_error) {
    w->crypt = worker_pool_new("crypt", crew_size(w->crew));
    w->accounts = account_service_new(w->config, w->store, w->crypt);
    struct outbound_settings out = {
        .config = w->config,
        .store = w->store,
        .workers = w->crypt,
        .has_place_in_dns = announce_is_in_dns(c, b->is_dev),
        .is_in_use = is_in_use,
        .in_use_arg = w->shares,
    };
    w->outbound = outbound_new(&out, ret_error);
    if (w->outbound == NULL)
        return false;
    w->intake = intake_new(&(struct intake_settings){.config = w->config,
                                                     .store = w->store,
                                                     .accounts = w->accounts,
                                                     .crypt = w->crypt,
                                                     .dns = outbound_dns(w->outbound)});
    return outbound_build(w->outbound, w->intake, ret_error);
}

static void build_services(struct wire *w, const struct bundle *b, const struct config *c) {
    const struct wire_realtime_rooms loops = {w->store, crew_loops(w->crew), crew_size(w->crew)};
    w->realtime = wire_realtime_new(&loops, c, b);
    w->pressure = pressure_watch_new(w->config, w->store, crew_loops(w->crew), crew_size(w->crew));
    struct wire_rooms rooms = {
        .config = w->config,
        .accounts = w->accounts,
        .store = w->store,
        .hub = w->hub,
        .shares = w->shares,
        .intake = w->intake,
        .outbound = w->outbound,
        .tls = &w->tls,
        .realtime = w->realtime,
        .pressure = w->pressure,
    };
    w->services = wire_services_new(&rooms, c, b);
}

static bool build_listeners(struct wire *w, const struct bundle *b, const char **ret_error) {
    // Sockets are spread over the loops, so that no single one does all the accepting.
    size_t n = crew_size(w->crew);
    struct loop *const *loops = crew_loops(w->crew);
    for (size_t i = 0; i < b->n_listeners; i++) {
        struct service service;
        if (wire_realtime_add_socket(w->realtime, &b->listeners[i]))
            continue;
        if (!wire_services_find(w->services, &b->listeners[i], &service)) {
            *ret_error = "the parent passed a socket for a service that this relay does not have";
            return false;
        }
        w->listeners[w->n_listeners++] = listener_new(b->listeners[i].fd, loops[i % n], loops, n, &service);
    }
    return true;
}

static void build_pulse(struct wire *w) {
    w->pulse = pulse_new(&(struct pulse_settings){
        .crews = {w->crew, outbound_crew(w->outbound)},
        .n_crews = 2,
        .listeners = w->listeners,
        .n_listeners = w->n_listeners,
        .workers = w->crypt,
        .store = w->store,
        .every_ms = watchdog_every_ms(notify_watchdog_ms()),
    });
}

// ---- taking down ----

static void free_listeners(struct wire *w) {
    for (size_t i = 0; i < w->n_listeners; i++)
        listener_free(w->listeners[i]);
    w->n_listeners = 0;
}

// Of a wire whose loops stand still, or that was built in part only.
static void take_down(struct wire *w) {
    pulse_end(w->pulse);
    free_listeners(w);
    outbound_stop(w->outbound);
    if (w->crypt != NULL)
        worker_pool_free(w->crypt);
    if (w->store != NULL)
        store_close(w->store);
    wire_realtime_end(w->realtime);
    outbound_end(w->outbound); // this and the next run what workers and store have posted
    crew_free(w->crew);
    pulse_free(w->pulse);
    wire_services_free(w->services);
    imap_share_free(w->shares);
    pressure_watch_free(w->pressure);
    wire_realtime_free(w->realtime);
    if (w->intake != NULL)
        intake_free(w->intake);
    outbound_free(w->outbound);
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
    w->crew = crew_new("loop", 0);
    w->shares = imap_share_new();
    apply_log_level(config);
    bool ok = wire_tls_init(&w->tls, bundle, ret_error) && build_store(w, config, ret_error) &&
              build_mail(w, bundle, config, ret_error);
    if (ok) {
        build_services(w, bundle, config);
        ok = build_listeners(w, bundle, ret_error);
    }
    if (!ok) {
        take_down(w);
        return NULL;
    }
    crew_start(w->crew);
    outbound_start(w->outbound);
    build_pulse(w);
    pressure_watch_tick(w->pressure); // a relay that comes back into the same crowd knows it
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
    outbound_reload(w->outbound, config);
    wire_services_reload(w->services, config, bundle);
    return true;
}

void wire_tick(struct wire *w, uint64_t now_ms) {
    if (pressure_watch_wait_ms(w->pressure, now_ms) == 0)
        pressure_watch_tick(w->pressure);
    wire_services_tick(w->services);
}

bool wire_pulse(struct wire *w, uint64_t now_ms) {
    return pulse_tick(w->pulse, now_ms);
}

uint64_t wire_wait_ms(const struct wire *w, uint64_t now_ms) {
    uint64_t pulse = pulse_wait_ms(w->pulse, now_ms), pressure = pressure_watch_wait_ms(w->pressure, now_ms);
    return pulse < pressure ? pulse : pressure;
}

static void stop_listeners_of(void *arg, struct loop *loop, size_t index) {
    struct wire *w = arg;
    for (size_t i = 0; i < w->n_listeners; i++)
        if (listener_loop(w->listeners[i]) == loop)
            listener_stop(w->listeners[i]);
    wire_realtime_stop(w->realtime, loop);
}

static void shut_down_connections(void *arg, struct loop *loop, size_t index) {
    conn_shutdown_all(loop);
}

bool wire_stop(struct wire *w) {
    // In two rounds: a connection accepted at the last moment has reached its loop when the second begins.
    crew_call(w->crew, stop_listeners_of, w);
    outbound_rest(w->outbound); // its connections count, too
    crew_call(w->crew, shut_down_connections, w);
    uint64_t deadline = clock_mono_ms() + DRAIN_MAX_MS;
    while (conn_count() > 0 && clock_mono_ms() < deadline)
        (void)usleep(DRAIN_LOOK_US);
    crew_stop(w->crew);
    outbound_stop(w->outbound);
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
