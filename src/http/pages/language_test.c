// SPDX-License-Identifier: MIT
#include "http/pages/language.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct language *get(const char *code) {
    const struct language *l = language_find(slice_from_cstr(code));
    assert_non_null(l);
    return l;
}

static void plurals(void **state) {
    static const struct {
        const char *code;
        uint64_t n;
        const char *want;
    } cases[] = {
        {"en", 0, "other"},       {"en", 1, "one"},    {"en", 2, "other"},  {"de", 1, "one"},
        {"de", 21, "other"},      {"fa", 0, "one"},    {"fa", 1, "one"},    {"fa", 2, "other"},
        {"es", 0, "other"},       {"es", 1, "one"},    {"es", 90, "other"}, {"es", 1000000, "many"},
        {"es", 1000001, "other"}, {"fr", 0, "one"},    {"fr", 1, "one"},    {"fr", 2, "other"},
        {"fr", 2000000, "many"},  {"ru", 0, "many"},   {"ru", 1, "one"},    {"ru", 2, "few"},
        {"ru", 4, "few"},         {"ru", 5, "many"},   {"ru", 11, "many"},  {"ru", 12, "many"},
        {"ru", 14, "many"},       {"ru", 21, "one"},   {"ru", 22, "few"},   {"ru", 25, "many"},
        {"ru", 111, "many"},      {"ru", 112, "many"}, {"ru", 101, "one"},  {"pl", 0, "many"},
        {"pl", 1, "one"},         {"pl", 2, "few"},    {"pl", 5, "many"},   {"pl", 12, "many"},
        {"pl", 21, "many"},       {"pl", 22, "few"},   {"pl", 90, "many"},  {"pl", 113, "many"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct language *l = get(cases[i].code);
        enum plural got = l->plural_of(cases[i].n);
        if (strcmp(plural_name(got), cases[i].want) != 0)
            fail_msg("%s %u: got %s, want %s", cases[i].code, (unsigned)cases[i].n, plural_name(got), cases[i].want);
        assert_true((l->forms & 1u << got) != 0);
    }
}

static void numbers(void **state) {
    static const struct {
        const char *code;
        uint64_t tenths;
        const char *want;
    } cases[] = {
        {"en", 0, "0"},
        {"en", 300, "30"},
        {"en", 15, "1.5"},
        {"de", 15, "1,5"},
        {"fa", 900, "۹۰"},
        {"fa", 15, "۱٫۵"},
        {"fa", 12345678900, "۱۲۳۴۵۶۷۸۹۰"},
        {"ru", 5, "0,5"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[LANGUAGE_NUMBER_SIZE];
        language_write_tenths(get(cases[i].code), cases[i].tenths, got);
        assert_string_equal(got, cases[i].want);
    }
    char got[LANGUAGE_NUMBER_SIZE];
    language_write_number(get("en"), UINT64_MAX, got);
    assert_string_equal(got, "18446744073709551615");
    language_write_number(get("fa"), UINT64_MAX / 10 - 1, got);
    assert_int_equal(strlen(got), 38);
}

static void codes(void **state) {
    static const char *const good[] = {"de", "ckb", "pt-BR", "zh-Hans"};
    static const char *const bad[] = {"",     "d",           "DE",   "deut",   "de-", "-de",
                                      "de-X", "de-12345678", "../x", "de-a-b", "d/"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(language_is_code(slice_from_cstr(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(language_is_code(slice_from_cstr(bad[i])));
    assert_true(language_is_rtl(SLICE("ar-EG")));
    assert_true(language_is_rtl(SLICE("fa")));
    assert_false(language_is_rtl(SLICE("tr")));
}

static void negotiation(void **state) {
    static const char *const ours[] = {"en", "de", "ru", "fa", "pt-BR"};
    static const struct {
        const char *wish, *want; // "-": none
    } cases[] = {
        {"", "-"},
        {"de", "de"},
        {"DE", "de"},
        {"de-AT", "de"},
        {"de-Latn-AT-x-private", "de"},
        {"pt-br", "pt-BR"},
        {"pt", "-"},
        {"ja, ko;q=0.9", "-"},
        {"ja, ko;q=0.9, ru;q=0.1", "ru"},
        {"en;q=0.5, de;q=0.7, ru;q=0.6", "de"},
        {"fa-IR,fa;q=0.9,en-US;q=0.8,en;q=0.7", "fa"},
        {"de, en", "de"},
        {"en, de", "en"},
        {"de;q=0, ru;q=0.001", "ru"},
        {"de;q=0", "-"},
        {"*", "en"},
        {"ja, *;q=0.1", "en"},
        {"*;q=0.1, ru;q=0.5", "ru"},
        {"de;q=1.000", "de"},
        {"de;q=1.001", "-"},
        {"de;q=2", "-"},
        {"de;q=0.5555", "-"},
        {"de;q=", "-"},
        {"de;level=1", "-"},
        {" ,,, de ; q = 0.5 ,", "de"},
        {";;;,=,q=1,-,--,de-", "de"},
        {"dede", "-"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t got = language_negotiate(slice_from_cstr(cases[i].wish), ours, ARRAY_LEN(ours));
        const char *code = got < ARRAY_LEN(ours) ? ours[got] : "-";
        if (strcmp(code, cases[i].want) != 0)
            fail_msg("\"%s\": got %s, want %s", cases[i].wish, code, cases[i].want);
    }
    assert_int_equal(language_negotiate(SLICE("de, *"), NULL, 0), 0);
}

static void only_so_many_ranges(void **state) {
    static const char *const ours[] = {"en", "de"};
    char wish[64 * 3 + 4] = "";
    for (size_t i = 0; i < 64; i++)
        memcpy(wish + 3 * i, "ja,", 3);
    memcpy(wish + (size_t)64 * 3, "de", 3);
    assert_int_equal(language_negotiate(slice_from_cstr(wish), ours, 2), 2);
    assert_int_equal(language_negotiate(slice_from_cstr(wish + 3), ours, 2), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plurals),
        cmocka_unit_test(numbers),
        cmocka_unit_test(codes),
        cmocka_unit_test(negotiation),
        cmocka_unit_test(only_so_many_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
