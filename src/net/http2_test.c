// SPDX-License-Identifier: MIT
// The HTTP client in HTTP/2, against nghttpd (Debian's nghttp2-server), which gives uploads back. Skipped where that is
// not installed.
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/panic.h"
#include "net/http_talk.h"

static const char NGHTTPD[] = "/usr/sbin/nghttpd";

static struct authority authority;
static struct net_address server;
static pid_t server_pid;
static char key_path[256], cert_path[256];

static void save(const char *text, const char *name, char path[256]) {
    (void)snprintf(path, 256, "%s/%s", authority.folder, name);
    FILE *f = fopen(path, "w");
    ASSERT(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void wait_for_server(void) {
    uint64_t end = clock_mono_ms() + NEAR_PATIENCE_MS;
    bool there = false;
    while (!there && clock_mono_ms() < end) {
        struct sockaddr_storage ss;
        socklen_t len = net_address_to_sockaddr(&server, &ss);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        there = connect(fd, (struct sockaddr *)&ss, len) == 0;
        (void)close(fd);
        (void)usleep(20 * 1000);
    }
    ASSERT(there);
}

static int set_up(void **state) {
    authority_make(&authority);
    if (access(NGHTTPD, X_OK) != 0)
        return 0;
    save(authority.good->key_pem, "key.pem", key_path);
    save(authority.good->pem, "cert.pem", cert_path);
    (void)close(far_listen("127.0.0.1", &server)); // that is free
    char port[16];
    (void)snprintf(port, sizeof(port), "%u", (unsigned)server.port);
    const char *argv[] = {"nghttpd",       "-a", "127.0.0.1", "-d",      authority.folder,
                          "--echo-upload", port, key_path,    cert_path, NULL};
    ASSERT(posix_spawn(&server_pid, NGHTTPD, NULL, NULL, (char *const *)(void *)argv, environ) == 0);
    wait_for_server();
    return 0;
}

static int tear_down(void **state) {
    if (server_pid > 0) {
        (void)kill(server_pid, SIGTERM);
        (void)waitpid(server_pid, NULL, 0);
        (void)unlink(key_path);
        (void)unlink(cert_path);
    }
    authority_free(&authority);
    return 0;
}

struct scene {
    struct loop *loop;
    struct http_client *client;
};

static void open_scene(struct scene *s) {
    if (server_pid == 0)
        skip();
    s->loop = loop_new();
    s->client = http_client_new(s->loop, &(struct http_client_settings){.tls = authority.tls});
}

static void close_scene(struct scene *s) {
    http_client_free(s->client);
    loop_free(s->loop);
}

static void prepare(struct talk *t, struct scene *s, const char *path, uint64_t body_len) {
    talk_prepare(t, s->client, &server, path);
    t->s.version = HTTP_VERSION_2;
    t->s.method = body_len > 0 ? "POST" : "GET";
    t->s.body_len = body_len;
}

static void test_requests(void **state) {
    static const struct {
        const char *path;
        uint64_t body_len;
        int waits;
        size_t max_answer;
        enum http_outcome outcome;
        unsigned status;
    } cases[] = {
        {"/cert.pem", 0, 0, 4000, HTTP_ANSWERED, 200},      {"/none", 0, 0, 4000, HTTP_ANSWERED, 404},
        {"/up", 3000, 0, 4000, HTTP_ANSWERED, 200},         {"/up", 3000, 2, 4000, HTTP_ANSWERED, 200},
        {"/up", 2 << 20, 200, 3 << 20, HTTP_ANSWERED, 200}, {"/up", 20000, 0, 4000, HTTP_FAILED_TOO_LARGE, 200},
        {"/up", 3000, 0, 4000, HTTP_ANSWERED, 200},
    };
    struct scene s;
    open_scene(&s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct talk t;
        prepare(&t, &s, cases[i].path, cases[i].body_len);
        t.waits = cases[i].waits;
        t.s.max_answer = cases[i].max_answer;
        talk_run(&t, s.loop);
        if (t.outcome != cases[i].outcome || t.status != cases[i].status || t.given != cases[i].body_len)
            fail_msg("case %zu: got %d %u \"%s\" after %llu octets", i, (int)t.outcome, t.status, t.why,
                     (unsigned long long)t.given);
        assert_int_equal(t.reused, i > 0);
    }
    close_scene(&s);
}

// All of them share one connection.
static void test_many_at_once(void **state) {
    enum { MANY = 50 };
    static struct talk talks[MANY];
    struct scene s;
    int connects = 0;
    open_scene(&s);
    for (int i = 0; i < MANY; i++) {
        prepare(&talks[i], &s, "/up", 2000);
        talks[i].waits = i % 3 == 0 ? 2 : 0;
        talk_start(&talks[i], s.loop);
    }
    for (int i = 0; i < MANY; i++) {
        assert_true(near_until(s.loop, &talks[i].done, NEAR_PATIENCE_MS));
        assert_int_equal(talks[i].status, 200);
        connects += !talks[i].reused;
        loop_timer_done(&talks[i].timer);
    }
    assert_int_equal(connects, 1);
    close_scene(&s);
}

static void test_cancel(void **state) {
    struct scene s;
    open_scene(&s);
    for (int ms = 0; ms < 30; ms += 3) {
        struct talk t;
        bool never = false;
        prepare(&t, &s, "/up", 2 << 20);
        t.s.max_answer = 3 << 20;
        talk_start(&t, s.loop);
        (void)near_until(s.loop, &t.done, ms);
        if (!t.done)
            http_call_cancel(t.call);
        bool was_done = t.done;
        (void)near_until(s.loop, &never, 10);
        assert_int_equal(t.done, was_done);
    }
    close_scene(&s);
}

static void test_older_version(void **state) {
    struct scene s;
    struct talk t;
    open_scene(&s);
    prepare(&t, &s, "/cert.pem", 0);
    t.s.version = HTTP_VERSION_1_1; // this server has only the other
    talk_run(&t, s.loop);
    assert_true(t.outcome != HTTP_ANSWERED);
    close_scene(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_older_version),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
