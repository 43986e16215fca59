// SPDX-License-Identifier: MIT
#include "martlet/host/preflight.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/slice.h"
#include "config/config.h"
#include "martlet/host/port_holder.h"
#include "martlet/sandbox/sandbox.h"

static char told[2048];

static void on_problem(void *arg, bool is_warning, const char *sentence) {
    size_t len = strlen(told);
    (void)snprintf(told + len, sizeof(told) - len, "%c %s\n", is_warning ? 'W' : 'E', sentence);
}

static bool look(const char *ini) {
    char text[512];
    (void)snprintf(text, sizeof(text), "[params]\nmail_domain = a.org\n%s", ini);
    struct config *c = config_parse(slice_from_cstr(text), "x.ini", NULL, NULL, NULL);
    assert_non_null(c);
    told[0] = '\0';
    bool ok = preflight_look(&(struct preflight){.config = c, .is_dev = true, .on_problem = on_problem});
    config_free(c);
    return ok;
}

static void a_clock_that_was_never_set(void **state) {
    static const struct {
        int64_t now_s;
        const char *want;
    } cases[] = {
        {0, "W the clock of this machine says 1970-01-01, which has passed: set it (timedatectl set-ntp true); until "
            "then other servers and clients refuse certificates and signatures\n"},
        {1577836800, "W the clock of this machine says 2020-01-01, which has passed: set it (timedatectl set-ntp "
                     "true); until then other servers and clients refuse certificates and signatures\n"},
        {1767225600, ""},
        {4102444800, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        clock_set_fake(1, cases[i].now_s);
        assert_true(look(""));
        assert_string_equal(told, cases[i].want);
    }
    clock_set_fake(1, 1767225600);
}

static void files_that_are_not_there(void **state) {
    assert_false(look("ca_file = /nonexistent/a\ndns_root_hints = /nonexistent/b\n"));
    assert_string_equal(told, "E ca_file: /nonexistent/a: No such file or directory\n"); // the first alone
    assert_false(look("dns_trust_anchor = /etc\n"));
    assert_string_equal(told, "E dns_trust_anchor: /etc is not a file\n");
    assert_true(look("acme_dns_hook = /nonexistent/hook\n"));
    assert_string_equal(told, "W acme_dns_hook: /nonexistent/hook cannot be run (No such file or directory): no "
                              "certificate will come\n");
}

static void advice_for_a_relay_that_could_not_start(void **state) {
    static const struct {
        const char *reason, *want;
    } cases[] = {
        {"the database cannot be read",
         "the database cannot be read: it is damaged: `martlet verify /dev` says where; put a backup back"},
        {"the database was written by a newer version of this program",
         "the database was written by a newer version of this program: install that version again, or put back the "
         "backup of /dev from before it"},
        {"the database is missing or empty, and there are bodies of messages",
         "the database is missing or empty, and there are bodies of messages: put martlet.db back from the backup; or, "
         "if there is none, rm -r /dev/bodies and begin anew"},
        {"the database belongs to another program",
         "the database belongs to another program: name another state_dir than /dev"},
        {"the file of trusted roots cannot be read, or holds no readable PEM certificate",
         "the file of trusted roots cannot be read, or holds no readable PEM certificate: see ca_file, or install "
         "ca-certificates"},
        {"something else", "something else"},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[PREFLIGHT_SENTENCE_MAX];
        preflight_advise("/dev", cases[i].reason, got);
        assert_string_equal(got, cases[i].want);
    }
}

static void reasons_of_a_directory(void **state) {
    static const struct {
        int error;
        const char *want;
    } cases[] = {
        {ENOTDIR, "state_dir: /x/y is not a directory, or a part of the path is none: name another one"},
        {ENOSPC, "state_dir: /x/y cannot be made, for the disk is full: make room (df, df -i)"},
        {EROFS, "state_dir: /x/y is on a file system that is mounted read-only: mount it with rw"},
        {EIO, "state_dir: /x/y: Input/output error"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char got[PREFLIGHT_SENTENCE_MAX];
        preflight_explain_dir("/x/y", cases[i].error, got);
        assert_string_equal(got, cases[i].want);
    }
}

static void how_a_port_becomes_free(void **state) {
    assert_string_equal(port_holder_advice("master (pid 123)"), "probably Postfix: systemctl disable --now postfix");
    assert_string_equal(port_holder_advice("nginx (pid 1)"), "systemctl disable --now nginx");
    assert_null(port_holder_advice("python3 (pid 1)"));
    assert_null(port_holder_advice("masterful (pid 1)"));
    assert_null(port_holder_advice(""));
}

static void a_kernel_without_a_sandbox(void **state) {
    assert_null(sandbox_weakness(1, true));
    assert_non_null(strstr(sandbox_weakness(0, true), "no Landlock"));
    assert_non_null(strstr(sandbox_weakness(7, false), "no seccomp"));
    assert_non_null(strstr(sandbox_weakness(0, false), "neither Landlock nor seccomp"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_was_never_set),
        cmocka_unit_test(files_that_are_not_there),
        cmocka_unit_test(advice_for_a_relay_that_could_not_start),
        cmocka_unit_test(reasons_of_a_directory),
        cmocka_unit_test(how_a_port_becomes_free),
        cmocka_unit_test(a_kernel_without_a_sandbox),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
