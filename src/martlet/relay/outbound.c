// SPDX-License-Identifier: MIT
#include "martlet/relay/outbound.h"

#include <semaphore.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "expire/expire.h"
#include "intake/intake.h"
#include "martlet/dkim/keeper.h"
#include "martlet/dns/wire_dns.h"
#include "martlet/host/crew.h"
#include "net/dns.h"
#include "net/http_client.h"
#include "net/tls_client.h"
#include "push/gateway.h"
#include "push/push.h"
#include "queue/mxdeliv.h"
#include "queue/queue.h"
#include "queue/route.h"
#include "smtp/client/smtp_client.h"
#include "store/queue_ops.h"

enum { STOP_MAX_MS = 5 * 1000 };

static _Thread_local char error_text[FILES_ERROR_MAX]; // it outlives what could not be built

struct outbound {
    struct outbound_settings settings;
    struct crew *crew; // of one
    struct loop *loop;
    struct dns_resolver *dns;
    struct tls_client_context *tls;
    struct http_client *http;
    struct smtp_client *smtp;
    struct mxdeliv_client *mxdeliv;
    struct route_finder *routes;
    struct queue *queue;
    struct dkim_keeper *keeper; // NULL: our domain is an IP address, nothing is signed
    struct push *push;
    struct expire *expire;
    bool running;
    bool resting;    // queue and push were told to stop
    size_t n_active; // of the two; on the loop
    sem_t stopped;
};

// ---- building ----

static struct tls_client_settings tls_settings_of(const struct config *c) {
    return (struct tls_client_settings){.ca_file = c->ca_file[0] != '\0' ? c->ca_file : NULL};
}

static bool build_clients(struct outbound *o, const struct config *c, const char **ret_error) {
    o->dns = wire_dns_new(c, o->loop, !o->settings.has_place_in_dns, ret_error);
    if (o->dns == NULL)
        return false;
    struct tls_client_settings tls = tls_settings_of(c);
    o->tls = tls_client_context_new(&tls, ret_error);
    if (o->tls == NULL)
        return false;
    o->http = http_client_new(o->loop, &(struct http_client_settings){.tls = o->tls});
    return true;
}

struct outbound *outbound_new(const struct outbound_settings *s, const char **ret_error) {
    struct outbound *o = MEM_NEW(struct outbound);
    o->settings = *s;
    o->crew = crew_new("outbound", 1);
    o->loop = crew_loops(o->crew)[0];
    ASSERT(sem_init(&o->stopped, 0, 0) == 0);
    const struct config *c = config_acquire(s->config);
    bool ok = build_clients(o, c, ret_error);
    config_release(s->config, c);
    if (!ok) {
        outbound_end(o);
        outbound_free(o);
        return NULL;
    }
    return o;
}

struct crew *outbound_crew(struct outbound *o) {
    return o->crew;
}

struct dns_resolver *outbound_dns(struct outbound *o) {
    return o->dns;
}

static void use_signers(void *arg, const struct dkim_signer *signers, size_t n) {
    intake_set_signers(arg, signers, n);
}

static bool build_keeper(struct outbound *o, const struct config *c, struct intake *intake, const char **ret_error) {
    if (config_domain_is_literal(c))
        return true;
    struct dkim_keeper_settings s = {
        .state_dir = c->state_dir,
        .domain = c->mail_domain,
        .selector = c->dkim_selector,
        .loop = o->loop,
        .workers = o->settings.workers,
        .dns = o->settings.has_place_in_dns ? o->dns : NULL,
        .use = use_signers,
        .arg = intake,
    };
    o->keeper = dkim_keeper_new(&s, error_text);
    *ret_error = error_text;
    return o->keeper != NULL;
}

static void build_queue(struct outbound *o) {
    struct config_holder *config = o->settings.config;
    o->routes = route_finder_new(&(struct route_settings){
        .config = config, .loop = o->loop, .dns = o->dns, .http = o->http, .store = o->settings.store});
    o->smtp = smtp_client_new(&(struct smtp_client_settings){.config = config, .loop = o->loop, .tls = o->tls});
    o->mxdeliv =
        mxdeliv_client_new(&(struct mxdeliv_client_settings){.config = config, .loop = o->loop, .http = o->http});
    o->queue = queue_new(&(struct queue_settings){
        .config = config,
        .store = o->settings.store,
        .loop = o->loop,
        .routes = o->routes,
        .https = mxdeliv_client_transport(o->mxdeliv),
        .smtp = smtp_client_transport(o->smtp),
    });
}

