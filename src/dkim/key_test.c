// SPDX-License-Identifier: MIT
// Key records: syntax, the key inside, its limits; private keys and what is published of them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "base/buf.h"
#include "base/mem.h"
#include "dkim/key.h"
#include "dkim/keyring.h"
#include "dkim/test_keys.h"
#include "dkim/test_signer.h"

#define ED25519_P "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static const struct {
    struct slice text;
    enum dkim_key_status want;
    unsigned bits;
    const char *reason;
} records[] = {
    {SLICE("v=DKIM1; k=rsa; p=" TEST_RSA1024_P), DKIM_KEY_OK, 1024, NULL},
    {SLICE("v=DKIM1; k=rsa; p=" TEST_RSA2048_P ";"), DKIM_KEY_OK, 2048, NULL},
    {SLICE("k=RSA; p=" TEST_RSA3072_P), DKIM_KEY_OK, 3072, NULL},
    {SLICE("p=" TEST_RSA4096_P), DKIM_KEY_OK, 4096, NULL},
    {SLICE("p=" TEST_RSA1024_PKCS1_P), DKIM_KEY_OK, 1024, NULL},
    {SLICE("p=" TEST_RSA_E3_P), DKIM_KEY_OK, 1024, NULL},
    {SLICE("v=DKIM1; k=ed25519; p=" ED25519_P), DKIM_KEY_OK, 256, NULL},
    {SLICE("n=a note; h=sha1 : sha256; s=email; t=y:s; p=" TEST_RSA1024_P), DKIM_KEY_OK, 1024, NULL},
    {SLICE("s=*; g=x; unknown=1; p=" TEST_RSA1024_P), DKIM_KEY_OK, 1024, NULL},
    {SLICE("\"v=DK\" \"IM1;\"\r\n\t\"k=r\" \"sa;p=\"\n" TEST_RSA1024_P "\""), DKIM_KEY_OK, 1024, NULL},
    {SLICE("v=DKIM1;k=rsa;p="), DKIM_KEY_REVOKED, 0, "key revoked"},
    {SLICE("p=\" \""), DKIM_KEY_REVOKED, 0, "key revoked"},
    {SLICE("p=" TEST_RSA512_P), DKIM_KEY_BAD, 0, "RSA key too short or too long"},
    {SLICE("p=" TEST_RSA8192_P), DKIM_KEY_BAD, 0, "RSA key too short or too long"},
    {SLICE("p=" TEST_RSA_EBIG_P), DKIM_KEY_BAD, 0, "RSA key too short or too long"},
    {SLICE("p=" TEST_EC_P), DKIM_KEY_BAD, 0, "p= is no RSA key"},
    {SLICE("p=" TEST_PSS_P), DKIM_KEY_BAD, 0, "p= is no RSA key"},
    {SLICE("p=" ED25519_P), DKIM_KEY_BAD, 0, "p= is no RSA key"},
    {SLICE("p=" TEST_RSA1024_P "AAAA"), DKIM_KEY_BAD, 0, "p= is no RSA key"},
    {SLICE("p=MIGfMA0GCSqGSIb3DQEBAQUA"), DKIM_KEY_BAD, 0, "p= is no RSA key"},
    {SLICE("p=MA=="), DKIM_KEY_BAD, 0, "p= is no RSA key"},
    {SLICE("p=not base64!"), DKIM_KEY_BAD, 0, "p= is no base64"},
    {SLICE("k=ed25519; p=" TEST_RSA1024_P), DKIM_KEY_BAD, 0, "p= is no ed25519 key"},
    {SLICE("k=ed448; p=" ED25519_P), DKIM_KEY_BAD, 0, "key type not supported"},
    {SLICE("v=DKIM2; p=" TEST_RSA1024_P), DKIM_KEY_BAD, 0, "not a DKIM1 record"},
    {SLICE("v=dkim1; p=" TEST_RSA1024_P), DKIM_KEY_BAD, 0, "not a DKIM1 record"},
    {SLICE("h=sha1; p=" TEST_RSA1024_P), DKIM_KEY_BAD, 0, "key is not for SHA-256"},
    {SLICE("s=tlsrpt; p=" TEST_RSA1024_P), DKIM_KEY_BAD, 0, "key is not for mail"},
    {SLICE("v=DKIM1; k=rsa"), DKIM_KEY_BAD, 0, "p= is missing"},
    {SLICE("p=;p="), DKIM_KEY_BAD, 0, "bad key record"},
    {SLICE(""), DKIM_KEY_BAD, 0, "bad key record"},
    {SLICE("hello"), DKIM_KEY_BAD, 0, "bad key record"},
    {SLICE("p=\0"), DKIM_KEY_BAD, 0, "bad key record"},
};

