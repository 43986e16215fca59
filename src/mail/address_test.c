// SPDX-License-Identifier: MIT
// Tables for addresses: strict parsing, normal form, and the first mailbox of a header.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "mail/address.h"

static const struct {
    const char *text;
    bool ok;
} parse_table[] = {
    {"one@example.org", true},
    {"first.last+detail@sub.example.org", true},
    {"a@localhost", true},
    {"o'neil=x/y!#$%&*?^_`{|}~-@example.org", true},
    {"\"two words\"@example.org", true},
    {"\"a@b\"@example.org", true},
    {"\"quote \\\" inside\"@example.org", true},
    {"\"\"@example.org", true},
    {"a@[192.0.2.1]", true},
    {"a@[IPv6:2001:db8::1]", true},
    {"a@[ipv6:::1]", true},
    {"a@_dmarc.example.org", true},
    {"\xC3\xBC@example.org", true},
    {"a@b\xC3\xBC"
     "cher.example",
     true},
    {"", false},
    {"@", false},
    {"a", false},
    {"a@", false},
    {"@example.org", false},
    {"a@@example.org", false},
    {"a@b@example.org", false},
    {".a@example.org", false},
    {"a.@example.org", false},
    {"a..b@example.org", false},
    {"a b@example.org", false},
    {"a@exa mple.org", false},
    {"<a@example.org>", false},
    {"a@example.org ", false},
    {" a@example.org", false},
    {"a\t@example.org", false},
    {"a\r\n@example.org", false},
    {"a(c)@example.org", false},
    {"a,b@example.org", false},
    {"\"a\"b@example.org", false},
    {"\"a@example.org", false},
    {"\"a\\\"@example.org", false},
    {"\"a\tb\"@example.org", false},
    {"a@.org", false},
    {"a@example.", false},
    {"a@example..org", false},
    {"a@-x.org", false},
    {"a@x-.org", false},
    {"a@[192.0.2.1", false},
    {"a@[192.0.2]", false},
    {"a@[192.0.2.256]", false},
    {"a@[2001:db8::1]", false},
    {"a@[IPv6:192.0.2.1]", false},
    {"a@[IPv6:]", false},
    {"a@[]", false},
    {"a@[192.0.2.1]x", false},
    {"\xFF@example.org", false},
    {"\xC0\xAF@example.org", false},
    {"a@\xED\xA0\x80.org", false},
    {"a@example.\xC3", false},
};

static void test_parse(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(parse_table); i++) {
        struct slice s = slice_from_cstr(parse_table[i].text);
        struct address a;
        bool ok = address_parse(s, &a);
        if (ok != parse_table[i].ok)
            fail_msg("\"%s\": got %d, want %d", parse_table[i].text, ok, parse_table[i].ok);
        if (ok && (a.whole.ptr != s.ptr || a.local.len + 1 + a.domain.len != s.len))
            fail_msg("\"%s\": the parts do not cover the whole", parse_table[i].text);
    }
    struct address a;
    assert_false(address_parse(slice_make("a\0b@example.org", 15), &a));
}

static void overlay(char *at, struct slice s) {
    memcpy(at, s.ptr, s.len);
}

static void test_limits(void **state) {
    (void)state;
    char text[512];
    struct address a;
    memset(text, 'a', sizeof(text));
    overlay(text + ADDRESS_LOCAL_MAX, SLICE("@example.org"));
    assert_true(address_parse(slice_make(text, ADDRESS_LOCAL_MAX + 12), &a));
    memset(text, 'a', sizeof(text));
    overlay(text + ADDRESS_LOCAL_MAX + 1, SLICE("@example.org"));
    assert_false(address_parse(slice_make(text, ADDRESS_LOCAL_MAX + 13), &a));

    // A domain of labels of 63 octets: exactly 255 octets are let in, one more is not.
    memset(text, 'd', sizeof(text));
    text[0] = 'a';
    text[1] = '@';
    for (size_t dot = 2 + 63; dot < 2 + ADDRESS_DOMAIN_MAX; dot += 64)
        text[dot] = '.';
    assert_true(address_parse(slice_make(text, 2 + ADDRESS_DOMAIN_MAX), &a));
    assert_false(address_parse(slice_make(text, 2 + ADDRESS_DOMAIN_MAX + 1), &a));
    memset(text + 2, 'd', 64);
    assert_false(address_parse(slice_make(text, 2 + 64), &a));
}

