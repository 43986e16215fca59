// SPDX-License-Identifier: MIT
// How many messages of 10 KiB one core verifies and signs in a second. A short run by default; `dkim_bench_test
// SECONDS` measures.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "dkim/sign.h"
#include "dkim/test_keys.h"
#include "dkim/test_signer.h"
#include "dkim/verify.h"

enum { NOW = 1700000000, MESSAGE_LEN = 10 * 1024, PIECE = 4096 };

static uint64_t run_us = 20 * 1000;

// An encrypted message as clients send it.
static void make_message(struct buf *out) {
    buf_init(out, 1 << 20);
    bool ok = buf_printf(out, "From: <alice@a.example>\r\nTo: <bob@b.example>\r\nSubject: [...]\r\n"
                              "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <1@a.example>\r\n"
                              "Chat-Version: 1.0\r\nMIME-Version: 1.0\r\n"
                              "Content-Type: multipart/encrypted;\r\n\tboundary=\"b\"\r\nAutocrypt: addr=a;\r\n");
    for (size_t i = 0; i < 12; i++)
        ok = ok && buf_printf(out, " keydataABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\r\n");
    ok = ok &&
         buf_printf(out, "\r\n--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n--b\r\n\r\n");
    while (buf_slice(out).len < MESSAGE_LEN)
        ok = ok && buf_printf(out, "wcBMA0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyzz/+012345\r\n");
    ASSERT(ok);
}

static void verify_once(struct slice m, const char *record, struct dkim_key_cache *cache) {
    struct dkim_verifier *v = dkim_verifier_new(SLICE("a.example"), NOW, cache);
    size_t at = test_header_len(m);
    dkim_verifier_header(v, slice_sub(m, 0, at));
    for (; at < m.len; at += PIECE)
        dkim_verifier_body(v, slice_sub(m, at, at + PIECE));
    dkim_verifier_end(v);
    if (dkim_verifier_verdict(v) == DKIM_OPEN) {
        struct slice text = slice_from_cstr(record);
        struct dkim_answer a = {DKIM_ANSWER_RECORDS, &text, 1, 3600};
        dkim_verifier_answer(v, "s._domainkey.a.example", &a);
    }
    assert_int_equal(dkim_verifier_verdict(v), DKIM_PASS);
    dkim_verifier_free(v);
}

static void report(const char *what, size_t n, uint64_t us) {
    printf("# %-46s %8.0f/s, %6.1f us each\n", what, (double)n * 1e6 / (double)us, (double)us / (double)n);
}

static void test_verify(void **state) {
    static const struct {
        const char *name, *pem, *tags, *record;
        bool cached;
    } table[] = {
        {"verify RSA 2048 relaxed/simple, key cached", TEST_RSA2048_PEM, "a=rsa-sha256; c=relaxed/simple",
         "p=" TEST_RSA2048_P, true},
        {"verify RSA 2048 relaxed/relaxed, key cached", TEST_RSA2048_PEM, "a=rsa-sha256; c=relaxed/relaxed",
         "p=" TEST_RSA2048_P, true},
        {"verify RSA 2048 relaxed/simple, key parsed", TEST_RSA2048_PEM, "a=rsa-sha256; c=relaxed/simple",
         "p=" TEST_RSA2048_P, false},
        {"verify RSA 4096 relaxed/simple, key cached", TEST_RSA4096_PEM, "a=rsa-sha256; c=relaxed/simple",
         "p=" TEST_RSA4096_P, true},
        {"verify ed25519 relaxed/simple, key cached", test_rfc8463_ed25519_pem, "a=ed25519-sha256; c=relaxed/simple",
         "k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf message, all = {.max = 1 << 20};
        char tags[256];
        const char *reason;
        struct dkim_private_key *key = dkim_private_key_from_pem(slice_from_cstr(table[i].pem), &reason);
        snprintf(tags, sizeof(tags), "v=1; d=a.example; s=s; h=from:to:subject:date:autocrypt; %s", table[i].tags);
        make_message(&message);
        test_sign(key, slice_from_cstr(tags), buf_slice(&message), &all);
        assert_true(buf_append_slice(&all, buf_slice(&message)));
        struct dkim_key_cache *cache = table[i].cached ? dkim_key_cache_new(1000) : NULL;
        uint64_t start = clock_mono_us(), now = start;
        size_t n = 0;
        for (; now - start < run_us; now = clock_mono_us(), n++)
            verify_once(buf_slice(&all), table[i].record, cache);
        report(table[i].name, n, now - start);
        dkim_key_cache_free(cache);
        dkim_private_key_unref(key);
        buf_done(&message);
        buf_done(&all);
    }
}

static void test_sign_speed(void **state) {
    static const struct {
        const char *name, *pem;
    } table[] = {{"sign RSA 2048", TEST_RSA2048_PEM}, {"sign ed25519", test_rfc8463_ed25519_pem}};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct buf message, out = {.max = DKIM_SIGNED_PREFIX_MAX};
        const char *reason;
        struct dkim_private_key *key = dkim_private_key_from_pem(slice_from_cstr(table[i].pem), &reason);
        const struct dkim_signer signer = {key, SLICE("s")};
        make_message(&message);
        size_t header_len = test_header_len(buf_slice(&message));
        uint64_t start = clock_mono_us(), now = start, on_worker = 0;
        size_t n = 0;
        for (; now - start < run_us; now = clock_mono_us(), n++) {
            uint8_t hash[DKIM_HASH_LEN];
            struct dkim_body_hash *body = dkim_signing_body_hash();
            dkim_body_hash_update(body, slice_sub(buf_slice(&message), header_len, buf_slice(&message).len));
            dkim_body_hash_finish(body, hash, NULL, NULL);
            dkim_body_hash_free(body);
            struct dkim_signing *s = dkim_signing_new(&signer, 1, SLICE("a.example"), NOW,
                                                      slice_sub(buf_slice(&message), 0, header_len), hash);
            uint64_t before = clock_mono_us();
            dkim_signing_run(s);
            on_worker += clock_mono_us() - before;
            buf_truncate(&out, 0);
            assert_true(dkim_signing_write(s, &out));
            dkim_signing_free(s);
        }
        report(table[i].name, n, now - start);
        printf("#   of which on the worker: %.1f us\n", (double)on_worker / (double)n);
        dkim_private_key_unref(key);
        buf_done(&message);
        buf_done(&out);
    }
}

int main(int argc, char **argv) {
    if (argc > 1)
        run_us = strtoull(argv[1], NULL, 10) * 1000 * 1000;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_sign_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
