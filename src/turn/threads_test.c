// SPDX-License-Identifier: MIT
// The server on loops that run in threads of their own, while it is asked, reloaded and stopped from another one; the
// sanitizers watch.
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/metrics.h"
#include "config/config.h"
#include "net/loop.h"
#include "net/udp.h"
#include "turn/credential.h"
#include "turn/message.h"
#include "turn/turn.h"

enum { LOOPS = 2, CLIENTS = 4, ROUNDS = 40, TRIES = 6000 };

struct rig {
    struct loop *loops[LOOPS];
    pthread_t threads[LOOPS];
    struct turn_server *server;
    struct net_address doors[LOOPS];
    int fds[LOOPS];
    atomic_uint allocated, relayed;
};

struct user {
    pthread_t thread;
    struct rig *rig;
    size_t door;
    int fd;
    uint32_t number;
    char username[32];
    char nonce[64];
    size_t nonce_len;
    uint8_t key[TURN_KEY_LEN];
};

static const uint8_t SECRET[TURN_SECRET_LEN] = {1, 2, 3};

static struct config *config_of(const char *setting) {
    const char *const settings[] = {"mail_domain=relay.example", "turn_allowed_peers=127.9.0.0/16", setting, NULL};
    struct config *c = config_parse(SLICE_EMPTY, "test", settings, NULL, NULL);
    assert_non_null(c);
    return c;
}

static int bind_loopback(struct net_address *ret) {
    struct net_address a = {.port = 0};
    if (!net_address_parse(SLICE("127.0.0.1"), &a))
        return -1;
    int fd = udp_bind(&a);
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    if (fd >= 0 && getsockname(fd, (struct sockaddr *)&sa, &len) == 0)
        *ret = net_address_from_sockaddr((struct sockaddr *)&sa);
    return fd;
}

static void *run_loop(void *arg) {
    loop_run(arg);
    return NULL;
}

// ---- a client; what it asks may be lost or refused ----

static void begin(struct user *u, struct turn_writer *w, uint8_t mem[512], uint16_t method) {
    uint8_t id[TURN_ID_LEN] = {0};
    u->number++;
    memcpy(id, &u->number, sizeof(u->number));
    turn_writer_begin(w, mem, 512, TURN_REQUEST, method, id);
}

static ssize_t ask(struct user *u, struct turn_writer *w, uint8_t ret[2048]) {
    if (u->nonce_len > 0) {
        turn_put_octets(w, TURN_USERNAME, slice_from_cstr(u->username));
        turn_put_octets(w, TURN_REALM, SLICE("relay.example"));
        turn_put_octets(w, TURN_NONCE, slice_make(u->nonce, u->nonce_len));
        turn_put_integrity(w, u->key);
    }
    struct slice datagram = turn_writer_end(w);
    (void)send(u->fd, datagram.ptr, datagram.len, 0);
    for (int tries = 0; tries < TRIES; tries++) {
        ssize_t n = recv(u->fd, ret, 2048, MSG_DONTWAIT);
        if (n >= 0)
            return n;
        (void)usleep(500);
    }
    return -1;
}

static bool allocate(struct user *u) {
    uint8_t mem[512], got[2048];
    struct turn_writer w;
    struct turn_message m;
    for (int tries = 0; tries < 3; tries++) {
        begin(u, &w, mem, TURN_ALLOCATE);
        turn_put_octets(&w, TURN_REQUESTED_TRANSPORT, SLICE("\x11\0\0\0"));
        ssize_t n = ask(u, &w, got);
        if (n < 0 || !turn_message_parse(slice_make((char *)got, (size_t)n), &m))
            continue;
        if (m.class == TURN_SUCCESS)
            return true;
        if (m.error_code == 401 && m.nonce.len < sizeof(u->nonce))
            memcpy(u->nonce, m.nonce.ptr, u->nonce_len = m.nonce.len);
    }
    return false;
}

// Binds a channel to a peer, lets it have something, ends the allocation.
static bool use(struct user *u) {
    uint8_t mem[512], got[2048];
    struct turn_writer w;
    struct net_address peer;
    bool passed = false;
    if (!net_address_parse(SLICE("127.9.0.1"), &peer))
        return false;
    peer.port = 0;
    int fd = udp_bind(&peer);
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    if (fd >= 0 && getsockname(fd, (struct sockaddr *)&sa, &len) == 0) {
        peer = net_address_from_sockaddr((struct sockaddr *)&sa);
        begin(u, &w, mem, TURN_CHANNEL_BIND);
        turn_put_channel(&w, 0x4000);
        turn_put_address(&w, TURN_XOR_PEER_ADDRESS, &peer);
        (void)ask(u, &w, got);
        (void)send(u->fd, "\x40\0\0\5hello", 9, 0);
        for (int tries = 0; tries < TRIES && !passed; tries++) {
            passed = recv(fd, got, sizeof(got), MSG_DONTWAIT) == 5;
            if (!passed)
                (void)usleep(500);
        }
    }
    if (fd >= 0)
        (void)close(fd);
    begin(u, &w, mem, TURN_REFRESH);
    turn_put_u32(&w, TURN_LIFETIME, 0);
    (void)ask(u, &w, got);
    return passed;
}

