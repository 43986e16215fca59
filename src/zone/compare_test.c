// SPDX-License-Identifier: MIT
#include "zone/compare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "zone/fixture.h"
#include "zone/policy.h"

static const char *const verdicts[] = {"right", "missing", "wrong", "unknown"};
static const char *const hosts[] = {"A 192.0.2.1", "A 192.0.2.2", "AAAA 2001:db8::1", NULL};

struct look {
    struct fixture_answer answer, answer_6;
    struct zone_seen seen;
    struct zone_finding finding;
};

// What is found when `lines` stand at the record's name; the domain has the addresses of `hosts`.
static struct zone_finding *look_at(const struct fixture *f, const struct zone_record *r, const char *const *lines) {
    static struct look l;
    static struct net_address host[3];
    char type[12];
    for (size_t i = 0; i < ARRAY_LEN(host); i++)
        assert_true(net_address_parse(slice_from_cstr(strchr(hosts[i], ' ') + 1), &host[i]));
    zone_type_name(zone_compare_type(r), type);
    fixture_answer(&l.answer, r->owner, lines, type);
    fixture_answer(&l.answer_6, r->owner, lines, "AAAA");
    l.seen = (struct zone_seen){.answer = &l.answer.answer, .host = host, .n_host = ARRAY_LEN(host)};
    if (zone_compare_needs_both(r))
        l.seen.answer_6 = &l.answer_6.answer;
    zone_compare(&f->zone, r, &l.seen, &l.finding);
    return &l.finding;
}

struct row {
    enum zone_kind kind;
    const char *owner; // "": the first of this kind
    const char *lines[5];
    enum zone_verdict want;
    const char *found; // NULL: not looked at
};

static void run_rows(const struct fixture *f, const struct row *rows, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const struct zone_record *r = fixture_find(f, rows[i].kind, rows[i].owner);
        assert_non_null(r);
        const struct zone_finding *got = look_at(f, r, rows[i].lines);
        if (got->verdict != rows[i].want)
            fail_msg("row %zu (%s; %s): got %s (%s), want %s", i, r->owner,
                     rows[i].lines[0] != NULL ? rows[i].lines[0] : "nothing", verdicts[got->verdict], got->found,
                     verdicts[rows[i].want]);
        if (rows[i].found != NULL && strcmp(got->found, rows[i].found) != 0)
            fail_msg("row %zu (%s): got \"%s\", want \"%s\"", i, r->owner, got->found, rows[i].found);
        if ((got->verdict == ZONE_WRONG) != (got->found[0] != '\0'))
            fail_msg("row %zu (%s): found is \"%s\" with verdict %s", i, r->owner, got->found, verdicts[got->verdict]);
    }
}

static void addresses(void **state) {
    static const struct row rows[] = {
        {ZONE_ADDRESS, "", {"A 192.0.2.1"}, ZONE_RIGHT, ""},
        {ZONE_ADDRESS, "", {NULL}, ZONE_MISSING, ""},
        {ZONE_ADDRESS, "", {"A 192.0.2.9"}, ZONE_WRONG, "192.0.2.9"},
        {ZONE_ADDRESS, "", {"A 192.0.2.9", "A 192.0.2.1"}, ZONE_WRONG, "192.0.2.9, 192.0.2.1"},
    };
    static const struct row unknown[] = {
        {ZONE_ADDRESS, "", {"A 192.0.2.77"}, ZONE_RIGHT, NULL},
        {ZONE_ADDRESS, "", {"AAAA 2001:db8::77"}, ZONE_RIGHT, NULL},
        {ZONE_ADDRESS, "", {NULL}, ZONE_MISSING, NULL},
    };
    struct fixture f, g;
    fixture_init(&f, "192.0.2.1");
    run_rows(&f, rows, ARRAY_LEN(rows));
    fixture_done(&f);
    fixture_init(&g, NULL);
    run_rows(&g, unknown, ARRAY_LEN(unknown));
    fixture_done(&g);
}

