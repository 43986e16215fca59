// SPDX-License-Identifier: MIT
// How keys are proved in both dialects, and what does not prove one: other versions, wrong signatures, encodings that
// are not canonical, keys of small order (with which anybody can sign anything, if they are accepted).
#include <openssl/evp.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "account/base64url.h"
#include "base/hex.h"
#include "base/random.h"
#include "iroh/dialect_a.h"
#include "iroh/dialect_b.h"
#include "iroh/handshake.h"

// Of the seed of 32 octets 2a.
#define KEY "197f6b23e16c8532c6abc838facd5ea789be0c76b2920334039bfa8b3d368d61"
#define SIGNATURE_A                                                                                                    \
    "88e77b22f292ab37435da8de0bc8cb84e288f4e73b3582a52731e9ff9865465c"                                                 \
    "87e05e8d427df422bb6e85e1c05f6f749837baa4a5c7eba3230d77569910430e"
#define SIGNATURE_B                                                                                                    \
    "a28b5ebc6a930b5d80ad5aca2a8e48ad4a064e699c0866674c8b8e61a5f4ea94"                                                 \
    "0ee8b9f06732930250ac0735555abe77e8df740165edc3163be432f0e4f3cf0f"
#define HEADER_A "020000006a"
#define MAGIC "52454c4159f09f9491"

static const uint8_t CHALLENGE[IROH_CHALLENGE_LEN] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static const char *const HELLO_NAMES[] = {"more", "ok", "refused", "bad"};

static size_t unhex(const char *hex, void *ret) {
    assert_true(hex_decode(slice_from_cstr(hex), ret, strlen(hex) / 2));
    return strlen(hex) / 2;
}

static void expect_hello(const char *what, size_t number, enum iroh_hello got, enum iroh_hello want) {
    if (got != want)
        fail_msg("%s %zu: got \"%s\" want \"%s\"", what, number, HELLO_NAMES[got], HELLO_NAMES[want]);
}

static void test_a_vector(void **state) {
    char wire[IROH_A_HELLO_LEN + 3] = {0};
    uint8_t key[IROH_KEY_LEN], want[IROH_KEY_LEN];
    size_t len = 0, n = unhex(HEADER_A MAGIC KEY SIGNATURE_A "03", wire);
    unhex(KEY, want);
    assert_int_equal(n, IROH_A_HELLO_LEN);
    for (size_t there = 0; there < n; there++)
        expect_hello("octets", there, iroh_a_hello(slice_make(wire, there), &len, key), IROH_HELLO_MORE);
    for (size_t there = n; there < sizeof(wire); there++) { // what follows has no part in it
        expect_hello("octets", there, iroh_a_hello(slice_make(wire, there), &len, key), IROH_HELLO_OK);
        assert_int_equal(len, n);
        assert_memory_equal(key, want, sizeof(key));
    }
}

// Header and magic are BAD from the first octet that differs; key, signature and version are REFUSED when all is there.
static void test_a_with_one_octet_changed(void **state) {
    char wire[IROH_A_HELLO_LEN];
    uint8_t key[IROH_KEY_LEN];
    size_t len, n = unhex(HEADER_A MAGIC KEY SIGNATURE_A "03", wire);
    enum { START = IROH_A_HEADER_LEN + 9 };
    for (size_t i = 0; i < n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            wire[i] ^= (char)(1 << bit);
            expect_hello("changed octet", i, iroh_a_hello(slice_make(wire, i + 1), &len, key),
                         i < START   ? IROH_HELLO_BAD
                         : i + 1 < n ? IROH_HELLO_MORE
                                     : IROH_HELLO_REFUSED);
            expect_hello("changed octet", i, iroh_a_hello(slice_make(wire, n), &len, key),
                         i < START ? IROH_HELLO_BAD : IROH_HELLO_REFUSED);
            wire[i] ^= (char)(1 << bit);
        }
    }
}

// Version 4, signed as it should be.
static void test_a_other_version(void **state) {
    char wire[IROH_A_HELLO_LEN];
    uint8_t seed[32], public[IROH_KEY_LEN], secret[64], key[IROH_KEY_LEN];
    size_t len, n = unhex(HEADER_A MAGIC KEY SIGNATURE_A "04", wire);
    memset(seed, 0x2a, sizeof(seed));
    crypto_sign_seed_keypair(public, secret, seed);
    crypto_sign_detached((uint8_t *)wire + n - 1 - IROH_SIGNATURE_LEN, NULL, (const uint8_t *)"\x04", 1, secret);
    expect_hello("version", 4, iroh_a_hello(slice_make(wire, n), &len, key), IROH_HELLO_REFUSED);
}

