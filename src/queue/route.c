// SPDX-License-Identifier: MIT
// Asks for the MX records and, beside that, for the domain's MTA-STS policy; then for all hosts side by side.
// Everything is bounded: ROUTE_HOSTS_MAX hosts with TRANSPORT_ADDRESSES_MAX addresses each; aliases are followed, and
// their loops found, by the resolver.
#include "queue/route.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "queue/route_request.h"

static void free_request(struct route_request *r) {
    dns_query_cancel(&r->mx);
    sts_cancel(r->sts);
    for (size_t i = 0; i < r->n_hosts; i++)
        host_lookup_done(&r->hosts[i]);
    free(r->hosts);
    loop_timer_done(&r->at_once);
    r->finder->n_requests--;
    free(r->sts_mx);
    free(r->destination);
    free(r);
}

static void hand_over(struct route_request *r, struct route *route) {
    void (*done)(void *arg, struct route *route) = r->done;
    void *arg = r->arg;
    free_request(r);
    done(arg, route);
}

// There is no way for this destination, whatever else would be found out.
static void fail(struct route_request *r) {
    ASSERT(r->failure.code != 0 && r->n_hosts == 0);
    hand_over(r, route_conclude(r));
}

static void proceed(struct route_request *r) {
    if (r->mx_is_done && r->n_left == 0 && r->sts == NULL)
        hand_over(r, route_conclude(r));
}

// ---- hosts ----

static void on_host(void *arg, struct host_lookup *h) {
    struct route_request *r = arg;
    r->n_left--;
    proceed(r);
}

static void expect_hosts(struct route_request *r, size_t n) {
    r->hosts = mem_zalloc(n < ROUTE_HOSTS_MAX ? n : ROUTE_HOSTS_MAX, sizeof(*r->hosts));
}

static void add_host(struct route_request *r, const char *name, uint16_t preference) {
    struct host_lookup *h = &r->hosts[r->n_hosts++];
    (void)snprintf(h->name, sizeof(h->name), "%s", name);
    h->preference = preference;
}

static void start_hosts(struct route_request *r, bool is_secure) {
    const struct route_settings *s = &r->finder->s;
    const struct config *c = config_acquire(s->config);
    bool use_ipv6 = !c->disable_ipv6;
    config_release(s->config, c);
    r->mx_is_done = true;
    r->n_left = r->n_hosts;
    for (size_t i = 0; i < r->n_hosts; i++)
        host_lookup_start(&r->hosts[i], s->dns, s->loop, use_ipv6, is_secure && !r->any_certificate, on_host, r);
}

// ---- MX ----

// RFC 5321 section 5.1: where we stand in the list ourselves, mail may only go to hosts that are preferred to us, or it
// would come back for ever. Returns how many are left of the list.
static size_t cut_at_ourselves(struct route_request *r, const struct dns_mx *list, size_t n) {
    const struct config *c = config_acquire(r->finder->s.config);
    size_t self = 0, left = n;
    while (self < n && strcmp(list[self].host.text, c->mail_domain) != 0)
        self++;
    if (self < n)
        for (left = 0; list[left].preference < list[self].preference; left++)
            ;
    config_release(r->finder->s.config, c);
    return left;
}

static void take_list(struct route_request *r, const struct dns_answer *a) {
    struct dns_mx *list = mem_zalloc(DNS_RECORDS_MAX, sizeof(*list));
    bool is_null = false;
    size_t n = dns_mx_parse_all(a, list, DNS_RECORDS_MAX, &is_null);
    size_t left = cut_at_ourselves(r, list, n);
    expect_hosts(r, left);
    for (size_t i = 0; i < left && i < ROUTE_HOSTS_MAX; i++)
        add_host(r, list[i].host.text, list[i].preference);
    r->is_cut = left > ROUTE_HOSTS_MAX || n == DNS_RECORDS_MAX;
    free(list);
    if (is_null)
        route_reply_set(&r->failure, "556 5.1.10 Permanent failure: Recipient address has null MX");
    else if (n == 0)
        route_reply_set(&r->failure, "421 DNS resolution failed for %s: no MX record of it can be used",
                        r->destination);
    else if (left == 0)
        route_reply_set(&r->failure, "554 5.4.6 Mail for %s would come back: its best MX host is this relay",
                        r->destination);
}

