// SPDX-License-Identifier: MIT
// For tests of the client: one channel to one scripted server, and the scripts of how most connections begin.
#pragma once

#include "smtp/client/peer.h"

enum { PATIENCE_MS = 60 * 1000 };

// Up to the second EHLO, whose reply says what is offered.
#define HELLO                                                                                                          \
    "S: 220 mx\nC: EHLO relay.test\nS: 250-mx\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\nC: EHLO relay.test\n"
#define STEPS HELLO "S: 250 mx\n"
#define GROUPED HELLO "S: 250-mx\nS: 250 PIPELINING\n"
#define CHUNKED HELLO "S: 250-mx\nS: 250-PIPELINING\nS: 250 CHUNKING\n"
#define MAIL "C: MAIL FROM:<alice@relay.test>\n"
#define RCPT(n) "C: RCPT TO:<user" #n "@b.example>\n"

struct client_world {
    struct loop *loop;
    struct config_holder *config;
    struct tls_client_context *tls;
    struct smtp_client *client;
    const struct transport *transport;
    struct transport_host host;
    struct peer peer;
    struct transport_channel *ch;
};

// `times` may be NULL: those of the service.
void client_world_open(struct client_world *w, const char *const *scripts, const struct smtp_client_times *times);
// Closes the channel, if it is still there, and waits for the server's end.
void client_world_close(struct client_world *w);
// Until the letter has its end, or patience has.
void client_world_send(struct client_world *w, struct letter *l);
// What is ready, and a short sleep.
void client_world_turn(struct client_world *w);
