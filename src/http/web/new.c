// SPDX-License-Identifier: MIT
// /new, where clients ask for an account: they POST and get an address with a password as JSON, or a reason that they
// show to their user. A person who opens the link in a browser is led into the app (GET), or, where the app could not
// ask again because it cannot check the certificate, gets the JSON at once.
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "account/offer.h"
#include "base/mem.h"
#include "http/web/answer.h"
#include "http/web/endpoints.h"
#include "http/web/site.h"
#include "http/web/visit.h"

enum { LINK_MAX = 4096, NUMBER_SIZE = 16, REASON_MAX = 256 };

// Ends the exchange with this object, which is ours to free. What was asked for is secret: nobody keeps a copy.
static void answer_json(struct site *s, struct http_exchange *x, uint16_t status, json_t *object, unsigned retry_s) {
    ASSERT(object != NULL);
    char *text = json_dumps(object, JSON_COMPACT | JSON_ENSURE_ASCII);
    ASSERT(text != NULL);
    json_decref(object);
    char number[NUMBER_SIZE];
    struct answer a;
    answer_init(&a, s, status, "application/json");
    answer_add(&a, "Cache-Control", "no-store");
    if (retry_s > 0) {
        (void)snprintf(number, sizeof(number), "%u", retry_s);
        answer_add(&a, "Retry-After", number);
    }
    a.response.body = slice_from_cstr(text);
    answer_send(&a, x);
    explicit_bzero(text, strlen(text));
    free(text);
}

static void answer_credentials(struct site *s, struct http_exchange *x, const struct account_offer *o) {
    json_t *object = json_pack("{s:s, s:s}", "email", o->address, "password", o->password);
    if (!s->place.has_public_certificate) {
        struct buf link;
        buf_init(&link, LINK_MAX);
        ASSERT(site_write_login(s, o, &link));
        ASSERT(json_object_set_new(object, "dclogin_url", json_stringn(link.mem + link.start, link.len)) == 0);
        explicit_bzero(link.mem, link.cap);
        buf_done(&link);
    }
    answer_json(s, x, 200, object, 0);
}

static void write_reason(const struct account_offer *o, char *ret, size_t size) {
    const char *text = NULL;
    switch (o->status) {
    case ACCOUNT_OFFER_CLOSED:
        text = "This relay does not take new accounts.";
        break;
    case ACCOUNT_OFFER_NEEDS_INVITATION:
        text = "This relay takes new accounts by invitation only. Ask the people who run it for an invitation link.";
        break;
    case ACCOUNT_OFFER_INVALID_INVITATION:
        text = "This invitation is not valid: it has expired or has been used, or its link is incomplete. "
               "Ask for a new one.";
        break;
    case ACCOUNT_OFFER_UNAVAILABLE:
        text = "This relay cannot take new accounts at the moment. Please try again later.";
        break;
    case ACCOUNT_OFFER_TOO_MANY: {
        unsigned s = visit_retry_after(o);
        (void)snprintf(ret, size,
                       "Too many accounts were asked for from your network. Please try again in %u second%s.", s,
                       s == 1 ? "" : "s");
        return;
    }
    case ACCOUNT_OFFER_MADE:
        UNREACHABLE();
    }
    (void)snprintf(ret, size, "%s", text);
}

static uint16_t status_of(enum account_offer_status s) {
    return s == ACCOUNT_OFFER_TOO_MANY ? 429 : s == ACCOUNT_OFFER_UNAVAILABLE ? 503 : 403;
}

static void on_offer(struct site *s, struct http_exchange *x, const struct account_offer *o) {
    if (o->status == ACCOUNT_OFFER_MADE) {
        answer_credentials(s, x, o);
        return;
    }
    char reason[REASON_MAX];
    write_reason(o, reason, sizeof(reason));
    answer_json(s, x, status_of(o->status), json_pack("{s:s}", "reason", reason), visit_retry_after(o));
}

// 301 to "dcaccount:https://relay.test/new", with the invitation if there is one.
static void lead_into_app(struct site *s, struct http_exchange *x) {
    struct buf link;
    buf_init(&link, LINK_MAX);
    bool ok = buf_append_cstr(&link, "dcaccount:") && site_write_new(s, http_exchange_request(x), &link);
    ASSERT(ok);
    struct answer a;
    answer_init(&a, s, 301, NULL);
    answer_add(&a, "Cache-Control", "no-store");
    answer_add_slice(&a, "Location", buf_slice(&link));
    answer_send(&a, x);
    buf_done(&link);
}

void web_run_new(void *site, struct http_exchange *x) {
    struct site *s = site;
    bool posts = http_exchange_request(x)->method == HTTP_POST;
    if (posts || s->gives_logins || !s->place.has_public_certificate)
        visit_start(s, x, on_offer);
    else
        lead_into_app(s, x);
}
