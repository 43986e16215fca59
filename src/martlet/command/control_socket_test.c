// SPDX-License-Identifier: MIT
// The socket in the state directory, and what a client says that finds none.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "martlet/command/control_client.h"
#include "martlet/command/control_socket.h"

static char top[64], dir[512];
static int dir_fd;

// Far too long for sockaddr_un.
static int open_dir(void **state) {
    (void)snprintf(top, sizeof(top), "/tmp/martlet-control-XXXXXX");
    assert_non_null(mkdtemp(top));
    (void)snprintf(dir, sizeof(dir), "%s/%0200d", top, 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
    assert_true(dir_fd >= 0);
    return 0;
}

static int close_dir(void **state) {
    (void)unlinkat(dir_fd, "control", 0);
    (void)unlinkat(dir_fd, "other", 0);
    (void)close(dir_fd);
    (void)rmdir(dir);
    assert_int_equal(rmdir(top), 0); // nothing else was left there
    return 0;
}

static int open_well(void) {
    char error[FILES_ERROR_MAX] = "";
    int fd = control_socket_open(dir_fd, error);
    if (fd < 0)
        fail_msg("%s", error);
    return fd;
}

static void open_badly(const char *want) {
    char error[FILES_ERROR_MAX] = "";
    assert_int_equal(control_socket_open(dir_fd, error), -1);
    assert_string_equal(error, want);
}

static bool connects(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    bool ok = control_socket_connect(fd, dir_fd);
    (void)close(fd);
    return ok;
}

static void test_open(void **state) {
    (void)umask(0);
    int fd = open_well();
    (void)umask(022);
    struct stat st, owner;
    assert_int_equal(fstatat(dir_fd, "control", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(fstat(dir_fd, &owner), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_uid, owner.st_uid);
    assert_true(connects());
    (void)close(fd);
}

static void test_owner(void **state) {
    if (geteuid() != 0)
        skip();
    assert_int_equal(fchown(dir_fd, 65534, 65534), 0);
    int fd = open_well();
    struct stat st;
    assert_int_equal(fstatat(dir_fd, "control", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_uid, 65534);
    assert_int_equal(st.st_gid, 65534);
    assert_int_equal(st.st_mode & 07777, 0600);
    (void)close(fd);
}

static void test_again(void **state) {
    int fd = open_well();
    char want[FILES_ERROR_MAX];
    (void)snprintf(want, sizeof(want),
                   "another relay runs with this state directory (process %d): stop it, or give this one a directory "
                   "of its own",
                   (int)getpid());
    open_badly(want);
    assert_true(connects()); // the first is not disturbed
    (void)close(fd);
    assert_false(connects());
    assert_int_equal(errno, ECONNREFUSED);
    fd = open_well(); // in the place of what is left
    assert_true(connects());
    (void)close(fd);
}

// A backlog that nobody empties is a living process all the same.
static void test_full_backlog(void **state) {
    int fd = open_well(), clients[64];
    size_t n = 0;
    for (; n < 64; n++) {
        clients[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (!control_socket_connect(clients[n], dir_fd))
            break;
    }
    assert_int_equal(errno, EAGAIN);
    char error[FILES_ERROR_MAX] = "";
    assert_int_equal(control_socket_open(dir_fd, error), -1);
    assert_non_null(strstr(error, "another relay runs with this state directory"));
    for (size_t i = 0; i <= n; i++)
        (void)close(clients[i]);
    (void)close(fd);
}

#define IN_THE_WAY "the control socket cannot be made: \"control\" in the state directory is something else; remove it"

static void test_in_the_way(void **state) {
    int other = openat(dir_fd, "other", O_CREAT | O_WRONLY, 0644);
    assert_true(other >= 0);
    (void)close(other);
    assert_int_equal(symlinkat("other", dir_fd, "control"), 0);
    open_badly(IN_THE_WAY);
    assert_false(connects());
    assert_int_equal(unlinkat(dir_fd, "control", 0), 0);
    assert_int_equal(linkat(dir_fd, "other", dir_fd, "control", 0), 0);
    open_badly(IN_THE_WAY);
    assert_false(connects());
    assert_int_equal(errno, ENOTSOCK);
    struct stat st;
    assert_int_equal(fstatat(dir_fd, "other", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644); // untouched
}

static void call_without_relay(const char *where) {
    char error[CONTROL_ERROR_MAX] = "", want[CONTROL_ERROR_MAX];
    json_t *request = json_pack("{s:s}", "command", "ping");
    assert_false(control_call(where, request, NULL, NULL, NULL, error));
    json_decref(request);
    (void)snprintf(want, sizeof(want), "no relay runs with the state directory %.300s; start it first", where);
    assert_string_equal(error, want);
}

static void test_no_relay(void **state) {
    call_without_relay("/nonexistent/directory");
    call_without_relay(dir);
    (void)close(open_well());
    call_without_relay(dir); // what an ended one has left
}

// Somebody who answers with this, and then closes.
static void answer_with(int fd, const char *text) {
    if (fork() != 0)
        return;
    int flags = fcntl(fd, F_GETFL);
    (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
    int c = accept(fd, NULL, NULL);
    char request[256];
    if (read(c, request, sizeof(request)) > 0)
        (void)!write(c, text, strlen(text));
    (void)close(c);
    _exit(0);
}

static void count_row(void *arg, const json_t *row) {
    (*(int *)arg)++;
}

static void test_answers(void **state) {
    static const struct {
        const char *answer;
        bool want_ok;
        int want_rows;
        const char *want_error;
    } cases[] = {
        {"{\"ok\":true}\n", true, 0, ""},
        {"{\"a\":1}\n{\"a\":2}\n{\"b\":\"c\",\"ok\":true}\n", true, 2, ""},
        {"{\"a\":1}\n{\"ok\":false,\"error\":\"it is so\"}\n", false, 1, "it is so"},
        {"{\"ok\":false,\"error\":\"\\u001b[2J\\u009b2J\\n\"}\n", false, 0, "?[2J??2J\n"},
        {"{\"ok\":false}\n", false, 0, "the relay refused and did not say why"},
        {"{\"a\":1}\n{\"a\"", false, 1, "the relay closed the connection before its answer was complete; try again"},
        {"", false, 0, "the relay closed the connection before its answer was complete; try again"},
        {"HTTP/1.1 400\r\n", false, 0, "the relay's answer makes no sense; is it of another version?"},
        {"[]\n", false, 0, "the relay's answer makes no sense; is it of another version?"},
    };
    int fd = open_well();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        answer_with(fd, cases[i].answer);
        char error[CONTROL_ERROR_MAX] = "";
        json_t *request = json_pack("{s:s}", "command", "ping"), *last = NULL;
        int rows = 0;
        bool ok = control_call(dir, request, count_row, &rows, &last, error);
        json_decref(request);
        assert_int_equal(ok, cases[i].want_ok);
        assert_int_equal(last != NULL, ok);
        assert_string_equal(error, cases[i].want_error);
        assert_int_equal(rows, cases[i].want_rows);
        json_decref(last);
    }
    (void)close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_dir, close_dir)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_open),       TEST(test_owner),    TEST(test_again),   TEST(test_full_backlog),
        TEST(test_in_the_way), TEST(test_no_relay), TEST(test_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
