// SPDX-License-Identifier: MIT
// Pages and files as they are sent, and the home page of one visitor.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/mem.h"
#include "http/web/test_site.h"

static const struct web_place dev_place = {
    .dev_host = "127.0.0.1", .https_port = 10443, .imaps_port = 10993, .smtps_port = 10465};

static void check_policy(const struct test_reply *r, const char *transport_security) {
    test_field_is(r, "X-Content-Type-Options", "nosniff");
    test_field_is(r, "Referrer-Policy", "no-referrer");
    test_field_is(r, "Cross-Origin-Opener-Policy", "same-origin");
    test_field_is(r, "Content-Security-Policy",
                  "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; "
                  "frame-ancestors 'none'");
    test_field_is(r, "Strict-Transport-Security", transport_security);
}

static void pages_in_languages(void **state) {
    struct test_site t;
    test_site_start(&t, NULL, NULL);
    struct test_reply r = test_ask(&t, "a.org", "GET /", NULL);
    test_status(&r, 200);
    check_policy(&r, "max-age=31536000");
    test_field_is(&r, "Content-Type", "text/html; charset=utf-8");
    test_field_is(&r, "Content-Language", "en");
    test_field_is(&r, "Vary", "Accept-Encoding, Accept-Language");
    test_field_is(&r, "Cache-Control", "no-cache");
    assert_true(test_body_has(&r, "DCACCOUNT:https://a.org/new"));
    r = test_ask(&t, "a.org", "GET /en/info", "Accept-Language: xx\r\n");
    test_status(&r, 200);
    test_field_is(&r, "Vary", "Accept-Encoding");
    r = test_ask(&t, "a.org", "GET /style.css", NULL);
    test_status(&r, 200);
    test_field_is(&r, "Cache-Control", "max-age=600");
    test_field_is(&r, "Content-Language", "");
    test_site_stop(&t);
}

static void what_is_not_there(void **state) {
    static const char *const targets[] = {"/none", "/_head.html", "/strings/en.json", "/de/none", "/index.php"};
    struct test_site t;
    test_site_start(&t, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        char request[64];
        (void)snprintf(request, sizeof(request), "GET %s", targets[i]);
        struct test_reply r = test_ask(&t, "a.org", request, "If-None-Match: *\r\n");
        test_status(&r, 404);
        check_policy(&r, "max-age=31536000");
        test_field_is(&r, "Content-Type", "text/html; charset=utf-8");
        test_field_is(&r, "ETag", "");
    }
    struct test_reply r = test_ask(&t, "a.org", "POST /", NULL);
    test_status(&r, 405);
    test_field_is(&r, "Allow", "GET, HEAD");
    r = test_ask(&t, "a.org", "POST /info", NULL);
    test_status(&r, 405);
    test_site_stop(&t);
}

static size_t unzip(struct slice body, char *ret, size_t size) {
    z_stream z = {.next_in = (Bytef *)body.ptr, .avail_in = (uInt)body.len};
    z.next_out = (Bytef *)ret;
    z.avail_out = (uInt)size;
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    size_t len = z.total_out;
    (void)inflateEnd(&z);
    return len;
}

static void codings(void **state) {
    struct test_site t;
    test_site_start(&t, NULL, NULL);
    struct test_reply r = test_ask(&t, "a.org", "GET /info", NULL);
    test_field_is(&r, "Content-Encoding", "");
    char *plain = slice_dup(r.body), etag[64];
    size_t plain_len = r.body.len;
    (void)snprintf(etag, sizeof(etag), "%s", test_field(&r, "ETag"));
    r = test_ask(&t, "a.org", "GET /info", "Accept-Encoding: gzip, br\r\n");
    test_field_is(&r, "Content-Encoding", "gzip");
    assert_string_not_equal(test_field(&r, "ETag"), etag);
    char *unzipped = mem_alloc(plain_len);
    assert_int_equal(unzip(r.body, unzipped, plain_len), plain_len);
    assert_memory_equal(unzipped, plain, plain_len);
    r = test_ask(&t, "a.org", "GET /info", "Accept-Encoding: gzip;q=0\r\n");
    test_field_is(&r, "Content-Encoding", "");
    assert_int_equal(r.body.len, plain_len);
    free(unzipped);
    free(plain);
    test_site_stop(&t);
}

