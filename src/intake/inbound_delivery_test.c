// SPDX-License-Identifier: MIT
// Mail from outside once it may pass: what is stored and for whom, who gets a bounce, that nobody is found out before,
// trouble with the store, and the end of a transaction at every moment.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "intake/world.h"

#define FROM(address) "From: " address "\r\nTo: <bob@relay.test>\r\nSubject: x\r\n"
#define OF(selector) "v=1; a=ed25519-sha256; d=a.example; s=" selector "; h=From:From"

static void test_delivered_form(void **state) {
    (void)state;
    struct world w;
    struct buf text = {0};
    world_open(&w, NULL);
    world_write_message(&w, WORLD_TAGS, WORLD_HEADER "X-Mailer: theirs\r\n", world_encrypted, &text);
    struct buf all;
    buf_init(&all, 1024 * 1024);
    assert_true(buf_append_cstr(&all, "Received: from x\r\n\tby y\r\nAuthentication-Results: z; dkim=pass\r\n") &&
                buf_append_slice(&all, buf_slice(&text)));
    struct world_mail m = {.door = WORLD_SMTP, .from = "ann@a.example", .to = "bob@relay.test carol@relay.test"};
    m.text = buf_slice(&all);
    assert_string_equal(world_send(&w, &m), "250 OK");
    assert_int_equal(w.store.n_delivered, 2);
    struct buf want;
    buf_init(&want, 1024 * 1024);
    assert_true(buf_append_cstr(&want, WORLD_HEADER "X-Mailer: theirs\r\n") && buf_append_cstr(&want, world_encrypted));
    assert_int_equal(w.store.last->len, want.len);
    assert_memory_equal(w.store.last->text, buf_slice(&want).ptr, want.len);
    // Sent again by another way, because our reply was lost: nothing is doubled.
    m.text = buf_slice(&text);
    assert_string_equal(world_send(&w, &m), "250 OK");
    assert_int_equal(w.store.n_delivered, 2);
    buf_done(&want);
    buf_done(&all);
    buf_done(&text);
    world_close(&w);
}

#define UNKNOWN "550 5.1.1 <nobody@relay.test> User doesn't exist: nobody@relay.test"
#define FULL "552 5.2.2 <full@relay.test> Quota exceeded (mailbox for user is full)"

