// SPDX-License-Identifier: MIT
#include "account/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void login_names(void **state) {
    static const struct {
        const char *user, *domain, *want; // want NULL: refused
    } cases[] = {
        {"bob123456@chat.example", "chat.example", "bob123456@chat.example"},
        {"Bob123456@Chat.EXAMPLE", "chat.example", "bob123456@chat.example"},
        {"bob@[192.0.2.1]", "[192.0.2.1]", "bob@[192.0.2.1]"},
        {"bob@192.0.2.1", "[192.0.2.1]", NULL},
        {"a@b@chat.example", "chat.example", "a@b@chat.example"}, // no such account, and none may be made
        {"\xc3\xa4@chat.example", "chat.example", "\xc3\xa4@chat.example"},
        {"", "chat.example", NULL},
        {"@", "chat.example", NULL},
        {"bob", "chat.example", NULL},
        {"chat.example", "chat.example", NULL},
        {"@chat.example", "chat.example", NULL},
        {"bobchat.example", "chat.example", NULL},
        {"bob@other.example", "chat.example", NULL},
        {"bob@chat.example.invalid", "chat.example", NULL},
        {"bob@xchat.example", "chat.example", NULL},
        {"bob@chat.example ", "chat.example", NULL},
        {" bob@chat.example", "chat.example", NULL},
        {"b/ob@chat.example", "chat.example", NULL},
        {"../x@chat.example", "chat.example", NULL},
        {"b\tob@chat.example", "chat.example", NULL},
        {"b\nob@chat.example", "chat.example", NULL},
        {"b\x7fob@chat.example", "chat.example", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[ACCOUNT_NAME_SIZE] = "";
        bool ok = account_name_normalise(slice_from_cstr(cases[i].user), cases[i].domain, got);
        if (ok != (cases[i].want != NULL) || (ok && strcmp(got, cases[i].want) != 0))
            fail_msg("\"%s\": got %d \"%s\", want \"%s\"", cases[i].user, ok, got, cases[i].want);
    }
    char got[ACCOUNT_NAME_SIZE];
    assert_false(account_name_normalise(SLICE("bob@a.org\0x@a.org"), "a.org", got));
    assert_false(account_name_normalise((struct slice){NULL, 0}, "a.org", got));
}

static void the_longest_name(void **state) {
    char user[STORE_ADDRESS_MAX + 1], got[ACCOUNT_NAME_SIZE];
    struct slice end = SLICE("@a.org");
    for (size_t len = STORE_ADDRESS_MAX; len <= STORE_ADDRESS_MAX + 1; len++) {
        memset(user, 'a', sizeof(user));
        memcpy(user + len - end.len, end.ptr, end.len);
        assert_int_equal(account_name_normalise(slice_make(user, len), "a.org", got), len == STORE_ADDRESS_MAX);
    }
    assert_int_equal(strlen(got), STORE_ADDRESS_MAX);
}

static void local_parts(void **state) {
    assert_true(account_local_part_is_valid(SLICE("abcxyz019._-")));
    for (int c = 0; c < 256; c++) {
        char octet = (char)c;
        bool want = strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", c) != NULL && c != 0;
        assert_int_equal(account_local_part_is_valid(slice_make(&octet, 1)), want);
    }
    assert_false(account_local_part_is_valid(SLICE_EMPTY));
    assert_true(slice_eq(account_name_local_part(SLICE("a@b@c")), SLICE("a@b")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(login_names),
        cmocka_unit_test(the_longest_name),
        cmocka_unit_test(local_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
