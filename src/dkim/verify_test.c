// SPDX-License-Identifier: MIT
// The verifier: every canonicalisation and key, what must not pass, answers of all kinds.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "dkim/keyring.h"
#include "dkim/test_keys.h"
#include "dkim/test_signer.h"
#include "dkim/verify.h"

enum { NOW = 1700000000 };

#define ED25519_RECORD "v=DKIM1;k=ed25519;p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
#define RSA1024_RECORD "v=DKIM1;k=rsa;p=" TEST_RSA1024_P
#define RSA2048_RECORD "v=DKIM1;k=rsa;p=" TEST_RSA2048_P

static const char *const verdict_names[] = {"open", "pass", "none", "fail", "temperror"};

#define check_verdict(v, want)                                                                                         \
    do {                                                                                                               \
        enum dkim_verdict got_ = dkim_verifier_verdict(v);                                                             \
        if (got_ != (want))                                                                                            \
            fail_msg("got %s (%s), want %s", verdict_names[got_], dkim_verifier_reason(v), verdict_names[want]);       \
    } while (0)

static struct dkim_private_key *key_of(const char *pem) {
    const char *reason;
    struct dkim_private_key *key = dkim_private_key_from_pem(slice_from_cstr(pem), &reason);
    assert_non_null(key);
    return key;
}

// A verifier that has seen the message.
static struct dkim_verifier *feed(const char *domain, int64_t now, struct dkim_key_cache *cache, struct slice message) {
    struct dkim_verifier *v = dkim_verifier_new(slice_from_cstr(domain), now, cache);
    size_t len = test_header_len(message);
    dkim_verifier_header(v, slice_sub(message, 0, len));
    dkim_verifier_body(v, slice_sub(message, len, message.len));
    dkim_verifier_end(v);
    return v;
}

// ---- round trips ----

static const char sample[] = "Received: by here\r\n"
                             "From:Alice  <alice@a.example> \r\n"
                             "to: \t bob@b.example,\r\n\t carol@b.example\r\n"
                             "Subject : caf\xc3\xa9\r\n"
                             "X-Twice: upper\r\n"
                             "X-Twice: lower\r\n"
                             "\r\n"
                             "One  line \t\r\n"
                             "\r\n"
                             "\xc3\xa9 8-bit \r\n"
                             ".dot\r\n"
                             " \r\n"
                             "\r\n";

static const struct {
    const char *pem, *algorithm, *record;
} keys[] = {
    {TEST_RSA1024_PEM, "rsa-sha256", RSA1024_RECORD},
    {TEST_RSA1024_PEM, "rsa-sha256", "v=DKIM1;p=" TEST_RSA1024_PKCS1_P},
    {TEST_RSA2048_PEM, "rsa-sha256", "p=" TEST_RSA2048_P},
    {TEST_RSA3072_PEM, "rsa-sha256", "v=DKIM1;k=rsa;p=" TEST_RSA3072_P},
    {TEST_RSA4096_PEM, "rsa-sha256", "v=DKIM1;k=rsa;h=sha1:sha256;s=email;t=y:s;n=note;p=" TEST_RSA4096_P},
    {test_rfc8463_ed25519_pem, "ed25519-sha256", ED25519_RECORD},
};
static const char *const canons[] = {
    "", "c=simple;", "c=relaxed;", "c=simple/simple;", "c=simple/relaxed;", "c=relaxed/simple;", "c=relaxed/relaxed;"};

static void sign(const char *pem, const char *tags, struct slice message, struct buf *out) {
    struct dkim_private_key *key = key_of(pem);
    struct buf signed_ = {.max = 1 << 20};
    test_sign(key, slice_from_cstr(tags), message, &signed_);
    assert_true(buf_append_slice(&signed_, message));
    buf_truncate(out, 0);
    assert_true(buf_append_slice(out, buf_slice(&signed_)));
    buf_done(&signed_);
    dkim_private_key_unref(key);
}

