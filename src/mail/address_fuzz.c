// SPDX-License-Identifier: MIT
// Fuzzes address parsing: whatever is accepted lies within the input, fits its limits, and is still an address in
// normal form.
#include <stdint.h>
#include <string.h>

#include "base/panic.h"
#include "mail/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct slice in, const struct address *a) {
    ASSERT(a->whole.ptr >= in.ptr && a->whole.ptr + a->whole.len <= in.ptr + in.len);
    ASSERT(a->local.len >= 1 && a->local.len <= ADDRESS_LOCAL_MAX);
    ASSERT(a->domain.len >= 1 && a->domain.len <= ADDRESS_DOMAIN_MAX);
    ASSERT(memchr(a->whole.ptr, '\n', a->whole.len) == NULL && memchr(a->whole.ptr, '\0', a->whole.len) == NULL);
    for (int strip = 0; strip < 2; strip++) {
        char normal[ADDRESS_MAX + 1], twice[ADDRESS_MAX + 1];
        struct address b;
        address_normalize(a, strip == 1, normal);
        bool ok = address_parse(slice_from_cstr(normal), &b);
        // "a.+b" is an address, "a." is not.
        ASSERT(ok || strip == 1);
        if (!ok)
            continue;
        address_normalize(&b, strip == 1, twice);
        ASSERT(strcmp(normal, twice) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice in = slice_make((const char *)data, size);
    struct address a;
    if (address_parse(in, &a)) {
        ASSERT(slice_eq(a.whole, in));
        check(in, &a);
    }
    if (address_first_of_header(in, &a))
        check(in, &a);
    return 0;
}
