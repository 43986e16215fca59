// SPDX-License-Identifier: MIT
// Heads that are accepted and heads that are refused; each known way of smuggling a request has its row.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/parser.h"

struct parsed {
    uint16_t status; // of the refusal; 0: accepted; 1: more is wanted
    size_t used;
    struct http_head head;
    struct http_field fields[HTTP_FIELDS_MAX];
    char *text;
};

// Shows the text in pieces of `step` octets.
static void parse(struct slice text, size_t step, struct parsed *ret) {
    memset(ret, 0, sizeof(*ret));
    struct http_scan scan = {0};
    struct http_refusal why = {0};
    enum http_scan_result result = HTTP_SCAN_MORE;
    for (size_t shown = 0; result == HTTP_SCAN_MORE && shown < text.len;) {
        shown = shown + step < text.len ? shown + step : text.len;
        result = http_scan_head(&scan, text.ptr, shown, &ret->used, &why);
    }
    if (result == HTTP_SCAN_MORE) {
        ret->status = 1;
    } else if (result == HTTP_SCAN_BAD) {
        ret->status = why.status;
    } else {
        ret->text = mem_strndup(text.ptr, ret->used);
        if (!http_head_parse(ret->text, ret->used, ret->fields, scan.n_fields, &ret->head, &why))
            ret->status = why.status;
    }
    if (ret->status > 1 && (why.text == NULL || strlen(why.text) < 10))
        fail_msg("refusal without a text for \"%.*s\"", SLICE_FMT(text));
}

static const size_t STEPS[] = {1, 2, 3, 7, 100000};

static void expect_status(const char *name, struct slice text, uint16_t want) {
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
        static struct parsed p;
        parse(text, STEPS[i], &p);
        free(p.text);
        if (p.status != want)
            fail_msg("%s: got %u want %u (step %zu) for \"%.*s\"", name, p.status, want, STEPS[i], SLICE_FMT(text));
    }
}

#define H "Host: a.example\r\n"
#define GET "GET / HTTP/1.1\r\n"
#define POST "POST / HTTP/1.1\r\n" H

struct status_row {
    const char *name;
    struct slice text;
    uint16_t status;
};

