// SPDX-License-Identifier: MIT
// TXT records of each purpose are read in zone/meaning.h. Here: which of the records that were found are meant, and
// whether they are what is wanted.
#include "zone/compare.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "net/dns_record.h"
#include "zone/meaning.h"
#include "zone/text.h"

enum { TXT_MAX = 4096, SERVICE_MIN = 7 };

static const char elsewhere[] = "it leads to another machine";
static const char too_many[] = "several records stand where only one may; remove all but the right one";

static enum zone_verdict wrong(struct zone_finding *f, const char *reason) {
    f->reason = reason;
    return ZONE_WRONG;
}

// ---- showing what is there ----

static void show_more(struct zone_finding *f, struct slice text) {
    size_t len = strlen(f->found);
    (void)snprintf(f->found + len, sizeof(f->found) - len, "%s%.*s", len > 0 ? ", " : "", SLICE_FMT(text));
}

static void show_record(struct zone_finding *f, uint16_t type, struct slice rdata) {
    struct buf text;
    buf_init(&text, ZONE_TEXT_MAX);
    if (zone_show(type, rdata, &text))
        show_more(f, buf_slice(&text));
    buf_done(&text);
}

static void show_answer(struct zone_finding *f, uint16_t type, const struct dns_answer *a) {
    for (size_t i = 0; a != NULL && i < a->n_records; i++)
        show_record(f, type, a->records[i]);
}

// ---- addresses ----

