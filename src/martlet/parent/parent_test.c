// SPDX-License-Identifier: MIT
// What the parent makes of a relay that somebody has taken over, or that hangs. This program is its own relay: started
// again as `relay` it says that it is ready; what it does then, RELAY_MODE tells.
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <setjmp.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/panic.h"
#include "martlet/handover/bundle.h"
#include "martlet/handover/channel.h"
#include "martlet/handover/ports.h"
#include "martlet/handover/source.h"
#include "martlet/parent/parent.h"

enum { WAIT_MS = 60 * 1000, FLOOD_SIZE = 512 * 1024 };

static const char new_line[] = "max_user_send_per_minute = 7\n"; // of the configuration that is reloaded

static char dir[32]; // of the test

static void rest(void) {
    (void)nanosleep(&(struct timespec){.tv_nsec = 5 * 1000 * 1000}, NULL);
}

// ---- the relay ----

static void say_ready(int fd) {
    static const char ready[] = {0, 0, 0, 0, CHANNEL_READY};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (write(fd, ready, sizeof(ready)) != (ssize_t)sizeof(ready))
        _exit(1);
}

// Each frame is a line in the log: the reader has more to do than the writer.
_Noreturn static void flood(int fd) {
    static char frames[FLOOD_SIZE];
    static const char refusal[] = {0, 0, 0, 0, CHANNEL_FAILED};
    for (size_t i = 0; i + sizeof(refusal) <= sizeof(frames); i += sizeof(refusal))
        memcpy(frames + i, refusal, sizeof(refusal));
    const size_t whole = sizeof(frames) / sizeof(refusal) * sizeof(refusal);
    say_ready(fd);
    for (size_t at = 0;;) {
        ssize_t n = write(fd, frames + at, whole - at);
        if (n <= 0)
            for (;;)
                (void)pause();
        at = (at + (size_t)n) % whole;
    }
}

static struct bundle *read_start(int fd) {
    struct channel c;
    struct channel_message m;
    enum channel_status status;
    channel_init(&c, fd);
    while ((status = channel_receive(&c, &m)) == CHANNEL_MORE)
        (void)poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, -1);
    return status == CHANNEL_MESSAGE && m.type == CHANNEL_START ? bundle_parse(m.payload) : NULL;
}

// Reads nothing more, and ends when the parent has given up. One that is started with the new configuration leaves a
// mark.
_Noreturn static void be_deaf(int fd) {
    const struct bundle *b = read_start(fd);
    if (b == NULL)
        _exit(1);
    if (strstr(b->config_text, new_line) != NULL) {
        int mark = open("mark", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        (void)close(mark);
    }
    if (shutdown(fd, SHUT_RD) != 0)
        _exit(1);
    say_ready(fd);
    (void)poll(&(struct pollfd){.fd = fd}, 1, -1); // POLLHUP
    _exit(0);
}

_Noreturn static void be_relay(int fd) {
    const char *mode = getenv("RELAY_MODE");
    if (mode != NULL && strcmp(mode, "deaf") == 0)
        be_deaf(fd);
    flood(fd);
}

// ---- the parent ----

static void on_ready(void *arg) {
    int *fd = arg;
    (void)!write(*fd, "!", 1);
}

_Noreturn static void be_parent(int ready_fd) {
    char path[64], state[64];
    (void)snprintf(path, sizeof(path), "%s/martlet.ini", dir);
    (void)snprintf(state, sizeof(state), "state_dir=%s", dir);
    const char *overrides[] = {state, "mail_domain=_relay.test", "turn=false", NULL};
    struct source source = {.config_path = path, .overrides = overrides, .is_dev = true};
    struct ports ports = {0};
    const struct parent_settings settings = {
        .source = &source, .ports = &ports, .on_ready = on_ready, .arg = &ready_fd};
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (chdir(dir) != 0)
        _exit(2);
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

static int make_dir(void **state) {
    (void)snprintf(dir, sizeof(dir), "%s", "/tmp/martlet-parent-XXXXXX");
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state) {
    char command[64];
    (void)snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command);
}

static void write_config(const char *more) {
    char path[64];
    (void)snprintf(path, sizeof(path), "%s/martlet.ini", dir);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_true(fprintf(f, "[params]\n%s", more) > 0);
    assert_int_equal(fclose(f), 0);
}

// The parent, whose relay is ready.
static pid_t start_parent(const char *mode) {
    char octet;
    int fds[2];
    write_config("");
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(setenv("RELAY_MODE", mode, 1), 0);
    pid_t pid = fork();
    if (pid == 0)
        be_parent(fds[1]);
    (void)close(fds[1]);
    assert_int_equal(read(fds[0], &octet, 1), 1);
    (void)close(fds[0]);
    return pid;
}

static void test_flood(void **state) {
    int status = interrupt(start_parent("flood"));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1); // the relay had to be killed
}

static void test_deaf(void **state) {
    char mark[64];
    (void)snprintf(mark, sizeof(mark), "%s/mark", dir);
    pid_t pid = start_parent("deaf");
    write_config(new_line);
    assert_int_equal(kill(pid, SIGHUP), 0);
    uint64_t deadline = clock_mono_ms() + WAIT_MS;
    while (access(mark, F_OK) != 0 && clock_mono_ms() < deadline)
        rest();
    assert_int_equal(access(mark, F_OK), 0);
    assert_true(WIFEXITED(interrupt(pid)));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int main(int argc, char **argv) {
    if (argc > 2 && strcmp(argv[1], "relay") == 0)
        be_relay((int)strtol(argv[2], NULL, 10));
    const struct CMUnitTest tests[] = {TEST(test_flood), TEST(test_deaf)};
    return cmocka_run_group_tests_name("martlet/parent", tests, NULL, NULL);
}
