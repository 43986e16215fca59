// SPDX-License-Identifier: MIT
// The pieces of the intake by themselves: recipients, identity, policy, replies. Whole transactions are tested through
// the submission server (smtp/server/submission_test.c).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "config/config.h"
#include "intake/bounce.h"
#include "intake/domain.h"
#include "intake/fake_account.h"
#include "intake/fake_store.h"
#include "intake/identity.h"
#include "intake/intake.h"
#include "intake/policy.h"
#include "intake/recipients.h"
#include "intake/reply.h"

static enum recipients_result add(struct recipients *r, struct arena *arena, const char *text, size_t max) {
    struct address a;
    assert_true(address_parse(slice_from_cstr(text), &a));
    return recipients_add(r, arena, &a, SLICE("relay.test"), max);
}

static void test_recipients(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum recipients_result want;
        const char *mailbox;
        bool is_local;
    } rows[] = {
        {"bob@relay.test", RECIPIENTS_ADDED, "bob@relay.test", true},
        {"Bob@Relay.TEST", RECIPIENTS_KNOWN, NULL, true},
        {"bob+x@relay.test", RECIPIENTS_KNOWN, NULL, true},
        {"bob@other.test", RECIPIENTS_ADDED, "bob@other.test", false},
        {"Bob@Other.Test", RECIPIENTS_ADDED, "Bob@other.test", false}, // another server's local parts are its affair
        {"bob@OTHER.test", RECIPIENTS_KNOWN, NULL, false},
        {"bob+x@other.test", RECIPIENTS_ADDED, "bob+x@other.test", false},
        {"carol@[192.0.2.1]", RECIPIENTS_ADDED, "carol@[192.0.2.1]", false},
    };
    struct arena arena;
    struct recipients r = {0};
    arena_init(&arena, 4096);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        enum recipients_result got = add(&r, &arena, rows[i].text, 100);
        if (got != rows[i].want)
            fail_msg("%s: want %d got %d", rows[i].text, rows[i].want, got);
        if (got != RECIPIENTS_ADDED)
            continue;
        assert_true(slice_eq(r.list[r.n - 1].mailbox, slice_from_cstr(rows[i].mailbox)));
        assert_true(slice_eq(r.list[r.n - 1].given, slice_from_cstr(rows[i].text)));
        assert_int_equal(r.list[r.n - 1].is_local, rows[i].is_local);
    }
    assert_int_equal(r.n, 5);
    assert_int_equal(r.n_local, 1);
    assert_int_equal(add(&r, &arena, "new@relay.test", 5), RECIPIENTS_TOO_MANY);
    assert_int_equal(add(&r, &arena, "bob@relay.test", 5), RECIPIENTS_KNOWN);
    recipients_done(&r);
    arena_reset(&arena);
}

static void test_domain(void **state) {
    (void)state;
    static const struct {
        const char *domain, *want;
        enum domain_kind kind;
    } rows[] = {
        {"A.Example", "a.example", DOMAIN_NAME},
        {"_x.a.example", "_x.a.example", DOMAIN_NAME},
        {"b\xC3\x9C"
         "cher.example",
         "xn--bcher-kva.example", DOMAIN_NAME},
        {"bu\xCC\x88"
         "cher.example",
         "xn--bcher-kva.example", DOMAIN_NAME}, // in pieces (NFD)
        {"\xE5\x85\xAC\xE5\x8F\xB8.cn", "xn--55qx5d.cn", DOMAIN_NAME},
        {"localhost", "localhost", DOMAIN_NOWHERE},
        {"10.0.0.1", "10.0.0.1", DOMAIN_NOWHERE},
        {"[192.0.2.1]", "[192.0.2.1]", DOMAIN_LITERAL},
        {"[IPV6:2001:DB8:0:0::1]", "[ipv6:2001:db8::1]", DOMAIN_LITERAL},
        {"[IPv6:::ffff:192.0.2.1]", "[192.0.2.1]", DOMAIN_LITERAL},
        {"[IPv6:x]", "[ipv6:x]", DOMAIN_NOWHERE},
        {"", "", DOMAIN_NOWHERE},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char got[DOMAIN_SIZE];
        enum domain_kind kind = domain_canonical(slice_from_cstr(rows[i].domain), got);
        if (kind != rows[i].kind || strcmp(got, rows[i].want) != 0)
            fail_msg("%s: want %d [%s] got %d [%s]", rows[i].domain, rows[i].kind, rows[i].want, kind, got);
    }
    char long_name[400], got[DOMAIN_SIZE];
    memset(long_name, 'a', sizeof(long_name));
    for (size_t i = 60; i < sizeof(long_name); i += 60)
        long_name[i] = '.';
    assert_int_equal(domain_canonical(slice_make(long_name, sizeof(long_name)), got), DOMAIN_NOWHERE);
    assert_int_equal(domain_canonical(slice_make(long_name, 255), got), DOMAIN_NOWHERE);
    assert_int_equal(domain_canonical(slice_make(long_name, 253), got), DOMAIN_NAME);
}

