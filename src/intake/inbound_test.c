// SPDX-License-Identifier: MIT
// Mail from outside: every rule in its order and its reply, and who is asked for keys and when.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dkim/test_signer.h"
#include "dkim/verify.h"
#include "intake/key_lookup.h"
#include "intake/world.h"

#define NO_SIGNATURE "554 5.7.1 No DKIM signature found"
#define NO_VALID "554 5.7.1 No valid DKIM signature found"
#define NO_CLEAR "523 Encryption Needed: Invalid Unencrypted Mail"
#define TAGS(domain, more) "v=1; a=ed25519-sha256; d=" domain "; s=s; h=From:From:To:Subject" more
#define FROM(address) "From: " address "\r\nTo: <bob@relay.test>\r\nSubject: x\r\n"

// ---- the filter ----

struct row {
    const char *name;
    const char *tags; // NULL: unsigned
    const char *header;
    const char *rest;
    const char *want; // the reply
    const char *from; // reverse-path; NULL: ann@a.example
    const char *to;   // NULL: bob@relay.test
};

static void check_rows(const struct row *rows, size_t n, const char *const *settings) {
    size_t failed = 0;
    for (size_t i = 0; i < n; i++) {
        const struct row *r = &rows[i];
        for (size_t piece = 0; piece < 2; piece++) {
            struct world w;
            struct buf text = {0};
            world_open(&w, settings);
            world_write_message(&w, r->tags, r->header, r->rest, &text);
            struct world_mail m = {.door = WORLD_SMTP,
                                   .from = r->from != NULL ? r->from : "ann@a.example",
                                   .to = r->to != NULL ? r->to : "bob@relay.test",
                                   .text = buf_slice(&text),
                                   .piece = piece};
            const char *got = world_send(&w, &m);
            bool accepted = strcmp(r->want, "250 OK") == 0;
            if (strcmp(got, r->want) != 0 || w.store.n_delivered != accepted) {
                print_error("%s: want [%s] got [%s], %zu delivered\n", r->name, r->want, got, w.store.n_delivered);
                failed++;
            }
            if (r->tags == NULL || strncmp(r->want, "523", 3) == 0 || strncmp(r->want, "500", 3) == 0)
                assert_int_equal(w.dns.n_asked, 0); // before any question
            buf_done(&text);
            world_close(&w);
        }
    }
    assert_int_equal(failed, 0);
}

