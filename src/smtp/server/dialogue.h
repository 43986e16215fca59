// SPDX-License-Identifier: MIT
// A submission session over memory, on the fake store and fake accounts of intake/, driven by a script of lines:
//
//   C: text      the client sends a line (CRLF is added)
//   R: text      the client sends octets; \r \n \0 \\ are escapes
//   S: text      the next reply line; a final "*" stands for any rest
//   S! text      skips lines up to the last one of a reply ("250 ...", not "250-..."), which must be this
//   NONE         there is no reply now
//   HELLO        EHLO, and its reply
//   AUTH user    AUTH PLAIN for user@relay.test with a right password, and its reply
//   TO list      MAIL FROM:<alice@relay.test>, RCPT for each word (@relay.test is added unless it has a domain), DATA,
//   replies MESSAGE      an encrypted message from alice@relay.test and the final dot EOF, TIMEOUT, SHUTDOWN   what
//   happens to the connection CLOSED       it is closed COUNT n      deliveries so far, bounces included
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
    struct buf replies; // written by the session, not yet expected
    char problem[2048]; // what went wrong; "" when nothing did
};

// `settings` are "key=value" for the configuration, NULL-terminated, or NULL.
void dialogue_open(struct dialogue *d, bool tls, const char *const *settings);
// The greeting is there to be read.
void dialogue_connect(struct dialogue *d, bool tls);
void dialogue_close(struct dialogue *d);

void dialogue_send(struct dialogue *d, const char *ptr, size_t len);
// False at the first line that does not come true; d->problem says which, and what was there instead.
bool dialogue_run(struct dialogue *d, const char *script);

// An encrypted message as clients send it, with its From header, without the final dot.
extern const char dialogue_message[];
