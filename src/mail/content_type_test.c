// SPDX-License-Identifier: MIT
// Content-Type, its boundary, and Content-Transfer-Encoding.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/content_type.h"

static void test_type(void **state) {
    (void)state;
    static const struct {
        const char *value, *type, *subtype;
    } table[] = {
        {" text/plain", "text", "plain"},
        {" Text/PLAIN; charset=utf-8", "Text", "PLAIN"},
        {" application/pgp-encrypted; charset=\"utf-8\"", "application", "pgp-encrypted"},
        {" text / plain", "text", "plain"},
        {"(a) text (b) / (c (d)) plain (e);x", "text", "plain"},
        {" multipart/mixed;\r\n\tboundary=x", "multipart", "mixed"},
        {" text/plain;;;", "text", "plain"},
        {" text", "", ""},
        {" /plain", "", ""},
        {" text/", "", ""},
        {" text/plain charset=utf-8", "", ""},
        {" text/plain, text/html", "", ""},
        {" (open text/plain", "", ""},
        {" t\xC3\xA4xt/plain", "", ""},
        {"", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct content_type ct = content_type_parse(slice_from_cstr(table[i].value));
        if (!slice_eq(ct.type, slice_from_cstr(table[i].type)) ||
            !slice_eq(ct.subtype, slice_from_cstr(table[i].subtype)))
            fail_msg("\"%s\": got %.*s/%.*s, want %s/%s", table[i].value, SLICE_FMT(ct.type), SLICE_FMT(ct.subtype),
                     table[i].type, table[i].subtype);
    }
    struct content_type ct = content_type_parse(SLICE("Text/Plain"));
    assert_true(content_type_is(&ct, SLICE("text"), SLICE("plain")));
    assert_false(content_type_is(&ct, SLICE("text"), SLICE("plai")));
}

#define B10 "0123456789"
#define B70 B10 B10 B10 B10 B10 B10 B10

static void test_boundary(void **state) {
    (void)state;
    static const struct {
        const char *value;
        const char *want; // NULL: refused
    } table[] = {
        {"multipart/mixed; boundary=abc", "abc"},
        {"multipart/mixed; BOUNDARY=\"abc\"", "abc"},
        {"multipart/mixed; boundary = \"a b\"", "a b"},
        {"multipart/mixed; boundary=\"a\\\"b\\\\\"", "a\"b\\"},
        {"multipart/mixed; boundary=----=_Part_1/2", "----=_Part_1/2"},
        {"multipart/mixed; boundary=abc;", "abc"},
        {"multipart/mixed; boundary=abc ; ", "abc"},
        {"multipart/mixed;; boundary=abc", "abc"},
        {"multipart/mixed; boundary=abc (comment)", "abc"},
        {"multipart/mixed; (c) boundary (d) = (e) abc", "abc"},
        {"multipart/encrypted; protocol=\"application/pgp-encrypted\"; \r\n boundary=\"x;y\"", "x;y"},
        {"multipart/mixed; charset=\"; boundary=no\"; boundary=yes", "yes"},
        {"multipart/mixed; boundary=" B70, B70},
        {"multipart/mixed; boundary=" B70 "x", NULL},
        {"multipart/mixed", NULL},
        {"multipart/mixed;", NULL},
        {"multipart/mixed; boundary", NULL},
        {"multipart/mixed; boundary=", NULL},
        {"multipart/mixed; boundary=\"\"", NULL},
        {"multipart/mixed; boundary=\"abc", NULL},
        {"multipart/mixed; boundary=\"abc\\", NULL},
        {"multipart/mixed; boundary=\"abc \"", NULL},
        {"multipart/mixed; boundary=\"a\tb\"", NULL},
        {"multipart/mixed; boundary=\"a\r\n b\"", NULL},
        {"multipart/mixed; boundary=a\xC3\xA4", NULL},
        {"multipart/mixed; boundary=abc def", NULL},
        {"multipart/mixed; boundary=abc x=y", NULL},
        {"multipart/mixed; boundary=a; boundary=b", NULL},
        {"multipart/mixed; boundary=a; boundary=a", NULL},
        {"multipart/mixed; boundary=a; boundary*=us-ascii''b", NULL},
        {"multipart/mixed; boundary*0=a; boundary*1=b", NULL},
        {"multipart/mixed; boundary=a; x", NULL},
        {"multipart/mixed; boundary=a, boundary=b", NULL},
        {"multipart/mixed (open; boundary=a", NULL},
        {"multipart; boundary=a", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char got[MIME_BOUNDARY_MAX + 1] = "";
        size_t len = 0;
        bool ok = content_type_boundary(slice_from_cstr(table[i].value), got, &len);
        const char *want = table[i].want;
        if (ok != (want != NULL) || (ok && (strcmp(got, want) != 0 || len != strlen(want))))
            fail_msg("\"%s\": got %s, want %s", table[i].value, ok ? got : "none", want != NULL ? want : "none");
    }
}

static void test_encoding(void **state) {
    (void)state;
    static const struct {
        const char *value;
        enum transfer_encoding want;
    } table[] = {
        {" 7bit", TRANSFER_IDENTITY},         {" 8BIT\r\n", TRANSFER_IDENTITY},
        {" binary", TRANSFER_IDENTITY},       {" base64", TRANSFER_BASE64},
        {" (x) Base64 (y)", TRANSFER_BASE64}, {" Quoted-Printable", TRANSFER_QUOTED_PRINTABLE},
        {" x-uuencode", TRANSFER_UNKNOWN},    {"", TRANSFER_UNKNOWN},
        {" base64 7bit", TRANSFER_UNKNOWN},   {" base64;", TRANSFER_UNKNOWN},
        {" (open", TRANSFER_UNKNOWN},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        enum transfer_encoding got = transfer_encoding_parse(slice_from_cstr(table[i].value));
        if (got != table[i].want)
            fail_msg("\"%s\": got %d, want %d", table[i].value, got, table[i].want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_type),
        cmocka_unit_test(test_boundary),
        cmocka_unit_test(test_encoding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
