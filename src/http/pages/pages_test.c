// SPDX-License-Identifier: MIT
// Snapshots: what is found under a path, and what the pages say.
#include "http/pages/pages.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/mem.h"
#include "http/pages/test_pages.h"

static void the_built_in_pages(void **state) {
    struct pages *p = test_build_with("", NULL, TEST_LINK);
    test_no_complaint();
    static const char *const paths[] = {"/", "/info", "/privacy"};
    static const char *const codes[] = {"en", "de", "ru", "fa", "es", "fr", "pl"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        for (size_t k = 0; k < ARRAY_LEN(codes); k++) {
            const struct page_file *f = pages_find(p, slice_from_cstr(paths[i]), slice_from_cstr(codes[k]));
            assert_non_null(f);
            assert_string_equal(f->language, codes[k]);
            assert_string_equal(f->content_type, "text/html; charset=utf-8");
            assert_true(f->by_language);
            assert_true(slice_find_slice(f->body, SLICE("{{")) == f->body.len);
            assert_true(slice_find_slice(f->body, SLICE("chat.example.org")) < f->body.len);
        }
    assert_non_null(strstr(test_body_of(p, "/", ""), "href=\"" TEST_LINK "\""));
    assert_non_null(strstr(test_body_of(p, "/fa/", ""), "dir=\"rtl\""));
    assert_string_equal(pages_find(p, SLICE("/style.css"), SLICE_EMPTY)->content_type, "text/css; charset=utf-8");
    pages_free(p);
}

// What a relay may be configured to: each has its page, and none shows a link that is not there.
static void every_kind_of_registration(void **state) {
    static const char *const settings[] = {"registration=open", "registration=invite", "registration=closed"};
    static const char *const contacts[] = {"privacy_mail=a@example.org", "privacy_postal=x",
                                           "donate_url=https://d.example"};
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        struct pages *p = test_build_with("", settings[i], "");
        test_no_complaint();
        assert_null(strstr(test_body_of(p, "/", ""), "<svg xmlns"));
        assert_null(strstr(test_body_of(p, "/", ""), "DCACCOUNT"));
        pages_free(p);
        p = test_build_with("", contacts[i], "");
        test_no_complaint();
        pages_free(p);
    }
}