static void test_round_trips(void **state) {
    struct buf message = {.max = 1 << 20};
    for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
        for (size_t c = 0; c < ARRAY_LEN(canons); c++) {
            char tags[256];
            snprintf(tags, sizeof(tags), "v=1; a=%s;%s d=a.example; s=k.1;\r\n h=From:TO: subject\r\n\t:x-twice:x-none",
                     keys[k].algorithm, canons[c]);
            sign(keys[k].pem, tags, slice_from_cstr(sample), &message);
            struct dkim_verifier *v = feed("a.example", NOW, NULL, buf_slice(&message));
            test_answer(v, "k.1._domainkey.a.example", keys[k].record);
            check_verdict(v, DKIM_PASS);
            dkim_verifier_free(v);
        }
    }
    buf_done(&message);
}

// ---- what must pass and what must not ----

#define BASE "v=1; a=rsa-sha256; d=a.example; s=s;"

static const struct {
    const char *tags, *record, *domain;
    enum dkim_verdict want;
} cases[] = {
    {BASE "h=from:to", RSA1024_RECORD, "a.example", DKIM_PASS},
    {BASE "h=from:to", RSA1024_RECORD, "A.EXAMPLE", DKIM_PASS},
    {BASE "h=from:to", RSA1024_RECORD, "b.example", DKIM_FAIL},
    {BASE "h=from:to", RSA1024_RECORD, "sub.a.example", DKIM_FAIL},
    {BASE "h=from:to", RSA1024_RECORD, "example", DKIM_FAIL},
    {BASE "h=from:to", RSA2048_RECORD, "a.example", DKIM_FAIL},
    {BASE "h=from:to", ED25519_RECORD, "a.example", DKIM_FAIL},
    {BASE "h=from:to", "v=DKIM1;k=rsa;p=", "a.example", DKIM_FAIL},
    {BASE "h=from:to", NULL, "a.example", DKIM_FAIL},
    // Times.
    {BASE "h=from; t=1700000000; x=1700000001", RSA1024_RECORD, "a.example", DKIM_PASS},
    {BASE "h=from; x=1700000000", RSA1024_RECORD, "a.example", DKIM_PASS},
    {BASE "h=from; x=1699999999", RSA1024_RECORD, "a.example", DKIM_FAIL},
    {BASE "h=from; t=1700000300", RSA1024_RECORD, "a.example", DKIM_PASS},
    {BASE "h=from; t=1700000301", RSA1024_RECORD, "a.example", DKIM_FAIL},
    {BASE "h=from; t=1700000001; x=1700000001", RSA1024_RECORD, "a.example", DKIM_FAIL},
    // The identity.
    {BASE "h=from; i=@a.example", "t=s;p=" TEST_RSA1024_P, "a.example", DKIM_PASS},
    {BASE "h=from; i=x@A.Example", "t=s;p=" TEST_RSA1024_P, "a.example", DKIM_PASS},
    {BASE "h=from; i=x@y.a.example", RSA1024_RECORD, "a.example", DKIM_PASS},
    {BASE "h=from; i=x@y.a.example", "t=y:s;p=" TEST_RSA1024_P, "a.example", DKIM_FAIL},
    {BASE "h=from; i=x@ya.example", RSA1024_RECORD, "a.example", DKIM_FAIL},
    {BASE "h=from; i=a.example", RSA1024_RECORD, "a.example", DKIM_FAIL},
    // The record's limits.
    {BASE "h=from", "h=sha1;p=" TEST_RSA1024_P, "a.example", DKIM_FAIL},
    {BASE "h=from", "s=tlsrpt;p=" TEST_RSA1024_P, "a.example", DKIM_FAIL},
    {BASE "h=from", "s=tlsrpt:*;p=" TEST_RSA1024_P, "a.example", DKIM_PASS},
    {BASE "h=from", "v=DKIM1; t=y; p=" TEST_RSA1024_P, "a.example", DKIM_PASS},
    {BASE "h=from", "\"v=DKIM1; k=rsa; \"\r\n\t\"p=" TEST_RSA1024_P "\"", "a.example", DKIM_PASS},
    // Names oversigned, repeated, selected from the bottom up.
    {BASE "h=from:from:to:to:to:cc:x-none", RSA1024_RECORD, "a.example", DKIM_PASS},
    {BASE "h=x-twice:from:x-twice:x-twice", RSA1024_RECORD, "a.example", DKIM_PASS},
    {BASE "h=to:subject", RSA1024_RECORD, "a.example", DKIM_FAIL},
    {BASE "h=from:dkim-signature", RSA1024_RECORD, "a.example", DKIM_PASS},
    // Parts of the body.
    {BASE "h=from; l=0", RSA1024_RECORD, "a.example", DKIM_PASS},
    {BASE "h=from; l=10", RSA1024_RECORD, "a.example", DKIM_PASS},
    {BASE "c=relaxed/relaxed; h=from; l=10", RSA1024_RECORD, "a.example", DKIM_PASS},
    {BASE "h=from; l=1000", RSA1024_RECORD, "a.example", DKIM_FAIL},
    {BASE "h=from; l=18446744073709551616", RSA1024_RECORD, "a.example", DKIM_FAIL},
    {BASE "h=from; l=-1", RSA1024_RECORD, "a.example", DKIM_FAIL},
    // Other tags.
    {BASE "h=from; q=dns/txt; z=From:x|To:y; unknown=1", RSA1024_RECORD, "a.example", DKIM_PASS},
    {BASE "h=from; q=other:dns/txt", RSA1024_RECORD, "a.example", DKIM_PASS},
    {BASE "h=from; q=other", RSA1024_RECORD, "a.example", DKIM_FAIL},
    {"v=1; a=rsa-sha1; d=a.example; s=s; h=from", RSA1024_RECORD, "a.example", DKIM_FAIL},
    {"v=2; a=rsa-sha256; d=a.example; s=s; h=from", RSA1024_RECORD, "a.example", DKIM_FAIL},
    {"v=1; a=rsa-sha256; d=a..example; s=s; h=from", RSA1024_RECORD, "a..example", DKIM_FAIL},
    {"v=1; a=rsa-sha256; d=_a.example; s=s; h=from", RSA1024_RECORD, "_a.example", DKIM_PASS},
    {BASE "h=from; c=nofws", RSA1024_RECORD, "a.example", DKIM_FAIL},
};

