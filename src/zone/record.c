// SPDX-License-Identifier: MIT
#include "zone/record.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "dkim/key.h"
#include "dkim/keyring.h"
#include "zone/policy.h"

enum { VALUE_MAX = 8 * 1024 };

// ---- one record ----

// The owner is PREFIX.DOMAIN, or the domain itself for "". One of room too much is left out.
static struct zone_record *add(struct zone *z, enum zone_kind kind, uint16_t type, const char *prefix,
                               const char *purpose) {
    ASSERT(z->n < ZONE_RECORDS_MAX);
    struct zone_record *r = &z->records[z->n++];
    *r = (struct zone_record){.kind = kind, .type = type, .purpose = purpose};
    char domain[DNS_NAME_SIZE]; // gcc believes that the two might overlap
    memcpy(domain, z->domain, sizeof(domain));
    (void)snprintf(r->owner, sizeof(r->owner), "%s%s%s", prefix, prefix[0] != '\0' ? "." : "", domain);
    return r;
}

PRINTF_LIKE(2, 3) static void set_value(struct zone_record *r, const char *fmt, ...) {
    struct buf text;
    buf_init(&text, VALUE_MAX);
    va_list args;
    va_start(args, fmt);
    bool ok = buf_vprintf(&text, fmt, args);
    va_end(args);
    ASSERT(ok);
    r->value = slice_dup(buf_slice(&text));
    buf_done(&text);
}

// ---- addresses ----

static void add_address(struct zone *z, const struct net_address *a) {
    bool is_ipv4 = net_address_is_ipv4(a);
    char text[NET_ADDRESS_TEXT_MAX];
    struct zone_record *r =
        add(z, ZONE_ADDRESS, is_ipv4 ? DNS_TYPE_A : DNS_TYPE_AAAA, "", "the address of this machine");
    r->is_required = true;
    r->address = *a;
    net_address_write(a, text);
    set_value(r, "%s", text);
}

// One of both families is enough; most machines have both.
static void add_placeholders(struct zone *z) {
    static const char *const texts[] = {"192.0.2.1", "2001:db8::1"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct net_address a = {0};
        bool ok = net_address_parse(slice_from_cstr(texts[i]), &a);
        ASSERT(ok);
        add_address(z, &a);
        struct zone_record *r = &z->records[z->n - 1];
        r->is_placeholder = true;
        r->is_required = i == 0;
        r->purpose = i == 0 ? "put the public IPv4 address of this machine here"
                            : "put its public IPv6 address here, or leave this out when it has none";
    }
}

static void add_addresses(struct zone *z, const struct zone_facts *f) {
    for (size_t i = 0; i < f->n_addresses && i < ZONE_ADDRESSES_MAX; i++)
        add_address(z, &f->addresses[i]);
    if (f->n_addresses == 0)
        add_placeholders(z);
}

// ---- the others ----

static void add_alias(struct zone *z, const char *prefix, bool is_required, const char *purpose) {
    struct zone_record *r = add(z, ZONE_ALIAS, DNS_TYPE_CNAME, prefix, purpose);
    r->is_required = is_required;
    set_value(r, "%s.", z->domain);
}

static void add_text(struct zone *z, enum zone_kind kind, const char *prefix, const char *purpose, const char *text) {
    set_value(add(z, kind, DNS_TYPE_TXT, prefix, purpose), "%s", text);
}

static void add_key(struct zone *z, const struct zone_key *key) {
    char prefix[96];
    (void)snprintf(prefix, sizeof(prefix), "%.70s._domainkey", key->selector);
    struct zone_record *r = add(z, ZONE_DKIM, DNS_TYPE_TXT, prefix,
                                key->signs ? "the key that signs outgoing mail"
                                           : "a key that signs as soon as its record is seen in the DNS");
    r->is_required = key->signs;
    r->key = dkim_private_key_ref(key->key);
    struct buf record;
    buf_init(&record, DKIM_RECORD_LEN_MAX);
    bool ok = dkim_private_key_record(key->key, &record);
    ASSERT(ok);
    r->value = slice_dup(buf_slice(&record));
    buf_done(&record);
}

static void add_keys(struct zone *z, const struct zone_facts *f, bool signing) {
    for (size_t i = 0; i < f->n_keys && i < ZONE_KEYS_MAX; i++)
        if (f->keys[i].signs == signing)
            add_key(z, &f->keys[i]);
}

