// SPDX-License-Identifier: MIT
// A link is the session of its connection, so it is freed in on_close; before there is a connection, at once. Whoever
// ends it first says so by taking `events` away.
#include "smtp/client/link.h"

#include <stdio.h>

#include "base/mem.h"
#include "config/config.h"
#include "net/conn.h"

enum phase {
    PHASE_CONNECTING,
    PHASE_GREETING,
    PHASE_EHLO,
    PHASE_HELO, // to the few that know no EHLO and may be spoken to in clear text
    PHASE_STARTTLS,
    PHASE_HANDSHAKE,
    PHASE_READY,
};

struct smtp_link {
    const struct smtp_link_settings *s;
    const struct transport_host *host;
    const struct smtp_link_events *events; // NULL: nobody listens any more
    void *arg;
    struct connector *connector; // until it connects
    struct conn *conn;
    enum phase phase;
    uint16_t port;
    struct smtp_reply reply;
    struct smtp_offers offers;
    const char *awaited; // NULL: nothing
    struct loop_timer timer;
};

// ---- the end ----

static void free_link(struct smtp_link *k) {
    connector_cancel(k->connector);
    loop_timer_done(&k->timer);
    smtp_reply_done(&k->reply);
    free(k);
}

// Nobody listens from now on; the connection ends when it has sent what was written, or at once.
static void detach(struct smtp_link *k, bool flush) {
    k->events = NULL;
    loop_timer_stop(&k->timer);
    if (k->conn == NULL)
        free_link(k);
    else if (flush)
        conn_close(k->conn);
    else
        conn_abort(k->conn);
}

static void lose(struct smtp_link *k, const struct smtp_loss *loss) {
    const struct smtp_link_events *events = k->events;
    void *arg = k->arg;
    detach(k, false);
    events->on_lost(arg, loss);
}

// "451 TLS error: <words>"
static struct smtp_loss loss_of(const struct smtp_link *k, uint16_t code, const char *what, const char *words) {
    struct smtp_loss loss = {.result = TRANSPORT_BROKEN, .connected = k->conn != NULL, .why.code = code};
    (void)snprintf(loss.why.text, sizeof(loss.why.text), "%u %s: %s", code, what, words);
    return loss;
}

static void lose_by(struct smtp_link *k, uint16_t code, const char *what, const char *words) {
    struct smtp_loss loss = loss_of(k, code, what, words);
    lose(k, &loss);
}

static void lose_late(struct smtp_link *k) {
    char words[128];
    (void)snprintf(words, sizeof(words), "timed out waiting for %s", k->awaited);
    struct smtp_loss loss = loss_of(k, 451, "I/O error", words);
    loss.is_late = true;
    lose(k, &loss);
}

// The server will not have us: for good (5xx), or for now.
static void lose_refused(struct smtp_link *k) {
    struct smtp_loss loss = {.result = TRANSPORT_BROKEN, .connected = true, .is_word = true};
    if (k->reply.code < 400) {
        lose_by(k, 451, "I/O error", "the server's reply makes no sense here");
        return;
    }
    if (k->reply.code >= 500)
        loss.result = TRANSPORT_ANSWERED;
    smtp_reply_write(&k->reply, &loss.why);
    lose(k, &loss);
}

static void lose_unsecured(struct smtp_link *k) {
    lose_by(k, 451, "TLS error", "the server does not offer STARTTLS");
}

void smtp_link_leave(struct smtp_link *k, bool polite) {
    polite = polite && k->phase == PHASE_READY;
    if (polite)
        conn_write_cstr(k->conn, "QUIT\r\n");
    detach(k, polite);
}

// ---- the dialogue before the first transaction ----

static void greet(struct smtp_link *k, const char *verb, enum phase phase) {
    const struct config *config = config_acquire(k->s->config);
    conn_printf(k->conn, "%s %s\r\n", verb, config->mail_domain);
    config_release(k->s->config, config);
    k->phase = phase;
    smtp_link_expect(k, phase == PHASE_HELO ? "the reply to HELO" : "the reply to EHLO", k->s->reply_ms);
}

static void get_ready(struct smtp_link *k) {
    k->phase = PHASE_READY;
    k->awaited = NULL;
    loop_timer_stop(&k->timer);
    k->events->on_ready(k->arg);
}

// 3.1: 554 says that no mail is taken here, any other 5xx the same of us.
static void on_greeting(struct smtp_link *k) {
    if (k->reply.code / 100 == 2)
        greet(k, "EHLO", PHASE_EHLO);
    else
        lose_refused(k);
}