static void test_cases(void **state) {
    struct buf message = {.max = 1 << 20};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        sign(TEST_RSA1024_PEM, cases[i].tags, slice_from_cstr(sample), &message);
        struct dkim_verifier *v = feed(cases[i].domain, NOW, NULL, buf_slice(&message));
        const char *names[DKIM_ATTEMPTS_MAX];
        if (dkim_verifier_questions(v, names) > 0)
            test_answer(v, names[0], cases[i].record);
        if (dkim_verifier_verdict(v) != cases[i].want)
            fail_msg("%s: got %s (%s), want %s", cases[i].tags, verdict_names[dkim_verifier_verdict(v)],
                     dkim_verifier_reason(v), verdict_names[cases[i].want]);
        dkim_verifier_free(v);
    }
    buf_done(&message);
}

// What is done to a signed message on its way.
static const struct {
    const char *tags, *from, *to; // the first `from` becomes `to`
    enum dkim_verdict want;
} changes[] = {
    {BASE "h=from:to", "One", "Two", DKIM_FAIL},
    {BASE "h=from:to", "alice@", "aline@", DKIM_FAIL},
    {BASE "h=from:to", "Subject", "Subjekt", DKIM_PASS},
    {BASE "h=from:to", "Received: by here\r\n", "", DKIM_PASS},
    {BASE "h=from:to", "From:Alice", "FROM: Alice", DKIM_FAIL},
    {BASE "c=relaxed; h=from:to", "From:Alice", "FROM: Alice", DKIM_PASS},
    {BASE "c=relaxed; h=from:to", "From:Alice", "From:\r\n  Alice", DKIM_PASS},
    {BASE "c=relaxed; h=from:to", "From:Alice", "From:A lice", DKIM_FAIL},
    {BASE "c=relaxed; h=from:to", "One  line", "One line", DKIM_FAIL},
    {BASE "c=simple/relaxed; h=from:to", "One  line", "One \t line", DKIM_PASS},
    {BASE "c=simple/relaxed; h=from:to", "One  line", "Oneline", DKIM_FAIL},
    {BASE "c=simple/relaxed; h=from:to", ".dot\r\n \r\n\r\n", ".dot\r\n", DKIM_PASS},
    {BASE "h=from:to", ".dot\r\n \r\n\r\n", ".dot\r\n \r\n\r\n\r\n", DKIM_PASS},
    {BASE "h=from:to", ".dot\r\n \r\n\r\n", ".dot\r\n \r\n", DKIM_PASS},
    {BASE "h=from:to", ".dot\r\n \r\n\r\n", ".dot\r\n", DKIM_FAIL},
    // Oversigned names cannot be added, others can.
    {BASE "h=from:to:cc", "Received", "Cc: x@y\r\nReceived", DKIM_FAIL},
    {BASE "h=from:to", "Received", "Cc: x@y\r\nReceived", DKIM_PASS},
    {BASE "h=from:to:x-twice", "upper", "UPPER", DKIM_PASS},
    {BASE "h=from:to:x-twice", "lower", "LOWER", DKIM_FAIL},
    {BASE "h=from:to:x-twice:x-twice", "upper", "UPPER", DKIM_FAIL},
    // A second From, above or below.
    {BASE "h=from:to", "Received", "From: mallory@a.example\r\nReceived", DKIM_FAIL},
    {BASE "h=from:to", "\r\n\r\nOne", "\r\nFrom: mallory@a.example\r\n\r\nOne", DKIM_FAIL},
    {BASE "h=from:from:to", "Received", "From: mallory@a.example\r\nReceived", DKIM_FAIL},
    // The signature's own field is signed, too.
    {BASE "h=from:to; l=10", "l=10", "l=9", DKIM_FAIL},
    {BASE "h=from:to; x=1700000000", "x=1700000000", "x=1800000000", DKIM_FAIL},
    {BASE "h=from:to", "s=s;", "s=s; s=s;", DKIM_FAIL},
    {BASE "h=from:to", "d=a.example;", "d=a.example; d=a.example;", DKIM_FAIL},
    {BASE "h=from:to", "\tb=", "\t b=", DKIM_FAIL},
    {BASE "c=relaxed; h=from:to", "\tb=", "\t b=", DKIM_PASS},
    {BASE "h=from:to", "\tb=", "\tb=\r\n  ", DKIM_PASS},
    {BASE "c=relaxed; h=from:to", "\tb=", "\tB=", DKIM_FAIL},
    // What is appended when l= does not reach.
    {BASE "h=from:to; l=10", "\r\n\r\n\xc3\xa9", "\r\nbought\r\n\r\n\xc3\xa9", DKIM_PASS},
    {BASE "h=from:to; l=10", "One", "Two", DKIM_FAIL},
};