static void copies(void **state) {
    struct test_site t;
    test_site_start(&t, NULL, NULL);
    char etag[64], fields[256];
    struct test_reply r = test_ask(&t, "a.org", "GET /", NULL);
    (void)snprintf(etag, sizeof(etag), "%s", test_field(&r, "ETag"));
    (void)snprintf(fields, sizeof(fields), "If-None-Match: \"x\", W/%s\r\n", etag);
    r = test_ask(&t, "a.org", "GET /", fields);
    test_status(&r, 304);
    assert_int_equal(r.body.len, 0);
    test_field_is(&r, "ETag", etag);
    test_field_is(&r, "Vary", "Accept-Encoding, Accept-Language");
    test_field_is(&r, "Content-Encoding", "");
    check_policy(&r, "max-age=31536000");
    r = test_ask(&t, "a.org", "HEAD /", fields);
    test_status(&r, 304);
    (void)snprintf(fields, sizeof(fields), "If-None-Match: %s\r\nAccept-Encoding: gzip\r\n", etag);
    r = test_ask(&t, "a.org", "GET /", fields);
    test_status(&r, 200); // the copy is of another coding
    r = test_ask(&t, "a.org", "GET /", "If-None-Match: *\r\n");
    test_status(&r, 304);
    test_site_stop(&t);
}

static void head_is_get_without_the_body(void **state) {
    static const char *const targets[] = {"/", "/robots.txt", "/none", "/qr-chatmail-invite-a.org.png",
                                          "/.well-known/mta-sts.txt"};
    struct test_site t;
    test_site_start(&t, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        char request[64], length[32];
        (void)snprintf(request, sizeof(request), "GET %s", targets[i]);
        struct test_reply r = test_ask(&t, "a.org", request, NULL);
        (void)snprintf(length, sizeof(length), "%zu", r.body.len);
        int status = r.status;
        (void)snprintf(request, sizeof(request), "HEAD %s", targets[i]);
        r = test_ask(&t, "a.org", request, NULL);
        test_status(&r, status);
        test_field_is(&r, "Content-Length", length);
        assert_int_equal(r.body.len, 0);
    }
    test_site_stop(&t);
}

static void small_files(void **state) {
    struct test_site t;
    test_site_start(&t, NULL, NULL);
    struct test_reply r = test_ask(&t, "a.org", "GET /robots.txt", NULL);
    assert_true(slice_eq(r.body, SLICE("User-agent: *\nDisallow: /\n")));
    r = test_ask(&t, "a.org", "GET /qr-chatmail-invite-a.org.png", NULL);
    test_status(&r, 200);
    test_field_is(&r, "Content-Type", "image/png");
    assert_true(slice_starts_with(r.body, SLICE("\x89PNG\r\n")));
    r = test_ask(&t, "a.org", "GET /qr-chatmail-invite-a.org.svg", NULL);
    test_field_is(&r, "Content-Type", "image/svg+xml");
    assert_true(test_body_has(&r, "<svg"));
    r = test_ask(&t, "a.org", "GET /favicon.ico", NULL);
    test_status(&r, 200);
    r = test_ask(&t, "a.org", "GET /qr-chatmail-invite-b.org.png", NULL);
    test_status(&r, 404);
    test_site_stop(&t);
}

