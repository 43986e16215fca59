// SPDX-License-Identifier: MIT
// Writing STUN messages: a sample of RFC 5769 octet by octet, round trips, memory that is too small, and wrapping of
// data.
#include "turn/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "base/mem.h"
#include "turn/mac.h"
#include "turn/test_vectors.h"

static const uint8_t id[TURN_ID_LEN] = "0123456789a";
static const uint8_t key[TURN_KEY_LEN] = "a key of sixteen";

static struct net_address address_of(const char *ip, uint16_t port) {
    struct net_address a = {.port = port};
    assert_true(net_address_parse(slice_from_cstr(ip), &a));
    return a;
}

static void assert_slice(struct slice got, const char *want) {
    if (!slice_eq(got, slice_from_cstr(want)))
        fail_msg("got %.*s, want %s", SLICE_FMT(got), want);
}

static void the_long_term_sample(void **state) {
    uint8_t sample_id[TURN_ID_LEN], sample_key[TURN_KEY_LEN], mem[200];
    char got[2 * sizeof(mem) + 1];
    assert_true(hex_decode(SLICE(RFC5769_LONG_TERM_ID), sample_id, sizeof(sample_id)));
    struct slice text = SLICE(RFC5769_LONG_TERM_USER ":example.org:" RFC5769_LONG_TERM_PASSWORD);
    turn_md5(&text, 1, sample_key);
    struct turn_writer w;
    turn_writer_begin(&w, mem, sizeof(mem), TURN_REQUEST, TURN_BINDING, sample_id);
    turn_put_octets(&w, TURN_USERNAME, SLICE(RFC5769_LONG_TERM_USER));
    turn_put_octets(&w, TURN_NONCE, SLICE(RFC5769_LONG_TERM_NONCE));
    turn_put_octets(&w, TURN_REALM, SLICE("example.org"));
    turn_put_integrity(&w, sample_key);
    struct slice message = turn_writer_end(&w);
    hex_encode(message.ptr, message.len, got);
    assert_string_equal(got, RFC5769_LONG_TERM_REQUEST);
}

// Everything that can be written, into `size` octets.
static struct slice write_all(uint8_t *mem, size_t size) {
    struct net_address peer4 = address_of("192.0.2.1", 32853), peer6 = address_of("2001:db8::7", 1);
    static const uint16_t unknown[] = {3, 0x7fff, 0x24};
    struct turn_writer w;
    turn_writer_begin(&w, mem, size, TURN_ERROR, TURN_CHANNEL_BIND, id);
    turn_put_error(&w, 420, SLICE("Unknown"));
    turn_put_unknown(&w, unknown, ARRAY_LEN(unknown));
    turn_put_octets(&w, TURN_USERNAME, SLICE("u"));
    turn_put_octets(&w, TURN_REALM, SLICE("realm"));
    turn_put_octets(&w, TURN_NONCE, SLICE_EMPTY);
    turn_put_u32(&w, TURN_LIFETIME, 0xfffefdfc);
    turn_put_channel(&w, 0x4abc);
    turn_put_address(&w, TURN_XOR_PEER_ADDRESS, &peer4);
    turn_put_address(&w, TURN_XOR_PEER_ADDRESS, &peer6);
    turn_put_address(&w, TURN_XOR_RELAYED_ADDRESS, &peer6);
    turn_put_integrity(&w, key);
    turn_put_fingerprint(&w);
    return turn_writer_end(&w);
}

static void what_is_written_is_read(void **state) {
    uint8_t mem[400];
    struct slice octets = write_all(mem, sizeof(mem));
    struct turn_message m;
    assert_true(turn_message_parse(octets, &m));
    assert_int_equal(m.class, TURN_ERROR);
    assert_int_equal(m.method, TURN_CHANNEL_BIND);
    assert_memory_equal(m.id, id, sizeof(id));
    assert_int_equal(m.error_code, 420);
    assert_slice(m.username, "u");
    assert_slice(m.realm, "realm");
    assert_true(m.has & TURN_HAS_NONCE && m.nonce.len == 0);
    assert_int_equal(m.lifetime, 0xfffefdfc);
    assert_int_equal(m.channel, 0x4abc);
    assert_false(m.malformed);
    struct net_address want[] = {address_of("192.0.2.1", 32853), address_of("2001:db8::7", 1)};
    struct turn_peer peer;
    size_t at = 0;
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(turn_message_next_peer(&m, &at, &peer));
        assert_memory_equal(peer.address.ip, want[i].ip, sizeof(want[i].ip));
        assert_int_equal(peer.address.port, want[i].port);
        assert_int_equal(peer.ipv6, i == 1);
    }
    assert_false(turn_message_next_peer(&m, &at, &peer));
    assert_true(m.relayed.ipv6);
    assert_true(turn_message_verify(&m, key));
    assert_true(m.has & TURN_HAS_FINGERPRINT);
}