static bool address_eq(const struct net_address *a, const struct net_address *b) {
    return memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

static bool is_among(const struct net_address *a, const struct net_address *list, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (address_eq(a, &list[i]))
            return true;
    return false;
}

static bool is_wanted_address(const struct zone *z, const struct net_address *a) {
    for (size_t i = 0; i < z->n; i++)
        if (z->records[i].kind == ZONE_ADDRESS && address_eq(&z->records[i].address, a))
            return true;
    return false;
}

static enum zone_verdict judge_address(const struct zone *z, const struct zone_record *r, const struct zone_seen *seen,
                                       struct zone_finding *f) {
    const struct dns_answer *a = seen->answer;
    if (r->is_placeholder) // any will do: which ones the world sees cannot be known here
        return a->n_records > 0 || (seen->answer_6 != NULL && seen->answer_6->n_records > 0) ? ZONE_RIGHT
                                                                                             : ZONE_MISSING;
    bool has_it = false, has_others = false;
    for (size_t i = 0; i < a->n_records; i++) {
        struct net_address found;
        bool is_ours = dns_address_parse(a->records[i], r->type, 0, &found) && is_wanted_address(z, &found);
        has_it |= is_ours && address_eq(&found, &r->address);
        has_others |= !is_ours;
    }
    if (a->n_records == 0 || (!has_it && !has_others))
        return ZONE_MISSING;
    return has_it && !has_others ? ZONE_RIGHT : wrong(f, has_it ? "another address stands there too" : elsewhere);
}

// ---- names ----

// 1: all of them are the host's, 0: there are none, -1: one is not.
static int compare_addresses(const struct dns_answer *a, uint16_t type, const struct zone_seen *seen) {
    for (size_t i = 0; a != NULL && i < a->n_records; i++) {
        struct net_address found;
        if (!dns_address_parse(a->records[i], type, 0, &found) || !is_among(&found, seen->host, seen->n_host))
            return -1;
    }
    return a != NULL && a->n_records > 0;
}

// Whatever stands there.
static bool is_alias_of(const struct dns_answer *a, const char *domain) {
    return a != NULL && strcmp(a->name, domain) == 0;
}

static bool leads_to_us(const struct zone *z, const struct zone_record *r, const struct zone_seen *seen) {
    return r->kind == ZONE_ALIAS && (is_alias_of(seen->answer, z->domain) || is_alias_of(seen->answer_6, z->domain));
}

static enum zone_verdict judge_alias(const struct zone *z, const struct zone_record *r, const struct zone_seen *seen,
                                     struct zone_finding *f) {
    if (leads_to_us(z, r, seen))
        return ZONE_RIGHT;
    int by_4 = compare_addresses(seen->answer, DNS_TYPE_A, seen);
    int by_6 = compare_addresses(seen->answer_6, DNS_TYPE_AAAA, seen);
    if (by_4 >= 0 && by_6 >= 0 && by_4 + by_6 > 0)
        return ZONE_RIGHT;
    bool has_alias = strcmp(seen->answer->name, r->owner) != 0;
    if (by_4 == 0 && by_6 == 0 && !has_alias)
        return ZONE_MISSING;
    if (has_alias) {
        char text[DNS_NAME_SIZE + 16];
        (void)snprintf(text, sizeof(text), "CNAME %s.", seen->answer->name);
        show_more(f, slice_from_cstr(text));
    }
    show_answer(f, DNS_TYPE_A, seen->answer);
    show_answer(f, DNS_TYPE_AAAA, seen->answer_6);
    return wrong(f, elsewhere);
}

static enum zone_verdict judge_mx(const struct zone *z, const struct dns_answer *a, struct zone_finding *f) {
    bool has_us = false, has_others = false;
    for (size_t i = 0; i < a->n_records; i++) {
        struct dns_mx mx;
        bool is_us = dns_mx_parse(a->records[i], &mx) && strcmp(mx.host.text, z->domain) == 0;
        has_us |= is_us;
        has_others |= !is_us;
    }
    if (has_us && !has_others)
        return ZONE_RIGHT;
    return wrong(f, has_us ? "mail goes to another host too, which knows none of the accounts"
                           : "mail goes to another host");
}

static unsigned port_of(struct slice rdata) {
    return (unsigned)(uint8_t)rdata.ptr[4] << 8 | (uint8_t)rdata.ptr[5];
}

// Priority and weight matter between several only.
static enum zone_verdict judge_service(const struct zone *z, const struct zone_record *r, const struct dns_answer *a,
                                       struct zone_finding *f) {
    struct slice rest = slice_from_cstr(r->value);
    uint32_t port = 0;
    (void)slice_next_word(&rest);
    (void)slice_next_word(&rest);
    ASSERT(slice_to_u32(slice_next_word(&rest), &port));
    for (size_t i = 0; i < a->n_records; i++) {
        struct slice rdata = a->records[i];
        struct dns_name target;
        if (rdata.len >= SERVICE_MIN && dns_name_parse(slice_sub(rdata, 6, rdata.len), &target) &&
            strcmp(target.text, z->domain) == 0 && port_of(rdata) == port)
            return ZONE_RIGHT;
    }
    return wrong(f, "");
}

// ---- keys and authorities ----

// RFC 6698 2.1: one that matches is enough, so an old one may stand beside it.
static enum zone_verdict judge_tlsa(const struct zone_record *r, const struct dns_answer *a, struct zone_finding *f) {
    uint8_t want[32];
    ASSERT(hex_decode(slice_from_cstr(r->sha256), want, sizeof(want)));
    for (size_t i = 0; i < a->n_records; i++) {
        struct dns_tlsa tlsa;
        if (dns_tlsa_parse(a->records[i], &tlsa) && tlsa.usage == 3 && tlsa.selector == 1 && tlsa.matching == 1 &&
            slice_eq(tlsa.data, slice_make((const char *)want, sizeof(want))))
            return ZONE_RIGHT;
    }
    return wrong(f, "it is not the key in service: with DNSSEC others send no mail");
}

// The value of "NAME=VALUE" between semicolons (RFC 8659 4.2).
static bool find_parameter(struct slice parameters, struct slice name, struct slice *ret) {
    struct slice parameter, head;
    bool more;
    do {
        more = slice_cut(parameters, ';', &parameter, &parameters);
        if (slice_cut(slice_trim(parameter), '=', &head, ret) && slice_eq_ci(slice_trim(head), name)) {
            *ret = slice_trim(*ret);
            return true;
        }
    } while (more);
    *ret = SLICE_EMPTY;
    return false;
}

static bool is_listed(struct slice list, struct slice word) {
    struct slice one;
    bool more;
    do {
        more = slice_cut(list, ',', &one, &list);
        if (slice_eq(slice_trim(one), word))
            return true;
    } while (more);
    return false;
}

// RFC 8657 3 and 4: without an account in the record, any of the authority's will do; without methods, any method.
static bool may_issue(struct slice value, struct slice wanted, const char *challenge) {
    struct slice issuer, rest, our_issuer, our_rest, account, our_account, methods;
    (void)slice_cut(value, ';', &issuer, &rest);
    (void)slice_cut(wanted, ';', &our_issuer, &our_rest);
    (void)find_parameter(rest, SLICE("accounturi"), &account);
    (void)find_parameter(our_rest, SLICE("accounturi"), &our_account);
    if (find_parameter(rest, SLICE("validationmethods"), &methods) && !is_listed(methods, slice_from_cstr(challenge)))
        return false;
    return slice_eq_ci(slice_trim(issuer), our_issuer) &&
           (account.len == 0 || our_account.len == 0 || slice_eq(account, our_account));
}

// RFC 8659 4.2: other properties than "issue" are no business of ours.
static enum zone_verdict judge_caa(const struct zone_record *r, const struct zone_seen *seen, struct zone_finding *f) {
    const struct dns_answer *a = seen->answer;
    struct slice wanted = slice_from_cstr(r->value);
    wanted = slice_sub(wanted, slice_find(wanted, '"') + 1, slice_rfind(wanted, '"'));
    bool has_issue = false;
    for (size_t i = 0; i < a->n_records; i++) {
        struct slice rdata = a->records[i];
        size_t tag_len = rdata.len >= 2 ? (uint8_t)rdata.ptr[1] : 0;
        if (!slice_eq_ci(slice_sub(rdata, 2, 2 + tag_len), SLICE("issue")))
            continue;
        has_issue = true;
        if (may_issue(slice_sub(rdata, 2 + tag_len, rdata.len), wanted, r->challenge))
            return ZONE_RIGHT;
    }
    if (!has_issue)
        return ZONE_MISSING;
    return wrong(f, seen->is_above
                        ? "so it stands above the domain, and the authority may issue no certificate for this "
                          "relay unless it has a record of its own"
                        : "the authority may issue no certificate for this relay");
}

// ---- texts ----

static bool read_text(struct slice rdata, char text[TXT_MAX], struct slice *ret) {
    size_t len;
    if (!dns_txt_parse(rdata, text, TXT_MAX, &len))
        return false;
    *ret = slice_make(text, len);
    return true;
}

static enum zone_verdict judge_text(const struct zone_record *r, const struct zone_seen *seen, struct zone_finding *f) {
    const struct dns_answer *a = seen->answer;
    size_t n_meant = 0;
    enum meaning last = MEANING_OTHER;
    const char *reason = "";
    for (size_t i = 0; i < a->n_records; i++) {
        char text[TXT_MAX];
        struct slice s;
        if (!read_text(a->records[i], text, &s))
            continue;
        enum meaning m = meaning_of(r, s, seen->host, seen->n_host, &reason);
        if (m == MEANING_OTHER)
            continue;
        n_meant++;
        last = m;
        show_record(f, DNS_TYPE_TXT, a->records[i]);
    }
    if (n_meant > 1)
        return wrong(f, too_many);
    if (n_meant == 1)
        return last == MEANING_RIGHT ? ZONE_RIGHT : wrong(f, reason);
    // At the domain itself stand texts for anybody; the other names are for one purpose.
    return r->kind == ZONE_SPF ? ZONE_MISSING : wrong(f, "it is no record of this kind");
}

// ---- all ----

const char *const zone_verdict_names[ZONE_N_VERDICTS] = {
    [ZONE_RIGHT] = "right", [ZONE_MISSING] = "missing", [ZONE_WRONG] = "wrong", [ZONE_UNKNOWN] = "unknown"};

bool zone_is_trouble(const struct zone_record *r, enum zone_verdict v) {
    return (r->is_required && (v == ZONE_MISSING || v == ZONE_WRONG)) || (r->harms_when_wrong && v == ZONE_WRONG);
}

uint16_t zone_compare_type(const struct zone_record *r) {
    return r->kind == ZONE_ALIAS ? DNS_TYPE_A : r->type;
}

bool zone_compare_needs_both(const struct zone_record *r) {
    return r->kind == ZONE_ALIAS || (r->kind == ZONE_ADDRESS && r->is_placeholder && r->type == DNS_TYPE_A);
}

static bool is_usable(const struct dns_answer *a) {
    return a != NULL && a->status != DNS_FAILED && a->status != DNS_BOGUS;
}

static enum zone_verdict judge(const struct zone *z, const struct zone_record *r, const struct zone_seen *seen,
                               struct zone_finding *f) {
    if (r->kind == ZONE_ALIAS)
        return judge_alias(z, r, seen, f);
    if (r->kind == ZONE_ADDRESS)
        return judge_address(z, r, seen, f);
    if (seen->answer->n_records == 0)
        return ZONE_MISSING;
    switch (r->kind) {
    case ZONE_MX:
        return judge_mx(z, seen->answer, f);
    case ZONE_SRV:
        return judge_service(z, r, seen->answer, f);
    case ZONE_TLSA:
        return judge_tlsa(r, seen->answer, f);
    case ZONE_CAA:
        return judge_caa(r, seen, f);
    default:
        return judge_text(r, seen, f);
    }
}

void zone_compare(const struct zone *z, const struct zone_record *r, const struct zone_seen *seen,
                  struct zone_finding *ret) {
    *ret = (struct zone_finding){.verdict = ZONE_UNKNOWN, .reason = ""};
    bool is_known = is_usable(seen->answer) && (!zone_compare_needs_both(r) || is_usable(seen->answer_6));
    if (!is_known && !leads_to_us(z, r, seen))
        return;
    ret->verdict = judge(z, r, seen, ret);
    if (ret->verdict != ZONE_WRONG)
        ret->found[0] = '\0';
    else if (ret->found[0] == '\0')
        show_answer(ret, r->type, seen->answer);
}
