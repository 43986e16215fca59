// SPDX-License-Identifier: MIT
// The order of RFC 7672 section 2.2.2: when the addresses are proven, aliases and all, the name at the end of the
// aliases is asked for TLSA records first, then the host's own. When the aliases lead out of the signed zones, only the
// host's own name counts, and only if its alias record is signed.
#include "queue/host_lookup.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

// Of one host; far more than any that is meant.
enum { TLSA_OCTETS_MAX = 4096, TLSA_NAME_SIZE = DNS_NAME_SIZE + 16 };

static void finish(struct host_lookup *h, enum host_state state) {
    h->state = state;
    h->done(h->arg, h);
}

static void lower_ttl(struct host_lookup *h, uint32_t ttl) {
    if (ttl < h->ttl)
        h->ttl = ttl;
}

// ---- TLSA ----

// Usages and parameters that count for SMTP (RFC 7672 section 3.1); the others are as if they were not there.
static bool is_usable(const struct dns_tlsa *t) {
    static const size_t digest_len[] = {[1] = 32, [2] = 64};
    if ((t->usage != 2 && t->usage != 3) || t->selector > 1 || t->matching > 2)
        return false;
    return t->matching == 0 ? t->data.len <= TLSA_OCTETS_MAX : t->data.len == digest_len[t->matching];
}

static void take_records(struct host_lookup *h, const struct dns_answer *a) {
    for (size_t i = 0; i < a->n_records && h->n_tlsa < TRANSPORT_TLSA_MAX; i++) {
        struct dns_tlsa t;
        if (!dns_tlsa_parse(a->records[i], &t) || !is_usable(&t))
            continue;
        if (h->tlsa == NULL)
            h->tlsa = mem_zalloc(TRANSPORT_TLSA_MAX, sizeof(*h->tlsa));
        h->tlsa[h->n_tlsa++] =
            (struct tls_tlsa){t.usage, t.selector, t.matching, slice_make(slice_dup(t.data), t.data.len)};
    }
}

static void ask_tlsa(struct host_lookup *h, const char *base);

static void on_tlsa(void *arg, const struct dns_answer *a) {
    struct host_lookup *h = arg;
    if (a->status == DNS_FAILED || a->status == DNS_BOGUS) {
        finish(h, HOST_UNPROVEN);
        return;
    }
    if (a->status == DNS_OK && a->secure) {
        lower_ttl(h, a->ttl);
        take_records(h, a);
        h->has_dane = h->n_tlsa > 0;
        finish(h, HOST_USABLE);
        return;
    }
    if (strcmp(h->tls_name, h->name) != 0)
        ask_tlsa(h, h->name);
    else
        finish(h, HOST_USABLE);
}

static void ask_tlsa(struct host_lookup *h, const char *base) {
    char name[TLSA_NAME_SIZE];
    if (h->tls_name != base)
        (void)snprintf(h->tls_name, sizeof(h->tls_name), "%s", base);
    int n = snprintf(name, sizeof(name), "_25._tcp.%s", base);
    ASSERT(n > 0 && (size_t)n < sizeof(name));
    dns_query_submit(h->dns, h->loop, &h->query, slice_make(name, (size_t)n), DNS_TYPE_TLSA, on_tlsa, h);
}

// ---- the way there ----

// Whether the host's own alias is signed, while what it leads to is not.
static void on_alias(void *arg, const struct dns_answer *a) {
    struct host_lookup *h = arg;
    if (a->status == DNS_FAILED || a->status == DNS_BOGUS)
        finish(h, HOST_UNPROVEN);
    else if (a->status == DNS_OK && a->secure)
        ask_tlsa(h, h->name);
    else
        finish(h, HOST_USABLE);
}

static void on_addresses(void *arg) {
    struct host_lookup *h = arg;
    struct net_address first;
    if (address_lookup_list(&h->addresses, &first, 1) == 0) {
        finish(h, address_lookup_has_failed(&h->addresses) ? HOST_UNKNOWN
                  : address_lookup_has_none(&h->addresses) ? HOST_HAS_NO_ADDRESS
                                                           : HOST_OUT_OF_REACH);
        return;
    }
    h->ttl = address_lookup_ttl(&h->addresses);
    bool is_alias = strcmp(h->addresses.name, h->name) != 0;
    if (!h->wants_dane || (!address_lookup_is_secure(&h->addresses) && !is_alias))
        finish(h, HOST_USABLE);
    else if (address_lookup_is_secure(&h->addresses))
        ask_tlsa(h, h->addresses.name);
    else
        dns_query_submit(h->dns, h->loop, &h->query, slice_from_cstr(h->name), DNS_TYPE_CNAME, on_alias, h);
}

void host_lookup_start(struct host_lookup *h, struct dns_resolver *dns, struct loop *loop, bool use_ipv6,
                       bool wants_dane, void (*done)(void *arg, struct host_lookup *h), void *arg) {
    h->dns = dns;
    h->loop = loop;
    h->wants_dane = wants_dane;
    h->done = done;
    h->arg = arg;
    address_lookup_start(&h->addresses, dns, loop, slice_from_cstr(h->name), use_ipv6, on_addresses, h);
}

void host_lookup_cancel(struct host_lookup *h) {
    address_lookup_cancel(&h->addresses);
    dns_query_cancel(&h->query);
}

void host_lookup_done(struct host_lookup *h) {
    host_lookup_cancel(h);
    for (size_t i = 0; i < h->n_tlsa; i++)
        free((char *)h->tlsa[i].data.ptr);
    free(h->tlsa);
    h->tlsa = NULL;
    h->n_tlsa = 0;
}
