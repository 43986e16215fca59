// SPDX-License-Identifier: MIT
// What the relay serves: the protocols' servers and the web, and which of them answers on which kind of socket.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/panic.h"

struct account_service;
struct bundle;
struct bundle_listener;
struct config;
struct config_holder;
struct hub;
struct intake;
struct loop;
struct outbound;
struct service;
struct store;
struct pressure_watch;
struct table;
struct wire_services;
struct wire_tls;

// The rooms that the services work with. All outlive them.
struct wire_rooms {
    struct config_holder *config;
    struct account_service *accounts;
    struct store *store;
    struct hub *hub;
    struct table *shares; // imap/share.h
    struct intake *intake;
    struct outbound *outbound;
    const struct wire_tls *tls;
    struct wire_realtime *realtime;
    struct pressure_watch *pressure;
};

// Reads the pages, so not on a loop.
struct wire_services *wire_services_new(const struct wire_rooms *rooms, const struct config *c, const struct bundle *b);
// The service of a listening socket. False when this relay does not have it.
MUST_USE bool wire_services_find(const struct wire_services *s, const struct bundle_listener *l, struct service *ret);
// After the configuration or the certificate was replaced.
void wire_services_reload(struct wire_services *s, const struct config *c, const struct bundle *b);
void wire_services_tick(struct wire_services *s);
// After the last connection. NULL is accepted.
void wire_services_free(struct wire_services *s);
