// SPDX-License-Identifier: MIT
// A TURN server on loops and clients of it on sockets of their own, over loopback. For tests.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/address.h"
#include "turn/message.h"
#include "turn/turn.h"

struct config;
struct loop;

enum { FIXTURE_LOOPS = 2, FIXTURE_PACKET_MAX = 4096 };

struct fixture {
    struct loop *loops[FIXTURE_LOOPS];
    struct turn_server *server;
    struct config *config;
    uint8_t secret[TURN_SECRET_LEN];
    int door_fds[FIXTURE_LOOPS][2];
    struct net_address doors[FIXTURE_LOOPS][2]; // of each loop: IPv4, IPv6 (all zero when there is none)
    int64_t wall_s;
    uint64_t mono_us;
};

// Sockets on 127.0.0.1 and ::1, or on all addresses; settings are "key=value", NULL-terminated. The clocks stand still.
void fixture_start(struct fixture *f, const char *const *settings);
void fixture_start_wildcard(struct fixture *f, const char *const *settings);
void fixture_stop(struct fixture *f);
void fixture_reload(struct fixture *f, const char *const *settings);
// Runs what is ready on all loops.
void fixture_run(struct fixture *f);
// Moves both clocks. What expires is looked at when it is next asked for, or by fixture_sweep().
void fixture_pass(struct fixture *f, int64_t seconds);

struct client {
    struct fixture *f;
    int fd;
    struct net_address address, server;
    char username[64];
    char password[32];
    char realm[128], nonce[64];
    size_t realm_len, nonce_len;
    uint8_t key[TURN_KEY_LEN];
    uint8_t id[TURN_ID_LEN]; // of the last request
    bool impatient;          // does not wait for what may not come; see client_receive()
};

// A socket on `ip` that speaks to the server's socket of that family on loop `index`.
void client_open(struct client *c, struct fixture *f, const char *ip, size_t index);
void client_close(struct client *c);
// Gives it credentials that are good for `seconds`, and a user name of its own by the suffix ("" for none).
void client_credentials(struct client *c, int64_t seconds, const char *suffix);
// Asks once without credentials, and so learns realm and nonce.
void client_learn(struct client *c);

void client_send(struct client *c, struct slice datagram);
void client_send_to(struct client *c, const struct net_address *to, struct slice datagram);

struct received {
    uint8_t mem[FIXTURE_PACKET_MAX];
    size_t len;
    struct net_address from;
    struct turn_message m; // when `is_message`
    bool is_message;
};
// Runs the loops, then takes the next datagram. On a busy machine it may need a moment even over loopback: unless the
// client is impatient, half a second passes before the answer is false, there is none.
bool client_receive(struct client *c, struct received *ret);

// A request under way: put attributes into `w`, then client_ask().
struct ask {
    uint8_t mem[FIXTURE_PACKET_MAX];
    struct turn_writer w;
};
// With a new transaction id.
void ask_begin(struct ask *a, struct client *c, uint16_t method);
// Adds USERNAME, REALM, NONCE and MESSAGE-INTEGRITY, sends, receives. 0 for a success, else the error code; -1: no
// answer. Checks that the answer is one to this request, and that it is signed when it should be.
int client_ask(struct client *c, struct ask *a, struct received *ret);
// The same without credentials.
int client_ask_bare(struct client *c, struct ask *a, struct received *ret);

// Short forms. Return as client_ask().
int client_allocate(struct client *c, struct net_address *ret_relayed);
int client_permit(struct client *c, const struct net_address *peer);
int client_bind(struct client *c, uint16_t channel, const struct net_address *peer);
int client_refresh(struct client *c, uint32_t lifetime);
void client_send_data(struct client *c, const struct net_address *peer, struct slice data);
void client_send_channel(struct client *c, uint16_t channel, struct slice data);
// The next datagram is a Data indication of this peer, or ChannelData of this channel, with this data.
bool client_gets_data(struct client *c, const struct net_address *peer, const char *data);
bool client_gets_channel(struct client *c, uint16_t channel, const char *data);
bool client_gets(struct client *c, const char *datagram);
bool client_gets_nothing(struct client *c);

struct net_address address_of(const char *ip, uint16_t port);
bool has_ipv6(void);
