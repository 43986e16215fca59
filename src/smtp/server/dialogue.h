// SPDX-License-Identifier: MIT
// A session over memory, on the fake store and fake accounts of intake/, driven by a script of lines:
//
//   C: text      the client sends a line (CRLF is added)
//   R: text      the client sends octets; \r \n \0 \\ are escapes
//   S: text      the next reply line; a final "*" stands for any rest
//   S! text      skips lines up to the last one of a reply ("250 ...", not "250-..."), which must be this
//   NONE         there is no reply now
//   HELLO        EHLO, and its reply
//   AUTH user    AUTH PLAIN for user@relay.test with a right password, and its reply
//   TO list      MAIL FROM the sender, RCPT for each word (@relay.test is added unless it has a domain), DATA, replies
//   MESSAGE      an encrypted message from the sender, and the final dot
//   EOF, TIMEOUT, SHUTDOWN   what happens to the connection
//   CLOSED       it is closed
//   COUNT n      deliveries so far, bounces included
//   QUEUED n     recipients elsewhere so far
//
// The sender is alice@relay.test; in the relay role alice@[192.0.2.9], whom no signature has to vouch for.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "intake/fake_account.h"
#include "intake/fake_store.h"
#include "net/conn.h"
#include "smtp/server/smtp_server.h"

struct dialogue {
    struct loop *loop;
    struct config_holder *config;
    struct store store;
    struct account_service accounts;
    struct intake *intake;
    struct smtp_server server;
    struct conn *conn;
    const char *sender;
    struct buf replies; // written by the session, not yet expected
    char problem[2048]; // what went wrong; "" when nothing did
};

// `settings` are "key=value" for the configuration, NULL-terminated, or NULL.
void dialogue_open(struct dialogue *d, bool tls, const char *const *settings);
// The same in the relay role.
void dialogue_open_relay(struct dialogue *d, bool tls, const char *const *settings);
// The greeting is there to be read.
void dialogue_connect(struct dialogue *d, bool tls);
void dialogue_close(struct dialogue *d);

void dialogue_send(struct dialogue *d, const char *ptr, size_t len);
// False at the first line that does not come true; d->problem says which, and what was there instead.
bool dialogue_run(struct dialogue *d, const char *script);

// For fuzzing: all of `replies` are whole, well-formed lines. Returns how many messages were accepted by them.
size_t dialogue_check_replies(struct slice replies);

// An encrypted message as clients send it, from alice@relay.test, without the final dot.
extern const char dialogue_message[];
