// SPDX-License-Identifier: MIT
// The relay's signer: what is in the field, its folding, what it protects; signatures on many threads.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dkim/sign.h"
#include "dkim/test_keys.h"
#include "dkim/test_signer.h"
#include "dkim/verify.h"
#include "mail/header.h"

enum { NOW = 1700000000 };

static const char message[] = "From: a@a.example\r\n"
                              "To: b@b.example\r\n"
                              "To: c@b.example\r\n"
                              "Subject: [...]\r\n"
                              "Content-Type: text/plain\r\n"
                              "X-Other: 1\r\n"
                              "\r\n"
                              "Hello\r\n";

struct world {
    struct dkim_private_key *rsa, *ed25519;
};

static int setup(void **state) {
    struct world *w = MEM_NEW(struct world);
    const char *reason;
    w->rsa = dkim_private_key_from_pem(SLICE(TEST_RSA2048_PEM), &reason);
    w->ed25519 = dkim_private_key_from_pem(slice_from_cstr(test_rfc8463_ed25519_pem), &reason);
    *state = w;
    return 0;
}

static int teardown(void **state) {
    struct world *w = *state;
    dkim_private_key_unref(w->rsa);
    dkim_private_key_unref(w->ed25519);
    free(w);
    return 0;
}

static struct dkim_signing *prepare(const struct world *w, size_t n, const char *domain, struct slice m) {
    const struct dkim_signer signers[] = {{w->rsa, SLICE("opendkim")}, {w->ed25519, SLICE("ed")}};
    size_t header_len = test_header_len(m);
    uint8_t hash[DKIM_HASH_LEN];
    struct dkim_body_hash *body = dkim_signing_body_hash();
    dkim_body_hash_update(body, slice_sub(m, header_len, m.len));
    dkim_body_hash_finish(body, hash, NULL, NULL);
    dkim_body_hash_free(body);
    return dkim_signing_new(signers, n, slice_from_cstr(domain), NOW, slice_sub(m, 0, header_len), hash);
}

// The prefix, then the message.
static void sign(const struct world *w, size_t n, const char *domain, struct slice m, struct buf *out) {
    struct dkim_signing *s = prepare(w, n, domain, m);
    dkim_signing_run(s);
    assert_true(dkim_signing_write(s, out));
    dkim_signing_free(s);
    assert_true(buf_append_slice(out, m));
}

