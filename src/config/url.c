// SPDX-License-Identifier: MIT
#include "config/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool is_visible_ascii(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f)
            return false;
    return true;
}

// scheme = "http" / "https" (RFC 3986 3.1), in any case.
static bool take_scheme(struct slice *rest, bool *ret_is_https) {
    static const struct slice https = {"https://", 8}, http = {"http://", 7};
    *ret_is_https = slice_starts_with_ci(*rest, https);
    if (!*ret_is_https && !slice_starts_with_ci(*rest, http))
        return false;
    *rest = slice_sub(*rest, *ret_is_https ? https.len : http.len, rest->len);
    return true;
}

static bool ipv6_parse(struct slice s, char ret[CONFIG_DOMAIN_SIZE]) {
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (s.len >= sizeof(text))
        return false;
    (void)snprintf(text, sizeof(text), "%.*s", SLICE_FMT(s));
    if (inet_pton(AF_INET6, text, &address) != 1 || inet_ntop(AF_INET6, &address, text, sizeof(text)) == NULL)
        return false;
    (void)snprintf(ret, CONFIG_DOMAIN_SIZE, "[%s]", text);
    return true;
}

// A name or an IPv4 address; config_domain_parse() writes the latter in brackets, which a URL does not have.
static bool name_parse(struct slice s, struct config_url *ret) {
    if (slice_starts_with(s, SLICE("[")) || !config_domain_parse(s, ret->host))
        return false;
    ret->host_is_ipv4 = ret->host[0] == '[';
    if (ret->host_is_ipv4) {
        size_t len = strlen(ret->host) - 2;
        memmove(ret->host, ret->host + 1, len);
        ret->host[len] = '\0';
    }
    return true;
}

// authority = host [ ":" port ] (RFC 3986 3.2); an IPv6 address stands in brackets.
static bool parse_authority(struct slice s, struct config_url *ret) {
    struct slice host, after;
    bool has_port;
    if (slice_starts_with(s, SLICE("["))) {
        if (!slice_cut(slice_sub(s, 1, s.len), ']', &host, &after) || !ipv6_parse(host, ret->host))
            return false;
        has_port = after.len > 0;
        if (has_port && after.ptr[0] != ':')
            return false;
        after = slice_sub(after, 1, after.len);
    } else {
        has_port = slice_cut(s, ':', &host, &after);
        if (!name_parse(host, ret))
            return false;
    }
    ret->port = ret->is_https ? 443 : 80;
    return !has_port || config_port_parse(after, &ret->port);
}

bool config_url_parse(struct slice s, struct config_url *ret) {
    struct config_url url = {0};
    if (s.len > CONFIG_URL_MAX || !is_visible_ascii(s) || slice_find(s, '#') < s.len)
        return false;
    struct slice rest = s;
    if (!take_scheme(&rest, &url.is_https))
        return false;
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
        end++;
    url.rest = slice_sub(rest, end, rest.len);
    if (!parse_authority(slice_sub(rest, 0, end), &url))
        return false;
    *ret = url;
    return true;
}

bool config_place_next(struct slice *rest, struct config_url *ret) {
    struct slice after = *rest, one = config_list_next(&after);
    struct config_url place = {.is_https = true, .port = 443};
    size_t end = slice_find(one, '/');
    place.rest = slice_sub(one, end, one.len);
    bool ok = one.len <= CONFIG_URL_MAX && is_visible_ascii(one) && slice_find(one, '?') == one.len &&
              slice_find(one, '#') == one.len && name_parse(slice_sub(one, 0, end), &place) &&
              (place.rest.len == 0 || slice_ends_with(place.rest, SLICE("/")));
    if (ok) {
        *rest = after;
        *ret = place;
    }
    return ok;
}

// Dot segments (RFC 3986 5.2.4) lead elsewhere, and browsers take "%2e" for a dot and a backslash for a
// slash.
static bool path_may_move(struct slice path) {
    static const struct slice moving[] = {{"/.", 2},  {"\\", 1},  {"%2e", 3}, {"%2E", 3},
                                          {"%2f", 3}, {"%2F", 3}, {"%5c", 3}, {"%5C", 3}};
    path = slice_sub(path, 0, slice_find(path, '?'));
    for (size_t i = 0; i < ARRAY_LEN(moving); i++)
        if (slice_find_slice(path, moving[i]) < path.len)
            return true;
    return false;
}

bool config_url_is_at(const struct config_url *url, const struct config_url *place) {
    return url->is_https && url->port == 443 && strcmp(url->host, place->host) == 0 && !path_may_move(url->rest) &&
           slice_starts_with(url->rest, place->rest);
}