static void *run_user(void *arg) {
    struct user *u = arg;
    struct slice secret = slice_make((const char *)SECRET, sizeof(SECRET));
    for (size_t round = 0; round < ROUNDS; round++) {
        struct net_address local;
        u->fd = bind_loopback(&local);
        struct sockaddr_storage sa;
        socklen_t len = net_address_to_sockaddr(&u->rig->doors[(u->door + round) % LOOPS], &sa);
        struct turn_credential c;
        turn_credential_make(secret, (int64_t)time(NULL) - (int64_t)u->door, &c);
        memcpy(u->username, c.username, sizeof(c.username));
        turn_credential_key(secret, slice_from_cstr(u->username), SLICE("relay.example"), u->key);
        u->nonce_len = 0;
        if (u->fd >= 0 && connect(u->fd, (struct sockaddr *)&sa, len) == 0 && allocate(u)) {
            atomic_fetch_add(&u->rig->allocated, 1);
            if (use(u))
                atomic_fetch_add(&u->rig->relayed, 1);
        }
        (void)close(u->fd);
    }
    return NULL;
}

// ---- the rig ----

static void rig_start(struct rig *g) {
    struct config *config = config_of("turn=yes");
    for (size_t i = 0; i < LOOPS; i++)
        g->loops[i] = loop_new();
    struct turn_settings s = {.loops = g->loops, .n_loops = LOOPS, .config = config};
    memcpy(s.secret, SECRET, sizeof(SECRET));
    g->server = turn_server_new(&s);
    config_free(config);
    for (size_t i = 0; i < LOOPS; i++) {
        g->fds[i] = bind_loopback(&g->doors[i]);
        assert_true(g->fds[i] >= 0 && turn_server_add_socket(g->server, g->fds[i], g->loops[i]));
    }
    for (size_t i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_create(&g->threads[i], NULL, run_loop, g->loops[i]), 0);
}

struct stop {
    struct loop_task task;
    struct rig *rig;
    struct loop *loop;
};

static void on_stop(struct loop_task *task) {
    struct stop *s = CONTAINER_OF(task, struct stop, task);
    turn_server_stop(s->rig->server, s->loop);
    loop_stop(s->loop);
}

static void rig_stop(struct rig *g) {
    struct stop stops[LOOPS];
    for (size_t i = 0; i < LOOPS; i++) {
        stops[i] = (struct stop){{.run = on_stop}, g, g->loops[i]};
        loop_post(g->loops[i], &stops[i].task);
    }
    for (size_t i = 0; i < LOOPS; i++)
        assert_int_equal(pthread_join(g->threads[i], NULL), 0);
    // A reload at the last moment.
    struct config *config = config_of("turn=yes");
    turn_server_reload(g->server, config);
    config_free(config);
    assert_int_equal(turn_server_allocations(g->server), 0);
    turn_server_free(g->server);
    for (size_t i = 0; i < LOOPS; i++) {
        loop_free(g->loops[i]);
        assert_int_equal(close(g->fds[i]), 0);
    }
}

static void test_threads(void **state) {
    struct rig g = {0};
    struct user users[CLIENTS];
    rig_start(&g);
    for (size_t i = 0; i < CLIENTS; i++) {
        users[i] = (struct user){.rig = &g, .door = i};
        assert_int_equal(pthread_create(&users[i].thread, NULL, run_user, &users[i]), 0);
    }
    for (int i = 0; i < 100; i++) {
        char text[TURN_CREDENTIALS_MAX];
        assert_true(turn_credentials(g.server, text));
        struct config *config = config_of(i % 2 == 0 ? "turn_bandwidth=2M" : "turn_total_bandwidth=9M");
        turn_server_reload(g.server, config);
        config_free(config);
        (void)turn_server_allocations(g.server);
        (void)metrics_read_sum("martlet_turn_relayed_bytes");
        (void)usleep(1000);
    }
    for (size_t i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_join(users[i].thread, NULL), 0);
    assert_true(atomic_load(&g.allocated) > CLIENTS * ROUNDS / 2);
    assert_true(atomic_load(&g.relayed) > CLIENTS * ROUNDS / 2);
    rig_stop(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
