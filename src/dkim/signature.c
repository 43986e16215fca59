// SPDX-License-Identifier: MIT
// The DKIM-Signature field (RFC 6376 3.5): tags to struct, a function for each tag that has a syntax of its own.
#include "dkim/signature.h"

#include "dkim/tags.h"

enum { TIME_DIGITS_MAX = 12, LENGTH_DIGITS_MAX = 76 };

static bool is_domain(struct slice s) {
    if (s.len == 0 || s.len > DKIM_DOMAIN_LEN_MAX)
        return false;
    size_t label = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] == '.') {
            if (label == 0)
                return false;
            label = 0;
        } else if (ascii_is_alnum(s.ptr[i]) || s.ptr[i] == '-' || s.ptr[i] == '_') {
            if (++label > 63)
                return false;
        } else {
            return false;
        }
    }
    return label > 0;
}

// `sub` is `domain` or below it.
static bool is_within(struct slice sub, struct slice domain) {
    if (slice_eq_ci(sub, domain))
        return true;
    return sub.len > domain.len && slice_ends_with_ci(sub, domain) && sub.ptr[sub.len - domain.len - 1] == '.';
}

static bool parse_algorithm(struct slice s, enum dkim_algorithm *ret) {
    if (slice_eq_ci(s, SLICE("rsa-sha256")))
        *ret = DKIM_RSA_SHA256;
    else if (slice_eq_ci(s, SLICE("ed25519-sha256")))
        *ret = DKIM_ED25519_SHA256;
    else
        return false;
    return true;
}

static bool parse_canon(struct slice s, enum dkim_canon *ret) {
    if (slice_eq_ci(s, SLICE("relaxed")))
        *ret = DKIM_RELAXED;
    else if (slice_eq_ci(s, SLICE("simple")))
        *ret = DKIM_SIMPLE;
    else
        return false;
    return true;
}

// c=: header "/" body; the body's default is simple.
static bool parse_canons(struct slice s, struct dkim_signature *ret) {
    struct slice header, body;
    ret->body_canon = DKIM_SIMPLE;
    bool both = slice_cut(s, '/', &header, &body);
    return parse_canon(header, &ret->header_canon) && (!both || parse_canon(body, &ret->body_canon));
}

static bool is_header_name(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~')
            return false;
    return s.len > 0;
}

static bool parse_header_names(struct slice s, struct dkim_signature *ret) {
    ret->header_names = s;
    struct slice name;
    size_t n = 0;
    while (dkim_list_next(&s, &name))
        if (!is_header_name(name) || ++n > DKIM_HEADER_NAMES_MAX)
            return false;
    return true;
}

static bool parse_identity(struct slice s, struct dkim_signature *ret) {
    size_t at = slice_rfind(s, '@');
    if (at == s.len)
        return false;
    ret->has_identity = true;
    ret->identity = slice_sub(s, at + 1, s.len);
    return true;
}

// l= may have 76 digits; what does not fit in 64 bits is longer than any body.
static bool parse_length(struct slice s, struct dkim_signature *ret) {
    ret->has_length = true;
    return s.len <= LENGTH_DIGITS_MAX && slice_to_u64(s, &ret->length);
}

static bool parse_time(struct slice s, int64_t *ret) {
    uint64_t value;
    if (s.len > TIME_DIGITS_MAX || !slice_to_u64(s, &value))
        return false;
    *ret = (int64_t)value;
    return true;
}

#define REFUSE(text)                                                                                                   \
    do {                                                                                                               \
        *ret_reason = (text);                                                                                          \
        return false;                                                                                                  \
    } while (0)

static bool parse_required(const struct dkim_tags *tags, struct dkim_signature *ret, const char **ret_reason) {
    static const char *const names[] = {"v", "a", "b", "bh", "d", "h", "s"};
    struct slice value[ARRAY_LEN(names)];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct dkim_tag *tag = dkim_tags_find(tags, names[i]);
        if (tag == NULL)
            REFUSE("a required tag is missing");
        value[i] = tag->value;
    }
    size_t hash_len;
    if (!slice_eq(value[0], SLICE("1")))
        REFUSE("not version 1");
    if (!parse_algorithm(value[1], &ret->algorithm))
        REFUSE("algorithm not supported");
    if (!dkim_base64(value[2], ret->signature, sizeof(ret->signature), &ret->signature_len))
        REFUSE("bad b=");
    if (!dkim_base64(value[3], ret->body_hash, sizeof(ret->body_hash), &hash_len) || hash_len != DKIM_HASH_LEN)
        REFUSE("bad bh=");
    if (!is_domain(ret->domain = value[4]))
        REFUSE("bad d=");
    if (!parse_header_names(value[5], ret))
        REFUSE("bad h=");
    if (!dkim_list_has(ret->header_names, SLICE("From")))
        REFUSE("From is not signed");
    if (!is_domain(ret->selector = value[6]))
        REFUSE("bad s=");
    ret->signature_raw = dkim_tags_find(tags, "b")->raw;
    return true;
}

static bool parse_optional(const struct dkim_tags *tags, struct dkim_signature *ret, const char **ret_reason) {
    const struct dkim_tag *tag;
    if ((tag = dkim_tags_find(tags, "c")) != NULL && !parse_canons(tag->value, ret))
        REFUSE("bad c=");
    if ((tag = dkim_tags_find(tags, "i")) != NULL && !parse_identity(tag->value, ret))
        REFUSE("bad i=");
    if (ret->has_identity && !is_within(ret->identity, ret->domain))
        REFUSE("i= is not within d=");
    if ((tag = dkim_tags_find(tags, "l")) != NULL && !parse_length(tag->value, ret))
        REFUSE("bad l=");
    if ((tag = dkim_tags_find(tags, "t")) != NULL && !(ret->has_time = parse_time(tag->value, &ret->time)))
        REFUSE("bad t=");
    if ((tag = dkim_tags_find(tags, "x")) != NULL && !(ret->has_expiry = parse_time(tag->value, &ret->expiry)))
        REFUSE("bad x=");
    if (ret->has_time && ret->has_expiry && ret->expiry <= ret->time)
        REFUSE("x= is not after t=");
    // "dns" alone is what signers of the drafts wrote.
    if ((tag = dkim_tags_find(tags, "q")) != NULL && !dkim_list_has(tag->value, SLICE("dns/txt")) &&
        !dkim_list_has(tag->value, SLICE("dns")))
        REFUSE("query method not supported");
    return true;
}

bool dkim_signature_parse(struct slice value, struct dkim_signature *ret, const char **ret_reason) {
    *ret = (struct dkim_signature){.header_canon = DKIM_SIMPLE, .body_canon = DKIM_SIMPLE};
    struct dkim_tags tags;
    if (value.len > DKIM_FIELD_LEN_MAX)
        REFUSE("field too long");
    if (!dkim_tags_parse(value, &tags))
        REFUSE("bad tag list");
    return parse_required(&tags, ret, ret_reason) && parse_optional(&tags, ret, ret_reason);
}
