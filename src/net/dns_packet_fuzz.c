// SPDX-License-Identifier: MIT
// The first octet picks what is asked, the rest is a packet; what it holds goes through the parser of its type.
#include <stdlib.h>
#include <string.h>

#include "base/panic.h"
#include "net/dns_packet.h"
#include "net/dns_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(struct slice rdata, uint16_t type) {
    char text[1024];
    size_t len;
    struct dns_name name;
    struct dns_tlsa tlsa;
    struct net_address address;
    if (dns_txt_parse(rdata, text, sizeof(text), &len))
        ASSERT(len < rdata.len && len <= sizeof(text));
    if (dns_tlsa_parse(rdata, &tlsa))
        ASSERT(tlsa.data.len + 3 == rdata.len);
    if (dns_address_parse(rdata, type, 25, &address))
        ASSERT(address.port == 25);
    if (dns_name_parse(rdata, &name))
        ASSERT(strlen(name.text) < DNS_NAME_SIZE);
    else // what was expanded is a name
        ASSERT(type != DNS_TYPE_CNAME && type != DNS_TYPE_NS);
}

static void check_mx(const struct dns_answer *a) {
    struct dns_mx mx[3];
    bool is_null;
    size_t n = dns_mx_parse_all(a, mx, ARRAY_LEN(mx), &is_null);
    ASSERT(n <= ARRAY_LEN(mx) && !(is_null && n > 0));
    for (size_t i = 0; i < n; i++) {
        ASSERT(dns_name_is_plain(slice_from_cstr(mx[i].host.text)));
        ASSERT(i == 0 || mx[i - 1].preference <= mx[i].preference);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint16_t types[] = {DNS_TYPE_A,  DNS_TYPE_AAAA,  DNS_TYPE_MX,  DNS_TYPE_TXT, DNS_TYPE_TLSA,
                                     DNS_TYPE_NS, DNS_TYPE_CNAME, DNS_TYPE_SOA, DNS_TYPE_SRV};
    if (size == 0)
        return 0;
    uint16_t type = types[data[0] % ARRAY_LEN(types)];
    struct dns_answer *a = dns_packet_read(slice_make((const char *)data + 1, size - 1), SLICE("a.b"), type);
    ASSERT((a->status == DNS_OK) == (a->n_records > 0) && a->n_records <= DNS_RECORDS_MAX && !a->secure);
    size_t octets = 0;
    for (size_t i = 0; i < a->n_records; i++) {
        octets += a->records[i].len;
        // Names with many odd octets have no text here.
        if (type != DNS_TYPE_CNAME && type != DNS_TYPE_NS)
            parse(a->records[i], type);
    }
    ASSERT(octets <= DNS_ANSWER_OCTETS_MAX && strlen(a->name) < DNS_NAME_SIZE);
    check_mx(a);
    free(a);
    parse(slice_make((const char *)data + 1, size - 1), DNS_TYPE_A);
    return 0;
}
