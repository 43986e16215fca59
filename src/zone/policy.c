// SPDX-License-Identifier: MIT
#include "zone/policy.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "base/hex.h"

enum { POLICY_MAX = 1024, ID_OCTETS = (ZONE_POLICY_ID_SIZE - 2) / 2 };

bool zone_policy_write(const char *domain, struct buf *out) {
    return buf_printf(out, "version: STSv1\r\nmode: enforce\r\nmx: %s\r\nmax_age: 2419200\r\n", domain);
}

void zone_policy_id(const char *domain, char ret[ZONE_POLICY_ID_SIZE]) {
    struct buf policy;
    buf_init(&policy, POLICY_MAX);
    bool ok = zone_policy_write(domain, &policy);
    ASSERT(ok); // a domain has at most 253 octets
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct slice text = buf_slice(&policy);
    ASSERT(SHA256((const unsigned char *)text.ptr, text.len, digest) != NULL);
    ret[0] = 'm';
    hex_encode(digest, ID_OCTETS, ret + 1);
    buf_done(&policy);
}

bool zone_policy_id_is_ours(struct slice id) {
    uint8_t octets[ID_OCTETS];
    return slice_starts_with(id, SLICE("m")) && hex_decode(slice_sub(id, 1, id.len), octets, sizeof(octets));
}