static void hosts_and_names(void **state) {
    static const struct row rows[] = {
        {ZONE_MX, "", {"MX 10 a.org"}, ZONE_RIGHT, NULL},
        {ZONE_MX, "", {"MX 0 A.ORG"}, ZONE_RIGHT, NULL},
        {ZONE_MX, "", {"MX 10 mail.a.org"}, ZONE_WRONG, "10 mail.a.org."},
        {ZONE_MX, "", {"MX 10 a.org", "MX 20 backup.org"}, ZONE_WRONG, "10 a.org., 20 backup.org."},
        {ZONE_MX, "", {NULL}, ZONE_MISSING, NULL},
        {ZONE_ALIAS, "www.a.org", {"-> a.org"}, ZONE_RIGHT, NULL},
        {ZONE_ALIAS, "www.a.org", {"-> a.org", "A 192.0.2.1"}, ZONE_RIGHT, NULL},
        {ZONE_ALIAS, "mta-sts.a.org", {"A 192.0.2.2"}, ZONE_RIGHT, NULL},
        {ZONE_ALIAS, "mta-sts.a.org", {"AAAA 2001:db8::1"}, ZONE_RIGHT, NULL},
        {ZONE_ALIAS, "mta-sts.a.org", {"A 192.0.2.1", "AAAA 2001:db8::2"}, ZONE_WRONG, "192.0.2.1, 2001:db8::2"},
        {ZONE_ALIAS, "mta-sts.a.org", {"-> b.org"}, ZONE_WRONG, "CNAME b.org."},
        {ZONE_ALIAS, "mta-sts.a.org", {"-> b.org", "A 192.0.2.1"}, ZONE_RIGHT, NULL},
        {ZONE_ALIAS, "autoconfig.a.org", {NULL}, ZONE_MISSING, NULL},
        {ZONE_SRV, "_imaps._tcp.a.org", {"SRV 0 1 993 a.org"}, ZONE_RIGHT, NULL},
        {ZONE_SRV, "_imaps._tcp.a.org", {"SRV 10 0 993 A.org"}, ZONE_RIGHT, NULL},
        {ZONE_SRV, "_imaps._tcp.a.org", {"SRV 0 1 993 b.org", "SRV 0 1 993 a.org"}, ZONE_RIGHT, NULL},
        {ZONE_SRV, "_imaps._tcp.a.org", {"SRV 0 1 143 a.org"}, ZONE_WRONG, "0 1 143 a.org."},
        {ZONE_SRV, "_imaps._tcp.a.org", {"SRV 0 0 0 "}, ZONE_WRONG, "0 0 0 ."},
        {ZONE_SRV, "_imaps._tcp.a.org", {NULL}, ZONE_MISSING, NULL},
    };
    struct fixture f;
    fixture_init(&f, NULL);
    run_rows(&f, rows, ARRAY_LEN(rows));
    fixture_done(&f);
}

