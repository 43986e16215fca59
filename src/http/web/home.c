// SPDX-License-Identifier: MIT
// The home page for one visitor: who comes with an invitation finds it in the link and its code, and where clients need
// more than the domain, everybody finds login data of his own. Nothing of that may be kept by others.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account/offer.h"
#include "base/panic.h"
#include "http/pages/pages.h"
#include "http/web/answer.h"
#include "http/web/endpoints.h"
#include "http/web/page.h"
#include "http/web/site.h"
#include "http/web/visit.h"

enum { LINK_MAX = 4096, NUMBER_SIZE = 16 };

// `link` is "" for who should have one and cannot have it at the moment. False when it cannot be rendered.
static bool send_own(struct site *s, struct http_exchange *x, uint16_t status, unsigned retry_s, const char *link) {
    const struct http_request *r = http_exchange_request(x);
    struct slice wished = page_wished_languages(r);
    char token[ACCOUNT_TOKEN_SIZE], query[ACCOUNT_TOKEN_SIZE + 3] = "";
    if (site_read_token(r, token))
        (void)snprintf(query, sizeof(query), "?t=%s", token);
    size_t len = 0;
    char *html = pages_render_home(s->pages, r->path, wished, link, query, &len);
    if (html == NULL)
        return false;
    const struct page_file *ordinary = pages_find(s->pages, r->path, wished);
    struct answer a;
    answer_init(&a, s, status, "text/html; charset=utf-8");
    answer_add(&a, "Cache-Control", "no-store");
    char number[NUMBER_SIZE];
    if (retry_s > 0) {
        (void)snprintf(number, sizeof(number), "%u", retry_s);
        answer_add(&a, "Retry-After", number);
    }
    if (ordinary != NULL && ordinary->language != NULL)
        answer_add(&a, "Content-Language", ordinary->language);
    answer_add_policy(&a);
    a.response.body = slice_make(html, len);
    a.response.release = free;
    a.response.release_arg = html;
    answer_send(&a, x);
    return true;
}

static void send_ordinary(struct site *s, struct http_exchange *x, uint16_t status, unsigned retry_s) {
    const struct http_request *r = http_exchange_request(x);
    const struct page_file *f = pages_find(s->pages, r->path, page_wished_languages(r));
    ASSERT(f != NULL); // every snapshot has a home page
    page_send(s, x, status, retry_s, f);
}

// Gives the buffer a terminating NUL and its text back.
static const char *text_of(struct buf *b) {
    ASSERT(buf_append(b, "", 1));
    return buf_slice(b).ptr;
}

static void send_login(struct site *s, struct http_exchange *x, const struct account_offer *o) {
    struct buf link;
    buf_init(&link, LINK_MAX);
    ASSERT(site_write_login(s, o, &link));
    if (!send_own(s, x, 200, 0, text_of(&link)))
        send_ordinary(s, x, 503, 0);
    explicit_bzero(link.mem, link.cap);
    buf_done(&link);
}

// Where everybody may have an account, credentials cost nothing: looking at the page is not asking for an offer.
static void send_fresh_login(struct site *s, struct http_exchange *x) {
    struct account_offer o = {.status = ACCOUNT_OFFER_MADE};
    account_offer_credentials(s->config, &o);
    send_login(s, x, &o);
    explicit_bzero(&o, sizeof(o));
}

static void on_offer(struct site *s, struct http_exchange *x, const struct account_offer *o) {
    if (o->status == ACCOUNT_OFFER_MADE) {
        send_login(s, x, o);
    } else if (o->status == ACCOUNT_OFFER_TOO_MANY || o->status == ACCOUNT_OFFER_UNAVAILABLE) {
        // The invitation is as good as before: nobody is told to go and get one.
        uint16_t status = o->status == ACCOUNT_OFFER_TOO_MANY ? 429 : 503;
        if (!send_own(s, x, status, visit_retry_after(o), ""))
            send_ordinary(s, x, status, visit_retry_after(o));
    } else {
        send_ordinary(s, x, 200, 0);
    }
}

static bool send_invitation(struct site *s, struct http_exchange *x) {
    struct buf link;
    buf_init(&link, LINK_MAX);
    ASSERT(buf_append_cstr(&link, "DCACCOUNT:") && site_write_new(s, http_exchange_request(x), &link));
    bool sent = send_own(s, x, 200, 0, text_of(&link));
    buf_done(&link);
    return sent;
}

bool web_get_own_home(struct site *s, struct http_exchange *x) {
    bool is_open = s->config->registration == REGISTRATION_OPEN;
    char token[ACCOUNT_TOKEN_SIZE];
    bool is_invited =
        s->config->registration == REGISTRATION_INVITE && site_read_token(http_exchange_request(x), token);
    if (!is_open && !is_invited)
        return false;
    if (s->gives_logins && is_open) {
        send_fresh_login(s, x);
        return true;
    }
    if (s->gives_logins) {
        visit_start(s, x, on_offer);
        return true;
    }
    return is_invited && send_invitation(s, x);
}