static void replace(struct buf *message, const char *from, const char *to) {
    struct buf out = {.max = 1 << 20};
    struct slice m = buf_slice(message);
    size_t at = slice_find_slice(m, slice_from_cstr(from));
    assert_true(at < m.len);
    assert_true(buf_append_slice(&out, slice_sub(m, 0, at)) && buf_append_cstr(&out, to) &&
                buf_append_slice(&out, slice_sub(m, at + strlen(from), m.len)));
    buf_done(message);
    *message = out;
}

static void test_changes(void **state) {
    struct buf message = {.max = 1 << 20};
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        sign(TEST_RSA1024_PEM, changes[i].tags, slice_from_cstr(sample), &message);
        replace(&message, changes[i].from, changes[i].to);
        struct dkim_verifier *v = feed("a.example", NOW, NULL, buf_slice(&message));
        test_answer(v, "s._domainkey.a.example", RSA1024_RECORD);
        if (dkim_verifier_verdict(v) != changes[i].want)
            fail_msg("%s, %s -> %s: got %s (%s), want %s", changes[i].tags, changes[i].from, changes[i].to,
                     verdict_names[dkim_verifier_verdict(v)], dkim_verifier_reason(v), verdict_names[changes[i].want]);
        dkim_verifier_free(v);
    }
    buf_done(&message);
}