static void start_tls(struct smtp_link *k) {
    conn_write_cstr(k->conn, "STARTTLS\r\n");
    k->phase = PHASE_STARTTLS;
    smtp_link_expect(k, "the reply to STARTTLS", k->s->reply_ms);
}

static void on_offers(struct smtp_link *k) {
    k->offers = smtp_offers_read(&k->reply);
    if (conn_is_tls(k->conn))
        get_ready(k);
    else if (k->offers.starttls)
        start_tls(k);
    else if (k->host->may_be_clear)
        get_ready(k);
    else
        lose_unsecured(k);
}

// Who does not know EHLO (RFC 5321 3.2) cannot offer STARTTLS either.
static void on_ehlo(struct smtp_link *k) {
    bool is_unknown = k->reply.code == 500 || k->reply.code == 502;
    if (k->reply.code / 100 == 2)
        on_offers(k);
    else if (!is_unknown || conn_is_tls(k->conn))
        lose_refused(k);
    else if (k->host->may_be_clear)
        greet(k, "HELO", PHASE_HELO);
    else
        lose_unsecured(k);
}

static void on_helo(struct smtp_link *k) {
    if (k->reply.code / 100 == 2)
        get_ready(k);
    else
        lose_refused(k);
}

// What the server sent behind its reply came in clear text and is dropped with what was buffered.
static void on_starttls(struct smtp_link *k) {
    if (k->reply.code != 220) {
        struct transport_reply said;
        char words[TRANSPORT_REPLY_MAX];
        smtp_reply_write(&k->reply, &said);
        (void)snprintf(words, sizeof(words), "STARTTLS was refused: %.400s", said.text);
        lose_by(k, 451, "TLS error", words);
        return;
    }
    const struct transport_host *h = k->host;
    k->phase = PHASE_HANDSHAKE;
    k->awaited = NULL;
    loop_timer_stop(&k->timer); // the handshake has its own
    const char *name = h->check == TLS_CHECK_DANE && h->tls_name != NULL ? h->tls_name : h->name;
    conn_start_tls_client(k->conn, &(struct tls_client){
                                       .context = k->s->tls,
                                       .check = h->check,
                                       .host = slice_from_cstr(name),
                                       .next_hop = slice_from_cstr(h->destination),
                                       .port = k->port,
                                       .handshake_ms = k->s->handshake_ms,
                                       .tlsa = h->tlsa,
                                       .n_tlsa = h->n_tlsa,
                                   });
}

static void on_tls(void *session) {
    struct smtp_link *k = session;
    if (k->events == NULL)
        return;
    k->offers = (struct smtp_offers){0}; // RFC 3207 4.2: what was said before does not count
    greet(k, "EHLO", PHASE_EHLO);
}

static void on_reply(struct smtp_link *k) {
    k->awaited = NULL;
    if (k->reply.code == 421) {
        lose_refused(k); // to any command: it closes now (RFC 5321 4.2.3)
        return;
    }
    switch (k->phase) {
    case PHASE_GREETING:
        on_greeting(k);
        break;
    case PHASE_EHLO:
        on_ehlo(k);
        break;
    case PHASE_HELO:
        on_helo(k);
        break;
    case PHASE_STARTTLS:
        on_starttls(k);
        break;
    case PHASE_READY:
        k->events->on_reply(k->arg, &k->reply);
        break;
    case PHASE_CONNECTING:
    case PHASE_HANDSHAKE:
        UNREACHABLE(); // nothing is shown then
    }
}

// ---- what the connection calls ----

static size_t on_read(void *session, const char *data, size_t len) {
    struct smtp_link *k = session;
    size_t used = len;
    if (k->events == NULL)
        return len;
    bool is_due = k->awaited != NULL;
    switch (smtp_reply_take(&k->reply, slice_make(data, len), &used)) {
    case SMTP_REPLY_MORE:
        return used;
    case SMTP_REPLY_BAD:
        lose_by(k, 451, "I/O error", "what the server says is not SMTP");
        return len;
    case SMTP_REPLY_WHOLE:
        break;
    }
    if (is_due || k->reply.code == 421)
        on_reply(k);
    else
        lose_by(k, 451, "I/O error", "the server speaks without being asked");
    return used;
}

static void on_drain(void *session) {
    struct smtp_link *k = session;
    if (k->events != NULL && k->phase == PHASE_READY)
        k->events->on_drain(k->arg);
}

