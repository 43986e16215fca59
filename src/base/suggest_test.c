// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/panic.h"
#include "base/suggest.h"

static void test_suggest(void **state) {
    static const char *const words[] = {
        "account", "invite", "serve", "dev", "uses", "days", "max_user_send_per_minute"};
    static const struct {
        const char *word, *want;
    } cases[] = {
        {"acount", "account"},
        {"accuont", "account"},
        {"accounts", "account"},
        {"invit", "invite"},
        {"invitation", NULL},
        {"dve", "dev"},
        {"d", NULL},
        {"serv", "serve"},
        {"user", "uses"},
        {"day", "days"},
        {"yes", NULL},
        {"", NULL},
        {"account", "account"},
        {"max_user_send_per_min", "max_user_send_per_minute"},
        {"max_user_send_per_day", NULL},
        {"ac_ou_nt_s", NULL},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *got = suggest(cases[i].word, words, ARRAY_LEN(words)), *want = cases[i].want;
        if ((got == NULL) != (want == NULL) || (got != NULL && strcmp(got, want) != 0))
            fail_msg("\"%s\": got %s, want %s", cases[i].word, got != NULL ? got : "nothing",
                     want != NULL ? want : "nothing");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_suggest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
