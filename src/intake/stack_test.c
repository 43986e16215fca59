// SPDX-License-Identifier: MIT
// The intake on the real store and real workers: what the queue holds is what was signed, both readings of /mxdeliv on
// the disk, and nothing is left of a transaction that is given up at any time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "dkim/sign.h"
#include "dkim/test_keys.h"
#include "dkim/test_signer.h"
#include "intake/fake_account.h"
#include "intake/fake_dns.h"
#include "intake/intake.h"
#include "net/worker.h"
#include "store/push_ops.h"
#include "store/queue_ops.h"
#include "store/test_support.h"

enum { PATIENCE_MS = 60 * 1000 };

struct stack {
    struct fixture f;
    struct config_holder *config;
    struct account_service accounts;
    struct dns_resolver dns;
    struct worker_pool *crypt;
    struct intake *intake;
    struct dkim_private_key *key;
    uint64_t alice, bob;
    bool is_answered;
    struct intake_reply reply;
};

static void start(struct stack *s) {
    static const char *const settings[] = {"mail_domain=relay.test", "max_message_size=9000000", NULL};
    const char *reason;
    memset(s, 0, sizeof(*s));
    fixture_init(&s->f);
    s->accounts.sends_left = 1000;
    s->config = config_holder_new(config_parse(SLICE_EMPTY, "test", settings, NULL, NULL));
    s->crypt = worker_pool_new("crypt", 2);
    s->intake = intake_new(&(struct intake_settings){
        .config = s->config, .store = s->f.store, .accounts = &s->accounts, .crypt = s->crypt, .dns = &s->dns});
    s->key = dkim_private_key_from_pem(SLICE(TEST_RSA2048_PEM), &reason);
    intake_set_signers(s->intake, &(struct dkim_signer){.key = s->key, .selector = SLICE("s")}, 1);
    fake_dns_add(&s->dns, "s._domainkey.relay.test", "p=" TEST_RSA2048_P);
    fake_dns_add(&s->dns, "s._domainkey.a.example", "p=" TEST_RSA2048_P);
    s->alice = make_account(&s->f, "alice@relay.test", NULL);
    s->bob = make_account(&s->f, "bob@relay.test", NULL);
}

static void stop(struct stack *s) {
    worker_pool_free(s->crypt);
    fixture_done(&s->f); // verifies the store
    intake_free(s->intake);
    config_holder_free(s->config);
    dkim_private_key_unref(s->key);
}

// ---- messages ----

// An encrypted message whose packet holds `len` octets; `extra` stands in the header of its first part.
static char *write_encrypted(const char *from, size_t len, const char *extra) {
    char *packet = mem_zalloc(len + 6, 1), *text = mem_alloc(BASE64_ENCODED_LEN(len + 6) + 1);
    memcpy(packet, "\xd2\xff", 2);
    for (size_t i = 0; i < 4; i++)
        packet[2 + i] = (char)(len >> (24 - 8 * i));
    base64_encode(packet, len + 6, text);
    struct buf b;
    buf_init(&b, 64 << 20);
    assert_true(buf_printf(&b,
                           "From: <%s>\r\nMessage-ID: <%zu%zu@x>\r\nSubject: [...]\r\n"
                           "Content-Type: multipart/encrypted; boundary=B\r\n\r\n--B\r\n"
                           "Content-Type: application/pgp-encrypted\r\n%s\r\nVersion: 1\r\n\r\n--B\r\n"
                           "Content-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n",
                           from, len, strlen(extra), extra));
    size_t encoded = strlen(text);
    for (size_t i = 0; i < encoded; i += 64)
        assert_true(buf_printf(&b, "%.64s\r\n", text + i));
    assert_true(buf_append_cstr(&b, "-----END PGP MESSAGE-----\r\n\r\n--B--\r\n"));
    char *message = slice_dup(buf_slice(&b));
    buf_done(&b);
    free(packet);
    free(text);
    return message;
}

static char *sign(struct stack *s, const char *message) {
    struct buf b;
    buf_init(&b, 64 << 20);
    test_sign(s->key, SLICE("v=1; a=rsa-sha256; c=relaxed/simple; d=a.example; s=s; h=From:From:Subject"),
              slice_from_cstr(message), &b);
    assert_true(buf_append_cstr(&b, message));
    char *text = slice_dup(buf_slice(&b));
    buf_done(&b);
    return text;
}

// ---- transactions ----

enum door { SUBMISSION, SMTP, MXDELIV };