static void build_push(struct outbound *o) {
    o->push = push_new(&(struct push_settings){
        .config = o->settings.config,
        .store = o->settings.store,
        .loop = o->loop,
        .dns = o->dns,
        .tls = o->tls,
        .has_place_in_dns = o->settings.has_place_in_dns,
    });
}

bool outbound_build(struct outbound *o, struct intake *intake, const char **ret_error) {
    const struct config *c = config_acquire(o->settings.config);
    bool ok = build_keeper(o, c, intake, ret_error);
    config_release(o->settings.config, c);
    if (!ok)
        return false;
    build_queue(o);
    build_push(o);
    o->expire = expire_new(&(struct expire_settings){
        .config = o->settings.config,
        .store = o->settings.store,
        .loop = o->loop,
        .is_in_use = o->settings.is_in_use,
        .arg = o->settings.in_use_arg,
    });
    return true;
}

void outbound_reload(struct outbound *o, const struct config *c) {
    struct tls_client_settings tls = tls_settings_of(c);
    const char *error = "";
    if (!tls_client_context_replace(o->tls, &tls, &error))
        log_warning("tls.roots_stay", "reason=\"%s; those in use stay\"", error);
    if (o->keeper != NULL)
        dkim_keeper_reload(o->keeper);
    push_reload(o->push);
}

// ---- running ----

static void start_on_loop(void *arg, struct loop *loop, size_t index) {
    struct outbound *o = arg;
    queue_start(o->queue);
    push_start(o->push);
    expire_start(o->expire);
    if (o->keeper != NULL)
        dkim_keeper_start(o->keeper);
}

void outbound_start(struct outbound *o) {
    crew_start(o->crew);
    o->running = true;
    crew_call(o->crew, start_on_loop, o);
}

static void on_stopped(void *arg) {
    struct outbound *o = arg;
    if (--o->n_active == 0)
        ASSERT(sem_post(&o->stopped) == 0);
}

static void stop_on_loop(void *arg, struct loop *loop, size_t index) {
    struct outbound *o = arg;
    if (o->keeper != NULL)
        dkim_keeper_stop(o->keeper);
    expire_stop(o->expire);
    o->n_active = 2;
    queue_stop(o->queue, STOP_MAX_MS, on_stopped, o);
    push_stop(o->push, STOP_MAX_MS, on_stopped, o);
}

static void stop_resolver(void *arg, struct loop *loop, size_t index) {
    struct outbound *o = arg;
    dns_resolver_stop(o->dns);
}

void outbound_rest(struct outbound *o) {
    if (o == NULL || !o->running || o->resting)
        return;
    o->resting = true;
    crew_call(o->crew, stop_on_loop, o);
}

void outbound_stop(struct outbound *o) {
    if (o == NULL || !o->running)
        return;
    outbound_rest(o);
    while (sem_wait(&o->stopped) != 0) // a signal may interrupt it
        ;
    crew_call(o->crew, stop_resolver, o);
    crew_stop(o->crew);
    o->running = false;
}

// ---- taking down ----

void outbound_end(struct outbound *o) {
    if (o == NULL)
        return;
    if (o->queue != NULL)
        queue_free(o->queue);
    push_free(o->push);
    expire_free(o->expire);
    smtp_client_free(o->smtp);
    mxdeliv_client_free(o->mxdeliv);
    route_finder_free(o->routes);
    if (o->http != NULL)
        http_client_free(o->http);
    if (o->dns != NULL)
        dns_resolver_stop(o->dns);
    crew_free(o->crew);
    o->crew = NULL;
    dkim_keeper_free(o->keeper);
    tls_client_context_free(o->tls);
}

void outbound_free(struct outbound *o) {
    if (o == NULL)
        return;
    if (o->dns != NULL)
        dns_resolver_free(o->dns);
    (void)sem_destroy(&o->stopped);
    free(o);
}

// ---- for the control socket ----

bool outbound_signs(const struct outbound *o) {
    return o->keeper != NULL;
}

bool outbound_notifies(const struct outbound *o, const struct config *c, const char **ret_why) {
    *ret_why = NULL;
    return gateway_is_wanted(c, o->settings.has_place_in_dns, ret_why);
}

json_t *outbound_dkim_list(void *arg) {
    return dkim_keeper_list(((struct outbound *)arg)->keeper);
}

void outbound_dkim_reload(void *arg) {
    dkim_keeper_reload(((struct outbound *)arg)->keeper);
}

void outbound_give_up(void *arg, struct slice destination, uint64_t due_id) {
    struct outbound *o = arg;
    queue_give_up(o->queue, destination, due_id);
}
