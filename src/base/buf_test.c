// SPDX-License-Identifier: MIT
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"

static void assert_holds(const struct buf *b, const char *want) {
    struct slice got = buf_slice(b);
    assert_int_equal(got.len, strlen(want));
    assert_memory_equal(got.ptr, want, got.len);
}

static void an_empty_buffer_owns_nothing(void **state) {
    struct buf b;
    buf_init(&b, 100);
    assert_null(b.mem);
    assert_holds(&b, "");
    assert_true(buf_append(&b, NULL, 0));
    assert_null(b.mem);
    assert_true(buf_append_cstr(&b, "abc"));
    assert_non_null(b.mem);
    buf_consume(&b, 3);
    assert_null(b.mem);
    assert_true(buf_append_cstr(&b, "abc"));
    buf_truncate(&b, 0);
    assert_null(b.mem);
    struct buf zeroed = {0};
    buf_done(&zeroed);
}

static void the_maximum_holds(void **state) {
    struct buf b;
    buf_init(&b, 8);
    assert_true(buf_append_cstr(&b, "12345678"));
    assert_false(buf_append_cstr(&b, "9"));
    assert_false(buf_printf(&b, "%d", 9));
    assert_null(buf_reserve(&b, 1));
    assert_null(buf_reserve(&b, SIZE_MAX));
    assert_holds(&b, "12345678");
    buf_consume(&b, 3);
    assert_false(buf_append_cstr(&b, "abcd"));
    assert_true(buf_append_slice(&b, SLICE("abc")));
    assert_holds(&b, "45678abc");
    buf_done(&b);
    assert_true(buf_append_cstr(&b, "12345678"));
    assert_false(buf_append_cstr(&b, "9"));
    buf_done(&b);
}

static void printing(void **state) {
    struct buf b;
    buf_init(&b, 1024);
    assert_true(buf_printf(&b, "%s-%d", "a", 5));
    assert_holds(&b, "a-5");
    buf_truncate(&b, 1);
    assert_holds(&b, "a");
    // Longer than the first attempt's room, up to the very last octet allowed.
    char long_text[1024];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[1023] = '\0';
    assert_true(buf_printf(&b, "%s", long_text));
    assert_int_equal(buf_slice(&b).len, 1024);
    assert_false(buf_printf(&b, "%s", long_text));
    assert_int_equal(buf_slice(&b).len, 1024);
    buf_done(&b);
}

static void reserve_and_claim(void **state) {
    struct buf b;
    buf_init(&b, 2000);
    char *room = buf_reserve(&b, 1500);
    assert_non_null(room);
    memset(room, 'y', 1500);
    assert_int_equal(buf_slice(&b).len, 0);
    buf_added(&b, 700);
    assert_int_equal(buf_slice(&b).len, 700);
    assert_true(buf_slice(&b).ptr[699] == 'y');
    buf_done(&b);
}

// Random appends and consumptions must behave like a plain queue of octets.
static void it_is_a_queue(void **state) {
    struct buf b;
    buf_init(&b, 5000);
    unsigned char next_in = 0, next_out = 0;
    size_t held = 0;
    for (int i = 0; i < 20000; i++) {
        uint64_t r = random_u64();
        size_t n = (size_t)(r >> 8) % 700;
        if ((r & 1) != 0) {
            char piece[700];
            for (size_t j = 0; j < n; j++)
                piece[j] = (char)(unsigned char)(next_in + j);
            bool ok = buf_append(&b, piece, n);
            assert_int_equal(ok, held + n <= 5000);
            if (ok) {
                next_in = (unsigned char)(next_in + n);
                held += n;
            }
        } else {
            n = n < held ? n : held;
            struct slice s = buf_slice(&b);
            assert_int_equal(s.len, held);
            for (size_t j = 0; j < n; j++)
                assert_int_equal((unsigned char)s.ptr[j], (unsigned char)(next_out + j));
            buf_consume(&b, n);
            next_out = (unsigned char)(next_out + n);
            held -= n;
        }
    }
    buf_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_owns_nothing),
        cmocka_unit_test(the_maximum_holds),
        cmocka_unit_test(printing),
        cmocka_unit_test(reserve_and_claim),
        cmocka_unit_test(it_is_a_queue),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
