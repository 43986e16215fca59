// SPDX-License-Identifier: MIT
// Submissions to other servers: what is queued for whom, the signature over exactly what is stored, and what the sender
// hears when the queue takes no more.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dkim/sign.h"
#include "dkim/test_keys.h"
#include "intake/world.h"

#define ALICE "alice@relay.test"
#define HEADER                                                                                                         \
    "From: Alice <alice@relay.test>\r\nTo: somebody\r\nSubject: a secret\r\nX-Mailer: mine\r\n"                        \
    "Message-ID: <o1@relay.test>\r\nDKIM-Signature: not ours\r\n"
#define DELIVERED "From: Alice <alice@relay.test>\r\nTo: somebody\r\nSubject: [...]\r\nMessage-ID: <o1@relay.test>\r\n"
// A submission has no armor header "Version:".
#define ENCRYPTED                                                                                                      \
    "Content-Type: multipart/encrypted; boundary=B\r\n\r\n--B\r\nContent-Type: application/pgp-encrypted\r\n\r\n"      \
    "Version: 1\r\n\r\n--B\r\nContent-Type: application/octet-stream\r\n\r\n-----BEGIN PGP MESSAGE-----\r\n\r\n"       \
    "wQ0AAQIDBAUGBwgJCgsM0hQAAQIDBAUGBwgJCgsMDQ4PEBESEw==\r\n-----END PGP MESSAGE-----\r\n\r\n--B--\r\n"

static struct world_mail mail_to(const char *to) {
    return (struct world_mail){
        .door = WORLD_SUBMISSION, .from = ALICE, .to = to, .text = slice_from_cstr(HEADER ENCRYPTED)};
}

static const char *send_to(struct world *w, const char *to) {
    struct world_mail m = mail_to(to);
    return world_send(w, &m);
}

static void use_both_keys(struct world *w) {
    const char *reason;
    struct dkim_private_key *rsa = dkim_private_key_from_pem(SLICE(TEST_RSA2048_PEM), &reason);
    assert_non_null(rsa);
    struct dkim_signer both[] = {{.key = rsa, .selector = SLICE("opendkim")}, {.key = w->key, .selector = SLICE("ed")}};
    intake_set_signers(w->intake, both, ARRAY_LEN(both));
    dkim_private_key_unref(rsa);
    fake_dns_add(&w->dns, "opendkim._domainkey.relay.test", "p=" TEST_RSA2048_P);
    fake_dns_add(&w->dns, "ed._domainkey.relay.test", w->record);
}

static const struct fake_delivery *find(const struct world *w, const char *address) {
    const struct fake_delivery *d = w->store.last;
    while (d != NULL && strcmp(d->address, address) != 0)
        d = d->next;
    if (d == NULL)
        fail_msg("nothing for %s", address);
    return d;
}

