// SPDX-License-Identifier: MIT
// The screen of `martlet status`: what stands on it, and that nothing of it is wider than a terminal.
#include "martlet/status/parts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/slice.h"
#include "martlet/status/screen.h"

enum { TEXT_MAX = 4096, WIDTH = 80 };

// ---- what is printed ----

static int out_before;
static FILE *caught;

static void begin(void) {
    assert_int_equal(fflush(stdout), 0);
    out_before = dup(STDOUT_FILENO);
    caught = tmpfile();
    assert_non_null(caught);
    assert_true(dup2(fileno(caught), STDOUT_FILENO) >= 0);
}

static const char *end(void) {
    static char text[TEXT_MAX];
    assert_int_equal(fflush(stdout), 0);
    assert_true(dup2(out_before, STDOUT_FILENO) >= 0);
    (void)close(out_before);
    rewind(caught);
    text[fread(text, 1, sizeof(text) - 1, caught)] = '\0';
    (void)fclose(caught);
    return text;
}

static void check_width(const char *text) {
    struct slice rest = slice_from_cstr(text), line;
    while (slice_cut(rest, '\n', &line, &rest))
        if (line.len > WIDTH)
            fail_msg("%zu columns: %.*s", line.len, SLICE_FMT(line));
}

static void check(void (*show)(struct screen *s, const json_t *answer), const char *answer, const char *want) {
    json_t *a = json_loads(answer, 0, NULL);
    assert_non_null(a);
    struct screen s = {.column = 0};
    begin();
    show(&s, a);
    screen_end(&s);
    const char *got = end();
    if (strcmp(got, want) != 0)
        fail_msg("%s\n got %s\nwant %s", answer, got, want);
    check_width(got);
    json_decref(a);
}

// ---- the parts ----

static void test_limits(void **state) {
    check(status_show_limits, "{}", "");
    check(status_show_limits, "{\"limits\":[{\"name\":\"cups\",\"used\":69,\"limit\":100}]}",
          "limits         none is taken by 70 %\n");
    check(status_show_limits,
          "{\"limits\":[{\"name\":\"cups\",\"used\":7,\"limit\":10},{\"name\":\"no limit\",\"used\":7,\"limit\":0}]}",
          "limits         cups 7 of 10 (70 %)\n");
    check(status_show_limits,
          "{\"limits\":[{\"name\":\"the disk\",\"used\":90000000000,\"limit\":100000000000,\"octets\":true}]}",
          "limits         the disk 90 GB of 100 GB (90 %)\n");
    // All descriptors are better known than those of connections.
    check(status_show_limits,
          "{\"limits\":[{\"name\":\"file descriptors, connections alone\",\"used\":99,\"limit\":100}],"
          "\"pressure\":{\"memory\":{\"level\":1,\"taken\":75000000,\"limit\":100000000},"
          "\"files\":{\"level\":0,\"taken\":80,\"limit\":100}}}",
          "limits         memory 75 MB of 100 MB (75 %), file descriptors 80 of 100 (80 %)\n");
}

static void test_pressure(void **state) {
    check(status_show_pressure, "{}", "");
    check(status_show_pressure, "{\"pressure\":{\"load\":{\"level\":0},\"disk\":{\"level\":0}}}",
          "pressure       none\n");
    check(status_show_pressure, "{\"pressure\":{\"load\":{\"level\":0},\"disk\":{\"level\":3}}}",
          "pressure       disk: level 3\n");
}

static void test_protection(void **state) {
    check(status_show_protection,
          "{\"sandbox\":{\"report\":\"landlock=4 connect=53,25,443 seccomp=on no_new_privs=on dumpable=off\"}}",
          "protection     confined to its own files (Landlock 4),\n"
          "               may connect to ports 53,25,443 alone, system calls filtered,\n"
          "               no new privileges, memory and core dumps off limits\n");
    check(status_show_protection, "{\"sandbox\":{\"report\":\"landlock=0 connect=any later=7 word\"}}",
          "protection     files not confined (the kernel has no Landlock),\n"
          "               may connect to any port, later=7, word\n");
    check(status_show_protection, "{}", "protection     none\n");
}

static void test_ports(void **state) {
    check(status_show_ports, "{\"ports\":[]}", "");
    check(status_show_ports,
          "{\"ports\":[{\"service\":\"smtp\",\"port\":25,\"address\":\"0.0.0.0:25\",\"protocol\":\"tcp\"},"
          "{\"service\":\"smtp\",\"port\":25,\"address\":\"[::]:25\",\"protocol\":\"tcp\"},"
          "{\"service\":\"http\",\"port\":80,\"address\":\"0.0.0.0:80\",\"protocol\":\"tcp\"},"
          "{\"service\":\"http\",\"port\":80,\"address\":\"[::]:80\",\"protocol\":\"tcp\"},"
          "{\"service\":\"turn\",\"port\":3478,\"address\":\"192.0.2.1:3478\",\"protocol\":\"udp\"}]}",
          "ports          smtp 25, http 80, turn 3478/udp on 192.0.2.1\n"
          "               on 0.0.0.0 and [::]\n");
}

static void test_off(void **state) {
    check(status_show_off, "{\"off\":[]}", "");
    check(status_show_off, "{\"off\":[\"TURN (turn)\",\"IPv6 (disable_ipv6)\"]}",
          "switched off   TURN (turn), IPv6 (disable_ipv6)\n");
}

// ---- the screen ----

static void test_what_is_long(void **state) {
    char words[600];
    for (size_t i = 0; i < sizeof(words) - 1; i++)
        words[i] = i % 7 == 6 ? ' ' : 'x';
    words[sizeof(words) - 1] = '\0';
    struct screen s = {.column = 0};
    begin();
    screen_line(&s, "queue");
    screen_item(&s, "example.org: 3");
    screen_item(&s, "%s", words);
    screen_item(&s, "after it");
    for (int i = 0; i < 40; i++)
        screen_item(&s, "item %d", i);
    screen_end(&s);
    screen_sentence("attention: ", words);
    const char *got = end();
    check_width(got);
    assert_true(strstr(got, ", item 0") != NULL && strstr(got, "item 39\n") != NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_limits), cmocka_unit_test(test_pressure), cmocka_unit_test(test_protection),
        cmocka_unit_test(test_ports),  cmocka_unit_test(test_off),      cmocka_unit_test(test_what_is_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
