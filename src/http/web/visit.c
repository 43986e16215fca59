// SPDX-License-Identifier: MIT
#include "http/web/visit.h"

#include "account/offer.h"
#include "base/mem.h"
#include "http/http.h"
#include "http/web/site.h"

enum {
    TOKEN_TEXT_MAX = 256, // longer than any token, so that a wrong one is not taken for none
    SHORTAGE_WAIT_S = 60,
};

struct visit {
    struct site *site;
    struct http_exchange *x;
    struct account_offer_job *job;
    void (*on_offer)(struct site *s, struct http_exchange *x, const struct account_offer *o);
};

static void free_visit(struct visit *v) {
    site_release(v->site);
    free(v);
}

static void on_done(void *arg, const struct account_offer *o) {
    struct visit *v = arg;
    v->on_offer(v->site, v->x, o);
    free_visit(v);
}

static void on_cancel(void *arg) {
    struct visit *v = arg;
    account_offer_cancel(v->job);
    free_visit(v);
}

void visit_start(struct site *s, struct http_exchange *x,
                 void (*on_offer)(struct site *s, struct http_exchange *x, const struct account_offer *o)) {
    struct visit *v = MEM_NEW(struct visit);
    *v = (struct visit){.site = site_ref(s), .x = x, .on_offer = on_offer};
    char token[TOKEN_TEXT_MAX] = "";
    if (!http_request_query(http_exchange_request(x), "t", token, sizeof(token)))
        token[0] = '\0';
    struct conn *c = http_exchange_conn(x);
    struct net_address peer = conn_peer(c);
    v->job = account_offer_start(s->accounts, conn_loop(c), slice_from_cstr(token), &peer, on_done, v);
    http_exchange_set_owner(x, on_cancel, v);
}

unsigned visit_retry_after(const struct account_offer *o) {
    if (o->status == ACCOUNT_OFFER_TOO_MANY)
        return o->wait_s > 0 ? o->wait_s : 1;
    return o->status == ACCOUNT_OFFER_UNAVAILABLE ? SHORTAGE_WAIT_S : 0;
}