static void test_partial(void **state) {
    static const struct {
        const char *tags;
        bool want;
    } table[] = {
        {BASE "h=from", false},
        {BASE "h=from; l=0", true},
        {BASE "h=from; l=34", true},
        {BASE "h=from; l=35", false}, // all of the canonical body
    };
    struct buf message = {.max = 1 << 20};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        sign(TEST_RSA1024_PEM, table[i].tags, slice_from_cstr(sample), &message);
        struct dkim_verifier *v = feed("a.example", NOW, NULL, buf_slice(&message));
        test_answer(v, "s._domainkey.a.example", RSA1024_RECORD);
        check_verdict(v, DKIM_PASS);
        if (dkim_verifier_is_partial(v) != table[i].want)
            fail_msg("%s: partial %d", table[i].tags, !table[i].want);
        dkim_verifier_free(v);
    }
    buf_done(&message);
}

// A signature that leaves octets out does not stand in the way of one for all of them, in either order.
static void test_partial_and_complete(void **state) {
    static const struct {
        const char *first, *second; // selectors: "p" signs a part, "w" the whole
        const char *lost;           // whose key cannot be fetched
        enum dkim_verdict want;
        bool is_partial;
    } table[] = {
        {"p", "w", "", DKIM_PASS, false},       {"w", "p", "", DKIM_PASS, false},
        {"p", "p", "", DKIM_PASS, true},        {"p", "w", "w", DKIM_TEMPERROR, false},
        {"w", "p", "w", DKIM_TEMPERROR, false}, {"p", "w", "p", DKIM_PASS, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        for (int cached = 0; cached < 2; cached++) {
            struct buf one = {.max = 1 << 20}, two = {.max = 1 << 20};
            struct dkim_key_cache *cache = cached ? dkim_key_cache_new(10) : NULL;
            const char *const order[] = {table[i].second, table[i].first}; // the last is put in front
            struct slice text = slice_from_cstr(sample);
            for (size_t k = 0; k < 2; k++) {
                char tags[200];
                bool part = order[k][0] == 'p';
                snprintf(tags, sizeof(tags), "v=1; a=rsa-sha256; d=a.example; s=%s; h=from%s", order[k],
                         part ? "; l=3" : "");
                struct buf *out = k == 0 ? &one : &two;
                sign(TEST_RSA1024_PEM, tags, text, out);
                text = buf_slice(out);
            }
            for (int round = 0; round <= cached; round++) {
                struct dkim_verifier *v = feed("a.example", NOW, cache, text);
                const char *names[DKIM_ATTEMPTS_MAX];
                while (dkim_verifier_questions(v, names) > 0) {
                    bool lost = names[0][0] == table[i].lost[0];
                    struct slice record = slice_from_cstr(RSA1024_RECORD);
                    struct dkim_answer a = {lost ? DKIM_ANSWER_TEMPERROR : DKIM_ANSWER_RECORDS, &record, 1, 3600};
                    dkim_verifier_answer(v, names[0], &a);
                }
                if (dkim_verifier_verdict(v) != table[i].want)
                    fail_msg("%s, %s without %s: got %s, want %s", table[i].first, table[i].second, table[i].lost,
                             verdict_names[dkim_verifier_verdict(v)], verdict_names[table[i].want]);
                if (table[i].want == DKIM_PASS && dkim_verifier_is_partial(v) != table[i].is_partial)
                    fail_msg("%s, %s: partial %d", table[i].first, table[i].second, !table[i].is_partial);
                dkim_verifier_free(v);
            }
            dkim_key_cache_free(cache);
            buf_done(&one);
            buf_done(&two);
        }
    }
}

// ---- many signatures ----

static void test_no_signature(void **state) {
    static const struct {
        const char *message;
        enum dkim_verdict want;
    } table[] = {
        {"From: a@a.example\r\n\r\nx", DKIM_NONE},
        {"", DKIM_NONE},
        {"\r\n", DKIM_NONE},
        {"no field\r\n\r\nx", DKIM_NONE},
        {"From: a@a.example\r\nX: DKIM-Signature: v=1\r\n\r\nDKIM-Signature: v=1\r\n", DKIM_NONE},
        {"DKIM-Signature:\r\nFrom: a@a.example\r\n\r\nx", DKIM_FAIL},
        {"dkim-signature : nonsense\r\nFrom: a@a.example\r\n\r\nx", DKIM_FAIL},
        {"DKIM-Signature: v=1; a=rsa-sha256", DKIM_FAIL},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct dkim_verifier *v = feed("a.example", NOW, NULL, slice_from_cstr(table[i].message));
        check_verdict(v, table[i].want);
        dkim_verifier_free(v);
    }
}

// Signatures of others in front of ours, n of them; ours is by selector "s".
static void sign_with_others(const char *others_tags, size_t n, struct buf *message) {
    struct buf ours = {.max = 1 << 20};
    sign(TEST_RSA1024_PEM, BASE "h=from", slice_from_cstr(sample), &ours);
    struct dkim_private_key *key = key_of(TEST_RSA1024_PEM);
    buf_truncate(message, 0);
    for (size_t i = 0; i < n; i++)
        test_sign(key, slice_from_cstr(others_tags), slice_from_cstr(sample), message);
    assert_true(buf_append_slice(message, buf_slice(&ours)));
    buf_done(&ours);
    dkim_private_key_unref(key);
}

static void test_many(void **state) {
    static const struct {
        const char *others;
        size_t n;
        enum dkim_verdict want;
    } table[] = {
        {"v=1; a=rsa-sha256; d=b.example; s=o; h=from", DKIM_SIGNATURES_MAX - 1, DKIM_PASS},
        {"v=1; a=rsa-sha256; d=b.example; s=o; h=from", DKIM_SIGNATURES_MAX, DKIM_FAIL},
        {"v=1; a=rsa-sha256; d=a.example; s=o; h=from", DKIM_ATTEMPTS_MAX - 1, DKIM_PASS},
        {"v=1; a=rsa-sha256; d=a.example; s=o; h=from", DKIM_ATTEMPTS_MAX, DKIM_FAIL},
        // What cannot be tried does not count.
        {"v=1; a=rsa-sha256; d=a.example; s=o; h=from; x=1", 10, DKIM_PASS},
        {"v=1; a=rsa-sha1; d=a.example; s=o; h=from", 10, DKIM_PASS},
    };
    struct buf message = {.max = 1 << 20};
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        sign_with_others(table[i].others, table[i].n, &message);
        struct dkim_verifier *v = feed("a.example", NOW, NULL, buf_slice(&message));
        const char *names[DKIM_ATTEMPTS_MAX];
        size_t n = dkim_verifier_questions(v, names);
        assert_in_range(n, 0, 2);
        test_answer(v, "o._domainkey.a.example", NULL);
        test_answer(v, "s._domainkey.a.example", RSA1024_RECORD);
        if (dkim_verifier_verdict(v) != table[i].want)
            fail_msg("%zu of %s: got %s, want %s", table[i].n, table[i].others, verdict_names[dkim_verifier_verdict(v)],
                     verdict_names[table[i].want]);
        dkim_verifier_free(v);
    }
    buf_done(&message);
}