static struct intake_txn *begin(struct stack *s, enum door door, const char *from, const char *to) {
    struct intake_sender sender = {.account_id = s->alice, .login = slice_from_cstr(from)};
    struct intake_txn *t = door == SUBMISSION ? intake_txn_new(s->intake, s->f.loop, &sender, slice_from_cstr(from))
                                              : intake_txn_new_inbound(s->intake, s->f.loop, slice_from_cstr(from));
    struct slice list = slice_from_cstr(to);
    for (struct slice one = slice_next_word(&list); one.len > 0; one = slice_next_word(&list))
        if (!intake_txn_rcpt(t, one, &s->reply))
            fail_msg("%s", s->reply.text);
    return t;
}

static void set_true(void *arg) {
    *(bool *)arg = true;
}

static void run_until(struct stack *s, const bool *done) {
    for (uint64_t end = clock_mono_ms() + PATIENCE_MS; !*done && clock_mono_ms() < end;) {
        loop_run_ready(s->f.loop);
        (void)usleep(20);
    }
    assert_true(*done);
}

// In pieces, with the pauses that are asked for.
static void write_text(struct stack *s, struct intake_txn *t, enum door door, const char *text) {
    struct slice rest = slice_from_cstr(text);
    bool ready = true;
    intake_txn_set_on_ready(t, set_true, &ready);
    while (rest.len > 0) {
        struct slice piece = slice_sub(rest, 0, 16000);
        ready = true;
        if (!(door == MXDELIV ? intake_txn_write_mxdeliv : intake_txn_write)(t, piece))
            ready = false;
        run_until(s, &ready);
        rest = slice_sub(rest, piece.len, rest.len);
    }
    intake_txn_set_on_ready(t, NULL, NULL);
}

static void on_done(void *arg, const struct intake_reply *reply) {
    struct stack *s = arg;
    s->reply = *reply;
    s->is_answered = true;
}

static const char *send_text(struct stack *s, enum door door, const char *from, const char *to, const char *text) {
    struct intake_txn *t = begin(s, door, from, to);
    write_text(s, t, door, text);
    s->is_answered = false;
    intake_txn_finish(t, on_done, s);
    run_until(s, &s->is_answered);
    intake_txn_free(t);
    return s->reply.text;
}

// ---- the queue ----

// Prefix and body of the only letter for the destination, which is dropped.
static char *take_letter(struct stack *s, const char *destination, const char *reverse_path) {
    struct store_queue_load *load = store_queue_load_new(slice_from_cstr(destination), INT64_MAX, 10);
    assert_int_equal(run_op(&s->f, &load->op), STORE_OK);
    assert_int_equal(load->ret_n, 1);
    const struct store_due *d = &load->ret_dues[0];
    assert_string_equal(d->reverse_path, reverse_path);
    struct buf b;
    buf_init(&b, 64 << 20);
    assert_true(buf_append(&b, d->prefix, d->prefix_len));
    for (uint64_t at = 0; at < d->body_size; at += STORE_BODY_READ_MAX) {
        struct store_body_read *r = store_body_read_due_new(d, at, STORE_BODY_READ_MAX);
        assert_int_equal(run_op(&s->f, &r->op), STORE_OK);
        assert_true(buf_append(&b, r->ret_data, r->ret_data_len));
        store_op_free(&r->op);
    }
    struct store_queue_settle *settle = store_queue_settle_new();
    (void)store_queue_settle_add(settle, d->id);
    assert_int_equal(run_and_free(&s->f, &settle->op), STORE_OK);
    store_op_free(&load->op);
    char *text = slice_dup(buf_slice(&b));
    buf_done(&b);
    return text;
}

static uint64_t count_inbox(struct stack *s, const char *address) {
    char sql[200];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT messages FROM mailbox JOIN account ON inbox_id = mailbox.id WHERE address = '%s'", address);
    return (uint64_t)fixture_number(&s->f, sql);
}

// What nothing refers to goes a little later.
static void expect_files(struct stack *s, unsigned n) {
    for (uint64_t end = clock_mono_ms() + PATIENCE_MS; fixture_files(&s->f, NULL) != n && clock_mono_ms() < end;)
        (void)usleep(1000);
    assert_int_equal(fixture_files(&s->f, NULL), n);
}

// ---- tests ----

