// SPDX-License-Identifier: MIT
// Chunked bodies, whole and octet by octet; each known way of smuggling by chunks has its row.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "http/chunked.h"

static const struct {
    const char *name;
    struct slice in;
    const char *want; // what the body is; NULL: refused
    size_t left;      // octets that follow the body
} ROWS[] = {
    {"one chunk", SLICE("5\r\nhello\r\n0\r\n\r\n"), "hello", 0},
    {"two chunks and a request", SLICE("2\r\nab\r\n00A\r\n0123456789\r\n0\r\n\r\nGET "), "ab0123456789", 4},
    {"hexadecimal of both cases", SLICE("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), "01234567890123456789", 0},
    {"empty", SLICE("0\r\n\r\nX"), "", 1},
    {"zeros", SLICE("0000\r\n\r\n"), "", 0},
    {"extension", SLICE("1;a=b;c=\"d e\"\r\nx\r\n0;z\r\n\r\n"), "x", 0},
    {"trailers", SLICE("1\r\nx\r\n0\r\nA: b\r\nC:\r\n\r\n"), "x", 0},
    {"CR and LF in data", SLICE("4\r\n\r\n\r\n\r\n0\r\n\r\n"), "\r\n\r\n", 0},
    {"sign plus", SLICE("+1\r\nx\r\n0\r\n\r\n"), NULL, 0},
    {"sign minus", SLICE("-1\r\nx\r\n0\r\n\r\n"), NULL, 0},
    {"0x", SLICE("0x1\r\nx\r\n0\r\n\r\n"), NULL, 0},
    {"blank before the size", SLICE(" 1\r\nx\r\n0\r\n\r\n"), NULL, 0},
    {"blank after the size", SLICE("1 \r\nx\r\n0\r\n\r\n"), NULL, 0},
    {"blank before an extension", SLICE("1 ;a\r\nx\r\n0\r\n\r\n"), NULL, 0},
    {"no size", SLICE("\r\nx\r\n0\r\n\r\n"), NULL, 0},
    {"extension without size", SLICE(";a\r\n\r\n"), NULL, 0},
    {"LF after the size", SLICE("1\nx\r\n0\r\n\r\n"), NULL, 0},
    {"CR alone after the size", SLICE("1\rx\r\n0\r\n\r\n"), NULL, 0},
    {"LF in an extension", SLICE("1;a\nx\r\n0\r\n\r\n"), NULL, 0},
    {"CR alone in an extension", SLICE("1;a\rb\r\nx\r\n0\r\n\r\n"), NULL, 0},
    {"LF after the data", SLICE("1\r\nx\n0\r\n\r\n"), NULL, 0},
    {"data longer than said", SLICE("1\r\nxy\r\n0\r\n\r\n"), NULL, 0},
    {"data shorter than said", SLICE("3\r\nx\r\n0\r\n\r\n"), NULL, 0},
    {"LF at the end", SLICE("1\r\nx\r\n0\r\n\n"), NULL, 0},
    {"LF after a trailer", SLICE("0\r\nA: b\n\r\n"), NULL, 0},
    {"trailer without colon", SLICE("0\r\nGET / HTTP/1.1\r\n\r\n"), NULL, 0},
    {"trailer without name", SLICE("0\r\n: b\r\n\r\n"), NULL, 0},
    {"trailer with a blank before the colon", SLICE("0\r\nA : b\r\n\r\n"), NULL, 0},
    {"folded trailer", SLICE("0\r\nA: b\r\n c\r\n\r\n"), NULL, 0},
    {"size overflow", SLICE("10000000000000000\r\nx"), NULL, 0},
    {"size with many zeros", SLICE("0000000000000001\r\nx"), NULL, 0},
    {"NUL", SLICE("1\0\r\nx\r\n0\r\n\r\n"), NULL, 0},
};

static void expect(size_t row, size_t step) {
    struct http_chunked d = {0};
    struct slice in = ROWS[row].in;
    char body[256];
    size_t len = 0, at = 0, shown = 0;
    enum http_chunked_result result = HTTP_CHUNKED_MORE;
    while (result != HTTP_CHUNKED_END && result != HTTP_CHUNKED_BAD) {
        if (result == HTTP_CHUNKED_MORE) {
            if (shown == in.len)
                break;
            shown = shown + step < in.len ? shown + step : in.len;
        }
        size_t used = 0;
        struct slice piece = SLICE_EMPTY;
        result = http_chunked_next(&d, slice_sub(in, at, shown), &used, &piece);
        at += used;
        if (result == HTTP_CHUNKED_DATA) {
            assert_true(piece.len > 0 && len + piece.len <= sizeof(body));
            memcpy(body + len, piece.ptr, piece.len);
            len += piece.len;
        }
    }
    bool is_good = result == HTTP_CHUNKED_END && ROWS[row].want != NULL && len == strlen(ROWS[row].want) &&
                   memcmp(body, ROWS[row].want, len) == 0 && in.len - at == ROWS[row].left;
    if (ROWS[row].want == NULL ? result != HTTP_CHUNKED_BAD : !is_good)
        fail_msg("%s (step %zu): result %d, body \"%.*s\", %zu left", ROWS[row].name, step, result, (int)len, body,
                 in.len - at);
}

static void test_rows(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        expect(i, 1);
        expect(i, 3);
        expect(i, 1000);
    }
}

static enum http_chunked_result feed(struct http_chunked *d, const char *text) {
    struct slice in = slice_from_cstr(text), piece;
    enum http_chunked_result result = HTTP_CHUNKED_MORE;
    while (in.len > 0 && result != HTTP_CHUNKED_BAD && result != HTTP_CHUNKED_END) {
        size_t used = 0;
        result = http_chunked_next(d, in, &used, &piece);
        in = slice_sub(in, used, in.len);
    }
    return result;
}

static void test_bounds(void **state) {
    struct http_chunked d = {0};
    size_t n = 0;
    while (feed(&d, "1;0123456789\r\nx\r\n") != HTTP_CHUNKED_BAD)
        n++;
    assert_int_equal(n, HTTP_CHUNK_EXTENSIONS_MAX / 10);
    d = (struct http_chunked){0};
    assert_int_equal(feed(&d, "0\r\n"), HTTP_CHUNKED_MORE);
    n = 0;
    while (feed(&d, "Name: 7890\r\n") != HTTP_CHUNKED_BAD)
        n++;
    assert_int_equal(n, HTTP_TRAILERS_MAX / 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
