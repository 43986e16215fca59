// SPDX-License-Identifier: MIT
// Messages of a client of dialect B: what each type and length means, masked or not; and what we send.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "base/mem.h"
#include "base/random.h"
#include "iroh/dialect_b.h"

static const char *const KIND_NAMES[] = {"bad", "more", "packet", "ping", "pong", "ignored"};

// A message as it comes: masked, in `room`.
static struct websocket_payload mask(const char *message, size_t len, char *room) {
    struct websocket_payload p = {.data = slice_make(room, len)};
    random_bytes(p.mask, sizeof(p.mask));
    for (size_t i = 0; i < len; i++)
        room[i] = (char)(message[i] ^ (char)p.mask[i % 4]);
    return p;
}

static void test_types_and_lengths(void **state) {
    static const struct {
        uint32_t min, max; // of the payload
        enum iroh_kind kind;
        uint32_t empty; // this length says nothing
    } rules[256] = {
        [4] = {33, 65536, IROH_PACKET, 33},
        [5] = {35, 65536, IROH_PACKET, 35},
        [9] = {8, 8, IROH_PING, 0},
        [10] = {8, 8, IROH_PONG, 0},
    };
    static const uint32_t LENGTHS[] = {0, 1, 7, 8, 9, 16, 31, 32, 33, 34, 35, 36, 97, 1000, 65535, 65536, 65537};
    char *message = mem_zalloc(1, IROH_B_MESSAGE_MAX + 1), *room = mem_alloc(IROH_B_MESSAGE_MAX + 1);
    for (size_t type = 0; type < 256; type++) {
        message[0] = (char)type;
        for (size_t i = 0; i < ARRAY_LEN(LENGTHS); i++) {
            uint32_t len = LENGTHS[i];
            bool is_right = rules[type].kind != IROH_BAD && len >= rules[type].min && len <= rules[type].max;
            bool is_empty = is_right && rules[type].empty == len;
            enum iroh_kind want = is_empty ? IROH_IGNORED : is_right ? rules[type].kind : IROH_BAD;
            struct iroh_frame f;
            struct websocket_payload p = mask(message, 1 + len, room);
            iroh_b_parse(&p, &f);
            if (f.kind != want)
                fail_msg("type %zu with %u: got \"%s\" want \"%s\"", type, len, KIND_NAMES[f.kind], KIND_NAMES[want]);
        }
    }
    struct websocket_payload nothing = websocket_plain(SLICE_EMPTY);
    struct iroh_frame f;
    iroh_b_parse(&nothing, &f);
    assert_int_equal(f.kind, IROH_BAD);
    free(message);
    free(room);
}

static const char KEY[] = "197f6b23e16c8532c6abc838facd5ea789be0c76b2920334039bfa8b3d368d61";

// What goes in as type 4 or 5 comes out as 6 or 7, with the sender's key instead of the receiver's.
static void test_forwarding(void **state) {
    static const struct {
        const char *rest; // behind the key
        uint8_t in;
        const char *want; // before the key, which is followed by the rest
    } cases[] = {
        {"0348656c6c6f20576f726c6421", IROH_B_SEND_DATAGRAM, "822e06"},
        {"03000648656c6c6f20576f726c6421", IROH_B_SEND_BATCH, "823007"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t key[IROH_KEY_LEN], out[IROH_PACKET_HEAD_MAX + 64];
        char message[128], room[128], want[256], got[256];
        size_t rest = strlen(cases[i].rest) / 2;
        message[0] = (char)cases[i].in;
        memset(message + 1, 0x77, IROH_KEY_LEN);
        assert_true(hex_decode(slice_from_cstr(cases[i].rest), message + 1 + IROH_KEY_LEN, rest));
        assert_true(hex_decode(slice_from_cstr(KEY), key, sizeof(key)));
        struct iroh_frame f;
        struct websocket_payload p = mask(message, 1 + IROH_KEY_LEN + rest, room);
        iroh_b_parse(&p, &f);
        assert_int_equal(f.kind, IROH_PACKET);
        assert_memory_equal(f.key, message + 1, IROH_KEY_LEN);
        assert_ptr_equal(f.body.data.ptr, room + 1 + IROH_KEY_LEN); // where it stands
        size_t n = iroh_write_packet_head(IROH_B_V2, f.packet_type, key, f.body.data.len, out);
        websocket_copy(&f.body, 0, f.body.data.len, out + n);
        hex_encode(out, n + f.body.data.len, got);
        snprintf(want, sizeof(want), "%s%s%s", cases[i].want, KEY, cases[i].rest);
        assert_string_equal(got, want);
    }
}

static void test_pings(void **state) {
    char room[16] = {0};
    struct iroh_frame f;
    struct websocket_payload p = mask("\x09"
                                      "12345678",
                                      9, room);
    iroh_b_parse(&p, &f);
    assert_int_equal(f.kind, IROH_PING);
    assert_memory_equal(f.ping, "12345678", 8);
    p = mask("\x0a"
             "87654321",
             9, room);
    iroh_b_parse(&p, &f);
    assert_int_equal(f.kind, IROH_PONG);
    assert_memory_equal(f.ping, "87654321", 8);
}

static void expect_written(const uint8_t *frame, size_t len, const char *want) {
    char got[2 * IROH_SMALL_MAX + 1];
    hex_encode(frame, len, got);
    assert_string_equal(got, want);
}

static void test_writing(void **state) {
    uint8_t ret[IROH_SMALL_MAX], key[IROH_KEY_LEN], ping[IROH_PING_LEN] = {1, 2, 3, 4, 5, 6, 7, 8};
    memset(key, 0x42, sizeof(key));
    expect_written(ret, iroh_write_ping(IROH_B_V1, ping, ret), "8209090102030405060708");
    expect_written(ret, iroh_write_pong(IROH_B_V2, ping, ret), "82090a0102030405060708");
    expect_written(ret, iroh_write_status(IROH_B_V2, false, ret), "82020d01");
    expect_written(ret, iroh_write_status(IROH_B_V2, true, ret), "82020d00");
    expect_written(ret, iroh_write_packet_head(IROH_B_V1, IROH_B_RECV_BATCH, key, 65504, ret),
                   "827f0000000000010001074242424242424242424242424242424242424242424242424242424242424242");
    // Version 1 is told in words.
    static const char WORDS[] =
        "\x82\x59\x0b"
        "Another endpoint connected with the same endpoint id. No more messages will be received.";
    assert_int_equal(iroh_write_status(IROH_B_V1, false, ret), sizeof(WORDS) - 1);
    assert_memory_equal(ret, WORDS, sizeof(WORDS) - 1);
    size_t n = iroh_write_status(IROH_B_V1, true, ret);
    assert_int_equal(ret[1], n - 2);
    assert_int_equal(ret[2], IROH_B_HEALTH);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types_and_lengths),
        cmocka_unit_test(test_forwarding),
        cmocka_unit_test(test_pings),
        cmocka_unit_test(test_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
