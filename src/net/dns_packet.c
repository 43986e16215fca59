// SPDX-License-Identifier: MIT
// The walk is bounded: each alias costs one pass over the answer section, and there are at most ALIASES_MAX.
#include "net/dns_packet.h"

#include <string.h>

#include "base/mem.h"
#include "net/dns_name.h"

enum {
    HEADER_LEN = 12,
    ALIASES_MAX = 12,
    CLASS_IN = 1,
    FLAG_QR = 0x8000,
    FLAG_TC = 0x0200,
    MASK_RCODE = 0x000f,
    RCODE_NOERROR = 0,
    RCODE_NXDOMAIN = 3,
};

struct record {
    struct dns_wire_name owner;
    uint16_t type, class;
    uint32_t ttl;
    size_t rdata, rdata_len; // in the packet
};

// An answer with room for its slices, its name and its octets behind it.
struct box {
    struct dns_answer answer;
    struct dns_name name;
    struct slice records[];
};

static struct box *box_new(enum dns_status status, size_t n_records, size_t n_octets, char **ret_octets) {
    struct box *b = mem_zalloc(1, sizeof(*b) + n_records * sizeof(struct slice) + n_octets);
    b->answer.status = status;
    b->answer.records = b->records;
    b->answer.name = b->name.text;
    *ret_octets = (char *)&b->records[n_records];
    return b;
}

struct dns_answer *dns_answer_new(enum dns_status status, struct slice name) {
    char *octets;
    struct box *b = box_new(status, 0, 0, &octets);
    size_t len = name.len < sizeof(b->name.text) ? name.len : sizeof(b->name.text) - 1;
    for (size_t i = 0; i < len; i++)
        b->name.text[i] = ascii_lower(name.ptr[i]);
    return &b->answer;
}

static uint16_t u16_at(struct slice s, size_t i) {
    return (uint16_t)((uint8_t)s.ptr[i] << 8 | (uint8_t)s.ptr[i + 1]);
}

static bool read_record(struct slice packet, size_t *pos, struct record *ret) {
    enum { FIXED_LEN = 10 }; // TYPE, CLASS, TTL, RDLENGTH
    size_t at = *pos;
    if (!dns_wire_name_read(packet, &at, &ret->owner) || packet.len - at < FIXED_LEN)
        return false;
    ret->type = u16_at(packet, at);
    ret->class = u16_at(packet, at + 2);
    ret->ttl = (uint32_t)u16_at(packet, at + 4) << 16 | u16_at(packet, at + 6);
    ret->rdata_len = u16_at(packet, at + 8);
    ret->rdata = at + FIXED_LEN;
    if (packet.len - ret->rdata < ret->rdata_len)
        return false;
    *pos = ret->rdata + ret->rdata_len;
    return true;
}

// Where names stand in the rdata of the types that may have compressed ones (RFC 3597 4).
static size_t names_of(uint16_t type, size_t *ret_before) {
    *ret_before = type == DNS_TYPE_MX ? 2 : type == DNS_TYPE_SRV ? 6 : 0;
    switch (type) {
    case DNS_TYPE_NS:
    case DNS_TYPE_CNAME:
    case DNS_TYPE_PTR:
    case DNS_TYPE_MX:
    case DNS_TYPE_SRV:
        return 1;
    case DNS_TYPE_SOA:
        return 2;
    default:
        return 0;
    }
}

// Writes the rdata with its names expanded when `out` is not NULL. *ret_len is its length; false when it is malformed.
static bool expand(struct slice packet, const struct record *r, char *out, size_t *ret_len) {
    size_t before, n_names = names_of(r->type, &before);
    size_t at = r->rdata, end = r->rdata + r->rdata_len, len = 0;
    if (n_names > 0) {
        if (before > r->rdata_len)
            return false;
        if (out != NULL)
            memcpy(out, packet.ptr + at, before);
        at += before;
        len = before;
    }
    for (; n_names > 0; n_names--) {
        struct dns_wire_name name;
        if (!dns_wire_name_read(slice_sub(packet, 0, end), &at, &name))
            return false;
        if (out != NULL)
            memcpy(out + len, name.octets, name.len);
        len += name.len;
    }
    if (out != NULL && end > at)
        memcpy(out + len, packet.ptr + at, end - at);
    *ret_len = len + (end - at);
    return true;
}

struct walk {
    struct slice packet;
    size_t answers;     // where the answer section begins
    uint16_t n_answers; // what the header says
    struct dns_wire_name name;
    uint16_t type;
    uint32_t ttl;
};

