// SPDX-License-Identifier: MIT
// Which gateways are used, and where they are looked for.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/clock.h"
#include "config/config.h"
#include "push/fake_gateway.h"
#include "push/gateway.h"
#include "queue/fake_dns.h"

static struct config *configuration(const char *gateway) {
    char text[512];
    (void)snprintf(text, sizeof(text), "[params]\nmail_domain = relay.test\n%s%s\n",
                   gateway != NULL ? "push_gateway = " : "", gateway != NULL ? gateway : "");
    struct config *c = config_parse(slice_from_cstr(text), "test", NULL, NULL, NULL);
    assert_non_null(c);
    return c;
}

static void which_are_wanted(void **state) {
    static const struct {
        const char *url;
        bool in_dns, elsewhere; // wanted by a domain that has a place in the DNS, and by one that has none
        bool refused;
    } cases[] = {
        {NULL, true, false, false},
        {"", false, false, false},
        {"https://push.test/notify", true, true, false},
        {"https://push.test:8443/notify", true, true, false},
        {"https://192.0.2.1/notify", true, true, false},
        {"https://[2001:db8::1]:8443/notify", true, true, false},
        {"https://localhost:8443/notify", true, true, false},
        {"http://127.0.0.1:8080/notify", true, true, false},
        {"http://127.9.9.9/notify", true, true, false},
        {"http://[::1]:8080/notify", true, true, false},
        {"http://localhost:8080/notify", false, false, true}, // a name is what somebody says it is
        {"http://push.test/notify", false, false, true},
        {"http://192.0.2.1/notify", false, false, true},
        {"http://10.0.0.1/notify", false, false, true},
        {"http://[2001:db8::1]/notify", false, false, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *c = configuration(cases[i].url);
        const char *why = NULL;
        assert_int_equal(gateway_is_wanted(c, true, &why), cases[i].in_dns);
        assert_int_equal(why != NULL, cases[i].refused);
        assert_int_equal(gateway_is_wanted(c, false, NULL), cases[i].elsewhere);
        config_free(c);
    }
}

static struct world {
    struct loop *loop;
    struct dns_resolver dns;
    struct gateway gateway;
    int found, not_found;
    unsigned status;
} w;

static void on_found(void *arg, bool found) {
    w.found += found;
    w.not_found += !found;
}

static void open_world(const char *url, const char *zone) {
    fake_gateway_reset();
    clock_set_fake(1000000000, 1800000000);
    w = (struct world){.loop = loop_new()};
    fake_dns_init(&w.dns, zone);
    gateway_init(&w.gateway, w.loop, &w.dns, NULL, on_found, &w);
    struct config *c = configuration(url);
    assert_true(gateway_use(&w.gateway, c));
    assert_false(gateway_use(&w.gateway, c));
    config_free(c);
}

static void close_world(void) {
    gateway_done(&w.gateway);
    loop_free(w.loop);
    fake_dns_done(&w.dns);
    fake_gateway_reset();
    clock_use_real();
}

static void addresses_that_need_no_asking(void **state) {
    static const struct {
        const char *url;
        size_t n;
    } cases[] = {{"https://192.0.2.1/n", 0}, {"https://[2001:db8::1]/n", 0}, {"https://LocalHost:99/n", 2}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        open_world(cases[i].url, "");
        assert_true(gateway_find(&w.gateway));
        assert_int_equal(w.gateway.n_addresses, cases[i].n);
        assert_int_equal(w.dns.n_asked, 0);
        close_world();
    }
}

static void addresses_are_asked_for_and_kept(void **state) {
    open_world("https://push.test/n", "push.test A 192.0.2.1\npush.test A 192.0.2.2\n");
    assert_false(gateway_find(&w.gateway));
    assert_false(gateway_find(&w.gateway)); // one question at a time
    assert_int_equal(w.dns.n_asked, 2);
    loop_run_ready(w.loop);
    assert_int_equal(w.found, 1);
    assert_int_equal(w.gateway.n_addresses, 2);
    clock_set_fake(1000000000 + (uint64_t)299 * 1000000, 1800000000); // of 300 s
    assert_true(gateway_find(&w.gateway));
    clock_set_fake(1000000000 + (uint64_t)300 * 1000000, 1800000000);
    assert_false(gateway_find(&w.gateway));
    loop_run_ready(w.loop);
    assert_true(gateway_find(&w.gateway));
    gateway_doubt_addresses(&w.gateway);
    assert_false(gateway_find(&w.gateway));
    loop_run_ready(w.loop);
    assert_int_equal(w.found, 3);
    close_world();
}

static void no_address(void **state) {
    open_world("https://push.test/n", "other.test A 192.0.2.1\n");
    assert_false(gateway_find(&w.gateway));
    loop_run_ready(w.loop);
    assert_int_equal(w.not_found, 1);
    assert_false(gateway_find(&w.gateway));
    close_world(); // while it is asked for
}

static void on_answer(void *arg, const struct http_answer *a) {
    w.status = a->status;
}

static void lines_go_with_their_last_call(void **state) {
    struct gateway_call a = {0}, b = {0};
    open_world("https://192.0.2.1/n", "");
    gateway_call_start(&w.gateway, &a, SLICE("one"), on_answer, NULL);
    assert_int_equal(fake_gateway.n_clients, 1);
    gateway_renew(&w.gateway);
    gateway_renew(&w.gateway);
    gateway_call_start(&w.gateway, &b, SLICE("two"), on_answer, NULL);
    loop_run_ready(w.loop);
    assert_int_equal(fake_gateway.n_clients, 2);
    fake_gateway_answer(fake_gateway_find("one"), 200);
    loop_run_ready(w.loop);
    assert_int_equal(w.status, 200);
    assert_int_equal(fake_gateway.n_clients, 1);
    gateway_call_cancel(&a); // harmless
    gateway_renew(&w.gateway);
    gateway_call_cancel(&b);
    loop_run_ready(w.loop);
    assert_int_equal(fake_gateway.n_clients, 0);
    close_world();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_are_wanted),
        cmocka_unit_test(addresses_that_need_no_asking),
        cmocka_unit_test(addresses_are_asked_for_and_kept),
        cmocka_unit_test(no_address),
        cmocka_unit_test(lines_go_with_their_last_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
