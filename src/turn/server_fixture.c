// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "net/loop.h"
#include "net/udp.h"
#include "turn/credential.h"
#include "turn/server_fixture.h"

enum { WAIT_STEP_MS = 2, WAIT_MAX_MS = 60 * 1000 };

struct net_address address_of(const char *ip, uint16_t port) {
    struct net_address a = {.port = port};
    assert_true(net_address_parse(slice_from_cstr(ip), &a));
    return a;
}

bool has_ipv6(void) {
    struct net_address a = address_of("::1", 0);
    int fd = udp_bind(&a);
    if (fd >= 0)
        (void)close(fd);
    return fd >= 0;
}

// ---- the server ----

static struct config *config_of(const char *const *settings) {
    const char *all[32] = {"mail_domain=relay.example"};
    size_t n = 1;
    for (; settings != NULL && *settings != NULL; settings++) {
        assert_true(n < ARRAY_LEN(all) - 1);
        all[n++] = *settings;
    }
    struct config *c = config_parse(SLICE_EMPTY, "test", all, NULL, NULL);
    assert_non_null(c);
    return c;
}

static void open_door(struct fixture *f, size_t loop, size_t family, const char *ip) {
    struct net_address a = address_of(ip, 0);
    int fd = udp_bind(&a);
    f->door_fds[loop][family] = fd;
    if (fd < 0)
        return;
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    f->doors[loop][family] = net_address_from_sockaddr((struct sockaddr *)&sa);
    assert_true(turn_server_add_socket(f->server, fd, f->loops[loop]));
}

static void start(struct fixture *f, const char *const *settings, const char *ipv4, const char *ipv6) {
    *f = (struct fixture){.wall_s = 1800000000, .mono_us = 1000ULL * 1000 * 1000};
    clock_set_fake(f->mono_us, f->wall_s);
    memset(f->secret, 0x5a, sizeof(f->secret));
    for (size_t i = 0; i < FIXTURE_LOOPS; i++)
        f->loops[i] = loop_new();
    f->config = config_of(settings);
    struct turn_settings s = {.loops = f->loops, .n_loops = FIXTURE_LOOPS, .config = f->config};
    memcpy(s.secret, f->secret, sizeof(s.secret));
    f->server = turn_server_new(&s);
    for (size_t i = 0; i < FIXTURE_LOOPS; i++) {
        open_door(f, i, 0, ipv4);
        open_door(f, i, 1, ipv6);
    }
}

void fixture_start(struct fixture *f, const char *const *settings) {
    start(f, settings, "127.0.0.1", "::1");
}

void fixture_start_wildcard(struct fixture *f, const char *const *settings) {
    start(f, settings, "0.0.0.0", "::");
}

void fixture_stop(struct fixture *f) {
    turn_server_free(f->server);
    for (size_t i = 0; i < FIXTURE_LOOPS; i++) {
        loop_free(f->loops[i]);
        for (size_t k = 0; k < 2; k++)
            if (f->door_fds[i][k] >= 0)
                assert_int_equal(close(f->door_fds[i][k]), 0);
    }
    config_free(f->config);
    clock_use_real();
}

void fixture_reload(struct fixture *f, const char *const *settings) {
    struct config *next = config_of(settings);
    turn_server_reload(f->server, next);
    config_free(f->config);
    f->config = next;
    fixture_run(f);
}

void fixture_run(struct fixture *f) {
    // A datagram may go from one loop to the other and back.
    for (size_t round = 0; round < 3; round++)
        for (size_t i = 0; i < FIXTURE_LOOPS; i++)
            loop_run_ready(f->loops[i]);
}

void fixture_pass(struct fixture *f, int64_t seconds) {
    f->wall_s += seconds;
    f->mono_us += (uint64_t)seconds * 1000 * 1000;
    clock_set_fake(f->mono_us, f->wall_s);
}

// ---- clients ----

void client_open(struct client *c, struct fixture *f, const char *ip, size_t index) {
    *c = (struct client){.f = f};
    struct net_address a = address_of(ip, 0);
    c->fd = udp_bind(&a);
    assert_true(c->fd >= 0);
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    assert_int_equal(getsockname(c->fd, (struct sockaddr *)&sa, &len), 0);
    c->address = net_address_from_sockaddr((struct sockaddr *)&sa);
    bool ipv4 = net_address_is_ipv4(&a);
    c->server = address_of(ipv4 ? "127.0.0.1" : "::1", f->doors[index][ipv4 ? 0 : 1].port);
    assert_true(c->server.port != 0);
    client_credentials(c, 3600, "");
}

