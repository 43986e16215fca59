// SPDX-License-Identifier: MIT
#include "zone/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "zone/fixture.h"
#include "zone/policy.h"
#include "zone/text.h"

static void assert_has(struct slice text, const char *what) {
    if (slice_find_slice(text, slice_from_cstr(what)) == text.len)
        fail_msg("no \"%s\" in:\n%.*s", what, SLICE_FMT(text));
}

static void assert_has_not(struct slice text, const char *what) {
    if (slice_find_slice(text, slice_from_cstr(what)) != text.len)
        fail_msg("\"%s\" in:\n%.*s", what, SLICE_FMT(text));
}

static void whole_zone(void **state) {
    struct fixture f;
    fixture_init(&f, "2001:db8::5");
    struct buf text;
    buf_init(&text, ZONE_TEXT_MAX);
    assert_true(zone_write(&f.zone, ZONE_FORMAT_BIND, &text));
    char sts[128], id[ZONE_POLICY_ID_SIZE];
    zone_policy_id("a.org", id);
    (void)snprintf(sts, sizeof(sts), "\n_mta-sts.a.org. 3600 IN TXT \"v=STSv1; id=%s\"\n", id);
    const char *const wanted[] = {
        "\na.org. 3600 IN AAAA 2001:db8::5\n",
        "\na.org. 3600 IN MX 10 a.org.\n",
        sts,
        "\nmta-sts.a.org. 3600 IN CNAME a.org.\n",
        "\nwww.a.org. 3600 IN CNAME a.org.\n",
        "\nopendkim._domainkey.a.org. 3600 IN TXT \"v=DKIM1;k=rsa;p=",
        "\nopendkim-ed25519._domainkey.a.org. 3600 IN TXT \"v=DKIM1;k=ed25519;p=",
        "\n_25._tcp.a.org. 3600 IN TLSA 3 1 1 " FIXTURE_TLSA "\n",
        "\na.org. 3600 IN TXT \"v=spf1 a ~all\"\n",
        "\n_dmarc.a.org. 3600 IN TXT \"v=DMARC1;p=reject;adkim=s;aspf=s\"\n",
        "\na.org. 3600 IN CAA 0 issue \"letsencrypt.org;accounturi=https://ca.org/acct/1\"\n",
        "\n_adsp._domainkey.a.org. 3600 IN TXT \"dkim=discardable\"\n",
        "\nautoconfig.a.org. 3600 IN CNAME a.org.\n",
        "\n_submission._tcp.a.org. 3600 IN SRV 0 1 587 a.org.\n",
        "\n_submissions._tcp.a.org. 3600 IN SRV 0 1 465 a.org.\n",
        "\n_imap._tcp.a.org. 3600 IN SRV 0 1 143 a.org.\n",
        "\n_imaps._tcp.a.org. 3600 IN SRV 0 1 993 a.org.\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_has(buf_slice(&text), wanted[i]);
    assert_int_equal(f.zone.n, ARRAY_LEN(wanted));
    assert_has_not(buf_slice(&text), " IN A ");
    buf_done(&text);
    fixture_done(&f);
}

static void lines(void **state) {
    struct fixture f;
    fixture_init(&f, NULL);
    struct buf text;
    buf_init(&text, ZONE_TEXT_MAX);
    assert_true(zone_write(&f.zone, ZONE_FORMAT_LINES, &text));
    const char *const wanted[] = {
        "\na.org\tA\t192.0.2.1\n",
        "\na.org\tAAAA\t2001:db8::1\n",
        "# put the public IPv4 address of this machine here\n",
        "\na.org\tMX\t10 a.org\n",
        "\nwww.a.org\tCNAME\ta.org\n",
        "\na.org\tTXT\tv=spf1 a ~all\n",
        "\n_imaps._tcp.a.org\tSRV\t0 1 993 a.org\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_has(buf_slice(&text), wanted[i]);
    // A key is unsplit and unquoted here.
    assert_has(buf_slice(&text), fixture_find(&f, ZONE_DKIM, "opendkim._domainkey.a.org")->value);
    assert_has_not(buf_slice(&text), "\"v=");
    buf_done(&text);
    fixture_done(&f);
}

static void without(void **state) {
    struct zone_facts facts = {.domain = "_a.test", .tlsa_sha256 = "", .ca = "", .account = ""};
    struct zone z;
    zone_init(&facts, &z);
    for (size_t i = 0; i < z.n; i++) {
        assert_int_not_equal(z.records[i].kind, ZONE_STS);
        assert_int_not_equal(z.records[i].kind, ZONE_TLSA);
        assert_int_not_equal(z.records[i].kind, ZONE_CAA);
        assert_string_not_equal(z.records[i].owner, "mta-sts._a.test");
    }
    zone_done(&z);
}

static void showing(void **state) {
    static const struct {
        uint16_t type;
        const char *line, *want;
    } cases[] = {
        {DNS_TYPE_A, "A 192.0.2.1", "192.0.2.1"},
        {DNS_TYPE_AAAA, "AAAA 2001:DB8::1", "2001:db8::1"},
        {DNS_TYPE_CNAME, "CNAME A.org", "a.org."},
        {DNS_TYPE_MX, "MX 10 a.org", "10 a.org."},
        {DNS_TYPE_SRV, "SRV 1 2 3 a.org", "1 2 3 a.org."},
        {DNS_TYPE_TLSA, "TLSA 3 1 1 00ff", "3 1 1 00ff"},
        {DNS_TYPE_CAA, "CAA 0 issue ca.org; x=1", "0 issue \"ca.org; x=1\""},
        {DNS_TYPE_TXT, "TXT one|two \"3\" \\", "\"onetwo \\\"3\\\" \\\\\""},
        {DNS_TYPE_TXT, "TXT a\x1b[31mb\xc3\xa4", "\"a\\027[31mb\\195\\164\""},
        {DNS_TYPE_MX, "A 192.0.2.1", "\\# 4 c0000201"},
        {DNS_TYPE_CAA, "TXT ab", "\\# 3 026162"},
        {99, "TXT ab", "\\# 3 026162"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char rdata[1024];
        struct buf text;
        buf_init(&text, ZONE_TEXT_MAX);
        size_t len = fixture_rdata(cases[i].line, rdata, sizeof(rdata));
        assert_true(zone_show(cases[i].type, slice_make(rdata, len), &text));
        if (!slice_eq(buf_slice(&text), slice_from_cstr(cases[i].want)))
            fail_msg("%s: got %.*s, want %s", cases[i].line, SLICE_FMT(buf_slice(&text)), cases[i].want);
        buf_done(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_zone),
        cmocka_unit_test(lines),
        cmocka_unit_test(without),
        cmocka_unit_test(showing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