static void test_records(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        struct dkim_key *key = NULL;
        const char *reason = "";
        enum dkim_key_status got = dkim_key_parse(records[i].text, &key, &reason);
        if (got != records[i].want || (got != DKIM_KEY_OK && strcmp(reason, records[i].reason) != 0))
            fail_msg("%zu %.*s: got %d %s", i, SLICE_FMT(records[i].text), got, reason);
        if (got == DKIM_KEY_OK)
            assert_int_equal(dkim_key_bits(key), records[i].bits);
        assert_int_equal(ERR_peek_error(), 0);
        dkim_key_unref(key);
    }
}

static void test_flags(void **state) {
    static const struct {
        const char *text;
        bool strict;
    } table[] = {
        {"p=" TEST_RSA1024_P, false},
        {"t=y; p=" TEST_RSA1024_P, false},
        {"t=s; p=" TEST_RSA1024_P, true},
        {"t= y : s ; p=" TEST_RSA1024_P, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct dkim_key *key;
        const char *reason;
        assert_int_equal(dkim_key_parse(slice_from_cstr(table[i].text), &key, &reason), DKIM_KEY_OK);
        assert_int_equal(dkim_key_is_strict(key), table[i].strict);
        dkim_key_unref(key);
    }
}

static void test_too_long(void **state) {
    struct buf text = {.max = 2 * DKIM_RECORD_LEN_MAX};
    assert_true(buf_append_cstr(&text, "p=" TEST_RSA1024_P "; n="));
    while (buf_slice(&text).len < DKIM_RECORD_LEN_MAX + 1) // one blank is dropped
        assert_true(buf_append_cstr(&text, "x"));
    struct dkim_key *key;
    const char *reason;
    assert_int_equal(dkim_key_parse(buf_slice(&text), &key, &reason), DKIM_KEY_OK);
    dkim_key_unref(key);
    assert_true(buf_append_cstr(&text, "x"));
    assert_int_equal(dkim_key_parse(buf_slice(&text), &key, &reason), DKIM_KEY_BAD);
    buf_done(&text);
}

// ---- private keys ----

static struct dkim_key *public_of(const struct dkim_private_key *private_key) {
    struct buf record = {.max = DKIM_RECORD_LEN_MAX};
    assert_true(dkim_private_key_record(private_key, &record));
    struct dkim_key *key;
    const char *reason;
    assert_int_equal(dkim_key_parse(buf_slice(&record), &key, &reason), DKIM_KEY_OK);
    buf_done(&record);
    return key;
}

static void check_pair(const struct dkim_private_key *private_key) {
    struct dkim_key *key = public_of(private_key);
    assert_int_equal(dkim_key_algorithm(key), dkim_private_key_algorithm(private_key));
    assert_true(dkim_key_is_strict(key));
    uint8_t hash[DKIM_HASH_LEN] = {1, 2, 3}, signature[DKIM_SIGNATURE_LEN_MAX];
    size_t len;
    dkim_private_key_sign(private_key, hash, signature, &len);
    assert_true(dkim_key_verify(key, hash, signature, len));
    assert_false(dkim_key_verify(key, hash, signature, len - 1));
    assert_false(dkim_key_verify(key, hash, signature, 0));
    signature[len / 2] ^= 1;
    assert_false(dkim_key_verify(key, hash, signature, len));
    signature[len / 2] ^= 1;
    hash[0] ^= 1;
    assert_false(dkim_key_verify(key, hash, signature, len));
    memset(signature, 0, sizeof(signature));
    assert_false(dkim_key_verify(key, hash, signature, len));
    memset(signature, 0xff, sizeof(signature));
    assert_false(dkim_key_verify(key, hash, signature, len));
    assert_int_equal(ERR_peek_error(), 0);
    dkim_key_unref(key);
}

static void test_generated(void **state) {
    static const enum dkim_algorithm algorithms[] = {DKIM_RSA_SHA256, DKIM_ED25519_SHA256};
    for (size_t i = 0; i < ARRAY_LEN(algorithms); i++) {
        struct dkim_private_key *key = dkim_private_key_generate(algorithms[i]);
        assert_int_equal(dkim_private_key_algorithm(key), algorithms[i]);
        check_pair(key);
        // Out as PEM and in again: the same key.
        struct buf pem = {.max = DKIM_PEM_MAX}, one = {.max = 4096}, two = {.max = 4096};
        assert_true(dkim_private_key_to_pem(key, &pem));
        const char *reason;
        struct dkim_private_key *again = dkim_private_key_from_pem(buf_slice(&pem), &reason);
        assert_non_null(again);
        assert_true(dkim_private_key_record(key, &one) && dkim_private_key_record(again, &two));
        assert_true(slice_eq(buf_slice(&one), buf_slice(&two)));
        struct buf small = {.max = 16};
        assert_false(dkim_private_key_to_pem(key, &small));
        buf_done(&pem);
        buf_done(&one);
        buf_done(&two);
        buf_done(&small);
        dkim_private_key_unref(again);
        dkim_private_key_unref(key);
    }
}

#define PEM(kind, text) "-----BEGIN " kind "-----\n" text "\n-----END " kind "-----\n"

static void test_pem(void **state) {
    static const struct {
        const char *pem;
        bool good;
    } table[] = {
        {TEST_RSA1024_PEM, true},
        {TEST_RSA4096_PEM, true},
        {test_rfc8463_rsa_pem, true}, // PKCS #1
        {test_rfc8463_ed25519_pem, true},
        {"# a comment before\n" TEST_RSA1024_PEM, true},
        {TEST_RSA512_PEM, false},
        {TEST_EC_PEM, false},
        {TEST_ENCRYPTED_PEM, false},
        {PEM("PUBLIC KEY", ED25519_P), false},
        {PEM("PRIVATE KEY", "AAAA"), false},
        {"-----BEGIN PRIVATE KEY-----", false},
        {"", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const char *reason = NULL;
        struct dkim_private_key *key = dkim_private_key_from_pem(slice_from_cstr(table[i].pem), &reason);
        if ((key != NULL) != table[i].good || (key == NULL) != (reason != NULL))
            fail_msg("%s: got %s", table[i].pem, reason);
        if (key != NULL)
            check_pair(key);
        assert_int_equal(ERR_peek_error(), 0);
        dkim_private_key_unref(key);
    }
}

static void test_record_text(void **state) {
    static const struct {
        const char *pem, *want;
    } table[] = {
        {test_rfc8463_ed25519_pem, "v=DKIM1;k=ed25519;p=" ED25519_P ";s=email;t=s"},
        {TEST_RSA2048_PEM, "v=DKIM1;k=rsa;p=" TEST_RSA2048_P ";s=email;t=s"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const char *reason;
        struct dkim_private_key *key = dkim_private_key_from_pem(slice_from_cstr(table[i].pem), &reason);
        struct buf got = {.max = 4096};
        assert_true(dkim_private_key_record(key, &got));
        assert_true(slice_eq(buf_slice(&got), slice_from_cstr(table[i].want)));
        buf_done(&got);
        dkim_private_key_unref(key);
    }
}

static void test_published(void **state) {
    static const struct {
        const char *pem;
        struct slice text;
        bool want;
    } table[] = {
        {TEST_RSA2048_PEM, SLICE("p=" TEST_RSA2048_P), true},
        {TEST_RSA1024_PEM, SLICE("\"v=DKIM1; k=rsa; p=\" \"" TEST_RSA1024_PKCS1_P "\""), true},
        {TEST_RSA2048_PEM, SLICE("p=" TEST_RSA1024_P), false},
        {TEST_RSA2048_PEM, SLICE("k=ed25519; p=" ED25519_P), false},
        {TEST_RSA2048_PEM, SLICE("p="), false},
        {TEST_RSA2048_PEM, SLICE("h=sha1; p=" TEST_RSA2048_P), false},
        {test_rfc8463_ed25519_pem, SLICE("k=ed25519; p=" ED25519_P), true},
        {test_rfc8463_ed25519_pem, SLICE("p=" TEST_RSA2048_P), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const char *reason;
        struct dkim_private_key *key = dkim_private_key_from_pem(slice_from_cstr(table[i].pem), &reason);
        if (dkim_private_key_is_published(key, table[i].text) != table[i].want)
            fail_msg("%.*s: want %d", SLICE_FMT(table[i].text), table[i].want);
        dkim_private_key_unref(key);
    }
}

static void test_zone_strings(void **state) {
    char text[600];
    memset(text, 'x', sizeof(text));
    static const struct {
        size_t len;
        int widths[3]; // of the strings; -1 for none
    } table[] = {
        {0, {0, -1, -1}}, {1, {1, -1, -1}}, {255, {255, -1, -1}}, {256, {255, 1, -1}}, {600, {255, 255, 90}},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf got = {.max = 1024}, want = {.max = 1024};
        for (size_t k = 0; k < 3 && table[i].widths[k] >= 0; k++)
            assert_true(buf_printf(&want, "%s\"%.*s\"", k > 0 ? " " : "", table[i].widths[k], text));
        assert_true(dkim_zone_strings(slice_make(text, table[i].len), &got));
        if (!slice_eq(buf_slice(&got), buf_slice(&want)))
            fail_msg("got %.*s, want %.*s", SLICE_FMT(buf_slice(&got)), SLICE_FMT(buf_slice(&want)));
        buf_done(&got);
        buf_done(&want);
    }
    struct buf got = {.max = 64}, small = {.max = 8};
    assert_true(dkim_zone_strings(SLICE("a\"b\\c\x1b~ \xff"), &got));
    assert_true(slice_eq(buf_slice(&got), SLICE("\"a\\\"b\\\\c\\027~ \\255\"")));
    assert_false(dkim_zone_strings(SLICE("12345678"), &small));
    buf_done(&got);
    buf_done(&small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),   cmocka_unit_test(test_flags),        cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_generated), cmocka_unit_test(test_pem),          cmocka_unit_test(test_record_text),
        cmocka_unit_test(test_published), cmocka_unit_test(test_zone_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
