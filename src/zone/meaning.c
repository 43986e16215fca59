// SPDX-License-Identifier: MIT
#include "zone/meaning.h"

#include <string.h>

#include "config/network.h"
#include "dkim/keyring.h"
#include "dkim/tags.h"
#include "zone/policy.h"

enum { HOST_MAX = 32 }; // bits of a mask

// A record of a purpose begins with its version, with blanks where they may stand. In any case, so that one that is
// miswritten is shown as wrong; others read the exact one alone (RFC 7489 6.4, RFC 8461 3.1).
static bool begins_with_version(struct slice text, struct slice version) {
    struct slice head, rest, name, value;
    (void)slice_cut(text, ';', &head, &rest);
    return slice_cut(head, '=', &name, &value) && slice_eq_ci(slice_trim(name), SLICE("v")) &&
           slice_eq_ci(slice_trim(value), version);
}

static bool has_exact_version(const struct dkim_tags *tags, struct slice version) {
    const struct dkim_tag *tag = dkim_tags_find(tags, "v");
    return tag != NULL && slice_eq(tag->value, version);
}

static bool read_tags(struct slice text, struct dkim_tags *ret) {
    return dkim_tags_parse(slice_trim(text), ret);
}

static bool has_tag(const struct dkim_tags *tags, const char *name, struct slice value) {
    const struct dkim_tag *tag = dkim_tags_find(tags, name);
    return tag != NULL && slice_eq_ci(tag->value, value);
}

static enum meaning right_if(bool is_right) {
    return is_right ? MEANING_RIGHT : MEANING_WRONG;
}

// ---- DMARC, MTA-STS, ADSP ----

static enum meaning of_dmarc(struct slice text) {
    struct dkim_tags tags;
    if (!begins_with_version(text, SLICE("DMARC1")))
        return MEANING_OTHER;
    if (!read_tags(text, &tags) || !has_exact_version(&tags, SLICE("DMARC1")) ||
        !has_tag(&tags, "p", SLICE("reject")) || !has_tag(&tags, "adkim", SLICE("s")) ||
        !has_tag(&tags, "aspf", SLICE("s")))
        return MEANING_WRONG;
    return right_if(dkim_tags_find(&tags, "pct") == NULL || has_tag(&tags, "pct", SLICE("100")));
}

static bool is_policy_id(struct slice id) {
    if (id.len == 0 || id.len > 32)
        return false;
    for (size_t i = 0; i < id.len; i++)
        if (!ascii_is_alnum(id.ptr[i]))
            return false;
    return true;
}

// An id from elsewhere is kept, for it need not change; one of ours is of another policy when it differs.
static enum meaning of_sts(struct slice text, const char *wanted) {
    struct dkim_tags tags, ours;
    if (!begins_with_version(text, SLICE("STSv1")))
        return MEANING_OTHER;
    ASSERT(read_tags(slice_from_cstr(wanted), &ours));
    const struct dkim_tag *id = read_tags(text, &tags) ? dkim_tags_find(&tags, "id") : NULL;
    if (id == NULL || !is_policy_id(id->value) || !has_exact_version(&tags, SLICE("STSv1")))
        return MEANING_WRONG;
    return right_if(!zone_policy_id_is_ours(id->value) || slice_eq_ci(id->value, dkim_tags_find(&ours, "id")->value));
}

static enum meaning of_adsp(struct slice text) {
    struct dkim_tags tags;
    if (!read_tags(text, &tags) || dkim_tags_find(&tags, "dkim") == NULL)
        return MEANING_OTHER;
    return right_if(has_tag(&tags, "dkim", SLICE("discardable")));
}

// ---- SPF ----

static bool is_mechanism(struct slice term, struct slice name, const char *domain) {
    struct slice head, rest;
    bool has_domain = slice_cut(term, ':', &head, &rest);
    if (slice_ends_with(rest, SLICE(".")))
        rest = slice_sub(rest, 0, rest.len - 1);
    return slice_eq_ci(head, name) && (!has_domain || slice_eq_ci(rest, slice_from_cstr(domain)));
}