static void test_normalize(void **state) {
    (void)state;
    static const struct {
        const char *text, *plain, *stripped;
    } table[] = {
        {"One@Example.ORG", "one@example.org", "one@example.org"},
        {"One+Detail@Example.org", "one+detail@example.org", "one@example.org"},
        {"a+b+c@x.org", "a+b+c@x.org", "a@x.org"},
        {"+only@x.org", "+only@x.org", "+only@x.org"},
        {"\"A+b\"@x.org", "\"a+b\"@x.org", "\"a+b\"@x.org"},
        {"U@[IPv6:2001:DB8::1]", "u@[ipv6:2001:db8::1]", "u@[ipv6:2001:db8::1]"},
        {"\xC3\x9C@x.org", "\xC3\x9C@x.org", "\xC3\x9C@x.org"},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct address a;
        char got[ADDRESS_MAX + 1];
        assert_true(address_parse(slice_from_cstr(table[i].text), &a));
        address_normalize(&a, false, got);
        assert_string_equal(got, table[i].plain);
        address_normalize(&a, true, got);
        assert_string_equal(got, table[i].stripped);
    }
}

static const struct {
    const char *value;
    const char *want; // NULL: none
} header_table[] = {
    {" <one@example.org>", "one@example.org"},
    {" one@example.org", "one@example.org"},
    {"one@example.org\r\n", "one@example.org"},
    {" Name <one@example.org>", "one@example.org"},
    {" First M. Last <one@example.org>", "one@example.org"},
    {" \"Name, X\" <one@example.org>", "one@example.org"},
    {" \"<two@example.org>\" <one@example.org>", "one@example.org"},
    {" \"esc \\\" <two@example.org>\" <one@example.org>", "one@example.org"},
    {" two@example.org <one@example.org>", "one@example.org"},
    {" =?utf-8?q?N=C3=A4me=2C_X?= <one@example.org>", "one@example.org"},
    {" N\xC3\xA4me <one@example.org>", "one@example.org"},
    {" Name\r\n <one@example.org>", "one@example.org"},
    {" \"folded\r\n name\"\r\n\t<one@example.org>", "one@example.org"},
    {" < one@example.org >", "one@example.org"},
    {" (comment) one@example.org (and (nested) more)", "one@example.org"},
    {" (<two@example.org>) <one@example.org> (x)", "one@example.org"},
    {" Name (a \\) b) <one@example.org>", "one@example.org"},
    {" one@example.org, two@example.org", "one@example.org"},
    {" <one@example.org>, <two@example.org>", "one@example.org"},
    {" , ,one@example.org", "one@example.org"},
    {" friends: one@example.org, two@example.org;", "one@example.org"},
    {" \"friends\": Name <one@example.org>;", "one@example.org"},
    {" empty:; , one@example.org", "one@example.org"},
    {" \"two words\"@example.org", "\"two words\"@example.org"},
    {" <\"a>b\"@example.org>", "\"a>b\"@example.org"},
    {" one@[192.0.2.1]", "one@[192.0.2.1]"},
    {" <one@[IPv6:2001:db8::1]>", "one@[IPv6:2001:db8::1]"},
    {"", NULL},
    {"   ", NULL},
    {" \"hidden-recipients\": ;", NULL},
    {" hidden-recipients: ;", NULL},
    {" <>", NULL},
    {" Name", NULL},
    {" Name <>", NULL},
    {" <one@example.org", NULL},
    {" one@example.org>", NULL},
    {" <one@example.org> <two@example.org>", NULL},
    {" <one@example.org> two@example.org", NULL},
    {" one@example.org two@example.org", NULL},
    {" one @ example.org", NULL},
    {" \"open <one@example.org>", NULL},
    {" (open <one@example.org>", NULL},
    {" <@relay.example:one@example.org>", NULL},
    {" bad@, good@example.org", NULL},
    {" <one@example.org\r\n>", "one@example.org"},
    {" <one@exam\r\n ple.org>", NULL},
    {" [one@example.org", NULL},
};

static void test_first_of_header(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(header_table); i++) {
        struct address a;
        bool ok = address_first_of_header(slice_from_cstr(header_table[i].value), &a);
        const char *want = header_table[i].want;
        if (ok != (want != NULL) || (ok && !slice_eq(a.whole, slice_from_cstr(want))))
            fail_msg("\"%s\": got \"%.*s\", want \"%s\"", header_table[i].value, ok ? (int)a.whole.len : 4,
                     ok ? a.whole.ptr : "none", want != NULL ? want : "none");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_normalize),
        cmocka_unit_test(test_first_of_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