void client_close(struct client *c) {
    assert_int_equal(close(c->fd), 0);
}

static void make_key(struct client *c) {
    turn_credential_key(slice_make((const char *)c->f->secret, sizeof(c->f->secret)), slice_from_cstr(c->username),
                        slice_from_cstr("relay.example"), c->key);
}

void client_credentials(struct client *c, int64_t seconds, const char *suffix) {
    (void)snprintf(c->username, sizeof(c->username), "%" PRId64 "%s", c->f->wall_s + seconds, suffix);
    make_key(c);
}

void client_send_to(struct client *c, const struct net_address *to, struct slice datagram) {
    struct sockaddr_storage sa;
    socklen_t len = net_address_to_sockaddr(to, &sa);
    assert_int_equal(sendto(c->fd, datagram.ptr, datagram.len, 0, (struct sockaddr *)&sa, len), datagram.len);
}

void client_send(struct client *c, struct slice datagram) {
    client_send_to(c, &c->server, datagram);
}

bool client_receive(struct client *c, struct received *ret) {
    struct sockaddr_storage sa;
    socklen_t len = sizeof(sa);
    ssize_t n = -1;
    for (int waited_ms = 0; n < 0; waited_ms += WAIT_STEP_MS) {
        fixture_run(c->f);
        n = recvfrom(c->fd, ret->mem, sizeof(ret->mem), MSG_DONTWAIT, (struct sockaddr *)&sa, &len);
        if (n < 0 && (c->impatient || waited_ms >= WAIT_MAX_MS))
            return false;
        if (n < 0)
            (void)usleep(WAIT_STEP_MS * 1000);
    }
    ret->len = (size_t)n;
    ret->from = net_address_from_sockaddr((struct sockaddr *)&sa);
    struct slice datagram = slice_make((const char *)ret->mem, ret->len);
    ret->is_message = turn_packet_kind(datagram) == TURN_KIND_STUN && turn_message_parse(datagram, &ret->m);
    return true;
}

void ask_begin(struct ask *a, struct client *c, uint16_t method) {
    static uint32_t number;
    number++;
    memcpy(c->id, &number, sizeof(number));
    turn_writer_begin(&a->w, a->mem, sizeof(a->mem), TURN_REQUEST, method, c->id);
}

static int send_and_receive(struct client *c, struct ask *a, struct received *ret) {
    struct slice datagram = turn_writer_end(&a->w);
    assert_true(datagram.len > 0);
    client_send(c, datagram);
    if (!client_receive(c, ret))
        return -1;
    assert_true(ret->is_message && !ret->m.malformed && ret->m.unknown_count == 0);
    assert_memory_equal(&ret->from, &c->server, sizeof(ret->from));
    assert_memory_equal(ret->m.id, datagram.ptr + 8, TURN_ID_LEN);
    assert_true(ret->m.class == TURN_SUCCESS || (ret->m.class == TURN_ERROR && (ret->m.has & TURN_HAS_ERROR_CODE)));
    return ret->m.class == TURN_SUCCESS ? 0 : ret->m.error_code;
}

int client_ask_bare(struct client *c, struct ask *a, struct received *ret) {
    return send_and_receive(c, a, ret);
}

int client_ask(struct client *c, struct ask *a, struct received *ret) {
    turn_put_octets(&a->w, TURN_USERNAME, slice_from_cstr(c->username));
    turn_put_octets(&a->w, TURN_REALM, slice_make(c->realm, c->realm_len));
    turn_put_octets(&a->w, TURN_NONCE, slice_make(c->nonce, c->nonce_len));
    turn_put_integrity(&a->w, c->key);
    int code = send_and_receive(c, a, ret);
    if (code >= 0 && code != 401 && code != 438 && !(code == 400 && !(ret->m.has & TURN_HAS_INTEGRITY)))
        assert_true(turn_message_verify(&ret->m, c->key));
    return code;
}

