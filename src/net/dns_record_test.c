// SPDX-License-Identifier: MIT
#include "net/dns_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define LABEL_63 "abcdefghijklmnopqrstuvwxyz0123456789-abcdefghijklmnopqrstuvwxyz"

static void plain_names(void **state) {
    static const struct {
        const char *name;
        bool want;
    } cases[] = {
        {"example.org", true},
        {"example.org.", true},
        {"Example.ORG", true},
        {"_25._tcp.mx.example.org", true},
        {"xn--bcher-kva.example", true},
        {"a", true},
        {"1.2.3.4a", true},
        {"-a.b-", true},
        {LABEL_63 ".org", true},
        {LABEL_63 "." LABEL_63 "." LABEL_63 ".abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz1234567",
         true}, // 251
        {LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_63, false},
        {"x" LABEL_63 ".org", false},
        {"", false},
        {".", false},
        {"..", false},
        {"a..b", false},
        {".a", false},
        {"a b", false},
        {"a\\.b", false},
        {"b\xc3\xbc"
         "cher.example",
         false},
        {"*.example.org", false},
        {"a/b.example", false},
        {"192.0.2.1", false},
        {"[192.0.2.1]", false},
        {"::1", false},
        {"localhost", false},
        {"www.LOCALHOST.", false},
        {"localhost.example", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (dns_name_is_plain(slice_from_cstr(cases[i].name)) != cases[i].want)
            fail_msg("%s: want %d", cases[i].name, cases[i].want);
    assert_false(dns_name_is_plain(slice_make("a\0b", 3)));
}

static void names(void **state) {
    static const struct {
        struct slice rdata;
        const char *want; // NULL: refused
    } cases[] = {
        {{"\0", 1}, ""},
        {{"\1A\2bC\0", 6}, "a.bc"},
        {{"\3a.b\1\xff\0", 7}, "a\\046b.\\255"},
        {{"\1 \1\0\0", 5}, "\\032.\\000"},
        {{"\1a", 2}, NULL},    // no end
        {{"\5ab\0", 4}, NULL}, // beyond the end
        {{"\1a\0x", 4}, NULL}, // something behind it
        {{"\xc0\0", 2}, NULL}, // compressed
        {{"\1a\xc0\0", 4}, NULL},
        {{"\x41"
          "a\0",
          3},
         NULL}, // a label type that is not
        {{"", 0}, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_name got = {"?"};
        bool ok = dns_name_parse(cases[i].rdata, &got);
        if (ok != (cases[i].want != NULL) || (ok && strcmp(got.text, cases[i].want) != 0))
            fail_msg("case %zu: got %d %s want %s", i, ok, got.text, cases[i].want != NULL ? cases[i].want : "refusal");
    }
    // The longest name, and one octet more; and a short one whose text is too long.
    char wire[300];
    size_t len = 0;
    for (int i = 0; i < 127; i++, len += 2)
        memcpy(wire + len, "\1a", 2);
    wire[len] = '\0';
    struct dns_name got;
    assert_true(dns_name_parse(slice_make(wire, len + 1), &got));
    assert_int_equal(strlen(got.text), 253);
    memcpy(wire + len, "\1a", 3);
    assert_false(dns_name_parse(slice_make(wire, len + 3), &got));
    wire[0] = 63;
    memset(wire + 1, '!', 63);
    wire[64] = '\0';
    assert_true(dns_name_parse(slice_make(wire, 65), &got));
    assert_int_equal(strlen(got.text), 252);
    memcpy(wire + 64, "\1a", 3);
    assert_false(dns_name_parse(slice_make(wire, 67), &got));
}

static void mail_exchangers(void **state) {
    static const struct {
        const char *label;
        size_t n;
        struct slice rdata[6];
        size_t max;
        const char *want; // "preference host;..." and "null"
    } cases[] = {
        {"none", 0, {{0}}, 4, ""},
        {"sorted", 3, {{"\0\x14\1b\0", 5}, {"\0\x0a\1z\0", 5}, {"\0\x0a\1Y\0", 5}}, 4, "10 y;10 z;20 b;"},
        {"the best", 3, {{"\0\x14\1b\0", 5}, {"\0\x0a\1z\0", 5}, {"\0\x0a\1Y\0", 5}}, 2, "10 y;10 z;"},
        {"none wanted", 1, {{"\0\x14\1b\0", 5}}, 0, ""},
        {"each host once", 3, {{"\0\x14\1b\0", 5}, {"\0\5\1B\0", 5}, {"\0\x0a\1b\0", 5}}, 4, "5 b;"},
        {"null", 1, {{"\0\0\0", 3}}, 4, "null"},
        {"null of another preference", 1, {{"\0\x0a\0", 3}}, 4, "null"},
        {"null beside another", 2, {{"\0\0\0", 3}, {"\0\x0a\1a\0", 5}}, 4, "10 a;"},
        {"malformed", 4, {{"\0", 1}, {"\0\1", 2}, {"\0\1\1a\0x", 6}, {"\0\1\xc0\0", 4}}, 4, ""},
        {"an address for a host", 1, {{"\0\1\3192\1\60\1\62\1\61\0", 13}}, 4, ""},
        {"a host that is none", 2, {{"\0\1\1@\0", 5}, {"\0\1\11localhost\0", 13}}, 4, ""},
        {"highest", 1, {{"\xff\xff\1a\0", 5}}, 4, "65535 a;"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct dns_answer a = {.n_records = cases[i].n, .records = cases[i].rdata};
        struct dns_mx mx[4];
        bool is_null;
        char got[200] = "";
        size_t n = dns_mx_parse_all(&a, mx, cases[i].max, &is_null);
        for (size_t j = 0; j < n; j++) {
            size_t len = strlen(got);
            (void)snprintf(got + len, sizeof(got) - len, "%u %s;", mx[j].preference, mx[j].host.text);
        }
        if (is_null)
            (void)snprintf(got + strlen(got), 5, "null");
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: got %s want %s", cases[i].label, got, cases[i].want);
    }
}

static void texts(void **state) {
    static const struct {
        struct slice rdata;
        size_t size;
        const char *want; // NULL: refused
    } cases[] = {
        {{"\3abc", 4}, 10, "abc"},   {{"\3abc\0\2de", 8}, 10, "abcde"},
        {{"\0", 1}, 10, ""},         {{"\3abc\2de", 7}, 5, "abcde"},
        {{"\3abc\2de", 7}, 4, NULL}, {{"\3ab", 3}, 10, NULL},
        {{"\1a\1", 3}, 10, NULL},    {{"", 0}, 10, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[11] = {0};
        size_t len = 0;
        bool ok = dns_txt_parse(cases[i].rdata, got, cases[i].size, &len);
        if (ok != (cases[i].want != NULL) ||
            (ok && (strlen(cases[i].want) != len || memcmp(got, cases[i].want, len) != 0)))
            fail_msg("case %zu: got %d %.*s", i, ok, (int)len, got);
    }
}

static void certificates(void **state) {
    struct dns_tlsa t;
    assert_true(dns_tlsa_parse(slice_make("\3\1\2abcd", 7), &t));
    assert_int_equal(t.usage, 3);
    assert_int_equal(t.selector, 1);
    assert_int_equal(t.matching, 2);
    assert_true(slice_eq(t.data, SLICE("abcd")));
    assert_false(dns_tlsa_parse(slice_make("\3\1\2", 3), &t));
    assert_false(dns_tlsa_parse(SLICE_EMPTY, &t));
}

static void addresses(void **state) {
    static const uint8_t v4[16] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1};
    static const char v6[16] = {0x20, 1, 0xd, [15] = 7};
    struct net_address a;
    assert_true(dns_address_parse(slice_make("\xc0\0\2\1", 4), DNS_TYPE_A, 25, &a));
    assert_memory_equal(a.ip, v4, 16);
    assert_int_equal(a.port, 25);
    assert_true(dns_address_parse(slice_make(v6, 16), DNS_TYPE_AAAA, 443, &a));
    assert_memory_equal(a.ip, v6, 16);
    assert_false(dns_address_parse(slice_make((const char *)v4, 16), DNS_TYPE_AAAA, 25, &a));
    assert_false(dns_address_parse(slice_make("\xc0\0\2", 3), DNS_TYPE_A, 25, &a));
    assert_false(dns_address_parse(slice_make(v6, 16), DNS_TYPE_A, 25, &a));
    assert_false(dns_address_parse(slice_make("\xc0\0\2\1", 4), DNS_TYPE_AAAA, 25, &a));
    assert_false(dns_address_parse(slice_make("\xc0\0\2\1", 4), DNS_TYPE_TXT, 25, &a));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_names), cmocka_unit_test(names),        cmocka_unit_test(mail_exchangers),
        cmocka_unit_test(texts),       cmocka_unit_test(certificates), cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
