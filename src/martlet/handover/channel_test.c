// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "martlet/handover/bundle.h"
#include "martlet/handover/channel.h"

static void test_parse_table(void **state) {
    static const struct {
        struct slice octets;
        enum channel_status want;
        size_t want_used;
    } rows[] = {
        {SLICE(""), CHANNEL_MORE, 0},
        {SLICE("\0\0\0\0"), CHANNEL_MORE, 0},
        {SLICE("\0\0\0\0\3"), CHANNEL_MESSAGE, 5},
        {SLICE("\0\0\0\2\5no"), CHANNEL_MESSAGE, 7},
        {SLICE("\0\0\0\2\5no\0\0"), CHANNEL_MESSAGE, 7},
        {SLICE("\0\0\0\3\5no"), CHANNEL_MORE, 0},
        {SLICE("\0\0\0\0\0"), CHANNEL_BAD, 0},
        {SLICE("\0\0\0\4\6\0\0\0\1"), CHANNEL_MESSAGE, 9},
        {SLICE("\0\0\0\0\7"), CHANNEL_BAD, 0},
        {SLICE("\0\x40\0\1\1"), CHANNEL_BAD, 0},
        {SLICE("\xff\xff\xff\xff\1"), CHANNEL_BAD, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct channel_message m;
        size_t used = 0;
        enum channel_status got = channel_parse(rows[i].octets, &m, &used);
        if (got != rows[i].want || used != rows[i].want_used)
            fail_msg("row %zu: got %d, %zu octets; want %d, %zu octets", i, (int)got, used, (int)rows[i].want,
                     rows[i].want_used);
    }
}

static void open_pair(struct channel *ret_a, struct channel *ret_b) {
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    channel_init(ret_a, fds[0]);
    channel_init(ret_b, fds[1]);
}

static void test_messages_in_order(void **state) {
    struct channel a, b;
    open_pair(&a, &b);
    assert_true(channel_send(&a, CHANNEL_READY, SLICE_EMPTY));
    assert_true(channel_send(&a, CHANNEL_FAILED, SLICE("no such thing")));
    struct channel_message m;
    assert_int_equal(channel_receive(&b, &m), CHANNEL_MESSAGE);
    assert_int_equal(m.type, CHANNEL_READY);
    assert_int_equal(m.payload.len, 0);
    assert_int_equal(channel_receive(&b, &m), CHANNEL_MESSAGE);
    assert_int_equal(m.type, CHANNEL_FAILED);
    assert_true(slice_eq(m.payload, SLICE("no such thing")));
    channel_done(&a);
    assert_int_equal(channel_receive(&b, &m), CHANNEL_END);
    assert_false(channel_send(&b, CHANNEL_READY, SLICE_EMPTY));
    channel_done(&b);
    channel_done(&b);
}

// A relay that somebody has taken over says what it likes.
static void test_sentence(void **state) {
    static const struct {
        struct slice payload;
        const char *want;
    } rows[] = {
        {SLICE(""), ""},
        {SLICE("the store is on a read-only disk: /srv/m\xc3\xbcll"),
         "the store is on a read-only disk: /srv/m\xc3\xbcll"},
        {SLICE("gone\033[2J\033]0;title\a"), "gone [2J ]0;title "},
        {SLICE("one\nerror parent.relay_died signal=9\r\ttwo"), "one error parent.relay_died signal=9  two"},
        {SLICE("a\0b"), "a b"},
        {SLICE("\x7f \xc2\x9b\x32J \xff cut\xc3"), "? ??2J ? cut?"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char got[CHANNEL_SENTENCE_MAX];
        channel_sentence(rows[i].payload, got);
        if (strcmp(got, rows[i].want) != 0)
            fail_msg("row %zu: got \"%s\", want \"%s\"", i, got, rows[i].want);
    }
    static char large[CHANNEL_PAYLOAD_MAX];
    memset(large, 'x', sizeof(large));
    char got[CHANNEL_SENTENCE_MAX];
    channel_sentence(slice_make(large, sizeof(large)), got);
    assert_int_equal(strlen(got), CHANNEL_SENTENCE_MAX - 1);
}

static void test_message_in_pieces(void **state) {
    struct channel a, b;
    open_pair(&a, &b);
    struct slice frame = SLICE("\0\0\0\2\5no");
    struct channel_message m;
    for (size_t i = 0; i < frame.len; i++) {
        assert_int_equal(write(a.fd, frame.ptr + i, 1), 1);
        assert_int_equal(channel_receive(&b, &m), i + 1 < frame.len ? CHANNEL_MORE : CHANNEL_MESSAGE);
    }
    assert_true(slice_eq(m.payload, SLICE("no")));
    channel_done(&a);
    channel_done(&b);
}

static void test_large_message(void **state) {
    struct channel a, b;
    open_pair(&a, &b);
    size_t len = 100000;
    char *big = mem_alloc(len);
    memset(big, 'x', len);
    assert_true(channel_send(&a, CHANNEL_RELOAD, slice_make(big, len)));
    struct channel_message m;
    enum channel_status status;
    while ((status = channel_receive(&b, &m)) == CHANNEL_MORE)
        ;
    assert_int_equal(status, CHANNEL_MESSAGE);
    assert_true(slice_eq(m.payload, slice_make(big, len)));
    free(big);
    channel_done(&a);
    channel_done(&b);
}

static void test_garbage_is_bad(void **state) {
    struct channel a, b;
    open_pair(&a, &b);
    assert_int_equal(write(a.fd, "GET / HTTP/1.0\r\n", 16), 16);
    struct channel_message m;
    assert_int_equal(channel_receive(&b, &m), CHANNEL_BAD);
    channel_done(&a);
    channel_done(&b);
}

static void test_bundle_round_trip(void **state) {
    struct bundle *b = bundle_new();
    bundle_set(&b->config_name, SLICE("martlet.ini"));
    bundle_set(&b->config_text, SLICE("[params]\nmail_domain = _t.test\n"));
    bundle_set(&b->cert_pem, SLICE("CERT"));
    bundle_set(&b->key_pem, SLICE("KEY"));
    bundle_set(&b->app_versions, SLICE("{\"clients\":[]}"));
    b->is_dev = true;
    b->has_public_certificate = true;
    assert_true(bundle_add_override(b, SLICE("a=1")));
    assert_true(bundle_add_override(b, SLICE("b=2")));
    assert_true(bundle_add_listener(b, 7, SLICE("imaps")));
    assert_true(bundle_add_listener(b, 70000, SLICE("smtps")));
    struct buf out;
    buf_init(&out, BUNDLE_ENCODED_MAX);
    assert_true(bundle_write(b, &out));
    struct bundle *got = bundle_parse(buf_slice(&out));
    assert_non_null(got);
    assert_string_equal(got->config_name, "martlet.ini");
    assert_string_equal(got->config_text, "[params]\nmail_domain = _t.test\n");
    assert_string_equal(got->cert_pem, "CERT");
    assert_string_equal(got->key_pem, "KEY");
    assert_string_equal(got->app_versions, "{\"clients\":[]}");
    assert_true(got->is_dev);
    assert_true(got->has_public_certificate);
    assert_int_equal(got->n_overrides, 2);
    assert_string_equal(got->overrides[0], "a=1");
    assert_string_equal(got->overrides[1], "b=2");
    assert_null(got->overrides[2]);
    assert_int_equal(got->n_listeners, 2);
    assert_int_equal(got->listeners[0].fd, 7);
    assert_string_equal(got->listeners[0].service, "imaps");
    assert_int_equal(got->listeners[1].fd, 70000);
    bundle_free(got);
    // Every truncation but those at a field's end is malformed; none may read past the end.
    struct slice whole = buf_slice(&out);
    for (size_t n = 0; n < whole.len; n++) {
        char *exact = mem_strndup(whole.ptr, n);
        bundle_free(bundle_parse(slice_make(exact, n)));
        free(exact);
    }
    buf_done(&out);
    bundle_free(b);
}

static void test_bundle_rejects(void **state) {
    static const struct slice rows[] = {
        SLICE("\1"),                    // no length
        SLICE("\1\0\0\0\2x"),           // short value
        SLICE("\1\xff\xff\xff\xff"),    // absurd length
        SLICE("\1\0\0\0\2x\0"),         // NUL in text
        SLICE("\0\0\0\0\0"),            // no such tag
        SLICE("\x63\0\0\0\0"),          // no such tag
        SLICE("\6\0\0\0\3\0\0\0"),      // a listener without a whole number
        SLICE("\6\0\0\0\5\xff\0\0\0i"), // a negative descriptor
        SLICE("\6\0\0\0\6\0\0\0\4i\0"), // NUL in a service name
        SLICE("\6\0\0\0\x24\0\0\0\4"
              "12345678901234567890123456789012"), // a name that is too long
        SLICE("\7\0\0\0\1x"),                      // a flag with a value
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct bundle *b = bundle_parse(rows[i]);
        if (b != NULL)
            fail_msg("row %zu: accepted", i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_table),       cmocka_unit_test(test_sentence),
        cmocka_unit_test(test_messages_in_order), cmocka_unit_test(test_message_in_pieces),
        cmocka_unit_test(test_large_message),     cmocka_unit_test(test_garbage_is_bad),
        cmocka_unit_test(test_bundle_round_trip), cmocka_unit_test(test_bundle_rejects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
