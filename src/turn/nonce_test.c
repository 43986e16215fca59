// SPDX-License-Identifier: MIT
// Nonces: when they expire, for whom they are good, and forgeries.
#include "turn/nonce.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const int64_t now = 1758650868;
#define SECRET SLICE("nobody knows it")

static struct net_address client_of(const char *ip, uint16_t port) {
    struct net_address a = {.port = port};
    assert_true(net_address_parse(slice_from_cstr(ip), &a));
    return a;
}

static void validity(void **state) {
    static const struct {
        int64_t after;
        bool valid;
    } cases[] = {
        {-1, false},           {0, true},          {1, true},
        {3599, true},          {3600, true},       {3601, false},
        {65535, false},        {65536, false},     {65537, false},
        {65536 + 3600, false}, {2 * 65536, false}, {86400 * 365, false},
        {-65536, false},       {-3600, false},
    };
    struct net_address client = client_of("192.0.2.1", 1000);
    char nonce[TURN_NONCE_LEN];
    // At times whose low bits lie everywhere, so that they also come round within the validity.
    for (int64_t made = now; made < now + 65536; made += 1021) {
        turn_nonce_make(SECRET, &client, made, nonce);
        for (size_t i = 0; i < ARRAY_LEN(cases); i++)
            if (turn_nonce_valid(SECRET, &client, made + cases[i].after, slice_make(nonce, sizeof(nonce))) !=
                cases[i].valid)
                fail_msg("after %lld s: want %d", (long long)cases[i].after, cases[i].valid);
    }
}

static void only_for_its_client(void **state) {
    static const struct {
        const char *ip;
        uint16_t port;
        bool valid;
    } cases[] = {
        {"192.0.2.1", 1000, true}, {"192.0.2.1", 1001, false},   {"192.0.2.2", 1000, false},
        {"192.0.2.1", 0, false},   {"2001:db8::1", 1000, false}, {"::", 1000, false},
    };
    struct net_address client = client_of("192.0.2.1", 1000);
    char nonce[TURN_NONCE_LEN];
    turn_nonce_make(SECRET, &client, now, nonce);
    struct slice text = slice_make(nonce, sizeof(nonce));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct net_address other = client_of(cases[i].ip, cases[i].port);
        if (turn_nonce_valid(SECRET, &other, now, text) != cases[i].valid)
            fail_msg("%s port %u: want %d", cases[i].ip, cases[i].port, cases[i].valid);
    }
    assert_false(turn_nonce_valid(SLICE("another"), &client, now, text));
}

// Every other nonce of one changed character, and every other length, is refused.
static void forgeries(void **state) {
    struct net_address client = client_of("2001:db8::1", 1);
    char nonce[TURN_NONCE_LEN + 2] = "";
    turn_nonce_make(SECRET, &client, now, nonce);
    for (size_t at = 0; at < TURN_NONCE_LEN; at++) {
        char right = nonce[at];
        for (int c = 0; c < 256; c++) {
            nonce[at] = (char)c;
            assert_int_equal(turn_nonce_valid(SECRET, &client, now, slice_make(nonce, TURN_NONCE_LEN)),
                             (char)c == right);
        }
        nonce[at] = right;
    }
    for (size_t len = 0; len < sizeof(nonce); len++)
        assert_int_equal(turn_nonce_valid(SECRET, &client, now, slice_make(nonce, len)), len == TURN_NONCE_LEN);
    assert_false(turn_nonce_valid(SECRET, &client, now, SLICE("AAAAAAAAAAAAAA==")));
    assert_false(turn_nonce_valid(SECRET, &client, now, SLICE("AAAAAAAAAAAAAAA=")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(validity),
        cmocka_unit_test(only_for_its_client),
        cmocka_unit_test(forgeries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
