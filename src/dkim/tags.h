// SPDX-License-Identifier: MIT
// Tag lists (RFC 6376 3.2), the syntax of DKIM-Signature fields and of key records. Pure; everything returned borrows
// from the text.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"
#include "base/slice.h"

// No signature or key in use has half as many.
enum { DKIM_TAGS_MAX = 32 };

struct dkim_tag {
    struct slice name;
    struct slice value; // without the white space around it; inside it may be folded
    struct slice raw;   // all that stands between "=" and the next ";" (or the end)
};

struct dkim_tags {
    size_t n;
    struct dkim_tag tags[DKIM_TAGS_MAX];
};

// Strict: names of letters, digits and "_" that begin with a letter, values of printable octets (UTF-8 as well, RFC
// 8616) and white space, lines folded with CRLF and a blank. False, *ret undefined, for anything else, for a name
// that comes twice, and for more than DKIM_TAGS_MAX tags. One ";" may stand at the end.
MUST_USE bool dkim_tags_parse(struct slice text, struct dkim_tags *ret);

// The tag of that name (case-sensitive), or NULL.
const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags, const char *name);

// Takes the next element off the front of a colon-separated list (h= c= q= s= t=), without white space around it. False
// at the end. An empty element is returned as such.
bool dkim_list_next(struct slice *list, struct slice *ret);
// Whether `wanted` (case-insensitive) is an element of the list.
bool dkim_list_has(struct slice list, struct slice wanted);

// Base64 with white space anywhere in it (RFC 6376 3.2, base64string), not empty. False when it is not that, or has
// more than `max` octets; `ret` (room for max octets) and *ret_len are undefined then.
MUST_USE bool dkim_base64(struct slice text, void *ret, size_t max, size_t *ret_len);
