// SPDX-License-Identifier: MIT
// The server under datagrams from anywhere: clients, with credentials and without, and peers; in any order, with time
// passing. All sockets are on 127.0.0.1, from where nothing leaves the machine.
//
// An input is a list of steps: an octet that says what, one that says how long, and that many octets.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"
#include "net/loop.h"
#include "net/udp.h"
#include "turn/allocation.h"
#include "turn/clients.h"
#include "turn/credential.h"
#include "turn/relay.h"
#include "turn/station.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    CLIENTS = 3,
    STEPS_MAX = 64,
    STEP_RAW = 0,    // a datagram as it is
    STEP_SIGNED = 1, // a message of this method, with these attributes, and credentials behind
    STEP_PEER = 2,   // a datagram to the client's allocation, from some peer
    STEP_TIME = 3,   // as many times 10 s pass
    STEP_KINDS = 4,  // the kind is what % STEP_KINDS, the client the rest
    WALL_S = 1800000000,
};

static struct loop *loop;
static struct turn_server *server;
static struct turn_door door;
static int64_t passed_s;

static const uint16_t methods[] = {TURN_BINDING,           TURN_ALLOCATE,     TURN_REFRESH,
                                   TURN_CREATE_PERMISSION, TURN_CHANNEL_BIND, TURN_SEND};

static void set_up(void) {
    static const char *const settings[] = {"mail_domain=relay.example", "max_turn_allocations=3",
                                           "turn_external_address=198.51.100.7", "turn_allowed_peers=127.9.0.0/16",
                                           NULL};
    struct config *config = config_parse(SLICE_EMPTY, "fuzz", settings, NULL, NULL);
    ASSERT(config != NULL);
    loop = loop_new();
    struct turn_settings s = {.loops = &loop, .n_loops = 1, .config = config};
    server = turn_server_new(&s);
    config_free(config);
    struct net_address a = {.port = 0};
    ASSERT(net_address_parse(SLICE("127.0.0.1"), &a));
    int fd = udp_bind(&a);
    ASSERT(fd >= 0);
    door.station = turn_server_station(server, loop);
    door.socket = udp_socket_new(loop, fd, UDP_OWNED, turn_clients_on_datagrams, &door);
}

static struct turn_tuple tuple_of(unsigned client) {
    struct turn_tuple t = {.local = *udp_socket_address(door.socket)};
    ASSERT(net_address_parse(SLICE("127.0.0.1"), &t.client));
    t.client.port = (uint16_t)(1 + client % CLIENTS); // where nobody listens
    return t;
}

// With the room around it that what was received has, and not an octet more.
static void deliver(udp_on_datagrams *to, void *arg, const struct turn_tuple *t, const void *data, size_t len) {
    uint8_t *mem = mem_alloc(UDP_HEADROOM + len + UDP_TAILROOM);
    if (len > 0)
        memcpy(mem + UDP_HEADROOM, data, len);
    struct udp_datagram d = {.data = mem + UDP_HEADROOM, .len = len, .peer = t->client, .local = t->local};
    to(arg, &d, 1);
    free(mem);
}

static void deliver_signed(const struct turn_tuple *t, const uint8_t *data, size_t len) {
    const struct turn_shared *shared = door.station->shared;
    struct slice secret = slice_make((const char *)shared->secret, sizeof(shared->secret));
    struct turn_credential c;
    turn_credential_make(secret, clock_wall_s(), &c);
    char nonce[TURN_NONCE_LEN];
    turn_nonce_make(slice_make((const char *)shared->nonce_secret, sizeof(shared->nonce_secret)), &t->client,
                    clock_wall_s(), nonce);
    struct slice username = SLICE("1800400000"), realm = slice_from_cstr(shared->realm);
    uint8_t mem[1024], key[TURN_KEY_LEN], id[TURN_ID_LEN] = {0};
    if (len > 1)
        id[0] = data[1];
    struct turn_writer w;
    uint16_t method = methods[data[0] % ARRAY_LEN(methods)];
    turn_writer_begin(&w, mem, sizeof(mem), method == TURN_SEND ? TURN_INDICATION : TURN_REQUEST, method, id);
    if (len > 2 && (len - 2) % 4 == 0) { // attributes, as they are
        memcpy(mem + w.len, data + 2, len - 2);
        w.len += len - 2;
    }
    turn_put_octets(&w, TURN_USERNAME, username);
    turn_put_octets(&w, TURN_REALM, realm);
    turn_put_octets(&w, TURN_NONCE, slice_make(nonce, sizeof(nonce)));
    turn_credential_key(secret, username, realm, key);
    turn_put_integrity(&w, key);
    struct slice datagram = turn_writer_end(&w);
    deliver(turn_clients_on_datagrams, &door, t, datagram.ptr, datagram.len);
}

// From 127.9.0.x, or from the relayed address of a client (what the first octet says).
static void deliver_from_peer(const struct turn_tuple *t, const uint8_t *data, size_t len) {
    struct turn_allocation *a = turn_station_find(door.station, t);
    if (a == NULL)
        return;
    struct turn_tuple from = {.local = a->port.address};
    ASSERT(net_address_parse(SLICE("127.9.0.1"), &from.client));
    from.client.ip[15] = data[0];
    from.client.port = 4000;
    struct turn_tuple other = tuple_of(data[0]);
    const struct turn_allocation *sender = turn_station_find(door.station, &other);
    if (data[0] < CLIENTS && sender != NULL)
        from.client = sender->port.address;
    deliver(turn_relay_from_peers, a, &from, data + 1, len - 1);
}

static void step(uint8_t what, const uint8_t *data, size_t len) {
    struct turn_tuple t = tuple_of(what / STEP_KINDS);
    switch (what % STEP_KINDS) {
    case STEP_RAW:
        deliver(turn_clients_on_datagrams, &door, &t, data, len);
        break;
    case STEP_SIGNED:
        if (len > 0)
            deliver_signed(&t, data, len);
        break;
    case STEP_PEER:
        if (len > 0)
            deliver_from_peer(&t, data, len);
        break;
    case STEP_TIME:
        passed_s += 10 * (int64_t)len;
        clock_set_fake((uint64_t)(1000 + passed_s) * 1000 * 1000, WALL_S + passed_s % 300000);
        turn_station_sweep(door.station);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    clock_set_fake((uint64_t)(1000 + passed_s) * 1000 * 1000, WALL_S);
    if (server == NULL)
        set_up();
    for (unsigned n = 0; size >= 2 && n < STEPS_MAX; n++) {
        uint8_t what = data[0];
        size_t len = data[1] < size - 2 ? data[1] : size - 2;
        step(what, data + 2, len);
        data += 2 + len;
        size -= 2 + len;
    }
    struct turn_policy on = door.station->policy, off = on;
    off.enabled = false;
    turn_station_set_policy(door.station, &off);
    turn_station_set_policy(door.station, &on);
    passed_s += 60;
    clock_set_fake((uint64_t)(1000 + passed_s) * 1000 * 1000, WALL_S);
    turn_station_sweep(door.station);
    loop_run_ready(loop);
    ASSERT(turn_server_allocations(server) == 0);
    return 0;
}