static void test_header_bounds(void **state) {
    static const struct {
        const char *line;
        size_t n;
        enum dkim_verdict want;
    } table[] = {
        {"X: 1\r\n", DKIM_FIELDS_MAX - 8, DKIM_PASS},
        {"X: 1\r\n", DKIM_FIELDS_MAX, DKIM_FAIL},
        {"X: 16 octets...\r\n", DKIM_HEADER_LEN_MAX / 16, DKIM_FAIL},
        {"no field\r\n", DKIM_FIELDS_MAX, DKIM_PASS},
    };
    struct buf message = {.max = 1 << 20}, large = {.max = 1 << 20};
    sign(TEST_RSA1024_PEM, BASE "h=from", slice_from_cstr(sample), &message);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        buf_truncate(&large, 0);
        for (size_t k = 0; k < table[i].n; k++)
            assert_true(buf_append_cstr(&large, table[i].line));
        assert_true(buf_append_slice(&large, buf_slice(&message)));
        struct dkim_verifier *v = feed("a.example", NOW, NULL, buf_slice(&large));
        test_answer(v, "s._domainkey.a.example", RSA1024_RECORD);
        check_verdict(v, table[i].want);
        dkim_verifier_free(v);
    }
    buf_done(&message);
    buf_done(&large);
}