static const struct status_row SMUGGLING[] = {
    {"CL.TE", SLICE(POST "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
    {"TE.CL", SLICE(POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n"), 400},
    {"TE.TE: two", SLICE(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
    {"TE.TE: second one unknown", SLICE(POST "Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n\r\n"), 400},
    {"TE.TE: first one unknown", SLICE(POST "Transfer-Encoding: cow\r\nTransfer-encoding: chunked\r\n\r\n"), 501},
    {"TE.TE: list", SLICE(POST "Transfer-Encoding: gzip, chunked\r\n\r\n"), 501},
    {"TE.TE: list ending otherwise", SLICE(POST "Transfer-Encoding: chunked, identity\r\n\r\n"), 501},
    {"TE.TE: xchunked", SLICE(POST "Transfer-Encoding: xchunked\r\n\r\n"), 501},
    {"TE.TE: quoted", SLICE(POST "Transfer-Encoding: \"chunked\"\r\n\r\n"), 501},
    {"TE.TE: parameter", SLICE(POST "Transfer-Encoding: chunked;q=1\r\n\r\n"), 501},
    {"TE.TE: identity", SLICE(POST "Transfer-Encoding: identity\r\n\r\n"), 501},
    {"TE.TE: empty", SLICE(POST "Transfer-Encoding:\r\n\r\n"), 501},
    {"TE.TE: vertical tab",
     SLICE(POST "Transfer-Encoding: \x0b"
                "chunked\r\n\r\n"),
     400},
    {"TE.TE: form feed",
     SLICE(POST "Transfer-Encoding:\x0c"
                "chunked\r\n\r\n"),
     400},
    {"TE.TE: NUL", SLICE(POST "Transfer-Encoding: chunked\0\r\n\r\n"), 400},
    {"TE.TE: blank before the colon", SLICE(POST "Transfer-Encoding : chunked\r\n\r\n"), 400},
    {"TE.TE: tab before the colon", SLICE(POST "Transfer-Encoding\t: chunked\r\n\r\n"), 400},
    {"TE.TE: leading blank", SLICE(POST " Transfer-Encoding: chunked\r\n\r\n"), 400},
    {"TE.TE: folded", SLICE(POST "Transfer-Encoding:\r\n chunked\r\n\r\n"), 400},
    {"TE.TE: behind a bare LF", SLICE(POST "X: y\nTransfer-Encoding: chunked\r\n\r\n"), 400},
    {"TE.TE: behind a bare CR", SLICE(POST "X: y\rTransfer-Encoding: chunked\r\n\r\n"), 400},
    {"TE in HTTP/1.0", SLICE("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400},
    {"two CL, equal", SLICE(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n"), 400},
    {"two CL, different", SLICE(POST "Content-Length: 5\r\ncontent-length: 0\r\n\r\n"), 400},
    {"CL list", SLICE(POST "Content-Length: 5, 5\r\n\r\n"), 400},
    {"CL plus", SLICE(POST "Content-Length: +5\r\n\r\n"), 400},
    {"CL minus", SLICE(POST "Content-Length: -5\r\n\r\n"), 400},
    {"CL hexadecimal", SLICE(POST "Content-Length: 0x5\r\n\r\n"), 400},
    {"CL empty", SLICE(POST "Content-Length: \r\n\r\n"), 400},
    {"CL blank inside", SLICE(POST "Content-Length: 1 0\r\n\r\n"), 400},
    {"CL fraction", SLICE(POST "Content-Length: 5.0\r\n\r\n"), 400},
    {"CL overflow", SLICE(POST "Content-Length: 18446744073709551621\r\n\r\n"), 400},
    {"CL over 63 bits", SLICE(POST "Content-Length: 9223372036854775808\r\n\r\n"), 400},
    {"CL blank before the colon", SLICE(POST "Content-Length : 5\r\n\r\n"), 400},
    {"LF head", SLICE("GET / HTTP/1.1\nHost: a\n\n"), 400},
    {"LF at the end of the head", SLICE(GET H "\n"), 400},
    {"CR CR LF", SLICE(GET H "X: y\r\r\n\r\n"), 400},
    {"NUL in a name", SLICE(GET H "X\0: y\r\n\r\n"), 400},
    {"two Host", SLICE(GET H "Host: b.example\r\n\r\n"), 400},
    {"two equal Host", SLICE(GET H H "\r\n"), 400},
    {"Host after a blank", SLICE(GET " Host: a\r\n\r\n"), 400},
    {"blank inside the request line", SLICE("GET / HTTP/1.1 \r\n" H "\r\n"), 400},
    {"tab in the request line", SLICE("GET\t/ HTTP/1.1\r\n" H "\r\n"), 400},
    {"two blanks", SLICE("GET  / HTTP/1.1\r\n" H "\r\n"), 400},
    {"target with a blank", SLICE("GET /a b HTTP/1.1\r\n" H "\r\n"), 400},
};

static const struct status_row OTHERS[] = {
    {"plain", SLICE(GET H "\r\n"), 0},
    {"one empty line before", SLICE("\r\n" GET H "\r\n"), 0},
    {"two empty lines before", SLICE("\r\n\r\n" GET H "\r\n"), 400},
    {"not complete", SLICE(GET H), 1},
    {"TLS handshake", SLICE("\x16\x03\x01\x02"), 400},
    {"blank first", SLICE(" GET / HTTP/1.1"), 400},
    {"octet over 0x7f first", SLICE("\xff"), 400},
    {"HTTP/2 preface", SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505},
    {"HTTP/1.0 without Host", SLICE("GET / HTTP/1.0\r\n\r\n"), 0},
    {"HTTP/1.2", SLICE("GET / HTTP/1.2\r\n" H "\r\n"), 505},
    {"HTTP/2.0", SLICE("GET / HTTP/2.0\r\n" H "\r\n"), 505},
    {"HTTP/1.10", SLICE("GET / HTTP/1.10\r\n" H "\r\n"), 400},
    {"http/1.1", SLICE("GET / http/1.1\r\n" H "\r\n"), 400},
    {"HTTP/0.9", SLICE("GET /\r\n"), 400},
    {"method with a colon", SLICE("GE:T / HTTP/1.1\r\n" H "\r\n"), 400},
    {"unknown method", SLICE("BREW / HTTP/1.1\r\n" H "\r\n"), 0},
    {"method of 33 letters", SLICE("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA / HTTP/1.1\r\n" H "\r\n"), 501},
    {"no Host", SLICE(GET "\r\n"), 400},
    {"empty Host", SLICE(GET "Host:\r\n\r\n"), 400},
    {"Host with a path", SLICE(GET "Host: a/b\r\n\r\n"), 400},
    {"Host with a user", SLICE(GET "Host: u@a\r\n\r\n"), 400},
    {"Host list", SLICE(GET "Host: a, b\r\n\r\n"), 400},
    {"Host with two dots", SLICE(GET "Host: a..b\r\n\r\n"), 400},
    {"Host port too large", SLICE(GET "Host: a:65536\r\n\r\n"), 400},
    {"Host port no number", SLICE(GET "Host: a:x\r\n\r\n"), 400},
    {"Host literal open", SLICE(GET "Host: [::1\r\n\r\n"), 400},
    {"Host literal with text", SLICE(GET "Host: [::1]x\r\n\r\n"), 400},
    {"Host literal empty", SLICE(GET "Host: []\r\n\r\n"), 400},
    {"field without colon", SLICE(GET H "X\r\n\r\n"), 400},
    {"field without name", SLICE(GET H ": x\r\n\r\n"), 400},
    {"fold", SLICE(GET H "X: a\r\n b\r\n\r\n"), 400},
    {"DEL in a value", SLICE(GET H "X: a\x7f\r\n\r\n"), 400},
    {"octets over 0x7f in a value", SLICE(GET H "X: \xc3\xa9\r\n\r\n"), 0},
    {"CONNECT", SLICE("CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n"), 501},
    {"OPTIONS *", SLICE("OPTIONS * HTTP/1.1\r\n" H "\r\n"), 0},
    {"GET *", SLICE("GET * HTTP/1.1\r\n" H "\r\n"), 400},
    {"authority form", SLICE("GET a.example:443 HTTP/1.1\r\n" H "\r\n"), 400},
    {"absolute, other scheme", SLICE("GET ftp://a/ HTTP/1.1\r\n" H "\r\n"), 400},
    {"absolute, no host", SLICE("GET https:///x HTTP/1.1\r\n" H "\r\n"), 400},
    {"absolute, user", SLICE("GET https://u@a.example/x HTTP/1.1\r\n" H "\r\n"), 400},
    {"absolute without Host field", SLICE("GET https://a.example/x HTTP/1.1\r\n\r\n"), 400},
    {"fragment", SLICE("GET /a#b HTTP/1.1\r\n" H "\r\n"), 400},
    {"percent cut short", SLICE("GET /a%4 HTTP/1.1\r\n" H "\r\n"), 400},
    {"percent no hex", SLICE("GET /a%zz HTTP/1.1\r\n" H "\r\n"), 400},
    {"percent in query", SLICE("GET /a?b=%g0 HTTP/1.1\r\n" H "\r\n"), 400},
    {"encoded NUL", SLICE("GET /a%00 HTTP/1.1\r\n" H "\r\n"), 400},
    {"encoded LF", SLICE("GET /a%0ab HTTP/1.1\r\n" H "\r\n"), 400},
    {"encoded slash", SLICE("GET /a%2Fb HTTP/1.1\r\n" H "\r\n"), 400},
    {"encoded backslash", SLICE("GET /a%5cb HTTP/1.1\r\n" H "\r\n"), 400},
    {"backslash", SLICE("GET /a\\b HTTP/1.1\r\n" H "\r\n"), 400},
    {"backslash in query", SLICE("GET /a?\\ HTTP/1.1\r\n" H "\r\n"), 400},
    {"dot dot", SLICE("GET /../etc/passwd HTTP/1.1\r\n" H "\r\n"), 400},
    {"encoded dot dot", SLICE("GET /%2e%2E/etc HTTP/1.1\r\n" H "\r\n"), 400},
    {"half encoded dot dot at the end", SLICE("GET /a/.%2e HTTP/1.1\r\n" H "\r\n"), 400},
    {"dot", SLICE("GET /./a HTTP/1.1\r\n" H "\r\n"), 400},
    {"double slash", SLICE("GET /a//b HTTP/1.1\r\n" H "\r\n"), 400},
    {"double slash first", SLICE("GET //evil.example/ HTTP/1.1\r\n" H "\r\n"), 400},
    {"three dots are a name", SLICE("GET /.../.well-known HTTP/1.1\r\n" H "\r\n"), 0},
    {"octet over 0x7f in target", SLICE("GET /\xc3\xa9 HTTP/1.1\r\n" H "\r\n"), 400},
    {"unknown expectation", SLICE(POST "Expect: coffee\r\nContent-Length: 1\r\n\r\n"), 417},
};

static void test_smuggling(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(SMUGGLING); i++)
        expect_status(SMUGGLING[i].name, SMUGGLING[i].text, SMUGGLING[i].status);
}

static void test_statuses(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(OTHERS); i++)
        expect_status(OTHERS[i].name, OTHERS[i].text, OTHERS[i].status);
}

static void test_targets(void **state) {
    static const struct {
        const char *target, *host_field, *host, *path, *query;
    } ROWS[] = {
        {"/", "A.Example", "a.example", "/", ""},
        {"/new?t=a%20b", "a.example:443", "a.example", "/new", "t=a%20b"},
        {"/a%20b/%C3%A9/", "_x.example.", "_x.example", "/a b/\xc3\xa9/", ""},
        {"/a??b", "[2001:DB8::1]:80", "[2001:db8::1]", "/a", "?b"},
        {"/?", "192.0.2.1", "192.0.2.1", "/", ""},
        {"https://D.example/new", "other.example", "d.example", "/new", ""},
        {"HTTP://d.example:8080", "x", "d.example", "/", ""},
        {"https://d.example?x=1", "x", "d.example", "/", "x=1"},
        {"https://[::1]:3/p?q", "x:", "[::1]", "/p", "q"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        char text[256];
        int n =
            snprintf(text, sizeof(text), "POST %s HTTP/1.1\r\nhost: %s\r\n\r\n", ROWS[i].target, ROWS[i].host_field);
        static struct parsed p;
        parse(slice_make(text, (size_t)n), 5, &p);
        char got[256], want[256];
        (void)snprintf(got, sizeof(got), "%u %.*s %.*s %.*s", p.status, SLICE_FMT(p.head.request.host),
                       SLICE_FMT(p.head.request.path), SLICE_FMT(p.head.request.query));
        (void)snprintf(want, sizeof(want), "0 %s %s %s", ROWS[i].host, ROWS[i].path, ROWS[i].query);
        assert_string_equal(got, want);
        free(p.text);
    }
}

static void test_meaning(void **state) {
    static const struct {
        struct slice text;
        const char *want; // method, length, chunked, close, 100, 1.0
    } ROWS[] = {
        {SLICE("POST /new HTTP/1.1\r\nhost: D\r\n\r\n"), "2 -0 0 0 0 0"},
        {SLICE(GET H "connection: keep-alive, CLOSE\r\n\r\n"), "0 -0 0 1 0 0"},
        {SLICE("HEAD / HTTP/1.0\r\n\r\n"), "1 -0 0 0 0 1"},
        {SLICE("head / HTTP/1.0\r\n\r\n"), "3 -0 0 0 0 1"},
        {SLICE(POST "Content-Length:\t007 \r\nExpect: 100-Continue\r\n\r\n"), "2 +7 0 0 1 0"},
        {SLICE(POST "Content-Length: 0\r\nExpect: 100-continue\r\n\r\n"), "2 +0 0 0 0 0"},
        {SLICE(POST "transfer-encoding: Chunked\r\n\r\n"), "2 -0 1 0 0 0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        static struct parsed p;
        parse(ROWS[i].text, 3, &p);
        assert_int_equal(p.status, 0);
        const struct http_request *r = &p.head.request;
        char got[64];
        (void)snprintf(got, sizeof(got), "%d %c%llu %d %d %d %d", r->method, r->has_length ? '+' : '-',
                       (unsigned long long)r->length, r->is_chunked, p.head.wants_close, p.head.wants_100,
                       p.head.is_http10);
        if (strcmp(got, ROWS[i].want) != 0)
            fail_msg("got \"%s\" want \"%s\" for \"%.*s\"", got, ROWS[i].want, SLICE_FMT(ROWS[i].text));
        free(p.text);
    }
}

static struct slice repeat(char *buf, const char *before, char c, size_t n, const char *after) {
    size_t len = strlen(before);
    memcpy(buf, before, len);
    memset(buf + len, c, n);
    memcpy(buf + len + n, after, strlen(after));
    return slice_make(buf, len + n + strlen(after));
}

static void expect_large(const char *name, struct slice text, uint16_t want) {
    static struct parsed p;
    static const size_t SOME[] = {1000, 200000};
    for (size_t i = 0; i < ARRAY_LEN(SOME); i++) {
        parse(text, SOME[i], &p);
        free(p.text);
        if (p.status != want)
            fail_msg("%s: got %u want %u", name, p.status, want);
    }
}

static void test_limits(void **state) {
    static char buf[200000];
    const char *end = " HTTP/1.1\r\n" H "\r\n";
    expect_large("target at the limit", repeat(buf, "GET /", 'a', HTTP_TARGET_MAX - 1, end), 0);
    expect_large("target over it", repeat(buf, "GET /", 'a', HTTP_TARGET_MAX, end), 414);
    expect_large("endless target", repeat(buf, "GET /", 'a', HTTP_TARGET_MAX * 2, ""), 414);
    expect_large("field at the limit", repeat(buf, GET H "X: ", 'a', HTTP_FIELD_MAX - 3, "\r\n\r\n"), 0);
    expect_large("field over it", repeat(buf, GET H "X: ", 'a', HTTP_FIELD_MAX - 2, "\r\n\r\n"), 431);
    expect_large("endless field", repeat(buf, GET H "X: ", 'a', HTTP_FIELD_MAX * 2, ""), 431);
    size_t len = strlen(GET H);
    memcpy(buf, GET H, len);
    for (int i = 0; i < HTTP_FIELDS_MAX; i++, len += 6)
        memcpy(buf + len, "a: b\r\n", 6);
    memcpy(buf + len, "\r\n", 2);
    expect_large("one field too many", slice_make(buf, len + 2), 431);
    memcpy(buf + len - 6, "\r\n", 2);
    expect_large("as many fields as may be", slice_make(buf, len - 4), 0);
    len = strlen(GET H);
    for (int i = 0; i < 20; i++, len += 5000) {
        memset(buf + len, 'a', 5000);
        memcpy(buf + len, "X:", 2);
        memcpy(buf + len + 4998, "\r\n", 2);
    }
    expect_large("head too large", slice_make(buf, len), 431);
}

static void test_query(void **state) {
    static const struct {
        const char *query, *name, *want;
    } ROWS[] = {
        {"t=abc", "t", "abc"}, {"a=1&t=a%2Fb+c&t=2", "t", "a/b c"},
        {"t", "t", ""},        {"tt=1", "t", NULL},
        {"", "t", NULL},       {"t=%00", "t", NULL},
        {"t=%4", "t", NULL},   {"t=12345678", "t", NULL}, // no room
        {"a=b=c", "a", "b=c"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct http_request r = {.query = slice_from_cstr(ROWS[i].query)};
        char got[8] = "";
        bool found = http_request_query(&r, ROWS[i].name, got, sizeof(got));
        if (found != (ROWS[i].want != NULL) || (found && strcmp(got, ROWS[i].want) != 0))
            fail_msg("\"%s\": got %d \"%s\"", ROWS[i].query, found, got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smuggling), cmocka_unit_test(test_statuses), cmocka_unit_test(test_targets),
        cmocka_unit_test(test_meaning),   cmocka_unit_test(test_limits),   cmocka_unit_test(test_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
