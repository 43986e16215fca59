// SPDX-License-Identifier: MIT
// For tests of outbound connections: sockets on loopback that listen, refuse or swallow, servers in a thread of their
// own that behave badly, and a session for our own side.
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "net/cert_fixture.h"
#include "net/connector.h"
#include "net/tls_client.h"

// A listening socket of this address ("127.0.0.1", "::1") on a free port.
int far_listen(const char *ip, struct net_address *ret);
// Ends a test that hangs; on a busy machine all of this may take long.
enum { NEAR_PATIENCE_MS = 60 * 1000 };

// An address where nothing listens; until the program ends nobody else gets it either.
struct net_address far_refusing(const char *ip);
// One that does not answer: its backlog is full. The sockets that fill it are the caller's to close.
enum { FAR_FILLERS = 16 };
struct far_hole {
    struct net_address address;
    int fd, fillers[FAR_FILLERS];
};
void far_hole_open(struct far_hole *h, const char *ip);
void far_hole_close(struct far_hole *h);

enum far_manner {
    FAR_TLS,         // a handshake, then echoes
    FAR_STARTTLS,    // "220 ready" and more octets in one segment, then the same
    FAR_GARBAGE,     // answers the hello with text
    FAR_CLOSES,      // reads the hello and closes
    FAR_CLOSES_LATE, // closes right after the handshake, without a word
    FAR_STALLS,      // reads the hello, and nothing more comes until the client has gone
};

// Serves `connections` one after the other.
struct far {
    enum far_manner manner;
    const struct cert *cert;
    int max_version; // 0: the newest
    int connections;
    struct net_address address;
    int fd, resumed; // how many of them resumed a session
    pthread_t thread;
};

void far_start(struct far *f);
void far_join(struct far *f);

// Our side: TLS at once, or after "220 ready" (starttls), then sends "hello\n" and closes when it has come back.
struct near {
    struct tls_client how;
    bool tls, starttls;
    bool opened, secure, proved, resumed, echoed, closed, failed;
    enum conn_end end;
    const char *error; // conn_tls_error() at the end, or what the connector said
    const char *version;
    struct conn *c;
};

extern const struct conn_ops NEAR_OPS;
void *near_open(void *arg, struct conn *c);
void near_failed(void *arg, const char *why);
// Connects, and runs the loop until all is over.
void near_run(struct near *n, struct loop *loop, const struct net_address *to);
// Runs the loop until *done, or `ms` have passed; what *done says then.
bool near_until(struct loop *loop, const bool *done, int ms);