static void test_filter(void **state) {
    (void)state;
    static const struct row rows[] = {
        {"encrypted and signed", WORLD_TAGS, WORLD_HEADER, world_encrypted, "250 OK", NULL, NULL},
        {"securejoin and signed", WORLD_TAGS, WORLD_HEADER, world_securejoin, "250 OK", NULL, NULL},
        {"the null sender", WORLD_TAGS, WORLD_HEADER, world_encrypted, "250 OK", "", NULL},
        {"another sender", WORLD_TAGS, WORLD_HEADER, world_encrypted, "250 OK", "list@b.example", NULL},
        {"a sender that is none", WORLD_TAGS, WORLD_HEADER, world_encrypted, "250 OK", "?", NULL},
        {"clear text", WORLD_TAGS, WORLD_HEADER, world_clear, NO_CLEAR, NULL, NULL},
        {"clear text, unsigned", NULL, WORLD_HEADER, world_clear, NO_CLEAR, NULL, NULL},
        {"a setup message", WORLD_TAGS, FROM("<ann@a.example>") "X: y\r\n",
         "Subject: Autocrypt Setup Message\r\nContent-Type: multipart/mixed; "
         "boundary=B\r\n\r\n--B\r\n\r\nx\r\n--B--\r\n",
         NO_CLEAR, NULL, NULL},
        {"MIME first", WORLD_TAGS, "From: nobody\r\n", "Content-Type: multipart/mixed\r\n\r\nx\r\n",
         "500 Failed to parse message: multipart without a valid boundary", NULL, NULL},
        {"a line that is no field", WORLD_TAGS, WORLD_HEADER "no field\r\n", world_encrypted,
         "500 Failed to parse message: header line is not a field", NULL, NULL},
        {"a bare LF", WORLD_TAGS, WORLD_HEADER "X: a\nb\r\n", world_encrypted,
         "500 Failed to parse message: bare line feed", NULL, NULL},
        {"no From", WORLD_TAGS, "To: <bob@relay.test>\r\n", world_clear, "500 Invalid FROM header: (none)", NULL, NULL},
        {"From before clear text", WORLD_TAGS, "From: Ann\r\n", world_clear, "500 Invalid FROM header: Ann", NULL,
         NULL},
        {"unsigned", NULL, WORLD_HEADER, world_encrypted, NO_SIGNATURE, NULL, NULL},
        {"a signature of another domain", TAGS("b.example", ""), WORLD_HEADER, world_encrypted, NO_VALID, NULL, NULL},
        {"of the domain above", TAGS("example", ""), WORLD_HEADER, world_encrypted, NO_VALID, NULL, NULL},
        {"of a domain below", TAGS("sub.a.example", ""), WORLD_HEADER, world_encrypted, NO_VALID, NULL, NULL},
        {"case of the domain", TAGS("A.Example", ""), FROM("<ann@a.EXAMPLE>"), world_encrypted, "250 OK", NULL, NULL},
        {"From not signed", "v=1; a=ed25519-sha256; d=a.example; s=s; h=To:Subject", WORLD_HEADER, world_encrypted,
         NO_VALID, NULL, NULL},
        {"forged From", WORLD_TAGS, FROM("<mallory@b.example>"), world_encrypted, NO_VALID, NULL, NULL},
        {"two From, both signed", TAGS("a.example", ""), "From: <ann@a.example>\r\n" FROM("<eve@b.example>"),
         world_encrypted, "250 OK", NULL, NULL},
        {"two From, the first counts", TAGS("a.example", ""), "From: <eve@b.example>\r\n" FROM("<ann@a.example>"),
         world_encrypted, NO_VALID, NULL, NULL},
        {"two addresses, the first counts", TAGS("a.example", ""), FROM("<eve@b.example>, <ann@a.example>"),
         world_encrypted, NO_VALID, NULL, NULL},
        {"expired", TAGS("a.example", "; t=1000; x=2000"), WORLD_HEADER, world_encrypted, NO_VALID, NULL, NULL},
        {"a length of all", TAGS("a.example", "; l=100000"), WORLD_HEADER, world_encrypted, NO_VALID, NULL, NULL},
        {"a length of nothing", TAGS("a.example", "; l=0"), WORLD_HEADER, world_encrypted, NO_VALID, NULL, NULL},
        {"no key", "v=1; a=ed25519-sha256; d=a.example; s=gone; h=From:From", WORLD_HEADER, world_encrypted, NO_VALID,
         NULL, NULL},
        {"a report, signed", TAGS("a.example", ""), FROM("<MAILER-DAEMON@a.example>"), world_report, "250 OK", "",
         NULL},
        {"a report, unsigned", NULL, FROM("<MAILER-DAEMON@a.example>"), world_report, NO_SIGNATURE, "", NULL},
        {"a report of somebody", TAGS("a.example", ""), FROM("<ann@a.example>"), world_report, NO_CLEAR, "", NULL},
        {"a report without a text", TAGS("a.example", ""), FROM("<mailer-daemon@a.example>"),
         "Auto-Submitted: yes\r\nContent-Type: multipart/report; boundary=B\r\n", "554 Malformed data", "", NULL},
        {"not submitted automatically", TAGS("a.example", ""), FROM("<mailer-daemon@a.example>"),
         "Auto-Submitted: \r\nContent-Type: multipart/report; boundary=B\r\n\r\n--B\r\n\r\nx\r\n--B--\r\n", NO_CLEAR,
         "", NULL},
        {"a literal, unsigned", NULL, FROM("<ann@[192.0.2.9]>"), world_encrypted, "250 OK", "ann@[192.0.2.9]", NULL},
        {"a literal, clear text", NULL, FROM("<ann@[IPv6:2001:db8::9]>"), world_clear, NO_CLEAR, NULL, NULL},
        {"of our own domain, unsigned", NULL, FROM("<bob@relay.test>"), world_encrypted, NO_SIGNATURE, NULL, NULL},
        {"a domain that cannot be", NULL, FROM("<ann@localhost>"), world_encrypted, NO_SIGNATURE, NULL, NULL},
        {"no text at all", NULL, "", "", "500 Invalid FROM header: (none)", NULL, NULL},
    };
    check_rows(rows, ARRAY_LEN(rows), NULL);
}

