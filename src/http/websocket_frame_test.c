// SPDX-License-Identifier: MIT
// Frames of a client in one piece and cut anywhere, fragments with control frames between them, everything that a
// client must not send, and what we send.
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
#include "http/websocket_frame.h"

enum { WIRE_MAX = 200 * 1024, LIMIT = 65537 };

static const char *const EVENT_NAMES[] = {"more", "text", "binary", "ping", "pong", "close", "bad"};

// Appends a frame as a client writes it. `first` is the first octet, with all its bits.
static size_t add_frame(char *wire, size_t at, uint8_t first, const char *payload, size_t len) {
    uint8_t mask[4];
    random_bytes(mask, sizeof(mask));
    at += websocket_write_header(WEBSOCKET_BINARY, len, (uint8_t *)wire + at);
    size_t header = len < 126 ? 2 : len <= UINT16_MAX ? 4 : 10;
    wire[at - header] = (char)first;
    wire[at - header + 1] |= (char)0x80;
    memcpy(wire + at, mask, sizeof(mask));
    at += sizeof(mask);
    for (size_t i = 0; i < len; i++)
        wire[at + i] = (char)(payload[i] ^ (char)mask[i % 4]);
    return at + len;
}

// All events of a wire that arrives in pieces of `step` octets, as text: "binary(Hello)ping()close 1000".
static void read_all(const char *wire, size_t len, size_t step, size_t max, char *ret, size_t size) {
    struct websocket_reader r;
    websocket_reader_init(&r, max);
    size_t from = 0, to = 0, n = 0;
    enum websocket_event event = WEBSOCKET_EVENT_MORE;
    ret[0] = '\0';
    for (;;) {
        struct websocket_payload p;
        uint16_t status = 0;
        size_t consumed = SIZE_MAX;
        event = websocket_next(&r, slice_make(wire + from, to - from), &consumed, &p, &status);
        assert_true(consumed <= to - from);
        from += consumed;
        char text[256] = "";
        if (event == WEBSOCKET_EVENT_MORE) {
            if (to == len)
                break;
            to = to + step < len ? to + step : len;
            continue;
        }
        if (event == WEBSOCKET_EVENT_CLOSE || event == WEBSOCKET_EVENT_BAD) {
            snprintf(ret + n, size - n, "%s %u", EVENT_NAMES[event], status);
            break;
        }
        if (p.data.len < sizeof(text))
            websocket_copy(&p, 0, p.data.len, text);
        else
            snprintf(text, sizeof(text), "%zu", p.data.len);
        n += (size_t)snprintf(ret + n, size - n, "%s(%s)", EVENT_NAMES[event], text);
    }
    websocket_reader_done(&r);
}

static void expect(const char *what, const char *wire, size_t len, size_t max, const char *want) {
    for (size_t step = 1; step <= len; step += step < 30 ? 1 : len / 7 + 1) {
        char got[512];
        read_all(wire, len, step, max, got, sizeof(got));
        if (strcmp(got, want) != 0)
            fail_msg("%s in pieces of %zu: got \"%s\" want \"%s\"", what, step, got, want);
    }
}

