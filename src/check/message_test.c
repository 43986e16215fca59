// SPDX-License-Identifier: MIT
// The messages of the self-test, before the gate that every relay has.
#include "check/message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pgp/gate.h"

static enum gate_kind judge(struct slice message, enum gate_direction direction) {
    struct gate *g = gate_new(direction);
    gate_feed(g, message);
    enum gate_kind kind = gate_finish(g);
    gate_free(g);
    return kind;
}

static void check_lines(struct slice message) {
    struct slice line, rest = message;
    assert_true(slice_ends_with(message, SLICE("\r\n")));
    while (rest.len > 0) {
        assert_true(slice_cut(rest, '\n', &line, &rest));
        assert_true(slice_ends_with(line, SLICE("\r")) && line.len <= 200);
        assert_false(slice_starts_with(line, SLICE(".")));
    }
}

static void test_encrypted(void **state) {
    for (int i = 0; i < 50; i++) { // it is made of random octets
        struct buf message;
        char mark[CHECK_MARK_SIZE];
        buf_init(&message, 64 * 1024);
        check_message_encrypted("a@a.org", "b@[192.0.2.1]", &message, mark);
        struct slice all = buf_slice(&message);
        check_lines(all);
        assert_int_equal(judge(all, GATE_SUBMISSION), GATE_ENCRYPTED);
        assert_int_equal(judge(all, GATE_INBOUND), GATE_ENCRYPTED);
        assert_true(slice_find_slice(all, slice_from_cstr(mark)) < all.len);
        buf_done(&message);
    }
}

static void test_clear(void **state) {
    struct buf message;
    buf_init(&message, 64 * 1024);
    check_message_clear("a@a.org", "b@a.org", &message);
    check_lines(buf_slice(&message));
    assert_int_equal(judge(buf_slice(&message), GATE_SUBMISSION), GATE_CLEAR);
    buf_done(&message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encrypted),
        cmocka_unit_test(test_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