static void test_own_literal(void **state) {
    (void)state;
    static const char *const settings[] = {"mail_domain=192.0.2.1", NULL};
    static const char us[] = "bob@[192.0.2.1]";
    static const struct row rows[] = {
        {"our own", NULL, FROM("<bob@[192.0.2.1]>"), world_encrypted, "554 5.7.1 Nobody outside speaks for [192.0.2.1]",
         NULL, us},
        {"our own in IPv6", NULL, FROM("<bob@[IPv6:::ffff:192.0.2.1]>"), world_encrypted,
         "554 5.7.1 Nobody outside speaks for [192.0.2.1]", NULL, us},
        {"clear text first", NULL, FROM("<bob@[192.0.2.1]>"), world_clear, NO_CLEAR, NULL, us},
        {"another", NULL, FROM("<bob@[192.0.2.2]>"), world_encrypted, "250 OK", NULL, us},
        {"a name", WORLD_TAGS, WORLD_HEADER, world_encrypted, "250 OK", NULL, us},
        {"not for us", NULL, FROM("<bob@[192.0.2.2]>"), world_encrypted,
         "554 5.7.1 <bob@[192.0.2.2]>: Relay access denied", NULL, "bob@[192.0.2.2]"},
    };
    check_rows(rows, ARRAY_LEN(rows), settings);
}

static void test_recipients(void **state) {
    (void)state;
    static const struct {
        const char *to, *want;
    } rows[] = {
        {"bob@relay.test", "250 2.1.5 OK"},
        {"Bob+x@Relay.Test", "250 2.1.5 OK"},
        {"nobody@relay.test", "250 2.1.5 OK"},
        {"postmaster", "250 2.1.5 OK"},
        {"abuse@relay.test", "250 2.1.5 OK"},
        {"bob@other.test", "554 5.7.1 <bob@other.test>: Relay access denied"},
        {"bob@sub.relay.test", "554 5.7.1 <bob@sub.relay.test>: Relay access denied"},
        {"bob@[192.0.2.1]", "554 5.7.1 <bob@[192.0.2.1]>: Relay access denied"},
        {"bob%other.test@relay.test", "250 2.1.5 OK"}, // no source routes: it is a name like any other
        {"\"bob@other.test\"@relay.test", "250 2.1.5 OK"},
        {"bob", "501 5.1.3 Error: bad recipient address syntax"},
        {"", "501 5.1.3 Error: bad recipient address syntax"},
        {"@relay.test", "501 5.1.3 Error: bad recipient address syntax"},
    };
    struct world w;
    world_open(&w, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct intake_reply reply;
        struct intake_txn *t = intake_txn_new_inbound(w.intake, w.loop, SLICE("ann@a.example"));
        bool ok = intake_txn_rcpt(t, slice_from_cstr(rows[i].to), &reply);
        assert_int_equal(ok, rows[i].want[0] == '2');
        assert_string_equal(reply.text, rows[i].want);
        assert_int_equal(intake_txn_n_rcpts(t), ok);
        intake_txn_free(t);
    }
    assert_int_equal(w.accounts.sends_taken, 0);
    world_close(&w);
}

static void test_operator(void **state) {
    (void)state;
    static const char *const settings[] = {"privacy_mail=op@elsewhere.example", NULL};
    static const char with_contact[] = NO_CLEAR " (the operator reads mail at op@elsewhere.example)";
    static const struct row rows[] = {
        {"to postmaster", WORLD_TAGS, WORLD_HEADER, world_clear, with_contact, NULL, "postmaster"},
        {"to abuse", WORLD_TAGS, WORLD_HEADER, world_clear, with_contact, NULL, "bob@relay.test ABUSE@relay.test"},
        {"to others", WORLD_TAGS, WORLD_HEADER, world_clear, NO_CLEAR, NULL, "bob@relay.test"},
        {"encrypted", WORLD_TAGS, WORLD_HEADER, world_encrypted, "250 OK", NULL, "abuse@relay.test"},
    };
    check_rows(rows, ARRAY_LEN(rows), settings);
    check_rows(&(struct row){"unset", WORLD_TAGS, WORLD_HEADER, world_clear, NO_CLEAR, NULL, "postmaster"}, 1, NULL);
}

