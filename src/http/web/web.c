// SPDX-License-Identifier: MIT
#include "http/web/web.h"

#include <pthread.h>
#include <stdio.h>

#include "base/mem.h"
#include "http/route.h"
#include "http/web/answer.h"
#include "http/web/challenge.h"
#include "http/web/endpoints.h"
#include "http/web/host.h"
#include "http/web/site.h"

enum { GUESTS_MAX = 16, QR_PATH_SIZE = 512 };

static const char mta_sts_path[] = "/.well-known/mta-sts.txt";
static const char autoconfig_path[] = "/.well-known/autoconfig/mail/config-v1.1.xml";
static const char autoconfig_short_path[] = "/mail/config-v1.1.xml"; // on a host of its own

struct web {
    struct config_holder *config;
    struct account_service *accounts;
    struct challenges *challenges;
    struct guest {
        struct http_route route;
        void *arg;
        bool (*is_open)(void *arg); // of a route on port 80; NULL: it is one on port 443
    } guests[GUESTS_MAX];
    size_t n_guests;
    pthread_mutex_t lock; // of the pointer below
    struct site *site;
};

struct web *web_new(const struct web_settings *s) {
    struct web *w = MEM_NEW(struct web);
    w->config = s->config;
    w->accounts = s->accounts;
    w->challenges = challenges_new();
    ASSERT(pthread_mutex_init(&w->lock, NULL) == 0);
    w->site = site_new(s);
    return w;
}

void web_reload(struct web *w, const struct web_place *place, const struct pages_parts *parts) {
    struct site *next = site_new(
        &(struct web_settings){.config = w->config, .accounts = w->accounts, .place = *place, .parts = *parts});
    ASSERT(pthread_mutex_lock(&w->lock) == 0);
    struct site *old = w->site;
    w->site = next;
    ASSERT(pthread_mutex_unlock(&w->lock) == 0);
    site_release(old);
}

void web_free(struct web *w) {
    if (w == NULL)
        return;
    site_release(w->site);
    (void)pthread_mutex_destroy(&w->lock);
    challenges_free(w->challenges);
    free(w);
}

static struct site *acquire_site(struct web *w) {
    ASSERT(pthread_mutex_lock(&w->lock) == 0);
    struct site *s = site_ref(w->site);
    ASSERT(pthread_mutex_unlock(&w->lock) == 0);
    return s;
}

static void add_guest(struct web *w, const struct guest *g) {
    ASSERT(w->n_guests < GUESTS_MAX);
    w->guests[w->n_guests++] = *g;
}

void web_add_route(struct web *w, const struct http_route *route, void *arg) {
    add_guest(w, &(struct guest){.route = *route, .arg = arg});
}

void web_add_http_route(struct web *w, const struct http_route *route, bool (*is_open)(void *arg), void *arg) {
    ASSERT(is_open != NULL);
    add_guest(w, &(struct guest){.route = *route, .arg = arg, .is_open = is_open});
}

bool web_challenge_set(struct web *w, struct slice token, struct slice authorization) {
    return challenges_set(w->challenges, token, authorization);
}

void web_challenge_clear(struct web *w, struct slice token) {
    challenges_clear(w->challenges, token);
}

static bool guest_is_at_home(const struct guest *g, bool on_http) {
    return on_http ? g->is_open != NULL && g->is_open(g->arg) : g->is_open == NULL;
}

static bool run_guests(struct web *w, struct http_exchange *x, bool on_http) {
    for (size_t i = 0; i < w->n_guests; i++) {
        const struct guest *g = &w->guests[i];
        if (guest_is_at_home(g, on_http) && http_route_run(&g->route, 1, g->arg, x))
            return true;
    }
    return false;
}

// ---- port 443 ----

static const struct http_route autoconfig_routes[] = {
    {autoconfig_path, HTTP_ALLOW_GET, web_get_autoconfig},
    {autoconfig_short_path, HTTP_ALLOW_GET, web_get_autoconfig},
};
static const struct http_route mta_sts_routes[] = {{mta_sts_path, HTTP_ALLOW_GET, web_get_mta_sts}};

