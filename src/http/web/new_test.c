// SPDX-License-Identifier: MIT
// /new: offers, refusals, and how much one client may ask.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "account/offer.h"
#include "base/clock.h"
#include "http/web/test_site.h"
#include "store/invitation_ops.h"

static const struct web_place dev_place = {
    .dev_host = "127.0.0.1", .https_port = 10443, .imaps_port = 10993, .smtps_port = 10465};
static const struct web_place self_signed_place = {.https_port = 443, .imaps_port = 993, .smtps_port = 465};

// A member of the JSON object that the body is; "" when it is absent.
static const char *member(const struct test_reply *r, const char *name) {
    static char value[4096];
    json_t *object = json_loadb(r->body.ptr, r->body.len, 0, NULL);
    if (object == NULL)
        fail_msg("not JSON: %.*s", SLICE_FMT(r->body));
    const char *text = json_string_value(json_object_get(object, name));
    (void)snprintf(value, sizeof(value), "%s", text != NULL ? text : "");
    json_decref(object);
    return value;
}

static void check_credentials(const struct test_reply *r, const char *domain) {
    test_status(r, 200);
    test_field_is(r, "Content-Type", "application/json");
    test_field_is(r, "Cache-Control", "no-store");
    struct slice email = slice_from_cstr(member(r, "email"));
    if (!slice_ends_with(email, slice_from_cstr(domain)) || email.len != 9 + strlen(domain))
        fail_msg("got address %s", email.ptr);
    assert_true(strlen(member(r, "password")) >= 12);
}

static void check_reason(const struct test_reply *r, int status, const char *beginning) {
    test_status(r, status);
    test_field_is(r, "Content-Type", "application/json");
    test_field_is(r, "Cache-Control", "no-store");
    const char *reason = member(r, "reason");
    if (strncmp(reason, beginning, strlen(beginning)) != 0)
        fail_msg("got reason \"%s\"", reason);
}

static void an_offer(void **state) {
    static const char *const requests[] = {"POST /new", "POST /cgi-bin/newemail.py", "POST https://a.org/new"};
    struct test_site t;
    test_site_start(&t, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct test_reply r = test_ask(&t, "a.org", requests[i], NULL);
        check_credentials(&r, "@a.org");
        assert_string_equal(member(&r, "dclogin_url"), "");
    }
    struct test_reply r = test_ask(&t, "a.org", "POST /new", "Content-Length: 3\r\n\r\nx=y");
    check_credentials(&r, "@a.org");
    r = test_ask(&t, "a.org", "PUT /new", NULL);
    test_status(&r, 405);
    test_field_is(&r, "Allow", "GET, HEAD, POST");
    test_site_stop(&t);
}

static void an_offered_account_opens(void **state) {
    struct test_site t;
    test_site_start(&t, NULL, NULL);
    struct test_reply r = test_ask(&t, "a.org", "POST /new", NULL);
    char address[400], password[600];
    (void)snprintf(address, sizeof(address), "%s", member(&r, "email"));
    (void)snprintf(password, sizeof(password), "%s", member(&r, "password"));
    struct test_outcome o = test_login(&t.world, ACCOUNT_IMAP, address, password);
    assert_int_equal(o.verdict, ACCOUNT_OK);
    assert_true(o.created);
    test_site_stop(&t);
}

static void a_browser_is_led_into_the_app(void **state) {
    static const struct {
        const char *target, *location;
    } cases[] = {
        {"GET /new", "dcaccount:https://a.org/new"},
        {"HEAD /new", "dcaccount:https://a.org/new"},
        {"GET /cgi-bin/newemail.py", "dcaccount:https://a.org/new"},
        {"GET /new?t=AAAAAAAAAAAAAAAAAAAAAA", "dcaccount:https://a.org/new?t=AAAAAAAAAAAAAAAAAAAAAA"},
        {"GET /new?t=short", "dcaccount:https://a.org/new"},
        {"GET /new?t=%0d%0aX:y", "dcaccount:https://a.org/new"},
        {"GET /new?x=1", "dcaccount:https://a.org/new"},
    };
    struct test_site t;
    test_site_start(&t, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct test_reply r = test_ask(&t, "a.org", cases[i].target, NULL);
        test_status(&r, 301);
        test_field_is(&r, "Location", cases[i].location);
        test_field_is(&r, "Cache-Control", "no-store");
    }
    test_site_stop(&t);
}

