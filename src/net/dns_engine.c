// SPDX-License-Identifier: MIT
// A query that nobody waits for any more goes on to its end inside libunbound: what it finds is of use to the next one,
// and its end is certain.
#include "net/dns_engine.h"

#include <unbound-event.h>
#include <unbound.h>

#include "base/mem.h"
#include "net/dns_events.h"

enum { CLASS_IN = 1, TYPE_A = 1 };
// What libunbound says about an answer (unbound-event.h).
enum { SEC_BOGUS = 1, SEC_SECURE = 2 };

struct dns_engine {
    struct ub_event_base *events;
    struct ub_ctx *ctx;
    struct list lookups; // struct dns_lookup
    bool closing;
};

struct option {
    const char *name, *value;
};

// Small, for a relay that asks about few domains again and again.
static const struct option sizes[] = {
    {"msg-cache-size:", "1m"},         {"rrset-cache-size:", "2m"}, {"key-cache-size:", "512k"},
    {"neg-cache-size:", "64k"},        {"outgoing-range:", "64"},   {"outgoing-num-tcp:", "16"},
    {"infra-cache-numhosts:", "4000"}, {"incoming-num-tcp:", "0"},
};

static const struct option behaviour[] = {
    // A name that was not there a moment ago may be there now, and its user is waiting.
    {"cache-max-negative-ttl:", "0"},
    {"aggressive-nsec:", "no"},
    // The root's keys are looked at again after this time, as RFC 5011 2.3 wants (active refresh).
    {"cache-max-ttl:", "43200"},
    // What was wrong because of our clock or our network mends soon after they do.
    {"val-bogus-ttl:", "5"},
    {"infra-host-ttl:", "60"},
    {"infra-keep-probing:", "yes"},
    {"harden-glue:", "yes"},
    {"harden-dnssec-stripped:", "yes"},
    {"harden-below-nxdomain:", "yes"},
    {"qname-minimisation:", "yes"},
    {"val-clean-additional:", "yes"},
    {"edns-buffer-size:", "1232"},
    // Closed networks and tests have it (RFC 6761 6.2); libunbound would deny it unasked.
    {"local-zone:", "test. transparent"},
};

static bool set(struct dns_engine *e, const char *name, const char *value) {
    return ub_ctx_set_option(e->ctx, name, value) == 0;
}

static bool set_all(struct dns_engine *e, const struct option *options, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!set(e, options[i].name, options[i].value))
            return false;
    return true;
}

static const char *configure(struct dns_engine *e, const struct dns_settings *s, bool by_tcp) {
    bool is_forwarding = s->forwarders != NULL && s->forwarders[0] != NULL;
    // Complaints of libunbound name what was asked, so nobody shall read them.
    (void)ub_ctx_debugout(e->ctx, NULL);
    if (!set_all(e, sizes, ARRAY_LEN(sizes)) || !set_all(e, behaviour, ARRAY_LEN(behaviour)))
        return "libunbound does not know an option";
    // No zone shall send us to ourselves; an operator may.
    bool may_ask_ourselves = is_forwarding || s->root_hints_file[0] != '\0';
    if (!set(e, "do-not-query-localhost:", may_ask_ourselves ? "no" : "yes") ||
        !set(e, "do-ip4:", s->use_ipv4 ? "yes" : "no") || !set(e, "do-ip6:", s->use_ipv6 ? "yes" : "no") ||
        !set(e, "tcp-upstream:", by_tcp ? "yes" : "no"))
        return "libunbound does not know an option";
    if (s->root_hints_file[0] != '\0' && !set(e, "root-hints:", s->root_hints_file))
        return "libunbound refuses the root hints";
    for (size_t i = 0; is_forwarding && s->forwarders[i] != NULL; i++)
        if (ub_ctx_set_fwd(e->ctx, s->forwarders[i]) != 0)
            return "libunbound refuses an address to forward to";
    int error = s->trust_anchor_file[0] != '\0' ? ub_ctx_add_ta_file(e->ctx, s->trust_anchor_file)
                                                : ub_ctx_add_ta_autr(e->ctx, s->anchor_file);
    return error == 0 ? NULL : "libunbound refuses the trust anchor";
}

struct dns_engine *dns_engine_new(const struct dns_settings *s, bool by_tcp, const char **ret_reason) {
    struct dns_engine *e = MEM_NEW(struct dns_engine);
    list_init(&e->lookups);
    e->events = dns_events_new(s->loop);
    e->ctx = ub_ctx_create_ub_event(e->events);
    const char *reason = e->ctx == NULL ? "libunbound cannot start" : configure(e, s, by_tcp);
    if (reason == NULL)
        return e;
    *ret_reason = reason;
    dns_engine_free(e);
    return NULL;
}

static void on_result(void *arg, int rcode, void *packet, int len, int sec, char *why, int was_limited) {
    struct dns_lookup *l = arg;
    if (l->engine->closing) // dns_engine_free() answers them all
        return;
    struct dns_finding f = {.kind = DNS_FINDING_FAILURE, .secure = sec == SEC_SECURE, .packet = SLICE_EMPTY};
    f.why = why != NULL ? why : "";
    if (sec == SEC_BOGUS) {
        f.kind = DNS_FINDING_BOGUS;
    } else if (rcode == 0 && packet != NULL && len > 0) {
        f.kind = DNS_FINDING_ANSWER;
        f.packet = slice_make(packet, (size_t)len);
    }
    list_remove(&l->link);
    l->done(l, &f);
}

bool dns_engine_ask(struct dns_engine *e, const char *name, uint16_t type, struct dns_lookup *lookup) {
    lookup->engine = e;
    list_append(&e->lookups, &lookup->link);
    if (ub_resolve_event(e->ctx, name, type, CLASS_IN, lookup, on_result, NULL) == 0)
        return true;
    list_remove(&lookup->link);
    return false;
}

static void on_tried(struct dns_lookup *lookup, const struct dns_finding *finding) {}

bool dns_engine_try(struct dns_engine *e) {
    struct dns_lookup lookup = {.done = on_tried};
    bool ok = dns_engine_ask(e, "localhost", TYPE_A, &lookup);
    ASSERT(list_is_empty(&e->lookups)); // it is answered at once
    return ok;
}

void dns_engine_free(struct dns_engine *e) {
    if (e == NULL)
        return;
    e->closing = true;
    ub_ctx_delete(e->ctx);
    dns_events_free(e->events);
    static const struct dns_finding dropped = {.kind = DNS_FINDING_DROPPED, .packet = {"", 0}, .why = ""};
    for (struct list *node; (node = list_take_first(&e->lookups)) != NULL;) {
        struct dns_lookup *l = (struct dns_lookup *)node; // `link` is its first member
        l->done(l, &dropped);
    }
    free(e);
}
