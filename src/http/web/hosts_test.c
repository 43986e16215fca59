// SPDX-License-Identifier: MIT
// Which host is answered how, on both ports.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "http/route.h"
#include "http/web/test_site.h"

static int setup(void **state) {
    static struct test_site t;
    test_site_start(&t, NULL, NULL);
    *state = &t;
    return 0;
}

static const struct web_place dev_place = {
    .dev_host = "127.0.0.1", .https_port = 10443, .imaps_port = 10993, .smtps_port = 10465};

static int setup_dev(void **state) {
    static struct test_site t;
    test_site_start(&t, NULL, &dev_place);
    *state = &t;
    return 0;
}

static int teardown(void **state) {
    test_site_stop(*state);
    return 0;
}

struct redirect {
    const char *host, *target, *location;
};

static void check_redirects(struct test_site *t, const struct redirect *cases, size_t n, bool is_plain) {
    for (size_t i = 0; i < n; i++) {
        struct test_reply r = is_plain ? test_ask_plain(t, cases[i].host, cases[i].target, NULL)
                                       : test_ask(t, cases[i].host, cases[i].target, NULL);
        if (r.status != 301)
            print_error("host %s, %s\n", cases[i].host, cases[i].target);
        test_status(&r, 301);
        test_field_is(&r, "Location", cases[i].location);
    }
}

static void other_names_of_the_domain(void **state) {
    static const struct redirect cases[] = {
        {"www.a.org", "GET /", "https://a.org/"},
        {"WWW.A.ORG", "GET /info?x=1&y=%20", "https://a.org/info?x=1&y=%20"},
        {"www.a.org.", "GET /a%20b%3Fc%25", "https://a.org/a%20b%3Fc%25"},
        {"www.a.org:443", "HEAD /info", "https://a.org/info"},
        {"www.a.org", "POST /new", "https://a.org/new"},
        {"mta-sts.a.org", "GET /", "https://a.org/"},
        {"mta-sts.a.org", "GET /info", "https://a.org/"},
        {"mta-sts.a.org", "POST /new", "https://a.org/"},
        {"autoconfig.a.org", "GET /info?x", "https://a.org/"},
    };
    check_redirects(*state, cases, ARRAY_LEN(cases), false);
}

static void port_80_leads_to_443(void **state) {
    static const struct redirect cases[] = {
        {"a.org", "GET /", "https://a.org/"},
        {"A.org:80", "GET /info?x=1", "https://a.org/info?x=1"},
        {"www.a.org", "GET /x", "https://www.a.org/x"},
        {"mta-sts.a.org", "GET /.well-known/mta-sts.txt", "https://mta-sts.a.org/.well-known/mta-sts.txt"},
        {"autoconfig.a.org", "POST /x", "https://autoconfig.a.org/x"},
        {"evil.example", "GET /x", "https://a.org/x"},
        {"a.org.evil.example", "GET /", "https://a.org/"},
        {"evila.org", "GET /", "https://a.org/"},
        {"www.www.a.org", "GET /", "https://a.org/"},
        {NULL, "GET /info", "https://a.org/info"},
        {"a.org", "POST /mxdeliv", "https://a.org/mxdeliv"},
        {"a.org", "GET http://a.org/info", "https://a.org/info"},
        {"a.org", "GET /%C3%A9/%22%3C", "https://a.org/%C3%A9/%22%3C"},
    };
    check_redirects(*state, cases, ARRAY_LEN(cases), true);
    struct test_reply r = test_ask_plain(*state, "a.org", "GET /", NULL);
    test_field_is(&r, "Strict-Transport-Security", ""); // RFC 6797 section 7.2
}

static void in_development_with_the_port(void **state) {
    static const struct redirect plain[] = {
        {"127.0.0.1:10080", "GET /info", "https://127.0.0.1:10443/info"},
        {"a.org:10080", "GET /info", "https://a.org:10443/info"},
        {"localhost", "GET /", "https://127.0.0.1:10443/"},
    };
    static const struct redirect secure[] = {
        {"www.a.org:10443", "GET /info", "https://a.org:10443/info"},
        {"mta-sts.a.org", "GET /", "https://a.org:10443/"},
    };
    check_redirects(*state, plain, ARRAY_LEN(plain), true);
    check_redirects(*state, secure, ARRAY_LEN(secure), false);
}

