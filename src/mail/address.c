// SPDX-License-Identifier: MIT
// Mail addresses: RFC 5321 4.1.2 (mailbox), 4.1.3 (address literals), RFC 6531 (UTF-8), RFC 5322 3.4 (address lists).
// Everything returned borrows from the input.
#include "mail/address.h"

#include <arpa/inet.h>
#include <string.h>

#include "mail/cfws.h"
#include "mail/utf8.h"

enum { LABEL_MAX = 63 };

static bool is_atext(char c) {
    return ascii_is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

// Octets of one atom character at the front of s, 0 when there is none.
static size_t atom_char_len(struct slice s) {
    if (s.len == 0)
        return 0;
    if ((unsigned char)s.ptr[0] >= 0x80)
        return utf8_sequence_len(s);
    return is_atext(s.ptr[0]) ? 1 : 0;
}

static bool is_dot_string(struct slice s) {
    bool after_dot = true;
    while (s.len > 0) {
        size_t n = 1;
        if (s.ptr[0] == '.') {
            if (after_dot)
                return false;
            after_dot = true;
        } else {
            n = atom_char_len(s);
            if (n == 0)
                return false;
            after_dot = false;
        }
        s = slice_sub(s, n, s.len);
    }
    return !after_dot;
}

// RFC 5321 Quoted-string: printable octets, blank and UTF-8 between the quotes.
static bool is_quoted_local(struct slice s) {
    size_t i = 1;
    while (i < s.len && s.ptr[i] != '"') {
        if (s.ptr[i] == '\\')
            i++;
        size_t n = utf8_sequence_len(slice_sub(s, i, s.len));
        if (n == 0 || (n == 1 && (s.ptr[i] < ' ' || s.ptr[i] == 0x7F)))
            return false;
        i += n;
    }
    return i + 1 == s.len;
}

static bool is_local_part(struct slice s) {
    if (s.len == 0 || s.len > ADDRESS_LOCAL_MAX)
        return false;
    return s.ptr[0] == '"' ? is_quoted_local(s) : is_dot_string(s);
}

static bool is_label(struct slice s) {
    if (s.len == 0 || s.len > LABEL_MAX || s.ptr[0] == '-' || s.ptr[s.len - 1] == '-')
        return false;
    while (s.len > 0) {
        char c = s.ptr[0];
        size_t n = utf8_sequence_len(s);
        if (n == 0 || (n == 1 && !ascii_is_alnum(c) && c != '-' && c != '_'))
            return false;
        s = slice_sub(s, n, s.len);
    }
    return true;
}

static bool is_domain_name(struct slice s) {
    struct slice label;
    bool more;
    do {
        more = slice_cut(s, '.', &label, &s);
        if (!is_label(label))
            return false;
    } while (more);
    return true;
}

static bool is_address_literal(struct slice s) {
    if (s.len < 2 || s.ptr[s.len - 1] != ']')
        return false;
    struct slice inner = slice_sub(s, 1, s.len - 1);
    bool v6 = slice_starts_with_ci(inner, SLICE("IPv6:"));
    if (v6)
        inner = slice_sub(inner, 5, inner.len);
    char text[INET6_ADDRSTRLEN];
    if (inner.len >= sizeof(text) || memchr(inner.ptr, '\0', inner.len) != NULL)
        return false;
    memcpy(text, inner.ptr, inner.len);
    text[inner.len] = '\0';
    struct in6_addr binary;
    return inet_pton(v6 ? AF_INET6 : AF_INET, text, &binary) == 1;
}

static bool is_domain(struct slice s) {
    if (s.len == 0 || s.len > ADDRESS_DOMAIN_MAX)
        return false;
    return s.ptr[0] == '[' ? is_address_literal(s) : is_domain_name(s);
}

bool address_parse(struct slice s, struct address *ret) {
    if (s.len == 0 || s.len > ADDRESS_MAX)
        return false;
    // A domain holds no "@", a quoted local part may: the last one divides.
    size_t at = slice_rfind(s, '@');
    if (at == s.len)
        return false;
    struct slice local = slice_sub(s, 0, at), domain = slice_sub(s, at + 1, s.len);
    if (!is_local_part(local) || !is_domain(domain))
        return false;
    *ret = (struct address){s, local, domain};
    return true;
}

void address_normalize(const struct address *a, bool strip_detail, char *ret) {
    struct slice local = a->local;
    // A quoted local part is one opaque word, and a detail needs a user before it.
    if (strip_detail && local.len > 0 && local.ptr[0] != '"') {
        size_t plus = slice_find(local, '+');
        if (plus > 0)
            local = slice_sub(local, 0, plus);
    }
    ASSERT(local.len + 1 + a->domain.len <= ADDRESS_MAX);
    char *p = ret;
    for (size_t i = 0; i < local.len; i++)
        *p++ = ascii_lower(local.ptr[i]);
    *p++ = '@';
    for (size_t i = 0; i < a->domain.len; i++)
        *p++ = ascii_lower(a->domain.ptr[i]);
    *p = '\0';
}

// Length of the quoted string at the front of s with its quotes (a display name may hold folds and anything), 0 when it
// does not end.
static size_t quoted_string_len(struct slice s) {
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '"')
            return i + 1;
    }
    return 0;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Length of the word at the front of s: a quoted string, a domain literal, or everything up to a blank, a comment or a
// delimiter.
static size_t word_len(struct slice s) {
    if (s.ptr[0] == '"')
        return quoted_string_len(s);
    if (s.ptr[0] == '[') {
        size_t end = slice_find(s, ']');
        return end < s.len ? end + 1 : 0;
    }
    size_t n = 0;
    while (n < s.len && !is_blank(s.ptr[n]) && strchr("(<>,;:\"[", s.ptr[n]) == NULL)
        n++;
    return n;
}

// What stands between "<" and ">", and behind it the end of the mailbox.
static bool parse_angle(struct slice s, struct address *ret) {
    size_t i = 1;
    while (i < s.len && s.ptr[i] != '>') {
        size_t n = s.ptr[i] == '"' ? quoted_string_len(slice_sub(s, i, s.len)) : 1;
        if (n == 0)
            return false;
        i += n;
    }
    if (i == s.len)
        return false;
    struct slice inner = slice_trim(slice_sub(s, 1, i)), rest = slice_sub(s, i + 1, s.len);
    if (!cfws_skip(&rest) || (rest.len > 0 && rest.ptr[0] != ',' && rest.ptr[0] != ';'))
        return false;
    return address_parse(inner, ret);
}

bool address_first_of_header(struct slice value, struct address *ret) {
    struct slice s = value;
    const char *first = NULL, *end = NULL; // the words of this mailbox so far
    for (;;) {
        if (!cfws_skip(&s))
            return false;
        char c = s.len > 0 ? s.ptr[0] : ',';
        if (c == '<')
            return parse_angle(s, ret);
        if (c == '>')
            return false;
        if (c == ',' || c == ';') {
            if (first != NULL)
                return address_parse(slice_make(first, (size_t)(end - first)), ret);
            if (s.len == 0)
                return false;
        }
        if (c == ',' || c == ';' || c == ':') {
            // Empty list members are obsolete but legal; the name of a group ends at the colon.
            first = NULL;
            s = slice_sub(s, 1, s.len);
            continue;
        }
        size_t n = word_len(s);
        if (n == 0)
            return false;
        if (first == NULL)
            first = s.ptr;
        end = s.ptr + n;
        s = slice_sub(s, n, s.len);
    }
}
