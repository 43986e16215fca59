// SPDX-License-Identifier: MIT
// The DKIM-Signature field: one good one, and what each tag may and may not be.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "dkim/signature.h"
#include "dkim/tags.h"

#define BH "bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;"
#define GOOD " v=1; a=rsa-sha256; d=a.example; s=sel; h=from; " BH " b=YWJj"

static void test_good(void **state) {
    struct dkim_signature s;
    const char *reason = NULL;
    struct slice value =
        SLICE(" v=1; a=ed25519-SHA256; c=relaxed/simple; d=A.example;\r\n\ti=joe@x.a.example; s=k.1;"
              " h=To : From\r\n :Subject; l=123; t=10; x=20; q=dns/txt; " BH " b= YWJj\r\n ZGVm ; z=x");
    if (!dkim_signature_parse(value, &s, &reason))
        fail_msg("%s", reason);
    assert_int_equal(s.algorithm, DKIM_ED25519_SHA256);
    assert_int_equal(s.header_canon, DKIM_RELAXED);
    assert_int_equal(s.body_canon, DKIM_SIMPLE);
    assert_true(slice_eq(s.domain, SLICE("A.example")) && slice_eq(s.selector, SLICE("k.1")));
    assert_true(s.has_identity && slice_eq(s.identity, SLICE("x.a.example")));
    assert_true(dkim_list_has(s.header_names, SLICE("subject")));
    assert_true(s.has_length && s.length == 123);
    assert_true(s.has_time && s.time == 10 && s.has_expiry && s.expiry == 20);
    assert_true(s.signature_len == 6 && memcmp(s.signature, "abcdef", 6) == 0);
    assert_true(slice_eq(s.signature_raw, SLICE(" YWJj\r\n ZGVm ")));
    assert_int_equal(s.body_hash[0], 0xda);
    assert_int_equal(s.body_hash[31], 0xff);
}

static void test_defaults(void **state) {
    struct dkim_signature s;
    const char *reason;
    assert_true(dkim_signature_parse(SLICE(GOOD), &s, &reason));
    assert_true(s.header_canon == DKIM_SIMPLE && s.body_canon == DKIM_SIMPLE);
    assert_false(s.has_identity || s.has_length || s.has_time || s.has_expiry);
}

