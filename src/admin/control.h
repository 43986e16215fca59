// SPDX-License-Identifier: MIT
// The control socket: how an operator's commands reach the running relay. A UNIX stream socket in the state directory;
// root and the relay's own user may speak to it, everybody else is closed without a word (SO_PEERCRED, unix(7)).
//
// A request is one line of JSON: {"command": "account-list", ...}. The answer is any number of lines, each one JSON
// object, the last of which holds "ok": true, or "ok": false with "error": a sentence for the operator. Requests of a
// connection are answered in order.
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/panic.h"
#include "base/slice.h"
#include "net/conn.h"

struct account_service;
struct config_holder;
struct hub;
struct store;

#define CONTROL_SOCKET_NAME "control" // in the state directory

// What commands work on; callbacks lead to rooms that this one does not know. All outlive every connection.
struct control_server {
    struct config_holder *config;
    struct store *store;
    struct account_service *accounts;
    // NULL where there is no web side.
    bool (*challenge_set)(void *arg, struct slice token, struct slice authorization);
    void (*challenge_clear)(void *arg, struct slice token);
    void *arg;
    // The keys that sign: an array of rows (the caller's), and "their files have changed". NULL: the relay does not
    // sign.
    json_t *(*dkim_list)(void *arg);
    void (*dkim_reload)(void *arg);
    void *dkim_arg;
    // Gives up mail that waits (queue_give_up()); NULL: there is no queue.
    void (*queue_give_up)(void *arg, struct slice destination, uint64_t due_id);
    void *queue_arg;
    uint64_t started_ms;  // monotonic: when the relay began
    const char *web_host; // where the pages are, in development; NULL: at the mail domain
    uint16_t https_port;
};
// For struct service: `arg` is a struct control_server.
extern const struct conn_ops control_session_ops;
void *control_session_open(void *arg, struct conn *c);