static void run_or_go_home(struct site *s, struct http_exchange *x, const struct http_route *routes, size_t n) {
    if (!http_route_run(routes, n, s, x))
        host_redirect_home(s, x);
}

static void run_domain(struct site *s, struct http_exchange *x) {
    char png[QR_PATH_SIZE], svg[QR_PATH_SIZE];
    (void)snprintf(png, sizeof(png), "/qr-chatmail-invite-%s.png", s->host);
    (void)snprintf(svg, sizeof(svg), "/qr-chatmail-invite-%s.svg", s->host);
    const struct http_route routes[] = {
        {"/new", HTTP_ALLOW_GET | HTTP_ALLOW_POST, web_run_new},
        {"/cgi-bin/newemail.py", HTTP_ALLOW_GET | HTTP_ALLOW_POST, web_run_new},
        {autoconfig_path, HTTP_ALLOW_GET, web_get_autoconfig},
        {mta_sts_path, HTTP_ALLOW_GET, web_get_mta_sts},
        {"/generate_204", HTTP_ALLOW_GET, web_get_204},
        {"/robots.txt", HTTP_ALLOW_GET, web_get_robots},
        {"/favicon.ico", HTTP_ALLOW_GET, web_get_favicon},
        {png, HTTP_ALLOW_GET, web_get_qr_png},
        {svg, HTTP_ALLOW_GET, web_get_qr_svg},
        {"/", HTTP_ALLOW_GET, web_get_page},
        {"/*", HTTP_ALLOW_GET, web_get_page},
    };
    if (!http_route_run(routes, ARRAY_LEN(routes), s, x))
        answer_text(x, s, 404, "Not found.\n");
}

void web_on_https_request(void *arg, struct http_exchange *x) {
    struct web *w = arg;
    if (run_guests(w, x, false))
        return;
    struct site *s = acquire_site(w);
    switch (host_kind(s, http_exchange_request(x)->host)) {
    case HOST_WWW:
        host_redirect(s, x, slice_from_cstr(s->host), false);
        break;
    case HOST_MTA_STS:
        run_or_go_home(s, x, mta_sts_routes, ARRAY_LEN(mta_sts_routes));
        break;
    case HOST_AUTOCONFIG:
        run_or_go_home(s, x, autoconfig_routes, ARRAY_LEN(autoconfig_routes));
        break;
    case HOST_OF_DOMAIN:
    case HOST_FOREIGN:
        run_domain(s, x);
        break;
    }
    site_release(s);
}

// ---- port 80 ----

// RFC 8555 section 8.3. The path is the token's alone, so an unknown one is not sent elsewhere.
static void get_challenge(void *arg, struct http_exchange *x) {
    static const struct slice prefix = {"/.well-known/acme-challenge/", 28};
    struct web *w = arg;
    struct slice path = http_exchange_request(x)->path;
    char text[CHALLENGE_TEXT_MAX + 1];
    if (challenges_find(w->challenges, slice_sub(path, prefix.len, path.len), text))
        answer_text(x, NULL, 200, text);
    else
        answer_text(x, NULL, 404, "No such challenge.\n");
}

static const struct http_route plain_routes[] = {
    {"/.well-known/acme-challenge/*", HTTP_ALLOW_GET, get_challenge},
    {"/generate_204", HTTP_ALLOW_GET, web_get_204},
};

// The name by which the client has come, if that is one of ours.
static struct slice host_to_go_to(const struct site *s, struct slice asked) {
    if (host_kind(s, asked) != HOST_FOREIGN)
        return asked;
    return slice_from_cstr(s->place.dev_host != NULL ? s->place.dev_host : s->host);
}

void web_on_http_request(void *arg, struct http_exchange *x) {
    struct web *w = arg;
    if (http_route_run(plain_routes, ARRAY_LEN(plain_routes), w, x) || run_guests(w, x, true))
        return;
    struct site *s = acquire_site(w);
    host_redirect(s, x, host_to_go_to(s, http_exchange_request(x)->host), true);
    site_release(s);
}
