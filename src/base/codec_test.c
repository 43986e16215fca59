// SPDX-License-Identifier: MIT
// Base64 against the vectors of RFC 4648 section 10, hexadecimal, and what both must refuse.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "base/hex.h"
#include "base/panic.h"

static void base64_vectors(void **state) {
    static const struct {
        const char *plain, *encoded;
    } cases[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xfe\xfd", "//79"},
        {"\xfb\xef", "++8="},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char encoded[16], plain[16];
        base64_encode(cases[i].plain, strlen(cases[i].plain), encoded);
        assert_string_equal(encoded, cases[i].encoded);
        assert_int_equal(strlen(encoded), BASE64_ENCODED_LEN(strlen(cases[i].plain)));
        size_t len = 99;
        assert_true(base64_decode(slice_from_cstr(cases[i].encoded), plain, &len));
        assert_int_equal(len, strlen(cases[i].plain));
        assert_memory_equal(plain, cases[i].plain, len);
    }
}

static void base64_refuses(void **state) {
    static const char *const bad[] = {
        "Z",    "Zg",   "Zg=",   "=",     "==",     "====", "Z===", "Zg=v",         "Zm9v=",   "Zm9v====",
        "Zh==", "Zm9=", "Zm 9v", " Zm9v", "Zm9v\n", "Zm9-", "Zm9_", "Zm9vYg==Zm9v", "\xffm9v", "*",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char plain[32];
        size_t len;
        if (base64_decode(slice_from_cstr(bad[i]), plain, &len))
            fail_msg("took \"%s\"", bad[i]);
    }
    char plain[8];
    size_t len;
    assert_false(base64_decode(SLICE("Zm\09"), plain, &len));
}

static void base64_values(void **state) {
    int n = 0;
    for (int c = 0; c < 256; c++)
        n += base64_value((char)c) >= 0;
    assert_int_equal(n, 64);
    assert_int_equal(base64_value('A'), 0);
    assert_int_equal(base64_value('/'), 63);
    assert_int_equal(base64_value('='), -1);
}

static void hexadecimal(void **state) {
    char text[9];
    hex_encode("\x00\x7f\xab\xff", 4, text);
    assert_string_equal(text, "007fabff");
    unsigned char octets[4];
    assert_true(hex_decode(SLICE("007FaBfF"), octets, 4));
    assert_memory_equal(octets, "\x00\x7f\xab\xff", 4);
    assert_true(hex_decode(SLICE_EMPTY, octets, 0));
    static const char *const bad[] = {"", "0", "007fabf", "007fabff0", "007fabfg", "0x7fabff", " 07fabff"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (hex_decode(slice_from_cstr(bad[i]), octets, 4))
            fail_msg("took \"%s\"", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_vectors),
        cmocka_unit_test(base64_refuses),
        cmocka_unit_test(base64_values),
        cmocka_unit_test(hexadecimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
