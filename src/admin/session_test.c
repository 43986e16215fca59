// SPDX-License-Identifier: MIT
// The dialogue of the control socket, on the real store.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "account/offer.h"
#include "account/password.h"
#include "admin/fixture.h"
#include "base/clock.h"
#include "base/mem.h"
#include "net/listener.h"

static struct control_fixture fixture;

static int open_fixture(void **state) {
    control_fixture_open(&fixture, NULL);
    return 0;
}

static int close_fixture(void **state) {
    control_fixture_close(&fixture);
    clock_use_real();
    return 0;
}

static const char *answer(struct conn *c) {
    return control_fixture_answer(c);
}

static void talk(struct conn *c, const char *send, const char *want) {
    control_fixture_send(&fixture, c, send, strlen(send));
    const char *got = answer(c);
    if (strcmp(got, want) != 0)
        fail_msg("%s\n got %s\nwant %s", send, got, want);
}

static void make_account(const char *address) {
    struct test_outcome o = test_login(&fixture.world, ACCOUNT_IMAP, address, "rzPp6fZ4PZYWZeFxG71qbt");
    assert_int_equal(o.verdict, ACCOUNT_OK);
}

#define NO(sentence) "{\"error\":\"" sentence "\",\"ok\":false}\n"
#define YES "{\"ok\":true}\n"
#define SHAPE NO("a request is one line of JSON, {\\\"command\\\": NAME, ...}")

