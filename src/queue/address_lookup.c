// SPDX-License-Identifier: MIT
#include "queue/address_lookup.h"

#include <stdio.h>
#include <string.h>

#include "net/dns_record.h"

// "This host" (RFC 1122 section 3.2.1.3): a connection there would be one to ourselves.
static bool is_usable(const struct net_address *a) {
    static const uint8_t none4[16] = {[10] = 0xff, [11] = 0xff};
    return !net_address_is_none(a) && memcmp(a->ip, none4, sizeof(none4)) != 0;
}

static void take(struct address_family_answer *f, uint16_t type, const struct dns_answer *a) {
    f->status = a->status;
    f->secure = a->secure;
    f->ttl = a->ttl;
    for (size_t i = 0; i < a->n_records && f->n < ADDRESS_LOOKUP_MAX; i++) {
        struct net_address *next = &f->addresses[f->n];
        if (dns_address_parse(a->records[i], type, 0, next) && is_usable(next))
            f->n++;
    }
    if (a->status == DNS_OK)
        (void)snprintf(f->lookup->name, sizeof(f->lookup->name), "%s", a->name);
}

static void proceed(struct address_lookup *l) {
    if (!l->v4_left && !l->v6_left)
        l->done(l->arg);
}

static void on_v4(void *arg, const struct dns_answer *a) {
    struct address_family_answer *f = arg;
    take(f, DNS_TYPE_A, a);
    f->lookup->v4_left = false;
    proceed(f->lookup);
}

static void on_v6(void *arg, const struct dns_answer *a) {
    struct address_family_answer *f = arg;
    take(f, DNS_TYPE_AAAA, a);
    f->lookup->v6_left = false;
    proceed(f->lookup);
}

void address_lookup_start(struct address_lookup *l, struct dns_resolver *dns, struct loop *loop, struct slice host,
                          bool use_ipv6, void (*done)(void *arg), void *arg) {
    *l = (struct address_lookup){.asks_v6 = use_ipv6, .v4_left = true, .v6_left = use_ipv6, .done = done, .arg = arg};
    l->v4.lookup = l->v6.lookup = l;
    (void)snprintf(l->name, sizeof(l->name), "%.*s", SLICE_FMT(host));
    dns_query_submit(dns, loop, &l->v4.query, host, DNS_TYPE_A, on_v4, &l->v4);
    if (use_ipv6)
        dns_query_submit(dns, loop, &l->v6.query, host, DNS_TYPE_AAAA, on_v6, &l->v6);
}

void address_lookup_cancel(struct address_lookup *l) {
    dns_query_cancel(&l->v4.query);
    dns_query_cancel(&l->v6.query);
}

size_t address_lookup_list(const struct address_lookup *l, struct net_address *ret, size_t max) {
    size_t n = 0;
    for (size_t i = 0; i < ADDRESS_LOOKUP_MAX; i++) {
        if (i < l->v6.n && n < max)
            ret[n++] = l->v6.addresses[i];
        if (i < l->v4.n && n < max)
            ret[n++] = l->v4.addresses[i];
    }
    return n;
}

static bool failed(const struct address_family_answer *f) {
    return f->status == DNS_FAILED || f->status == DNS_BOGUS;
}

bool address_lookup_has_failed(const struct address_lookup *l) {
    return l->v4.n + l->v6.n == 0 && (failed(&l->v4) || (l->asks_v6 && failed(&l->v6)));
}

static bool has_none(const struct address_family_answer *f) {
    return f->status == DNS_NODATA || f->status == DNS_NXDOMAIN;
}

bool address_lookup_has_none(const struct address_lookup *l) {
    return l->asks_v6 && has_none(&l->v4) && has_none(&l->v6);
}

static bool is_secure(const struct address_family_answer *f) {
    return failed(f) || f->secure; // of a failed one nothing is used
}

bool address_lookup_is_secure(const struct address_lookup *l) {
    return l->v4.n + l->v6.n > 0 && is_secure(&l->v4) && (!l->asks_v6 || is_secure(&l->v6));
}

uint32_t address_lookup_ttl(const struct address_lookup *l) {
    uint32_t v4 = l->v4.n > 0 ? l->v4.ttl : UINT32_MAX, v6 = l->v6.n > 0 ? l->v6.ttl : UINT32_MAX;
    uint32_t ttl = v4 < v6 ? v4 : v6;
    return ttl == UINT32_MAX ? 0 : ttl;
}
