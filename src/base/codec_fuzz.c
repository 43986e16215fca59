// SPDX-License-Identifier: MIT
// Whatever decodes must encode to the same text again (base64 is canonical here, hexadecimal but for its case), and
// whatever is encoded must decode to the same octets.
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_base64(struct slice s) {
    char *plain = mem_alloc(s.len / 4 * 3), *encoded = mem_alloc(BASE64_ENCODED_LEN(s.len) + 1);
    size_t len;
    if (base64_decode(s, plain, &len)) {
        ASSERT(len <= s.len / 4 * 3 && BASE64_ENCODED_LEN(len) == s.len);
        base64_encode(plain, len, encoded);
        ASSERT(slice_eq(slice_from_cstr(encoded), s));
    }
    free(plain);
    base64_encode(s.ptr, s.len, encoded);
    struct slice text = slice_from_cstr(encoded);
    plain = mem_alloc(text.len / 4 * 3);
    ASSERT(base64_decode(text, plain, &len));
    ASSERT(slice_eq(slice_make(plain, len), s));
    free(plain);
    free(encoded);
}

static void check_hex(struct slice s) {
    char *plain = mem_alloc(s.len), *encoded = mem_alloc(2 * s.len + 1);
    if (hex_decode(s, plain, s.len / 2)) {
        hex_encode(plain, s.len / 2, encoded);
        ASSERT(slice_eq_ci(slice_from_cstr(encoded), s));
    }
    hex_encode(s.ptr, s.len, encoded);
    ASSERT(hex_decode(slice_from_cstr(encoded), plain, s.len));
    ASSERT(slice_eq(slice_make(plain, s.len), s));
    free(plain);
    free(encoded);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice s = slice_make((const char *)data, size);
    check_base64(s);
    check_hex(s);
    return 0;
}
