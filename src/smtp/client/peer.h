// SPDX-License-Identifier: MIT
// For tests of the client: a server on loopback that says what a script tells it, one script for each connection, and a
// channel to it with letters in memory. Lines of a script:
//
//   S: text    a line is sent (CRLF is added); S- text sends it without line end
//   C: text    a line is awaited, and must be this; a final "*" stands for any rest
//   TLS        the handshake is awaited
//   MESSAGE    octets up to the final dot are awaited; what they mean is kept
//   CHUNK      "BDAT n LAST" and its octets are awaited; they are kept
//   WAIT n     n octets are awaited, whatever they are
//   PAUSE      nothing is read any more
//   CLOSE      the connection is closed; ABORT: by a reset
//
// At its end the server listens and says no more. What was sent before an S: line is not flushed before the next C:
// line is awaited, so a script in which all of C: stand before all of S: holds only if the client does not wait.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "net/cert_fixture.h"
#include "net/conn.h"
#include "smtp/client/channel.h"

enum { PEER_SCRIPTS_MAX = 4, PEER_RECIPIENTS_MAX = 100 };

struct peer {
    struct loop *loop;
    struct cert *cert; // self-signed, for mx.b.example
    struct tls_context *tls;
    struct listener *listener;
    int fd;
    uint16_t port;
    const char *scripts[PEER_SCRIPTS_MAX];
    size_t n_opened, n_open; // connections
    char problem[1024];      // "" while all goes by the script
    struct buf message;      // the one received last
    // Called after each line of a script; may be NULL.
    void (*on_step)(void *arg, size_t n_steps);
    void *arg;
    size_t n_steps;
};
void peer_start(struct peer *p, struct loop *loop, const char *const *scripts);
void peer_stop(struct peer *p);

// A letter whose octets are made up as they are read: `head`, then 'x' in lines up to its size.
struct letter {
    struct transport_letter l;
    struct loop *loop;
    struct loop_task answer;
    bool is_posted, is_wanted; // the answer
    struct slice head;
    uint64_t at;
    size_t asked;
    void (*on_octets)(void *arg, struct slice octets);
    void *arg;
    bool fails;       // the body cannot be read
    bool hangs;       // it is not read
    uint64_t ends_at; // shorter than it says; 0: no
    size_t n_rewinds, max_asked;
    struct slice recipients[PEER_RECIPIENTS_MAX];
    struct transport_reply replies[PEER_RECIPIENTS_MAX];
    bool is_done;
    struct transport_end end;
};
// `size` 0: that of `head`. To user0@b.example, user1@b.example, ...
void letter_init(struct letter *l, struct loop *loop, const char *head, uint64_t size, size_t n_recipients);
// When the loop has run what was posted.
void letter_done(struct letter *l);
// For the transport's send(): the end is kept in the letter.
void letter_on_end(void *arg, const struct transport_end *end);
// "ANSWERED 250 ok|550 no", or "BROKEN 451 ...", with "unconnected" in between when there was no connection, and "maybe
// taken".
void letter_describe(const struct letter *l, char *ret, size_t max);
