// SPDX-License-Identifier: MIT
#include "http/web/negotiate.h"

#include "base/panic.h"
#include "http/http.h"

// RFC 9110 section 12.4.2: "0" to "1" with up to three decimals, here in thousandths. Nonsense counts as 0: the coding
// is then not used, which every client can read.
static int parse_weight(struct slice s) {
    if (s.len == 0 || s.len > 5 || (s.ptr[0] != '0' && s.ptr[0] != '1') || (s.len > 1 && s.ptr[1] != '.'))
        return 0;
    int value = (s.ptr[0] - '0') * 1000, unit = 100;
    for (size_t i = 2; i < s.len; i++, unit /= 10) {
        if (!ascii_is_digit(s.ptr[i]))
            return 0;
        value += (s.ptr[i] - '0') * unit;
    }
    return value <= 1000 ? value : 0;
}

// Takes "coding;q=weight" apart.
static struct slice parse_coding(struct slice item, int *ret_weight) {
    struct slice coding, parameter;
    *ret_weight = 1000;
    if (slice_cut(item, ';', &coding, &parameter)) {
        parameter = slice_trim(parameter);
        bool is_weight = slice_starts_with_ci(parameter, SLICE("q="));
        *ret_weight = is_weight ? parse_weight(slice_sub(parameter, 2, parameter.len)) : 0;
    }
    return slice_trim(coding);
}

struct wishes {
    int gzip, identity, any; // in thousandths; -1: not named
};

static void read_wishes(struct slice list, struct wishes *w) {
    struct slice item, rest = list;
    bool more = true;
    while (more) {
        more = slice_cut(rest, ',', &item, &rest);
        int weight = 0;
        struct slice coding = parse_coding(item, &weight);
        if (slice_eq_ci(coding, SLICE("gzip")) || slice_eq_ci(coding, SLICE("x-gzip")))
            w->gzip = weight;
        else if (slice_eq_ci(coding, SLICE("identity")))
            w->identity = weight;
        else if (slice_eq(coding, SLICE("*")))
            w->any = weight;
    }
}

bool negotiate_gzip(const struct http_field *fields, size_t n) {
    struct wishes w = {-1, -1, -1};
    for (size_t i = 0; i < n; i++)
        if (slice_eq_ci(fields[i].name, SLICE("accept-encoding")))
            read_wishes(fields[i].value, &w);
    int gzip = w.gzip >= 0 ? w.gzip : w.any;
    return gzip > 0 && gzip >= w.identity;
}

// Of "type;version=1.0.0;q=0.5": the weight, or -1 when it is not this type in this version.
static int weigh_media(struct slice item, struct slice type, struct slice version) {
    struct slice parameter, rest;
    int weight = 1000;
    bool more = slice_cut(item, ';', &parameter, &rest);
    if (!slice_eq_ci(slice_trim(parameter), type))
        return -1;
    while (more) {
        more = slice_cut(rest, ';', &parameter, &rest);
        parameter = slice_trim(parameter);
        if (slice_starts_with_ci(parameter, SLICE("q=")))
            weight = parse_weight(slice_sub(parameter, 2, parameter.len));
        else if (slice_starts_with_ci(parameter, SLICE("version=")) &&
                 !slice_eq(slice_sub(parameter, 8, parameter.len), version))
            return -1;
    }
    return weight;
}

int negotiate_media(const struct http_field *fields, size_t n, struct slice type, struct slice version) {
    int best = -1;
    for (size_t i = 0; i < n; i++) {
        if (!slice_eq_ci(fields[i].name, SLICE("accept")))
            continue;
        struct slice item, rest = fields[i].value;
        bool more = true;
        while (more) {
            more = slice_cut(rest, ',', &item, &rest);
            int weight = weigh_media(item, type, version);
            best = weight > best ? weight : best;
        }
    }
    return best;
}

// Takes the next entity tag off the list, without "W/". False at its end, and at what is not a tag.
static bool next_tag(struct slice *list, struct slice *ret) {
    struct slice s = *list;
    while (s.len > 0 && (s.ptr[0] == ',' || s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = slice_sub(s, 1, s.len);
    if (slice_starts_with(s, SLICE("W/")))
        s = slice_sub(s, 2, s.len);
    if (s.len == 0 || s.ptr[0] != '"')
        return false;
    size_t len = 1 + slice_find(slice_sub(s, 1, s.len), '"') + 1;
    if (len > s.len)
        return false;
    *ret = slice_sub(s, 0, len);
    *list = slice_sub(s, len, s.len);
    return true;
}

static bool names_tag(struct slice list, struct slice etag) {
    if (slice_eq(slice_trim(list), SLICE("*")))
        return true;
    struct slice tag;
    while (next_tag(&list, &tag))
        if (slice_eq(tag, etag))
            return true;
    return false;
}

bool negotiate_has_copy(const struct http_field *fields, size_t n, struct slice etag) {
    if (slice_starts_with(etag, SLICE("W/")))
        etag = slice_sub(etag, 2, etag.len);
    for (size_t i = 0; i < n; i++)
        if (slice_eq_ci(fields[i].name, SLICE("if-none-match")) && names_tag(fields[i].value, etag))
            return true;
    return false;
}