static void on_mx(void *arg, const struct dns_answer *a) {
    struct route_request *r = arg;
    r->mx_ttl = a->ttl;
    switch (a->status) {
    case DNS_OK:
        take_list(r, a);
        break;
    case DNS_NODATA: // the domain is its own host (RFC 5321 section 5.1)
        expect_hosts(r, 1);
        add_host(r, r->destination, 0);
        r->mx_ttl = UINT32_MAX;
        break;
    case DNS_NXDOMAIN:
        route_reply_set(&r->failure, "512 Domain %s does not exist", r->destination);
        break;
    case DNS_FAILED:
        route_reply_set(&r->failure, "421 DNS resolution failed for %s", r->destination);
        break;
    case DNS_BOGUS:
        route_reply_set(&r->failure, "421 DNS resolution failed for %s: the answer is not validly signed (DNSSEC)",
                        r->destination);
        break;
    }
    if (r->failure.code != 0)
        fail(r);
    else
        start_hosts(r, a->secure);
}

// ---- MTA-STS ----

static void on_sts(void *arg, const struct sts_answer *a) {
    struct route_request *r = arg;
    r->sts = NULL;
    r->sts_mode = a->mode;
    r->sts_is_late = a->is_late;
    r->sts_mx = slice_dup(a->mx);
    proceed(r);
}

// ---- a request ----

// "[192.0.2.1]" or "[IPv6:2001:db8::1]" (RFC 5321 section 4.1.3).
static bool parse_literal(struct slice d, char ret_text[NET_ADDRESS_TEXT_MAX], struct net_address *ret) {
    if (d.len < 2 || d.ptr[0] != '[' || d.ptr[d.len - 1] != ']')
        return false;
    d = slice_sub(d, 1, d.len - 1);
    bool is_ipv6 = slice_starts_with_ci(d, SLICE("IPv6:"));
    d = is_ipv6 ? slice_sub(d, 5, d.len) : d;
    struct net_address a = {.port = 0};
    if (!net_address_parse(d, &a) || net_address_is_ipv4(&a) == is_ipv6 || net_address_is_none(&a))
        return false;
    net_address_write(&a, ret_text);
    *ret = a;
    return true;
}

static void on_at_once(struct loop_timer *timer) {
    struct route_request *r = CONTAINER_OF(timer, struct route_request, at_once);
    char text[NET_ADDRESS_TEXT_MAX];
    struct net_address address;
    if (parse_literal(slice_from_cstr(r->destination), text, &address)) {
        hand_over(r, route_to_literal(r, text, &address));
    } else {
        route_reply_set(&r->failure, "501 5.1.2 %s is no domain name", r->destination);
        fail(r);
    }
}

static char *lower(struct slice s) {
    char *text = slice_dup(s);
    for (char *c = text; *c != '\0'; c++)
        *c = ascii_lower(*c);
    return text;
}

struct route_request *route_find(struct route_finder *f, struct slice destination,
                                 void (*done)(void *arg, struct route *route), void *arg) {
    struct route_request *r = MEM_NEW(struct route_request);
    r->finder = f;
    r->destination = lower(destination);
    r->done = done;
    r->arg = arg;
    f->n_requests++;
    loop_timer_init(&r->at_once, f->s.loop, on_at_once);
    struct slice name = slice_from_cstr(r->destination);
    if (!dns_name_is_plain(name)) {
        loop_timer_start(&r->at_once, 0);
        return r;
    }
    r->any_certificate = name.ptr[0] == '_';
    dns_query_submit(f->s.dns, f->s.loop, &r->mx, name, DNS_TYPE_MX, on_mx, r);
    if (!r->any_certificate)
        r->sts = sts_find(f->sts, name, on_sts, r);
    return r;
}

void route_cancel(struct route_request *r) {
    if (r != NULL)
        free_request(r);
}

struct route_finder *route_finder_new(const struct route_settings *s) {
    struct route_finder *f = MEM_NEW(struct route_finder);
    f->s = *s;
    f->sts = sts_new(&(struct sts_settings){
        .config = s->config, .loop = s->loop, .dns = s->dns, .http = s->http, .store = s->store});
    return f;
}

struct route_counts route_finder_counts(const struct route_finder *f) {
    return f->counts;
}

void route_finder_free(struct route_finder *f) {
    if (f == NULL)
        return;
    ASSERT(f->n_requests == 0);
    sts_free(f->sts);
    free(f);
}
