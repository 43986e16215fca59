// SPDX-License-Identifier: MIT
#include "http/target.h"

#include <string.h>

static bool refuse(struct http_refusal *ret_why, uint16_t status, const char *text) {
    *ret_why = (struct http_refusal){status, text};
    return false;
}

static bool is_in(char c, const char *set) {
    return c != '\0' && strchr(set, c) != NULL;
}

// RFC 3986 section 3.3, without "%".
static bool is_pchar(char c) {
    return ascii_is_alnum(c) || is_in(c, "-._~!$&'()*+,;=:@");
}

// RFC 3986 section 3.4, and the few more that browsers leave as they are (URL standard, query percent-encode set).
static bool is_query_char(char c) {
    return is_pchar(c) || is_in(c, "/?[]{}|^`");
}

static int hex_value(char c) {
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The octet of a "%XX" at ptr, or -1.
static int percent_octet(const char *ptr, size_t len) {
    if (len < 3 || ptr[0] != '%')
        return -1;
    int high = hex_value(ptr[1]), low = hex_value(ptr[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// A decoded octet that would change how the path is cut, or that no name of ours holds.
static bool is_forbidden(int octet) {
    return octet < 0x20 || octet == 0x7f || octet == '/' || octet == '\\';
}

static bool path_decode(char *path, size_t *len, struct http_refusal *ret_why) {
    size_t out = 0;
    for (size_t i = 0; i < *len; i++) {
        int octet = (unsigned char)path[i];
        if (octet == '%') {
            octet = percent_octet(path + i, *len - i);
            if (octet < 0)
                return refuse(ret_why, 400, "The address holds a broken percent-encoding.");
            if (is_forbidden(octet))
                return refuse(ret_why, 400, "The address holds an encoded slash, backslash or control character.");
            i += 2;
        } else if (octet != '/' && !is_pchar(path[i])) {
            return refuse(ret_why, 400, "The address holds a character that must be percent-encoded.");
        }
        path[out++] = (char)octet;
    }
    *len = out;
    return true;
}

// Each segment stands for itself: none is empty (but the last), "." or "..".
static bool path_check(struct slice path, struct http_refusal *ret_why) {
    struct slice rest = slice_sub(path, 1, path.len), segment;
    bool more = true;
    while (more) {
        more = slice_cut(rest, '/', &segment, &rest);
        if ((segment.len == 0 && more) || slice_eq(segment, SLICE(".")) || slice_eq(segment, SLICE("..")))
            return refuse(ret_why, 400, "The address holds a dot segment or two slashes in a row.");
    }
    return true;
}

static bool query_check(struct slice query, struct http_refusal *ret_why) {
    for (size_t i = 0; i < query.len; i++) {
        if (query.ptr[i] == '%') {
            if (percent_octet(query.ptr + i, query.len - i) < 0)
                return refuse(ret_why, 400, "The address holds a broken percent-encoding.");
        } else if (!is_query_char(query.ptr[i])) {
            return refuse(ret_why, 400, "The address holds a character that must be percent-encoded.");
        }
    }
    return true;
}

static bool name_is_valid(struct slice s) {
    char before = '.';
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!ascii_is_alnum(c) && !is_in(c, "-_.")) // "_" begins the names of relays without public DNS
            return false;
        if (c == '.' && before == '.')
            return false;
        before = c;
    }
    return s.len > 0;
}

// RFC 3986 section 3.2.2: only the form of an IPv6 address; whose it is, nobody asks.
static bool literal_is_valid(struct slice s) {
    for (size_t i = 1; i + 1 < s.len; i++) {
        if (hex_value(s.ptr[i]) < 0 && !is_in(s.ptr[i], ":."))
            return false;
    }
    return s.len > 2;
}

static bool port_is_valid(struct slice s) {
    uint32_t port;
    return s.len == 0 || (s.len <= 5 && slice_to_u32(s, &port) && port <= UINT16_MAX);
}

// uri-host [ ":" port ]; no user information. The host goes into lower case where it stands.
static bool authority_parse(char *ptr, size_t len, struct slice *ret_host) {
    struct slice all = slice_make(ptr, len), host, port;
    if (len > 0 && ptr[0] == '[') {
        size_t end = slice_find(all, ']');
        if (end == len)
            return false;
        host = slice_sub(all, 0, end + 1);
        port = slice_sub(all, end + 1, len);
        if (port.len > 0 && port.ptr[0] != ':')
            return false;
        port = slice_sub(port, 1, port.len);
        if (!literal_is_valid(host))
            return false;
    } else {
        (void)slice_cut(all, ':', &host, &port);
        if (!name_is_valid(host))
            return false;
        if (host.ptr[host.len - 1] == '.') // the root is meant anyway
            host.len--;
    }
    if (host.len > HTTP_HOST_MAX || !port_is_valid(port))
        return false;
    for (size_t i = 0; i < host.len; i++)
        ptr[i] = ascii_lower(ptr[i]);
    *ret_host = host;
    return true;
}

// RFC 9112 section 3.2: one Host field, well-formed; only 1.0 may do without.
static bool host_parse(struct http_head *head, struct http_refusal *ret_why) {
    const struct http_field *found = NULL;
    for (size_t i = 0; i < head->request.n_fields; i++) {
        const struct http_field *f = &head->request.fields[i];
        if (!slice_eq_ci(f->name, SLICE("host")))
            continue;
        if (found != NULL)
            return refuse(ret_why, 400, "There is more than one Host field.");
        found = f;
    }
    head->request.host = SLICE_EMPTY;
    if (found == NULL)
        return head->is_http10 || refuse(ret_why, 400, "There is no Host field.");
    // Fields lie in the caller's own copy of the head, which http_head_parse() may change.
    if (!authority_parse((char *)found->value.ptr, found->value.len, &head->request.host))
        return refuse(ret_why, 400, "The Host field is not a host name.");
    return true;
}

static size_t scheme_len(struct slice target) {
    if (slice_starts_with_ci(target, SLICE("https://")))
        return 8;
    return slice_starts_with_ci(target, SLICE("http://")) ? 7 : 0;
}

bool http_target_parse(char *target, size_t len, struct http_head *head, struct http_refusal *ret_why) {
    struct http_request *r = &head->request;
    r->path = SLICE("/");
    r->query = SLICE_EMPTY;
    if (!host_parse(head, ret_why))
        return false;
    if (slice_eq(r->method_name, SLICE("CONNECT")))
        return refuse(ret_why, 501, "This server is no proxy.");
    struct slice all = slice_make(target, len);
    if (slice_eq(all, SLICE("*"))) {
        head->for_server = slice_eq(r->method_name, SLICE("OPTIONS"));
        return head->for_server || refuse(ret_why, 400, "The target \"*\" goes with OPTIONS only.");
    }
    size_t at = scheme_len(all);
    if (at > 0) {
        size_t end = at;
        while (end < len && target[end] != '/' && target[end] != '?')
            end++;
        if (!authority_parse(target + at, end - at, &r->host))
            return refuse(ret_why, 400, "The address does not name a host.");
        at = end;
    } else if (target[0] != '/') {
        return refuse(ret_why, 400, "The target is neither a path nor an address.");
    }
    size_t path_len = slice_find(slice_sub(all, at, len), '?');
    if (at + path_len < len)
        r->query = slice_sub(all, at + path_len + 1, len);
    if (!query_check(r->query, ret_why) || !path_decode(target + at, &path_len, ret_why))
        return false;
    if (path_len > 0)
        r->path = slice_make(target + at, path_len);
    return path_check(r->path, ret_why);
}

// Decodes one name or value of a query (also "+", as forms send a blank) to where there is room for it and a NUL.
static bool query_decode(struct slice s, char *ret, size_t size) {
    size_t out = 0;
    for (size_t i = 0; i < s.len; i++) {
        int octet = (unsigned char)s.ptr[i];
        if (octet == '%') {
            octet = percent_octet(s.ptr + i, s.len - i);
            i += 2;
        } else if (octet == '+') {
            octet = ' ';
        }
        if (octet <= 0 || out + 1 >= size)
            return false;
        ret[out++] = (char)octet;
    }
    if (size == 0)
        return false;
    ret[out] = '\0';
    return true;
}

bool http_request_query(const struct http_request *r, const char *name, char *ret, size_t size) {
    struct slice rest = r->query, pair;
    bool more = true;
    while (more) {
        more = slice_cut(rest, '&', &pair, &rest);
        struct slice key, value;
        (void)slice_cut(pair, '=', &key, &value);
        if (slice_eq(key, slice_from_cstr(name)))
            return query_decode(value, ret, size);
    }
    return false;
}
