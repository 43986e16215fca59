// SPDX-License-Identifier: MIT
// Message headers (RFC 5322 2.2), always on the original octets. Only CRLF ends a line; everything returned borrows.
#include "mail/header.h"

#include <string.h>

// Length of the line at the front of s with its CRLF; all of s when there is none.
static size_t line_len(struct slice s) {
    size_t from = 0;
    while (from < s.len) {
        const char *lf = memchr(s.ptr + from, '\n', s.len - from);
        if (lf == NULL)
            break;
        size_t end = (size_t)(lf - s.ptr) + 1;
        if (end >= 2 && s.ptr[end - 2] == '\r')
            return end;
        from = end;
    }
    return s.len;
}

bool header_find_end(struct slice data, size_t *ret_body_offset) {
    size_t at = 0;
    if (slice_starts_with(data, SLICE("\r\n"))) {
        *ret_body_offset = 2;
        return true;
    }
    at = slice_find_slice(data, SLICE("\r\n\r\n"));
    if (at == data.len)
        return false;
    *ret_body_offset = at + 4;
    return true;
}

static bool is_field_name(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
            return false;
    return s.len > 0;
}

enum header_next header_next(struct slice *rest, struct header_field *ret) {
    if (rest->len == 0 || slice_starts_with(*rest, SLICE("\r\n")))
        return HEADER_END;
    size_t len = line_len(*rest);
    while (len < rest->len && (rest->ptr[len] == ' ' || rest->ptr[len] == '\t'))
        len += line_len(slice_sub(*rest, len, rest->len));
    struct slice raw = slice_sub(*rest, 0, len);
    *rest = slice_sub(*rest, len, rest->len);

    struct slice name, value;
    bool colon = slice_cut(raw, ':', &name, &value);
    while (name.len > 0 && (name.ptr[name.len - 1] == ' ' || name.ptr[name.len - 1] == '\t'))
        name.len--;
    if (!colon || !is_field_name(name)) {
        *ret = (struct header_field){raw, SLICE_EMPTY, SLICE_EMPTY};
        return HEADER_BAD;
    }
    if (slice_ends_with(value, SLICE("\r\n")))
        value.len -= 2;
    *ret = (struct header_field){raw, name, value};
    return HEADER_FIELD;
}

bool header_find(struct slice header, struct slice name, struct slice *ret_value) {
    struct header_field field;
    enum header_next next;
    while ((next = header_next(&header, &field)) != HEADER_END) {
        if (next == HEADER_FIELD && slice_eq_ci(field.name, name)) {
            *ret_value = slice_trim(field.value);
            return true;
        }
    }
    return false;
}

bool header_unfold(struct slice value, struct buf *out) {
    value = slice_trim(value);
    while (value.len > 0) {
        size_t at = slice_find_slice(value, SLICE("\r\n"));
        if (!buf_append_slice(out, slice_sub(value, 0, at)))
            return false;
        value = slice_sub(value, at + 2, value.len);
    }
    return true;
}

static const struct slice submitted_drops[] = {
    {"Received", 8},
    {"X-Originating-IP", 16},
    {"X-Mailer", 8},
    {"User-Agent", 10},
};
static const struct slice delivered_drops[] = {
    {"DKIM-Signature", 14},
    {"Authentication-Results", 22},
    {"Received", 8},
};

static bool is_one_of(struct slice name, const struct slice *names, size_t n_names) {
    for (size_t i = 0; i < n_names; i++)
        if (slice_eq_ci(name, names[i]))
            return true;
    return false;
}

bool header_rewrite(struct slice header, enum header_edit how, struct buf *out) {
    bool submitted = how == HEADER_EDIT_SUBMITTED;
    const struct slice *drops = submitted ? submitted_drops : delivered_drops;
    size_t n_drops = submitted ? ARRAY_LEN(submitted_drops) : ARRAY_LEN(delivered_drops);
    struct header_field field;
    enum header_next next;
    while ((next = header_next(&header, &field)) != HEADER_END) {
        struct slice keep = field.raw;
        if (next == HEADER_FIELD && is_one_of(field.name, drops, n_drops))
            keep = SLICE_EMPTY;
        else if (next == HEADER_FIELD && submitted && slice_eq_ci(field.name, SLICE("Subject")))
            keep = SLICE("Subject: [...]\r\n");
        if (!buf_append_slice(out, keep))
            return false;
    }
    return buf_append_slice(out, header);
}

bool header_select(struct slice header, const struct slice *names, size_t n_names, bool invert, struct buf *out) {
    struct header_field field;
    enum header_next next;
    while ((next = header_next(&header, &field)) != HEADER_END) {
        bool named = next == HEADER_FIELD && is_one_of(field.name, names, n_names);
        if (named == invert)
            continue;
        if (!buf_append_slice(out, field.raw))
            return false;
        if (!slice_ends_with(field.raw, SLICE("\r\n")) && !buf_append_cstr(out, "\r\n"))
            return false;
    }
    return buf_append_cstr(out, "\r\n");
}
