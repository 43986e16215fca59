// SPDX-License-Identifier: MIT
// Frames of a client of dialect A: what each type and length means, cut anywhere; and what we send.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "base/mem.h"
#include "iroh/dialect_a.h"

static const char *const KIND_NAMES[] = {"bad", "more", "packet", "ping", "pong", "ignored"};

static void expect_kind(const char *what, size_t number, size_t there, enum iroh_kind got, enum iroh_kind want) {
    if (got != want)
        fail_msg("%s %zu with %zu octets: got \"%s\" want \"%s\"", what, number, there, KIND_NAMES[got],
                 KIND_NAMES[want]);
}

static size_t header(uint8_t type, size_t len, char *ret) {
    const char h[] = {(char)type, (char)(len >> 24), (char)(len >> 16), (char)(len >> 8), (char)len};
    memcpy(ret, h, sizeof(h));
    return sizeof(h);
}

// Every type at the edges of every length. What is wrong is known from the header, or from the type alone.
static void test_types_and_lengths(void **state) {
    static const struct {
        uint32_t min, max;
        enum iroh_kind kind;
    } rules[256] = {
        [4] = {32, 32 + 65536, IROH_PACKET},
        [5] = {32, 32 + 65536, IROH_IGNORED},
        [6] = {0, 0, IROH_IGNORED},
        [7] = {1, 1, IROH_IGNORED},
        [8] = {32, 32, IROH_IGNORED},
        [12] = {8, 8, IROH_PING},
        [13] = {8, 8, IROH_PONG},
        [15] = {8, 8, IROH_IGNORED},
    };
    static const uint32_t LENGTHS[] = {0,     1,     2,     7,     8,       9,       31,         32,
                                       33,    35,    36,    64,    65,      99,      105,        106,
                                       65535, 65536, 65568, 65569, 1048576, 1048577, 0x7fffffff, UINT32_MAX};
    char *wire = mem_zalloc(1, IROH_A_FRAME_MAX + 1);
    for (size_t type = 0; type < 256; type++) {
        for (size_t i = 0; i < ARRAY_LEN(LENGTHS); i++) {
            uint32_t len = LENGTHS[i];
            bool is_right = rules[type].kind != IROH_BAD && len >= rules[type].min && len <= rules[type].max;
            struct iroh_frame f;
            header((uint8_t)type, len, wire);
            for (size_t there = 0; there < 5; there++) {
                iroh_a_parse(slice_make(wire, there), &f);
                expect_kind("type", type, there, f.kind,
                            there > 0 && rules[type].kind == IROH_BAD ? IROH_BAD : IROH_MORE);
            }
            iroh_a_parse(slice_make(wire, 5), &f);
            expect_kind("type", type, 5, f.kind, !is_right ? IROH_BAD : len > 0 ? IROH_MORE : rules[type].kind);
            if (!is_right || len == 0)
                continue;
            iroh_a_parse(slice_make(wire, 5 + len - 1), &f);
            expect_kind("type", type, 5 + len - 1, f.kind, IROH_MORE);
            iroh_a_parse(slice_make(wire, 5 + len + (len < rules[type].max ? 1 : 0)), &f);
            expect_kind("type", type, 5 + len, f.kind, rules[type].kind);
            assert_int_equal(f.len, 5 + len);
        }
    }
    free(wire);
}