static void no_code_without_a_link_for_all(void **state) {
    static const struct {
        const char *settings[3];
        const struct web_place *place;
        const char *target;
    } cases[] = {
        {{"registration=invite", NULL}, NULL, "GET /qr-chatmail-invite-a.org.png"},
        {{"registration=closed", NULL}, NULL, "GET /qr-chatmail-invite-a.org.svg"},
        {{"mail_domain=192.0.2.1", NULL}, NULL, "GET /qr-chatmail-invite-192.0.2.1.png"},
        {{"mail_domain=_a.org", NULL}, &dev_place, "GET /qr-chatmail-invite-_a.org.png"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct test_site t;
        test_site_start(&t, cases[i].settings, cases[i].place);
        struct test_reply r = test_ask(&t, "a.org", cases[i].target, NULL);
        test_status(&r, 404);
        test_site_stop(&t);
    }
}

// Clients do not check the certificate of a name that begins with "_": what everybody else gets leads there, too.
static void a_link_for_all_of_a_private_name(void **state) {
    static const struct web_place place = {.https_port = 443, .imaps_port = 993, .smtps_port = 465};
    struct test_site t;
    test_site_start(&t, (const char *[]){"mail_domain=_a.org", NULL}, &place);
    struct test_reply r = test_ask(&t, "_a.org", "GET /", NULL);
    test_status(&r, 200);
    assert_true(test_body_has(&r, "DCACCOUNT:https://_a.org/new"));
    assert_false(test_body_has(&r, "dclogin:"));
    test_site_stop(&t);
}

static void a_home_for_each_visitor(void **state) {
    struct test_site t;
    test_site_start(&t, (const char *[]){"mail_domain=_a.org", NULL}, &dev_place);
    struct test_reply r = test_ask(&t, "127.0.0.1", "GET /", "If-None-Match: *\r\n");
    test_status(&r, 200);
    test_field_is(&r, "Cache-Control", "no-store");
    test_field_is(&r, "ETag", "");
    check_policy(&r, "");
    assert_true(test_body_has(&r, "dclogin:"));
    assert_true(test_body_has(&r, "@_a.org?p="));
    // Looking is not asking for an offer: no rate limits it.
    for (int i = 0; i < 12; i++)
        r = test_ask(&t, "127.0.0.1", "GET /en/", NULL);
    test_status(&r, 200);
    assert_true(test_body_has(&r, "dclogin:"));
    r = test_ask(&t, "127.0.0.1", "GET /info", NULL);
    test_status(&r, 200);
    test_site_stop(&t);
}

static void a_home_for_the_invited(void **state) {
    static const char own[] = "DCACCOUNT:https://a.org/new?t=AAAAAAAAAAAAAAAAAAAAAA";
    struct test_site t;
    test_site_start(&t, (const char *[]){"registration=invite", NULL}, NULL);
    struct test_reply r = test_ask(&t, "a.org", "GET /?t=AAAAAAAAAAAAAAAAAAAAAA", NULL);
    test_status(&r, 200);
    test_field_is(&r, "Cache-Control", "no-store");
    check_policy(&r, "max-age=31536000");
    assert_true(test_body_has(&r, own));
    assert_true(test_body_has(&r, "href=\"/de/?t=AAAAAAAAAAAAAAAAAAAAAA\"")); // it goes along to another language
    static const char *const ordinary[] = {"GET /", "GET /?t=nonsense", "GET /?t=%22%3E%3Cb%3E"};
    for (size_t i = 0; i < ARRAY_LEN(ordinary); i++) {
        r = test_ask(&t, "a.org", ordinary[i], NULL);
        test_status(&r, 200);
        test_field_is(&r, "Cache-Control", "no-cache");
        assert_false(test_body_has(&r, "DCACCOUNT:"));
    }
    test_world_configure(&t.world, (const char *[]){"registration=closed", NULL});
    web_reload(t.web, &t.place, &(struct pages_parts){0});
    r = test_ask(&t, "a.org", "GET /?t=AAAAAAAAAAAAAAAAAAAAAA", NULL);
    assert_false(test_body_has(&r, "DCACCOUNT:"));
    test_site_stop(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_in_languages),
        cmocka_unit_test(what_is_not_there),
        cmocka_unit_test(codings),
        cmocka_unit_test(copies),
        cmocka_unit_test(head_is_get_without_the_body),
        cmocka_unit_test(small_files),
        cmocka_unit_test(no_code_without_a_link_for_all),
        cmocka_unit_test(a_link_for_all_of_a_private_name),
        cmocka_unit_test(a_home_for_each_visitor),
        cmocka_unit_test(a_home_for_the_invited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
