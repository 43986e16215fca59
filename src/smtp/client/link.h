// SPDX-License-Identifier: MIT
// One connection to one host, from the first attempt to connect until it is lost or left: greeting, EHLO, STARTTLS
// (RFC 3207) as the host must prove itself, EHLO again. Then it carries commands and replies; what they mean is the
// transaction's business. A link whose host does not suit is lost with the words for it.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "queue/transport.h"
#include "smtp/client/reply.h"

struct config_holder;
struct smtp_link;

struct smtp_link_settings {
    struct config_holder *config;
    struct loop *loop;
    struct tls_client_context *tls;
    uint32_t connect_ms, handshake_ms, reply_ms;
};

struct smtp_loss {
    // TRANSPORT_ANSWERED: the server refuses us for good, `why` is its reply, and no recipient will fare better.
    enum transport_result result;
    struct transport_reply why;
    bool connected;
    bool is_word; // the server said so itself: what it did not answer before, it does not take
    bool is_late; // nothing came for too long: it may still be at work
};

struct smtp_link_events {
    void (*on_ready)(void *arg); // a transaction may begin
    // To a command. 421 does not come here: the link is lost by it.
    void (*on_reply)(void *arg, const struct smtp_reply *reply);
    void (*on_drain)(void *arg); // as smtp_link_ask_drain() asked
    // The last event; the link must not be used any more.
    void (*on_lost)(void *arg, const struct smtp_loss *loss);
};

// Never fails; every event comes in a later turn. `s` and `events` outlive the link, `host` as far as on_ready.
struct smtp_link *smtp_link_open(const struct smtp_link_settings *s, const struct transport_host *host,
                                 const struct smtp_link_events *events, void *arg);
const struct smtp_offers *smtp_link_offers(const struct smtp_link *k);
void smtp_link_write(struct smtp_link *k, struct slice octets);
size_t smtp_link_out_len(const struct smtp_link *k);
// on_drain comes once, in a later turn, when less than `len` waits to be sent.
void smtp_link_ask_drain(struct smtp_link *k, uint32_t len);
// Replies are due; within `ms` something must happen, or the link is lost. `what` is a static text: "the reply to
// MAIL".
void smtp_link_expect(struct smtp_link *k, const char *what, uint32_t ms);
// Nothing is due. After `ms` the link says QUIT and is lost.
void smtp_link_rest(struct smtp_link *k, uint32_t ms);
// No event will come. With `polite` QUIT is said, without waiting for its reply.
void smtp_link_leave(struct smtp_link *k, bool polite);
