// SPDX-License-Identifier: MIT
// The pages that people look at: templates, style and texts of www/, compiled into the program; files of the same name
// in the operator's www_folder take their place one by one, and any other file there is served as it is. Everything is
// read and rendered at the start and at each reload into an immutable snapshot, in every language, plain and
// compressed, so that a request only picks.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"

struct config;
struct pages;

// Which parts of a relay are in force here: the pages promise nothing that nobody keeps.
struct pages_parts {
    bool expiry;     // old messages, tokens and unused accounts are deleted, and what is oldest in a crowded mailbox
    bool push;       // devices are woken through the notification service
    bool federation; // mail from and to other relays
    bool calls;      // TURN: the packets of calls are passed on
    bool iroh;       // the iroh relay that clients are told of is this one; else see iroh_relay of the configuration
};

// What the pages say beside the configuration.
struct pages_facts {
    const struct config *config;
    const char *invite_link; // "DCACCOUNT:https://D/new"; "" when the pages show none (registration is not open, or the
                             // link is made for each visitor: see pages_render_home())
    bool has_public_certificate;
    struct pages_parts parts;
};

// A problem with a file of www_folder: one sentence with path, line and what to do. The built-in file is used instead.
typedef void pages_on_complaint(void *arg, const char *sentence);

// Never fails. www_folder is config->www_folder; "" for none. Reads files: not on a loop.
struct pages *pages_build(const struct pages_facts *facts, pages_on_complaint *on_complaint, void *arg);
void pages_free(struct pages *p);

enum { PAGES_ETAG_SIZE = 40 };
// One file as it is sent.
struct page_file {
    const char *content_type;
    struct slice body;
    struct slice gzip;          // empty when that would not be smaller
    char etag[PAGES_ETAG_SIZE]; // with quotes; of `body`
    char gzip_etag[PAGES_ETAG_SIZE];
    bool by_language;     // was picked by Accept-Language: the answer varies with it
    const char *language; // "de"; NULL: has none
};
// The file of a decoded request path: "/", "/info", "/de/info", "/style.css". Without a language in the path, pages
// come in the best one that Accept-Language (RFC 9110 section 12.5.4; may be empty) asks for, English if none. NULL:
// there is no such file.
const struct page_file *pages_find(const struct pages *p, struct slice path, struct slice accept_language);
// The page that says so, for status 404.
const struct page_file *pages_not_found(const struct pages *p, struct slice path, struct slice accept_language);

// The home page with an invitation of its own: a DCACCOUNT or dclogin link (and its QR code) for this one visitor; ""
// when there should be one, but not at the moment, which the page then says. `query` is what the page was asked with
// and its other languages are to be asked with, too: "?t=TOKEN" or "". Body is the caller's to free(); NULL when it
// cannot be rendered.
MUST_USE char *pages_render_home(const struct pages *p, struct slice path, struct slice accept_language,
                                 const char *link, const char *query, size_t *ret_len);
// Whether this path is a home page: "/", "/index.html", "/de/".
bool pages_is_home(const struct pages *p, struct slice path);
