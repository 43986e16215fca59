// SPDX-License-Identifier: MIT
// POST /mxdeliv as a transport of the queue: the message in one HTTPS request, to relays that know it. On the outbound
// loop.
#pragma once

#include "queue/transport.h"

struct config_holder;
struct http_client;
struct mxdeliv_client;

struct mxdeliv_client_settings {
    struct config_holder *config; // outbound_https_port
    struct loop *loop;
    struct http_client *http;
    uint32_t timeout_ms; // of one request in all; 0: 60 s
};
struct mxdeliv_client *mxdeliv_client_new(const struct mxdeliv_client_settings *s);
// Valid as long as the client.
const struct transport *mxdeliv_client_transport(const struct mxdeliv_client *c);
// After the last channel was closed. NULL is accepted.
void mxdeliv_client_free(struct mxdeliv_client *c);