static void any_other_name_is_the_domain(void **state) {
    static const char *const hosts[] = {"a.org", "a.org.", "mx.example", "192.0.2.1", "[2001:db8::1]", "b.a.org"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct test_reply r = test_ask(*state, hosts[i], "GET /robots.txt", NULL);
        test_status(&r, 200);
    }
    struct test_reply r = test_ask(*state, "a.org", "GET https://a.org/robots.txt", NULL);
    test_status(&r, 200);
    r = test_ask(*state, "a.org", "GET https://www.a.org/robots.txt", NULL);
    test_status(&r, 301); // the target's host counts (RFC 9112 section 3.2.2)
}

static void mta_sts(void **state) {
    static const char *const hosts[] = {"mta-sts.a.org", "a.org"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct test_reply r = test_ask(*state, hosts[i], "GET /.well-known/mta-sts.txt", NULL);
        test_status(&r, 200);
        test_field_is(&r, "Content-Type", "text/plain; charset=utf-8");
        assert_true(test_body_has(&r, "version: STSv1\r\nmode: enforce\r\nmx: a.org\r\nmax_age: 2419200\r\n"));
    }
}

static void no_mta_sts_without_a_certificate(void **state) {
    struct test_reply r = test_ask(*state, "mta-sts.a.org", "GET /.well-known/mta-sts.txt", NULL);
    test_status(&r, 404);
}

static void check_servers(struct test_site *t, const char *host, const char *target, const int ports[6]) {
    static const char *const kinds[] = {"incomingServer type=\"imap\"", "outgoingServer type=\"smtp\""};
    static const char *const sockets[] = {"SSL", "STARTTLS", "SSL"};
    struct test_reply r = test_ask(t, host, target, NULL);
    test_status(&r, 200);
    test_field_is(&r, "Content-Type", "text/xml; charset=utf-8");
    struct slice rest = r.body;
    for (size_t i = 0; i < 6; i++) {
        char want[400];
        (void)snprintf(want, sizeof(want),
                       "<%s>\n      <hostname>a.org</hostname>\n      <port>%d</port>\n"
                       "      <socketType>%s</socketType>\n"
                       "      <authentication>password-cleartext</authentication>\n"
                       "      <username>%%EMAILADDRESS%%</username>\n",
                       kinds[i / 3], ports[i], sockets[i % 3]);
        size_t at = slice_find_slice(rest, slice_from_cstr(want));
        if (at == rest.len)
            fail_msg("no (further) server: %s in\n%.*s", want, SLICE_FMT(r.body));
        rest = slice_sub(rest, at + 1, rest.len);
    }
    assert_true(test_body_has(&r, "<emailProvider id=\"a.org\">\n    <domain>a.org</domain>\n"
                                  "    <displayName>a.org chatmail</displayName>\n"
                                  "    <displayShortName>a.org</displayShortName>\n"));
}

static void autoconfig(void **state) {
    static const int ports[] = {993, 143, 443, 465, 587, 443};
    check_servers(*state, "a.org", "GET /.well-known/autoconfig/mail/config-v1.1.xml", ports);
    check_servers(*state, "autoconfig.a.org", "GET /mail/config-v1.1.xml?emailaddress=x%40a.org", ports);
    check_servers(*state, "autoconfig.a.org", "GET /.well-known/autoconfig/mail/config-v1.1.xml", ports);
    struct test_reply r = test_ask(*state, "a.org", "GET /mail/config-v1.1.xml", NULL);
    test_status(&r, 404);
}

static void autoconfig_in_development(void **state) {
    static const int ports[] = {10993, 10143, 10443, 10465, 10587, 10443};
    check_servers(*state, "127.0.0.1", "GET /.well-known/autoconfig/mail/config-v1.1.xml", ports);
}