void client_learn(struct client *c) {
    struct ask a;
    struct received r;
    ask_begin(&a, c, TURN_ALLOCATE);
    turn_put_octets(&a.w, TURN_REQUESTED_TRANSPORT, SLICE("\x11\0\0\0"));
    assert_int_equal(client_ask_bare(c, &a, &r), 401);
    assert_true(r.m.realm.len < sizeof(c->realm) && r.m.nonce.len < sizeof(c->nonce));
    memcpy(c->realm, r.m.realm.ptr, c->realm_len = r.m.realm.len);
    memcpy(c->nonce, r.m.nonce.ptr, c->nonce_len = r.m.nonce.len);
}

// ---- short forms ----

int client_allocate(struct client *c, struct net_address *ret_relayed) {
    struct ask a;
    struct received r;
    if (c->nonce_len == 0)
        client_learn(c);
    ask_begin(&a, c, TURN_ALLOCATE);
    turn_put_octets(&a.w, TURN_REQUESTED_TRANSPORT, SLICE("\x11\0\0\0"));
    if (!net_address_is_ipv4(&c->server))
        turn_put_octets(&a.w, TURN_REQUESTED_ADDRESS_FAMILY, SLICE("\x02\0\0\0"));
    int code = client_ask(c, &a, &r);
    if (code == 0 && ret_relayed != NULL)
        *ret_relayed = r.m.relayed.address;
    return code;
}

int client_permit(struct client *c, const struct net_address *peer) {
    struct ask a;
    struct received r;
    ask_begin(&a, c, TURN_CREATE_PERMISSION);
    turn_put_address(&a.w, TURN_XOR_PEER_ADDRESS, peer);
    return client_ask(c, &a, &r);
}

int client_bind(struct client *c, uint16_t channel, const struct net_address *peer) {
    struct ask a;
    struct received r;
    ask_begin(&a, c, TURN_CHANNEL_BIND);
    turn_put_channel(&a.w, channel);
    turn_put_address(&a.w, TURN_XOR_PEER_ADDRESS, peer);
    return client_ask(c, &a, &r);
}

int client_refresh(struct client *c, uint32_t lifetime) {
    struct ask a;
    struct received r;
    ask_begin(&a, c, TURN_REFRESH);
    turn_put_u32(&a.w, TURN_LIFETIME, lifetime);
    int code = client_ask(c, &a, &r);
    return code != 0 ? code : lifetime == 0 || r.m.lifetime >= 600 ? 0 : -2;
}

void client_send_data(struct client *c, const struct net_address *peer, struct slice data) {
    uint8_t mem[FIXTURE_PACKET_MAX];
    struct turn_writer w;
    turn_writer_begin(&w, mem, sizeof(mem), TURN_INDICATION, TURN_SEND, c->id);
    turn_put_address(&w, TURN_XOR_PEER_ADDRESS, peer);
    turn_put_octets(&w, TURN_DATA_ATTRIBUTE, data);
    client_send(c, turn_writer_end(&w));
}

void client_send_channel(struct client *c, uint16_t channel, struct slice data) {
    uint8_t mem[TURN_HEADROOM + FIXTURE_PACKET_MAX];
    memcpy(mem + TURN_HEADROOM, data.ptr, data.len);
    client_send(c, turn_wrap_channel(mem + TURN_HEADROOM, data.len, channel));
}

bool client_gets_data(struct client *c, const struct net_address *peer, const char *data) {
    struct received r;
    return client_receive(c, &r) && r.is_message && r.m.class == TURN_INDICATION && r.m.method == TURN_DATA &&
           memcmp(&r.m.peer.address, peer, sizeof(*peer)) == 0 && slice_eq(r.m.data, slice_from_cstr(data));
}

bool client_gets_channel(struct client *c, uint16_t channel, const char *data) {
    struct received r;
    uint16_t number;
    struct slice got;
    return client_receive(c, &r) && turn_channel_parse(slice_make((const char *)r.mem, r.len), &number, &got) &&
           number == channel && slice_eq(got, slice_from_cstr(data));
}

bool client_gets(struct client *c, const char *datagram) {
    struct received r;
    return client_receive(c, &r) && slice_eq(slice_make((const char *)r.mem, r.len), slice_from_cstr(datagram));
}

bool client_gets_nothing(struct client *c) {
    struct received r;
    bool before = c->impatient;
    c->impatient = true;
    bool nothing = !client_receive(c, &r);
    c->impatient = before;
    return nothing;
}
