// SPDX-License-Identifier: MIT
// Pages and files: picked from what was rendered beforehand, in the coding that the client reads, and not sent again
// when it has them (RFC 9110 sections 12 and 13).
#include "http/web/page.h"

#include <stdio.h>

#include "base/panic.h"
#include "http/pages/pages.h"
#include "http/web/answer.h"
#include "http/web/endpoints.h"
#include "http/web/negotiate.h"
#include "http/web/site.h"

enum { NUMBER_SIZE = 16 };

static bool is_html(const struct page_file *f) {
    return slice_starts_with(slice_from_cstr(f->content_type), SLICE("text/html"));
}

static const char *vary_of(const struct page_file *f) {
    bool by_coding = f->gzip.len > 0;
    if (by_coding && f->by_language)
        return "Accept-Encoding, Accept-Language";
    return by_coding ? "Accept-Encoding" : f->by_language ? "Accept-Language" : NULL;
}

// What goes with the file, whether or not it is sent itself (RFC 9110 section 15.4.5).
static void describe(struct answer *a, const struct page_file *f, const char *etag) {
    // Pages say what holds now, and asking costs little; the rest changes with the program.
    answer_add(a, "Cache-Control", is_html(f) ? "no-cache" : "max-age=600");
    if (etag != NULL)
        answer_add(a, "ETag", etag);
    const char *vary = vary_of(f);
    if (vary != NULL)
        answer_add(a, "Vary", vary);
    if (f->language != NULL)
        answer_add(a, "Content-Language", f->language);
    answer_add_policy(a);
}

void page_send(struct site *s, struct http_exchange *x, uint16_t status, unsigned retry_s, const struct page_file *f) {
    const struct http_request *r = http_exchange_request(x);
    bool gzip = f->gzip.len > 0 && negotiate_gzip(r->fields, r->n_fields);
    const char *etag = status != 200 ? NULL : gzip ? f->gzip_etag : f->etag;
    char number[NUMBER_SIZE];
    struct answer a;
    if (etag != NULL && negotiate_has_copy(r->fields, r->n_fields, slice_from_cstr(etag))) {
        answer_init(&a, s, 304, NULL);
        describe(&a, f, etag);
    } else {
        answer_init(&a, s, status, f->content_type);
        describe(&a, f, etag);
        if (gzip)
            answer_add(&a, "Content-Encoding", "gzip");
        if (retry_s > 0) {
            (void)snprintf(number, sizeof(number), "%u", retry_s);
            answer_add(&a, "Retry-After", number);
        }
        a.response.body = gzip ? f->gzip : f->body;
        // It stands in the snapshot, which stays until it is sent.
        a.response.release = site_release;
        a.response.release_arg = site_ref(s);
    }
    answer_send(&a, x);
}

struct slice page_wished_languages(const struct http_request *r) {
    struct slice value = http_request_field(r, "Accept-Language");
    return value.ptr != NULL ? value : SLICE_EMPTY;
}

void web_get_page(void *site, struct http_exchange *x) {
    struct site *s = site;
    const struct http_request *r = http_exchange_request(x);
    if (pages_is_home(s->pages, r->path) && web_get_own_home(s, x))
        return;
    const struct page_file *f = pages_find(s->pages, r->path, page_wished_languages(r));
    if (f != NULL)
        page_send(s, x, 200, 0, f);
    else
        page_send(s, x, 404, 0, pages_not_found(s->pages, r->path, page_wished_languages(r)));
}

void web_get_robots(void *site, struct http_exchange *x) {
    struct site *s = site;
    const struct page_file *f = pages_find(s->pages, SLICE("/robots.txt"), SLICE_EMPTY);
    if (f != NULL)
        page_send(s, x, 200, 0, f);
    else
        answer_file(x, s, "text/plain; charset=utf-8", SLICE("User-agent: *\nDisallow: /\n"));
}

// Browsers ask for this name by themselves; the pages may have theirs under another.
void web_get_favicon(void *site, struct http_exchange *x) {
    static const char *const names[] = {"/favicon.ico", "/favicon.svg", "/favicon.png", "/icon.svg"};
    struct site *s = site;
    const struct page_file *f = NULL;
    for (size_t i = 0; f == NULL && i < ARRAY_LEN(names); i++)
        f = pages_find(s->pages, slice_from_cstr(names[i]), SLICE_EMPTY);
    if (f != NULL)
        page_send(s, x, 200, 0, f);
    else
        answer_text(x, s, 404, "Not found.\n");
}
