// SPDX-License-Identifier: MIT
#include "config/value.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

bool config_bool_parse(struct slice s, bool *ret) {
    static const struct {
        struct slice word;
        bool value;
    } words[] = {
        {{"true", 4}, true},   {{"yes", 3}, true}, {{"on", 2}, true},   {{"1", 1}, true},
        {{"false", 5}, false}, {{"no", 2}, false}, {{"off", 3}, false}, {{"0", 1}, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (slice_eq_ci(s, words[i].word)) {
            *ret = words[i].value;
            return true;
        }
    }
    return false;
}

bool config_size_parse(struct slice s, uint64_t bare_unit, uint64_t *ret) {
    size_t n_digits = 0;
    while (n_digits < s.len && ascii_is_digit(s.ptr[n_digits]))
        n_digits++;
    uint64_t count;
    if (!slice_to_u64(slice_sub(s, 0, n_digits), &count))
        return false;
    struct slice suffix = slice_trim(slice_sub(s, n_digits, s.len));
    uint64_t unit = bare_unit;
    if (suffix.len > 0) {
        static const char letters[] = "bkmgt";
        const char *at = strchr(letters, ascii_lower(suffix.ptr[0]));
        if (at == NULL || *at == '\0')
            return false;
        unit = (uint64_t)1 << (10 * (at - letters));
        bool has_b = suffix.len == 2 && *at != 'b' && ascii_lower(suffix.ptr[1]) == 'b';
        if (suffix.len > 1 && !has_b)
            return false;
    }
    uint64_t octets;
    if (__builtin_mul_overflow(count, unit, &octets))
        return false;
    *ret = octets;
    return true;
}

bool config_number_parse(struct slice s, double *ret) {
    // Not strtod(): it takes signs, exponents, hexadecimal and the decimal point of the locale.
    enum { DIGITS_MAX = 15 }; // what a double holds exactly
    double value = 0, weight = 1;
    bool seen_point = false;
    size_t n_digits = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '.' && !seen_point && n_digits > 0 && i + 1 < s.len) {
            seen_point = true;
            continue;
        }
        if (!ascii_is_digit(s.ptr[i]) || ++n_digits > DIGITS_MAX)
            return false;
        value = value * 10 + (s.ptr[i] - '0');
        if (seen_point)
            weight *= 10;
    }
    if (n_digits == 0)
        return false;
    *ret = value / weight;
    return true;
}

static bool ipv4_parse(struct slice s, char ret[CONFIG_DOMAIN_SIZE]) {
    char text[INET_ADDRSTRLEN];
    if (s.len >= 2 && s.ptr[0] == '[' && s.ptr[s.len - 1] == ']')
        s = slice_sub(s, 1, s.len - 1);
    if (s.len >= sizeof(text) || memchr(s.ptr, '\0', s.len) != NULL)
        return false;
    memcpy(text, s.ptr, s.len);
    text[s.len] = '\0';
    struct in_addr address;
    if (inet_pton(AF_INET, text, &address) != 1)
        return false;
    (void)snprintf(ret, CONFIG_DOMAIN_SIZE, "[%s]", text);
    return true;
}

static bool is_label(struct slice label, bool is_first) {
    if (is_first && label.len > 1 && label.ptr[0] == '_')
        label = slice_sub(label, 1, label.len);
    if (label.len == 0 || label.len > 63 || label.ptr[0] == '-' || label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!ascii_is_alnum(label.ptr[i]) && label.ptr[i] != '-')
            return false;
    return true;
}

static bool is_all_digits(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_digit(s.ptr[i]))
            return false;
    return true;
}

static bool is_host_name(struct slice s) {
    struct slice label, rest = s;
    bool is_first = true, more;
    do {
        more = slice_cut(rest, '.', &label, &rest);
        if (!is_label(label, is_first))
            return false;
        is_first = false;
    } while (more);
    // A last label of digits would be taken for a mistyped IPv4 address everywhere else.
    return !is_all_digits(label);
}

bool config_domain_parse(struct slice s, char ret[CONFIG_DOMAIN_SIZE]) {
    if (s.len == 0 || s.len >= CONFIG_DOMAIN_SIZE)
        return false;
    if (ipv4_parse(s, ret))
        return true;
    if (!is_host_name(s))
        return false;
    for (size_t i = 0; i < s.len; i++)
        ret[i] = ascii_lower(s.ptr[i]);
    ret[s.len] = '\0';
    return true;
}

bool config_selector_parse(struct slice s, char ret[CONFIG_SELECTOR_SIZE]) {
    if (s.len == 0 || s.len >= CONFIG_SELECTOR_SIZE || !ascii_is_alnum(s.ptr[0]) || s.ptr[s.len - 1] == '.')
        return false;
    for (size_t i = 0; i < s.len; i++) {
        bool ends_label = s.ptr[i] == '.' && s.ptr[i - 1] != '.';
        if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '-' && s.ptr[i] != '_' && !ends_label)
            return false;
    }
    for (size_t i = 0; i < s.len; i++)
        ret[i] = ascii_lower(s.ptr[i]);
    ret[s.len] = '\0';
    return true;
}

static bool is_separator(char c) {
    return c == ' ' || c == '\t' || c == ',';
}

bool config_port_parse(struct slice s, uint16_t *ret) {
    uint64_t port;
    if (!slice_to_u64(s, &port) || port == 0 || port > UINT16_MAX)
        return false;
    *ret = (uint16_t)port;
    return true;
}

struct slice config_list_next(struct slice *rest) {
    size_t begin = 0, end;
    while (begin < rest->len && is_separator(rest->ptr[begin]))
        begin++;
    for (end = begin; end < rest->len && !is_separator(rest->ptr[end]);)
        end++;
    struct slice item = slice_sub(*rest, begin, end);
    *rest = slice_sub(*rest, end, rest->len);
    return item;
}

bool config_forwarder_next(struct slice *rest, struct config_forwarder *ret) {
    struct config_forwarder one = {.port = 53};
    struct slice address, port, after = *rest;
    bool has_port = slice_cut(config_list_next(&after), '@', &address, &port);
    if (address.len == 0 || address.len >= sizeof(one.address) || memchr(address.ptr, '\0', address.len) != NULL ||
        (has_port && !config_port_parse(port, &one.port)))
        return false;
    memcpy(one.address, address.ptr, address.len);
    struct in6_addr octets;
    if (inet_pton(AF_INET, one.address, &octets) != 1 && inet_pton(AF_INET6, one.address, &octets) != 1)
        return false;
    *rest = after;
    *ret = one;
    return true;
}