static void login_links_where_clients_need_them(void **state) {
    static const struct {
        const char *domain, *at;
        const struct web_place *place;
        const char *part;
    } cases[] = {
        {"mail_domain=_a.org", "@_a.org", &self_signed_place, "&v=1&ic=3"},
        {"mail_domain=192.0.2.1", "@[192.0.2.1]", &self_signed_place, "&v=1&ih=192.0.2.1&sh=192.0.2.1&ic=3"},
        {"mail_domain=_a.org", "@_a.org", &dev_place,
         "&v=1&ih=127.0.0.1&ip=10993&is=ssl&sh=127.0.0.1&sp=10465&ss=ssl&ic=3"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct test_site t;
        test_site_start(&t, (const char *[]){cases[i].domain, NULL}, cases[i].place);
        for (int post = 0; post < 2; post++) {
            struct test_reply r = test_ask(&t, "x", post != 0 ? "POST /new" : "GET /new", NULL);
            check_credentials(&r, cases[i].at);
            const char *link = member(&r, "dclogin_url");
            if (strncmp(link, "dclogin:", 8) != 0 || strstr(link, cases[i].part) == NULL)
                fail_msg("got link %s, want in it %s", link, cases[i].part);
        }
        test_site_stop(&t);
    }
}

static void closed(void **state) {
    struct test_site t;
    test_site_start(&t, (const char *[]){"registration=closed", NULL}, NULL);
    struct test_reply r = test_ask(&t, "a.org", "POST /new", NULL);
    check_reason(&r, 403, "This relay does not take new accounts.");
    test_field_is(&r, "Retry-After", "");
    test_site_stop(&t);
}

static void on_added(struct store_op *op) {
    assert_int_equal(op->status, STORE_OK);
    loop_stop(op->arg);
    store_op_free(op);
}

static void add_invitation(struct test_site *t, uint32_t uses, char ret_token[ACCOUNT_TOKEN_SIZE]) {
    uint8_t number[ACCOUNT_INVITATION_LEN] = {1, 2, 3};
    struct store_invitation_add *add = store_invitation_add_new(number, uses, clock_wall_day() + 1);
    store_op_submit(t->world.store, t->world.loop, &add->op, on_added, t->world.loop);
    loop_run(t->world.loop);
    account_token_write(number, ret_token);
}

static void by_invitation(void **state) {
    struct test_site t;
    test_site_start(&t, (const char *[]){"registration=invite", NULL}, NULL);
    char token[ACCOUNT_TOKEN_SIZE], request[128], address[400], password[600];
    add_invitation(&t, 1, token);
    struct test_reply r = test_ask(&t, "a.org", "POST /new", NULL);
    check_reason(&r, 403, "This relay takes new accounts by invitation only.");
    r = test_ask(&t, "a.org", "POST /new?t=AAAAAAAAAAAAAAAAAAAAAA", NULL);
    check_reason(&r, 403, "This invitation is not valid");
    r = test_ask(&t, "a.org", "POST /new?t=nonsense", NULL);
    check_reason(&r, 403, "This invitation is not valid");
    (void)snprintf(request, sizeof(request), "POST /new?t=%s", token);
    r = test_ask(&t, "a.org", request, NULL);
    check_credentials(&r, "@a.org");
    (void)snprintf(address, sizeof(address), "%s", member(&r, "email"));
    (void)snprintf(password, sizeof(password), "%s", member(&r, "password"));
    struct test_outcome o = test_login(&t.world, ACCOUNT_IMAP, address, password);
    assert_int_equal(o.verdict, ACCOUNT_OK);
    r = test_ask(&t, "a.org", request, NULL);
    check_reason(&r, 403, "This invitation is not valid");
    test_site_stop(&t);
}

static void a_flood(void **state) {
    struct test_site t;
    test_site_start(&t, NULL, NULL);
    clock_set_fake(1000000000, 1800000000);
    for (int i = 0; i < 5; i++) {
        struct test_reply r = test_ask(&t, "a.org", "POST /new", NULL);
        check_credentials(&r, "@a.org");
    }
    struct test_reply r = test_ask(&t, "a.org", "POST /new", NULL);
    check_reason(&r, 429, "Too many accounts were asked for from your network. Please try again in 1 second.");
    test_field_is(&r, "Retry-After", "1");
    clock_set_fake(1001000000, 1800000001);
    r = test_ask(&t, "a.org", "POST /new", NULL);
    check_credentials(&r, "@a.org");
    clock_use_real();
    test_site_stop(&t);
}

// Where the page makes the offer itself, who has a good invitation and comes too soon is not sent to get one.
static void a_page_asked_too_often(void **state) {
    struct test_site t;
    test_site_start(&t, (const char *[]){"registration=invite", "mail_domain=_a.org", NULL}, &dev_place);
    char token[ACCOUNT_TOKEN_SIZE], request[128];
    add_invitation(&t, 1, token);
    (void)snprintf(request, sizeof(request), "GET /?t=%s", token);
    clock_set_fake(1000000000, clock_wall_s());
    struct test_reply r;
    for (int i = 0; i < 5; i++) {
        r = test_ask(&t, "127.0.0.1", request, NULL);
        test_status(&r, 200);
        assert_true(test_body_has(&r, "dclogin:"));
    }
    r = test_ask(&t, "127.0.0.1", request, NULL);
    test_status(&r, 429);
    test_field_is(&r, "Retry-After", "1");
    test_field_is(&r, "Cache-Control", "no-store");
    assert_true(test_body_has(&r, "One moment, please"));
    assert_true(test_body_has(&r, token)); // the other languages keep it
    assert_false(test_body_has(&r, "New accounts by invitation"));
    assert_false(test_body_has(&r, "dclogin:"));
    clock_set_fake(1100000000, clock_wall_s());
    r = test_ask(&t, "127.0.0.1", "GET /?t=AAAAAAAAAAAAAAAAAAAAAA", NULL); // no such invitation
    test_status(&r, 200);
    assert_true(test_body_has(&r, "New accounts by invitation"));
    clock_use_real();
    test_site_stop(&t);
}

static void short_of_memory(void **state) {
    struct test_site t;
    test_site_start(&t, (const char *[]){"min_available_memory=1000000G", NULL}, NULL);
    struct test_reply r = test_ask(&t, "a.org", "POST /new", NULL);
    check_reason(&r, 503, "This relay cannot take new accounts at the moment.");
    test_field_is(&r, "Retry-After", "60");
    test_site_stop(&t);
}

static void the_client_goes_before_the_answer(void **state) {
    struct test_site t;
    test_site_start(&t, (const char *[]){"registration=invite", NULL}, NULL);
    static const char *const requests[] = {
        "POST /new HTTP/1.1\r\nHost: a.org\r\n\r\n",
        "POST /new?t=AAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: a.org\r\n\r\n",
        "GET /?t=AAAAAAAAAAAAAAAAAAAAAA HTTP/1.1\r\nHost: a.org\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct conn *c = conn_new_memory(t.world.loop, &http_session_ops, NULL, true);
        conn_set_session(c, http_session_open(&t.https, c));
        conn_memory_feed(c, requests[i], strlen(requests[i]));
        conn_abort(c);
        loop_run_ready(t.world.loop);
        conn_memory_free(c);
    }
    test_site_stop(&t); // asserts that no offer is left
}

// An answer that is under way keeps the snapshot that it began with.
static void a_reload_meanwhile(void **state) {
    struct test_site t;
    test_site_start(&t, NULL, NULL);
    static const char request[] = "POST /new HTTP/1.1\r\nHost: a.org\r\nConnection: close\r\n\r\n";
    struct conn *c = conn_new_memory(t.world.loop, &http_session_ops, NULL, true);
    conn_set_session(c, http_session_open(&t.https, c));
    conn_memory_feed(c, request, sizeof(request) - 1);
    test_world_configure(&t.world, (const char *[]){"registration=closed", NULL});
    web_reload(t.web, &t.place, &(struct pages_parts){0});
    for (uint64_t start = clock_mono_ms(); !conn_memory_is_closed(c) && clock_mono_ms() - start < 60 * 1000;)
        loop_run_ready(t.world.loop);
    assert_true(slice_starts_with(conn_memory_output(c), SLICE("HTTP/1.1 ")));
    conn_memory_free(c);
    struct test_reply r = test_ask(&t, "a.org", "POST /new", NULL);
    check_reason(&r, 403, "This relay does not take new accounts.");
    test_site_stop(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_offer),
        cmocka_unit_test(an_offered_account_opens),
        cmocka_unit_test(a_browser_is_led_into_the_app),
        cmocka_unit_test(login_links_where_clients_need_them),
        cmocka_unit_test(closed),
        cmocka_unit_test(by_invitation),
        cmocka_unit_test(a_flood),
        cmocka_unit_test(a_page_asked_too_often),
        cmocka_unit_test(short_of_memory),
        cmocka_unit_test(the_client_goes_before_the_answer),
        cmocka_unit_test(a_reload_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
