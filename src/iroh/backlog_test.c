// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "iroh/backlog.h"

enum { LEN_STEP = 997, LEN_MAX = 70000 };

static uint32_t length_of(uint32_t number) {
    return number * LEN_STEP % LEN_MAX;
}

static void push(struct iroh_backlog *q, uint32_t number) {
    memset(iroh_backlog_push(q, length_of(number)), (int)(number & 0xff), length_of(number));
}

static void pop(struct iroh_backlog *q, uint32_t number) {
    struct slice s = iroh_backlog_first(q);
    assert_int_equal(s.len, length_of(number));
    for (size_t i = 0; i < s.len; i++)
        assert_int_equal((uint8_t)s.ptr[i], number & 0xff);
    iroh_backlog_pop(q);
}

// In order, of all lengths (none, and more than a piece), while it grows and shrinks.
static void test_order(void **state) {
    struct iroh_backlog q = {0};
    uint32_t in = 0, out = 0;
    size_t octets = 0;
    for (uint32_t round = 0; round < 40; round++) {
        for (uint32_t i = 0; i < round; i++) {
            octets += length_of(in);
            push(&q, in++);
        }
        for (uint32_t i = 0; i < round / 2; i++) {
            octets -= length_of(out);
            pop(&q, out++);
        }
        assert_int_equal(q.count, in - out);
        assert_int_equal(q.octets, octets);
        assert_true(q.memory >= octets && (q.memory > 0) == (q.count > 0));
    }
    while (out < in)
        pop(&q, out++);
    assert_int_equal(q.count, 0);
    assert_int_equal(q.octets, 0);
    assert_int_equal(q.memory, 0);
    assert_null(q.first); // empty: no memory
    assert_int_equal(iroh_backlog_first(&q).len, 0);
}

static void test_done(void **state) {
    struct iroh_backlog q = {0};
    iroh_backlog_done(&q);
    for (uint32_t i = 0; i < 100; i++)
        push(&q, i);
    iroh_backlog_done(&q);
    push(&q, 1);
    pop(&q, 1);
    assert_null(q.first);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_done)};
    return cmocka_run_group_tests_name("iroh_backlog", tests, NULL, NULL);
}