static void test_failed_recipients(void **state) {
    (void)state;
    static const struct {
        const char *from, *to, *header, *rest, *want;
        const char *bounce_to; // NULL: none
        size_t n_delivered;    // without a bounce
    } rows[] = {
        {"ann@a.example", "nobody@relay.test", WORLD_HEADER, world_encrypted, UNKNOWN, NULL, 0},
        {"ann@a.example", "full@relay.test nobody@relay.test", WORLD_HEADER, world_encrypted, FULL, NULL, 0},
        {"ann@a.example", "nobody@relay.test full@relay.test", WORLD_HEADER, world_encrypted, UNKNOWN, NULL, 0},
        {"ann@a.example", "bob@relay.test nobody@relay.test", WORLD_HEADER, world_encrypted, "250 OK", "ann@a.example",
         1},
        {"ANN@A.Example", "full@relay.test bob@relay.test", WORLD_HEADER, world_encrypted, "250 OK", "ANN@a.example",
         1},
        {"", "bob@relay.test nobody@relay.test", WORLD_HEADER, world_encrypted, "250 OK", NULL, 1},
        {"list@a.example", "bob@relay.test nobody@relay.test", WORLD_HEADER, world_encrypted, "250 OK", NULL, 1},
        {"mailer-daemon@a.example", "bob@relay.test nobody@relay.test", FROM("<mailer-daemon@a.example>"), world_report,
         "250 OK", NULL, 1},
        {"ann@[192.0.2.9]", "bob@relay.test nobody@relay.test", FROM("<ann@[192.0.2.9]>"), world_encrypted, "250 OK",
         "ann@[192.0.2.9]", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        struct buf text = {0};
        world_open(&w, NULL);
        world_sign_with(&w, w.key);
        world_write_message(&w, OF("s"), rows[i].header, rows[i].rest, &text);
        struct world_mail m = {.door = WORLD_SMTP, .from = rows[i].from, .to = rows[i].to};
        m.text = buf_slice(&text);
        for (int again = 0; again < 2; again++) { // the second time because the reply was lost
            assert_string_equal(world_send(&w, &m), rows[i].want);
            assert_int_equal(w.store.n_delivered, rows[i].n_delivered);
            assert_int_equal(w.store.n_queued, rows[i].bounce_to != NULL);
        }
        const struct fake_delivery *last = w.store.last;
        if (rows[i].bounce_to != NULL) {
            assert_string_equal(last->address, rows[i].bounce_to);
            assert_string_equal(last->destination, strchr(rows[i].bounce_to, '@') + 1);
            assert_string_equal(last->reverse_path, "");
            assert_non_null(strstr(last->prefix, "DKIM-Signature: v=1; a=ed25519-sha256"));
            assert_non_null(strstr(last->text, "From: Mail Delivery System <MAILER-DAEMON@relay.test>\r\n"));
            assert_non_null(strstr(last->text, "Auto-Submitted: auto-replied\r\n"));
            assert_non_null(strstr(last->text, strstr(rows[i].to, "full") != NULL ? FULL : UNKNOWN));
            assert_null(strstr(last->text, "bob@relay.test>:"));
        }
        buf_done(&text);
        world_close(&w);
    }
}

// Mail that left and comes back signed by ourselves: the author is one of ours.
static void test_bounce_to_one_of_ours(void **state) {
    (void)state;
    struct world w;
    struct buf text = {0};
    world_open(&w, NULL);
    fake_dns_add(&w.dns, "s._domainkey.relay.test", w.record);
    world_write_message(&w, "v=1; a=ed25519-sha256; d=relay.test; s=s; h=From:From", FROM("<Eve@relay.test>"),
                        world_encrypted, &text);
    struct world_mail m = {.door = WORLD_SMTP, .from = "eve@relay.test", .to = "bob@relay.test nobody@relay.test"};
    m.text = buf_slice(&text);
    assert_string_equal(world_send(&w, &m), "250 OK");
    assert_int_equal(w.store.n_delivered, 2);
    assert_int_equal(w.store.n_queued, 0);
    assert_string_equal(w.store.last->address, "eve@relay.test");
    buf_done(&text);
    // Its mailbox takes nothing: the others have the mail, so that is all.
    world_write_message(&w, "v=1; a=ed25519-sha256; d=relay.test; s=s; h=From:From", FROM("<full@relay.test>"),
                        world_encrypted, &text);
    m.text = buf_slice(&text);
    m.from = "full@relay.test";
    assert_string_equal(world_send(&w, &m), "250 OK");
    assert_int_equal(w.store.n_delivered, 3);
    buf_done(&text);
    world_close(&w);
}

// The verdict is the same for everybody, so nothing of a refusal tells who is there.
static void test_nobody_is_found_out(void **state) {
    (void)state;
    static const char *const to[] = {"bob@relay.test", "nobody@relay.test", "full@relay.test", "blocked@relay.test"};
    static const struct {
        const char *tags, *rest, *want;
    } rows[] = {
        {WORLD_TAGS, world_clear, "523 Encryption Needed: Invalid Unencrypted Mail"},
        {NULL, world_encrypted, "554 5.7.1 No DKIM signature found"},
        {OF("gone"), world_encrypted, "554 5.7.1 No valid DKIM signature found"},
    };
    for (size_t r = 0; r < ARRAY_LEN(rows); r++)
        for (size_t i = 0; i < ARRAY_LEN(to); i++) {
            struct world w;
            struct buf text = {0};
            world_open(&w, NULL);
            world_write_message(&w, rows[r].tags, WORLD_HEADER, rows[r].rest, &text);
            struct world_mail m = {.door = WORLD_SMTP, .from = "ann@a.example", .to = to[i], .text = buf_slice(&text)};
            assert_string_equal(world_send(&w, &m), rows[r].want);
            assert_int_equal(w.store.n_submitted, 0);
            buf_done(&text);
            world_close(&w);
        }
}

// ---- trouble ----

static void test_store_trouble(void **state) {
    (void)state;
    static const struct {
        enum store_status body, deliver;
        size_t at;
        const char *want;
    } rows[] = {
        {STORE_FULL, STORE_OK, 0, "452 4.3.1 Error: insufficient system storage"},
        {STORE_FAILED, STORE_OK, 0, "451 4.3.0 Error: temporary failure, try again later"},
        {STORE_OK, STORE_FULL, 1, "452 4.3.1 Error: insufficient system storage"},
        {STORE_OK, STORE_NOT_FOUND, 1, "451 4.3.0 Error: temporary failure, try again later"},
        {STORE_OK, STORE_FAILED, 2, "451 4.3.0 Error: temporary failure, try again later"}, // of the bounce
        {STORE_OK, STORE_FULL, 2, "452 4.3.1 Error: insufficient system storage"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        struct buf text = {0};
        world_open(&w, NULL);
        world_write_message(&w, WORLD_TAGS, WORLD_HEADER, world_encrypted, &text);
        struct world_mail m = {.door = WORLD_SMTP,
                               .from = "ann@a.example",
                               .to = "bob@relay.test nobody@relay.test",
                               .text = buf_slice(&text)};
        w.store.body_status = rows[i].body;
        w.store.deliver_status = rows[i].deliver;
        w.store.deliver_fails_at = rows[i].at;
        assert_string_equal(world_send(&w, &m), rows[i].want);
        // It comes again: one copy, one bounce.
        w.store.body_status = w.store.deliver_status = STORE_OK;
        assert_string_equal(world_send(&w, &m), "250 OK");
        assert_int_equal(w.store.n_delivered, 1);
        assert_int_equal(w.store.n_queued, 1);
        buf_done(&text);
        world_close(&w);
    }
}

static void test_free_before_the_end(void **state) {
    (void)state;
    for (int moment = 0; moment < 2; moment++) {
        struct world w;
        struct buf text = {0};
        world_open(&w, NULL);
        world_write_message(&w, WORLD_TAGS, WORLD_HEADER, world_encrypted, &text);
        struct world_mail m = {
            .door = WORLD_SMTP, .from = "ann@a.example", .to = "bob@relay.test", .text = buf_slice(&text)};
        assert_true(world_begin(&w, &m));
        if (moment == 1)
            world_write(&w, &m);
        buf_done(&text);
        world_close(&w);
    }
}

// While keys are looked up, the body ends, the commit and that of the bounce are under way, the bounce is signed.
static void test_free_at_every_moment(void **state) {
    (void)state;
    static const char *const tags[] = {WORLD_TAGS, OF("gone"), NULL};
    for (size_t i = 0; i < ARRAY_LEN(tags); i++) {
        bool answered = false;
        unsigned turns = 0;
        for (; !answered; turns++) {
            struct world w;
            struct buf text = {0};
            world_open(&w, NULL);
            world_sign_with(&w, w.key);
            world_write_message(&w, tags[i], WORLD_HEADER, world_encrypted, &text);
            struct world_mail m = {.door = WORLD_SMTP,
                                   .from = "ann@a.example",
                                   .to = "bob@relay.test nobody@relay.test",
                                   .text = buf_slice(&text)};
            answered = world_send_and_free(&w, &m, turns);
            assert_int_equal(answered, w.reply.text[0] != '\0');
            buf_done(&text);
            world_close(&w);
        }
        assert_int_equal(turns, i == 0 ? 6 : i == 1 ? 2 : 1); // or the moments are others
    }
}

static void test_free_while_others_take_long(void **state) {
    (void)state;
    for (int who = 0; who < 2; who++) {
        struct world w;
        struct buf text = {0};
        world_open(&w, NULL);
        world_sign_with(&w, w.key);
        world_write_message(&w, WORLD_TAGS, WORLD_HEADER, world_encrypted, &text);
        struct world_mail m = {.door = WORLD_SMTP,
                               .from = "ann@a.example",
                               .to = "bob@relay.test nobody@relay.test",
                               .text = buf_slice(&text)};
        w.dns.is_held = who == 0;
        w.crypt.is_held = who == 1;
        assert_string_equal(world_send(&w, &m), "");
        world_abandon(&w);
        w.dns.is_held = w.crypt.is_held = false;
        fake_dns_release(&w.dns);
        fake_worker_release(&w.crypt);
        loop_run_ready(w.loop);
        assert_string_equal(w.reply.text, "");
        // It comes again.
        assert_string_equal(world_send(&w, &m), "250 OK");
        assert_int_equal(w.store.n_delivered, 1);
        assert_int_equal(w.store.n_queued, 1);
        buf_done(&text);
        world_close(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delivered_form),        cmocka_unit_test(test_failed_recipients),
        cmocka_unit_test(test_bounce_to_one_of_ours), cmocka_unit_test(test_nobody_is_found_out),
        cmocka_unit_test(test_store_trouble),         cmocka_unit_test(test_free_before_the_end),
        cmocka_unit_test(test_free_at_every_moment),  cmocka_unit_test(test_free_while_others_take_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
