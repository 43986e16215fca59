// SPDX-License-Identifier: MIT
// The SMTP client (RFC 5321, RFC 3207) as a transport of the queue: STARTTLS always, PIPELINING where offered, one
// connection for each channel, kept for the next letter. On the outbound loop.
//
// Where the server offers CHUNKING as well, a letter that is not large follows its commands by BDAT (RFC 3030) without
// waiting: on a kept connection it costs one round trip.
//
// What refuses a recipient, the message or us for good is an answer (TRANSPORT_ANSWERED), also when it is the greeting.
// What is wrong with the server for now (a 4xx greeting, 421 at any time, no TLS, silence) is TRANSPORT_BROKEN.
#pragma once

#include "queue/transport.h"

struct config_holder;
struct smtp_client;
struct tls_client_context;

struct smtp_client_settings {
    struct config_holder *config; // mail_domain for EHLO, outbound_smtp_port
    struct loop *loop;
    struct tls_client_context *tls;
};
struct smtp_client *smtp_client_new(const struct smtp_client_settings *s);
// Valid as long as the client.
const struct transport *smtp_client_transport(const struct smtp_client *c);
// After the last channel was closed. NULL is accepted.
void smtp_client_free(struct smtp_client *c);
