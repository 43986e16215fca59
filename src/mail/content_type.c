// SPDX-License-Identifier: MIT
// Content-Type and Content-Transfer-Encoding (RFC 2045 5.1, 6.1). Comments and folds may stand between all tokens.
// Borrows.
#include "mail/content_type.h"

#include <string.h>

#include "mail/cfws.h"

static bool is_token_char(char c) {
    return c > ' ' && c < 0x7F && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

static struct slice take_token(struct slice *s) {
    size_t n = 0;
    while (n < s->len && is_token_char(s->ptr[n]))
        n++;
    struct slice token = slice_sub(*s, 0, n);
    *s = slice_sub(*s, n, s->len);
    return token;
}

static bool take_char(struct slice *s, char c) {
    if (s->len == 0 || s->ptr[0] != c)
        return false;
    *s = slice_sub(*s, 1, s->len);
    return true;
}

// Takes "type / subtype" and the blanks behind it, which must end at a ";" or the end.
static bool take_type(struct slice *s, struct content_type *ret) {
    if (!cfws_skip(s))
        return false;
    ret->type = take_token(s);
    if (!cfws_skip(s) || !take_char(s, '/') || !cfws_skip(s))
        return false;
    ret->subtype = take_token(s);
    return cfws_skip(s) && ret->type.len > 0 && ret->subtype.len > 0 && (s->len == 0 || s->ptr[0] == ';');
}

struct content_type content_type_parse(struct slice value) {
    struct content_type ct;
    if (!take_type(&value, &ct))
        return (struct content_type){SLICE_EMPTY, SLICE_EMPTY};
    return ct;
}

bool content_type_is(const struct content_type *ct, struct slice type, struct slice subtype) {
    return slice_eq_ci(ct->type, type) && slice_eq_ci(ct->subtype, subtype);
}

// A parameter value: a quoted string, whose inner octets are returned with their backslashes, or a run without blanks.
// More than the token of RFC 2045 is let in, because boundaries with "=" and "/" are often left unquoted.
static bool take_value(struct slice *s, struct slice *ret, bool *ret_quoted) {
    *ret_quoted = take_char(s, '"');
    size_t n = 0;
    if (*ret_quoted) {
        while (n < s->len && s->ptr[n] != '"')
            n += s->ptr[n] == '\\' ? 2 : 1;
        if (n >= s->len)
            return false;
    } else {
        while (n < s->len && strchr(" \t\r\n;\"(),<>\\", s->ptr[n]) == NULL)
            n++;
        if (n == 0)
            return false;
    }
    *ret = slice_sub(*s, 0, n);
    *s = slice_sub(*s, *ret_quoted ? n + 1 : n, s->len);
    return true;
}

// RFC 2046 5.1.1 has fewer characters; all printable ones occur. A blank must not be the last.
static bool copy_boundary(struct slice raw, bool quoted, char ret[MIME_BOUNDARY_MAX + 1], size_t *ret_len) {
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        if (quoted && raw.ptr[i] == '\\')
            i++;
        if (i == raw.len || raw.ptr[i] < ' ' || raw.ptr[i] > '~' || len == MIME_BOUNDARY_MAX)
            return false;
        ret[len++] = raw.ptr[i];
    }
    if (len == 0 || ret[len - 1] == ' ')
        return false;
    ret[len] = '\0';
    *ret_len = len;
    return true;
}

bool content_type_boundary(struct slice value, char ret[MIME_BOUNDARY_MAX + 1], size_t *ret_len) {
    struct content_type ct;
    if (!take_type(&value, &ct))
        return false;
    bool found = false;
    while (take_char(&value, ';')) {
        if (!cfws_skip(&value))
            return false;
        if (value.len == 0 || value.ptr[0] == ';')
            continue; // a ";" with nothing behind it is common
        struct slice name = take_token(&value), raw;
        bool quoted;
        if (name.len == 0 || !cfws_skip(&value) || !take_char(&value, '=') || !cfws_skip(&value) ||
            !take_value(&value, &raw, &quoted) || !cfws_skip(&value))
            return false;
        // A boundary in RFC 2231 form would be seen by some readers and not by others.
        if (slice_starts_with_ci(name, SLICE("boundary*")))
            return false;
        if (!slice_eq_ci(name, SLICE("boundary")))
            continue;
        if (found || !copy_boundary(raw, quoted, ret, ret_len))
            return false;
        found = true;
    }
    return found && value.len == 0;
}

enum transfer_encoding transfer_encoding_parse(struct slice value) {
    if (!cfws_skip(&value))
        return TRANSFER_UNKNOWN;
    struct slice token = take_token(&value);
    if (!cfws_skip(&value) || value.len > 0)
        return TRANSFER_UNKNOWN;
    if (slice_eq_ci(token, SLICE("7bit")) || slice_eq_ci(token, SLICE("8bit")) || slice_eq_ci(token, SLICE("binary")))
        return TRANSFER_IDENTITY;
    if (slice_eq_ci(token, SLICE("base64")))
        return TRANSFER_BASE64;
    if (slice_eq_ci(token, SLICE("quoted-printable")))
        return TRANSFER_QUOTED_PRINTABLE;
    return TRANSFER_UNKNOWN;
}
