// SPDX-License-Identifier: MIT
// The parent's side of the ACME helper. This program is its own helper: started again as `acme-run` it starts a child,
// as uacme would be, and both hang.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/panic.h"
#include "config/config.h"
#include "martlet/acme/status.h"
#include "martlet/parent/acme_helper.h"

enum { QUARTER_HOUR_MS = 15 * 60 * 1000, WAIT_MS = 60 * 1000, HOUR = 3600 };

static char dir[] = "/tmp/martlet-helper-XXXXXX";
static char domain[] = "a.org", url[] = "https://ca.test/dir", other_url[] = "https://other.test/dir", nothing[] = "";
static struct config config = {
    .state_dir = dir, .mail_domain = domain, .acme_directory = url, .acme_email = nothing, .acme_dns_hook = nothing};

static void rest(void) {
    (void)nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
}

// ---- the helper ----

// Its second argument pair is the state directory, where it leaves the process id of its child.
_Noreturn static void hang(const char *state_dir) {
    char path[64], number[16];
    pid_t pid = fork();
    if (pid > 0) {
        (void)snprintf(path, sizeof(path), "%s/child.new", state_dir);
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        int len = snprintf(number, sizeof(number), "%d\n", (int)pid);
        if (write(fd, number, (size_t)len) != len)
            _exit(1);
        (void)close(fd);
        char done[64];
        (void)snprintf(done, sizeof(done), "%s/child", state_dir);
        (void)rename(path, done);
    }
    for (;;)
        (void)pause();
}

static pid_t wait_for_child(void) {
    char path[64], number[16] = "";
    (void)snprintf(path, sizeof(path), "%s/child", dir);
    uint64_t deadline = clock_mono_ms() + WAIT_MS;
    while (access(path, F_OK) != 0 && clock_mono_ms() < deadline)
        rest();
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && read(fd, number, sizeof(number) - 1) > 0);
    (void)close(fd);
    assert_int_equal(unlink(path), 0);
    return (pid_t)strtol(number, NULL, 10);
}

// The wait status of a process that has to end.
static int wait_for_end(pid_t pid) {
    int status = 0;
    uint64_t deadline = clock_mono_ms() + WAIT_MS;
    while (clock_mono_ms() < deadline) {
        pid_t got = waitpid(pid, &status, WNOHANG);
        assert_true(got >= 0);
        if (got == pid)
            return status;
        rest();
    }
    fail_msg("process %d has not ended", (int)pid);
    return 0;
}

static void assert_killed(int status) {
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

// ---- tests ----

static void test_hangs(void **state) {
    struct acme_helper h = {0};
    uint64_t before = clock_mono_ms();
    acme_helper_look(&h, &config, false);
    assert_true(h.process.pid > 0);
    assert_true(h.process.kill_at_ms >= before + QUARTER_HOUR_MS &&
                h.process.kill_at_ms <= clock_mono_ms() + QUARTER_HOUR_MS);
    pid_t helper = h.process.pid, child = wait_for_child();
    // One at a time.
    h.is_asked = true;
    acme_helper_look(&h, &config, false);
    assert_int_equal(h.process.pid, helper);
    h.is_asked = false;

    acme_helper_check(&h, h.process.kill_at_ms - 1);
    rest();
    assert_int_equal(waitpid(helper, NULL, WNOHANG), 0);
    acme_helper_check(&h, h.process.kill_at_ms);
    int status = wait_for_end(helper);
    assert_killed(status);
    assert_killed(wait_for_end(child));
    assert_false(acme_helper_ended(&h, helper + 1, status));
    assert_true(acme_helper_ended(&h, helper, status));
    assert_int_equal(h.process.pid, 0);

    // The status says nothing that would keep it from another look; that it ended badly does.
    acme_helper_look(&h, &config, false);
    assert_int_equal(h.process.pid, 0);
    h.is_asked = true;
    acme_helper_look(&h, &config, false);
    assert_true(h.process.pid > 0);
    child = wait_for_child();
    acme_helper_stop(&h);
    assert_int_equal(h.process.pid, 0);
    assert_killed(wait_for_end(child));
}

static void test_patience(void **state) {
    char error[FILES_ERROR_MAX];
    int64_t now_s = clock_wall_s();
    struct acme_status status = {.last_attempt_s = now_s - HOUR, .next_attempt_s = now_s + HOUR, .failures = 1};
    (void)snprintf(status.limited_by, sizeof(status.limited_by), "%s", url);
    int fd = acme_dir_open(dir, true, error);
    assert_true(fd >= 0 && acme_status_write(fd, &status, error));
    // A restart and an operator do not count; another CA does, and so does the time.
    struct acme_helper h = {.is_asked = true};
    acme_helper_look(&h, &config, false);
    assert_int_equal(h.process.pid, 0);
    assert_false(h.is_asked);
    config.acme_directory = other_url;
    h.is_asked = true;
    acme_helper_look(&h, &config, false);
    assert_true(h.process.pid > 0);
    (void)wait_for_child();
    acme_helper_stop(&h);
    config.acme_directory = url;
    status.next_attempt_s = now_s;
    assert_true(acme_status_write(fd, &status, error));
    acme_helper_look(&h, &config, false);
    assert_true(h.process.pid > 0);
    (void)wait_for_child();
    acme_helper_stop(&h);
    assert_int_equal(unlinkat(fd, "status", 0), 0);
    (void)close(fd);
}

// A sentence may quote a path or a CA; an attempt that is not noted would be made again at once.
static void test_status_of_odd_text(void **state) {
    char error[FILES_ERROR_MAX];
    struct acme_status s = {.last_attempt_s = 1, .outcome = "cut: \xe2\x82", .detail = "\xff", .names = "a.org"}, got;
    int fd = acme_dir_open(dir, true, error);
    assert_true(fd >= 0 && acme_status_write(fd, &s, error));
    acme_status_read(fd, &got);
    assert_int_equal(got.last_attempt_s, 1);
    assert_string_equal(got.outcome, "cut: ??");
    assert_string_equal(got.detail, "?");
    assert_string_equal(got.names, "a.org");
    assert_int_equal(unlinkat(fd, "status", 0), 0);
    (void)close(fd);
}

static int set_up(void **state) {
    // The child of a helper that has gone becomes ours.
    return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && mkdtemp(dir) != NULL ? 0 : -1;
}

static int tear_down(void **state) {
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/" ACME_DIR_NAME, dir);
    (void)rmdir(path);
    return rmdir(dir);
}

int main(int argc, char **argv) {
    if (argc > 3 && strcmp(argv[1], "acme-run") == 0)
        hang(argv[3]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hangs), cmocka_unit_test(test_patience),
                                       cmocka_unit_test(test_status_of_odd_text)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