static void on_timeout(void *session) {
    (void)session; // the timer here says more, and hears nothing of octets that trickle
}

static struct smtp_loss loss_of_close(const struct smtp_link *k, enum conn_end why) {
    const char *tls_error = conn_tls_error(k->conn);
    if (k->phase == PHASE_HANDSHAKE)
        return loss_of(k, 451, "TLS error", tls_error != NULL ? tls_error : "the server closed during the handshake");
    const char *how = why == CONN_END_EOF ? "the server closed the connection" : "the connection broke";
    char words[128];
    (void)snprintf(words, sizeof(words), "%s%s%s", how, k->awaited != NULL ? " before " : "",
                   k->awaited != NULL ? k->awaited : "");
    return loss_of(k, 451, "I/O error", words);
}

static void on_close(void *session, enum conn_end why) {
    struct smtp_link *k = session;
    if (k->events != NULL) {
        struct smtp_loss loss = loss_of_close(k, why);
        k->events->on_lost(k->arg, &loss);
    }
    free_link(k);
}

static const struct conn_ops ops = {
    .on_read = on_read,
    .on_drain = on_drain,
    .on_tls = on_tls,
    .on_timeout = on_timeout,
    .on_close = on_close,
};

// ---- the beginning ----

static void *on_open(void *arg, struct conn *c) {
    struct smtp_link *k = arg;
    k->connector = NULL;
    k->conn = c;
    k->phase = PHASE_GREETING;
    smtp_link_expect(k, "the greeting", k->s->reply_ms);
    return k;
}

static void on_failed(void *arg, const char *why) {
    struct smtp_link *k = arg;
    k->connector = NULL;
    lose_by(k, 450, "Connection failed", why);
}

static void on_timer(struct loop_timer *timer) {
    struct smtp_link *k = CONTAINER_OF(timer, struct smtp_link, timer);
    if (k->awaited != NULL) {
        lose_late(k);
        return;
    }
    const struct smtp_link_events *events = k->events;
    void *arg = k->arg;
    struct smtp_loss loss = {.result = TRANSPORT_BROKEN, .connected = true, .why = {451, "451 I/O error: idle"}};
    smtp_link_leave(k, true);
    events->on_lost(arg, &loss);
}

struct smtp_link *smtp_link_open(const struct smtp_link_settings *s, const struct transport_host *host,
                                 const struct smtp_link_events *events, void *arg) {
    struct smtp_link *k = MEM_NEW(struct smtp_link);
    struct net_address addresses[TRANSPORT_ADDRESSES_MAX];
    ASSERT(host->n_addresses <= TRANSPORT_ADDRESSES_MAX);
    k->s = s;
    k->host = host;
    k->events = events;
    k->arg = arg;
    smtp_reply_init(&k->reply);
    loop_timer_init(&k->timer, s->loop, on_timer);
    const struct config *config = config_acquire(s->config);
    k->port = (uint16_t)config->outbound_smtp_port;
    config_release(s->config, config);
    for (size_t i = 0; i < host->n_addresses; i++) {
        addresses[i] = host->addresses[i];
        addresses[i].port = addresses[i].port != 0 ? addresses[i].port : k->port;
    }
    k->connector = connector_start(s->loop, &(struct connector_settings){
                                                .addresses = addresses,
                                                .n_addresses = host->n_addresses,
                                                .timeout_ms = s->connect_ms,
                                                .ops = &ops,
                                                .on_open = on_open,
                                                .on_failed = on_failed,
                                                .arg = k,
                                            });
    return k;
}

// ---- once it is ready ----

const struct smtp_offers *smtp_link_offers(const struct smtp_link *k) {
    return &k->offers;
}

void smtp_link_write(struct smtp_link *k, struct slice octets) {
    conn_write_slice(k->conn, octets);
}

size_t smtp_link_out_len(const struct smtp_link *k) {
    return conn_out_len(k->conn);
}

void smtp_link_ask_drain(struct smtp_link *k, uint32_t len) {
    conn_ask_drain(k->conn, len);
}

void smtp_link_expect(struct smtp_link *k, const char *what, uint32_t ms) {
    k->awaited = what;
    loop_timer_start(&k->timer, ms);
}

void smtp_link_rest(struct smtp_link *k, uint32_t ms) {
    k->awaited = NULL;
    loop_timer_start(&k->timer, ms);
}
