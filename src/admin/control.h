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
struct control_history;
struct hub;
struct store;

#define CONTROL_SOCKET_NAME "control" // in the state directory

// How a part of the relay that this room does not know stands, for `martlet status`.
struct control_section {
    const char *name; // in the answer: "turn"
    // An object, which becomes the caller's; NULL: there is nothing to say. What an operator should look after is
    // appended to `attention`, an array, in sentences without a stop. Runs on any loop's thread, and briefly.
    json_t *(*describe)(void *arg, json_t *attention);
    void *arg;
};

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
    const struct control_section *sections; // in the order of the answer
    size_t n_sections;
    struct control_history *history; // NULL: nothing is remembered
    uint64_t started_ms;             // monotonic: when the relay began
    const char *web_host;            // where the pages are, in development; NULL: at the mail domain
    uint16_t https_port;
};
// For struct service: `arg` is a struct control_server.
extern const struct conn_ops control_session_ops;
void *control_session_open(void *arg, struct conn *c);
