// SPDX-License-Identifier: MIT
// For tests of whole transactions: an intake for relay.test on the fakes, and messages as other servers send them,
// signed by a key of a.example that the fake DNS knows as "s._domainkey.a.example".
#pragma once

#include <stdbool.h>

#include "base/buf.h"
#include "dkim/keyring.h"
#include "intake/fake_account.h"
#include "intake/fake_dns.h"
#include "intake/fake_store.h"
#include "intake/fake_worker.h"
#include "intake/intake.h"

struct world {
    struct loop *loop;
    struct config_holder *config;
    struct store store;
    struct account_service accounts;
    struct dns_resolver dns;
    struct worker_pool crypt;
    struct intake *intake;
    struct dkim_private_key *key; // Ed25519
    char *record;                 // of that key
    struct intake_txn *txn;       // the one begun last; NULL once it was answered or freed
    struct intake_reply reply;    // of RCPT when it was refused, then of the end
    bool is_answered;
};

// `settings` are "key=value" for the configuration, NULL-terminated, or NULL.
void world_open(struct world *w, const char *const *settings);
// Checks that nothing is left over.
void world_close(struct world *w);

// Signs with the key of a.example from now on (its records suit a relay of any domain).
void world_sign_with(struct world *w, struct dkim_private_key *key);

enum world_door { WORLD_SUBMISSION, WORLD_SMTP, WORLD_MXDELIV };
struct world_mail {
    enum world_door door;
    const char *from; // reverse-path; of a submission the login, too
    const char *to;   // separated by blanks
    struct slice text;
    size_t piece; // octets written at a time; 0: all at once
};
// Begins a transaction and names the recipients. False when one was refused; then it is freed.
bool world_begin(struct world *w, const struct world_mail *m);
void world_write(struct world *w, const struct world_mail *m);
// Asks for the verdict and runs what is ready.
void world_finish(struct world *w);
void world_abandon(struct world *w);
// All of it. The final reply, or that of the refused recipient; "" when there is none yet.
const char *world_send(struct world *w, const struct world_mail *m);
// The same, but the transaction is freed so many turns of the loop after the verdict was asked for. True when it was
// answered before.
bool world_send_and_free(struct world *w, const struct world_mail *m, unsigned turns);

// The text of an encrypted message, with its Content-Type and a blank line in front, and of others.
extern const char world_encrypted[], world_clear[], world_securejoin[], world_report[];
// Appends `header` and `rest` (one of the above), with a signature of the world's key in front when `tags` is not NULL:
// the field's value without bh= and b=. Replaces what was in `out`.
void world_write_message(struct world *w, const char *tags, const char *header, const char *rest, struct buf *out);
#define WORLD_TAGS "v=1; a=ed25519-sha256; c=relaxed/simple; d=a.example; s=s; h=From:From:To:Subject:Date:Message-ID"
#define WORLD_HEADER                                                                                                   \
    "From: Ann <ann@a.example>\r\nTo: <bob@relay.test>\r\nDate: Sat, 21 Nov 2026 16:00:00 +0000\r\n"                   \
    "Message-ID: <m1@a.example>\r\nSubject: [...]\r\nMIME-Version: 1.0\r\n"
