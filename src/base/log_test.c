// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int saved_stderr, pipe_ends[2];

static int capture(void **state) {
    saved_stderr = dup(STDERR_FILENO);
    return saved_stderr < 0 || pipe(pipe_ends) != 0 || dup2(pipe_ends[1], STDERR_FILENO) < 0;
}

static int release(void **state) {
    int failed = dup2(saved_stderr, STDERR_FILENO) < 0;
    (void)close(pipe_ends[0]);
    (void)close(pipe_ends[1]);
    (void)close(saved_stderr);
    return failed;
}

// What was logged since the last call. A mark keeps the read from blocking when nothing was.
static const char *logged(void) {
    static char text[4096];
    assert_int_equal(write(pipe_ends[1], "#", 1), 1);
    ssize_t n = read(pipe_ends[0], text, sizeof(text) - 1);
    assert_true(n > 0);
    text[n - 1] = '\0';
    return text;
}

static void a_line_an_event(void **state) {
    log_info("account.created", "protocol=%s n=%d", "imap", 3);
    assert_string_equal(logged(), "info account.created protocol=imap n=3\n");
    log_error("a.b", "%s", "");
    assert_string_equal(logged(), "error a.b \n");
    log_warning("a.b", "x");
    assert_string_equal(logged(), "warning a.b x\n");
}

static void levels(void **state) {
    log_debug("a.b", "x");
    assert_string_equal(logged(), "");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("a.b", "x");
    assert_string_equal(logged(), "debug a.b x\n");
    log_set_level(LOG_LEVEL_ERROR);
    log_warning("a.b", "x");
    assert_false(log_enabled(LOG_LEVEL_WARNING));
    assert_string_equal(logged(), "");
    log_set_level(LOG_LEVEL_INFO);
}

static void control_characters_do_not_pass(void **state) {
    log_info("a.b", "%s", "x\r\ninfo forged\x1b[31m\t\x7fy\xc3\xa4");
    assert_string_equal(logged(), "info a.b x??info forged?[31m??y\xc3\xa4\n");
}

static void long_lines_are_cut(void **state) {
    char long_text[3000];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    log_info("a.b", "%s", long_text);
    const char *got = logged();
    assert_int_equal(strlen(got), 1024);
    assert_true(got[1023] == '\n' && got[1022] == 'x');
}

static void session_ids_differ(void **state) {
    uint64_t a = log_session_id(), b = log_session_id();
    assert_true(a != b && a != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_line_an_event, capture, release),
        cmocka_unit_test_setup_teardown(levels, capture, release),
        cmocka_unit_test_setup_teardown(control_characters_do_not_pass, capture, release),
        cmocka_unit_test_setup_teardown(long_lines_are_cut, capture, release),
        cmocka_unit_test(session_ids_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