static void certificates(void **state) {
    static const struct row rows[] = {
        {ZONE_TLSA, "", {"TLSA 3 1 1 " FIXTURE_TLSA}, ZONE_RIGHT, NULL},
        {ZONE_TLSA, "", {"TLSA 2 1 1 0011", "TLSA 3 1 1 " FIXTURE_TLSA}, ZONE_RIGHT, NULL},
        {ZONE_TLSA, "", {"TLSA 3 0 1 " FIXTURE_TLSA}, ZONE_WRONG, "3 0 1 " FIXTURE_TLSA},
        {ZONE_TLSA, "", {"TLSA 3 1 1 0011"}, ZONE_WRONG, "3 1 1 0011"},
        {ZONE_TLSA, "", {NULL}, ZONE_MISSING, NULL},
        {ZONE_CAA, "", {"CAA 0 issue letsencrypt.org"}, ZONE_RIGHT, NULL},
        {ZONE_CAA, "", {"CAA 128 ISSUE LetsEncrypt.org ; accounturi=https://ca.org/acct/1"}, ZONE_RIGHT, NULL},
        {ZONE_CAA, "", {"CAA 0 issue letsencrypt.org; x=1;accounturi=https://ca.org/acct/2"}, ZONE_WRONG, NULL},
        {ZONE_CAA, "", {"CAA 0 issue letsencrypt.org;ValidationMethods=dns-01,http-01"}, ZONE_RIGHT, NULL},
        {ZONE_CAA, "", {"CAA 0 issue letsencrypt.org; validationmethods=dns-01"}, ZONE_WRONG, NULL},
        {ZONE_CAA, "", {"CAA 0 issue letsencrypt.org; validationmethods=http-010"}, ZONE_WRONG, NULL},
        {ZONE_CAA, "", {"CAA 0 issue letsencrypt.org; validationmethods="}, ZONE_WRONG, NULL},
        {ZONE_CAA, "", {"CAA 0 issue other.org", "CAA 0 issue letsencrypt.org"}, ZONE_RIGHT, NULL},
        {ZONE_CAA, "", {"CAA 0 issue other.org"}, ZONE_WRONG, "0 issue \"other.org\""},
        {ZONE_CAA, "", {"CAA 0 iodef mailto:x@a.org"}, ZONE_MISSING, NULL},
        {ZONE_CAA, "", {NULL}, ZONE_MISSING, NULL},
    };
    struct fixture f;
    fixture_init(&f, NULL);
    run_rows(&f, rows, ARRAY_LEN(rows));
    fixture_done(&f);
}