static void test_a_other_first_frames(void **state) {
    static const struct slice WIRES[] = {
        SLICE("\x0c"),            // a ping
        SLICE("\x02\0\0\0\x6b"),  // too long
        SLICE("\x02\0\0\0\x69"),  // too short
        SLICE("GET /relay HTTP"), //
        SLICE("\x02\x6a\0\0\0"),  // the other end first
        SLICE("\x02\0\0\0\x6aRELAX"),
    };
    uint8_t key[IROH_KEY_LEN];
    size_t len;
    for (size_t i = 0; i < ARRAY_LEN(WIRES); i++)
        expect_hello("first frame", i, iroh_a_hello(WIRES[i], &len, key), IROH_HELLO_BAD);
}

// The points of small order in all their encodings, and with them "signatures" that hold for any message: with the
// neutral point as key, R = B and S = 1 solve the equation; with R of small order, S = 0.
static const char *const SMALL_KEYS[] = {
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // 0, not reduced
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // 1, not reduced
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
};
static const char *const FORGED[] = {
    "5866666666666666666666666666666666666666666666666666666666666666"
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000",
};

// They are no nonsense: a verifier by the letter of the equation, such as OpenSSL's, takes the first.
static void expect_lax_verifier_to_accept(const char *key_hex, const char *signature_hex) {
    uint8_t key[IROH_KEY_LEN], signature[IROH_SIGNATURE_LEN];
    unhex(key_hex, key);
    unhex(signature_hex, signature);
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, sizeof(key));
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey), 1);
    assert_int_equal(EVP_DigestVerify(ctx, signature, sizeof(signature), (const uint8_t *)"\x03", 1), 1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
}

static void test_small_order(void **state) {
    expect_lax_verifier_to_accept(SMALL_KEYS[0], FORGED[0]);
    char wire[IROH_A_HELLO_LEN], message[1 + IROH_KEY_LEN + 1 + IROH_SIGNATURE_LEN];
    uint8_t key[IROH_KEY_LEN];
    size_t len;
    for (size_t i = 0; i < ARRAY_LEN(SMALL_KEYS); i++) {
        for (size_t k = 0; k < ARRAY_LEN(FORGED); k++) {
            char hex[2 * sizeof(wire) + 1];
            snprintf(hex, sizeof(hex), HEADER_A MAGIC "%s%s03", SMALL_KEYS[i], FORGED[k]);
            unhex(hex, wire);
            expect_hello("small key", i, iroh_a_hello(slice_make(wire, sizeof(wire)), &len, key), IROH_HELLO_REFUSED);
            snprintf(hex, sizeof(hex), "01%s40%s", SMALL_KEYS[i], FORGED[k]);
            unhex(hex, message);
            struct websocket_payload p = websocket_plain(slice_make(message, sizeof(message)));
            expect_hello("small key, B,", i, iroh_b_auth(&p, CHALLENGE, key), IROH_HELLO_REFUSED);
        }
    }
}