static bool is_within(const struct net_address *a, const struct config_network *n) {
    if (net_address_is_ipv4(a) == n->is_ipv6)
        return false;
    const uint8_t *octets = n->is_ipv6 ? a->ip : a->ip + 12;
    for (unsigned bit = 0; bit < n->prefix; bit++)
        if (((octets[bit / 8] ^ n->address[bit / 8]) & (0x80 >> bit % 8)) != 0)
            return false;
    return true;
}

// "ip4:192.0.2.1", "ip6:2001:db8::/32": marks which of the host's addresses it holds.
static void mark_addresses(struct slice term, const struct net_address *host, size_t n_host, uint32_t *covered) {
    struct slice head, rest;
    struct config_network network;
    if (!slice_cut(term, ':', &head, &rest) || !(slice_eq_ci(head, SLICE("ip4")) || slice_eq_ci(head, SLICE("ip6"))) ||
        !config_network_next(&rest, &network))
        return;
    for (size_t i = 0; i < n_host && i < HOST_MAX; i++)
        if (is_within(&host[i], &network))
            *covered |= (uint32_t)1 << i;
}

// The machine's own addresses pass, as "a", "mx" or one by one, and all others do not.
static enum meaning of_spf(struct slice text, const char *domain, const struct net_address *host, size_t n_host) {
    struct slice term, rest = slice_trim(text);
    if (!slice_eq_ci(slice_next_word(&rest), SLICE("v=spf1")))
        return MEANING_OTHER;
    bool passes = false;
    uint32_t covered = 0, all = n_host >= HOST_MAX ? UINT32_MAX : ((uint32_t)1 << n_host) - 1;
    while ((term = slice_next_word(&rest)).len > 0) {
        if (slice_eq_ci(term, SLICE("~all")) || slice_eq_ci(term, SLICE("-all")))
            return right_if(passes || (n_host > 0 && covered == all));
        if (slice_eq_ci(term, SLICE("all")) || slice_eq_ci(term, SLICE("+all")) || slice_eq_ci(term, SLICE("?all")))
            return MEANING_WRONG;
        if (slice_starts_with(term, SLICE("+")))
            term = slice_sub(term, 1, term.len);
        passes |= is_mechanism(term, SLICE("a"), domain) || is_mechanism(term, SLICE("mx"), domain);
        mark_addresses(term, host, n_host, &covered);
    }
    return MEANING_WRONG;
}

// ---- all ----

static enum meaning read_meaning(const struct zone_record *r, struct slice text, const struct net_address *host,
                                 size_t n_host) {
    switch (r->kind) {
    case ZONE_DKIM: // whatever stands there is taken for a key by others
        return right_if(dkim_private_key_is_published(r->key, text));
    case ZONE_STS:
        return of_sts(text, r->value);
    case ZONE_SPF:
        return of_spf(text, r->owner, host, n_host);
    case ZONE_DMARC:
        return of_dmarc(text);
    default:
        ASSERT(r->kind == ZONE_ADSP);
        return of_adsp(text);
    }
}

static const char *reason_of(const struct zone_record *r) {
    switch (r->kind) {
    case ZONE_DKIM:
        return "it is another key, or none that others can use: they refuse our mail";
    case ZONE_STS:
        return "its id must change because the policy has changed, or others cannot read it";
    case ZONE_SPF:
        return "it must let this machine send, and no other";
    case ZONE_DMARC:
        return "it is weaker than it could be, or others cannot read it";
    default:
        return "";
    }
}

static struct slice without_quotes(struct slice text) {
    text = slice_trim(text);
    if (slice_starts_with(text, SLICE("\"")))
        text = slice_sub(text, 1, text.len);
    return slice_ends_with(text, SLICE("\"")) ? slice_sub(text, 0, text.len - 1) : text;
}

enum meaning meaning_of(const struct zone_record *r, struct slice text, const struct net_address *host, size_t n_host,
                        const char **ret_reason) {
    enum meaning m = read_meaning(r, text, host, n_host);
    struct slice bare = without_quotes(text);
    if (m == MEANING_OTHER && bare.len + 2 == text.len && read_meaning(r, bare, host, n_host) != MEANING_OTHER) {
        *ret_reason = "the quotes are part of the text: give the panel the text without them";
        return MEANING_WRONG;
    }
    if (m == MEANING_WRONG)
        *ret_reason = reason_of(r);
    return m;
}
