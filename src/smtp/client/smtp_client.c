// SPDX-License-Identifier: MIT
// Channels. A kept connection may have been closed by the server while nothing was said; a letter that finds it so goes
// out on a new one, once, without anybody noticing. Not when the server has the whole message and is silent: it may be
// at work on it.
#include "smtp/client/smtp_client.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "smtp/client/channel.h"

struct smtp_client {
    struct smtp_link_settings link;
    struct smtp_client_times times;
    struct transport transport;
    size_t n_channels;
};

// ---- the end of a letter ----

static void end_letter(struct transport_channel *ch, const struct transport_end *end) {
    ch->letter = NULL;
    loop_timer_stop(&ch->total);
    loop_timer_stop(&ch->soon);
    ch->done(ch->done_arg, end);
}

static void leave_link(struct transport_channel *ch, bool polite) {
    if (ch->link != NULL)
        smtp_link_leave(ch->link, polite);
    ch->link = NULL;
    ch->is_ready = ch->is_kept = ch->is_dirty = false;
}

void smtp_channel_answered(struct transport_channel *ch, bool keep) {
    struct transport_end end = {.result = TRANSPORT_ANSWERED, .connected = true};
    smtp_sending_stop(ch);
    ch->is_kept = true;
    if (keep)
        smtp_link_rest(ch->link, ch->client->times.rest_ms);
    else
        leave_link(ch, false);
    end_letter(ch, &end);
}

void smtp_channel_broken(struct transport_channel *ch, uint16_t code, const char *words) {
    struct transport_end end = {.result = TRANSPORT_BROKEN,
                                .connected = ch->is_ready,
                                .why.code = code,
                                .maybe_taken = ch->is_ready && smtp_sending_may_be_taken(ch)};
    (void)snprintf(end.why.text, sizeof(end.why.text), "%u %s", code, words);
    smtp_sending_stop(ch);
    leave_link(ch, false);
    end_letter(ch, &end);
}

static void on_total(struct loop_timer *timer) {
    struct transport_channel *ch = CONTAINER_OF(timer, struct transport_channel, total);
    smtp_channel_broken(ch, 451, "I/O error: timed out, the message took too long");
}

// ---- the link ----

static void open_link(struct transport_channel *ch);

static void start_letter(struct transport_channel *ch) {
    ch->is_answered = false;
    if (!smtp_sending_start(ch))
        loop_timer_start(&ch->soon, 0);
}

static void on_soon(struct loop_timer *timer) {
    smtp_channel_answered(CONTAINER_OF(timer, struct transport_channel, soon), true);
}

static void on_ready(void *arg) {
    struct transport_channel *ch = arg;
    ch->is_ready = true;
    if (ch->letter != NULL)
        start_letter(ch);
    else
        smtp_link_rest(ch->link, ch->client->times.rest_ms);
}

static void on_reply(void *arg, const struct smtp_reply *reply) {
    struct transport_channel *ch = arg;
    ch->is_answered = true;
    smtp_sending_on_reply(ch, reply);
}

static void on_drain(void *arg) {
    smtp_sending_on_drain(arg);
}

// The server refuses us altogether: so does it every recipient.
static void refuse_all(struct transport_letter *l, const struct transport_reply *why) {
    for (size_t i = 0; i < l->n_recipients; i++)
        l->replies[i] = *why;
}

static void on_lost(void *arg, const struct smtp_loss *loss) {
    struct transport_channel *ch = arg;
    bool maybe_taken = ch->is_ready && !loss->is_word && smtp_sending_may_be_taken(ch);
    bool was_found_closed = ch->is_kept && !ch->is_answered && !(maybe_taken && loss->is_late);
    ch->link = NULL;
    ch->is_ready = ch->is_kept = ch->is_dirty = false;
    if (ch->letter == NULL)
        return;
    smtp_sending_stop(ch);
    loop_timer_stop(&ch->soon);
    if (was_found_closed && !ch->has_reconnected) {
        ch->has_reconnected = true;
        ch->letter->read_rewind(ch->letter);
        open_link(ch);
        return;
    }
    if (loss->result == TRANSPORT_ANSWERED)
        refuse_all(ch->letter, &loss->why);
    struct transport_end end = {
        .result = loss->result, .why = loss->why, .connected = loss->connected, .maybe_taken = maybe_taken};
    end_letter(ch, &end);
}

static const struct smtp_link_events link_events = {
    .on_ready = on_ready,
    .on_reply = on_reply,
    .on_drain = on_drain,
    .on_lost = on_lost,
};

static void open_link(struct transport_channel *ch) {
    ch->link = smtp_link_open(&ch->client->link, ch->host, &link_events, ch);
}

// ---- the transport ----

static struct transport_channel *channel_open(void *arg, const struct transport_host *host) {
    struct transport_channel *ch = MEM_NEW(struct transport_channel);
    ch->client = arg;
    ch->client->n_channels++;
    ch->host = host;
    loop_timer_init(&ch->total, ch->client->link.loop, on_total);
    loop_timer_init(&ch->soon, ch->client->link.loop, on_soon);
    return ch;
}

static void channel_send(struct transport_channel *ch, struct transport_letter *l,
                         void (*done)(void *arg, const struct transport_end *end), void *done_arg) {
    ASSERT(ch->letter == NULL && l->n_recipients > 0);
    ch->letter = l;
    ch->done = done;
    ch->done_arg = done_arg;
    ch->has_reconnected = false;
    ch->is_answered = false;
    loop_timer_start(&ch->total, ch->client->times.total_ms);
    if (ch->link == NULL)
        open_link(ch);
    else if (ch->is_ready)
        start_letter(ch);
}

static void channel_close(struct transport_channel *ch) {
    smtp_sending_stop(ch);
    leave_link(ch, ch->letter == NULL);
    loop_timer_done(&ch->total);
    loop_timer_done(&ch->soon);
    ch->client->n_channels--;
    free(ch);
}

// ---- the client ----

const struct smtp_client_times *smtp_channel_times(const struct transport_channel *ch) {
    return &ch->client->times;
}

void smtp_client_set_times(struct smtp_client *c, const struct smtp_client_times *t) {
    c->times = *t;
    c->link.connect_ms = t->connect_ms;
    c->link.handshake_ms = t->handshake_ms;
    c->link.reply_ms = t->reply_ms;
}

struct smtp_client *smtp_client_new(const struct smtp_client_settings *s) {
    struct smtp_client *c = MEM_NEW(struct smtp_client);
    c->link = (struct smtp_link_settings){.config = s->config, .loop = s->loop, .tls = s->tls};
    smtp_client_set_times(c, &(struct smtp_client_times){
                                 .connect_ms = SMTP_CLIENT_CONNECT_MS,
                                 .handshake_ms = TLS_CLIENT_HANDSHAKE_MS,
                                 .reply_ms = SMTP_CLIENT_REPLY_MS,
                                 .block_ms = SMTP_CLIENT_BLOCK_MS,
                                 .end_ms = SMTP_CLIENT_END_MS,
                                 .total_ms = SMTP_CLIENT_TOTAL_MS,
                                 .rest_ms = SMTP_CLIENT_REST_MS,
                             });
    c->transport = (struct transport){
        .name = "SMTP", .arg = c, .open = channel_open, .send = channel_send, .close = channel_close};
    return c;
}

const struct transport *smtp_client_transport(const struct smtp_client *c) {
    return &c->transport;
}

void smtp_client_free(struct smtp_client *c) {
    ASSERT(c == NULL || c->n_channels == 0);
    free(c);
}
