// SPDX-License-Identifier: MIT
// From one client to another. On the same loop a packet is copied once, from where it was read into what the receiver's
// connection sends at the end of the turn; unless the receiver does not keep up, when it waits in a queue.
#include <string.h>

#include "iroh/directory.h"
#include "iroh/relay.h"
#include "iroh/session.h"

// Most clients talk to one other for a while, so that the directory is seldom asked.
static struct iroh_client *destination(struct iroh_session *s, const uint8_t key[IROH_KEY_LEN]) {
    struct iroh_client *last = s->last_to;
    if (last != NULL && memcmp(last->key, key, IROH_KEY_LEN) == 0 &&
        atomic_load_explicit(&last->standing, memory_order_relaxed) == IROH_ACTIVE)
        return last;
    iroh_client_unref(last);
    s->last_to = iroh_directory_find(s->share->relay->directory, s->dialect, key);
    return s->last_to;
}

void iroh_session_forward(struct iroh_session *s, const struct iroh_frame *f) {
    if (f->is_discovery && atomic_load_explicit(&s->share->relay->relay_only, memory_order_relaxed)) {
        iroh_count_drop(IROH_DROP_DISCOVERY);
        return;
    }
    struct iroh_client *to = destination(s, f->key);
    if (to == NULL) {
        iroh_count_drop(IROH_DROP_UNKNOWN);
        return;
    }
    uint8_t head[IROH_PACKET_HEAD_MAX];
    size_t head_len = iroh_write_packet_head(to->dialect, f->packet_type, s->client->key, f->body.data.len, head);
    if (to->home != s->share)
        iroh_share_send(s->share, to, head, head_len, &f->body);
    else if (to->session != NULL)
        iroh_session_deliver(to->session, head, head_len, &f->body, false);
    else
        iroh_count_drop(IROH_DROP_UNKNOWN);
}

// Whether a packet can go to the connection right away.
static bool may_hand_over(struct iroh_session *s) {
    if (s->waiting.count > 0)
        return false;
    if (conn_out_len(s->c) >= IROH_AHEAD)
        conn_send_now(s->c);
    return conn_out_len(s->c) < IROH_AHEAD;
}

// What is on its way here is before a packet of this loop, but behind one that has arrived, which would otherwise make
// room for it.
static bool may_wait(const struct iroh_session *s, size_t len, bool has_crossed) {
    const struct iroh_client *c = s->client;
    size_t count = s->waiting.count, octets = s->waiting.octets + conn_out_len(s->c);
    if (!has_crossed) {
        count += atomic_load_explicit(&c->crossing, memory_order_relaxed);
        octets += atomic_load_explicit(&c->crossing_octets, memory_order_relaxed);
    }
    size_t share = IROH_WAITING_ALL_MAX / s->share->relay->n_shares;
    return count < IROH_WAITING_MAX && octets + len <= IROH_WAITING_OCTETS_MAX &&
           s->share->waiting_memory + len <= share;
}

// Other loops can see how much waits. `before` is the memory that it took.
static void publish(struct iroh_session *s, size_t before) {
    s->share->waiting_memory += s->waiting.memory;
    s->share->waiting_memory -= before;
    // Behind the end of their crossing; see iroh_client_begin_crossing().
    atomic_store_explicit(&s->client->waiting, s->waiting.count, memory_order_release);
    atomic_store_explicit(&s->client->waiting_octets, s->waiting.octets, memory_order_release);
}

static void fill(char *room, const uint8_t *head, size_t head_len, const struct websocket_payload *body) {
    if (head_len > 0)
        memcpy(room, head, head_len);
    websocket_copy(body, 0, body->data.len, room + head_len);
}

static void queue(struct iroh_session *s, const uint8_t *head, size_t head_len, const struct websocket_payload *body) {
    if (s->waiting.count == 0)
        conn_ask_drain(s->c, IROH_AHEAD_LOW);
    size_t before = s->waiting.memory;
    fill(iroh_backlog_push(&s->waiting, (uint32_t)(head_len + body->data.len)), head, head_len, body);
    publish(s, before);
}

void iroh_session_deliver(struct iroh_session *s, const uint8_t *head, size_t head_len,
                          const struct websocket_payload *body, bool has_crossed) {
    size_t len = head_len + body->data.len;
    if (may_hand_over(s)) {
        // The first packet of a turn is seldom the last: room is made for all of them at once.
        char *room = conn_reserve(s->c, conn_out_len(s->c) > 0 ? len : IROH_AHEAD + len);
        if (room == NULL)
            return; // it is closing
        fill(room, head, head_len, body);
        conn_wrote(s->c, len);
    } else if (may_wait(s, len, has_crossed)) {
        queue(s, head, head_len, body);
    } else {
        iroh_count_drop(IROH_DROP_FULL);
        return;
    }
    iroh_count_forwarded(s->dialect, len);
}

void iroh_session_drain(struct iroh_session *s) {
    if (s->waiting.count == 0)
        return;
    size_t before = s->waiting.memory;
    while (s->waiting.count > 0 && conn_out_len(s->c) < IROH_AHEAD) {
        struct slice frame = iroh_backlog_first(&s->waiting);
        conn_write_slice(s->c, frame);
        iroh_backlog_pop(&s->waiting);
    }
    publish(s, before);
    if (s->waiting.count > 0)
        conn_ask_drain(s->c, IROH_AHEAD_LOW);
}
