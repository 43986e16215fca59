// SPDX-License-Identifier: MIT
// The inside of the SMTP client: a channel to one host with the letter that is under way on it. smtp_client.c holds the
// channel's life (links, reconnecting, ends), sending.c the letter's (RFC 5321 3.3).
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mail/stuffing.h"
#include "net/loop.h"
#include "queue/transport.h"
#include "smtp/client/link.h"
#include "smtp/client/smtp_client.h"

enum {
    // RFC 5321 4.5.3.2 allows minutes for each; a server that is well answers in milliseconds, and the queue comes back
    // to one that is not.
    SMTP_CLIENT_CONNECT_MS = 60 * 1000,
    SMTP_CLIENT_REPLY_MS = 60 * 1000,
    SMTP_CLIENT_BLOCK_MS = 3 * 60 * 1000, // for the server to take a block of the message (4.5.3.2.5)
    // To the end of the message (4.5.3.2.6). Not less than the RFC asks for: a server that is still at work then takes
    // the message, and who does not wait for its word sends it twice. Nobody but this destination waits meanwhile.
    SMTP_CLIENT_END_MS = 10 * 60 * 1000,
    SMTP_CLIENT_TOTAL_MS = 30 * 60 * 1000, // a letter, however busy its server seems
    SMTP_CLIENT_REST_MS = 60 * 1000,       // a link without a letter is kept
};

// For tests.
struct smtp_client_times {
    uint32_t connect_ms, handshake_ms, reply_ms, block_ms, end_ms, total_ms, rest_ms;
};
void smtp_client_set_times(struct smtp_client *c, const struct smtp_client_times *t);

// How the commands of a transaction leave.
enum smtp_style {
    SMTP_STYLE_STEPS,   // each after the reply to the one before
    SMTP_STYLE_GROUPED, // MAIL, every RCPT and DATA at once (RFC 2920); the message after 354
    // The same with BDAT and the message right behind: one round trip. RFC 3030 section 2 describes it after the
    // replies; but its octets are counted, so a server that has refused all can drop them and mistakes none for a
    // command.
    SMTP_STYLE_CHUNK,
};

// The reply that is due next.
enum smtp_step { SMTP_STEP_RSET, SMTP_STEP_MAIL, SMTP_STEP_RCPT, SMTP_STEP_DATA, SMTP_STEP_END };

struct smtp_sending {
    enum smtp_style style;
    enum smtp_step step;
    size_t rcpt;       // index of the recipient whose reply is due
    size_t n_accepted; // recipients
    bool is_refused;   // MAIL was, by `mail_reply`
    struct transport_reply mail_reply;
    bool is_streaming; // octets of the message are still to be sent
    bool is_reading;   // a read of the letter is under way
    bool is_whole;     // the message left, up to its end
    uint64_t n_octets; // of the message, sent so far
    struct stuffing stuffing;
};

struct transport_channel {
    struct smtp_client *client;
    const struct transport_host *host;
    struct smtp_link *link; // NULL: none
    bool is_ready;          // the link is
    bool is_kept;           // it carried a letter before
    bool is_dirty;          // its last transaction did not come to a good end: RSET first

    struct transport_letter *letter; // NULL: none
    void (*done)(void *arg, const struct transport_end *end);
    void *done_arg;
    bool is_answered;     // the server said something to this letter on this link
    bool has_reconnected; // for this letter
    struct smtp_sending t;
    struct loop_timer total; // of the letter
    struct loop_timer soon;  // tells the end that was known within send()
};

// ---- smtp_client.c ----

const struct smtp_client_times *smtp_channel_times(const struct transport_channel *ch);
// The letter's replies are filled in. With `keep` the link serves the next letter, else it is left. Calls done(), after
// which the channel may be gone.
void smtp_channel_answered(struct transport_channel *ch, bool keep);
// The letter cannot go on on this link, which is left.
void smtp_channel_broken(struct transport_channel *ch, uint16_t code, const char *words);

// ---- sending.c ----

// The link is ready and the letter is there. False: every recipient has its reply already, nothing was sent.
MUST_USE bool smtp_sending_start(struct transport_channel *ch);
void smtp_sending_on_reply(struct transport_channel *ch, const struct smtp_reply *reply);
void smtp_sending_on_drain(struct transport_channel *ch);
// The message has left, and as far as the server has answered it may take it for somebody.
bool smtp_sending_may_be_taken(const struct transport_channel *ch);
// The link is gone: nothing of the letter is being read any more.
void smtp_sending_stop(struct transport_channel *ch);
