// SPDX-License-Identifier: MIT
// What an idle TLS 1.3 client costs: a child process opens connections, speaks once on each and falls silent.
#include <arpa/inet.h>
#include <malloc.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/listener.h"
#include "net/tls_fixture.h"

enum { CLIENTS = 200, WANT_BYTES = 16 * 1024 };

struct counts {
    struct loop *loop;
    int echoed;
};

static struct counts counts;

static size_t on_read(void *session, const char *data, size_t len) {
    conn_write(session, data, len);
    if (++counts.echoed == CLIENTS)
        loop_stop(counts.loop);
    return len;
}

static void on_timeout(void *session) {
    conn_close(session);
}
static void on_close(void *session, enum conn_end why) {}

static void *on_open(void *arg, struct conn *c) {
    conn_set_timeout(c, 30 * 60 * 1000);
    return c;
}

static const struct conn_ops OPS = {.on_read = on_read, .on_timeout = on_timeout, .on_close = on_close};

static _Noreturn void run_clients(struct sockaddr_in to, int hold) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    for (int i = 0; i < CLIENTS; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        SSL *ssl = SSL_new(ctx);
        if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 || SSL_set_fd(ssl, fd) != 1 || SSL_connect(ssl) != 1 ||
            SSL_write(ssl, "hello\n", 6) != 6)
            _exit(1);
    }
    char end;
    _exit(read(hold, &end, 1) == 0 ? 0 : 1);
}

static size_t allocated(void) {
    struct mallinfo2 now = mallinfo2();
    return now.uordblks + now.hblkhd;
}

static void test_idle(void **state) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(here);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&here, sizeof(here)), 0);
    assert_int_equal(listen(fd, CLIENTS), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&here, &len), 0);
    int hold[2];
    assert_int_equal(pipe(hold), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)close(hold[1]);
        run_clients(here, hold[0]);
    }
    (void)close(hold[0]);

    struct tls_context *tls = tls_fixture_new(NULL);
    counts.loop = loop_new();
    struct service svc = {.name = "echo",
                          .tls_mode = LISTENER_IMPLICIT,
                          .tls = tls,
                          .handshake_timeout_ms = 60000,
                          .ops = &OPS,
                          .on_open = on_open};
    struct listener *l = listener_new(fd, counts.loop, &counts.loop, 1, &svc);
    size_t before = allocated();
    loop_run(counts.loop);
    loop_run_ready(counts.loop);
    assert_int_equal(conn_count(), CLIENTS);
    size_t each = (allocated() - before) / CLIENTS;
    print_message("# %zu octets for each idle connection\n", each);
    assert_in_range(each, 0, WANT_BYTES); // 0 under a sanitizer, which does its own allocating
    listener_free(l);
    loop_free(counts.loop);
    tls_context_free(tls);
    (void)close(fd);
    (void)close(hold[1]);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_idle)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
