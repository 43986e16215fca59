// SPDX-License-Identifier: MIT
// What a client can read and what it has already: content coding (RFC 9110 section 12.5.3) and conditional requests
// (section 13.1.2). Fields may come in several lines, which count as one list.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/slice.h"

struct http_field;

// Whether the client wants gzip at least as much as the plain octets. Without a word from it: no.
bool negotiate_gzip(const struct http_field *fields, size_t n);
// How much the client wants a media type (RFC 9110 section 12.5.1), in thousandths; -1: it does not name it. One with
// another version is another type; a range ("*/*") names nothing.
int negotiate_media(const struct http_field *fields, size_t n, struct slice type, struct slice version);
// Whether If-None-Match names this entity tag (with its quotes; weak comparison) or is "*".
bool negotiate_has_copy(const struct http_field *fields, size_t n, struct slice etag);