static enum dkim_verdict verify(struct slice m, const char *domain) {
    struct dkim_verifier *v = dkim_verifier_new(slice_from_cstr(domain), NOW, NULL);
    size_t len = test_header_len(m);
    dkim_verifier_header(v, slice_sub(m, 0, len));
    dkim_verifier_body(v, slice_sub(m, len, m.len));
    dkim_verifier_end(v);
    const char *names[DKIM_ATTEMPTS_MAX];
    size_t n = dkim_verifier_questions(v, names);
    for (size_t i = 0; i < n; i++) {
        struct slice rsa = SLICE("p=" TEST_RSA2048_P);
        struct slice ed = SLICE("k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
        struct slice *text = strncmp(names[i], "ed.", 3) == 0 ? &ed : &rsa;
        struct dkim_answer a = {DKIM_ANSWER_RECORDS, text, 1, 60};
        dkim_verifier_answer(v, names[i], &a);
    }
    enum dkim_verdict verdict = dkim_verifier_verdict(v);
    dkim_verifier_free(v);
    return verdict;
}

static void test_field(void **state) {
    struct buf out = {.max = 1 << 20};
    sign(*state, 1, "a.example", slice_from_cstr(message), &out);
    static const char want[] = "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=a.example; s=opendkim;\r\n"
                               " t=1700000000;\r\n"
                               " h=from:from:reply-to:subject:subject:date:to:to:to:cc:resent-date:\r\n"
                               " resent-from:resent-to:resent-sender:resent-cc:in-reply-to:references:list-id:\r\n"
                               " list-help:list-unsubscribe:list-subscribe:list-post:list-owner:list-archive:\r\n"
                               " autocrypt:content-type; bh=Ba3gj8+xBPQLJTahTfzW6RbWQ/XPgESxkCi2B66PSQg=; b=";
    struct slice got = buf_slice(&out);
    if (!slice_starts_with(got, slice_from_cstr(want)))
        fail_msg("got %.*s", SLICE_FMT(got));
    assert_int_equal(verify(got, "a.example"), DKIM_PASS);
    buf_done(&out);
}

// Every line within 78 columns, the field one field, whatever the lengths of the names in it.
static void test_folding(void **state) {
    char domain[254];
    struct buf out = {.max = 1 << 20};
    for (size_t len = 1; len < sizeof(domain); len++) {
        for (size_t i = 0; i < len; i++)
            domain[i] = i % 50 == 49 && i + 1 < len ? '.' : 'a';
        domain[len] = '\0';
        if (len + sizeof("opendkim._domainkey.") > sizeof(domain))
            break;
        buf_truncate(&out, 0);
        sign(*state, 2, domain, slice_from_cstr(message), &out);
        assert_int_equal(verify(buf_slice(&out), domain), DKIM_PASS);
        struct slice prefix = slice_sub(buf_slice(&out), 0, buf_slice(&out).len - strlen(message)), rest = prefix;
        assert_true(prefix.len <= DKIM_SIGNED_PREFIX_MAX);
        while (rest.len > 0) {
            size_t end = slice_find_slice(rest, SLICE("\r\n"));
            if (end > 78 && end > len + 4)
                fail_msg("domain of %zu: a line of %zu columns", len, end);
            rest = slice_sub(rest, end + 2, rest.len);
        }
        struct header_field field;
        for (size_t i = 0; i < 2; i++)
            assert_int_equal(header_next(&prefix, &field), HEADER_FIELD);
        assert_int_equal(prefix.len, 0);
    }
    buf_done(&out);
}

// What may be done to a signed message, and what not.
static void test_protection(void **state) {
    static const struct {
        const char *from, *to;
        enum dkim_verdict want;
    } table[] = {
        {"From: a@", "From:   A@", DKIM_FAIL},
        {"From: a@", "FROM:\r\n  a@", DKIM_PASS},
        {"X-Other: 1\r\n", "", DKIM_PASS},
        {"X-Other", "Received: x\r\nX-Other", DKIM_PASS},
        {"X-Other", "From: x@a.example\r\nX-Other", DKIM_FAIL},
        {"X-Other", "Subject: x\r\nX-Other", DKIM_FAIL},
        {"X-Other", "Cc: x\r\nX-Other", DKIM_FAIL},
        {"X-Other", "Autocrypt: addr=x\r\nX-Other", DKIM_FAIL},
        {"X-Other", "List-Id: x\r\nX-Other", DKIM_FAIL},
        {"X-Other", "Content-Type: text/html\r\nX-Other", DKIM_FAIL}, // lower than ours
        {"To: b@b.example\r\n", "", DKIM_FAIL},
        {"text/plain", "text/html", DKIM_FAIL},
        {"Hello", "Hello ", DKIM_FAIL},
        {"Hello\r\n", "Hello\r\n\r\n", DKIM_PASS},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        for (size_t n = 1; n <= 2; n++) {
            struct buf out = {.max = 1 << 20}, changed = {.max = 1 << 20};
            sign(*state, n, "a.example", slice_from_cstr(message), &out);
            struct slice m = buf_slice(&out), from = slice_from_cstr(table[i].from);
            size_t at = slice_find_slice(m, from);
            assert_true(at < m.len);
            assert_true(buf_append_slice(&changed, slice_sub(m, 0, at)) && buf_append_cstr(&changed, table[i].to) &&
                        buf_append_slice(&changed, slice_sub(m, at + from.len, m.len)));
            if (verify(buf_slice(&changed), "a.example") != table[i].want)
                fail_msg("%s -> %s: want %d", table[i].from, table[i].to, table[i].want);
            buf_done(&out);
            buf_done(&changed);
        }
    }
}

// A header full of one name does not make h= longer than a verifier looks at.
static void test_many_fields(void **state) {
    struct buf large = {.max = 1 << 20}, out = {.max = 1 << 20};
    for (size_t i = 0; i < 2000; i++)
        assert_true(buf_append_cstr(&large, i % 2 == 0 ? "References: <1@a>\r\n" : "List-Unsubscribe: x\r\n"));
    assert_true(buf_append_cstr(&large, message));
    sign(*state, 2, "a.example", buf_slice(&large), &out);
    assert_int_equal(verify(buf_slice(&out), "a.example"), DKIM_PASS);
    assert_true(buf_slice(&out).len - buf_slice(&large).len < 4096);
    buf_done(&large);
    buf_done(&out);
}

static void test_odd_messages(void **state) {
    static const char *const messages[] = {
        "From: a@a.example\r\n\r\n",
        "From: a@a.example\r\n",
        "From:a@a.example\r\nno field\r\n\r\nx",
        "From: caf\xc3\xa9 <a@a.example>\r\nSubject:\r\n \r\n\tx\r\n\r\n\xff\r\n\r\n\r\n",
        "\r\nbody alone",
    };
    for (size_t i = 0; i < ARRAY_LEN(messages); i++) {
        struct buf out = {.max = 1 << 20};
        sign(*state, 2, "_a.example", slice_from_cstr(messages[i]), &out);
        if (verify(buf_slice(&out), "_A.example") != DKIM_PASS)
            fail_msg("%s", messages[i]);
        buf_done(&out);
    }
}

static void test_full(void **state) {
    struct dkim_signing *s = prepare(*state, 2, "a.example", slice_from_cstr(message));
    dkim_signing_run(s);
    struct buf out = {.max = 1000};
    assert_true(buf_append_cstr(&out, "before"));
    assert_false(dkim_signing_write(s, &out));
    assert_true(slice_eq(buf_slice(&out), SLICE("before")));
    buf_done(&out);
    dkim_signing_free(s);
    dkim_signing_free(NULL);
}

// The owner lets go of the key while signatures are under way.
enum { JOBS = 8 };

static void *run(void *arg) {
    dkim_signing_run(arg);
    return NULL;
}

static void test_threads(void **state) {
    const struct world *w = *state;
    const char *reason;
    struct world own = {dkim_private_key_from_pem(SLICE(TEST_RSA2048_PEM), &reason), dkim_private_key_ref(w->ed25519)};
    struct dkim_signing *jobs[JOBS];
    pthread_t threads[JOBS];
    for (size_t i = 0; i < JOBS; i++)
        jobs[i] = prepare(&own, 2, "a.example", slice_from_cstr(message));
    dkim_private_key_unref(own.rsa);
    dkim_private_key_unref(own.ed25519);
    for (size_t i = 0; i < JOBS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run, jobs[i]), 0);
    struct buf first = {.max = 1 << 20}, out = {.max = 1 << 20};
    for (size_t i = 0; i < JOBS; i++) {
        pthread_join(threads[i], NULL);
        buf_truncate(&out, 0);
        assert_true(dkim_signing_write(jobs[i], i == 0 ? &first : &out));
        assert_true(i == 0 || slice_eq(buf_slice(&first), buf_slice(&out)));
        dkim_signing_free(jobs[i]);
    }
    buf_done(&first);
    buf_done(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_field),       cmocka_unit_test(test_folding),      cmocka_unit_test(test_protection),
        cmocka_unit_test(test_many_fields), cmocka_unit_test(test_odd_messages), cmocka_unit_test(test_full),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
