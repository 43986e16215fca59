// SPDX-License-Identifier: MIT
// What requests are answered from: an immutable snapshot of configuration, pages and everything that can be written
// beforehand. One is made at the start and at each reload; an answer that takes time keeps the one it began with.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "account/offer.h"
#include "base/buf.h"
#include "base/panic.h"
#include "base/slice.h"
#include "config/config.h"
#include "http/web/web.h"

struct pages;

struct site {
    atomic_size_t refs;
    struct account_service *accounts;
    struct config_holder *holder;
    const struct config *config; // held until the site goes
    struct web_place place;      // dev_host is ours
    char *host;                  // the domain as a host name: an IP literal without its brackets
    bool gives_logins;           // see site_gives_logins()
    char *invite_link;           // one for everybody, "DCACCOUNT:https://D/new"; "" when there is none
    struct pages *pages;
    struct buf autoconfig, mta_sts, qr_png, qr_svg; // empty: not to be had
};

// Reads files of www_folder: not on a loop. The caller has a reference.
struct site *site_new(const struct web_settings *settings);
struct site *site_ref(struct site *s);
void site_release(void *site); // of struct site; fits the release of a response

// A client that only knows the domain would fail here: no DNS leads to it, or it cannot check the certificate. Every
// visitor then gets login data of his own, with all that the client needs.
bool site_gives_logins(const struct config *c, const struct web_place *place);

// The URL of the site: "https://relay.test", with the port in development. `host` is one of ours.
MUST_USE bool site_write_url(const struct site *s, struct slice host, struct buf *ret);
// The URL of /new, with the invitation that the request names in its query if that looks like one.
MUST_USE bool site_write_new(const struct site *s, const struct http_request *r, struct buf *ret);
// The invitation that the request names; false when it names none, or something that cannot be one.
MUST_USE bool site_read_token(const struct http_request *r, char ret[ACCOUNT_TOKEN_SIZE]);
// A login link for the person who got this offer.
MUST_USE bool site_write_login(const struct site *s, const struct account_offer *o, struct buf *ret);
