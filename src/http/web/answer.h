// SPDX-License-Identifier: MIT
// Answers and the fields that they carry: what a browser must not do with them (RFC 6797 for HSTS, the W3C's Content
// Security Policy) and who may keep them (RFC 9111).
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "http/http.h"

struct site;

enum { ANSWER_FIELDS_MAX = 12 };
struct answer {
    struct http_response response;
    struct http_field fields[ANSWER_FIELDS_MAX];
};

// Names and values are borrowed until answer_send(). content_type may be NULL. `s` is NULL on port 80.
void answer_init(struct answer *a, const struct site *s, uint16_t status, const char *content_type);
void answer_add(struct answer *a, const char *name, const char *value);
void answer_add_slice(struct answer *a, const char *name, struct slice value);
// For what a browser shows: no script, nothing from elsewhere, in nobody's frame.
void answer_add_policy(struct answer *a);
void answer_send(struct answer *a, struct http_exchange *x);

// 200 with a small file that may be kept for a while; 404 when it is empty.
void answer_file(struct http_exchange *x, const struct site *s, const char *content_type, struct slice body);
// Whole lines of text, not to be kept.
void answer_text(struct http_exchange *x, const struct site *s, uint16_t status, const char *text);
// 301.
void answer_redirect(struct http_exchange *x, const struct site *s, struct slice location);
