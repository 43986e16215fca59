// SPDX-License-Identifier: MIT
// Sessions over memory: consuming, pausing, closing, STARTTLS, limits of input and output.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/conn_fixture.h"

struct memory {
    struct loop *loop;
    struct conn *c;
    struct script script;
};

static int setup(void **state) {
    struct memory *s = MEM_NEW(struct memory);
    s->loop = loop_new();
    s->c = s->script.c = conn_new_memory(s->loop, &SCRIPT_OPS, &s->script, false);
    *state = s;
    return 0;
}

static int teardown(void **state) {
    struct memory *s = *state;
    conn_memory_free(s->c);
    loop_free(s->loop);
    int closes = s->script.closes;
    free(s);
    return closes == 1 ? 0 : -1;
}

static void feed(struct memory *s, const char *text) {
    conn_memory_feed(s->c, text, strlen(text));
    loop_run_ready(s->loop);
}

static void expect(struct memory *s, const char *want) {
    struct slice got = conn_memory_output(s->c);
    if (!slice_eq(got, slice_from_cstr(want)))
        fail_msg("got \"%.*s\" want \"%s\"", SLICE_FMT(got), want);
    conn_memory_take_output(s->c);
}

static void test_lines_in_pieces(void **state) {
    struct memory *s = *state;
    feed(s, "on");
    expect(s, "");
    feed(s, "e\ntwo\nthr");
    expect(s, "one\ntwo\n");
    feed(s, "ee\n");
    expect(s, "three\n");
    assert_int_equal(s->script.lines, 3);
}

static void test_pause_keeps_order(void **state) {
    struct memory *s = *state;
    feed(s, "a\npause\nb\n");
    expect(s, "a\npause\n");
    feed(s, "c\n");
    expect(s, "");
    conn_resume(s->c);
    expect(s, ""); // in a later turn
    loop_run_ready(s->loop);
    expect(s, "b\nc\n");
}

static void test_close_drops_later_input_and_output(void **state) {
    struct memory *s = *state;
    feed(s, "a\nclose\nb\n");
    conn_write_cstr(s->c, "unheard");
    expect(s, "a\nclose\n");
    assert_int_equal(s->script.closes, 1);
    assert_int_equal(s->script.why, CONN_END_LOCAL);
    assert_true(conn_memory_is_closed(s->c));
}

static void test_abort_drops_output(void **state) {
    struct memory *s = *state;
    feed(s, "abort\n");
    expect(s, "");
    assert_int_equal(s->script.why, CONN_END_LOCAL);
}

static void test_close_is_never_within_the_call(void **state) {
    struct memory *s = *state;
    conn_close(s->c);
    conn_close(s->c);
    conn_abort(s->c);
    assert_int_equal(s->script.closes, 0);
    loop_run_ready(s->loop);
    assert_int_equal(s->script.closes, 1);
}

static void test_eof_after_input(void **state) {
    struct memory *s = *state;
    conn_memory_feed(s->c, "a\nhalf", 6);
    conn_memory_feed_eof(s->c);
    loop_run_ready(s->loop);
    expect(s, "a\n");
    assert_int_equal(s->script.why, CONN_END_EOF);
}

static void test_eof_waits_for_a_paused_session(void **state) {
    struct memory *s = *state;
    conn_memory_feed(s->c, "pause\nb\n", 8);
    conn_memory_feed_eof(s->c);
    loop_run_ready(s->loop);
    assert_int_equal(s->script.closes, 0);
    conn_resume(s->c);
    loop_run_ready(s->loop);
    expect(s, "pause\nb\n");
    assert_int_equal(s->script.closes, 1);
}

static void test_starttls_drops_clear_input(void **state) {
    struct memory *s = *state;
    assert_false(conn_is_tls(s->c));
    feed(s, "tls\ninjected\n");
    expect(s, "tls\n");
    assert_true(conn_is_tls(s->c));
    assert_int_equal(s->script.tls_done, 1);
    feed(s, "after\n");
    expect(s, "after\n");
}

static void test_timeout(void **state) {
    struct memory *s = *state;
    feed(s, "pause\n");
    conn_memory_timeout(s->c); // paused: the peer is not to blame
    assert_int_equal(s->script.timeouts, 0);
    conn_resume(s->c);
    conn_memory_timeout(s->c);
    loop_run_ready(s->loop);
    expect(s, "pause\nlate\n");
    assert_int_equal(s->script.why, CONN_END_TIMEOUT);
}

static void test_shutdown(void **state) {
    struct memory *s = *state;
    conn_shutdown_all(s->loop);
    loop_run_ready(s->loop);
    expect(s, "bye\n");
    assert_int_equal(s->script.shutdowns, 1);
    assert_int_equal(s->script.closes, 1);
}