static void no_room(void **state) {
    uint8_t mem[400];
    size_t need = write_all(mem, sizeof(mem)).len;
    for (size_t size = 0; size < need; size++) {
        uint8_t *small = mem_alloc(size);
        if (write_all(small, size).len != 0)
            fail_msg("%zu octets of %zu did", size, need);
        free(small);
    }
    uint8_t *exact = mem_alloc(need);
    assert_int_equal(write_all(exact, need).len, need);
    free(exact);
}

static void the_longest_message(void **state) {
    enum { LONGEST = 20 + 0xfffc, VALUE = 0xfffc - 4 };
    uint8_t *mem = mem_zalloc(1, 2 * LONGEST);
    char *value = mem_zalloc(1, VALUE + 1);
    for (size_t more = 0; more < 2; more++) {
        struct turn_writer w;
        turn_writer_begin(&w, mem, 2 * LONGEST, TURN_INDICATION, TURN_DATA, id);
        turn_put_octets(&w, TURN_DATA_ATTRIBUTE, slice_make(value, VALUE + more));
        assert_int_equal(turn_writer_end(&w).len, more ? 0 : LONGEST);
    }
    free(value);
    free(mem);
}

static void an_answer(void **state) {
    uint8_t question[64], answer[64];
    struct turn_writer w;
    turn_writer_begin(&w, question, sizeof(question), TURN_REQUEST, TURN_REFRESH, id);
    struct turn_message request, m;
    assert_true(turn_message_parse(turn_writer_end(&w), &request));
    turn_writer_answer(&w, answer, sizeof(answer), TURN_SUCCESS, &request);
    assert_true(turn_message_parse(turn_writer_end(&w), &m));
    assert_int_equal(m.class, TURN_SUCCESS);
    assert_int_equal(m.method, TURN_REFRESH);
    assert_memory_equal(m.id, id, sizeof(id));
}

static void wrapped_data(void **state) {
    static const char *const peers[] = {"198.51.100.255", "2001:db8::ff00"};
    for (size_t i = 0; i < ARRAY_LEN(peers); i++) {
        for (size_t len = 0; len < 9; len++) {
            struct net_address peer = address_of(peers[i], 65535);
            // Neither before the headroom nor behind the tailroom is anything written.
            uint8_t *mem = mem_alloc(TURN_HEADROOM + len + TURN_TAILROOM);
            memset(mem, 0xaa, TURN_HEADROOM + len + TURN_TAILROOM);
            memcpy(mem + TURN_HEADROOM, "payload!", len);
            struct slice octets = turn_wrap_data(mem + TURN_HEADROOM, len, &peer, id);
            struct turn_message m;
            assert_true(turn_message_parse(octets, &m));
            assert_int_equal(m.class, TURN_INDICATION);
            assert_int_equal(m.method, TURN_DATA);
            assert_int_equal(m.has, TURN_HAS_PEER | TURN_HAS_DATA);
            assert_int_equal(m.data.len, len);
            assert_memory_equal(m.data.ptr, "payload!", len);
            assert_memory_equal(m.peer.address.ip, peer.ip, sizeof(peer.ip));
            assert_int_equal(m.peer.address.port, 65535);
            struct slice channel = turn_wrap_channel(mem + TURN_HEADROOM, len, 0x4321);
            struct slice data;
            uint16_t number;
            assert_int_equal(channel.len, 4 + len);
            assert_true(turn_channel_parse(channel, &number, &data));
            assert_int_equal(number, 0x4321);
            assert_int_equal(data.len, len);
            assert_memory_equal(data.ptr, "payload!", len);
            free(mem);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_long_term_sample),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(no_room),
        cmocka_unit_test(the_longest_message),
        cmocka_unit_test(an_answer),
        cmocka_unit_test(wrapped_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
