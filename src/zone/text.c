// SPDX-License-Identifier: MIT
#include "zone/text.h"

#include <stdio.h>

#include "base/hex.h"
#include "dkim/keyring.h"
#include "net/dns_record.h"

enum { HEX_PIECE = 32, CAA_FIXED_LEN = 2, TXT_MAX = 4096 };

// ---- records wanted ----

static bool write_bind(const struct zone_record *r, const char *type, struct buf *out) {
    if (!buf_printf(out, "%s. %d IN %s ", r->owner, ZONE_TTL_S, type))
        return false;
    bool ok =
        r->type == DNS_TYPE_TXT ? dkim_zone_strings(slice_from_cstr(r->value), out) : buf_append_cstr(out, r->value);
    return ok && buf_append_cstr(out, "\n");
}

// Panels add the dot at the end of a name themselves.
static bool write_line(const struct zone_record *r, const char *type, struct buf *out) {
    struct slice value = slice_from_cstr(r->value);
    if (r->type != DNS_TYPE_TXT && slice_ends_with(value, SLICE(".")))
        value = slice_sub(value, 0, value.len - 1);
    return buf_printf(out, "%s\t%s\t", r->owner, type) && buf_append_slice(out, value) && buf_append_cstr(out, "\n");
}

bool zone_write_record(const struct zone_record *r, enum zone_format format, struct buf *out) {
    char type[12];
    zone_type_name(r->type, type);
    return format == ZONE_FORMAT_BIND ? write_bind(r, type, out) : write_line(r, type, out);
}

static bool write_part(const struct zone *z, bool is_required, enum zone_format format, const char *mark,
                       struct buf *out) {
    const char *purpose = "";
    for (size_t i = 0; i < z->n; i++) {
        const struct zone_record *r = &z->records[i];
        if (r->is_required != is_required)
            continue;
        if (r->purpose != purpose && !buf_printf(out, "%s %s\n", mark, r->purpose))
            return false;
        purpose = r->purpose;
        if (!zone_write_record(r, format, out))
            return false;
    }
    return true;
}

bool zone_write(const struct zone *z, enum zone_format format, struct buf *out) {
    const char *mark = format == ZONE_FORMAT_BIND ? ";" : "#";
    if (format == ZONE_FORMAT_LINES && !buf_append_cstr(out, "# name, type, value; the time to live is 3600\n"))
        return false;
    return buf_printf(out, "%s ---- required ----\n", mark) && write_part(z, true, format, mark, out) &&
           buf_printf(out, "%s ---- recommended ----\n", mark) && write_part(z, false, format, mark, out);
}

// ---- records found ----

static bool show_quoted(struct slice s, struct buf *out) {
    return buf_append_cstr(out, "\"") && dkim_zone_escape(s, out) && buf_append_cstr(out, "\"");
}

static bool show_hex(struct slice s, struct buf *out) {
    for (size_t at = 0; at < s.len; at += HEX_PIECE) {
        char text[2 * HEX_PIECE + 1];
        struct slice piece = slice_sub(s, at, at + HEX_PIECE);
        hex_encode(piece.ptr, piece.len, text);
        if (!buf_append_cstr(out, text))
            return false;
    }
    return true;
}

// RFC 3597 5.
static bool show_unknown(struct slice rdata, struct buf *out) {
    return buf_printf(out, "\\# %zu ", rdata.len) && show_hex(rdata, out);
}

static unsigned u16_at(struct slice s, size_t i) {
    return (unsigned)(uint8_t)s.ptr[i] << 8 | (uint8_t)s.ptr[i + 1];
}

static bool show_address(uint16_t type, struct slice rdata, struct buf *out) {
    struct net_address a;
    char text[NET_ADDRESS_TEXT_MAX];
    if (!dns_address_parse(rdata, type, 0, &a))
        return show_unknown(rdata, out);
    net_address_write(&a, text);
    return buf_append_cstr(out, text);
}

static bool show_service(struct slice rdata, struct buf *out) {
    struct dns_name target;
    if (rdata.len < 7 || !dns_name_parse(slice_sub(rdata, 6, rdata.len), &target))
        return show_unknown(rdata, out);
    return buf_printf(out, "%u %u %u %s.", u16_at(rdata, 0), u16_at(rdata, 2), u16_at(rdata, 4), target.text);
}

static bool show_caa(struct slice rdata, struct buf *out) {
    size_t tag_len = rdata.len > CAA_FIXED_LEN ? (uint8_t)rdata.ptr[1] : 0;
    if (tag_len == 0 || rdata.len - CAA_FIXED_LEN < tag_len)
        return show_unknown(rdata, out);
    size_t value = CAA_FIXED_LEN + tag_len;
    return buf_printf(out, "%u ", (unsigned)(uint8_t)rdata.ptr[0]) &&
           dkim_zone_escape(slice_sub(rdata, CAA_FIXED_LEN, value), out) && buf_append_cstr(out, " ") &&
           show_quoted(slice_sub(rdata, value, rdata.len), out);
}

static bool show_text(struct slice rdata, struct buf *out) {
    char text[TXT_MAX];
    size_t len;
    if (!dns_txt_parse(rdata, text, sizeof(text), &len))
        return show_unknown(rdata, out);
    return show_quoted(slice_make(text, len), out);
}

bool zone_show(uint16_t type, struct slice rdata, struct buf *out) {
    struct dns_name name;
    struct dns_mx mx;
    struct dns_tlsa tlsa;
    switch (type) {
    case DNS_TYPE_A:
    case DNS_TYPE_AAAA:
        return show_address(type, rdata, out);
    case DNS_TYPE_NS:
    case DNS_TYPE_CNAME:
        return dns_name_parse(rdata, &name) ? buf_printf(out, "%s.", name.text) : show_unknown(rdata, out);
    case DNS_TYPE_MX:
        return dns_mx_parse(rdata, &mx) ? buf_printf(out, "%u %s.", (unsigned)mx.preference, mx.host.text)
                                        : show_unknown(rdata, out);
    case DNS_TYPE_TXT:
        return show_text(rdata, out);
    case DNS_TYPE_SRV:
        return show_service(rdata, out);
    case DNS_TYPE_TLSA:
        return dns_tlsa_parse(rdata, &tlsa)
                   ? buf_printf(out, "%u %u %u ", tlsa.usage, tlsa.selector, tlsa.matching) && show_hex(tlsa.data, out)
                   : show_unknown(rdata, out);
    case DNS_TYPE_CAA:
        return show_caa(rdata, out);
    default:
        return show_unknown(rdata, out);
    }
}