// ---- answers ----

static void test_answers(void **state) {
    const struct slice good = SLICE(RSA1024_RECORD), other = SLICE(RSA2048_RECORD), junk = SLICE("v=spf1 -all");
    const struct {
        enum dkim_answer_status status;
        struct slice texts[4];
        size_t n;
        enum dkim_verdict want;
    } table[] = {
        {DKIM_ANSWER_RECORDS, {good}, 1, DKIM_PASS},
        {DKIM_ANSWER_RECORDS, {junk, other, good}, 3, DKIM_PASS},
        {DKIM_ANSWER_RECORDS, {good, junk}, 2, DKIM_PASS},
        {DKIM_ANSWER_RECORDS, {junk, junk, junk, good}, 4, DKIM_FAIL},
        {DKIM_ANSWER_RECORDS, {other}, 1, DKIM_FAIL},
        {DKIM_ANSWER_RECORDS, {SLICE_EMPTY}, 1, DKIM_FAIL},
        {DKIM_ANSWER_RECORDS, {SLICE_EMPTY}, 0, DKIM_FAIL},
        {DKIM_ANSWER_NONE, {good}, 1, DKIM_FAIL},
        {DKIM_ANSWER_TEMPERROR, {good}, 1, DKIM_TEMPERROR},
    };
    struct buf message = {.max = 1 << 20};
    sign(TEST_RSA1024_PEM, BASE "h=from", slice_from_cstr(sample), &message);
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct dkim_verifier *v = feed("a.example", NOW, NULL, buf_slice(&message));
        struct dkim_answer a = {table[i].status, table[i].texts, table[i].n, 60};
        dkim_verifier_answer(v, "else._domainkey.a.example", &a);
        check_verdict(v, DKIM_OPEN);
        dkim_verifier_answer(v, "s._domainkey.a.example", &a);
        check_verdict(v, table[i].want);
        dkim_verifier_answer(v, "s._domainkey.a.example", &a); // too late
        check_verdict(v, table[i].want);
        dkim_verifier_free(v);
    }
    buf_done(&message);
}

// One unknown among those that failed asks for another try; one that passes is enough.
static void test_unknown_and_known(void **state) {
    struct buf message = {.max = 1 << 20};
    const struct dkim_answer unknown = {.status = DKIM_ANSWER_TEMPERROR};
    for (int pass = 0; pass < 2; pass++) {
        sign_with_others("v=1; a=rsa-sha256; d=a.example; s=o; h=from", 1, &message);
        struct dkim_verifier *v = feed("a.example", NOW, NULL, buf_slice(&message));
        dkim_verifier_answer(v, "o._domainkey.a.example", &unknown);
        check_verdict(v, DKIM_OPEN);
        test_answer(v, "s._domainkey.a.example", pass ? RSA1024_RECORD : RSA2048_RECORD);
        check_verdict(v, pass ? DKIM_PASS : DKIM_TEMPERROR);
        dkim_verifier_free(v);
    }
    buf_done(&message);
}

