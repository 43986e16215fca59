// SPDX-License-Identifier: MIT
#include "config/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define MB ((uint64_t)1024 * 1024)

static void switches(void **state) {
    static const struct {
        const char *text;
        int want; // -1: refused
    } cases[] = {{"true", 1}, {"True", 1}, {"YES", 1}, {"on", 1}, {"1", 1},    {"false", 0},  {"False", 0}, {"no", 0},
                 {"OFF", 0},  {"0", 0},    {"", -1},   {"2", -1}, {"tru", -1}, {"true ", -1}, {"01", -1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool got = cases[i].want == 0;
        bool ok = config_bool_parse(slice_from_cstr(cases[i].text), &got);
        if (ok != (cases[i].want >= 0) || (ok && got != cases[i].want))
            fail_msg("\"%s\": got %d %d, want %d", cases[i].text, ok, got, cases[i].want);
    }
}

static void sizes(void **state) {
    static const struct {
        const char *text;
        uint64_t bare_unit;
        bool ok;
        uint64_t want;
    } cases[] = {
        {"500M", MB, true, 500 * MB},
        {"500MB", MB, true, 500 * MB},
        {"500 mb", MB, true, 500 * MB},
        {"2G", MB, true, 2048 * MB},
        {"2gb", 1, true, 2048 * MB},
        {"100K", MB, true, 100 * 1024},
        {"1T", 1, true, MB * MB},
        {"7B", MB, true, 7},
        {"500", MB, true, 500 * MB},
        {"31457280", 1, true, 31457280},
        {"0", 1, true, 0},
        {"17592186044415M", 1, true, 17592186044415 * MB},
        {"17592186044416M", 1, false, 0},
        {"18446744073709551615", 1, true, UINT64_MAX},
        {"18446744073709551616", 1, false, 0},
        {"", MB, false, 0},
        {"M", MB, false, 0},
        {"5x", MB, false, 0},
        {"5BB", MB, false, 0},
        {"5MiB", MB, false, 0},
        {"5MM", MB, false, 0},
        {"-5M", MB, false, 0},
        {"+5M", MB, false, 0},
        {"1.5G", MB, false, 0},
        {"5M 5", MB, false, 0},
        {" 5M", MB, false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t got = 42;
        bool ok = config_size_parse(slice_from_cstr(cases[i].text), cases[i].bare_unit, &got);
        if (ok != cases[i].ok || got != (ok ? cases[i].want : 42))
            fail_msg("\"%s\": got %d %llu, want %d %llu", cases[i].text, ok, (unsigned long long)got, cases[i].ok,
                     (unsigned long long)cases[i].want);
    }
    uint64_t got = 42;
    assert_false(config_size_parse(SLICE("5\0"), MB, &got));
    assert_false(config_size_parse((struct slice){NULL, 0}, MB, &got));
}

static void numbers(void **state) {
    static const struct {
        const char *text;
        bool ok;
        double want;
    } cases[] = {
        {"5", true, 5},
        {"0.75", true, 0.75},
        {"6.10", true, 6.1},
        {"0", true, 0},
        {"007", true, 7},
        {"", false, 0},
        {".5", false, 0},
        {"5.", false, 0},
        {"1.2.3", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {"1e3", false, 0},
        {"inf", false, 0},
        {"nan", false, 0},
        {"0x10", false, 0},
        {"1,5", false, 0},
        {" 1", false, 0},
        {"123456789012345", true, 123456789012345},
        {"1234567890123456", false, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        double got = 42;
        bool ok = config_number_parse(slice_from_cstr(cases[i].text), &got);
        double want = cases[i].ok ? cases[i].want : 42;
        if (ok != cases[i].ok || got > want || got < want)
            fail_msg("\"%s\": got %d %f, want %d %f", cases[i].text, ok, got, cases[i].ok, cases[i].want);
    }
}

static void domains(void **state) {
    static const char l63[] = "abcdefghijklmnopqrstuvwxyz0123456789-abcdefghijklmnopqrstuvwxyz";
    assert_int_equal(strlen(l63), 63);
    char label_64[80], label_63[80];
    (void)snprintf(label_63, sizeof(label_63), "%s.org", l63);
    (void)snprintf(label_64, sizeof(label_64), "%sa.org", l63);
    const struct {
        const char *text;
        const char *want; // NULL: refused
    } cases[] = {
        {"chat.example.org", "chat.example.org"},
        {"Chat.EXAMPLE.org", "chat.example.org"},
        {"localhost", "localhost"},
        {"_test.example.org", "_test.example.org"},
        {"_", NULL},
        {"a._b.org", NULL},
        {"a_b.org", NULL},
        {"xn--bcher-kva.example", "xn--bcher-kva.example"},
        {"3com.example", "3com.example"},
        {"192.0.2.1", "[192.0.2.1]"},
        {"[192.0.2.1]", "[192.0.2.1]"},
        {"192.0.2.256", NULL},
        {"192.0.2", NULL},
        {"192.0.2.1.5", NULL},
        {"192.0.02.1", NULL},
        {"[192.0.2.1", NULL},
        {"[chat.example.org]", NULL},
        {"[]", NULL},
        {"2001:db8::1", NULL},
        {"[IPv6:2001:db8::1]", NULL},
        {"", NULL},
        {".", NULL},
        {"a..b", NULL},
        {".a", NULL},
        {"a.org.", NULL},
        {"-a.org", NULL},
        {"a-.org", NULL},
        {"a b.org", NULL},
        {"a/b.org", NULL},
        {"user@a.org", NULL},
        {"b\xc3\xbc"
         "cher.example",
         NULL},
        {label_63, label_63},
        {label_64, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[CONFIG_DOMAIN_SIZE] = "";
        bool ok = config_domain_parse(slice_from_cstr(cases[i].text), got);
        if (ok != (cases[i].want != NULL) || (ok && strcmp(got, cases[i].want) != 0))
            fail_msg("\"%s\": got %d \"%s\", want \"%s\"", cases[i].text, ok, got, cases[i].want);
    }
}

static void the_longest_domain(void **state) {
    char text[255], got[CONFIG_DOMAIN_SIZE];
    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 2 == 0 ? 'a' : '.';
    assert_true(config_domain_parse(slice_make(text, 253), got));
    assert_int_equal(strlen(got), 253);
    assert_false(config_domain_parse(slice_make(text, 254), got));
    assert_false(config_domain_parse(slice_make(text, 255), got));
    assert_false(config_domain_parse(SLICE("192.0.2.1\0"), got));
    assert_false(config_domain_parse(SLICE("a\0b.org"), got));
}

static void selectors(void **state) {
    static const struct {
        const char *text, *want; // NULL: refused
    } cases[] = {
        {"opendkim", "opendkim"},
        {"S1-2026_A", "s1-2026_a"},
        {"jan.2026", "jan.2026"},
        {"1", "1"},
        {"", NULL},
        {".", NULL},
        {"a.", NULL},
        {".a", NULL},
        {"a..b", NULL},
        {"a/b", NULL},
        {"..", NULL},
        {"-a", NULL},
        {"_a", NULL},
        {"a b", NULL},
        {"\xc3\xa4", NULL},
        {"a23456789a23456789a23456789a23456789a23456789a23456789a23456789abc", NULL}, // 66
        {"a23456789a23456789a23456789a23456789a23456789a23456789a23456789",
         "a23456789a23456789a23456789a23456789a23456789a23456789a23456789"}, // 63
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[CONFIG_SELECTOR_SIZE] = "untouched";
        bool ok = config_selector_parse(slice_from_cstr(cases[i].text), got);
        if (ok != (cases[i].want != NULL) || strcmp(got, ok ? cases[i].want : "untouched") != 0)
            fail_msg("\"%s\": got %d %s", cases[i].text, ok, got);
    }
}

static void forwarders(void **state) {
    static const struct {
        const char *text, *want; // each as "address@port;", and "!" where it stops before the end
    } cases[] = {
        {"", ""},
        {" , ", ""},
        {"192.0.2.1", "192.0.2.1@53;"},
        {"192.0.2.1@5353", "192.0.2.1@5353;"},
        {"::1,192.0.2.1@53  fe80::1@65535,", "::1@53;192.0.2.1@53;fe80::1@65535;"},
        {"192.0.2.1@", "!"},
        {"192.0.2.1@0", "!"},
        {"192.0.2.1@65536", "!"},
        {"192.0.2.1:53", "!"},
        {"@53", "!"},
        {"[::1]", "!"},
        {"192.0.2.1 dns.example", "192.0.2.1@53;!"},
        {"192.0.2.1\n192.0.2.2", "!"},
        {"0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", "!"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[256] = "";
        struct slice rest = slice_from_cstr(cases[i].text);
        struct config_forwarder one;
        while (config_forwarder_next(&rest, &one)) {
            size_t len = strlen(got);
            (void)snprintf(got + len, sizeof(got) - len, "%s@%u;", one.address, one.port);
        }
        if (rest.len > 0 && strspn(rest.ptr, " ,") < rest.len)
            (void)snprintf(got + strlen(got), sizeof(got) - strlen(got), "!");
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("\"%s\": got %s want %s", cases[i].text, got, cases[i].want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(switches),
        cmocka_unit_test(sizes),
        cmocka_unit_test(numbers),
        cmocka_unit_test(domains),
        cmocka_unit_test(the_longest_domain),
        cmocka_unit_test(selectors),
        cmocka_unit_test(forwarders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