static void texts(void **state) {
    static const struct row rows[] = {
        {ZONE_SPF, "", {"TXT v=spf1 a ~all"}, ZONE_RIGHT, NULL},
        {ZONE_SPF, "", {"TXT V=SPF1  +A  -ALL"}, ZONE_RIGHT, NULL},
        {ZONE_SPF, "", {"TXT site-verification=1", "TXT v=spf1 |mx ~all"}, ZONE_RIGHT, NULL},
        {ZONE_SPF, "", {"TXT v=spf1 a:A.org. include:b.org -all"}, ZONE_RIGHT, NULL},
        {ZONE_SPF, "", {"TXT v=spf1 ip4:192.0.2.1 ip4:192.0.2.2 ip6:2001:db8:0::1 -all"}, ZONE_RIGHT, NULL},
        {ZONE_SPF, "", {"TXT v=spf1 ip4:192.0.2.1 -all"}, ZONE_WRONG, "\"v=spf1 ip4:192.0.2.1 -all\""},
        {ZONE_SPF, "", {"TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8::/33 ~all"}, ZONE_RIGHT, NULL},
        {ZONE_SPF, "", {"TXT v=spf1 ip4:192.0.2.0/31 ip6:2001:db8::/33 ~all"}, ZONE_WRONG, NULL},
        {ZONE_SPF, "", {"TXT v=spf1 ip4:192.0.2.0/24 ip6:2001:db8:8000::/33 ~all"}, ZONE_WRONG, NULL},
        {ZONE_SPF, "", {"TXT v=spf1 a +all"}, ZONE_WRONG, NULL},
        {ZONE_SPF, "", {"TXT v=spf1 a"}, ZONE_WRONG, NULL},
        {ZONE_SPF, "", {"TXT v=spf1 -a ~all"}, ZONE_WRONG, NULL},
        {ZONE_SPF, "", {"TXT v=spf1 a:b.org ~all"}, ZONE_WRONG, NULL},
        {ZONE_SPF, "", {"TXT \"v=spf1 a ~all\""}, ZONE_WRONG, "\"\\\"v=spf1 a ~all\\\"\""},
        {ZONE_SPF, "", {"TXT v=spf1 a ~all", "TXT v=spf1 mx ~all"}, ZONE_WRONG, NULL},
        {ZONE_SPF, "", {"TXT v=spf10 a ~all"}, ZONE_MISSING, NULL},
        {ZONE_SPF, "", {NULL}, ZONE_MISSING, NULL},
        {ZONE_DMARC, "", {"TXT v=DMARC1;p=reject;adkim=s;aspf=s"}, ZONE_RIGHT, NULL},
        {ZONE_DMARC, "", {"TXT v=DMARC1; aspf=s; adkim=S; |P=reject"}, ZONE_WRONG, NULL}, // names are case-sensitive
        {ZONE_DMARC,
         "",
         {"TXT v = DMARC1 ; aspf=s ; adkim=S ; rua=mailto:x@a.org;| p=Reject; pct=100;"},
         ZONE_RIGHT,
         NULL},
        {ZONE_DMARC, "", {"TXT v=dmarc1;p=reject;adkim=s;aspf=s"}, ZONE_WRONG, NULL}, // RFC 7489 6.4: octets
        {ZONE_DMARC, "", {"TXT v=DMARC1;p=none"}, ZONE_WRONG, "\"v=DMARC1;p=none\""},
        {ZONE_DMARC, "", {"TXT v=DMARC1;p=reject;adkim=s;aspf=s;pct=10"}, ZONE_WRONG, NULL},
        {ZONE_DMARC, "", {"TXT \"v=DMARC1;p=reject;adkim=s;aspf=s\""}, ZONE_WRONG, NULL},
        {ZONE_DMARC, "", {"TXT something else"}, ZONE_WRONG, "\"something else\""},
        {ZONE_DMARC, "", {NULL}, ZONE_MISSING, NULL},
        {ZONE_ADSP, "", {"TXT dkim = discardable"}, ZONE_RIGHT, NULL},
        {ZONE_ADSP, "", {"TXT dkim=all"}, ZONE_WRONG, NULL},
        {ZONE_STS, "", {"TXT v=STSv1; id=202401010000;"}, ZONE_RIGHT, NULL}, // an existing id stays
        {ZONE_STS, "", {"TXT id=20240101; v=STSv1"}, ZONE_WRONG, NULL},      // RFC 8461 3.1: v first
        {ZONE_STS, "", {"TXT v=STSv1; id=2024-01-01"}, ZONE_WRONG, NULL},
        {ZONE_STS, "", {"TXT v=STSv1; id=m0123456789abcdef"}, ZONE_WRONG, NULL}, // ours, of another policy
        {ZONE_STS, "", {"TXT v=STSV1; id=202401010000;"}, ZONE_WRONG, NULL},     // RFC 8461 3.1: %s"STSv1"
        {ZONE_STS, "", {"TXT v=STSv1"}, ZONE_WRONG, NULL},
        {ZONE_STS, "", {NULL}, ZONE_MISSING, NULL},
    };
    struct fixture f;
    fixture_init(&f, NULL);
    run_rows(&f, rows, ARRAY_LEN(rows));
    const struct zone_record *sts = fixture_find(&f, ZONE_STS, "");
    char line[64];
    (void)snprintf(line, sizeof(line), "TXT %s", sts->value);
    const char *lines[] = {line, NULL};
    assert_int_equal(look_at(&f, sts, lines)->verdict, ZONE_RIGHT);
    fixture_done(&f);
}

// "TXT " and the value in pieces of `piece` octets; at each place from `from` on with `infix` put in once.
static void write_key(const struct zone_record *r, size_t piece, const char *before, const char *after, char *ret,
                      size_t size) {
    char text[2048];
    int len = snprintf(text, sizeof(text), "%s%s%s", before, r->value, after);
    size_t at = (size_t)snprintf(ret, size, "TXT ");
    for (int i = 0; i < len; i += (int)piece)
        at += (size_t)snprintf(ret + at, size - at, "%s%.*s", i > 0 ? "|" : "", (int)piece, text + i);
}

