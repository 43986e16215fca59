// SPDX-License-Identifier: MIT
#include "martlet/dns/look.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/dns_record.h"

enum { HOST_MAX = 32 };

// What a server has for the domain itself.
struct host {
    struct dns_answer *a, *aaaa;
    struct net_address list[HOST_MAX];
    size_t n;
};

// ---- asking ----

static void take_addresses(struct host *h, const struct dns_answer *a, uint16_t type) {
    for (size_t i = 0; a != NULL && i < a->n_records && h->n < HOST_MAX; i++)
        h->n += dns_address_parse(a->records[i], type, 0, &h->list[h->n]);
}

static void ask_host(struct dns_look *l, struct dns_server *server, struct host *ret) {
    dns_servers_ask(&l->servers, server, l->zone->domain, DNS_TYPE_A, &ret->a);
    dns_servers_ask(&l->servers, server, l->zone->domain, DNS_TYPE_AAAA, &ret->aaaa);
    take_addresses(ret, ret->a, DNS_TYPE_A);
    take_addresses(ret, ret->aaaa, DNS_TYPE_AAAA);
}

static bool has_none(const struct dns_answer *a) {
    return a->status == DNS_NODATA || a->status == DNS_NXDOMAIN;
}

// RFC 8659 3: where a name has none, the next one above it that has some counts. Nothing is known when one of them
// gives no answer.
static void climb(struct dns_look *l, struct dns_server *server, struct dns_answer **answer, struct zone_seen *seen) {
    const char *dot = strchr(l->zone->domain, '.');
    for (; *answer != NULL && has_none(*answer) && dot != NULL; dot = strchr(dot + 1, '.')) {
        free(*answer);
        dns_servers_ask(&l->servers, server, dot + 1, DNS_TYPE_CAA, answer);
        seen->is_above = true;
    }
}

static void compare(struct dns_look *l, const struct zone_record *r, struct dns_server *server, const struct host *h,
                    struct zone_finding *ret) {
    struct dns_answer *answer = NULL, *answer_6 = NULL;
    struct zone_seen seen = {.host = h->list, .n_host = h->n};
    if (r->kind == ZONE_ADDRESS) {
        seen.answer = r->type == DNS_TYPE_A ? h->a : h->aaaa;
        seen.answer_6 = h->aaaa;
    } else {
        dns_servers_ask(&l->servers, server, r->owner, zone_compare_type(r), &answer);
        if (zone_compare_needs_both(r))
            dns_servers_ask(&l->servers, server, r->owner, DNS_TYPE_AAAA, &answer_6);
        if (r->kind == ZONE_CAA)
            climb(l, server, &answer, &seen);
        seen.answer = answer;
        seen.answer_6 = answer_6;
    }
    zone_compare(l->zone, r, &seen, ret);
    free(answer);
    free(answer_6);
}

// ---- judging ----

// The worst of what the servers have; a server that gave no answer counts only when none did.
static int badness(enum zone_verdict v) {
    static const int by_verdict[] = {[ZONE_UNKNOWN] = 0, [ZONE_RIGHT] = 1, [ZONE_MISSING] = 2, [ZONE_WRONG] = 3};
    return by_verdict[v];
}

// One more server's finding.
static void take_finding(struct dns_result *r, const struct zone_finding *f, const char *server, bool is_first) {
    bool was_known = !is_first && r->finding.verdict != ZONE_UNKNOWN;
    r->servers_differ |= was_known && f->verdict != ZONE_UNKNOWN && f->verdict != r->finding.verdict;
    if (!is_first && badness(f->verdict) <= badness(r->finding.verdict))
        return;
    r->finding = *f;
    r->server = server;
}

static void ask_server(struct dns_look *l, struct dns_server *server, bool is_first) {
    struct host h = {.n = 0};
    struct zone_finding f;
    ask_host(l, server, &h);
    for (size_t i = 0; i < l->n; i++) {
        compare(l, l->records[i], server, &h, &f);
        take_finding(&l->results[i], &f, server->name, is_first);
    }
    free(h.a);
    free(h.aaaa);
}

int dns_look_status(const struct dns_look *l) {
    bool has_trouble = false, has_unknown = false;
    for (size_t i = 0; i < l->n; i++) {
        enum zone_verdict v = l->results[i].finding.verdict;
        has_trouble |= zone_is_trouble(l->records[i], v);
        has_unknown |= v == ZONE_UNKNOWN && l->records[i]->is_required;
    }
    return has_trouble ? DNS_LOOK_TROUBLE : has_unknown ? DNS_LOOK_UNKNOWN : DNS_LOOK_RIGHT;
}

// ---- the whole ----

// Where no address is known, one of either family is enough.
static void choose_records(struct dns_look *l) {
    for (size_t i = 0; i < l->zone->n; i++) {
        const struct zone_record *r = &l->zone->records[i];
        if (r->is_required || !r->is_placeholder)
            l->records[l->n++] = r;
    }
}

struct dns_look *dns_look_new(const struct zone *z) {
    struct dns_look *l = MEM_NEW(struct dns_look);
    l->zone = z;
    choose_records(l);
    for (size_t i = 0; i < l->n; i++)
        l->results[i].finding.verdict = ZONE_UNKNOWN;
    return l;
}

bool dns_look_ask(struct dns_look *l, const struct config *c, const char *anchor_dir,
                  char ret_error[DNS_SERVERS_ERROR_MAX]) {
    if (!dns_servers_find(c, l->zone->domain, anchor_dir, &l->servers, ret_error))
        return false;
    bool is_first = true;
    for (size_t i = 0; i < l->servers.n; i++) {
        if (l->servers.list[i].trouble != NULL)
            continue;
        ask_server(l, &l->servers.list[i], is_first);
        is_first = false;
    }
    return true;
}

void dns_look_free(struct dns_look *l) {
    dns_servers_done(&l->servers);
    free(l);
}
