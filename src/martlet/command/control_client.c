// SPDX-License-Identifier: MIT
#include "martlet/command/control_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/printable.h"
#include "martlet/command/control_socket.h"

enum { SILENCE_MAX_S = 30, LINE_MAX_LEN = 1024 * 1024, READ_STEP = 16 * 1024 };

PRINTF_LIKE(2, 3) static bool fail(char *ret_error, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(ret_error, CONTROL_ERROR_MAX, fmt, args);
    va_end(args);
    printable_make(ret_error); // the last character may have been cut
    return false;
}

static bool explain(const char *dir, char *ret_error) {
    switch (errno) {
    case ENOENT:
    case ECONNREFUSED:
        return fail(ret_error, "no relay runs with the state directory %.300s; start it first", dir);
    case EACCES:
    case EPERM:
        return fail(ret_error, "only root and the relay's own user may speak to the relay of %.300s; try sudo", dir);
    case EAGAIN:
        return fail(ret_error, "the relay does not answer (waited %d s): see its log, or restart the service",
                    SILENCE_MAX_S);
    default:
        return fail(ret_error, "the relay of %.300s cannot be reached: %s", dir, strerror(errno));
    }
}

// -1 with a sentence, and errno.
static int connect_to(const char *dir, char *ret_error) {
    int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = dir_fd >= 0 ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    struct timeval limit = {.tv_sec = SILENCE_MAX_S};
    bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0 &&
              setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) == 0 && control_socket_connect(fd, dir_fd);
    int why = errno;
    if (!ok) {
        (void)explain(dir, ret_error);
        if (fd >= 0)
            (void)close(fd);
        fd = -1;
    }
    if (dir_fd >= 0)
        (void)close(dir_fd);
    errno = why;
    return fd;
}

bool control_is_absent(const char *state_dir) {
    char error[CONTROL_ERROR_MAX];
    int fd = connect_to(state_dir, error);
    bool is_absent = fd < 0 && (errno == ENOENT || errno == ECONNREFUSED);
    if (fd >= 0)
        (void)close(fd);
    return is_absent;
}

static bool send_request(int fd, const json_t *request, const char *dir, char *ret_error) {
    char *text = json_dumps(request, JSON_COMPACT);
    if (text == NULL)
        return fail(ret_error, "the request is not text in UTF-8");
    struct slice left = slice_from_cstr(text);
    size_t len = left.len;
    text[len] = '\n'; // in the place of the terminating NUL
    left.len++;
    while (left.len > 0) {
        ssize_t n = send(fd, left.ptr, left.len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            break;
        left = slice_sub(left, n > 0 ? (size_t)n : 0, left.len);
    }
    free(text);
    return left.len == 0 || explain(dir, ret_error);
}

struct answer {
    void (*on_row)(void *arg, const json_t *row);
    void *arg;
    json_t *last; // once it is there
};

// The relay is not root, as the operator may be whose terminal shows what it says. False for a key that is not
// printable: no relay has one.
static bool make_printable(json_t *value) {
    size_t i;
    const char *key;
    json_t *inner;
    bool ok = true;
    if (json_is_string(value)) {
        char *text = slice_dup(slice_from_cstr(json_string_value(value)));
        printable_make(text);
        ASSERT(json_string_set(value, text) == 0);
        free(text);
    }
    json_array_foreach(value, i, inner) ok = make_printable(inner) && ok;
    json_object_foreach(value, key, inner) ok = printable_is(key) && make_printable(inner) && ok;
    return ok;
}

// False when the line is no part of an answer.
static bool take_line(struct answer *a, struct slice line) {
    json_t *row = json_loadb(line.ptr, line.len, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(row) || !make_printable(row)) {
        json_decref(row);
        return false;
    }
    if (json_object_get(row, "ok") != NULL) {
        a->last = row;
        return true;
    }
    if (a->on_row != NULL)
        a->on_row(a->arg, row);
    json_decref(row);
    return true;
}

static bool take_lines(struct answer *a, struct buf *in) {
    struct slice line, rest;
    while (a->last == NULL && slice_cut(buf_slice(in), '\n', &line, &rest)) {
        if (!take_line(a, line))
            return false;
        buf_consume(in, line.len + 1);
    }
    return true;
}

static bool read_answer(int fd, struct answer *a, const char *dir, char *ret_error) {
    struct buf in;
    buf_init(&in, LINE_MAX_LEN);
    bool ok = true;
    while (ok && a->last == NULL) {
        char piece[READ_STEP];
        ssize_t n = recv(fd, piece, sizeof(piece), 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            ok = explain(dir, ret_error);
        else if (n == 0)
            ok = fail(ret_error, "the relay closed the connection before its answer was complete; try again");
        else if (!buf_append(&in, piece, (size_t)n) || !take_lines(a, &in))
            ok = fail(ret_error, "the relay's answer makes no sense; is it of another version?");
    }
    buf_done(&in);
    return ok;
}

bool control_call(const char *state_dir, const json_t *request, void (*on_row)(void *arg, const json_t *row), void *arg,
                  json_t **ret_last, char ret_error[CONTROL_ERROR_MAX]) {
    int fd = connect_to(state_dir, ret_error);
    if (fd < 0)
        return false;
    struct answer a = {.on_row = on_row, .arg = arg};
    bool ok = send_request(fd, request, state_dir, ret_error) && read_answer(fd, &a, state_dir, ret_error);
    (void)close(fd);
    if (ok && !json_is_true(json_object_get(a.last, "ok"))) {
        const char *why = json_string_value(json_object_get(a.last, "error"));
        ok = fail(ret_error, "%s", why != NULL ? why : "the relay refused and did not say why");
    }
    if (ok && ret_last != NULL)
        *ret_last = a.last;
    else
        json_decref(a.last);
    return ok;
}