static void test_one_commit(void **state) {
    (void)state;
    struct world w;
    world_open(&w, NULL);
    use_both_keys(&w);
    assert_string_equal(send_to(&w, "bob@relay.test Far@Other.Example near@other.example x@[192.0.2.9]"), "250 OK");
    assert_int_equal(w.store.n_submitted, 1);
    assert_int_equal(w.store.n_delivered, 1);
    assert_int_equal(w.store.n_queued, 3);
    assert_int_equal(w.crypt.n_jobs, 1); // once a message
    static const char *const rows[][2] = {{"Far@other.example", "other.example"},
                                          {"near@other.example", "other.example"},
                                          {"x@[192.0.2.9]", "[192.0.2.9]"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct fake_delivery *d = find(&w, rows[i][0]);
        assert_string_equal(d->destination, rows[i][1]);
        assert_string_equal(d->reverse_path, ALICE);
        assert_string_equal(d->text, DELIVERED ENCRYPTED);
        assert_non_null(strstr(d->prefix, "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=relay.test;"));
        assert_non_null(strstr(d->prefix, "\r\nDKIM-Signature: v=1; a=ed25519-sha256;"));
    }
    assert_string_equal(find(&w, "bob@relay.test")->prefix, "");
    // Sent again because the reply was lost.
    assert_string_equal(send_to(&w, "bob@relay.test Far@Other.Example near@other.example x@[192.0.2.9]"), "250 OK");
    assert_int_equal(w.store.n_delivered + w.store.n_queued, 4);
    world_close(&w);
}

// Our own inbound side says whether the signature is good.
static void assert_valid(struct world *w, const char *prefix, const char *text) {
    struct buf all;
    buf_init(&all, 1024 * 1024);
    assert_true(buf_append_cstr(&all, "Received: from us\r\n") && buf_append_cstr(&all, prefix) &&
                buf_append_cstr(&all, text));
    struct world_mail m = {
        .door = WORLD_SMTP, .from = ALICE, .to = "in@relay.test", .text = buf_slice(&all), .piece = 7};
    assert_string_equal(world_send(w, &m), "250 OK");
    buf_done(&all);
}

static void test_signature_is_valid(void **state) {
    (void)state;
    static const char *const texts[] = {HEADER ENCRYPTED, "From: <alice@relay.test>\r\n" ENCRYPTED "\r\n\r\n",
                                        "Subject:\r\n x\r\nSubject: y\r\nFrom: \"x\"\r\n <alice@relay.test>\r\n"
                                        "List-Id: <x.y>\r\nAutocrypt: addr=a\r\nAutocrypt: addr=b\r\n" ENCRYPTED};
    static const char *const revoked[] = {NULL, "opendkim._domainkey.relay.test", "ed._domainkey.relay.test"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (size_t k = 0; k < ARRAY_LEN(revoked); k++) { // each of the two signatures is enough
            struct world w;
            world_open(&w, NULL);
            use_both_keys(&w);
            for (size_t r = 0; r < w.dns.n_records; r++)
                if (revoked[k] != NULL && strcmp(w.dns.records[r].name, revoked[k]) == 0)
                    w.dns.records[r].texts = "p=";
            struct world_mail m = mail_to("far@other.example");
            m.text = slice_from_cstr(texts[i]);
            m.piece = k;
            assert_string_equal(world_send(&w, &m), "250 OK");
            const struct fake_delivery *d = find(&w, "far@other.example");
            assert_valid(&w, d->prefix, d->text);
            world_close(&w);
        }
}

static void test_not_signed(void **state) {
    (void)state;
    struct world w;
    world_open(&w, NULL);
    assert_string_equal(send_to(&w, "far@other.example"), "250 OK"); // no keys yet
    assert_string_equal(w.store.last->prefix, "");
    use_both_keys(&w);
    assert_string_equal(send_to(&w, "bob@relay.test carol@relay.test"), "250 OK"); // it stays here
    assert_int_equal(w.crypt.n_jobs, 0);
    intake_set_signers(w.intake, NULL, 0);
    assert_string_equal(send_to(&w, "far2@other.example"), "250 OK");
    assert_int_equal(w.crypt.n_jobs, 0);
    world_close(&w);
}

static void test_keys_change_meanwhile(void **state) {
    (void)state;
    struct world w;
    world_open(&w, NULL);
    use_both_keys(&w);
    w.crypt.is_held = true;
    assert_string_equal(send_to(&w, "far@other.example"), "");
    intake_set_signers(w.intake, NULL, 0);
    fake_worker_release(&w.crypt);
    loop_run_ready(w.loop);
    assert_string_equal(w.reply.text, "250 OK");
    assert_non_null(strstr(w.store.last->prefix, "a=rsa-sha256"));
    world_close(&w);
}

static void test_destinations(void **state) {
    (void)state;
    static const struct {
        const char *to, *address, *destination; // NULL: a bounce
    } rows[] = {
        {"Bob+x@A.Example", "Bob+x@a.example", "a.example"},
        {"bob@_chat.Example", "bob@_chat.example", "_chat.example"},
        {"bob@B\xC3\xBC"
         "cher.Example",
         "bob@xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"bob@XN--BCHER-KVA.example", "bob@xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"bob@[IPv6:2001:0DB8:0::1]", "bob@[ipv6:2001:db8::1]", "[ipv6:2001:db8::1]"},
        {"bob@[IPv6:::ffff:192.0.2.7]", "bob@[192.0.2.7]", "[192.0.2.7]"},
        {"bob@localhost", NULL, NULL},
        {"bob@192.0.2.1", NULL, NULL},
        {"bob@\xE2\x98\xA0\xE2\x80\x8D.example", NULL, NULL}, // a joiner where IDNA allows none
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        world_open(&w, NULL);
        assert_string_equal(send_to(&w, rows[i].to), "250 OK");
        assert_int_equal(w.store.n_queued, rows[i].address != NULL);
        assert_int_equal(w.store.n_delivered, rows[i].address == NULL);
        if (rows[i].address != NULL) {
            assert_string_equal(w.store.last->address, rows[i].address);
            assert_string_equal(w.store.last->destination, rows[i].destination);
        } else {
            assert_string_equal(w.store.last->address, ALICE);
            assert_non_null(strstr(w.store.last->text, "Status: 5.1.2\r\n"));
            assert_non_null(strstr(w.store.last->text, "> Bad destination: there can be no such domain\r\n"));
        }
        world_close(&w);
    }
}

// Elsewhere, here, unknown and nowhere at once: one letter, one copy, one bounce for the last two.
static void test_mixture(void **state) {
    (void)state;
    struct world w;
    world_open(&w, NULL);
    use_both_keys(&w);
    for (int again = 0; again < 2; again++) {
        assert_string_equal(send_to(&w, "far@other.example bob@relay.test nobody@relay.test x@localhost"), "250 OK");
        assert_int_equal(w.store.n_queued, 1);
        assert_int_equal(w.store.n_delivered, 2);
    }
    const struct fake_delivery *bounce = find(&w, ALICE);
    assert_non_null(strstr(bounce->text, "550 5.1.1 <nobody@relay.test>"));
    assert_non_null(strstr(bounce->text, "550 5.1.2 <x@localhost>"));
    assert_null(strstr(bounce->text, "far@other.example"));
    world_close(&w);
}

static void test_own_literal(void **state) {
    (void)state;
    static const char *const settings[] = {"mail_domain=192.0.2.1", NULL};
    struct world w;
    world_open(&w, settings);
    struct world_mail m = mail_to("bob@[192.0.2.1] Bob+y@[IPv6:::ffff:192.0.2.1] far@[192.0.2.2]");
    m.from = "alice@[192.0.2.1]";
    m.text = slice_from_cstr("From: <alice@[192.0.2.1]>\r\n" ENCRYPTED);
    assert_string_equal(world_send(&w, &m), "250 OK");
    assert_int_equal(w.store.n_delivered, 1);
    assert_int_equal(w.store.n_queued, 1);
    assert_non_null(find(&w, "bob@[192.0.2.1]"));
    world_close(&w);
}

static void test_queue_is_full(void **state) {
    (void)state;
    static const struct {
        enum store_status status;
        const char *want;
    } rows[] = {
        {STORE_FULL, "452 4.3.1 Error: insufficient system storage"},
        {STORE_BACKLOG, "450 4.7.1 Error: too much of your mail waits for other servers, try again later"},
        {STORE_NOT_FOUND, "550 5.7.1 <alice@relay.test>: Sender address rejected: this account may not send"},
        {STORE_FAILED, "451 4.3.0 Error: temporary failure, try again later"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        world_open(&w, NULL);
        use_both_keys(&w);
        w.store.deliver_status = rows[i].status;
        assert_string_equal(send_to(&w, "bob@relay.test far@other.example"), rows[i].want);
        assert_int_equal(w.store.n_delivered + w.store.n_queued, 0);
        world_close(&w);
    }
}

static void test_refused_costs_no_signature(void **state) {
    (void)state;
    struct world w;
    world_open(&w, NULL);
    use_both_keys(&w);
    struct world_mail m = mail_to("far@other.example");
    m.text = SLICE(HEADER "\r\nhello\r\n");
    assert_string_equal(world_send(&w, &m), "523 Encryption Needed: Invalid Unencrypted Mail");
    assert_int_equal(w.crypt.n_jobs, 0);
    world_close(&w);
}

static void test_free_at_every_moment(void **state) {
    (void)state;
    bool answered = false;
    unsigned turns = 0;
    for (; !answered; turns++) {
        struct world w;
        world_open(&w, NULL);
        use_both_keys(&w);
        struct world_mail m = mail_to("far@other.example nobody@relay.test");
        answered = world_send_and_free(&w, &m, turns);
        assert_int_equal(answered, w.reply.text[0] != '\0');
        world_close(&w);
    }
    assert_int_equal(turns, 5); // signature, body, commit, body and commit of the bounce
    struct world w;
    world_open(&w, NULL);
    use_both_keys(&w);
    w.crypt.is_held = true;
    assert_string_equal(send_to(&w, "far@other.example"), "");
    world_abandon(&w);
    fake_worker_release(&w.crypt);
    loop_run_ready(w.loop);
    assert_string_equal(w.reply.text, "");
    assert_int_equal(w.store.n_submitted, 0);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_commit),
        cmocka_unit_test(test_signature_is_valid),
        cmocka_unit_test(test_not_signed),
        cmocka_unit_test(test_keys_change_meanwhile),
        cmocka_unit_test(test_destinations),
        cmocka_unit_test(test_mixture),
        cmocka_unit_test(test_own_literal),
        cmocka_unit_test(test_queue_is_full),
        cmocka_unit_test(test_refused_costs_no_signature),
        cmocka_unit_test(test_free_at_every_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
