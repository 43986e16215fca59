// SPDX-License-Identifier: MIT
// Reading STUN messages and ChannelData: the samples of RFC 5769, every form of damage, what is unknown or malformed.
#include "turn/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "base/mem.h"
#include "turn/mac.h"
#include "turn/test_vectors.h"

#define HEAD(type, length) type length "2112a442000102030405060708090a0b"
#define INTEGRITY "000800140000000000000000000000000000000000000000"

// The octets in memory of exactly their size, so that a read beyond them is found. Freed by the caller.
static struct slice octets_of(const char *hex) {
    size_t len = strlen(hex) / 2;
    char *mem = mem_alloc(len);
    if (!hex_decode(slice_from_cstr(hex), mem, len))
        fail_msg("not hexadecimal: %s", hex);
    return slice_make(mem, len);
}

// A message of attributes in hexadecimal.
static struct slice message_of(const char *type, const char *attributes) {
    char hex[800];
    (void)snprintf(hex, sizeof(hex), HEAD("%s", "%04zx") "%s", type, strlen(attributes) / 2, attributes);
    return octets_of(hex);
}

static void octets_free(struct slice octets) {
    free((char *)octets.ptr);
}

static struct turn_message parse(struct slice octets) {
    struct turn_message m;
    assert_true(turn_message_parse(octets, &m));
    return m;
}

static void assert_address(const struct turn_peer *got, const char *want_ip, uint16_t want_port) {
    char ip[NET_ADDRESS_TEXT_MAX];
    net_address_write(&got->address, ip);
    assert_string_equal(ip, want_ip);
    assert_int_equal(got->address.port, want_port);
    assert_int_equal(got->ipv6, strchr(want_ip, ':') != NULL);
}

static void short_term_samples(void **state) {
    static const struct {
        const char *hex;
        enum turn_class class;
        const char *mapped;
    } cases[] = {
        {RFC5769_REQUEST, TURN_REQUEST, NULL},
        {RFC5769_IPV4_RESPONSE, TURN_SUCCESS, "192.0.2.1"},
        {RFC5769_IPV6_RESPONSE, TURN_SUCCESS, "2001:db8:1234:5678:11:2233:4455:6677"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice octets = octets_of(cases[i].hex);
        struct turn_message m = parse(octets);
        assert_int_equal(m.class, cases[i].class);
        assert_int_equal(m.method, TURN_BINDING);
        assert_false(m.malformed);
        assert_true(m.has & TURN_HAS_INTEGRITY && m.has & TURN_HAS_FINGERPRINT);
        assert_true(turn_message_verify_short_term(&m, SLICE(RFC5769_SHORT_TERM_PASSWORD)));
        assert_false(turn_message_verify_short_term(&m, SLICE("VOkJxbRl1RmTxUk/WvJxBT")));
        assert_false(turn_message_verify_short_term(&m, SLICE_EMPTY));
        if (cases[i].mapped != NULL)
            assert_address(&m.mapped, cases[i].mapped, 32853);
        else
            assert_true(slice_eq(m.username, SLICE("evtj:h6vY")));
        octets_free(octets);
    }
}

static void the_long_term_sample(void **state) {
    struct slice octets = octets_of(RFC5769_LONG_TERM_REQUEST);
    struct turn_message m = parse(octets);
    assert_true(slice_eq(m.username, SLICE(RFC5769_LONG_TERM_USER)));
    assert_true(slice_eq(m.realm, SLICE("example.org")));
    assert_true(slice_eq(m.nonce, SLICE(RFC5769_LONG_TERM_NONCE)));
    assert_false(m.has & TURN_HAS_FINGERPRINT);
    uint8_t key[TURN_KEY_LEN];
    struct slice text = SLICE(RFC5769_LONG_TERM_USER ":example.org:" RFC5769_LONG_TERM_PASSWORD);
    turn_md5(&text, 1, key);
    assert_true(turn_message_verify(&m, key));
    key[15] ^= 1;
    assert_false(turn_message_verify(&m, key));
    octets_free(octets);
}

// Each changed bit makes the fingerprint wrong, or the message another one that the key did not sign. Only the type of
// FINGERPRINT itself can be changed: it is then something that is ignored after MESSAGE-INTEGRITY.
static void every_changed_bit_is_noticed(void **state) {
    struct slice good = octets_of(RFC5769_REQUEST);
    for (size_t bit = 0; bit < good.len * 8; bit++) {
        if (bit / 8 == good.len - 8 || bit / 8 == good.len - 7)
            continue;
        struct slice octets = octets_of(RFC5769_REQUEST);
        ((char *)octets.ptr)[bit / 8] ^= (char)(1 << bit % 8);
        struct turn_message m;
        if (turn_message_parse(octets, &m) && turn_message_verify_short_term(&m, SLICE(RFC5769_SHORT_TERM_PASSWORD)))
            fail_msg("bit %zu is not covered", bit);
        octets_free(octets);
    }
    octets_free(good);
}

static void truncated_messages(void **state) {
    static const char *const samples[] = {RFC5769_REQUEST, RFC5769_IPV6_RESPONSE, RFC5769_LONG_TERM_REQUEST};
    for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
        for (size_t len = 0; len < strlen(samples[i]) / 2; len++) {
            char *hex = mem_strndup(samples[i], len * 2);
            struct slice octets = octets_of(hex);
            struct turn_message m;
            if (turn_message_parse(octets, &m))
                fail_msg("sample %zu: parsed with %zu octets", i, len);
            octets_free(octets);
            free(hex);
        }
    }
}

