// SPDX-License-Identifier: MIT
// Fuzzes DKIM-Signature fields: what is accepted keeps the promises of signature.h.
#include <stdint.h>
#include <string.h>

#include "dkim/signature.h"
#include "dkim/tags.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice value = slice_make((const char *)data, size);
    struct dkim_signature s;
    const char *reason = NULL;
    if (!dkim_signature_parse(value, &s, &reason)) {
        ASSERT(reason != NULL && strlen(reason) > 0);
        return 0;
    }
    ASSERT(s.signature_len > 0 && s.signature_len <= DKIM_SIGNATURE_LEN_MAX);
    ASSERT(s.domain.len > 0 && s.domain.len <= DKIM_DOMAIN_LEN_MAX);
    ASSERT(s.selector.len > 0 && s.selector.len <= DKIM_DOMAIN_LEN_MAX);
    ASSERT(dkim_list_has(s.header_names, SLICE("from")));
    ASSERT(s.signature_raw.ptr > value.ptr);
    ASSERT(s.signature_raw.ptr + s.signature_raw.len <= value.ptr + value.len);
    ASSERT(!s.has_identity || slice_ends_with_ci(s.identity, s.domain));
    ASSERT(!s.has_time || !s.has_expiry || s.time < s.expiry);
    struct slice names = s.header_names, name;
    size_t n = 0;
    while (dkim_list_next(&names, &name))
        n++;
    ASSERT(n <= DKIM_HEADER_NAMES_MAX);
    return 0;
}