static void test_requests(void **state) {
    static const struct {
        const char *send, *want;
    } cases[] = {
        {"\n", SHAPE},
        {"{\n", SHAPE},
        {"[]\n", SHAPE},
        {"\"ping\"\n", SHAPE},
        {"{\"command\":7}\n", SHAPE},
        {"{\"command\":\"ping\"} {}\n", SHAPE},
        {"{\"command\":\"ping\",\"command\":\"ping\"}\n", SHAPE},
        {"{\"command\":\"pi\\u0000ng\"}\n", SHAPE},
        {"{\"command\":\"\xff\"}\n", SHAPE},
        {"{\"command\":\"pong\"}\n", NO("this relay has no command of that name")},
        {"{\"command\":\"ping\",\"x\":1}\n", NO("ping has a parameter that it does not know")},
        {"{\"command\":\"account-show\"}\n", NO("account-show wants \\\"address\\\", a text")},
        {"{\"command\":\"account-show\",\"address\":1}\n", NO("account-show wants \\\"address\\\", a text")},
        {"{\"command\":\"invitation-add\",\"uses\":1,\"days\":1.5}\n",
         NO("invitation-add wants \\\"days\\\", a whole number")},
        {"{\"command\":\"ping\"}\r\n", "{\"version\":\"" MARTLET_VERSION "\",\"uptime_s\":7,\"ok\":true}\n"},
    };
    clock_set_fake(1000 * 1000, 1795262400);
    fixture.server.started_ms = clock_mono_ms();
    clock_set_fake(8500 * 1000, 1795262400);
    struct conn *c = control_fixture_connect(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        talk(c, cases[i].send, cases[i].want);
    assert_false(conn_memory_is_closed(c));
    conn_memory_free(c);
}

// Octet by octet, and all at once: the answers come in the order of the requests.
static void test_pieces(void **state) {
    static const char text[] = "{\"command\":\"account-show\",\"address\":\"nobodyyyy\"}\n"
                               "{\"command\":\"challenge-clear\",\"token\":\"x\"}\n"
                               "{\"command\":\"account-list\"}\n";
    static const char want[] = NO("there is no account nobodyyyy@a.org") YES YES;
    struct conn *c = control_fixture_connect(&fixture);
    talk(c, text, want);
    for (const char *at = text; *at != '\0'; at++)
        control_fixture_send(&fixture, c, at, 1);
    assert_string_equal(answer(c), want);
    conn_memory_free(c);
}

static void test_long_line(void **state) {
    static char line[CONTROL_LINE_MAX + 2];
    memset(line, ' ', sizeof(line));
    struct conn *c = control_fixture_connect(&fixture);
    memcpy(line, "{\"command\":\"account-list\"}", 26);
    line[CONTROL_LINE_MAX] = '\n';
    control_fixture_send(&fixture, c, line, CONTROL_LINE_MAX + 1);
    assert_string_equal(answer(c), YES); // just fits
    line[CONTROL_LINE_MAX] = ' ';
    control_fixture_send(&fixture, c, line, CONTROL_LINE_MAX + 1);
    assert_string_equal(answer(c), NO("a request has at most 65536 octets"));
    assert_true(conn_memory_is_closed(c));
    conn_memory_free(c);
}

static void test_challenge(void **state) {
    struct conn *c = control_fixture_connect(&fixture);
    talk(c, "{\"command\":\"challenge-set\",\"token\":\"abc\",\"authorization\":\"abc.def\"}\n", YES);
    assert_string_equal(fixture.challenge, "abc=abc.def");
    talk(c, "{\"command\":\"challenge-clear\",\"token\":\"abc\"}\n", YES);
    assert_string_equal(fixture.challenge, "");
    talk(c,
         "{\"command\":\"challenge-set\",\"token\":\"abc\",\"authorization\":"
         "\"1234567890123456789012345678901234567890123456789012345678901234567890\"}\n",
         NO("the challenge is malformed, or too many are waiting"));
    fixture.server.challenge_set = NULL;
    talk(c, "{\"command\":\"challenge-set\",\"token\":\"abc\",\"authorization\":\"abc.def\"}\n",
         NO("this relay serves no web pages"));
    conn_memory_free(c);
}

static void test_account(void **state) {
    clock_set_fake(1000 * 1000, 1795262400);
    make_account("alicealic@a.org");
    struct conn *c = control_fixture_connect(&fixture);
    static const char row[] = "{\"address\":\"alicealic@a.org\",\"blocked\":false,\"last_login\":\"2026-11-21\","
                              "\"messages\":0,\"octets\":0";
    char want[512];
    (void)snprintf(want, sizeof(want), "%s,\"quota\":524288000,\"ok\":true}\n", row);
    talk(c, "{\"command\":\"account-show\",\"address\":\"AliceAlic\"}\n", want);
    talk(c, "{\"command\":\"account-show\",\"address\":\"alicealic@A.ORG\"}\n", want);
    (void)snprintf(want, sizeof(want), "%s}\n" YES, row);
    talk(c, "{\"command\":\"account-list\"}\n", want);
    static const char done[] = "{\"address\":\"alicealic@a.org\",\"ok\":true}\n";
    talk(c, "{\"command\":\"account-block\",\"address\":\"alicealic\"}\n", done);
    struct test_outcome o = test_login(&fixture.world, ACCOUNT_IMAP, "alicealic@a.org", "rzPp6fZ4PZYWZeFxG71qbt");
    assert_true(o.blocked);
    talk(c, "{\"command\":\"account-unblock\",\"address\":\"alicealic\"}\n", done);
    o = test_login(&fixture.world, ACCOUNT_IMAP, "alicealic@a.org", "rzPp6fZ4PZYWZeFxG71qbt");
    assert_false(o.blocked);
    talk(c, "{\"command\":\"account-delete\",\"address\":\"alicealic\"}\n",
         "{\"address\":\"alicealic@a.org\",\"messages\":0,\"ok\":true}\n");
    talk(c, "{\"command\":\"account-delete\",\"address\":\"alicealic\"}\n", NO("there is no account alicealic@a.org"));
    talk(c, "{\"command\":\"account-list\"}\n", YES);
    conn_memory_free(c);
}

static void test_account_create(void **state) {
    struct conn *c = control_fixture_connect(&fixture);
    char hash[STORE_PASSWORD_HASH_MAX + 1], request[1024];
    assert_true(account_password_hash("rzPp6fZ4PZYWZeFxG71qbt", hash));
    (void)snprintf(request, sizeof(request),
                   "{\"command\":\"account-create\",\"address\":\"made.by-me\",\"hash\":\"%s\"}\n", hash);
    talk(c, request, "{\"address\":\"made.by-me@a.org\",\"ok\":true}\n");
    talk(c, request, NO("there is an account made.by-me@a.org already"));
    struct test_outcome o = test_login(&fixture.world, ACCOUNT_IMAP, "made.by-me@a.org", "rzPp6fZ4PZYWZeFxG71qbt");
    assert_int_equal(o.verdict, ACCOUNT_OK);
    assert_false(o.created);
    talk(c, "{\"command\":\"account-create\",\"address\":\"alicealic\",\"hash\":\"secret\"}\n",
         NO("that is no hash of a password"));
    talk(c, "{\"command\":\"account-create\",\"address\":\"a%b\",\"hash\":\"$y$\"}\n",
         NO("a new address may have a-z, 0-9, \\\".\\\", \\\"_\\\" and \\\"-\\\" before its @"));
    talk(c, "{\"command\":\"account-create\",\"address\":\"alicealic\"}\n",
         NO("account-create wants \\\"hash\\\", a text"));
    conn_memory_free(c);
}

static void test_bad_addresses(void **state) {
    static const char *const addresses[] = {"", "@a.org", "x@b.org", "a b", "x@", "x@a.org@b.org", "a/b"};
    struct conn *c = control_fixture_connect(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        char send[200];
        (void)snprintf(send, sizeof(send), "{\"command\":\"account-block\",\"address\":\"%s\"}\n", addresses[i]);
        talk(c, send, NO("that is not an address of this relay, which end with @a.org"));
    }
    char *send = mem_alloc(2000);
    (void)snprintf(send, 2000, "{\"command\":\"account-block\",\"address\":\"%01000d\"}\n", 7);
    talk(c, send, NO("that is not an address of this relay, which end with @a.org"));
    free(send);
    conn_memory_free(c);
}

// Who reads an answer in a pager has an hour for its end, too. Memory takes all that is written in the next turn; what
// is written before each minute stands for the end that is held up.
static void test_slow_reader(void **state) {
    for (int minutes = 59; minutes <= 60; minutes++) {
        struct conn *c = control_fixture_connect(&fixture);
        talk(c, "{\"command\":\"account-list\"}\n", YES);
        for (int i = 0; i < minutes; i++) {
            assert_false(conn_memory_is_closed(c));
            conn_write(c, "x", 1);
            conn_memory_timeout(c);
            loop_run_ready(fixture.world.loop);
        }
        assert_int_equal(conn_memory_is_closed(c), minutes == 60);
        if (minutes < 60) // it has been read
            conn_memory_timeout(c);
        loop_run_ready(fixture.world.loop);
        assert_true(conn_memory_is_closed(c));
        conn_memory_free(c);
    }
}

static void on_created(struct store_op *op) {
    assert_int_equal(op->status, STORE_OK);
    if (--*(int *)op->arg == 0)
        loop_stop(fixture.world.loop);
    store_op_free(op);
}

// Of a few pages, with one account on the last and then with none.
static void test_long_list(void **state) {
    int left = 2 * STORE_ACCOUNTS_PAGE + 1;
    for (int i = 0, n = left; i < n; i++) {
        char address[32];
        (void)snprintf(address, sizeof(address), "user%05d@a.org", i);
        struct store_account_create *op = store_account_create_new(slice_from_cstr(address), SLICE("x"));
        store_op_submit(fixture.world.store, fixture.world.loop, &op->op, on_created, &left);
    }
    loop_run(fixture.world.loop);
    struct conn *c = control_fixture_connect(&fixture);
    for (int n = 2 * STORE_ACCOUNTS_PAGE + 1; n >= 2 * STORE_ACCOUNTS_PAGE; n--) {
        control_fixture_send(&fixture, c, "{\"command\":\"account-list\"}\n", 27);
        const char *text = answer(c);
        int lines = 0;
        for (const char *at = strchr(text, '\n'); at != NULL; at = strchr(at + 1, '\n'))
            lines++;
        assert_int_equal(lines, n + 1);
        assert_non_null(strstr(text, "user00500@a.org"));
        assert_string_equal(text + strlen(text) - strlen(YES), YES);
        talk(c, "{\"command\":\"account-delete\",\"address\":\"user01000\"}\n",
             n > 2 * STORE_ACCOUNTS_PAGE ? "{\"address\":\"user01000@a.org\",\"messages\":0,\"ok\":true}\n"
                                         : NO("there is no account user01000@a.org"));
    }
    conn_memory_free(c);
}

static const char *member(const char *json, const char *name) {
    static char text[512];
    json_t *o = json_loads(json, 0, NULL);
    assert_non_null(o);
    const char *value = json_string_value(json_object_get(o, name));
    (void)snprintf(text, sizeof(text), "%s", value != NULL ? value : "");
    json_decref(o);
    return text;
}

#define ADD(uses, days) "{\"command\":\"invitation-add\",\"uses\":" #uses ",\"days\":" #days "}\n"

static void configure(const char *setting) {
    const char *settings[] = {setting, NULL};
    test_world_configure(&fixture.world, settings);
}

static void test_invitation(void **state) {
    clock_set_fake(1000 * 1000, 1795262400);
    configure("registration=invite");
    struct conn *c = control_fixture_connect(&fixture);
    talk(c, "{\"command\":\"invitation-list\"}\n", YES);
    control_fixture_send(&fixture, c, ADD(5, 3), strlen(ADD(5, 3)));
    char got[1024], token[64], want[512];
    (void)snprintf(got, sizeof(got), "%s", answer(c));
    (void)snprintf(token, sizeof(token), "%s", member(got, "token"));
    assert_int_equal(strlen(token), 22);
    assert_true(token[0] != '-');
    (void)snprintf(want, sizeof(want),
                   "{\"token\":\"%s\",\"uses\":5,\"last_day\":\"2026-11-24\",\"link\":\"dcaccount:https://a.org/"
                   "new?t=%s\",\"page\":\"https://a.org/?t=%s\",\"ok\":true}\n",
                   token, token, token);
    assert_string_equal(got, want);
    (void)snprintf(want, sizeof(want), "{\"token\":\"%s\",\"uses\":5,\"last_day\":\"2026-11-24\"}\n" YES, token);
    talk(c, "{\"command\":\"invitation-list\"}\n", want);
    (void)snprintf(got, sizeof(got), "{\"command\":\"invitation-delete\",\"token\":\"%s\"}\n", token);
    talk(c, got, YES);
    talk(c, got, NO("there is no such invitation: it is used up, has expired or was revoked"));
    talk(c, "{\"command\":\"invitation-delete\",\"token\":\"x\"}\n",
         NO("that is not a token: it has 22 letters, digits, \\\"-\\\" and \\\"_\\\""));
    talk(c, "{\"command\":\"invitation-list\"}\n", YES);
    talk(c, ADD(0, 1), NO("an invitation is good for 1 to 1000000 accounts"));
    talk(c, ADD(4294967297, 1), NO("an invitation is good for 1 to 1000000 accounts"));
    talk(c, ADD(1, -1), NO("an invitation lasts 1 to 3650 days"));
    configure("registration=open");
    talk(c, ADD(1, 1),
         NO("no invitation is needed: registration is open, anybody gets an account with dcaccount:a.org; set "
            "registration = invite to change that"));
    configure("registration=closed");
    talk(c, ADD(1, 1), NO("an invitation would not work: registration is closed; set registration = invite first"));
    conn_memory_free(c);
}

// Of a few pages, many with the same last day.
static void test_many_invitations(void **state) {
    int left = 2 * STORE_INVITATIONS_PAGE + 7;
    for (int i = 0, n = left; i < n; i++) {
        uint8_t number[STORE_INVITATION_LEN] = {(uint8_t)(i >> 8), (uint8_t)i};
        struct store_invitation_add *add = store_invitation_add_new(number, 1, clock_wall_day() + i % 3);
        store_op_submit(fixture.world.store, fixture.world.loop, &add->op, on_created, &left);
    }
    loop_run(fixture.world.loop);
    struct conn *c = control_fixture_connect(&fixture);
    control_fixture_send(&fixture, c, "{\"command\":\"invitation-list\"}\n", 30);
    bool seen[2 * STORE_INVITATIONS_PAGE + 7] = {0};
    size_t n = 0;
    struct slice line, rest = slice_from_cstr(answer(c));
    while (slice_cut(rest, '\n', &line, &rest)) {
        json_t *row = json_loadb(line.ptr, line.len, 0, NULL);
        const char *token = json_string_value(json_object_get(row, "token"));
        uint8_t number[STORE_INVITATION_LEN];
        if (token != NULL) {
            assert_true(account_token_parse(slice_from_cstr(token), number));
            size_t i = (size_t)number[0] << 8 | number[1];
            assert_true(i < ARRAY_LEN(seen) && !seen[i]);
            seen[i] = true;
            n++;
        }
        json_decref(row);
    }
    assert_int_equal(n, ARRAY_LEN(seen));
    conn_memory_free(c);
}

// Clients cannot use a link to an address literal; a port that is not the usual one stands in the links.
static void test_links(void **state) {
    static const struct {
        const char *domain, *host;
        uint16_t port;
        const char *link, *page;
    } cases[] = {
        {"mail_domain=a.org", NULL, 443, "dcaccount:https://a.org/new?t=", "https://a.org/?t="},
        {"mail_domain=a.org", NULL, 10443, "dcaccount:https://a.org:10443/new?t=", "https://a.org:10443/?t="},
        {"mail_domain=_a.org", "127.0.0.1", 10443,
         "dcaccount:https://_a.org:10443/new?t=", "https://127.0.0.1:10443/?t="},
        {"mail_domain=192.0.2.1", NULL, 443, "", "https://192.0.2.1/?t="},
    };
    struct conn *c = control_fixture_connect(&fixture);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *settings[] = {"registration=invite", cases[i].domain, NULL};
        test_world_configure(&fixture.world, settings);
        fixture.server.web_host = cases[i].host;
        fixture.server.https_port = cases[i].port;
        control_fixture_send(&fixture, c, ADD(1, 1), strlen(ADD(1, 1)));
        char got[1024];
        (void)snprintf(got, sizeof(got), "%s", answer(c));
        const char *link = member(got, "link");
        assert_memory_equal(link, cases[i].link, strlen(cases[i].link));
        assert_int_equal(link[0] == '\0', cases[i].link[0] == '\0');
        assert_memory_equal(member(got, "page"), cases[i].page, strlen(cases[i].page));
    }
    conn_memory_free(c);
}