static void keys(void **state) {
    struct fixture f;
    fixture_init(&f, NULL);
    const struct zone_record *rsa = fixture_find(&f, ZONE_DKIM, "opendkim._domainkey.a.org");
    const struct zone_record *other = fixture_find(&f, ZONE_DKIM, "opendkim-ed25519._domainkey.a.org");
    assert_true(rsa != NULL && other != NULL && rsa->is_required && !other->is_required);
    char line[4096], second[4096];
    const char *lines[] = {line, NULL, NULL};
    const struct {
        size_t piece;
        const char *before, *after;
        enum zone_verdict want;
    } cases[] = {
        {255, "", "", ZONE_RIGHT},
        {40, "", "", ZONE_RIGHT},
        {1, "", "", ZONE_RIGHT},
        {200, "\"", "\"", ZONE_RIGHT},
        {200, "n=x; ", ";", ZONE_RIGHT}, // as the relay itself judges before it
                                         // signs
        {200, "no tag; ", "", ZONE_WRONG},
        {200, "", "x", ZONE_RIGHT}, // "t=sx" is an unknown flag
        {200, " ", "; n=note ", ZONE_RIGHT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        write_key(rsa, cases[i].piece, cases[i].before, cases[i].after, line, sizeof(line));
        enum zone_verdict got = look_at(&f, rsa, lines)->verdict;
        if (got != cases[i].want)
            fail_msg("case %zu: got %s, want %s", i, verdicts[got], verdicts[cases[i].want]);
    }
    write_key(rsa, 255, "", "", line, sizeof(line));
    write_key(other, 255, "", "", second, sizeof(second));
    assert_int_equal(look_at(&f, other, lines)->verdict, ZONE_WRONG); // another key
    lines[1] = second;
    assert_int_equal(look_at(&f, other, lines)->verdict, ZONE_WRONG); // two at one name
    lines[0] = "TXT v=DKIM1;k=rsa;p=";
    lines[1] = NULL;
    assert_int_equal(look_at(&f, rsa, lines)->verdict, ZONE_WRONG); // revoked
    lines[0] = NULL;
    assert_int_equal(look_at(&f, rsa, lines)->verdict, ZONE_MISSING);
    fixture_done(&f);
}

static enum zone_verdict look_at_failure(const struct fixture *f, const struct zone_record *r, enum dns_status status,
                                         const char *name) {
    struct dns_answer a = {.status = status, .name = name};
    struct zone_finding finding;
    zone_compare(&f->zone, r, &(struct zone_seen){.answer = &a, .answer_6 = &a}, &finding);
    return finding.verdict;
}

static void no_answer(void **state) {
    struct fixture f;
    fixture_init(&f, NULL);
    for (size_t i = 0; i < f.zone.n; i++) {
        const struct zone_record *r = &f.zone.records[i];
        assert_int_equal(look_at_failure(&f, r, DNS_FAILED, r->owner), ZONE_UNKNOWN);
        assert_int_equal(look_at_failure(&f, r, DNS_BOGUS, r->owner), ZONE_UNKNOWN);
        // An alias into silence; that of a name for the domain is known.
        bool is_alias = r->kind == ZONE_ALIAS;
        assert_int_equal(look_at_failure(&f, r, DNS_FAILED, "b.org"), ZONE_UNKNOWN);
        assert_int_equal(look_at_failure(&f, r, DNS_FAILED, "a.org"), is_alias ? ZONE_RIGHT : ZONE_UNKNOWN);
        struct zone_finding finding;
        zone_compare(&f.zone, r, &(struct zone_seen){0}, &finding);
        assert_int_equal(finding.verdict, ZONE_UNKNOWN);
    }
    fixture_done(&f);
}

static void policy_id(void **state) {
    char one[ZONE_POLICY_ID_SIZE], again[ZONE_POLICY_ID_SIZE], other[ZONE_POLICY_ID_SIZE];
    zone_policy_id("a.org", one);
    zone_policy_id("a.org", again);
    zone_policy_id("b.org", other);
    assert_string_equal(one, again);
    assert_string_not_equal(one, other);
    assert_true(zone_policy_id_is_ours(slice_from_cstr(one)));
    assert_false(zone_policy_id_is_ours(SLICE("20240101000000")));
    assert_false(zone_policy_id_is_ours(SLICE("m0123")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),    cmocka_unit_test(hosts_and_names),
        cmocka_unit_test(certificates), cmocka_unit_test(texts),
        cmocka_unit_test(keys),         cmocka_unit_test(no_answer),
        cmocka_unit_test(policy_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
