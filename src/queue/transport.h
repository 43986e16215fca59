// SPDX-License-Identifier: MIT
// How a letter leaves: a transport is one protocol (HTTPS /mxdeliv, or SMTP), handed to the queue from above. A channel
// is what a transport keeps towards one host: a connection while there is one, and what was learnt about the peer.
// Everything here happens on the outbound loop.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/address.h"
#include "net/connector.h"
#include "net/loop.h"
#include "net/tls_client.h"

enum { TRANSPORT_ADDRESSES_MAX = CONNECTOR_ADDRESSES_MAX, TRANSPORT_TLSA_MAX = TLS_CLIENT_TLSA_MAX };

// One host of a destination. Owned by the queue; valid until the channel made from it is closed.
struct transport_host {
    const char *name;        // of the MX host, lower case, without final dot; for a literal the address: "192.0.2.1"
    const char *destination; // the domain after "@", lower case: "b.example", "[192.0.2.1]"
    struct net_address addresses[TRANSPORT_ADDRESSES_MAX]; // port 0: the transport's own
    size_t n_addresses;
    // How the host must prove itself before it gets a message. TLS_CHECK_DANE is for SMTP alone; HTTPS takes it as
    // TLS_CHECK_PKIX.
    enum tls_check check;
    // With TLS_CHECK_DANE: the TLSA base domain, which TLS asks for and proves (RFC 7672 sections 2.2.2 and 8.1), where
    // it differs from `name`: the host is an alias in signed zones. NULL: `name`.
    const char *tls_name;
    bool may_be_clear; // one of the few domains that get mail without TLS when they offer none
    const struct tls_tlsa *tlsa;
    size_t n_tlsa;
};

// What the peer said about one recipient; one line, "550 5.1.1 no such user", without CRLF.
enum { TRANSPORT_REPLY_MAX = 512 };
struct transport_reply {
    uint16_t code; // 2xx taken, 4xx later, 5xx never
    char text[TRANSPORT_REPLY_MAX];
};

// A letter on its way. Owned by the queue, which keeps it until done() or until the channel is closed.
struct transport_letter {
    struct slice reverse_path;       // bare; empty for <>
    const struct slice *recipients;  // bare addresses, at least one
    struct transport_reply *replies; // one for each recipient: filled in before done(TRANSPORT_ANSWERED)
    size_t n_recipients;
    uint64_t size; // octets of the message: prefix and body
    // The message from its first octet, in order. Asks for at most `max` octets at once; read() is answered on the
    // loop, in a later turn, exactly once unless read_cancel() comes before: octets valid during the call (ptr NULL:
    // the body cannot be read any more). Empty: the end. From the start again after read_rewind(), when no read is
    // under way.
    void (*read)(struct transport_letter *l, size_t max, void (*on_octets)(void *arg, struct slice octets), void *arg);
    void (*read_rewind)(struct transport_letter *l);
    void (*read_cancel)(struct transport_letter *l);
};

enum transport_result {
    TRANSPORT_ANSWERED, // the peer answered for each recipient: `replies`
    TRANSPORT_BROKEN,   // no connection, no TLS, or it broke off: nothing is known to have been taken
};
struct transport_end {
    enum transport_result result;
    // Of TRANSPORT_BROKEN: "451 TLS error: certificate is for another name". Words of ours, without the name or address
    // of anybody: they stand in a log line.
    struct transport_reply why;
    bool connected; // a connection to the host came about, whatever happened then
    // Of TRANSPORT_BROKEN: the whole message went out and the answer to it was lost. The peer may have it, so nobody
    // else is tried at once.
    bool maybe_taken;
};

struct transport_channel;

struct transport {
    const char *name; // "HTTPS", "SMTP"
    void *arg;
    // Never fails; connects when the first letter comes.
    struct transport_channel *(*open)(void *arg, const struct transport_host *host);
    // One letter at a time. done() in a later turn, exactly once unless the channel is closed before; it may close the
    // channel or send the next letter.
    void (*send)(struct transport_channel *ch, struct transport_letter *l,
                 void (*done)(void *arg, const struct transport_end *end), void *done_arg);
    // Says farewell where the protocol has one, without waiting for it. A letter under way is given up.
    void (*close)(struct transport_channel *ch);
};