static void test_many_recipients(void **state) {
    (void)state;
    struct arena arena;
    struct recipients r = {0};
    arena_init(&arena, 1024 * 1024);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 1000; i++) {
            char text[64];
            (void)snprintf(text, sizeof(text), "user%d@relay.test", i);
            assert_int_equal(add(&r, &arena, text, 1000), round == 0 ? RECIPIENTS_ADDED : RECIPIENTS_KNOWN);
        }
    assert_int_equal(r.n, 1000);
    recipients_done(&r);
    arena_reset(&arena);
}

static void test_identity(void **state) {
    (void)state;
    const uint8_t body[32] = {1}, other_body[32] = {2};
    static const char *const pairs[][2] = {
        {"a@b", "<1@x>"}, {"a@b<", "1@x>"}, {"a@b", "<2@x>"}, {"a@c", "<1@x>"}, {"a@b", ""}};
    uint8_t ids[ARRAY_LEN(pairs) + 1][IDENTITY_SIZE];
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        identity_of_message(slice_from_cstr(pairs[i][0]), slice_from_cstr(pairs[i][1]), body, ids[i]);
    identity_of_message(SLICE("a@b"), SLICE("<1@x>"), other_body, ids[ARRAY_LEN(pairs)]);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(ids[i], ids[j], IDENTITY_SIZE);
    uint8_t again[IDENTITY_SIZE];
    identity_of_message(SLICE("a@b"), SLICE("<1@x>"), body, again);
    assert_memory_equal(again, ids[0], IDENTITY_SIZE);

    // A bounce is the same for the same failures alone.
    struct arena arena;
    struct recipients r = {0};
    arena_init(&arena, 8192);
    assert_int_equal(add(&r, &arena, "bob@relay.test", 10), RECIPIENTS_ADDED);
    assert_int_equal(add(&r, &arena, "carol@relay.test", 10), RECIPIENTS_ADDED);
    uint8_t bounces[4][IDENTITY_SIZE];
    bounce_recipient(&r.list[0], BOUNCE_UNKNOWN, &arena);
    identity_of_bounce(ids[0], &r, bounces[0]);
    identity_of_bounce(ids[1], &r, bounces[1]);
    bounce_recipient(&r.list[0], BOUNCE_FULL, &arena);
    identity_of_bounce(ids[0], &r, bounces[2]);
    bounce_recipient(&r.list[1], BOUNCE_NOWHERE, &arena);
    identity_of_bounce(ids[0], &r, bounces[3]);
    for (size_t i = 0; i < ARRAY_LEN(bounces); i++)
        for (size_t j = 0; j < i; j++)
            assert_memory_not_equal(bounces[i], bounces[j], IDENTITY_SIZE);
    assert_int_equal(bounce_count(&r), 2);
    recipients_done(&r);
    arena_reset(&arena);
}

