// SPDX-License-Identifier: MIT
// What the parent makes of a relay that somebody has taken over. This program is its own relay: started again as
// `relay` it says that it is ready, and then refuses without end what nobody asked for.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

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
#include "martlet/handover/channel.h"
#include "martlet/handover/ports.h"
#include "martlet/handover/source.h"
#include "martlet/parent/parent.h"

enum { WAIT_MS = 60 * 1000, FLOOD_SIZE = 512 * 1024 };

static void rest(void) {
    (void)nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
}

// ---- the relay ----

// Each frame is a line in the log: the reader has more to do than the writer.
_Noreturn static void flood(int fd) {
    static char frames[FLOOD_SIZE];
    static const char ready[] = {0, 0, 0, 0, CHANNEL_READY}, refusal[] = {0, 0, 0, 0, CHANNEL_FAILED};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i + sizeof(refusal) <= sizeof(frames); i += sizeof(refusal))
        memcpy(frames + i, refusal, sizeof(refusal));
    const size_t whole = sizeof(frames) / sizeof(refusal) * sizeof(refusal);
    if (write(fd, ready, sizeof(ready)) != (ssize_t)sizeof(ready))
        _exit(1);
    for (size_t at = 0;;) {
        ssize_t n = write(fd, frames + at, whole - at);
        if (n <= 0)
            for (;;)
                (void)pause();
        at = (at + (size_t)n) % whole;
    }
}

// ---- the parent ----

static void on_ready(void *arg) {
    int *fd = arg;
    (void)!write(*fd, "!", 1);
}

_Noreturn static void be_parent(const char *dir, int ready_fd) {
    char path[64], state[64];
    (void)snprintf(path, sizeof(path), "%s/martlet.ini", dir);
    (void)snprintf(state, sizeof(state), "state_dir=%s", dir);
    const char *overrides[] = {state, "mail_domain=_relay.test", NULL};
    struct source source = {.config_path = path, .overrides = overrides, .is_dev = true};
    struct ports ports = {0};
    const struct parent_settings settings = {
        .source = &source, .ports = &ports, .on_ready = on_ready, .arg = &ready_fd};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, STDERR_FILENO) < 0)
        _exit(2);
    int status = source_load_config(&source) ? parent_run(&settings) : 2;
    source_done(&source);
    _exit(status);
}

// Ctrl-C again and again: the first ends it in order, the second at once. The wait status.
static int interrupt(pid_t pid) {
    int status = 0;
    uint64_t deadline = clock_mono_ms() + WAIT_MS;
    pid_t got;
    while ((got = waitpid(pid, &status, WNOHANG)) == 0 && clock_mono_ms() < deadline) {
        (void)kill(pid, SIGINT);
        rest();
    }
    if (got == 0) {
        (void)kill(pid, SIGKILL);
        got = waitpid(pid, &status, 0);
    }
    assert_int_equal(got, pid);
    return status;
}

static void test_flood(void **state) {
    char dir[] = "/tmp/martlet-parent-XXXXXX", command[64], path[64], octet;
    int fds[2];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(path, sizeof(path), "%s/martlet.ini", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, "[params]\n", 9) == 9);
    (void)close(fd);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0)
        be_parent(dir, fds[1]);
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &octet, 1), 1);
    (void)close(fds[0]);
    int status = interrupt(pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1); // the relay had to be killed
    (void)snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "relay") == 0)
        flood((int)strtol(argv[2], NULL, 10));
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_flood)};
    return cmocka_run_group_tests_name("martlet/parent", tests, NULL, NULL);
}
