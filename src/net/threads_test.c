// SPDX-License-Identifier: MIT
// All together, as in the relay: loops with a thread each, TLS clients in threads of their own, a certificate that is
// renewed meanwhile, work done elsewhere while a connection is paused. For the thread sanitizer above all.
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/listener.h"
#include "net/tls_fixture.h"
#include "net/worker.h"

enum { LOOPS = 2, CLIENTS = 3, VISITS = 30, WORDS = 5 };

static struct worker_pool *pool;
static atomic_int opened, closed;

struct session {
    struct conn *c;
    struct worker_job job;
    bool working;
    bool gone; // closed while working: the job's end frees
    char word[16];
    size_t len;
};

// Turns the word round.
static void work(struct worker_job *job) {
    struct session *s = CONTAINER_OF(job, struct session, job);
    for (size_t i = 0; i < s->len / 2; i++) {
        char c = s->word[i];
        s->word[i] = s->word[s->len - 1 - i];
        s->word[s->len - 1 - i] = c;
    }
}

static void worked(struct worker_job *job) {
    struct session *s = CONTAINER_OF(job, struct session, job);
    s->working = false;
    if (s->gone) {
        free(s);
        return;
    }
    conn_printf(s->c, "%.*s\n", (int)s->len, s->word);
    conn_resume(s->c);
}

static size_t on_read(void *session, const char *data, size_t len) {
    struct session *s = session;
    struct slice word, rest;
    if (!slice_cut(slice_make(data, len), '\n', &word, &rest))
        return 0;
    if (word.len == 0 || word.len > sizeof(s->word)) {
        conn_close(s->c);
        return len;
    }
    memcpy(s->word, word.ptr, word.len);
    s->len = word.len;
    s->working = true;
    conn_pause(s->c);
    worker_pool_submit(pool, conn_loop(s->c), &s->job);
    return word.len + 1;
}

static void on_timeout(void *session) {
    conn_close(((struct session *)session)->c);
}

static void on_close(void *session, enum conn_end why) {
    struct session *s = session;
    atomic_fetch_add(&closed, 1);
    s->gone = true;
    if (!s->working)
        free(s);
}

static void *on_open(void *arg, struct conn *c) {
    struct session *s = MEM_NEW(struct session);
    s->c = c;
    s->job.work = work;
    s->job.done = worked;
    atomic_fetch_add(&opened, 1);
    conn_set_timeout(c, 60000);
    return s;
}

static const struct conn_ops OPS = {.on_read = on_read, .on_timeout = on_timeout, .on_close = on_close};

struct visitor {
    pthread_t thread;
    struct sockaddr_in to;
    int failures;
};

static bool read_all(SSL *ssl, char *ptr, int len) {
    while (len > 0) {
        int n = SSL_read(ssl, ptr, len);
        if (n <= 0)
            return false;
        ptr += n;
        len -= n;
    }
    return true;
}

// Says its words at once, reads them back to front, and takes leave politely or not.
static bool visit(const struct visitor *v, SSL_CTX *ctx, int number) {
    char got[WORDS * 5];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    SSL *ssl = SSL_new(ctx);
    bool ok = connect(fd, (const struct sockaddr *)&v->to, sizeof(v->to)) == 0 && SSL_set_fd(ssl, fd) == 1 &&
              SSL_connect(ssl) == 1 && SSL_write(ssl, "ab00\nab11\nab22\nab33\nab44\n", WORDS * 5) == WORDS * 5;
    if (number % 3 > 0)
        ok = ok && read_all(ssl, got, WORDS * 5) && memcmp(got, "00ba\n11ba\n22ba\n33ba\n44ba\n", WORDS * 5) == 0;
    if (number % 3 == 1)
        ok = ok && SSL_write(ssl, "\n", 1) == 1 && SSL_read(ssl, got, 1) <= 0;
    SSL_free(ssl);
    (void)close(fd);
    return ok;
}

static void *run_visitor(void *arg) {
    struct visitor *v = arg;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    for (int i = 0; i < VISITS; i++)
        if (!visit(v, ctx, i))
            v->failures++;
    SSL_CTX_free(ctx);
    return NULL;
}

static void *run_loop(void *arg) {
    loop_run(arg);
    return NULL;
}

static void renew(struct tls_context *tls) {
    struct tls_settings next = {0};
    const char *error;
    tls_fixture_make("localhost", -60, 3600, &next.cert_pem, &next.key_pem);
    assert_true(tls_context_replace(tls, &next, &error));
}

static int listen_somewhere(struct sockaddr_in *ret_at) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(fd, 16), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    *ret_at = at;
    return fd;
}

static void test_all_together(void **state) {
    struct loop *loops[LOOPS] = {loop_new(), loop_new()};
    pthread_t threads[LOOPS];
    struct visitor visitors[CLIENTS] = {0};
    struct sockaddr_in at;
    int fd = listen_somewhere(&at);
    struct tls_context *tls = tls_fixture_new(NULL);
    struct conn_limits *limits = conn_limits_new(100, 100);
    struct service svc = {.tls_mode = LISTENER_IMPLICIT,
                          .tls = tls,
                          .limits = limits,
                          .handshake_timeout_ms = 60000,
                          .ops = &OPS,
                          .on_open = on_open};
    pool = worker_pool_new("test", 2);
    struct listener *l = listener_new(fd, loops[0], loops, LOOPS, &svc);
    for (int i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_loop, loops[i]), 0);
    for (int i = 0; i < CLIENTS; i++) {
        visitors[i].to = at;
        assert_int_equal(pthread_create(&visitors[i].thread, NULL, run_visitor, &visitors[i]), 0);
    }
    for (int i = 0; i < 20; i++) {
        renew(tls);
        (void)usleep(2000);
    }
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(pthread_join(visitors[i].thread, NULL), 0);
        assert_int_equal(visitors[i].failures, 0);
    }
    while (atomic_load(&opened) < CLIENTS * VISITS) // some did not wait for an answer
        (void)usleep(1000);
    for (int i = 0; i < LOOPS; i++)
        loop_stop(loops[i]);
    for (int i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    worker_pool_free(pool);
    listener_free(l);
    for (int i = 0; i < LOOPS; i++)
        loop_free(loops[i]);
    assert_int_equal(atomic_load(&opened), CLIENTS * VISITS);
    assert_int_equal(atomic_load(&closed), CLIENTS * VISITS);
    assert_int_equal(conn_count(), 0);
    conn_limits_free(limits);
    tls_context_free(tls);
    (void)close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_together)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