static void challenges(void **state) {
    struct test_site *t = *state;
    assert_true(web_challenge_set(t->web, SLICE("tok-en_1"), SLICE("tok-en_1.thumbprint")));
    struct test_reply r = test_ask_plain(t, "anything.example", "GET /.well-known/acme-challenge/tok-en_1", NULL);
    test_status(&r, 200);
    assert_true(slice_eq(r.body, SLICE("tok-en_1.thumbprint")));
    r = test_ask_plain(t, "a.org", "GET /.well-known/acme-challenge/tok-en", NULL);
    test_status(&r, 404);
    r = test_ask_plain(t, "a.org", "POST /.well-known/acme-challenge/tok-en_1", NULL);
    test_status(&r, 405);
    web_challenge_clear(t->web, SLICE("tok-en_1"));
    r = test_ask_plain(t, "a.org", "GET /.well-known/acme-challenge/tok-en_1", NULL);
    test_status(&r, 404);
}

static void captive_portal_probe(void **state) {
    for (int plain = 0; plain < 2; plain++) {
        struct test_reply (*ask)(struct test_site *, const char *, const char *, const char *) =
            plain != 0 ? test_ask_plain : test_ask;
        struct test_reply r = ask(*state, "a.org", "GET /generate_204", NULL);
        test_status(&r, 204);
        test_field_is(&r, "X-Tailscale-Response", "");
        r = ask(*state, "a.org", "GET /generate_204",
                "X-Tailscale-Challenge: ts_a.org-1\r\nX-Iroh-Challenge: other\r\n");
        test_field_is(&r, "X-Tailscale-Response", "response ts_a.org-1");
        test_field_is(&r, "X-Iroh-Response", "response other");
        r = ask(*state, "a.org", "GET /generate_204", "X-Tailscale-Challenge: a b\r\nX-Iroh-Challenge:\r\n");
        test_status(&r, 204);
        test_field_is(&r, "X-Tailscale-Response", "");
        test_field_is(&r, "X-Iroh-Response", "");
        r = ask(*state, "a.org", "GET /generate_204",
                "X-Tailscale-Challenge: 1234567890123456789012345678901234567890123456789012345678901234\r\n"
                "X-Iroh-Challenge: 123456789012345678901234567890123456789012345678901234567890123\r\n");
        test_field_is(&r, "X-Tailscale-Response", "");
        test_field_is(&r, "X-Iroh-Response",
                      "response 123456789012345678901234567890123456789012345678901234567890123");
    }
}

static void run_guest(void *arg, struct http_exchange *x) {
    http_respond_text(x, 202, arg);
}

static void routes_of_other_rooms_come_first(void **state) {
    static char text[] = "guest";
    struct test_site *t = *state;
    web_add_route(t->web, &(struct http_route){"/mxdeliv", HTTP_ALLOW_POST, run_guest}, text);
    struct test_reply r = test_ask(t, "www.a.org", "POST /mxdeliv", NULL); // peers come by any name
    test_status(&r, 202);
    assert_true(test_body_has(&r, "guest"));
    r = test_ask(t, "a.org", "GET /mxdeliv", NULL);
    test_status(&r, 405);
    test_field_is(&r, "Allow", "POST");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(other_names_of_the_domain, setup, teardown),
        cmocka_unit_test_setup_teardown(port_80_leads_to_443, setup, teardown),
        cmocka_unit_test_setup_teardown(in_development_with_the_port, setup_dev, teardown),
        cmocka_unit_test_setup_teardown(any_other_name_is_the_domain, setup, teardown),
        cmocka_unit_test_setup_teardown(mta_sts, setup, teardown),
        cmocka_unit_test_setup_teardown(no_mta_sts_without_a_certificate, setup_dev, teardown),
        cmocka_unit_test_setup_teardown(autoconfig, setup, teardown),
        cmocka_unit_test_setup_teardown(autoconfig_in_development, setup_dev, teardown),
        cmocka_unit_test_setup_teardown(challenges, setup, teardown),
        cmocka_unit_test_setup_teardown(captive_portal_probe, setup, teardown),
        cmocka_unit_test_setup_teardown(routes_of_other_rooms_come_first, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