static void test_content(void **state) {
    char wire[256];
    struct iroh_frame f;
    size_t n = header(IROH_A_SEND_PACKET, IROH_KEY_LEN + 6, wire);
    memset(wire + n, 0xab, IROH_KEY_LEN);
    memcpy(wire + n + IROH_KEY_LEN, "packetnext", 10);
    for (size_t there = 0; there < n + IROH_KEY_LEN + 6; there++) {
        iroh_a_parse(slice_make(wire, there), &f);
        expect_kind("a packet", 0, there, f.kind, IROH_MORE);
    }
    iroh_a_parse(slice_make(wire, n + IROH_KEY_LEN + 10), &f);
    expect_kind("a packet", 0, n + IROH_KEY_LEN + 10, f.kind, IROH_PACKET);
    assert_int_equal(f.len, n + IROH_KEY_LEN + 6);
    assert_memory_equal(f.key, wire + n, IROH_KEY_LEN);
    assert_ptr_equal(f.body.data.ptr, wire + n + IROH_KEY_LEN); // where it stands
    assert_int_equal(f.body.data.len, 6);
    assert_memory_equal(f.body.mask, "\0\0\0\0", 4);
    assert_int_equal(f.packet_type, IROH_A_RECV_PACKET);
    assert_false(f.is_discovery);

    n = header(IROH_A_PING, IROH_PING_LEN, wire);
    memcpy(wire + n, "12345678", 8);
    iroh_a_parse(slice_make(wire, n + 8), &f);
    expect_kind("a ping", 0, n + 8, f.kind, IROH_PING);
    assert_memory_equal(f.ping, "12345678", 8);
    wire[0] = IROH_A_PONG;
    iroh_a_parse(slice_make(wire, n + 8), &f);
    expect_kind("a pong", 0, n + 8, f.kind, IROH_PONG);
    assert_memory_equal(f.ping, "12345678", 8);

    for (size_t preference = 0; preference < 256; preference++) {
        n = header(IROH_A_NOTE_PREFERRED, 1, wire);
        wire[n] = (char)preference;
        iroh_a_parse(slice_make(wire, n + 1), &f);
        expect_kind("preference", preference, n + 1, f.kind, preference < 2 ? IROH_IGNORED : IROH_BAD);
    }
}

static void test_discovery(void **state) {
    static const struct {
        struct slice packet;
        bool want;
    } cases[] = {
        {SLICE("\x06\0TS\xf0\x9f\x92\xac"), true},
        {SLICE("\xff\xffTS\xf0\x9f\x92\xac and more"), true},
        {SLICE("TS\xf0\x9f\x92\xac"), false}, // the length comes first
        {SLICE("\x06\0TS\xf0\x9f\x92"), false},
        {SLICE("\x06\0TS\xf0\x9f\x92\xad"), false},
        {SLICE("\x06"), false},
        {SLICE(""), false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char wire[128] = {0};
        struct iroh_frame f;
        size_t n = header(IROH_A_SEND_PACKET, IROH_KEY_LEN + cases[i].packet.len, wire) + IROH_KEY_LEN;
        memcpy(wire + n, cases[i].packet.ptr, cases[i].packet.len);
        iroh_a_parse(slice_make(wire, n + cases[i].packet.len), &f);
        if (f.kind != IROH_PACKET || f.is_discovery != cases[i].want)
            fail_msg("packet %zu: got %s, discovery %d, want %d", i, KIND_NAMES[f.kind], f.is_discovery, cases[i].want);
    }
}

static void expect_written(const uint8_t *frame, size_t len, const char *want) {
    char got[2 * IROH_SMALL_MAX + 1];
    hex_encode(frame, len, got);
    assert_string_equal(got, want);
}

static void test_writing(void **state) {
    uint8_t ret[IROH_SMALL_MAX], key[IROH_KEY_LEN], ping[IROH_PING_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
    memset(key, 0x42, sizeof(key));
    expect_written(ret, iroh_write_ping(IROH_A, ping, ret), "0c000000080102030405060708");
    expect_written(ret, iroh_write_pong(IROH_A, ping, ret), "0d000000080102030405060708");
    expect_written(ret, iroh_a_write_health("ok?", ret), "0e000000036f6b3f");
    expect_written(ret, iroh_write_packet_head(IROH_A, IROH_A_RECV_PACKET, key, 65536, ret),
                   "05000100204242424242424242424242424242424242424242424242424242424242424242");
    expect_written(ret, iroh_write_packet_head(IROH_A, IROH_A_RECV_PACKET, key, 0, ret),
                   "05000000204242424242424242424242424242424242424242424242424242424242424242");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_and_lengths),
        cmocka_unit_test(test_content),
        cmocka_unit_test(test_discovery),
        cmocka_unit_test(test_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