// Header and question. False unless this is a whole answer to our question.
static bool read_head(struct walk *w, struct slice packet, struct slice name, uint16_t type, unsigned *ret_rcode) {
    if (packet.len < HEADER_LEN)
        return false;
    uint16_t flags = u16_at(packet, 2);
    if ((flags & FLAG_QR) == 0 || (flags & FLAG_TC) != 0 || u16_at(packet, 4) != 1)
        return false;
    *w = (struct walk){.packet = packet, .n_answers = u16_at(packet, 6), .type = type, .ttl = UINT32_MAX};
    struct dns_wire_name asked;
    dns_wire_name_from_plain(name, &asked);
    size_t at = HEADER_LEN;
    if (!dns_wire_name_read(packet, &at, &w->name) || packet.len - at < 4 || !dns_wire_name_eq(&w->name, &asked) ||
        u16_at(packet, at) != type || u16_at(packet, at + 2) != CLASS_IN)
        return false;
    w->answers = at + 4;
    *ret_rcode = flags & MASK_RCODE;
    return true;
}

// The next record at or behind *at, *left of them, that belongs to the name and has this type.
static bool next_of_type(struct walk *w, uint16_t type, size_t *at, size_t *left, struct record *ret, bool *ret_bad) {
    while (*left > 0) {
        (*left)--;
        if (!read_record(w->packet, at, ret)) {
            *ret_bad = true;
            return false;
        }
        if (ret->type == type && ret->class == CLASS_IN && dns_wire_name_eq(&ret->owner, &w->name)) {
            w->ttl = ret->ttl < w->ttl ? ret->ttl : w->ttl;
            return true;
        }
    }
    return false;
}

// Moves on to the name behind the alias, if there is one.
static bool follow_alias(struct walk *w, bool *ret_bad) {
    size_t at = w->answers, left = w->n_answers;
    struct record r;
    if (w->type == DNS_TYPE_CNAME || !next_of_type(w, DNS_TYPE_CNAME, &at, &left, &r, ret_bad))
        return false;
    size_t pos = r.rdata;
    *ret_bad = !dns_wire_name_read(slice_sub(w->packet, 0, r.rdata + r.rdata_len), &pos, &w->name);
    return !*ret_bad;
}

// How many records are taken, and how many octets they need.
static bool measure(struct walk *w, size_t *ret_n, size_t *ret_octets) {
    size_t at = w->answers, left = w->n_answers, n = 0, octets = 0, len;
    struct record r;
    bool bad = false;
    while (n < DNS_RECORDS_MAX && next_of_type(w, w->type, &at, &left, &r, &bad)) {
        if (!expand(w->packet, &r, NULL, &len))
            return false;
        if (octets + len > DNS_ANSWER_OCTETS_MAX)
            break;
        octets += len;
        n++;
    }
    *ret_n = n;
    *ret_octets = octets;
    return !bad;
}

static void take(struct walk *w, struct box *b, size_t n, char *octets) {
    size_t at = w->answers, left = w->n_answers;
    struct record r;
    bool bad = false;
    for (size_t i = 0; i < n; i++) {
        size_t len;
        ASSERT(next_of_type(w, w->type, &at, &left, &r, &bad) && expand(w->packet, &r, octets, &len));
        b->records[i] = slice_make(octets, len);
        octets += len;
    }
    b->answer.n_records = n;
}

struct dns_answer *dns_packet_read(struct slice packet, struct slice name, uint16_t type) {
    struct walk w;
    unsigned rcode;
    if (!read_head(&w, packet, name, type, &rcode) || (rcode != RCODE_NOERROR && rcode != RCODE_NXDOMAIN))
        return dns_answer_new(DNS_FAILED, name);
    bool bad = false;
    size_t n_aliases = 0, n = 0, n_octets = 0;
    while (n_aliases <= ALIASES_MAX && follow_alias(&w, &bad))
        n_aliases++;
    struct dns_name last;
    if (bad || n_aliases > ALIASES_MAX || !dns_wire_name_to_text(&w.name, &last) || !measure(&w, &n, &n_octets))
        return dns_answer_new(DNS_FAILED, name);
    char *octets;
    struct box *b = box_new(DNS_OK, n, n_octets, &octets);
    b->name = last;
    take(&w, b, n, octets);
    if (n == 0)
        b->answer.status = rcode == RCODE_NXDOMAIN ? DNS_NXDOMAIN : DNS_NODATA;
    else
        b->answer.ttl = w.ttl;
    return &b->answer;
}
