// SPDX-License-Identifier: MIT
// Credentials that expire: known ones, those of other makers, and times around their limits.
#include "turn/credential.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"

static void a_known_credential(void **state) {
    struct turn_credential c;
    turn_credential_make(SLICE("north"), 1758650868 - TURN_VALID_S, &c);
    assert_string_equal(c.username, "1758650868");
    assert_string_equal(c.password, "8Dqkyyu11MVESBqjbIylmB06rv8=");
    uint8_t key[TURN_KEY_LEN];
    char hex[2 * TURN_KEY_LEN + 1];
    turn_credential_key(SLICE("north"), SLICE("1758650868"), SLICE("example.org"), key);
    hex_encode(key, sizeof(key), hex);
    assert_string_equal(hex, "1bf6ea66f9620cdfb0fd0a47fb7c6eea");
}

static void what_the_key_depends_on(void **state) {
    static const struct {
        struct slice secret, username, realm;
    } cases[] = {
        {{"north", 5}, {"1758650868", 10}, {"example.org", 11}},
        {{"south", 5}, {"1758650868", 10}, {"example.org", 11}},
        {{"north", 5}, {"1758650869", 10}, {"example.org", 11}},
        {{"north", 5}, {"1758650868:x", 12}, {"example.org", 11}},
        {{"north", 5}, {"1758650868", 10}, {"example.com", 11}},
        {{"north", 5}, {"", 0}, {"", 0}},
    };
    uint8_t keys[ARRAY_LEN(cases)][TURN_KEY_LEN];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        turn_credential_key(cases[i].secret, cases[i].username, cases[i].realm, keys[i]);
        for (size_t other = 0; other < i; other++)
            assert_memory_not_equal(keys[i], keys[other], TURN_KEY_LEN);
    }
}

static void user_names(void **state) {
    enum { NOW = 1758650868 };
    static const struct {
        const char *username;
        bool valid;
    } cases[] = {
        {"1758650868", true}, // this very second
        {"1758650867", false},
        {"1759082868", true},  // five days
        {"1759169268", true},  // six days
        {"1759169269", false}, // a second more
        {"18446744073709551615", false},
        {"99999999999999999999999", false},
        {"0", false},
        {"", false},
        {":", false},
        {":1758650868", false},
        {"1758650868:", true},
        {"1758650868:alice", true},
        {"1758650868:a:b", true},
        {"0001758650868", true}, // a name of its own, with a password of its own
        {"+1758650868", false},
        {"-1758650868", false},
        {" 1758650868", false},
        {"1758650868 ", false},
        {"1758650868.5", false},
        {"0x68d2f1f4", false},
        {"alice", false},
        {"alice:1758650868", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (turn_username_valid(slice_from_cstr(cases[i].username), NOW) != cases[i].valid)
            fail_msg("\"%s\": want %d", cases[i].username, cases[i].valid);
    assert_false(turn_username_valid(slice_make("1758650868\0", 11), NOW));
    assert_false(turn_username_valid(SLICE("1758650868"), -1));
}

static void the_longest_user_name(void **state) {
    char name[TURN_USERNAME_MAX + 2];
    memset(name, 'x', sizeof(name));
    memcpy(name, "100:", 4);
    assert_true(turn_username_valid(slice_make(name, TURN_USERNAME_MAX), 100));
    assert_false(turn_username_valid(slice_make(name, TURN_USERNAME_MAX + 1), 100));
    uint8_t key[TURN_KEY_LEN];
    turn_credential_key(SLICE("s"), slice_make(name, TURN_USERNAME_MAX), SLICE("r"), key);
}

static void what_we_give_is_valid(void **state) {
    static const int64_t times[] = {0, 1758650868, 4102444800, INT64_MAX / 2};
    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        struct turn_credential c;
        turn_credential_make(SLICE("secret"), times[i], &c);
        struct slice name = slice_from_cstr(c.username);
        assert_true(turn_username_valid(name, times[i]));
        assert_true(turn_username_valid(name, times[i] + TURN_VALID_S));
        assert_false(turn_username_valid(name, times[i] + TURN_VALID_S + 1));
        assert_int_equal(strlen(c.password), TURN_PASSWORD_SIZE - 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_credential),
        cmocka_unit_test(what_the_key_depends_on),
        cmocka_unit_test(user_names),
        cmocka_unit_test(the_longest_user_name),
        cmocka_unit_test(what_we_give_is_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