static void test_cache(void **state) {
    struct dkim_key_cache *cache = dkim_key_cache_new(1000);
    struct buf message = {.max = 1 << 20};
    const char *names[DKIM_ATTEMPTS_MAX];
    sign(TEST_RSA1024_PEM, BASE "h=from", slice_from_cstr(sample), &message);
    // No key that did not verify gets in.
    struct dkim_verifier *v = feed("a.example", NOW, cache, buf_slice(&message));
    test_answer(v, "s._domainkey.a.example", RSA2048_RECORD);
    check_verdict(v, DKIM_FAIL);
    assert_int_equal(dkim_key_cache_count(cache), 0);
    dkim_verifier_free(v);
    v = feed("a.example", NOW, cache, buf_slice(&message));
    test_answer(v, "s._domainkey.a.example", RSA1024_RECORD);
    check_verdict(v, DKIM_PASS);
    assert_int_equal(dkim_key_cache_count(cache), 1);
    dkim_verifier_free(v);
    // Known: no question.
    v = feed("A.example", NOW + 3599, cache, buf_slice(&message));
    check_verdict(v, DKIM_PASS);
    assert_int_equal(dkim_verifier_questions(v, names), 0);
    dkim_verifier_free(v);
    // Its time is over.
    v = feed("a.example", NOW + 3600, cache, buf_slice(&message));
    check_verdict(v, DKIM_OPEN);
    test_answer(v, "s._domainkey.a.example", RSA1024_RECORD);
    dkim_verifier_free(v);
    // The domain changed its key: the old one is dropped and the record asked for.
    sign(TEST_RSA2048_PEM, BASE "h=from", slice_from_cstr(sample), &message);
    v = feed("a.example", NOW + 3600, cache, buf_slice(&message));
    check_verdict(v, DKIM_OPEN);
    assert_int_equal(dkim_key_cache_count(cache), 0);
    test_answer(v, "s._domainkey.a.example", RSA2048_RECORD);
    check_verdict(v, DKIM_PASS);
    dkim_verifier_free(v);
    buf_done(&message);
    dkim_key_cache_free(cache);
}

// ---- two bodies ----

static void test_variants(void **state) {
    static const struct {
        const char *main, *other; // what follows the common beginning
        enum dkim_verdict want;
        enum dkim_variant variant;
    } table[] = {
        {".dot\r\n \r\n\r\n", "..dot\r\n \r\n\r\n", DKIM_PASS, DKIM_BODY_MAIN},
        {"dot\r\n \r\n\r\n", ".dot\r\n \r\n\r\n", DKIM_PASS, DKIM_BODY_OTHER},
        {"dot\r\n \r\n\r\n", "..dot\r\n \r\n\r\n", DKIM_FAIL, 0},
    };
    struct buf message = {.max = 1 << 20};
    sign(TEST_RSA1024_PEM, BASE "c=relaxed/relaxed; h=from:to", slice_from_cstr(sample), &message);
    struct slice m = buf_slice(&message);
    size_t header = test_header_len(m), dot = slice_find_slice(m, SLICE(".dot"));
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct dkim_verifier *v = dkim_verifier_new(SLICE("a.example"), NOW, NULL);
        dkim_verifier_header(v, slice_sub(m, 0, header));
        dkim_verifier_body(v, slice_sub(m, header, dot));
        dkim_verifier_body_of(v, DKIM_BODY_OTHER, slice_from_cstr(table[i].other));
        dkim_verifier_body_of(v, DKIM_BODY_MAIN, slice_from_cstr(table[i].main));
        dkim_verifier_body(v, SLICE("\r\n"));
        dkim_verifier_end(v);
        const char *names[DKIM_ATTEMPTS_MAX];
        assert_int_equal(dkim_verifier_questions(v, names), table[i].want == DKIM_PASS ? 1 : 0);
        test_answer(v, "s._domainkey.a.example", RSA1024_RECORD);
        check_verdict(v, table[i].want);
        if (table[i].want == DKIM_PASS)
            assert_int_equal(dkim_verifier_variant(v), table[i].variant);
        dkim_verifier_free(v);
    }
    buf_done(&message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_changes),
        cmocka_unit_test(test_partial),
        cmocka_unit_test(test_partial_and_complete),
        cmocka_unit_test(test_no_signature),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_header_bounds),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_unknown_and_known),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_variants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