// What a page may say only while the part that keeps it is in force, and what it says instead.
static void promises_follow_the_parts(void **state) {
    static const struct {
        bool *part;
        const char *path, *promise, *instead; // instead "": nothing
    } cases[] = {
        {&test_parts.expiry, "/en/", "by itself after 90\u00a0days", ""},
        {&test_parts.expiry, "/en/", "20\u00a0days at most", "fetched and deleted them."},
        {&test_parts.expiry, "/en/info", "7\u00a0days after your app", "until your app deletes them"},
        {&test_parts.expiry, "/en/info", "the oldest messages make room", "nothing arrives until something is deleted"},
        {&test_parts.expiry, "/en/info", "messages delete themselves", ""},
        {&test_parts.expiry, "/en/info", "after 90\u00a0days without login", "until the operator deletes them"},
        {&test_parts.expiry, "/en/privacy", "after 90\u00a0days without login", "which you may ask for at any time"},
        {&test_parts.expiry, "/en/privacy", "20\u00a0days at most", "or the account is deleted"},
        {&test_parts.push, "/en/info", "woken by push", ""},
        {&test_parts.push, "/en/privacy", "your encrypted token, and nothing", "nothing is sent to that service"},
        {&test_parts.push, "/en/privacy", "6\u00a0hours at most", ""},
        {&test_parts.federation, "/en/", "people on any relay", ""},
        {&test_parts.federation, "/en/info", "as long as both sides encrypt", "other relays included, comes back"},
        {&test_parts.federation, "/en/info", "All relays work together", ""},
        {&test_parts.federation, "/en/info", "IETF standards", ""},
        {&test_parts.federation, "/en/privacy", "Other relays and mail servers", ""},
        {&test_parts.calls, "/en/info", "Calls get through", ""},
        {&test_parts.calls, "/en/privacy", "Packets between devices", "Public servers of the Delta Chat project"},
        {&test_parts.iroh, "/en/info", "direct connection between devices through this relay", ""},
        {&test_parts.iroh, "/en/privacy", "Packets between devices", "Public relays of the iroh project"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (unsigned is_there = 0; is_there <= 1; is_there++) {
            *cases[i].part = is_there == 1;
            struct pages *p = test_build_with("", NULL, TEST_LINK);
            const char *body = test_body_of(p, cases[i].path, "");
            bool promises = strstr(body, cases[i].promise) != NULL;
            bool says_other = strstr(body, cases[i].instead) != NULL;
            if (promises != (is_there == 1) || says_other != (is_there == 0 || cases[i].instead[0] == '\0'))
                fail_msg("%s, part %u: \"%s\" %d, \"%s\" %d", cases[i].path, is_there, cases[i].promise, promises,
                         cases[i].instead, says_other);
            pages_free(p);
            test_parts = (struct pages_parts){0};
        }
}

static void numbers_in_their_language(void **state) {
    static const struct {
        const char *path, *want;
    } cases[] = {
        {"/fa/info", "۳۰\u00a0مگابایت"},
        {"/fa/info", "حداکثر ۲۰\u00a0روز"},
        {"/fa/", "پس از ۹۰\u00a0روز بدون ورود"},
        {"/ru/info", "30\u00a0МБ"},
        {"/ru/info", "60\u00a0сообщений"},
        {"/ru/info", "не дольше 20\u00a0дней"},
        {"/ru/info", "через 90\u00a0дней"},
        {"/pl/privacy", "po 90\u00a0dniach bez logowania"},
        {"/de/privacy", "nach 90\u00a0Tagen ohne Anmeldung"},
        {"/fr/info", "30\u00a0Mo"},
    };
    test_parts.expiry = true;
    struct pages *p = test_build_with("", NULL, TEST_LINK);
    test_parts.expiry = false;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (strstr(test_body_of(p, cases[i].path, ""), cases[i].want) == NULL)
            fail_msg("%s: no \"%s\"", cases[i].path, cases[i].want);
    pages_free(p);
}

// Who helps apps to connect devices: this relay, another one that clients are told of, or whoever does it for all.
static void who_helps_to_connect(void **state) {
    static const struct {
        bool here;
        const char *setting, *want, *not_want;
    } cases[] = {
        {true, NULL, "The devices of others", "Public relays of the iroh project"},
        {true, "iroh_relay=https://chat.example.org", "The devices of others", "The relay "},
        {false, "iroh_relay=https://iroh.example.net:8443/", "The relay <bdi dir=\"ltr\">iroh.example.net</bdi>",
         "Public relays of the iroh project"},
        {false, "iroh_relay=", "Public relays of the iroh project", "The relay <bdi"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        test_parts.iroh = cases[i].here;
        struct pages *p = test_build_with("", cases[i].setting, TEST_LINK);
        test_no_complaint();
        const char *body = test_body_of(p, "/en/privacy", "");
        if (strstr(body, cases[i].want) == NULL || strstr(body, cases[i].not_want) != NULL)
            fail_msg("case %zu: want \"%s\", not \"%s\"", i, cases[i].want, cases[i].not_want);
        pages_free(p);
    }
    test_parts.iroh = false;
}

// Whoever lets the log hold addresses does not promise the opposite.
static void what_the_log_holds(void **state) {
    static const char *const settings[] = {"log_addresses=false", "log_addresses=true"};
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        struct pages *p = test_build_with("", settings[i], TEST_LINK);
        const char *body = test_body_of(p, "/en/privacy", "");
        assert_int_equal(strstr(body, "without mail addresses, IP addresses or content") != NULL, i == 0);
        assert_int_equal(strstr(body, "mail addresses may be among it") != NULL, i == 1);
        pages_free(p);
    }
}

static void paths(void **state) {
    test_put("own.html", "own {{lang}} {{page}} {{page_path}} {{root}}");
    test_put("about/index.html", "about {{page_path}}");
    test_put("about/us.html", "us");
    test_put("de/imprint.html", "Impressum {{lang}}");
    test_put("de/info.html", "only here");
    test_put("_own.html", "partial");
    test_put("strings/de.json", "{}");
    test_put("README.md", "read me");
    test_put("notes.txt", "notes");
    test_put(".hidden", "hidden");
    test_put("own.html~", "backup");
    struct pages *p = test_build();
    test_no_complaint();
    static const struct {
        const char *path, *wish, *want; // want "": not found; "*": anything
    } cases[] = {
        {"/own", "", "own en own own /en/"},
        {"/own.html", "fr", "own fr own own /fr/"},
        {"/ru/own", "fr", "own ru own own /ru/"},
        {"/ru/own.html", "", "own ru own own /ru/"},
        {"/about/", "", "about about/"},
        {"/about/index.html", "", "about about/"},
        {"/pl/about/", "", "about about/"},
        {"/about", "", ""},
        {"/about/us", "", "us"},
        {"/de/imprint", "fr", "Impressum de"},
        {"/imprint", "de", ""},
        {"/fr/de/imprint", "de", ""},
        {"/de/info", "", "only here"},
        {"/info", "de", "*"},
        {"/notes.txt", "", "notes"},
        {"/de/notes.txt", "", ""},
        {"/de", "", "*"},
        {"/de/", "", "*"},
        {"/de/index.html", "", "*"},
        {"/index", "", "*"},
        {"/index.html", "", "*"},
        {"/404", "", ""},
        {"/404.html", "", ""},
        {"/de/404", "", ""},
        {"/_own", "", ""},
        {"/_own.html", "", ""},
        {"/strings/de.json", "", ""},
        {"/README.md", "", ""},
        {"/.hidden", "", ""},
        {"/own.html~", "", ""},
        {"/xx/", "", ""},
        {"/own/", "", ""},
        {"own", "", ""},
        {"", "", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got = test_body_of(p, cases[i].path, cases[i].wish);
        bool ok = strcmp(cases[i].want, "*") == 0 ? got[0] != '\0' : strcmp(got, cases[i].want) == 0;
        if (!ok)
            fail_msg("%s: got \"%.60s\", want \"%s\"", cases[i].path, got, cases[i].want);
    }
    assert_null(pages_find(p, slice_make("/own\0x", 6), SLICE_EMPTY));
    char longest[2000];
    memset(longest, '/', sizeof(longest));
    assert_null(pages_find(p, slice_make(longest, sizeof(longest)), SLICE_EMPTY));
    assert_false(pages_find(p, SLICE("/de/own"), SLICE_EMPTY)->by_language);
    assert_false(pages_find(p, SLICE("/de/imprint"), SLICE_EMPTY)->by_language);
    assert_null(pages_find(p, SLICE("/notes.txt"), SLICE_EMPTY)->language);
    pages_free(p);
}

static void what_is_not_found(void **state) {
    struct pages *p = test_build_with("", NULL, TEST_LINK);
    assert_string_equal(pages_not_found(p, SLICE("/x"), SLICE("ru"))->language, "ru");
    assert_true(pages_not_found(p, SLICE("/x"), SLICE("ru"))->by_language);
    assert_string_equal(pages_not_found(p, SLICE("/fa/x"), SLICE("ru"))->language, "fa");
    assert_non_null(pages_not_found(p, SLICE_EMPTY, SLICE_EMPTY));
    pages_free(p);
}

static void etags_and_compression(void **state) {
    struct pages *p = test_build_with("", NULL, TEST_LINK), *again = test_build_with("", NULL, TEST_LINK);
    const struct page_file *a = pages_find(p, SLICE("/de/"), SLICE_EMPTY),
                           *b = pages_find(again, SLICE("/"), SLICE("de")),
                           *c = pages_find(p, SLICE("/fr/"), SLICE_EMPTY);
    assert_string_equal(a->etag, b->etag);
    assert_string_equal(a->gzip_etag, b->gzip_etag);
    assert_string_not_equal(a->etag, a->gzip_etag);
    assert_string_not_equal(a->etag, c->etag);
    assert_int_equal(a->etag[0], '"');
    assert_true(a->gzip.len > 0 && a->gzip.len < a->body.len);

    char *plain = mem_alloc(a->body.len + 1);
    z_stream z = {.next_in = (Bytef *)(uintptr_t)a->gzip.ptr,
                  .avail_in = (uInt)a->gzip.len,
                  .next_out = (Bytef *)plain,
                  .avail_out = (uInt)a->body.len + 1};
    assert_int_equal(inflateInit2(&z, 31), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, a->body.len);
    assert_memory_equal(plain, a->body.ptr, a->body.len);
    (void)inflateEnd(&z);
    free(plain);
    pages_free(p);
    pages_free(again);
}

static void a_home_of_ones_own(void **state) {
    struct pages *p = test_build_with("", NULL, "");
    assert_true(pages_is_home(p, SLICE("/")));
    assert_true(pages_is_home(p, SLICE("/index.html")));
    assert_true(pages_is_home(p, SLICE("/de/")));
    assert_false(pages_is_home(p, SLICE("/info")));
    assert_false(pages_is_home(p, SLICE("/de/info")));
    assert_false(pages_is_home(p, SLICE("/nothing/")));
    assert_false(pages_is_home(p, SLICE_EMPTY));
    size_t len = 0;
    char *body = pages_render_home(p, SLICE("/"), SLICE("ru"), "dclogin:a@b?p=x&v=1", "?t=A-B_c", &len);
    assert_non_null(body);
    assert_int_equal(strlen(body), len);
    assert_non_null(strstr(body, "href=\"dclogin:a@b?p=x&amp;v=1\""));
    assert_non_null(strstr(body, "<svg xmlns"));
    assert_non_null(strstr(body, "href=\"/de/?t=A-B_c\"")); // the invitation is not lost with the language
    assert_non_null(strstr(body, "lang=\"ru\""));
    free(body);
    assert_null(pages_render_home(p, SLICE("/info"), SLICE_EMPTY, "x", "", &len));
    pages_free(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_built_in_pages),
        cmocka_unit_test(every_kind_of_registration),
        cmocka_unit_test(promises_follow_the_parts),
        cmocka_unit_test(who_helps_to_connect),
        cmocka_unit_test(numbers_in_their_language),
        cmocka_unit_test(what_the_log_holds),
        WITH_FOLDER(paths),
        cmocka_unit_test(what_is_not_found),
        cmocka_unit_test(etags_and_compression),
        cmocka_unit_test(a_home_of_ones_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
