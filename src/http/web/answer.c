// SPDX-License-Identifier: MIT
#include "http/web/answer.h"

#include "base/panic.h"
#include "http/web/site.h"

void answer_init(struct answer *a, const struct site *s, uint16_t status, const char *content_type) {
    a->response = (struct http_response){.status = status, .content_type = content_type, .fields = a->fields};
    if (s == NULL)
        return;
    answer_add(a, "X-Content-Type-Options", "nosniff");
    // Browsers that have seen this once refuse a certificate that they cannot verify, without a way around.
    if (s->place.has_public_certificate)
        answer_add(a, "Strict-Transport-Security", "max-age=31536000");
}

void answer_add_slice(struct answer *a, const char *name, struct slice value) {
    ASSERT(a->response.n_fields < ANSWER_FIELDS_MAX);
    a->fields[a->response.n_fields++] = (struct http_field){slice_from_cstr(name), value};
}

void answer_add(struct answer *a, const char *name, const char *value) {
    answer_add_slice(a, name, slice_from_cstr(value));
}

void answer_add_policy(struct answer *a) {
    answer_add(a, "Content-Security-Policy",
               "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; "
               "frame-ancestors 'none'");
    answer_add(a, "Referrer-Policy", "no-referrer");
    answer_add(a, "Cross-Origin-Opener-Policy", "same-origin");
    answer_add(a, "Permissions-Policy", "camera=(), geolocation=(), microphone=()");
}

void answer_send(struct answer *a, struct http_exchange *x) {
    http_respond(x, &a->response);
}

void answer_file(struct http_exchange *x, const struct site *s, const char *content_type, struct slice body) {
    if (body.len == 0) {
        answer_text(x, s, 404, "Not found.\n");
        return;
    }
    struct answer a;
    answer_init(&a, s, 200, content_type);
    answer_add(&a, "Cache-Control", "max-age=300");
    a.response.body = body;
    answer_send(&a, x);
}

void answer_text(struct http_exchange *x, const struct site *s, uint16_t status, const char *text) {
    struct answer a;
    answer_init(&a, s, status, "text/plain; charset=utf-8");
    answer_add(&a, "Cache-Control", "no-store");
    a.response.body = slice_from_cstr(text);
    answer_send(&a, x);
}

void answer_redirect(struct http_exchange *x, const struct site *s, struct slice location) {
    struct answer a;
    answer_init(&a, s, 301, "text/plain; charset=utf-8");
    answer_add_slice(&a, "Location", location);
    a.response.body = SLICE("It is elsewhere, see Location.\n");
    answer_send(&a, x);
}
