// SPDX-License-Identifier: MIT
// Hashes and the table of verified logins. The fixed hashes are of "correct horse", made by other implementations of
// crypt(3) where there are some.
#include "account/password.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "account/verified.h"

static const char horse[] = "correct horse";
#define SHA512 "$6$abcdefgh$yIZAF3gQPvtKZO/9qOJKffAKKbtS3ef3qmwyugk4uWVjX8YZf/GV3A8SkFxEPY0T56CcilGrHKLffBsp6dLMG."
#define SHA256 "$5$abcdefgh$ruMep1ijHnJPZbETDNiumskxcX3kN4lzZd5VlsqE7eB"
#define MD5 "$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80"
#define BLF "$2y$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2"
#define YES75 "$y$j75$tu4uinceFgKMsv4rvm1gS.$SWjP2DqbQ9zSiZF0Qd91ixmgyKRxgDjPz1oPtfJtOxD"
#define YES9T "$y$j9T$tu4uinceFgKMsv4rvm1gS.$aK.ln6ShMBKzx6NaXlsk5xdRoaetC0RN40dGCxi.4W."
#define DES "abhfCpXqd4GrI"
static const char sha512[] = SHA512;

static void new_hashes(void **state) {
    char a[STORE_PASSWORD_HASH_MAX + 1], b[STORE_PASSWORD_HASH_MAX + 1];
    assert_true(account_password_hash(horse, a));
    assert_true(account_password_hash(horse, b));
    assert_int_equal(strncmp(a, "$y$j75$", 7), 0);
    assert_string_not_equal(a, b); // each has its salt
    assert_true(account_password_verify(horse, a) && account_password_verify(horse, b));
    assert_false(account_password_verify("Correct horse", a));
    assert_false(account_password_verify("correct hors", a));
    assert_false(account_password_verify("correct horse ", a));
    assert_false(account_password_verify("", a));
    account_password_spend(horse);
}

static void hashes_of_others(void **state) {
    static const char *const stored[] = {
        SHA512,
        "{SHA512-CRYPT}" SHA512,
        "{sha512-crypt}" SHA512,
        "{CRYPT}" SHA512,
        SHA256,
        "{SHA256-CRYPT}" SHA256,
        MD5,
        "{MD5-CRYPT}" MD5,
        BLF,
        "{BLF-CRYPT}" BLF,
        YES75,
        "{CRYPT}" YES75,
        YES9T,
    };
    for (size_t i = 0; i < ARRAY_LEN(stored); i++) {
        if (!account_password_verify(horse, stored[i]))
            fail_msg("refused \"%s\"", stored[i]);
        if (account_password_verify("correct horsf", stored[i]))
            fail_msg("took a wrong password for \"%s\"", stored[i]);
    }
}

static void records_that_match_nothing(void **state) {
    static const char *const stored[] = {
        "",
        "*",
        "!",
        "x",
        "*0",
        "*1",
        "{CRYPT}",
        "{SHA512-CRYPT}",
        "{PLAIN}correct horse",
        "correct horse",
        "$",
        "$6$",
        "$6$abcdefgh$",
        "$y$",
        "$y$j75$",
        DES,
        "{CRYPT}" DES,
        "{UNKNOWN}" SHA512,
        "!" SHA512,
        "*" SHA512,
        "{CRYPT}{CRYPT}" SHA512,
    };
    for (size_t i = 0; i < ARRAY_LEN(stored); i++) {
        if (account_password_verify(horse, stored[i]) || account_password_verify("", stored[i]) ||
            account_password_verify(stored[i], stored[i]))
            fail_msg("took \"%s\"", stored[i]);
    }
    char cut[sizeof(sha512)];
    memcpy(cut, sha512, sizeof(sha512));
    cut[sizeof(cut) - 2] = '\0';
    assert_false(account_password_verify(horse, cut));
}

static void the_longest_password(void **state) {
    char password[ACCOUNT_PASSWORD_MAX + 1], hash[STORE_PASSWORD_HASH_MAX + 1];
    memset(password, '\xff', ACCOUNT_PASSWORD_MAX);
    password[ACCOUNT_PASSWORD_MAX] = '\0';
    assert_true(account_password_hash(password, hash));
    assert_true(account_password_verify(password, hash));
    password[ACCOUNT_PASSWORD_MAX - 1] = 'x'; // the last octet counts
    assert_false(account_password_verify(password, hash));
}

static void verified_logins_are_bound_to_everything(void **state) {
    struct account_verified *v = account_verified_new(1000);
    assert_false(account_verified_check(v, 1, "pw", "hash"));
    account_verified_remember(v, 1, "pw", "hash");
    assert_true(account_verified_check(v, 1, "pw", "hash"));
    assert_false(account_verified_check(v, 2, "pw", "hash"));
    assert_false(account_verified_check(v, 1, "pW", "hash"));
    assert_false(account_verified_check(v, 1, "pw", "hasH"));
    assert_false(account_verified_check(v, 1, "pwh", "ash"));
    assert_false(account_verified_check(v, 1, "", ""));
    assert_true(account_verified_check(v, 1, "pw", "hash")); // a failure does not forget
    account_verified_remember(v, 1, "other", "hash2");
    assert_false(account_verified_check(v, 1, "pw", "hash"));
    assert_true(account_verified_check(v, 1, "other", "hash2"));
    // Another process start knows nothing.
    struct account_verified *w = account_verified_new(1000);
    assert_false(account_verified_check(w, 1, "other", "hash2"));
    account_verified_free(w);
    account_verified_free(v);
    account_verified_free(NULL);
}

static void verified_logins_are_bounded(void **state) {
    struct account_verified *v = account_verified_new(160);
    for (uint64_t id = 0; id < 5000; id++)
        account_verified_remember(v, id, "pw", "hash");
    int n = 0;
    for (uint64_t id = 0; id < 5000; id++)
        n += account_verified_check(v, id, "pw", "hash");
    assert_true(n > 100 && n <= 160);
    account_verified_free(v);
}

static void *remember_and_check(void *arg) {
    for (uint64_t i = 0; i < 2000; i++) {
        account_verified_remember(arg, i % 50, "pw", "hash");
        assert_true(account_verified_check(arg, i % 50, "pw", "hash"));
        assert_false(account_verified_check(arg, i % 50, "wrong", "hash"));
    }
    return NULL;
}

static void threads_share_the_table(void **state) {
    struct account_verified *v = account_verified_new(1000);
    pthread_t threads[3];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, remember_and_check, v), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    account_verified_free(v);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_hashes),
        cmocka_unit_test(hashes_of_others),
        cmocka_unit_test(records_that_match_nothing),
        cmocka_unit_test(the_longest_password),
        cmocka_unit_test(verified_logins_are_bound_to_everything),
        cmocka_unit_test(verified_logins_are_bounded),
        cmocka_unit_test(threads_share_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
