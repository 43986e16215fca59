// SPDX-License-Identifier: MIT
#include "net/dns_record.h"

#include <string.h>

#include "net/dns_name.h"

static uint8_t octet_at(struct slice s, size_t i) {
    return (uint8_t)s.ptr[i];
}

// A name that fills the rdata from `pos` to its end.
static bool last_name(struct slice rdata, size_t pos, struct dns_name *ret) {
    struct dns_wire_name wire;
    return dns_wire_name_read_plain(rdata, &pos, &wire) && pos == rdata.len && dns_wire_name_to_text(&wire, ret);
}

bool dns_name_parse(struct slice rdata, struct dns_name *ret) {
    return last_name(rdata, 0, ret);
}

bool dns_mx_parse(struct slice rdata, struct dns_mx *ret) {
    struct dns_mx mx;
    if (rdata.len < 3 || !last_name(rdata, 2, &mx.host))
        return false;
    mx.preference = (uint16_t)(octet_at(rdata, 0) << 8 | octet_at(rdata, 1));
    *ret = mx;
    return true;
}

static int compare_mx(const struct dns_mx *a, const struct dns_mx *b) {
    return a->preference != b->preference ? (a->preference < b->preference ? -1 : 1)
                                          : strcmp(a->host.text, b->host.text);
}

// Puts it in its place among the `n` that are there; the worst falls out when they are `max`.
static size_t insert_mx(struct dns_mx *list, size_t n, size_t max, const struct dns_mx *mx) {
    size_t at = n;
    while (at > 0 && compare_mx(mx, &list[at - 1]) < 0)
        at--;
    if (at == max)
        return n;
    size_t kept = n < max ? n : max - 1;
    memmove(&list[at + 1], &list[at], (kept - at) * sizeof(*list));
    list[at] = *mx;
    return kept + 1;
}

static size_t find_host(const struct dns_mx *list, size_t n, const struct dns_mx *mx) {
    size_t i = 0;
    while (i < n && strcmp(list[i].host.text, mx->host.text) != 0)
        i++;
    return i;
}

size_t dns_mx_parse_all(const struct dns_answer *a, struct dns_mx *ret, size_t max, bool *ret_is_null) {
    size_t n = 0;
    bool has_null = false;
    for (size_t i = 0; i < a->n_records; i++) {
        struct dns_mx mx;
        if (!dns_mx_parse(a->records[i], &mx))
            continue;
        has_null |= mx.host.text[0] == '\0';
        if (!dns_name_is_plain(slice_from_cstr(mx.host.text)))
            continue;
        size_t known = find_host(ret, n, &mx);
        if (known < n) { // of two entries for one host the better counts
            if (compare_mx(&mx, &ret[known]) >= 0)
                continue;
            n--;
            memmove(&ret[known], &ret[known + 1], (n - known) * sizeof(*ret));
        }
        n = insert_mx(ret, n, max, &mx);
    }
    *ret_is_null = has_null && n == 0;
    return n;
}

bool dns_txt_parse(struct slice rdata, char *buf, size_t size, size_t *ret_len) {
    size_t len = 0;
    if (rdata.len == 0) // at least one character-string, which may be empty
        return false;
    for (size_t pos = 0; pos < rdata.len;) {
        size_t n = octet_at(rdata, pos++);
        if (n > rdata.len - pos || n > size - len)
            return false;
        memcpy(buf + len, rdata.ptr + pos, n);
        len += n;
        pos += n;
    }
    *ret_len = len;
    return true;
}

bool dns_tlsa_parse(struct slice rdata, struct dns_tlsa *ret) {
    if (rdata.len < 4)
        return false;
    ret->usage = octet_at(rdata, 0);
    ret->selector = octet_at(rdata, 1);
    ret->matching = octet_at(rdata, 2);
    ret->data = slice_sub(rdata, 3, rdata.len);
    return true;
}

bool dns_address_parse(struct slice rdata, uint16_t type, uint16_t port, struct net_address *ret) {
    static const uint8_t MAPPED_PREFIX[12] = {[10] = 0xff, [11] = 0xff}; // RFC 4291 2.5.5.2
    struct net_address a = {.port = port};
    if (type == DNS_TYPE_A && rdata.len == 4) {
        memcpy(a.ip, MAPPED_PREFIX, sizeof(MAPPED_PREFIX));
        memcpy(a.ip + sizeof(MAPPED_PREFIX), rdata.ptr, 4);
    } else if (type == DNS_TYPE_AAAA && rdata.len == sizeof(a.ip)) {
        memcpy(a.ip, rdata.ptr, sizeof(a.ip));
        if (memcmp(a.ip, MAPPED_PREFIX, sizeof(MAPPED_PREFIX)) == 0)
            return false;
    } else {
        return false;
    }
    *ret = a;
    return true;
}
