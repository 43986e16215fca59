// SPDX-License-Identifier: MIT
// Other mail servers in memory, for tests of the queue: a route finder and two transports that do what a test says.
//
// Routes: a destination has the hosts "mx1.<destination>" and, when it begins with "two", "mx2.<destination>".
// "nx..." does not exist (512), "dns..." cannot be resolved now (421), "silent..." is never answered.
//
// What a host does with a letter:
//   "mixed"         recipients "bad..." get 550, "later..." 450, all others 250
//   "ok"            250 for everybody
//   "450 ...", any other reply    for everybody
//   "refused"       no connection
//   "tls"           a connection without TLS
//   "lost"          the message arrives, and the connection is gone
//   "hang"          no answer ever
//   "hold"          "mixed", when peers_let_go() is called
//   "dies"          "mixed", then the connection is gone
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "queue/courier.h"

struct peers_rule {
    char host[64]; // "": any
    char how[COURIER_TRANSPORTS][80];
};

struct peers {
    struct loop *loop;
    struct transport transports[COURIER_TRANSPORTS];
    struct peers_rule rules[32]; // the last that fits holds
    size_t n_rules;
    char log[16384];    // "SMTP mx1.b.test a@b.test,b@b.test=250,550;"
    struct buf message; // the last one, whole
    size_t n_channels, n_sending, n_sent, n_routes;
    struct list channels;
};

void peers_init(struct peers *p, struct loop *loop);
// Nothing is left open.
void peers_done(struct peers *p);
// From now on; "" for any host. NULL: as before.
void peers_set(struct peers *p, const char *host, const char *https, const char *smtp);
void peers_let_go(struct peers *p);
// What is held or hangs breaks off.
void peers_break(struct peers *p);
// Takes the log.
const char *peers_log(struct peers *p);