static void test_drain(void **state) {
    struct memory *s = *state;
    feed(s, "big\nnext\n");
    assert_int_equal(s->script.drains, 1);
    assert_int_equal(s->script.lines, 2);
    assert_int_equal(conn_memory_output(s->c).len, 4 + SCRIPT_BIG + 5);
}

static void test_overflow(void **state) {
    struct memory *s = *state;
    feed(s, "flood\nnext\n");
    assert_int_equal(s->script.closes, 1);
    assert_int_equal(s->script.why, CONN_END_OVERFLOW);
    assert_int_equal(s->script.lines, 1);
}

static void test_endless_line_ends(void **state) {
    struct memory *s = *state;
    static char x[CONN_INPUT_MAX];
    memset(x, 'x', sizeof(x));
    conn_memory_feed(s->c, x, sizeof(x));
    loop_run_ready(s->loop);
    assert_int_equal(s->script.closes, 0);
    feed(s, "x");
    assert_int_equal(s->script.closes, 1);
    assert_int_equal(s->script.why, CONN_END_ERROR);
}

static void test_many_lines_over_turns(void **state) {
    struct memory *s = *state;
    for (int i = 0; i < 100 * 1000; i++)
        conn_memory_feed(s->c, "0123456789\n", 11);
    loop_run_ready(s->loop);
    assert_int_equal(s->script.lines, 100 * 1000);
    assert_int_equal(conn_memory_output(s->c).len, 11 * 100 * 1000);
}

// A stream of lines, cut at every place that reads can cut it, also where more is kept than goes in front of a
// read.
static void test_kept_in_front(void **state) {
    struct memory *s = *state;
    static const size_t PIECES[] = {1, 7, 30 * 1024, 33 * 1024, 64 * 1024, 65 * 1024};
    enum { LINE = 40 * 1000, LINES = 12 };
    char *text = mem_alloc(LINE * LINES);
    for (size_t i = 0; i < LINE * LINES; i++)
        text[i] = i % LINE == LINE - 1 ? '\n' : (char)('a' + i % 23);
    for (size_t k = 0; k < ARRAY_LEN(PIECES); k++) {
        int before = s->script.lines;
        size_t piece = PIECES[k], len = piece < 10 ? LINE : LINE * LINES;
        for (size_t at = 0; at < len; at += piece) {
            conn_memory_feed(s->c, text + at, piece < len - at ? piece : len - at);
            loop_run_ready(s->loop);
        }
        assert_int_equal(s->script.lines - before, len / LINE);
        assert_true(slice_eq(conn_memory_output(s->c), slice_make(text, len)));
        conn_memory_take_output(s->c);
    }
    free(text);
}

static void test_reserve(void **state) {
    struct memory *s = *state;
    conn_write_cstr(s->c, "one ");
    memcpy(conn_reserve(s->c, 1000), "two", 3);
    conn_wrote(s->c, 3);
    expect(s, "one two");
    assert_null(conn_reserve(s->c, CONN_OUT_MAX + 1));
    loop_run_ready(s->loop);
    assert_int_equal(s->script.why, CONN_END_OVERFLOW);
    assert_null(conn_reserve(s->c, 1));
}

static void test_send_now(void **state) {
    struct memory *s = *state;
    conn_write_cstr(s->c, "one");
    assert_int_equal(conn_out_len(s->c), 3);
    conn_send_now(s->c);
    assert_int_equal(conn_out_len(s->c), 0);
    conn_memory_block(s->c, true);
    conn_write_cstr(s->c, "two");
    conn_send_now(s->c);
    loop_run_ready(s->loop);
    assert_int_equal(conn_out_len(s->c), 3);
    conn_ask_drain(s->c, 1);
    loop_run_ready(s->loop);
    assert_int_equal(s->script.drains, 0);
    conn_memory_block(s->c, false);
    loop_run_ready(s->loop);
    assert_int_equal(s->script.drains, 1);
    expect(s, "onetwo");
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_lines_in_pieces),
        TEST(test_pause_keeps_order),
        TEST(test_close_drops_later_input_and_output),
        TEST(test_abort_drops_output),
        TEST(test_close_is_never_within_the_call),
        TEST(test_eof_after_input),
        TEST(test_eof_waits_for_a_paused_session),
        TEST(test_starttls_drops_clear_input),
        TEST(test_timeout),
        TEST(test_shutdown),
        TEST(test_drain),
        TEST(test_overflow),
        TEST(test_endless_line_ends),
        TEST(test_kept_in_front),
        TEST(test_reserve),
        TEST(test_send_now),
        TEST(test_many_lines_over_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
