// SPDX-License-Identifier: MIT
#include "base/printable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/panic.h"

static void texts(void **state) {
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", ""},
        {"plain ~ text\t1\n", "plain ~ text\t1\n"},
        {"\x1b[2J", "?[2J"},
        {"a\rb\x7f\x01", "a?b??"},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xac", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x93\xac"},
        {"\xc2\x9b[2J\xc2\xa0", "??[2J\xc2\xa0"},
        {"cut \xe2\x82", "cut ??"},
        {"\x9b\xff\xfe", "???"},
        {"\xc0\x9b", "??"}, // an overlong ESC
        {"\xe0\x80\x9b\xf0\x80\x80\x9b", "???????"},
        {"\xed\xa0\x80", "???"},      // a surrogate
        {"\xf4\x90\x80\x80", "????"}, // beyond U+10FFFF
        {"\xf8\x88\x80\x80\x80", "?????"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[64];
        (void)snprintf(text, sizeof(text), "%s", cases[i].text);
        assert_int_equal(printable_is(text), strcmp(text, cases[i].want) == 0);
        printable_make(text);
        assert_true(printable_is(text));
        if (strcmp(text, cases[i].want) != 0)
            fail_msg("row %zu: got \"%s\", want \"%s\"", i, text, cases[i].want);
        printable_make(text);
        assert_string_equal(text, cases[i].want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(texts)};
    return cmocka_run_group_tests_name("base_printable", tests, NULL, NULL);
}
