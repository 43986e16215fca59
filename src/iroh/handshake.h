// SPDX-License-Identifier: MIT
// How a client proves its key to the relay. Pure; randomness and the keying material of TLS are handed in.
//
// Dialect A: the first frame, ClientInfo, carries the key and its signature over the protocol version; it can be
// replayed, by design. Dialect B: a signature over what is derived from our random challenge, or, where no proxy stands
// between, over keying material of the TLS connection, in a header of the request, which spares a round trip.
//
// Signatures are Ed25519 (RFC 8032), verified strictly: canonical encodings only, no key or R of small order.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "http/websocket_frame.h"
#include "iroh/frame.h"

enum {
    IROH_CHALLENGE_LEN = 16,
    IROH_SIGNATURE_LEN = 64,
    IROH_A_HELLO_LEN = 111, // ClientInfo, whole
    IROH_MATERIAL_LEN = 32, // keying material: 16 octets to be signed, 16 to be shown
    IROH_MATERIAL_HALF = 16,
};

enum iroh_hello {
    IROH_HELLO_MORE,    // not whole yet
    IROH_HELLO_OK,      // the client has this key
    IROH_HELLO_REFUSED, // well-formed, but it does not prove the key, or is of another version: told so, then closed
    IROH_HELLO_BAD,     // something else: closed
};

// Dialect A: ClientInfo at the front of `in`. With OK *ret_len octets are consumed and ret_key is set. What cannot
// become one is BAD as soon as that can be seen.
MUST_USE enum iroh_hello iroh_a_hello(struct slice in, size_t *ret_len, uint8_t ret_key[static IROH_KEY_LEN]);
// The answer to REFUSED, a whole frame. Returns its length.
MUST_USE size_t iroh_a_write_refusal(uint8_t ret[static IROH_SMALL_MAX]);

// Dialect B: whole websocket frames. Each returns its length.
MUST_USE size_t iroh_b_write_challenge(const uint8_t challenge[IROH_CHALLENGE_LEN], uint8_t ret[static IROH_SMALL_MAX]);
MUST_USE size_t iroh_b_write_confirmation(uint8_t ret[static IROH_SMALL_MAX]);
// After REFUSED ("signature invalid") or because the relay does not want the client ("not authorized").
MUST_USE size_t iroh_b_write_denial(const char *reason, uint8_t ret[static IROH_SMALL_MAX]);
// The message that answers the challenge. Never MORE.
MUST_USE enum iroh_hello iroh_b_auth(const struct websocket_payload *message,
                                     const uint8_t challenge[IROH_CHALLENGE_LEN], uint8_t ret_key[static IROH_KEY_LEN]);

// Dialect B: the header x-iroh-relay-client-auth-v1.
struct iroh_b_ticket {
    uint8_t key[IROH_KEY_LEN];
    uint8_t signature[IROH_SIGNATURE_LEN];
    uint8_t suffix[IROH_MATERIAL_HALF];
};
// Of the TLS exporter (RFC 5705) that gives the keying material; its context is the key.
#define IROH_B_EXPORT_LABEL "iroh-relay handshake v1"
// False: the value is malformed.
MUST_USE bool iroh_b_ticket_parse(struct slice value, struct iroh_b_ticket *ret);
// Whether it proves its key. When not, the client is challenged: most likely a proxy ended its TLS.
MUST_USE bool iroh_b_ticket_is_valid(const struct iroh_b_ticket *t, const uint8_t material[IROH_MATERIAL_LEN]);
