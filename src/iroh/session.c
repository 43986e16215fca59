// SPDX-License-Identifier: MIT
#include "iroh/session.h"

#include "base/mem.h"
#include "base/random.h"
#include "iroh/dialect_b.h"
#include "iroh/directory.h"
#include "iroh/relay.h"

struct iroh_session *iroh_session_new(struct iroh_share *share, struct conn *c) {
    struct iroh_session *s = MEM_NEW(struct iroh_session);
    s->share = share;
    s->c = c;
    websocket_reader_init(&s->reader, IROH_B_MESSAGE_MAX);
    return s;
}

void iroh_session_free(struct iroh_session *s) {
    iroh_liveness_done(s);
    s->share->waiting_memory -= s->waiting.memory;
    iroh_backlog_done(&s->waiting);
    websocket_reader_done(&s->reader);
    iroh_client_unref(s->last_to);
    iroh_client_unref(s->client);
    free(s);
}

static void challenge(struct iroh_session *s) {
    random_bytes(s->challenge, sizeof(s->challenge));
    uint8_t frame[IROH_SMALL_MAX];
    conn_write(s->c, (const char *)frame, iroh_b_write_challenge(s->challenge, frame));
}

void iroh_session_start(struct iroh_session *s, enum iroh_dialect d, const uint8_t *proved_key) {
    s->dialect = (uint8_t)d;
    conn_set_stall(s->c, IROH_STALL_MS, IROH_STALL_MIN);
    conn_limit_unsent(s->c, IROH_UNSENT);
    iroh_liveness_start(s);
    if (proved_key != NULL)
        iroh_session_admit(s, proved_key);
    else if (iroh_is_b(d))
        challenge(s); // in dialect A the client speaks first
}

void iroh_session_admit(struct iroh_session *s, const uint8_t key[IROH_KEY_LEN]) {
    s->hello_is_over = true;
    if (iroh_is_b(s->dialect)) {
        uint8_t frame[IROH_SMALL_MAX];
        conn_write(s->c, (const char *)frame, iroh_b_write_confirmation(frame));
    }
    s->client = iroh_client_new(s->share, s, s->dialect, key);
    iroh_count_client(s->dialect);
    iroh_liveness_admitted(s);
    if (!iroh_directory_enter(s->share->relay->directory, s->client))
        iroh_session_end(s, IROH_END_SHUTDOWN);
}

void iroh_session_fail(struct iroh_session *s, enum iroh_failure why) {
    if (!s->hello_is_over)
        iroh_count_failure(why);
    s->hello_is_over = true;
    conn_close(s->c);
}

void iroh_session_end(struct iroh_session *s, enum iroh_end why) {
    if (!conn_is_closing(s->c))
        s->end = (uint8_t)why;
    conn_close(s->c);
}

void iroh_session_on_standing(struct iroh_session *s, enum iroh_standing standing) {
    if (standing == IROH_REPLACED)
        iroh_session_end(s, IROH_END_REPLACED);
    bool is_inactive = standing == IROH_INACTIVE;
    if (is_inactive == s->is_inactive || conn_is_closing(s->c))
        return;
    s->is_inactive = is_inactive;
    uint8_t frame[IROH_SMALL_MAX];
    conn_write(s->c, (const char *)frame, iroh_write_status(s->dialect, !is_inactive, frame));
}

static size_t on_read(void *session, const char *data, size_t len) {
    return iroh_session_read(session, slice_make(data, len));
}

static void on_drain(void *session) {
    iroh_session_drain(session);
}

// Clients connect again by themselves.
static void on_shutdown(void *session) {
    struct iroh_session *s = session;
    if (s->client != NULL && iroh_is_b(s->dialect)) {
        uint8_t frame[WEBSOCKET_CLOSE_LEN];
        conn_write(s->c, (const char *)frame, websocket_write_close(WEBSOCKET_GOING_AWAY, frame));
    }
    iroh_session_end(s, IROH_END_SHUTDOWN);
}

static void on_close(void *session, enum conn_end why) {
    struct iroh_session *s = session;
    if (!s->hello_is_over)
        iroh_count_failure(IROH_HELLO_ABANDONED);
    if (s->client != NULL) {
        iroh_directory_leave(s->share->relay->directory, s->client);
        s->client->session = NULL;
        iroh_count_end(s->dialect, why == CONN_END_OVERFLOW ? IROH_END_STALLED : s->end);
    }
    iroh_session_free(s);
}

const struct conn_ops iroh_session_ops = {
    .on_read = on_read,
    .on_drain = on_drain,
    .on_shutdown = on_shutdown,
    .on_close = on_close,
};