// What goes out is what comes in: the letter of a submission passes our own inbound side, small and large.
static void test_out_and_in(void **state) {
    (void)state;
    static const size_t sizes[] = {10, 40 * 1000, 48 * 1000, 300 * 1000};
    struct stack s;
    start(&s);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        char *text = write_encrypted("alice@relay.test", sizes[i], "");
        assert_string_equal(send_text(&s, SUBMISSION, "alice@relay.test", "far@b.example x@b.example", text), "250 OK");
        char *letter = take_letter(&s, "b.example", "alice@relay.test");
        assert_int_equal(strncmp(letter, "DKIM-Signature: v=1; a=rsa-sha256;", 34), 0);
        assert_string_equal(strstr(letter, "From: "), text);
        assert_string_equal(send_text(&s, i % 2 == 0 ? SMTP : MXDELIV, "alice@relay.test", "bob@relay.test", letter),
                            "250 OK");
        assert_int_equal(count_inbox(&s, "bob@relay.test"), i + 1);
        free(text);
        free(letter);
    }
    stop(&s);
}

static void test_unknown_from_outside(void **state) {
    (void)state;
    struct stack s;
    start(&s);
    char *text = write_encrypted("ann@a.example", 100000, ""), *signed_text = sign(&s, text);
    assert_string_equal(send_text(&s, SMTP, "ann@a.example", "gone@relay.test", signed_text),
                        "550 5.1.1 <gone@relay.test> User doesn't exist: gone@relay.test");
    expect_files(&s, 0);
    for (int again = 0; again < 2; again++)
        assert_string_equal(send_text(&s, SMTP, "ann@a.example", "gone@relay.test bob@relay.test", signed_text),
                            "250 OK");
    assert_int_equal(count_inbox(&s, "bob@relay.test"), 1);
    char *bounce = take_letter(&s, "a.example", "");
    assert_non_null(strstr(bounce, "550 5.1.1 <gone@relay.test>"));
    // Signed so that others take it, and we would.
    assert_string_equal(send_text(&s, SMTP, "", "bob@relay.test", bounce), "250 OK");
    free(bounce);
    free(text);
    free(signed_text);
    stop(&s);
}

static void test_two_readings_on_disk(void **state) {
    (void)state;
    static const char *const extras[] = {".X: one\r\n", "..: two\r\n", ".: three\r\n"};
    struct stack s;
    start(&s);
    for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
        char *text = write_encrypted("ann@a.example", 200000 + i, extras[i]), *signed_text = sign(&s, text);
        assert_string_equal(send_text(&s, MXDELIV, "ann@a.example", "bob@relay.test", signed_text), "250 OK");
        assert_int_equal(count_inbox(&s, "bob@relay.test"), i + 1);
        expect_files(&s, (unsigned)i + 1);
        free(text);
        free(signed_text);
    }
    stop(&s);
}

// Given up after a while that differs each time, whatever threads are doing then. The store is verified in the end, and
// a message that was not answered may be there or not, but never in part.
static void test_given_up_at_any_time(void **state) {
    (void)state;
    struct stack s;
    start(&s);
    char *text = write_encrypted("alice@relay.test", 150000, "");
    char *other = write_encrypted("ann@a.example", 150000, ".: x\r\n"), *signed_text = sign(&s, other);
    for (unsigned i = 0; i < 120; i++) {
        enum door door = i % 2 == 0 ? SUBMISSION : MXDELIV;
        struct intake_txn *t = door == SUBMISSION ? begin(&s, door, "alice@relay.test", "far@b.example bob@relay.test")
                                                  : begin(&s, door, "ann@a.example", "bob@relay.test gone@relay.test");
        s.is_answered = false;
        write_text(&s, t, door, door == SUBMISSION ? text : signed_text);
        intake_txn_finish(t, on_done, &s);
        for (unsigned turn = 0; turn < i / 4; turn++) {
            loop_run_ready(s.f.loop);
            (void)usleep(100);
        }
        intake_txn_free(t);
    }
    assert_string_equal(send_text(&s, SUBMISSION, "alice@relay.test", "far@b.example bob@relay.test", text), "250 OK");
    assert_string_equal(send_text(&s, MXDELIV, "ann@a.example", "bob@relay.test gone@relay.test", signed_text),
                        "250 OK");
    assert_int_equal(count_inbox(&s, "bob@relay.test"), 2);
    free(take_letter(&s, "b.example", "alice@relay.test"));
    free(take_letter(&s, "a.example", ""));
    expect_files(&s, 2);
    free(text);
    free(other);
    free(signed_text);
    stop(&s);
}

