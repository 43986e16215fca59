// SPDX-License-Identifier: MIT
#include "http/web/negotiate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/panic.h"
#include "http/http.h"

static void check(bool got, bool want, const char *about) {
    if (got != want)
        fail_msg("\"%s\": got %d, want %d", about, got, want);
}

static void codings(void **state) {
    static const struct {
        const char *value;
        bool want;
    } cases[] = {
        {"gzip", true},
        {"GZIP", true},
        {"x-gzip", true},
        {"gzip, deflate, br, zstd", true},
        {"deflate, gzip;q=1.0, *;q=0.5", true},
        {"gzip;q=0", false},
        {"gzip;q=0.000", false},
        {"gzip; q=0", false},
        {"gzip ; Q=0.001", true},
        {"gzip;q=0.5, identity", false},
        {"gzip;q=0.5, identity;q=0.5", true},
        {"gzip, identity;q=0", true},
        {"*", true},
        {"*;q=0", false},
        {"*;q=0, gzip", true},
        {"gzip;q=0, *", false},
        {"identity", false},
        {"br", false},
        {"gzipped", false},
        {"gzip;level=9", false},
        {"gzip;q=", false},
        {"gzip;q=2", false},
        {"gzip;q=1.5", false},
        {"gzip;q=0.1234", false},
        {"gzip;q=-1", false},
        {"", false},
        {",,,", false},
        {", gzip ,", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_field f = {SLICE("Accept-Encoding"), slice_from_cstr(cases[i].value)};
        check(negotiate_gzip(&f, 1), cases[i].want, cases[i].value);
    }
    check(negotiate_gzip(NULL, 0), false, "no field");
}

static void media(void **state) {
    static const struct {
        const char *value;
        int want; // of application/openmetrics-text in version 1.0.0
    } cases[] = {
        {"application/openmetrics-text", 1000},
        {"application/openmetrics-text; version=1.0.0; charset=utf-8", 1000},
        {"application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1", 500},
        {"application/openmetrics-text;version=0.0.1;q=0.75, application/openmetrics-text ; version=1.0.0 ; Q=0.7",
         700},
        {"text/plain, APPLICATION/OpenMetrics-Text;q=0", 0},
        {"application/openmetrics-text;q=nonsense", 0},
        {"application/openmetrics-text;version=2.0.0", -1},
        {"application/openmetrics-text;version=", -1},
        {"application/openmetrics", -1},
        {"*/*", -1},
        {"", -1},
        {";;,;q=1,", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_field f = {SLICE("Accept"), slice_from_cstr(cases[i].value)};
        int got = negotiate_media(&f, 1, SLICE("application/openmetrics-text"), SLICE("1.0.0"));
        if (got != cases[i].want)
            fail_msg("\"%s\": got %d, want %d", cases[i].value, got, cases[i].want);
    }
}

static void codings_in_two_lines(void **state) {
    struct http_field fields[] = {
        {SLICE("accept-encoding"), SLICE("br")},
        {SLICE("Host"), SLICE("gzip")},
        {SLICE("ACCEPT-ENCODING"), SLICE("gzip")},
    };
    check(negotiate_gzip(fields, 3), true, "two lines");
    check(negotiate_gzip(fields, 2), false, "first line");
}

static void copies(void **state) {
    static const struct {
        const char *value;
        bool want;
    } cases[] = {
        {"\"abc\"", true},
        {"W/\"abc\"", true},
        {"*", true},
        {" * ", true},
        {"\"x\", \"abc\"", true},
        {"\"x\",W/\"y\" , W/\"abc\"", true},
        {"\"a,b\", \"abc\"", true},
        {"\"x,\"abc\"", false}, // the first tag is "x," and what follows is none
        {"abc", false},
        {"\"abc", false},
        {"\"ABC\"", false},
        {"\"abcd\"", false},
        {"w/\"abc\"", false},
        {"\"", false},
        {"W/", false},
        {"", false},
        {"\"x\", *", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_field f = {SLICE("If-None-Match"), slice_from_cstr(cases[i].value)};
        check(negotiate_has_copy(&f, 1, SLICE("\"abc\"")), cases[i].want, cases[i].value);
    }
    struct http_field f = {SLICE("if-none-match"), SLICE("\"abc\"")};
    check(negotiate_has_copy(&f, 1, SLICE("W/\"abc\"")), true, "our tag is weak");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codings),
        cmocka_unit_test(media),
        cmocka_unit_test(codings_in_two_lines),
        cmocka_unit_test(copies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