static void what_is_no_message(void **state) {
    static const struct {
        const char *what, *hex;
    } cases[] = {
        {"no cookie", "000100002112a443000102030405060708090a0b"},
        {"the two highest bits", HEAD("4001", "0000")},
        {"the two highest bits", HEAD("8001", "0000")},
        {"longer than it says", HEAD("0001", "0000") "80220000"},
        {"shorter than it says", HEAD("0001", "0008") "80220000"},
        {"not a multiple of 4", HEAD("0001", "0002") "8022"},
        {"half an attribute's head", HEAD("0001", "0006") "802200008022"},
        {"an attribute beyond the end", HEAD("0001", "0008") "8022000500000000"},
        {"padding beyond the end", HEAD("0001", "0004") "80220001"},
        {"the longest attribute", HEAD("0001", "0004") "8022ffff"},
        {"wrong fingerprint", HEAD("0001", "0008") "8028000400000000"},
        {"short fingerprint", HEAD("0001", "0004") "80280000"},
        {"fingerprint not last", HEAD("0001", "000c") "802800040000000080220000"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice octets = octets_of(cases[i].hex);
        struct turn_message m;
        if (turn_message_parse(octets, &m))
            fail_msg("parsed: %s", cases[i].what);
        octets_free(octets);
    }
}

static void classes_and_methods(void **state) {
    static const struct {
        const char *type;
        enum turn_class class;
        uint16_t method;
    } cases[] = {
        {"0001", TURN_REQUEST, TURN_BINDING},
        {"0101", TURN_SUCCESS, TURN_BINDING},
        {"0111", TURN_ERROR, TURN_BINDING},
        {"0011", TURN_INDICATION, TURN_BINDING},
        {"0003", TURN_REQUEST, TURN_ALLOCATE},
        {"0104", TURN_SUCCESS, TURN_REFRESH},
        {"0016", TURN_INDICATION, TURN_SEND},
        {"0017", TURN_INDICATION, TURN_DATA},
        {"0118", TURN_ERROR, TURN_CREATE_PERMISSION},
        {"0009", TURN_REQUEST, TURN_CHANNEL_BIND},
        {"0021", TURN_REQUEST, 0x11},
        {"3fff", TURN_ERROR, 0xfff},
        {"2000", TURN_REQUEST, 0x800},
        {"0200", TURN_REQUEST, 0x80},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char hex[64];
        (void)snprintf(hex, sizeof(hex), "%s" HEAD("", "0000"), cases[i].type);
        struct slice octets = octets_of(hex);
        struct turn_message m = parse(octets);
        if (m.class != cases[i].class || m.method != cases[i].method)
            fail_msg("%s: class %x method %x", cases[i].type, (unsigned)m.class, (unsigned)m.method);
        octets_free(octets);
    }
}

static void an_allocate_request(void **state) {
    struct slice octets = message_of("0003", "0019000411000000" // REQUESTED-TRANSPORT
                                             "000d0004000004b0" // LIFETIME
                                             "0017000402000000" // REQUESTED-ADDRESS-FAMILY
                                             "0018000180000000" // EVEN-PORT
                                             "001a0000"         // DONT-FRAGMENT
                                             "002200080102030405060708" INTEGRITY "80220004ffffffff");
    struct turn_message m = parse(octets);
    assert_false(m.malformed);
    assert_int_equal(m.transport, TURN_TRANSPORT_UDP);
    assert_int_equal(m.lifetime, 1200);
    assert_int_equal(m.family, TURN_FAMILY_IPV6);
    assert_true(m.even_port_reserve);
    assert_int_equal(m.has, TURN_HAS_TRANSPORT | TURN_HAS_LIFETIME | TURN_HAS_FAMILY | TURN_HAS_EVEN_PORT |
                                TURN_HAS_DONT_FRAGMENT | TURN_HAS_RESERVATION_TOKEN | TURN_HAS_INTEGRITY);
    assert_int_equal(m.integrity_at, 20 + 8 * 4 + 4 + 12);
    assert_int_equal(m.end, m.integrity_at);
    octets_free(octets);
}

// The first attribute of a kind counts, and none after MESSAGE-INTEGRITY.
static void what_counts(void **state) {
    struct slice octets = message_of("0009", "000c000440000000"                              // CHANNEL-NUMBER
                                             "000c000440010000" INTEGRITY "000d000400000258" // too late
                                             "00400000"                                      // unknown, too late
                                             "001200080001333376b05040");
    struct turn_message m = parse(octets);
    assert_int_equal(m.channel, 0x4000);
    assert_int_equal(m.has, TURN_HAS_CHANNEL_NUMBER | TURN_HAS_INTEGRITY);
    assert_int_equal(m.unknown_count, 0);
    assert_false(m.malformed);
    size_t at = 0;
    struct turn_peer peer;
    assert_false(turn_message_next_peer(&m, &at, &peer));
    octets_free(octets);
}

static void all_peers_of_a_request(void **state) {
    struct slice octets = message_of("0008", "00120008000131134013a643"
                                             "80220000"
                                             "00120014000221122112a442000102030405060708090a0a"
                                             "0012000800012112de00a443");
    struct turn_message m = parse(octets);
    static const struct {
        const char *ip;
        uint16_t port;
    } want[] = {{"97.1.2.1", 0x1001}, {"::1", 0}, {"255.18.0.1", 0}};
    struct turn_peer peer;
    size_t at = 0, n = 0;
    while (turn_message_next_peer(&m, &at, &peer)) {
        assert_true(n < ARRAY_LEN(want));
        assert_address(&peer, want[n].ip, want[n].port);
        n++;
    }
    assert_int_equal(n, ARRAY_LEN(want));
    assert_address(&m.peer, want[0].ip, want[0].port);
    octets_free(octets);
}

// An IPv4-mapped address of family IPv6 keeps its family.
static void a_mapped_peer(void **state) {
    struct slice octets = message_of("0008", "0012001400022112"
                                             "2112a442000102030405f9f877090a0a");
    struct turn_message m = parse(octets);
    assert_true(m.peer.ipv6);
    assert_true(net_address_is_ipv4(&m.peer.address));
    assert_true(net_address_is_loopback(&m.peer.address));
    octets_free(octets);
}

static void malformed_attributes(void **state) {
    static const char *const cases[] = {
        "000c00024000", // CHANNEL-NUMBER of 2
        "000c000540000000ff000000",
        "000d0003000258", // LIFETIME
        "000d0008000000000000025800",
        "00120007000131137013a6",   // XOR-PEER-ADDRESS
        "00120008000331137013a643", // no such family
        "00120008000231137013a643", // the other family's length
        "001200140001311370136543000102030405060708090a0b",
        "00120000",
        "00170000", // REQUESTED-ADDRESS-FAMILY
        "001700080100000001000000",
        "00180000", // EVEN-PORT
        "0018000480000000",
        "0019000111000000",                             // REQUESTED-TRANSPORT
        "001a000400000000",                             // DONT-FRAGMENT
        "002200040102030400",                           // RESERVATION-TOKEN
        "00080010000000000000000000000000000000000000", // MESSAGE-INTEGRITY
        "00080020000000000000000000000000000000000000000000000000000000000000000000",
        "000900020401", // ERROR-CODE
        "0009000400000201",
        "0009000400000701",
        "0009000400000464",
        "002000040001a147",
        "0016000c0001a147e112a64300000000",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char hex[400];
        unsigned value_len;
        char number[3] = {cases[i][6], cases[i][7], '\0'};
        uint8_t octet;
        assert_true(hex_decode(slice_from_cstr(number), &octet, 1));
        value_len = (octet + 3u) & ~3u;
        char padded[200];
        (void)snprintf(padded, sizeof(padded), "%s%0100d", cases[i], 0);
        padded[8 + value_len * 2] = '\0';
        (void)snprintf(hex, sizeof(hex), HEAD("0003", "%04x") "%s" INTEGRITY, 4 + value_len + 24, padded);
        struct slice octets = octets_of(hex);
        struct turn_message m = parse(octets);
        if (!m.malformed || m.has != TURN_HAS_INTEGRITY || m.unknown_count != 0)
            fail_msg("%s: malformed %d, has %x", cases[i], m.malformed, (unsigned)m.has);
        octets_free(octets);
    }
}

// The second peer counts too, and so does its form.
static void a_malformed_second_peer(void **state) {
    struct slice octets = message_of("0008", "00120008000131137013a643"
                                             "00120008000531137013a643");
    struct turn_message m = parse(octets);
    assert_true(m.malformed);
    assert_true(m.has & TURN_HAS_PEER);
    octets_free(octets);
}

static void unknown_attributes(void **state) {
    struct slice octets = message_of("0003", "0003000400000006"         // CHANGE-REQUEST
                                             "0001000800010000c0000201" // MAPPED-ADDRESS: known, not expected
                                             "7fff0000"
                                             "8000000401000000" // comprehension-optional
                                             "c057000400000000"
                                             "00190004110000ff");
    struct turn_message m = parse(octets);
    assert_int_equal(m.unknown_count, 2);
    assert_int_equal(m.unknown[0], 0x0003);
    assert_int_equal(m.unknown[1], 0x7fff);
    assert_int_equal(m.has, TURN_HAS_TRANSPORT);
    assert_false(m.malformed);
    octets_free(octets);
}

static void many_unknown_attributes(void **state) {
    enum { COUNT = 300 };
    size_t len = TURN_HEADER_LEN + COUNT * 4;
    uint8_t *mem = mem_zalloc(1, len);
    static const uint8_t header[] = {0, 3, COUNT * 4 >> 8, COUNT * 4 & 0xff, 0x21, 0x12, 0xa4, 0x42};
    memcpy(mem, header, sizeof(header));
    for (size_t i = 0; i < COUNT; i++)
        mem[TURN_HEADER_LEN + i * 4] = 0x70;
    struct turn_message m = parse(slice_make((char *)mem, len));
    assert_int_equal(m.unknown_count, TURN_UNKNOWN_MAX);
    free(mem);
}

static void kinds_of_packets(void **state) {
    static const struct {
        const char *hex;
        enum turn_kind kind;
    } cases[] = {
        {"", TURN_KIND_OTHER},
        {"400000", TURN_KIND_OTHER},
        {"40000000", TURN_KIND_CHANNEL},
        {"7fff0000", TURN_KIND_CHANNEL},
        {"80000000", TURN_KIND_OTHER},
        {"ff000000", TURN_KIND_OTHER},
        {"00010000", TURN_KIND_OTHER},
        {HEAD("0001", "0000"), TURN_KIND_STUN},
        {HEAD("03ff", "0000"), TURN_KIND_STUN},
        {HEAD("1600", "0000"), TURN_KIND_OTHER}, // DTLS
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice octets = octets_of(cases[i].hex);
        if (turn_packet_kind(octets) != cases[i].kind)
            fail_msg("%s: got %d, want %d", cases[i].hex, turn_packet_kind(octets), cases[i].kind);
        octets_free(octets);
    }
}

static void channel_data(void **state) {
    static const struct {
        const char *hex;
        bool ok;
        uint16_t channel;
        const char *data;
    } cases[] = {
        {"40000000", true, 0x4000, ""},
        {"40000003616263", true, 0x4000, "abc"},
        {"4000000361626300", true, 0x4000, "abc"}, // padded
        {"7fff0001610000000000", true, 0x7fff, "a"},
        {"4000000461626300", true, 0x4000, "abc"}, // no text, but not our business
        {"4000000561626300", false, 0, NULL},      // longer than the datagram
        {"4000ffff61626300", false, 0, NULL},
        {"3fff000161000000", false, 0, NULL},
        {"8000000161000000", false, 0, NULL},
        {"400000", false, 0, NULL},
        {"", false, 0, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct slice octets = octets_of(cases[i].hex), data = SLICE_EMPTY;
        uint16_t channel = 0;
        bool ok = turn_channel_parse(octets, &channel, &data);
        if (ok != cases[i].ok || channel != cases[i].channel ||
            (ok && memcmp(data.ptr, cases[i].data, strlen(cases[i].data)) != 0))
            fail_msg("%s: ok %d channel %x", cases[i].hex, ok, (unsigned)channel);
        octets_free(octets);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_term_samples),
        cmocka_unit_test(the_long_term_sample),
        cmocka_unit_test(every_changed_bit_is_noticed),
        cmocka_unit_test(truncated_messages),
        cmocka_unit_test(what_is_no_message),
        cmocka_unit_test(classes_and_methods),
        cmocka_unit_test(an_allocate_request),
        cmocka_unit_test(what_counts),
        cmocka_unit_test(all_peers_of_a_request),
        cmocka_unit_test(a_mapped_peer),
        cmocka_unit_test(malformed_attributes),
        cmocka_unit_test(a_malformed_second_peer),
        cmocka_unit_test(unknown_attributes),
        cmocka_unit_test(many_unknown_attributes),
        cmocka_unit_test(kinds_of_packets),
        cmocka_unit_test(channel_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