static void add_policy(struct zone *z) {
    char id[ZONE_POLICY_ID_SIZE];
    zone_policy_id(z->domain, id);
    struct zone_record *r =
        add(z, ZONE_STS, DNS_TYPE_TXT, "_mta-sts", "tells others to insist on TLS (MTA-STS); a valid id may stay");
    r->is_required = true;
    set_value(r, "v=STSv1; id=%s", id);
    add_alias(z, "mta-sts", true, "where others fetch the MTA-STS policy");
}

static void add_tlsa(struct zone *z, const char *sha256) {
    struct zone_record *r =
        add(z, ZONE_TLSA, DNS_TYPE_TLSA, "_25._tcp", "pins the key of the certificate (DANE); counts with DNSSEC only");
    r->harms_when_wrong = true;
    (void)snprintf(r->sha256, sizeof(r->sha256), "%s", sha256);
    set_value(r, "3 1 1 %s", r->sha256);
}

static void add_services(struct zone *z) {
    static const struct {
        const char *prefix;
        unsigned port;
    } services[] = {{"_submission._tcp", 587}, {"_submissions._tcp", 465}, {"_imap._tcp", 143}, {"_imaps._tcp", 993}};
    for (size_t i = 0; i < ARRAY_LEN(services); i++)
        set_value(add(z, ZONE_SRV, DNS_TYPE_SRV, services[i].prefix, "where clients find the service (RFC 6186)"),
                  "0 1 %u %s.", services[i].port, z->domain);
}

static void add_required(struct zone *z, const struct zone_facts *f) {
    add_addresses(z, f);
    struct zone_record *mx = add(z, ZONE_MX, DNS_TYPE_MX, "", "where mail for the domain goes");
    mx->is_required = true;
    set_value(mx, "10 %s.", z->domain);
    if (f->has_public_certificate)
        add_policy(z);
    add_alias(z, "www", true, "the web pages under their other name");
    add_keys(z, f, true);
}

static void add_recommended(struct zone *z, const struct zone_facts *f) {
    add_keys(z, f, false);
    if (f->tlsa_sha256[0] != '\0')
        add_tlsa(z, f->tlsa_sha256);
    add_text(z, ZONE_SPF, "", "only this machine sends mail of the domain (SPF)", "v=spf1 a ~all");
    add_text(z, ZONE_DMARC, "_dmarc", "mail without a valid signature is not ours (DMARC)",
             "v=DMARC1;p=reject;adkim=s;aspf=s");
    if (f->ca[0] != '\0') {
        struct zone_record *caa =
            add(z, ZONE_CAA, DNS_TYPE_CAA, "", "no other authority may issue certificates for the domain");
        caa->harms_when_wrong = true;
        caa->challenge = f->challenge;
        bool has_account = f->account[0] != '\0';
        set_value(caa, "0 issue \"%s%s%s\"", f->ca, has_account ? ";accounturi=" : "", f->account);
    }
    add_text(z, ZONE_ADSP, "_adsp._domainkey", "the same for old servers (ADSP)", "dkim=discardable");
    add_alias(z, "autoconfig", false, "where mail programs look for settings");
    add_services(z);
}

void zone_init(const struct zone_facts *f, struct zone *ret) {
    ret->n = 0;
    (void)snprintf(ret->domain, sizeof(ret->domain), "%s", f->domain);
    add_required(ret, f);
    add_recommended(ret, f);
}

void zone_done(struct zone *z) {
    for (size_t i = 0; i < z->n; i++) {
        free(z->records[i].value);
        dkim_private_key_unref(z->records[i].key);
    }
    z->n = 0;
}

void zone_type_name(uint16_t type, char ret[12]) {
    static const struct {
        uint16_t type;
        const char *name;
    } names[] = {
        {DNS_TYPE_A, "A"},         {DNS_TYPE_AAAA, "AAAA"}, {DNS_TYPE_NS, "NS"},
        {DNS_TYPE_CNAME, "CNAME"}, {DNS_TYPE_MX, "MX"},     {DNS_TYPE_TXT, "TXT"},
        {DNS_TYPE_SRV, "SRV"},     {DNS_TYPE_TLSA, "TLSA"}, {DNS_TYPE_CAA, "CAA"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].type == type) {
            (void)snprintf(ret, 12, "%s", names[i].name);
            return;
        }
    (void)snprintf(ret, 12, "TYPE%u", (unsigned)type);
}
