// SPDX-License-Identifier: MIT
#include "zone/fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "dkim/keyring.h"
#include "net/dns_name.h"

void fixture_init(struct fixture *f, const char *address) {
    f->rsa = dkim_private_key_generate(DKIM_RSA_SHA256);
    f->ed25519 = dkim_private_key_generate(DKIM_ED25519_SHA256);
    const struct zone_key keys[] = {{"opendkim-ed25519", f->ed25519, false}, {"opendkim", f->rsa, true}};
    struct net_address a = {0};
    if (address != NULL)
        ASSERT(net_address_parse(slice_from_cstr(address), &a));
    struct zone_facts facts = {
        .domain = "a.org",
        .has_public_certificate = true,
        .addresses = &a,
        .n_addresses = address != NULL,
        .keys = keys,
        .n_keys = ARRAY_LEN(keys),
        .tlsa_sha256 = FIXTURE_TLSA,
        .ca = "letsencrypt.org",
        .account = "https://ca.org/acct/1",
        .challenge = "http-01",
    };
    zone_init(&facts, &f->zone);
}

void fixture_done(struct fixture *f) {
    zone_done(&f->zone);
    dkim_private_key_unref(f->rsa);
    dkim_private_key_unref(f->ed25519);
}

const struct zone_record *fixture_find(const struct fixture *f, enum zone_kind kind, const char *owner) {
    for (size_t i = 0; i < f->zone.n; i++)
        if (f->zone.records[i].kind == kind && (owner[0] == '\0' || strcmp(f->zone.records[i].owner, owner) == 0))
            return &f->zone.records[i];
    return NULL;
}

// ---- rdata ----

static size_t put_name(struct slice name, char *ret) {
    struct dns_wire_name wire = {.len = 1};
    if (name.len > 0)
        dns_wire_name_from_plain(name, &wire);
    memcpy(ret, wire.octets, wire.len);
    return wire.len;
}

static size_t put_numbers(struct slice *rest, size_t n, size_t octets, char *ret) {
    for (size_t i = 0; i < n; i++) {
        uint32_t number = 0;
        ASSERT(slice_to_u32(slice_next_word(rest), &number));
        if (octets == 2)
            *ret++ = (char)(number >> 8);
        *ret++ = (char)number;
    }
    return n * octets;
}

static size_t put_strings(struct slice text, char *ret) {
    size_t len = 0;
    bool more;
    do {
        struct slice piece;
        more = slice_cut(text, '|', &piece, &text);
        ASSERT(piece.len <= 255);
        ret[len++] = (char)piece.len;
        memcpy(ret + len, piece.ptr, piece.len);
        len += piece.len;
    } while (more);
    return len;
}

static size_t put_address(struct slice text, char *ret) {
    struct net_address a = {0};
    ASSERT(net_address_parse(slice_trim(text), &a));
    size_t skip = net_address_is_ipv4(&a) ? 12 : 0;
    memcpy(ret, a.ip + skip, sizeof(a.ip) - skip);
    return sizeof(a.ip) - skip;
}

static size_t put_caa(struct slice rest, char *ret) {
    size_t len = put_numbers(&rest, 1, 1, ret);
    struct slice tag = slice_next_word(&rest), value = slice_trim(rest);
    ret[len++] = (char)tag.len;
    memcpy(ret + len, tag.ptr, tag.len);
    memcpy(ret + len + tag.len, value.ptr, value.len);
    return len + tag.len + value.len;
}

size_t fixture_rdata(const char *line, char *ret, size_t size) {
    struct slice rest = slice_from_cstr(line), type = slice_next_word(&rest);
    rest = slice_trim(rest);
    ASSERT(rest.len + 300 < size);
    if (slice_eq(type, SLICE("A")) || slice_eq(type, SLICE("AAAA")))
        return put_address(rest, ret);
    if (slice_eq(type, SLICE("TXT")))
        return put_strings(rest, ret);
    if (slice_eq(type, SLICE("CAA")))
        return put_caa(rest, ret);
    size_t n = slice_eq(type, SLICE("MX")) ? 1 : slice_eq(type, SLICE("CNAME")) ? 0 : 3;
    bool is_tlsa = slice_eq(type, SLICE("TLSA"));
    size_t len = put_numbers(&rest, n, is_tlsa ? 1 : 2, ret);
    rest = slice_trim(rest);
    if (!is_tlsa)
        return len + put_name(rest, ret + len);
    ASSERT(hex_decode(rest, ret + len, rest.len / 2));
    return len + rest.len / 2;
}

void fixture_answer(struct fixture_answer *a, const char *owner, const char *const *lines, const char *type) {
    *a = (struct fixture_answer){.answer = {.status = DNS_NODATA, .name = owner, .records = a->records}};
    for (; *lines != NULL; lines++) {
        if (strncmp(*lines, "-> ", 3) == 0)
            a->answer.name = *lines + 3;
        if (strncmp(*lines, type, strlen(type)) != 0 || (*lines)[strlen(type)] != ' ')
            continue;
        char *at = a->space + a->used;
        size_t len = fixture_rdata(*lines, at, sizeof(a->space) - a->used);
        a->used += len;
        a->records[a->answer.n_records++] = slice_make(at, len);
        a->answer.status = DNS_OK;
    }
}