static void test_policy_sender(void **state) {
    (void)state;
    static const struct {
        const char *from, *login, *want; // NULL: allowed
    } rows[] = {
        {"a@d", "a@d", NULL},
        {"A@D", "a@d", NULL},
        {"b@d", "a@d", "553 5.7.1 <b@d>: Sender address rejected: not owned by user a@d"},
        {"", "a@d", "553 5.7.1 <>: Sender address rejected: not owned by user a@d"},
        {"a+x@d", "a@d", "553 5.7.1 <a+x@d>: Sender address rejected: not owned by user a@d"},
        // Only an imported account can be called so.
        {"a@b@d", "a@b@d", "500 Invalid from address <a@b@d>"},
        {"ad", "ad", "500 Invalid from address <ad>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct intake_reply reply = {""};
        bool ok = policy_check_sender(slice_from_cstr(rows[i].from), slice_from_cstr(rows[i].login), &reply);
        assert_int_equal(ok, rows[i].want == NULL);
        if (!ok)
            assert_string_equal(reply.text, rows[i].want);
    }
}

// Every combination of facts: the first check that applies gives the reply.
static void test_policy_order(void **state) {
    (void)state;
    for (unsigned bits = 0; bits < 64; bits++) {
        struct policy_submission f = {
            .message =
                {
                    .over_size = bits & 1,
                    .bad_data = bits & 2,
                    .kind = bits & 4    ? GATE_MALFORMED
                            : bits & 32 ? GATE_CLEAR
                                        : GATE_ENCRYPTED,
                    .gate_reason = "why",
                    .header = bits & 8 ? SLICE("From: <b@d>\r\n\r\n") : SLICE("From: Alice <A@d>\r\n\r\n"),
                },
            .mail_from = SLICE("a@d"),
            .sender_blocked = bits & 16,
        };
        const char *want = f.message.over_size  ? "552 Message exceeds maximum size"
                           : f.message.bad_data ? "500 Invalid DATA"
                           : bits & 4           ? "500 Failed to parse message: why"
                           : bits & 8           ? "500 Invalid FROM <b@d> for <a@d>"
                           : f.sender_blocked   ? "550 5.7.1 <a@d>: Sender address rejected: this account may not send"
                           : f.message.kind == GATE_CLEAR ? "523 Encryption Needed: Invalid Unencrypted Mail"
                                                          : NULL;
        struct intake_reply reply = {""};
        assert_int_equal(policy_check_submission(&f, &reply), want == NULL);
        assert_string_equal(reply.text, want != NULL ? want : "");
    }
}

static void test_reply_is_one_line(void **state) {
    (void)state;
    struct intake_reply r;
    intake_reply_set(&r, "500 Invalid FROM header: %s", "x\r\n250 OK\tq\x80\x7f");
    assert_string_equal(r.text, "500 Invalid FROM header: x??250 OK?q??");
    char big[4000];
    memset(big, 'a', sizeof(big));
    intake_reply_set(&r, "%.*s", (int)sizeof(big), big);
    assert_int_equal(strlen(r.text), INTAKE_REPLY_MAX - 1);
}

// ---- freeing at every moment ----

static void on_never(void *arg, const struct intake_reply *reply) {
    fail_msg("%s", reply->text);
}

static void test_free_at_every_moment(void **state) {
    (void)state;
    static const char *const texts[] = {
        "From: <alice@relay.test>\r\n\r\nclear\r\n",
        "",
    };
    for (size_t text = 0; text < ARRAY_LEN(texts); text++) {
        for (int moment = 0; moment < 4; moment++) {
            struct loop *loop = loop_new();
            struct store store;
            struct account_service accounts = {.sends_left = 1};
            fake_store_init(&store);
            struct config_holder *config = config_holder_new(
                config_parse(SLICE("[params]\nmail_domain = relay.test\n"), "test", NULL, NULL, NULL));
            struct intake *in =
                intake_new(&(struct intake_settings){.config = config, .store = &store, .accounts = &accounts});
            struct intake_sender sender = {.account_id = 1, .login = SLICE("alice@relay.test")};
            struct intake_txn *t = intake_txn_new(in, loop, &sender, SLICE("alice@relay.test"));
            struct intake_reply reply;
            if (moment >= 1)
                assert_true(intake_txn_rcpt(t, SLICE("bob@relay.test"), &reply));
            if (moment >= 2)
                assert_true(intake_txn_write(t, slice_from_cstr(texts[text])));
            if (moment >= 3)
                intake_txn_finish(t, on_never, NULL);
            intake_txn_free(t);
            loop_run_ready(loop);
            assert_int_equal(store.n_submitted, 0);
            fake_store_done(&store);
            intake_free(in);
            config_holder_free(config);
            loop_free(loop);
        }
    }
    intake_txn_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recipients),        cmocka_unit_test(test_domain),
        cmocka_unit_test(test_many_recipients),   cmocka_unit_test(test_identity),
        cmocka_unit_test(test_policy_sender),     cmocka_unit_test(test_policy_order),
        cmocka_unit_test(test_reply_is_one_line), cmocka_unit_test(test_free_at_every_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
