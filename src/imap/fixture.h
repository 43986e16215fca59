// SPDX-License-Identifier: MIT
// For tests: a whole IMAP service over memory, with the real store in a directory of its own, the real hub and
// accounts, and clients that speak lines.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "imap/imap_server.h"
#include "net/conn.h"
#include "store/store.h"

struct client;

struct fixture {
    char dir[64];
    struct loop *loop;
    struct worker_pool *crypt;
    struct imap_server server;
    struct client *clients[8]; // open ones; those that a failed test leaves are closed with the fixture
};

// `settings` are "key=value" configuration overrides, NULL-terminated; NULL for none.
void fixture_open(struct fixture *f, const char *const *settings);
void fixture_close(struct fixture *f);
// Submits and waits; the caller frees the operation.
void fixture_run_op(struct fixture *f, struct store_op *op);
// Delivers a message to an address's INBOX.
void fixture_deliver(struct fixture *f, const char *address, const char *text, size_t len);
// Runs the loop until *flag is set; fails the test after ten seconds.
void fixture_wait(struct fixture *f, const bool *flag);

struct client {
    struct fixture *f;
    struct conn *c;
    void *session; // as the service opened it; dead when the connection is
    size_t step;   // octets fed at a time; 0: all
};

// Connects; nothing is read yet.
void client_open(struct client *c, struct fixture *f, bool tls);
void client_close(struct client *c);
void client_send(struct client *c, const char *text, size_t len);
// Waits until exactly this has been written, nothing more. "~" stands for anything up to the end of the line, and for
// anything but a blank when more of the line follows.
void client_expect(struct client *c, const char *want);
// Both. `send` NULL: only waits.
void client_talk(struct client *c, const char *send, const char *want);
// Greeting and LOGIN (the account comes into being).
void client_login(struct client *c, const char *user);
// Fails unless the connection has been closed by the server.
void client_expect_closed(struct client *c);

// The account of most dialogues, and a message of 141 octets: header 134, text "Hello\r\n".
#define ALICE "alicealic@relay.test"
#define MAIL                                                                                                           \
    "From: <bob@relay.test>\r\nDate: Sat, 21 Nov 2026 09:00:00 +0000\r\nMessage-ID: <1@localhost>\r\n"                 \
    "Subject: [...]\r\nContent-Type: text/plain\r\n\r\nHello\r\n"

struct turn {
    const char *send, *want;
};
void client_play(struct client *c, const struct turn *turns, size_t n);
// Logged in as ALICE, whose INBOX is empty, and selected.
void client_open_selected(struct client *c, struct fixture *f);