// `from` in GOOD becomes `to`.
static const struct {
    const char *from, *to;
    const char *want; // the reason, or NULL when it is still good
} table[] = {
    {"v=1", "v=2", "not version 1"},
    {"v=1", "v=1.0", "not version 1"},
    {"v=1;", "", "a required tag is missing"},
    {"a=rsa-sha256;", "", "a required tag is missing"},
    {"d=a.example;", "", "a required tag is missing"},
    {"s=sel;", "", "a required tag is missing"},
    {"h=from;", "", "a required tag is missing"},
    {BH, "", "a required tag is missing"},
    {"b=YWJj", "", "a required tag is missing"},
    {"b=YWJj", "B=YWJj", "a required tag is missing"},
    {"b=YWJj", "b=", "bad b="},
    {"b=YWJj", "b=YWJ", "bad b="},
    {"b=YWJj", "b=YW;b=Jj", "bad tag list"},
    {"rsa-sha256", "rsa-sha1", "algorithm not supported"},
    {"rsa-sha256", "rsa", "algorithm not supported"},
    {"rsa-sha256", "RSA-SHA256", NULL},
    {"bh=2jUS", "bh=", "bad bh="},
    {"bh=2jUS", "bh=2j US", NULL},
    {"bh=2jUS", "bh=2jUS2jUS", "bad bh="},
    {"d=a.example", "d=", "bad d="},
    {"d=a.example", "d=a..example", "bad d="},
    {"d=a.example", "d=.example", "bad d="},
    {"d=a.example", "d=a.example.", "bad d="},
    {"d=a.example", "d=a b.example", "bad d="},
    {"d=a.example", "d=[10.0.0.1]", "bad d="},
    {"d=a.example", "d=_a.ex-1", NULL},
    {"s=sel", "s=a.b_c-1", NULL},
    {"s=sel", "s=a*b", "bad s="},
    {"s=sel", "s=", "bad s="},
    {"h=from", "h=to", "From is not signed"},
    {"h=from", "h=", "bad h="},
    {"h=from", "h=from:", "bad h="},
    {"h=from", "h=from::to", "bad h="},
    {"h=from", "h=fr om", "bad h="},
    {"h=from", "h=x: FROM :to", NULL},
    {"h=from", "h=from; c=", "bad c="},
    {"h=from", "h=from; c=simple/", "bad c="},
    {"h=from", "h=from; c=/simple", "bad c="},
    {"h=from", "h=from; c=simple/simple/simple", "bad c="},
    {"h=from", "h=from; c=Relaxed/SIMPLE", NULL},
    {"h=from", "h=from; i=", "bad i="},
    {"h=from", "h=from; i=@", "i= is not within d="},
    {"h=from", "h=from; i=a.example", "bad i="},
    {"h=from", "h=from; i=@b.example", "i= is not within d="},
    {"h=from", "h=from; i=@xa.example", "i= is not within d="},
    {"h=from", "h=from; i=@example", "i= is not within d="},
    {"h=from", "h=from; i=@x.A.EXAMPLE", NULL},
    {"h=from", "h=from; i=\"b@b.example\"@a.example", NULL},
    {"h=from", "h=from; l=", "bad l="},
    {"h=from", "h=from; l=1 0", "bad l="},
    {"h=from", "h=from; l=0x10", "bad l="},
    {"h=from", "h=from; l=18446744073709551615", NULL},
    {"h=from", "h=from; l=18446744073709551616", "bad l="},
    {"h=from", "h=from; t=-1", "bad t="},
    {"h=from", "h=from; t=1.5", "bad t="},
    {"h=from", "h=from; t=999999999999", NULL},
    {"h=from", "h=from; t=1000000000000", "bad t="},
    {"h=from", "h=from; x=", "bad x="},
    {"h=from", "h=from; x=1; t=1", "x= is not after t="},
    {"h=from", "h=from; x=2; t=1", NULL},
    {"h=from", "h=from; q=dns", NULL},
    {"h=from", "h=from; q=http", "query method not supported"},
    {"h=from", "h=from; q=http:DNS/TXT", NULL},
    {"h=from", "h=from; what_1=ever", NULL},
};

static void test_tags(void **state) {
    static const char good[] = GOOD;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char text[512];
        const char *at = strstr(good, table[i].from);
        assert_non_null(at);
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, table[i].to, at + strlen(table[i].from));
        struct dkim_signature s;
        const char *reason = NULL;
        bool ok = dkim_signature_parse(slice_from_cstr(text), &s, &reason);
        if (ok != (table[i].want == NULL) || (!ok && strcmp(reason, table[i].want) != 0))
            fail_msg("%s: got %s, want %s", table[i].to, reason, table[i].want);
    }
}

static void test_bounds(void **state) {
    struct dkim_signature s;
    const char *reason;
    struct buf text = {.max = 64 * 1024};
    for (size_t n = DKIM_HEADER_NAMES_MAX; n <= DKIM_HEADER_NAMES_MAX + 1; n++) {
        buf_truncate(&text, 0);
        assert_true(buf_printf(&text, "v=1; a=rsa-sha256; d=a.example; s=sel; " BH " b=YWJj; h=from"));
        for (size_t i = 1; i < n; i++)
            assert_true(buf_printf(&text, ":x"));
        assert_int_equal(dkim_signature_parse(buf_slice(&text), &s, &reason), n == DKIM_HEADER_NAMES_MAX);
    }
    for (size_t extra = 0; extra < 2; extra++) {
        buf_truncate(&text, 0);
        assert_true(buf_printf(&text, GOOD "; n="));
        while (buf_slice(&text).len < DKIM_FIELD_LEN_MAX + extra)
            assert_true(buf_printf(&text, "x"));
        assert_int_equal(dkim_signature_parse(buf_slice(&text), &s, &reason), extra == 0);
    }
    buf_done(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
