// SPDX-License-Identifier: MIT
// Tag lists (RFC 6376 3.2) and the small lists inside their values.
#include "dkim/tags.h"

#include <string.h>

#include "base/base64.h"

static bool is_wsp(char c) {
    return c == ' ' || c == '\t';
}

static bool is_white(char c) {
    return is_wsp(c) || c == '\r' || c == '\n';
}

// A CRLF must be followed by a blank (FWS); CR and LF come in no other way, nor do control octets.
static bool is_text_sane(struct slice s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '\r') {
            if (s.len - i < 3 || s.ptr[i + 1] != '\n' || !is_wsp(s.ptr[i + 2]))
                return false;
            i += 2;
        } else if (((unsigned char)s.ptr[i] < ' ' && s.ptr[i] != '\t') || s.ptr[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_tag_name(struct slice s) {
    if (s.len == 0 || !ascii_is_alpha(s.ptr[0]))
        return false;
    for (size_t i = 1; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '_')
            return false;
    return true;
}

static bool has_name(const struct dkim_tags *tags, struct slice name) {
    for (size_t i = 0; i < tags->n; i++)
        if (slice_eq(tags->tags[i].name, name))
            return true;
    return false;
}

bool dkim_tags_parse(struct slice text, struct dkim_tags *ret) {
    ret->n = 0;
    if (text.len >= 2 && memcmp(text.ptr + text.len - 2, "\r\n", 2) == 0)
        text.len -= 2;
    if (!is_text_sane(text))
        return false;
    while (text.len > 0) {
        struct slice spec, name, value, rest;
        bool more = slice_cut(text, ';', &spec, &rest);
        if (!more && ret->n > 0 && slice_trim(spec).len == 0)
            return true; // the list ended with ";"
        if (!slice_cut(spec, '=', &name, &value) || ret->n == DKIM_TAGS_MAX)
            return false;
        name = slice_trim(name);
        if (!is_tag_name(name) || has_name(ret, name))
            return false;
        ret->tags[ret->n++] = (struct dkim_tag){name, slice_trim(value), value};
        text = rest;
    }
    return ret->n > 0;
}

const struct dkim_tag *dkim_tags_find(const struct dkim_tags *tags, const char *name) {
    struct slice wanted = slice_from_cstr(name);
    for (size_t i = 0; i < tags->n; i++)
        if (slice_eq(tags->tags[i].name, wanted))
            return &tags->tags[i];
    return NULL;
}

bool dkim_list_next(struct slice *list, struct slice *ret) {
    if (list->ptr == NULL)
        return false;
    struct slice head, tail;
    if (!slice_cut(*list, ':', &head, &tail))
        tail = (struct slice){NULL, 0}; // nothing after this one, not even an empty element
    *list = tail;
    *ret = slice_trim(head);
    return true;
}

bool dkim_list_has(struct slice list, struct slice wanted) {
    struct slice element;
    while (dkim_list_next(&list, &element))
        if (slice_eq_ci(element, wanted))
            return true;
    return false;
}

bool dkim_base64(struct slice text, void *ret, size_t max, size_t *ret_len) {
    unsigned char *out = ret;
    unsigned bits = 0, n_bits = 0;
    size_t n = 0, n_chars = 0, n_pad = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (is_white(c))
            continue;
        n_chars++;
        if (c == '=') {
            n_pad++;
            continue;
        }
        int value = base64_value(c);
        if (value < 0 || n_pad > 0)
            return false;
        bits = (bits << 6 | (unsigned)value) & 0xffff;
        n_bits += 6;
        if (n_bits < 8)
            continue;
        n_bits -= 8;
        if (n == max)
            return false;
        out[n++] = (unsigned char)(bits >> n_bits);
    }
    *ret_len = n;
    // Whole groups of four, and no set bits where the padding begins.
    return n > 0 && n_chars % 4 == 0 && n_pad * 2 == n_bits && (bits & ((1u << n_bits) - 1)) == 0;
}