// RFC 6455 section 5.7, what a client sends.
static void test_examples(void **state) {
    static const char HELLO[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    static const char PONG[] = "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    expect("a masked text", HELLO, sizeof(HELLO) - 1, LIMIT, "text(Hello)");
    expect("a masked pong", PONG, sizeof(PONG) - 1, LIMIT, "pong(Hello)");
}

struct piece {
    int first; // the first octet of a frame; 0: no more
    const char *payload;
};

static void test_dialogues(void **state) {
    static const struct {
        struct piece pieces[8];
        const char *want;
    } cases[] = {
        {{{0x82, "one"}, {0x81, "two"}, {0x82, ""}}, "binary(one)text(two)binary()"},
        {{{0x02, "Hel"}, {0x80, "lo"}}, "binary(Hello)"},
        {{{0x01, "Hel"}, {0x00, ""}, {0x00, "l"}, {0x80, "o"}}, "text(Hello)"},
        {{{0x02, "Hel"}, {0x89, "are you?"}, {0x80, "lo"}}, "ping(are you?)binary(Hello)"},
        {{{0x02, ""}, {0x8a, "x"}, {0x89, ""}, {0x80, ""}, {0x82, "z"}}, "pong(x)ping()binary()binary(z)"},
        {{{0x02, "a"}, {0x80, "b"}, {0x02, "c"}, {0x80, "d"}}, "binary(ab)binary(cd)"},
        {{{0x02, "a"}, {0x88, "\x03\xe8"}, {0x80, "b"}}, "close 1000"},
        {{{0x88, ""}}, "close 1005"},
        {{{0x88, "\x03\xe9going"}}, "close 1001"},
        {{{0x88, "\x0f\xa0\xc3\xa9"}}, "close 4000"},
        {{{0x88, "\x03"}}, "bad 1002"},         // half a status
        {{{0x88, "\x03\xed"}}, "bad 1002"},     // 1005 is never sent
        {{{0x88, "\x03\xee"}}, "bad 1002"},     // nor 1006
        {{{0x88, "\x03\xf7"}}, "bad 1002"},     // nor 1015
        {{{0x88, "\x03\xe7"}}, "bad 1002"},     // 999
        {{{0x88, "\x07\xd0"}}, "bad 1002"},     // 2000 is reserved
        {{{0x88, "\x13\x88"}}, "bad 1002"},     // 5000
        {{{0x88, "\x03\xe8\xff"}}, "bad 1007"}, // the reason is text
        {{{0x80, "x"}}, "bad 1002"},            // a continuation of nothing
        {{{0x00, "x"}}, "bad 1002"},
        {{{0x82, "x"}, {0x80, "y"}}, "binary(x)bad 1002"},
        {{{0x02, "x"}, {0x82, "y"}}, "bad 1002"}, // a message within another
        {{{0x02, "x"}, {0x02, "y"}}, "bad 1002"},
        {{{0x09, "x"}}, "bad 1002"}, // a control frame is not fragmented
        {{{0x08, ""}}, "bad 1002"},
        {{{0xc2, "x"}}, "bad 1002"}, // no extension was agreed
        {{{0xa2, "x"}}, "bad 1002"},
        {{{0x92, "x"}}, "bad 1002"},
        {{{0x83, "x"}}, "bad 1002"}, // opcodes that nobody has defined
        {{{0x87, "x"}}, "bad 1002"},
        {{{0x8b, "x"}}, "bad 1002"},
        {{{0x8f, "x"}}, "bad 1002"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char wire[256], what[32];
        size_t len = 0;
        for (const struct piece *p = cases[i].pieces; p->first != 0 || p->payload != NULL; p++)
            len = add_frame(wire, len, (uint8_t)p->first, p->payload, strlen(p->payload));
        snprintf(what, sizeof(what), "dialogue %zu", i);
        expect(what, wire, len, LIMIT, cases[i].want);
    }
}

static void test_headers_that_lie(void **state) {
    static const struct {
        const char *what;
        struct slice wire;
    } cases[] = {
        {"without a mask", SLICE("\x82\x01x")},
        {"a close without a mask", SLICE("\x88\x00")},
        {"125 octets in two", SLICE("\x82\xfe\x00\x7d")},
        {"65535 octets in eight", SLICE("\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff")},
        {"the highest bit", SLICE("\x82\xff\x80\x00\x00\x00\x00\x01\x00\x00")},
        {"a ping of 126 octets", SLICE("\x89\xfe\x00\x7e")},
        {"a close of 65536 octets", SLICE("\x88\xff")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect(cases[i].what, cases[i].wire.ptr, cases[i].wire.len, LIMIT, "bad 1002");
}

// A message that is too big is refused as soon as a header says so: nothing of it needs to be there.
static void test_limit(void **state) {
    static char payload[LIMIT + 1], wire[WIRE_MAX];
    char want[32];
    static const size_t LENGTHS[] = {0, 1, 125, 126, 127, 65535, 65536, LIMIT};
    for (size_t i = 0; i < ARRAY_LEN(LENGTHS); i++) {
        size_t len = add_frame(wire, 0, 0x82, payload, LENGTHS[i]);
        snprintf(want, sizeof(want), LENGTHS[i] < 256 ? "binary()" : "binary(%zu)", LENGTHS[i]);
        expect("a message within the limit", wire, len, LIMIT, want);
    }
    add_frame(wire, 0, 0x82, payload, LIMIT + 1);
    expect("a message over the limit", wire, 10, LIMIT, "bad 1009");
    size_t half = add_frame(wire, 0, 0x02, payload, LIMIT - 10);
    size_t whole = add_frame(wire, half, 0x80, payload, 10);
    expect("fragments within the limit", wire, whole, LIMIT, "binary(65537)");
    add_frame(wire, half, 0x80, payload, 11);
    expect("fragments over the limit", wire, half + 2, LIMIT, "bad 1009");
    expect("an absurd length", "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 10, LIMIT, "bad 1009");
    size_t nothing = add_frame(wire, 0, 0x02, payload, 0);
    size_t one = add_frame(wire, nothing, 0x80, payload, 1);
    expect("a limit of nothing", wire, one, 0, "bad 1009");
}

// What stands in one frame is shown where it is, and only fragments take memory, until the next look.
static void test_memory(void **state) {
    char wire[64];
    struct websocket_reader r;
    struct websocket_payload p;
    uint16_t status;
    size_t consumed, len = add_frame(wire, 0, 0x82, "Hello", 5);
    websocket_reader_init(&r, LIMIT);
    assert_int_equal(websocket_next(&r, slice_make(wire, len), &consumed, &p, &status), WEBSOCKET_EVENT_BINARY);
    assert_int_equal(consumed, len);
    assert_ptr_equal(p.data.ptr, wire + len - 5);
    assert_null(r.parts.mem);
    len = add_frame(wire, 0, 0x02, "Hel", 3);
    assert_int_equal(websocket_next(&r, slice_make(wire, len), &consumed, &p, &status), WEBSOCKET_EVENT_MORE);
    assert_int_equal(consumed, len);
    len = add_frame(wire, 0, 0x80, "lo", 2);
    assert_int_equal(websocket_next(&r, slice_make(wire, len), &consumed, &p, &status), WEBSOCKET_EVENT_BINARY);
    assert_memory_equal(p.data.ptr, "Hello", 5);
    assert_int_equal(websocket_next(&r, SLICE_EMPTY, &consumed, &p, &status), WEBSOCKET_EVENT_MORE);
    assert_null(r.parts.mem);
    assert_int_equal(consumed, 0);
    websocket_reader_done(&r);
}

// Any part of a masked payload, to any alignment, also to where it stands.
static void test_copy(void **state) {
    char clear[64], masked[64], got[64 + 1];
    random_bytes(clear, sizeof(clear));
    struct websocket_payload p = {.data = slice_make(masked, sizeof(masked)), .mask = {1, 0x80, 0x55, 0xff}};
    for (size_t i = 0; i < sizeof(clear); i++)
        masked[i] = (char)(clear[i] ^ (char)p.mask[i % 4]);
    for (size_t from = 0; from <= sizeof(clear); from++) {
        for (size_t to = from; to <= sizeof(clear); to++) {
            struct websocket_payload sub = websocket_sub(&p, from, to);
            websocket_copy(&p, from, to - from, got + 1);
            assert_memory_equal(got + 1, clear + from, to - from);
            assert_int_equal(sub.data.len, to - from);
            websocket_copy(&sub, 0, to - from, got);
            assert_memory_equal(got, clear + from, to - from);
        }
    }
    websocket_copy(&p, 3, 50, masked + 3);
    assert_memory_equal(masked + 3, clear + 3, 50);
    struct websocket_payload beyond = websocket_sub(&p, 70, 90), plain = websocket_plain(SLICE("plain"));
    assert_int_equal(beyond.data.len, 0);
    websocket_copy(&plain, 1, 3, got);
    assert_memory_equal(got, "lai", 3);
}

// RFC 6455 section 5.7, what a server sends.
static void test_writing(void **state) {
    static const struct {
        enum websocket_opcode opcode;
        size_t len;
        const char *want;
    } cases[] = {
        {WEBSOCKET_TEXT, 5, "8105"},
        {WEBSOCKET_BINARY, 0, "8200"},
        {WEBSOCKET_BINARY, 125, "827d"},
        {WEBSOCKET_BINARY, 126, "827e007e"},
        {WEBSOCKET_BINARY, 256, "827e0100"},
        {WEBSOCKET_BINARY, 65535, "827effff"},
        {WEBSOCKET_BINARY, 65536, "827f0000000000010000"},
    };
    uint8_t header[WEBSOCKET_HEADER_MAX], pong[WEBSOCKET_PONG_MAX], close[WEBSOCKET_CLOSE_LEN];
    char got[2 * WEBSOCKET_PONG_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        hex_encode(header, websocket_write_header(cases[i].opcode, cases[i].len, header), got);
        assert_string_equal(got, cases[i].want);
    }
    hex_encode(close, websocket_write_close(WEBSOCKET_TOO_BIG, close), got);
    assert_string_equal(got, "880203f1");
    hex_encode(close, websocket_write_close(WEBSOCKET_NO_STATUS, close), got);
    assert_string_equal(got, "8800");
    char ping[WEBSOCKET_CONTROL_MAX] = {0};
    struct websocket_payload p = {.data = SLICE("\x7f\x9f\x4d\x51\x58"), .mask = {0x37, 0xfa, 0x21, 0x3d}};
    assert_int_equal(websocket_write_pong(&p, pong), 7);
    assert_memory_equal(pong, "\x8a\x05Hello", 7);
    p = websocket_plain(slice_make(ping, sizeof(ping)));
    assert_int_equal(websocket_write_pong(&p, pong), WEBSOCKET_PONG_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples), cmocka_unit_test(test_dialogues), cmocka_unit_test(test_headers_that_lie),
        cmocka_unit_test(test_limit),    cmocka_unit_test(test_memory),    cmocka_unit_test(test_copy),
        cmocka_unit_test(test_writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