static void test_ends(void **state) {
    struct conn *c = control_fixture_connect(&fixture);
    conn_memory_timeout(c);
    loop_run_ready(fixture.world.loop);
    assert_true(conn_memory_is_closed(c));
    conn_memory_free(c);
    // What is under way is answered, then the connection ends.
    c = control_fixture_connect(&fixture);
    static const char two[] = "{\"command\":\"account-show\",\"address\":\"nobodyyyy\"}\n{\"command\":\"ping\"}\n";
    conn_memory_feed(c, two, strlen(two));
    loop_run_ready(fixture.world.loop);
    conn_shutdown_all(fixture.world.loop);
    control_fixture_send(&fixture, c, "", 0);
    // The second request has been answered too, when the store was quick.
    static const char first[] = NO("there is no account nobodyyyy@a.org");
    assert_memory_equal(answer(c), first, strlen(first));
    assert_true(conn_memory_is_closed(c));
    conn_memory_free(c);
    // The peer goes while an operation runs.
    c = control_fixture_connect(&fixture);
    conn_memory_feed(c, "{\"command\":\"account-list\"}\n", 27);
    loop_run_ready(fixture.world.loop);
    conn_memory_free(c);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_fixture, close_fixture)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_requests),   TEST(test_pieces),         TEST(test_long_line),     TEST(test_challenge),
        TEST(test_account),    TEST(test_account_create), TEST(test_bad_addresses), TEST(test_long_list),
        TEST(test_invitation), TEST(test_links),          TEST(test_slow_reader),   TEST(test_many_invitations),
        TEST(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