static void test_size_and_line_ends(void **state) {
    (void)state;
    static const char *const settings[] = {"max_message_size=2000", NULL};
    struct world w;
    struct buf text = {0};
    world_open(&w, settings);
    world_write_message(&w, WORLD_TAGS, WORLD_HEADER, world_encrypted, &text);
    struct world_mail m = {.door = WORLD_SMTP, .from = "ann@a.example", .to = "bob@relay.test"};
    m.text = buf_slice(&text);
    assert_true(world_begin(&w, &m));
    world_write(&w, &m);
    intake_txn_mark_bad_data(w.txn);
    world_finish(&w);
    assert_string_equal(w.reply.text, "500 Invalid DATA");

    char filler[2001];
    memset(filler, 'x', sizeof(filler));
    assert_true(buf_append(&text, filler, sizeof(filler)));
    m.text = buf_slice(&text);
    for (m.piece = 0; m.piece < 2; m.piece++)
        assert_string_equal(world_send(&w, &m), "552 Message exceeds maximum size");
    assert_int_equal(w.dns.n_asked, 0);
    buf_done(&text);
    world_close(&w);
}

// ---- keys ----

static const char *send_signed(struct world *w, const char *tags) {
    struct buf text = {0};
    world_write_message(w, tags, WORLD_HEADER, world_encrypted, &text);
    struct world_mail m = {.door = WORLD_SMTP, .from = "ann@a.example", .to = "bob@relay.test"};
    m.text = buf_slice(&text);
    const char *reply = world_send(w, &m);
    buf_done(&text);
    return reply;
}

