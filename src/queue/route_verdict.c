// SPDX-License-Identifier: MIT
// Which of the hosts may get the mail, and how each must prove itself: DANE first, where it is there (RFC 8461 section
// 2), then the domain's MTA-STS policy; a certificate for the host's name in any case.
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "queue/mta_sts.h"
#include "queue/route_request.h"

// How long a lane may go by one answer, in seconds.
enum { TTL_MIN = 60, TTL_MAX = 60 * 60 };

// Domains whose servers offer no TLS and whose users could not be reached otherwise.
static const char *const CLEAR_DOMAINS[] = {"nauta.cu"};

void route_reply_set(struct transport_reply *ret, const char *words, ...) {
    va_list args;
    va_start(args, words);
    (void)vsnprintf(ret->text, sizeof(ret->text), words, args);
    va_end(args);
    uint32_t code = 0;
    ASSERT(slice_to_u32(slice_make(ret->text, 3), &code));
    ret->code = (uint16_t)code;
}

static bool may_be_clear(const char *destination) {
    for (size_t i = 0; i < ARRAY_LEN(CLEAR_DOMAINS); i++)
        if (strcmp(destination, CLEAR_DOMAINS[i]) == 0)
            return true;
    return false;
}

static char *copy(const char *text) {
    return slice_dup(slice_from_cstr(text));
}

struct route *route_to_literal(const struct route_request *r, const char *address, const struct net_address *a) {
    struct route *route = MEM_NEW(struct route);
    route->hosts = mem_zalloc(1, sizeof(*route->hosts));
    route->n_hosts = 1;
    route->ttl_s = TTL_MAX;
    route->hosts[0] = (struct transport_host){
        .name = copy(address),
        .destination = copy(r->destination),
        .addresses = {*a},
        .n_addresses = 1,
        .check = TLS_CHECK_ANY,
    };
    return route;
}

// RFC 8461 section 4.1 and 5. A host that is proven by DANE needs no policy to name it.
static bool passes_sts(struct route_request *r, const struct host_lookup *h) {
    if (h->has_dane || r->sts_mode == STORE_STS_NONE)
        return true;
    if (mta_sts_allows(slice_from_cstr(r->sts_mx), slice_from_cstr(h->name)))
        return true;
    if (r->sts_mode == STORE_STS_TESTING)
        r->finder->counts.sts_testing_mismatches++;
    return r->sts_mode == STORE_STS_TESTING;
}

static void fill_host(struct route_request *r, struct host_lookup *h, struct transport_host *ret) {
    enum tls_check check = r->any_certificate ? TLS_CHECK_ANY : h->has_dane ? TLS_CHECK_DANE : TLS_CHECK_PKIX;
    *ret = (struct transport_host){.name = copy(h->name), .destination = copy(r->destination), .check = check};
    ret->n_addresses = address_lookup_list(&h->addresses, ret->addresses, TRANSPORT_ADDRESSES_MAX);
    ret->may_be_clear = check != TLS_CHECK_DANE && r->sts_mode != STORE_STS_ENFORCE && may_be_clear(r->destination);
    if (!h->has_dane)
        return;
    if (strcmp(h->tls_name, h->name) != 0)
        ret->tls_name = copy(h->tls_name);
    ret->tlsa = h->tlsa;
    ret->n_tlsa = h->n_tlsa;
    h->tlsa = NULL;
    h->n_tlsa = 0;
}

// What to say when none of the hosts will do. The reason that an operator can do most about comes first.
static void explain(struct route_request *r, const struct host_lookup *refused, struct transport_reply *ret) {
    const struct host_lookup *unproven = NULL;
    bool unknown = false, none = !r->is_cut;
    for (size_t i = 0; i < r->n_hosts; i++) {
        if (r->hosts[i].state == HOST_UNPROVEN && unproven == NULL)
            unproven = &r->hosts[i];
        unknown = unknown || r->hosts[i].state == HOST_UNKNOWN;
        none = none && r->hosts[i].state == HOST_HAS_NO_ADDRESS;
    }
    if (refused != NULL)
        route_reply_set(ret, "451 4.7.5 No mail host of %s is one that its MTA-STS policy allows (%s is not)",
                        r->destination, refused->name);
    else if (unproven != NULL)
        route_reply_set(ret, "451 4.7.5 DNS resolution failed for the TLSA records of %s", unproven->name);
    else if (unknown)
        route_reply_set(ret, "421 DNS resolution failed for %s", r->destination);
    else if (none) // waiting would help as little as for a domain that does not exist (RFC 5321 section 5.1)
        route_reply_set(ret, "550 5.4.4 No mail host of %s has an address", r->destination);
    else
        route_reply_set(ret, "421 4.4.4 No mail host of %s has an address", r->destination);
}

static uint32_t clamp_ttl(uint32_t ttl) {
    return ttl < TTL_MIN ? TTL_MIN : ttl > TTL_MAX ? TTL_MAX : ttl;
}

struct route *route_conclude(struct route_request *r) {
    struct route *route = MEM_NEW(struct route);
    const struct host_lookup *refused = NULL;
    uint32_t ttl = r->sts_is_late ? 0 : r->mx_ttl;
    route->hosts = mem_zalloc(r->n_hosts, sizeof(*route->hosts));
    for (size_t i = 0; i < r->n_hosts; i++) {
        struct host_lookup *h = &r->hosts[i];
        if (h->state != HOST_USABLE) {
            ttl = 0; // it may be there the next time
        } else if (!passes_sts(r, h)) {
            refused = refused != NULL ? refused : h;
        } else {
            ttl = h->ttl < ttl ? h->ttl : ttl;
            fill_host(r, h, &route->hosts[route->n_hosts++]);
        }
    }
    route->ttl_s = clamp_ttl(ttl);
    if (r->failure.code != 0)
        route->failure = r->failure;
    else if (route->n_hosts == 0)
        explain(r, refused, &route->failure);
    if (route->n_hosts == 0 && refused != NULL) {
        r->finder->counts.sts_refusals++;
        sts_suspect(r->finder->sts, slice_from_cstr(r->destination));
    }
    return route;
}

static void free_host(struct transport_host *h) {
    free((char *)h->name);
    free((char *)h->destination);
    free((char *)h->tls_name);
    for (size_t i = 0; i < h->n_tlsa; i++)
        free((char *)h->tlsa[i].data.ptr);
    free((struct tls_tlsa *)h->tlsa);
}

void route_free(struct route *r) {
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->n_hosts; i++)
        free_host(&r->hosts[i]);
    free(r->hosts);
    free(r);
}