// Takes all pushes that are pending: their tokens, in order.
static const char *take_pushes(struct stack *s) {
    static char text[256];
    struct store_push_load *l = store_push_load_new(INT64_MAX, 100, 100);
    struct store_push_settle *settle = store_push_settle_new();
    assert_int_equal(run_op(&s->f, &l->op), STORE_OK);
    text[0] = '\0';
    for (size_t i = 0; i < l->ret_n; i++) {
        (void)snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", l->ret_pushes[i].token);
        store_push_settle_done(settle, l->ret_pushes[i].token_id, l->ret_pushes[i].asked_ms, INT64_MAX);
    }
    assert_int_equal(run_and_free(&s->f, &settle->op), STORE_OK);
    store_op_free(&l->op);
    return text;
}

// Who is woken by what, from the octets at the door to the rows of the store.
static void test_pushes(void **state) {
    (void)state;
    static const struct {
        enum door door;
        const char *from, *to, *want;
    } rows[] = {
        {SUBMISSION, "alice@relay.test", "alice@relay.test bob@relay.test", "b1 b2 "},
        {SUBMISSION, "alice@relay.test", "alice@relay.test", ""},
        {SUBMISSION, "alice@relay.test", "far@b.example alice@relay.test", ""},
        {SUBMISSION, "alice@relay.test", "alice@relay.test gone@relay.test", "a1 "}, // the bounce
        {SMTP, "ann@a.example", "alice@relay.test bob@relay.test", "a1 b1 b2 "},
        {MXDELIV, "ann@a.example", "gone@relay.test alice@relay.test", "a1 "},
    };
    struct stack s;
    start(&s);
    store_set_push_enabled(s.f.store, true);
    assert_int_equal(run_and_free(&s.f, &store_token_add_new(s.alice, SLICE("a1"))->op), STORE_OK);
    assert_int_equal(run_and_free(&s.f, &store_token_add_new(s.bob, SLICE("b1"))->op), STORE_OK);
    assert_int_equal(run_and_free(&s.f, &store_token_add_new(s.bob, SLICE("b2"))->op), STORE_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = write_encrypted(rows[i].from, 1000 + i, "");
        if (rows[i].door != SUBMISSION) {
            char *signed_text = sign(&s, text);
            free(text);
            text = signed_text;
        }
        for (int again = 0; again < 2; again++) { // the second time it is known
            assert_string_equal(send_text(&s, rows[i].door, rows[i].from, rows[i].to, text), "250 OK");
            const char *got = take_pushes(&s), *want = again == 0 ? rows[i].want : "";
            if (strcmp(got, want) != 0)
                fail_msg("row %zu, time %d: want \"%s\" got \"%s\"", i, again, want, got);
        }
        free(text);
    }
    stop(&s);
}

// A piece that fills the queue of the disk and is refused at its end: nobody is told to wait for a body that is gone.
static void test_refused_in_a_full_piece(void **state) {
    (void)state;
    static const struct {
        const char *end;
        size_t n_lines; // behind it
        const char *want;
    } rows[] = {
        {".a\nb\r\n", 0, "500 Invalid DATA"},
        {".a\r\n", 9000000 / 12, "552 Message exceeds maximum size"},
    };
    struct stack s;
    start(&s);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *text = write_encrypted("ann@a.example", 300 * 1000, "");
        struct buf b;
        buf_init(&b, 64 << 20);
        assert_true(buf_append_cstr(&b, text) && buf_append_cstr(&b, rows[i].end));
        for (size_t n = 0; n < rows[i].n_lines; n++)
            assert_true(buf_append_cstr(&b, "0123456789\r\n"));
        struct intake_txn *t = begin(&s, MXDELIV, "ann@a.example", "bob@relay.test");
        bool ready = true;
        intake_txn_set_on_ready(t, set_true, &ready);
        if (!intake_txn_write_mxdeliv(t, buf_slice(&b)))
            ready = false;
        run_until(&s, &ready);
        s.is_answered = false;
        intake_txn_finish(t, on_done, &s);
        run_until(&s, &s.is_answered);
        intake_txn_free(t);
        assert_string_equal(s.reply.text, rows[i].want);
        buf_done(&b);
        free(text);
    }
    stop(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_out_and_in),
        cmocka_unit_test(test_unknown_from_outside),
        cmocka_unit_test(test_two_readings_on_disk),
        cmocka_unit_test(test_given_up_at_any_time),
        cmocka_unit_test(test_refused_in_a_full_piece),
        cmocka_unit_test(test_pushes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