static void test_dns_trouble(void **state) {
    (void)state;
    static const struct {
        enum dns_status trouble;
        const char *want;
    } rows[] = {
        {DNS_FAILED, "451 4.7.5 DKIM key could not be looked up, try again later"},
        {DNS_BOGUS, "451 4.7.5 DKIM key could not be looked up, try again later"},
        {DNS_NXDOMAIN, NO_VALID},
        {DNS_NODATA, NO_VALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        world_open(&w, NULL);
        w.dns.trouble = rows[i].trouble;
        assert_string_equal(send_signed(&w, WORLD_TAGS), rows[i].want);
        assert_int_equal(w.store.n_delivered, 0);
        // Nothing bad is remembered.
        w.dns.trouble = DNS_OK;
        assert_string_equal(send_signed(&w, WORLD_TAGS), "250 OK");
        assert_int_equal(w.dns.n_asked, 2);
        world_close(&w);
    }
}

// A relay that asks no DNS: nobody can prove who speaks, but nothing else is lost.
static void test_no_resolver(void **state) {
    (void)state;
    struct world w;
    world_open(&w, NULL);
    intake_free(w.intake);
    w.intake = intake_new(&(struct intake_settings){.config = w.config, .store = &w.store, .accounts = &w.accounts});
    assert_string_equal(send_signed(&w, WORLD_TAGS), "451 4.7.5 DKIM key could not be looked up, try again later");
    assert_int_equal(w.store.n_delivered, 0);
    world_close(&w);
}

// l= leaves octets unsigned; whether such a signature stands before or behind one for all of them does not matter.
static void test_partial_signature(void **state) {
    (void)state;
    static const char part[] = TAGS("a.example", "; l=0"), whole[] = TAGS("a.example", "");
    static const struct {
        const char *first, *second, *want;
    } rows[] = {{part, whole, "250 OK"}, {whole, part, "250 OK"}, {part, part, NO_VALID}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        struct buf text = {0}, both;
        world_open(&w, NULL);
        world_write_message(&w, rows[i].second, WORLD_HEADER, world_encrypted, &text);
        buf_init(&both, 1 << 20);
        test_sign(w.key, slice_from_cstr(rows[i].first), buf_slice(&text), &both);
        assert_true(buf_append_slice(&both, buf_slice(&text)));
        struct world_mail m = {
            .door = WORLD_SMTP, .from = "ann@a.example", .to = "bob@relay.test", .text = buf_slice(&both)};
        for (int again = 0; again < 2; again++) // the second time with the key in memory
            assert_string_equal(world_send(&w, &m), rows[i].want);
        buf_done(&both);
        buf_done(&text);
        world_close(&w);
    }
}

static void test_key_cache(void **state) {
    (void)state;
    struct world w;
    world_open(&w, NULL);
    assert_string_equal(send_signed(&w, WORLD_TAGS), "250 OK");
    w.dns.trouble = DNS_FAILED; // nobody needs it
    assert_string_equal(send_signed(&w, WORLD_TAGS), "250 OK");
    assert_int_equal(w.dns.n_asked, 1);
    // A new key under the old name: the old one fails, is dropped, and the record is asked for.
    w.dns.trouble = DNS_OK;
    struct dkim_private_key *before = w.key;
    w.key = dkim_private_key_generate(DKIM_ED25519_SHA256);
    struct buf record;
    buf_init(&record, DKIM_PEM_MAX);
    assert_true(dkim_private_key_record(w.key, &record));
    char *text = slice_dup(buf_slice(&record));
    w.dns.records[0].texts = text;
    assert_string_equal(send_signed(&w, WORLD_TAGS), "250 OK");
    assert_int_equal(w.dns.n_asked, 2);
    dkim_private_key_unref(before);
    buf_done(&record);
    world_close(&w);
    free(text);
}

// A From domain in U-labels is that of a signature in A-labels (RFC 8616 5), and not of one that looks alike.
static void test_u_labels(void **state) {
    (void)state;
    static const struct {
        const char *domain, *want;
    } rows[] = {
        {"b\xC3\xBC"
         "cher.example",
         "250 OK"},
        {"XN--bcher-KVA.example", "250 OK"},
        {"bu\xCC\x88"
         "cher.example",
         "250 OK"},
        {"bucher.example", NO_VALID},
        {"b\xD1\x83"
         "cher.example",
         NO_VALID},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;
        struct buf text = {0};
        char header[200];
        world_open(&w, NULL);
        fake_dns_add(&w.dns, "s._domainkey.xn--bcher-kva.example", w.record);
        (void)snprintf(header, sizeof(header), "From: <ann@%s>\r\nTo: <bob@relay.test>\r\n", rows[i].domain);
        world_write_message(&w, TAGS("xn--bcher-kva.example", ""), header, world_encrypted, &text);
        struct world_mail m = {.door = WORLD_SMTP, .from = "", .to = "bob@relay.test", .text = buf_slice(&text)};
        const char *got = world_send(&w, &m);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("%s: want [%s] got [%s]", rows[i].domain, rows[i].want, got);
        buf_done(&text);
        world_close(&w);
    }
}

// Several records of one name: what is no key is passed over, what is too long as well.
static void test_odd_records(void **state) {
    (void)state;
    struct world w;
    char *big = mem_zalloc(5001, 1);
    memset(big, 'k', 5000);
    world_open(&w, NULL);
    fake_dns_add(&w.dns, "two._domainkey.a.example", "v=spf1 -all");
    fake_dns_add(&w.dns, "two._domainkey.a.example", w.record);
    fake_dns_add(&w.dns, "big._domainkey.a.example", big);
    fake_dns_add(&w.dns, "big._domainkey.a.example", w.record);
    fake_dns_add(&w.dns, "only._domainkey.a.example", big);
    fake_dns_add(&w.dns, "four._domainkey.a.example", "1");
    fake_dns_add(&w.dns, "four._domainkey.a.example", "2");
    fake_dns_add(&w.dns, "four._domainkey.a.example", "3");
    fake_dns_add(&w.dns, "four._domainkey.a.example", w.record);
#define OF(selector) "v=1; a=ed25519-sha256; d=a.example; s=" selector "; h=From:From"
    assert_string_equal(send_signed(&w, OF("two")), "250 OK");
    assert_string_equal(send_signed(&w, OF("big")), "250 OK");
    assert_string_equal(send_signed(&w, OF("only")), NO_VALID);
    assert_string_equal(send_signed(&w, OF("four")), NO_VALID);
    world_close(&w);
    free(big);
}

// Ten signatures: the first five are asked for at once, and the first good one decides.
static void test_many_signatures(void **state) {
    (void)state;
    struct world w;
    struct buf text = {0}, all;
    world_open(&w, NULL);
    buf_init(&all, 1024 * 1024);
    for (int i = 0; i < 10; i++) {
        char tags[100];
        (void)snprintf(tags, sizeof(tags), "v=1; a=ed25519-sha256; d=a.example; s=s%d; h=From:From", i);
        world_write_message(&w, tags, WORLD_HEADER, world_encrypted, &text);
        size_t end = slice_find_slice(buf_slice(&text), SLICE("From: Ann"));
        assert_true(buf_append_slice(&all, slice_sub(buf_slice(&text), 0, end)));
    }
    assert_true(buf_append_cstr(&all, WORLD_HEADER) && buf_append_cstr(&all, world_encrypted));
    struct world_mail m = {.door = WORLD_SMTP, .from = "ann@a.example", .to = "bob@relay.test"};
    m.text = buf_slice(&all);
    assert_string_equal(world_send(&w, &m), NO_VALID);
    assert_int_equal(w.dns.n_asked, DKIM_ATTEMPTS_MAX);
    assert_int_equal(w.dns.n_running_most, DKIM_ATTEMPTS_MAX);
    fake_dns_add(&w.dns, "s4._domainkey.a.example", w.record);
    assert_string_equal(world_send(&w, &m), "250 OK");
    buf_done(&all);
    buf_done(&text);
    world_close(&w);
}

static void test_mixed_answers(void **state) {
    (void)state;
    struct world w;
    struct buf one = {0}, two = {0}, all;
    world_open(&w, NULL);
    buf_init(&all, 1024 * 1024);
    world_write_message(&w, OF("lost"), WORLD_HEADER, world_encrypted, &one);
    world_write_message(&w, OF("s"), WORLD_HEADER, world_encrypted, &two);
    size_t end = slice_find_slice(buf_slice(&one), SLICE("From: Ann"));
    assert_true(buf_append_slice(&all, slice_sub(buf_slice(&one), 0, end)) && buf_append_slice(&all, buf_slice(&two)));
    struct world_mail m = {.door = WORLD_SMTP, .from = "ann@a.example", .to = "bob@relay.test"};
    m.text = buf_slice(&all);
    w.dns.records[w.dns.n_records++] =
        (struct fake_dns_record){.name = "lost._domainkey.a.example", .status = DNS_FAILED};
    w.dns.records[0].status = DNS_NODATA;
    w.dns.records[0].texts = NULL;
    assert_string_equal(world_send(&w, &m), "451 4.7.5 DKIM key could not be looked up, try again later");
    w.dns.records[0].status = DNS_OK;
    w.dns.records[0].texts = w.record;
    assert_string_equal(world_send(&w, &m), "250 OK");
    buf_done(&one);
    buf_done(&two);
    buf_done(&all);
    world_close(&w);
}

static void ignore(void *arg, const struct intake_reply *reply) {
    struct intake_reply *last = arg;
    *last = *reply;
}

static void test_too_many_lookups(void **state) {
    (void)state;
    struct world w;
    struct buf text = {0};
    static struct intake_txn *txns[KEY_LOOKUPS_MAX + 1];
    struct intake_reply reply, last = {""};
    world_open(&w, NULL);
    world_write_message(&w, WORLD_TAGS, WORLD_HEADER, world_encrypted, &text);
    w.dns.is_held = true;
    for (size_t i = 0; i < ARRAY_LEN(txns); i++) {
        txns[i] = intake_txn_new_inbound(w.intake, w.loop, SLICE("ann@a.example"));
        assert_true(intake_txn_rcpt(txns[i], SLICE("bob@relay.test"), &reply));
        (void)intake_txn_write(txns[i], buf_slice(&text));
        intake_txn_finish(txns[i], ignore, &last);
        loop_run_ready(w.loop);
        assert_string_equal(last.text,
                            i < KEY_LOOKUPS_MAX ? "" : "451 4.7.5 DKIM key could not be looked up, try again later");
    }
    for (size_t i = 0; i < ARRAY_LEN(txns); i++)
        intake_txn_free(txns[i]);
    w.dns.is_held = false;
    fake_dns_release(&w.dns);
    loop_run_ready(w.loop);
    assert_string_equal(send_signed(&w, WORLD_TAGS), "250 OK");
    buf_done(&text);
    world_close(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_own_literal),
        cmocka_unit_test(test_recipients),
        cmocka_unit_test(test_operator),
        cmocka_unit_test(test_size_and_line_ends),
        cmocka_unit_test(test_dns_trouble),
        cmocka_unit_test(test_no_resolver),
        cmocka_unit_test(test_partial_signature),
        cmocka_unit_test(test_key_cache),
        cmocka_unit_test(test_u_labels),
        cmocka_unit_test(test_odd_records),
        cmocka_unit_test(test_many_signatures),
        cmocka_unit_test(test_mixed_answers),
        cmocka_unit_test(test_too_many_lookups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
