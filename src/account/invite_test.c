// SPDX-License-Identifier: MIT
// Passwords that prove an invitation, tokens, and the text both are written in.
#include "account/invite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "account/base64url.h"

static const uint8_t secret[STORE_SECRET_LEN] = {1, 2, 3};
static const uint8_t invitation[ACCOUNT_INVITATION_LEN] = {0xfb, 0xff, 9};
static const int64_t now = 1800000000; // a whole hour

static bool verify(const char *password, const char *local_part, int64_t at) {
    uint8_t got[ACCOUNT_INVITATION_LEN];
    bool ok = account_invite_verify(secret, slice_from_cstr(password), slice_from_cstr(local_part), at, got);
    if (ok)
        assert_memory_equal(got, invitation, sizeof(got));
    return ok;
}

static void a_password_proves_its_invitation(void **state) {
    char password[INVITE_PASSWORD_SIZE], other[INVITE_PASSWORD_SIZE];
    account_invite_password(secret, invitation, SLICE("bob123456"), now, password);
    assert_int_equal(strlen(password), 64);
    assert_true(verify(password, "bob123456", now));
    assert_false(verify(password, "bob123457", now));
    assert_false(verify(password, "bob12345", now));
    assert_false(verify(password, "", now));
    account_invite_password(secret, invitation, SLICE("bob123456"), now, other);
    assert_string_not_equal(password, other); // 96 bits of it are random
    assert_true(verify(other, "bob123456", now));
    static const uint8_t another_secret[STORE_SECRET_LEN] = {1, 2, 4};
    uint8_t got[ACCOUNT_INVITATION_LEN];
    assert_false(account_invite_verify(another_secret, slice_from_cstr(password), SLICE("bob123456"), now, got));
}

static void a_password_expires(void **state) {
    static const struct {
        int64_t made_after, expires_after; // seconds
    } cases[] = {{0, 24 * 3600}, {1, 25 * 3600}, {3599, 25 * 3600}, {3600, 25 * 3600}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char password[INVITE_PASSWORD_SIZE];
        account_invite_password(secret, invitation, SLICE("bob"), now + cases[i].made_after, password);
        assert_true(verify(password, "bob", now + cases[i].expires_after - 1));
        assert_false(verify(password, "bob", now + cases[i].expires_after));
        assert_false(verify(password, "bob", INT64_MAX));
    }
}

// Every other text of one changed character, of any length, or with an octet more, is refused.
static void forgeries(void **state) {
    static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= .\n";
    char password[INVITE_PASSWORD_SIZE + 1] = "";
    account_invite_password(secret, invitation, SLICE("bob"), now, password);
    for (size_t at = 0; at < INVITE_PASSWORD_SIZE - 1; at++) {
        char kept = password[at];
        for (const char *c = characters; *c != '\0'; c++) {
            password[at] = *c;
            if (verify(password, "bob", now) != (*c == kept))
                fail_msg("character %zu as '%c'", at, *c);
        }
        password[at] = '\0';
        assert_false(verify(password, "bob", now));
        password[at] = kept;
    }
    password[INVITE_PASSWORD_SIZE - 1] = 'A';
    assert_false(verify(password, "bob", now));
    assert_false(verify("", "bob", now));
}

static void tokens(void **state) {
    char token[ACCOUNT_TOKEN_SIZE];
    uint8_t got[ACCOUNT_INVITATION_LEN];
    account_token_write(invitation, token);
    assert_string_equal(token, "-_8JAAAAAAAAAAAAAAAAAA");
    assert_true(account_token_parse(slice_from_cstr(token), got));
    assert_memory_equal(got, invitation, sizeof(got));
    static const char *const bad[] = {
        "",
        "-_8JAAAAAAAAAAAAAAAAA",
        "-_8JAAAAAAAAAAAAAAAAAAA",
        "-_8JAAAAAAAAAAAAAAAAAA==",
        "+/8JAAAAAAAAAAAAAAAAAA",
        "-_8JAAAAAAAAAAAAAAAAAB", // leftover bits
        "-_8JAAAAAAAAAAAAAAAAA=",
        "-_8JAAAAAAAAAAAAAAAAA ",
        "-_8JAAAAAAAAAAAAAAAAA\n",
        "-_8JAAAAAAAAA%41AAAAAA",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (account_token_parse(slice_from_cstr(bad[i]), got))
            fail_msg("\"%s\" was taken", bad[i]);
}

static void octets_of_any_length(void **state) {
    static const struct {
        const char *octets, *text;
    } cases[] = {{"", ""},           {"f", "Zg"},          {"fo", "Zm8"},          {"foo", "Zm9v"},
                 {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}, {"\xfb\xef\xff", "--__"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[16], octets[16] = "";
        size_t len = strlen(cases[i].octets);
        base64url_encode(cases[i].octets, len, text);
        assert_string_equal(text, cases[i].text);
        assert_true(base64url_decode(slice_from_cstr(text), octets, len));
        assert_string_equal(octets, cases[i].octets);
        assert_false(base64url_decode(slice_from_cstr(text), octets, len + 1));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_password_proves_its_invitation),
        cmocka_unit_test(a_password_expires),
        cmocka_unit_test(forgeries),
        cmocka_unit_test(tokens),
        cmocka_unit_test(octets_of_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
