// SPDX-License-Identifier: MIT
// When the parent has a look taken at the DNS. This program is its own helper: started again as `dns-run` it ends with
// the number that its first setting says.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/panic.h"
#include "config/config.h"
#include "martlet/dns/verdict.h"
#include "martlet/handover/source.h"
#include "martlet/parent/dns_helper.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, ARGS = 12 };

static char dir[] = "/tmp/martlet-dns-helper-XXXXXX", domain[] = "a.org", literal[] = "[192.0.2.1]", user[] = "u";
static struct config config = {.state_dir = dir, .mail_domain = domain, .user = user};
static const char *overrides[] = {"status=0", NULL};
static struct source source = {.config_path = "/x.ini", .overrides = overrides, .config = &config};
static uint64_t now_ms;

static void wait_until(uint64_t ms) {
    now_ms = ms;
    clock_set_fake(now_ms * 1000, 1700000000);
}

// What it was told, and its end.
static int check_arguments(int argc, char **argv) {
    const char *const want[] = {"dns-run", "--config",          "/x.ini", "--set", NULL, "--set", NULL,
                                "--set",   "mail_domain=a.org", "--set",  "user=u"};
    if (argc != ARGS || strncmp(argv[7], "state_dir=/tmp/", 15) != 0)
        return 90;
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        if (want[i] != NULL && strcmp(argv[i + 1], want[i]) != 0)
            return 91 + (int)i;
    return argv[5][strlen("status=")] - '0';
}

static int finish(struct dns_helper *h) {
    int status;
    pid_t pid = h->process.pid;
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_false(dns_helper_ended(h, pid + 1, status));
    assert_true(dns_helper_ended(h, pid, status));
    assert_int_equal(h->process.pid, 0);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool looks(struct dns_helper *h) {
    dns_helper_look(h, &source);
    return h->process.pid > 0;
}

// Not before `from`, and not after `until`.
static void assert_between(struct dns_helper *h, uint64_t from, uint64_t until) {
    uint64_t began = now_ms;
    wait_until(began + from - 1);
    assert_false(looks(h));
    wait_until(began + until);
    assert_true(looks(h));
}

static void times(void **state) {
    struct dns_helper h = {0};
    wait_until(5 * SECOND);
    assert_false(looks(&h));
    assert_between(&h, 45 * SECOND, 75 * SECOND);
    // One at a time.
    pid_t pid = h.process.pid;
    dns_helper_look(&h, &source);
    assert_int_equal(h.process.pid, pid);
    assert_int_equal(finish(&h), 0);
    assert_between(&h, 18 * HOUR, 30 * HOUR);
    assert_int_equal(finish(&h), 0);
    static const char *const not_well[] = {"status=1", "status=2"};
    for (int status = 1; status <= 2; status++) {
        overrides[0] = not_well[status - 1];
        wait_until(now_ms + 30 * HOUR);
        assert_true(looks(&h));
        assert_int_equal(finish(&h), status);
        assert_between(&h, 45 * MINUTE, 75 * MINUTE);
        assert_int_equal(finish(&h), status);
    }
    overrides[0] = "status=0";
}

// Without a look so far, the first one is near enough.
static void asked(void **state) {
    char path[PATH_MAX], error[FILES_ERROR_MAX];
    struct dns_helper h = {0};
    struct dns_verdict verdict = {.looked_at_s = 1, .tried_at_s = 1};
    wait_until(HOUR);
    dns_helper_ask(&h, &source);
    assert_false(looks(&h));
    (void)snprintf(path, sizeof(path), "%s/" DNS_VERDICT_DIR, dir);
    int fd = files_make_dir(path, error);
    assert_true(fd >= 0 && dns_verdict_write(fd, &verdict, error));
    dns_helper_ask(&h, &source);
    assert_true(looks(&h));
    // While one runs: another one behind it.
    dns_helper_ask(&h, &source);
    assert_int_equal(finish(&h), 0);
    assert_true(looks(&h));
    assert_int_equal(finish(&h), 0);
    assert_false(looks(&h));
    assert_int_equal(unlinkat(fd, "verdict", 0), 0);
    (void)close(fd);
    assert_int_equal(rmdir(path), 0);
}

static void nothing_to_look_at(void **state) {
    struct dns_helper h = {0};
    for (int i = 0; i < 2; i++) {
        config.mail_domain = i == 0 ? literal : domain;
        source.is_dev = i == 1;
        for (int hour = 0; hour < 3; hour++) {
            wait_until(now_ms + HOUR);
            assert_false(looks(&h));
        }
    }
    source.is_dev = false;
}

static void stops(void **state) {
    struct dns_helper h = {0};
    dns_helper_stop(&h);
    assert_false(looks(&h));
    wait_until(now_ms + HOUR);
    assert_true(looks(&h));
    pid_t pid = h.process.pid;
    dns_helper_check(&h, h.process.kill_at_ms - 1);
    dns_helper_stop(&h);
    assert_int_equal(h.process.pid, 0);
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1);
}

static int set_up(void **state) {
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    clock_use_real();
    return rmdir(dir);
}

int main(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "dns-run") == 0)
        return check_arguments(argc, argv);
    const struct CMUnitTest tests[] = {cmocka_unit_test(times), cmocka_unit_test(asked),
                                       cmocka_unit_test(nothing_to_look_at), cmocka_unit_test(stops)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
