// SPDX-License-Identifier: MIT
// Login links, character by character.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "account/offer.h"

static const struct account_servers usual = {.imaps_port = 993, .smtps_port = 465};
static const struct account_servers literal = {
    .host = "192.0.2.1", .imaps_port = 993, .smtps_port = 465, .any_certificate = true};
static const struct account_servers literal6 = {
    .host = "2001:db8::1", .imaps_port = 993, .smtps_port = 465, .any_certificate = true};
static const struct account_servers elsewhere = {
    .host = "127.0.0.1", .imaps_port = 10993, .smtps_port = 10465, .any_certificate = true};
static const struct account_servers port_alone = {.imaps_port = 993, .smtps_port = 4650};

static void links(void **state) {
    static const struct {
        const char *address, *password;
        const struct account_servers *servers;
        const char *want;
    } cases[] = {
        {"bob@a.org", "secret", &usual, "dclogin:bob@a.org?p=secret&v=1"},
        {"bob@_a.org", "p@ss", &usual, "dclogin:bob@_a.org?p=p%40ss&v=1"},
        {"bob@a.org", "w+rd", &usual, "dclogin:bob@a.org?p=w%2Brd&v=1"},
        {"bob@a.org", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", &usual,
         "dclogin:bob@a.org?p=%21%22%23%24%25%26%27%28%29%2A%2B%2C-.%2F%3A%3B%3C%3D%3E%3F%40%5B%5C%5D%5E_%60%7B%7C%7D~"
         "&v=1"},
        {"bob@a.org", "Az09 \xc3\xa4\x7f", &usual, "dclogin:bob@a.org?p=Az09%20%C3%A4%7F&v=1"},
        {"b?o&b=1%@a.org", "x", &usual, "dclogin:b%3Fo%26b%3D1%25@a.org?p=x&v=1"},
        {"bob@[192.0.2.1]", "x", &literal, "dclogin:bob@[192.0.2.1]?p=x&v=1&ih=192.0.2.1&sh=192.0.2.1&ic=3"},
        {"bob@[IPv6:2001:db8::1]", "x", &literal6,
         "dclogin:bob@[IPv6:2001:db8::1]?p=x&v=1&ih=2001:db8::1&sh=2001:db8::1&ic=3"},
        {"bob@[127.0.0.1]", "x", &elsewhere,
         "dclogin:bob@[127.0.0.1]?p=x&v=1&ih=127.0.0.1&ip=10993&is=ssl&sh=127.0.0.1&sp=10465&ss=ssl&ic=3"},
        {"bob@a.org", "x", &port_alone, "dclogin:bob@a.org?p=x&v=1&sp=4650&ss=ssl"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b;
        buf_init(&b, 1000);
        assert_true(buf_append_cstr(&b, "> "));
        assert_true(account_dclogin_link(cases[i].address, cases[i].password, cases[i].servers, &b));
        assert_true(buf_append(&b, "", 1));
        assert_string_equal(buf_slice(&b).ptr + 2, cases[i].want);
        buf_done(&b);
    }
}

static void no_room(void **state) {
    static const char whole[] = "dclogin:bob@[127.0.0.1]?p=%40&v=1&ih=127.0.0.1&ip=10993&is=ssl&sh=127.0.0.1&sp=10465"
                                "&ss=ssl&ic=3";
    for (size_t max = 1; max < sizeof(whole) + 2; max++) {
        struct buf b;
        buf_init(&b, max);
        assert_true(buf_append_cstr(&b, ">"));
        bool ok = account_dclogin_link("bob@[127.0.0.1]", "@", &elsewhere, &b);
        assert_int_equal(ok, max >= sizeof(whole));
        assert_int_equal(b.len, ok ? sizeof(whole) : 1);
        buf_done(&b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(links), cmocka_unit_test(no_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
