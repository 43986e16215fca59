// SPDX-License-Identifier: MIT
#include "queue/mta_sts.h"

#include <string.h>

enum { NAME_MAX_LEN = 32 };

// ---- shared by both texts ----

// sts-ext-name / sts-policy-ext-name: a letter or digit, then up to 31 letters, digits, "_", "-", ".".
static bool is_field_name(struct slice s) {
    if (s.len == 0 || s.len > NAME_MAX_LEN || !ascii_is_alnum(s.ptr[0]))
        return false;
    for (size_t i = 1; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && s.ptr[i] != '_' && s.ptr[i] != '-' && s.ptr[i] != '.')
            return false;
    return true;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

static struct slice trim_blanks(struct slice s) {
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = slice_sub(s, 1, s.len);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

// ---- the record (section 3.1) ----

// sts-version, and the first delimiter.
static bool take_version(struct slice *s) {
    if (!slice_starts_with(*s, SLICE("v=STSv1")))
        return false;
    struct slice rest = slice_sub(*s, 7, s->len);
    while (rest.len > 0 && is_blank(rest.ptr[0]))
        rest = slice_sub(rest, 1, rest.len);
    if (rest.len == 0 || rest.ptr[0] != ';')
        return false;
    *s = slice_sub(rest, 1, rest.len);
    return true;
}

bool mta_sts_is_record(struct slice txt) {
    return take_version(&txt);
}

static bool is_id(struct slice s) {
    if (s.len == 0 || s.len > STORE_STS_ID_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]))
            return false;
    return true;
}

// sts-ext-value: visible, without "=" and ";".
static bool is_record_value(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] > '~' || s.ptr[i] == '=' || s.ptr[i] == ';')
            return false;
    return s.len > 0;
}

bool mta_sts_record_parse(struct slice txt, struct slice *ret_id) {
    struct slice id = SLICE_EMPTY, field;
    if (!take_version(&txt))
        return false;
    for (bool more = true; more;) {
        more = slice_cut(txt, ';', &field, &txt);
        field = trim_blanks(field);
        if (field.len == 0 && !more)
            break; // the delimiter at the end
        struct slice name, value;
        if (!slice_cut(field, '=', &name, &value) || !is_field_name(name) || !is_record_value(value))
            return false;
        if (slice_eq(name, SLICE("id")) && id.len == 0) {
            if (!is_id(value))
                return false;
            id = value;
        }
    }
    if (id.len == 0)
        return false;
    *ret_id = id;
    return true;
}

// ---- the policy (section 3.2) ----

struct draft {
    struct mta_sts_policy *policy;
    bool has_version, has_mode, has_age;
};

static bool take_mode(struct draft *d, struct slice value) {
    static const struct {
        struct slice name;
        enum store_sts_mode mode;
    } modes[] = {
        {SLICE("enforce"), STORE_STS_ENFORCE},
        {SLICE("testing"), STORE_STS_TESTING},
        {SLICE("none"), STORE_STS_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (slice_eq(value, modes[i].name)) {
            d->policy->mode = modes[i].mode;
            return true;
        }
    return false;
}

// One to ten digits; what is over the maximum counts as the maximum, as does what no number here can hold.
static bool take_age(struct draft *d, struct slice value) {
    uint64_t seconds;
    if (value.len > 10 || !slice_to_u64(value, &seconds))
        return false;
    d->policy->max_age = seconds > STORE_STS_MAX_AGE_MAX ? STORE_STS_MAX_AGE_MAX : (uint32_t)seconds;
    return true;
}

static bool is_domain(struct slice s) {
    if (s.len == 0 || s.len > 253)
        return false;
    for (struct slice label, rest = s, head = s; head.len > 0; head = rest) {
        bool more = slice_cut(head, '.', &label, &rest);
        if (label.len == 0 || label.len > 63 || (more && rest.len == 0))
            return false;
        for (size_t i = 0; i < label.len; i++)
            if (!ascii_is_alnum(label.ptr[i]) && label.ptr[i] != '-' && label.ptr[i] != '_')
                return false;
    }
    return true;
}

static bool take_mx(struct draft *d, struct slice value) {
    struct mta_sts_policy *p = d->policy;
    struct slice domain = slice_starts_with(value, SLICE("*.")) ? slice_sub(value, 2, value.len) : value;
    if (!is_domain(domain) || value.len + 1 > sizeof(p->mx) - p->mx_len)
        return false;
    for (size_t i = 0; i < value.len; i++)
        p->mx[p->mx_len++] = ascii_lower(value.ptr[i]);
    p->mx[p->mx_len++] = '\n';
    return true;
}

// The values of fields we do not know: blanks, visible characters and UTF-8 (whose octets need no closer look).
static bool is_policy_value(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if (((unsigned char)s.ptr[i] < ' ' && s.ptr[i] != '\t') || s.ptr[i] == 0x7f)
            return false;
    return s.len > 0;
}

// The first of its kind counts; whether that is proper is for `take` to say.
static bool take_once(struct draft *d, bool *seen, bool (*take)(struct draft *d, struct slice value),
                      struct slice value) {
    if (*seen)
        return true;
    *seen = true;
    return take(d, value);
}

static bool take_policy_version(struct draft *d, struct slice value) {
    return slice_eq(value, SLICE("STSv1"));
}

static bool take_line(struct draft *d, struct slice line) {
    struct slice name, value;
    if (!slice_cut(line, ':', &name, &value) || !is_field_name(name))
        return false;
    value = trim_blanks(value);
    if (!is_policy_value(value))
        return false;
    if (slice_eq(name, SLICE("version")))
        return take_once(d, &d->has_version, take_policy_version, value);
    if (slice_eq(name, SLICE("mode")))
        return take_once(d, &d->has_mode, take_mode, value);
    if (slice_eq(name, SLICE("max_age")))
        return take_once(d, &d->has_age, take_age, value);
    return !slice_eq(name, SLICE("mx")) || take_mx(d, value);
}

bool mta_sts_policy_parse(struct slice text, struct mta_sts_policy *ret) {
    struct draft d = {.policy = ret};
    ret->mx_len = 0;
    text = slice_trim(text); // many end in more than one line end
    if (text.len > MTA_STS_POLICY_MAX)
        return false;
    for (bool more = true; more;) {
        struct slice line;
        more = slice_cut(text, '\n', &line, &text);
        if (line.len > 0 && line.ptr[line.len - 1] == '\r')
            line.len--;
        if (!take_line(&d, line))
            return false;
    }
    return d.has_version && d.has_mode && d.has_age && (ret->mx_len > 0 || ret->mode == STORE_STS_NONE);
}

// ---- the hosts (section 4.1) ----

static bool pattern_allows(struct slice pattern, struct slice host) {
    if (!slice_starts_with(pattern, SLICE("*.")))
        return slice_eq_ci(pattern, host);
    size_t dot = slice_find(host, '.');
    return dot > 0 && dot < host.len &&
           slice_eq_ci(slice_sub(pattern, 2, pattern.len), slice_sub(host, dot + 1, host.len));
}

bool mta_sts_allows(struct slice patterns, struct slice host) {
    struct slice pattern;
    while (patterns.len > 0) {
        (void)slice_cut(patterns, '\n', &pattern, &patterns);
        if (pattern.len > 0 && pattern_allows(pattern, host))
            return true;
    }
    return false;
}