// S + L says the same as S; only the smaller one counts (RFC 8032 section 5.1.7).
static void test_malleated(void **state) {
    static const char L[] = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";
    char wire[IROH_A_HELLO_LEN];
    uint8_t order[32], key[IROH_KEY_LEN];
    size_t len, n = unhex(HEADER_A MAGIC KEY SIGNATURE_A "03", wire);
    uint8_t *s = (uint8_t *)wire + n - 1 - 32;
    unhex(L, order);
    unsigned carry = 0;
    for (size_t i = 0; i < sizeof(order); i++) {
        carry += (unsigned)s[i] + order[i];
        s[i] = (uint8_t)(carry & 0xff);
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    expect_hello("S + L", 0, iroh_a_hello(slice_make(wire, n), &len, key), IROH_HELLO_REFUSED);
}

static void test_b_vector(void **state) {
    char message[1 + IROH_KEY_LEN + 1 + IROH_SIGNATURE_LEN + 1] = {0};
    uint8_t key[IROH_KEY_LEN], want[IROH_KEY_LEN], other[IROH_CHALLENGE_LEN] = {0};
    unhex(KEY, want);
    size_t n = unhex("01" KEY "40" SIGNATURE_B, message);
    assert_int_equal(n, 98);
    for (size_t len = 0; len <= sizeof(message); len++) {
        struct websocket_payload p = websocket_plain(slice_make(message, len));
        expect_hello("octets", len, iroh_b_auth(&p, CHALLENGE, key), len == n ? IROH_HELLO_OK : IROH_HELLO_BAD);
    }
    assert_memory_equal(key, want, sizeof(key));
    struct websocket_payload p = websocket_plain(slice_make(message, n));
    expect_hello("another challenge", 0, iroh_b_auth(&p, other, key), IROH_HELLO_REFUSED);
    for (size_t i = 0; i < n; i++) {
        bool is_form = i == 0 || i == 1 + IROH_KEY_LEN;
        message[i] ^= 4;
        expect_hello("changed octet", i, iroh_b_auth(&p, CHALLENGE, key),
                     is_form ? IROH_HELLO_BAD : IROH_HELLO_REFUSED);
        message[i] ^= 4;
    }
    p.mask[2] = 1; // it is unmasked on the way
    message[2] ^= 1;
    for (size_t i = 6; i < n; i += 4)
        message[i] ^= 1;
    expect_hello("masked", 0, iroh_b_auth(&p, CHALLENGE, key), IROH_HELLO_OK);
}

struct ticket_world {
    uint8_t public[IROH_KEY_LEN], secret[64], material[IROH_MATERIAL_LEN];
    uint8_t octets[113];
    char text[BASE64URL_LEN(113) + 1];
};

static void encode(struct ticket_world *w) {
    base64url_encode(w->octets, 48, w->text);
    base64url_encode(w->octets + 48, 48, w->text + 64);
    base64url_encode(w->octets + 96, 17, w->text + 128);
    assert_int_equal(strlen(w->text), 151);
}

static void make_ticket(struct ticket_world *w) {
    crypto_sign_keypair(w->public, w->secret);
    random_bytes(w->material, sizeof(w->material));
    memcpy(w->octets, w->public, 32);
    w->octets[32] = 64;
    crypto_sign_detached(w->octets + 33, NULL, w->material, 16, w->secret);
    memcpy(w->octets + 97, w->material + 16, 16);
    encode(w);
}

static void test_ticket(void **state) {
    struct ticket_world w;
    struct iroh_b_ticket t;
    make_ticket(&w);
    assert_true(iroh_b_ticket_parse(slice_from_cstr(w.text), &t));
    assert_memory_equal(t.key, w.public, sizeof(t.key));
    assert_true(iroh_b_ticket_is_valid(&t, w.material));
    for (size_t i = 0; i < sizeof(w.material); i++) { // of another connection
        w.material[i] ^= 1;
        assert_false(iroh_b_ticket_is_valid(&t, w.material));
        w.material[i] ^= 1;
    }
    for (size_t i = 0; i < sizeof(w.octets); i++) {
        w.octets[i] ^= 2;
        encode(&w);
        bool is_form = iroh_b_ticket_parse(slice_from_cstr(w.text), &t);
        assert_int_equal(is_form, i != 32);
        assert_false(is_form && iroh_b_ticket_is_valid(&t, w.material));
        w.octets[i] ^= 2;
    }
}

static void test_malformed_ticket(void **state) {
    struct ticket_world w;
    struct iroh_b_ticket t;
    make_ticket(&w);
    for (size_t len = 0; len < strlen(w.text); len++)
        assert_false(iroh_b_ticket_parse(slice_make(w.text, len), &t));
    for (size_t i = 0; i < strlen(w.text); i++) {
        static const char WRONG[] = "+/=. ";
        for (const char *c = WRONG; *c != '\0'; c++) {
            char was = w.text[i];
            w.text[i] = *c;
            assert_false(iroh_b_ticket_parse(slice_from_cstr(w.text), &t));
            w.text[i] = was;
        }
    }
    char longer[sizeof(w.text) + 1];
    snprintf(longer, sizeof(longer), "%sA", w.text);
    assert_false(iroh_b_ticket_parse(slice_from_cstr(longer), &t));
    // The bits behind the last octet are zero: one text for each ticket.
    w.octets[112] = 0;
    encode(&w);
    assert_int_equal(w.text[150], 'A');
    assert_true(iroh_b_ticket_parse(slice_from_cstr(w.text), &t));
    w.text[150] = 'B';
    assert_false(iroh_b_ticket_parse(slice_from_cstr(w.text), &t));
}

static void expect_written(const uint8_t *frame, size_t len, const char *want) {
    char got[2 * IROH_SMALL_MAX + 1];
    hex_encode(frame, len, got);
    assert_string_equal(got, want);
}

static void test_writing(void **state) {
    uint8_t ret[IROH_SMALL_MAX];
    expect_written(ret, iroh_a_write_refusal(ret), "0e000000116e6f742061757468656e74696361746564");
    expect_written(ret, iroh_b_write_challenge(CHALLENGE, ret), "821100000102030405060708090a0b0c0d0e0f");
    expect_written(ret, iroh_b_write_confirmation(ret), "820102");
    expect_written(ret, iroh_b_write_denial("signature invalid", ret), "821303117369676e617475726520696e76616c6964");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_vector),         cmocka_unit_test(test_a_with_one_octet_changed),
        cmocka_unit_test(test_a_other_version),  cmocka_unit_test(test_a_other_first_frames),
        cmocka_unit_test(test_small_order),      cmocka_unit_test(test_malleated),
        cmocka_unit_test(test_b_vector),         cmocka_unit_test(test_ticket),
        cmocka_unit_test(test_malformed_ticket), cmocka_unit_test(test_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
