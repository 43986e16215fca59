// SPDX-License-Identifier: MIT
#include "config/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void what_is_taken(void **state) {
    static const struct {
        const char *text, *want; // "https|http host port rest"; NULL: refused
    } cases[] = {
        {"https://notifications.delta.chat/notify", "https notifications.delta.chat 443 /notify"},
        {"http://Relay.Example", "http relay.example 80 "},
        {"HTTPS://a.org:8443/x?y=z", "https a.org 8443 /x?y=z"},
        {"http://a.org?x", "http a.org 80 ?x"},
        {"http://192.0.2.1:3342", "http 192.0.2.1 3342  ipv4"},
        {"https://[2001:DB8::1]/", "https [2001:db8::1] 443 /"},
        {"https://[2001:db8::1]:444", "https [2001:db8::1] 444 "},
        {"https://localhost:1", "https localhost 1 "},
        {"", NULL},
        {"a.org", NULL},
        {"//a.org", NULL},
        {"ftp://a.org", NULL},
        {"https:a.org", NULL},
        {"https://", NULL},
        {"https:///notify", NULL},
        {"https://:443/", NULL},
        {"https://a.org:", NULL},
        {"https://a.org:0", NULL},
        {"https://a.org:65536", NULL},
        {"https://a.org:+1", NULL},
        {"https://a..org", NULL},
        {"https://me@a.org/", NULL},
        {"https://me:secret@a.org/", NULL},
        {"https://a.org/#there", NULL},
        {"https://a.org/a b", NULL},
        {"https://a.org/\xc3\xa4", NULL},
        {"https://a.org/\n", NULL},
        {"https://[192.0.2.1]", NULL},
        {"https://[::1", NULL},
        {"https://[::1]x", NULL},
        {"https://[]", NULL},
        {"https://2001:db8::1/", NULL},
        {"https://192.0.2.256/", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config_url url = {.port = 42};
        char got[512] = "refused";
        if (config_url_parse(slice_from_cstr(cases[i].text), &url))
            (void)snprintf(got, sizeof(got), "%s %s %u %.*s%s", url.is_https ? "https" : "http", url.host, url.port,
                           SLICE_FMT(url.rest), url.host_is_ipv4 ? " ipv4" : "");
        else
            assert_int_equal(url.port, 42);
        const char *want = cases[i].want != NULL ? cases[i].want : "refused";
        if (strcmp(got, want) != 0)
            fail_msg("\"%s\": got %s, want %s", cases[i].text, got, want);
    }
    struct config_url url;
    assert_false(config_url_parse(SLICE("https://a.org/\0"), &url));
    assert_false(config_url_parse(SLICE("https://[::1\0]/"), &url));
    assert_false(config_url_parse((struct slice){NULL, 0}, &url));
}

static void how_long(void **state) {
    char text[CONFIG_URL_MAX + 2];
    struct config_url url;
    memset(text, 'x', sizeof(text));
    memcpy(text, "https://a.org/", 14);
    assert_true(config_url_parse(slice_make(text, CONFIG_URL_MAX), &url));
    assert_false(config_url_parse(slice_make(text, CONFIG_URL_MAX + 1), &url));
}

static void places(void **state) {
    static const struct {
        const char *places, *url;
        bool want;
    } cases[] = {
        {"apps.example.org", "https://apps.example.org/x.apk", true},
        {"apps.example.org", "https://APPS.example.org", true},
        {"a.org, github.com/Us/", "https://github.com/Us/app/releases/v1.apk", true},
        {"github.com/us/", "https://github.com/us", false},
        {"github.com/us/", "https://github.com/usurper/x", false},
        {"github.com/us/", "https://github.com/US/x", false},
        {"github.com/us/", "https://github.com/us/../them/x", false},
        {"github.com/us/", "https://github.com/us/%2e%2e/them/x", false},
        {"github.com/us/", "https://github.com/us/..%2Fthem/x", false},
        {"github.com/us/", "https://github.com/us/\\..\\them/x", false},
        {"github.com/us/", "https://github.com/us/a%20b%2Bc.apk", true},
        {"github.com/us/", "https://github.com/us/x?y=/../", true},
        {"apps.example.org", "http://apps.example.org/x", false},
        {"apps.example.org", "https://apps.example.org:8443/x", false},
        {"apps.example.org", "https://apps.example.org:443/x", true},
        {"apps.example.org", "https://apps.example.org.evil.net/x", false},
        {"apps.example.org", "https://www.apps.example.org/x", false},
        {"", "https://apps.example.org/x", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice rest = slice_from_cstr(cases[i].places);
        struct config_url url, place;
        bool got = false;
        assert_true(config_url_parse(slice_from_cstr(cases[i].url), &url));
        while (config_place_next(&rest, &place))
            got = got || config_url_is_at(&url, &place);
        assert_int_equal(rest.len, 0);
        if (got != cases[i].want)
            fail_msg("%s at \"%s\": got %d", cases[i].url, cases[i].places, got);
    }
    static const char *const bad[] = {"",      ",",      "https://a.org", "a.org:443", "a.org/x", "a.org/x/?y/",
                                      "[::1]", "a..org", "*.a.org"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct slice rest = slice_from_cstr(bad[i]);
        struct config_url place;
        if (config_place_next(&rest, &place) || rest.len != strlen(bad[i]))
            fail_msg("\"%s\" is taken", bad[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_taken),
        cmocka_unit_test(how_long),
        cmocka_unit_test(places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
