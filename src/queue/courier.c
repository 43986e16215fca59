// SPDX-License-Identifier: MIT
// One attempt for a letter:
//
//   route? -> host -> HTTPS, unless this host is known not to speak it -> all taken: the end
//                  -> SMTP -> answered: the end
//                          -> broken: HTTPS after all if it was skipped; then the next host
//
// Where the answer to a whole message is lost, the attempt ends: that host may have it, and another one would get a
// second copy. HTTPS is the exception: SMTP follows at once whatever happened to it.
//
// The host that answered last is tried first. That its connection was closed in between is the transport's business.
#include "queue/courier.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "queue/attempts.h"
#include "queue/words.h"

enum {
    // A route is not asked for again earlier than this, whatever its time to live.
    ROUTE_TTL_MIN_S = 30,
};

static void next_host(struct courier *c);
static void send_by(struct courier *c, enum courier_transport by);

// ---- channels ----

static void close_channel(struct courier *c, enum courier_transport by) {
    if (c->channels[by] != NULL)
        c->post->transports[by]->close(c->channels[by]);
    c->channels[by] = NULL;
}

static void close_channels(struct courier *c) {
    for (int by = 0; by < COURIER_TRANSPORTS; by++)
        close_channel(c, (enum courier_transport)by);
}

bool courier_is_open(const struct courier *c) {
    return c->channels[COURIER_HTTPS] != NULL || c->channels[COURIER_SMTP] != NULL;
}

static void drop_route(struct courier *c) {
    close_channels(c); // they look into the route
    if (c->route != NULL)
        route_free(c->route);
    c->route = NULL;
    c->preferred = 0;
}

void courier_init(struct courier *c, const struct courier_post *post, const char *destination) {
    *c = (struct courier){.post = post, .destination = destination};
}

void courier_done(struct courier *c) {
    if (c->finding != NULL)
        route_cancel(c->finding);
    c->finding = NULL;
    drop_route(c);
    if (c->letter != NULL)
        letter_release(c->letter);
    c->letter = NULL;
    c->sending = false;
}

// ---- the end of an attempt ----

static void end(struct courier *c, struct courier_end *e) {
    e->n_https = c->n_https;
    letter_release(c->letter);
    c->letter = NULL;
    c->on_end(c->on_end_arg, e); // `c` may be gone
}

static void end_answered(struct courier *c) {
    c->preferred = c->host;
    // A channel of the other transport that failed is not kept beside.
    close_channel(c, c->at == COURIER_SMTP ? COURIER_HTTPS : COURIER_SMTP);
    end(c, &(struct courier_end){.result = COURIER_ANSWERED, .by = c->at});
}

static void end_unreachable(struct courier *c, const struct transport_reply *why, const char *error) {
    struct transport_reply last = c->last_error; // `error` may point into it
    struct courier_end e = {.result = COURIER_UNREACHABLE, .why = *why, .error = error != NULL ? error : last.text};
    drop_route(c);
    end(c, &e);
}

static void end_all_failed(struct courier *c) {
    const char *host = c->route->hosts[c->host].name;
    struct transport_reply why = {.code = 421};
    (void)snprintf(why.text, sizeof(why.text),
                   "421 Failed to connect to any mail server; last attempt to %.255s: %.180s", host,
                   c->last_error.text);
    end_unreachable(c, &why, NULL);
}

static void end_unreadable(struct courier *c) {
    close_channels(c); // whatever the peer was told, it was not the whole letter
    end(c, &(struct courier_end){.result = COURIER_UNREADABLE});
}

// ---- sending ----

static const char *host_name(const struct courier *c) {
    return c->route->hosts[c->host].name;
}

static void note_failure(struct courier *c, const struct transport_reply *why) {
    c->last_error = *why;
    char words[WORDS_MAX];
    words_for_log(slice_from_cstr(why->text), words);
    log_info("queue.attempt", "delivery attempt failed: due=%llu transport=%s error=\"%s\"",
             (unsigned long long)c->letter->due.id, c->post->transports[c->at]->name, words);
    log_debug("queue.attempt", "due=%llu host=%s error=\"%s\"", (unsigned long long)c->letter->due.id, host_name(c),
              why->text);
}

// SMTP did not help either. The cache may be wrong about HTTPS: hosts whose port 25 is closed are reached by it.
static void smtp_broke(struct courier *c, const struct transport_end *e) {
    if (!e->connected)
        memory_forget(c->post->no_https, host_name(c));
    close_channels(c);
    if (e->maybe_taken)
        end_unreachable(c, &e->why, NULL);
    else if (!e->connected && c->https_was_skipped && !c->https_failed)
        send_by(c, COURIER_HTTPS);
    else
        next_host(c);
}

static void https_failed(struct courier *c) {
    c->https_failed = true;
    close_channel(c, COURIER_HTTPS);
    // https_was_skipped: SMTP had its turn.
    if (c->post->transports[COURIER_SMTP] != NULL && !c->https_was_skipped)
        send_by(c, COURIER_SMTP);
    else
        next_host(c);
}

static void on_broken(struct courier *c, const struct transport_end *e) {
    if (c->letter->read_status != STORE_OK) {
        end_unreadable(c);
        return;
    }
    note_failure(c, &e->why);
    if (c->at == COURIER_HTTPS)
        https_failed(c);
    else
        smtp_broke(c, e);
}

// Only what was taken counts: a refusal by HTTPS is never final, SMTP is asked.
static void on_https_answered(struct courier *c) {
    struct letter *l = c->letter;
    struct transport_reply refusal = {0};
    for (size_t i = 0; i < l->wire.n_recipients; i++) {
        if (l->wire.replies[i].code >= 200 && l->wire.replies[i].code < 300) {
            letter_take_reply(l, i, NULL);
            c->n_https++;
        } else {
            refusal = l->wire.replies[i];
        }
    }
    if (letter_count(l, LETTER_OPEN) == 0) {
        end_answered(c);
        return;
    }
    note_failure(c, &refusal);
    c->https_refused = true;
    https_failed(c);
}

static void on_smtp_answered(struct courier *c) {
    struct letter *l = c->letter;
    size_t n_taken = letter_count(l, LETTER_TAKEN);
    for (size_t i = 0; i < l->wire.n_recipients; i++)
        letter_take_reply(l, i, host_name(c));
    // A host that refuses the letter both ways may well know HTTPS.
    if (c->https_failed && (!c->https_refused || letter_count(l, LETTER_TAKEN) > n_taken))
        memory_remember(c->post->no_https, host_name(c));
    end_answered(c);
}

static void on_sent(void *arg, const struct transport_end *e) {
    struct courier *c = arg;
    c->sending = false;
    queue_count_attempt(c->at, e, clock_mono_us() - c->sent_us);
    c->letter->wire.read_cancel(&c->letter->wire);
    if (e->result == TRANSPORT_BROKEN)
        on_broken(c, e);
    else if (c->at == COURIER_HTTPS)
        on_https_answered(c);
    else
        on_smtp_answered(c);
}

static void send_by(struct courier *c, enum courier_transport by) {
    const struct transport *t = c->post->transports[by];
    bool any = letter_prepare(c->letter);
    ASSERT(any && !c->sending && t != NULL);
    c->at = by;
    if (c->channels[by] == NULL)
        c->channels[by] = t->open(t->arg, &c->route->hosts[c->host]);
    c->sending = true;
    c->sent_us = clock_mono_us();
    t->send(c->channels[by], &c->letter->wire, on_sent, c);
}

// ---- hosts ----

static void try_host(struct courier *c, size_t host) {
    if (c->host != host)
        close_channels(c);
    c->host = host;
    c->tried |= 1U << host;
    c->https_failed = false;
    c->https_refused = false;
    c->https_was_skipped = false;
    bool has_smtp = c->post->transports[COURIER_SMTP] != NULL;
    if (c->post->transports[COURIER_HTTPS] == NULL) {
        send_by(c, COURIER_SMTP);
    } else if (has_smtp && memory_has(c->post->no_https, host_name(c))) {
        c->https_was_skipped = true;
        send_by(c, COURIER_SMTP);
    } else {
        send_by(c, COURIER_HTTPS);
    }
}

static void next_host(struct courier *c) {
    for (size_t i = 0; i < c->route->n_hosts; i++) {
        // The preferred one first, then the others in their order.
        size_t host = i == 0 ? c->preferred : i <= c->preferred ? i - 1 : i;
        if ((c->tried & 1U << host) == 0) {
            try_host(c, host);
            return;
        }
    }
    end_all_failed(c);
}

// ---- route ----

static bool has_address(const struct transport_host *h, const struct net_address *a) {
    for (size_t i = 0; i < h->n_addresses; i++)
        if (memcmp(&h->addresses[i], a, sizeof(*a)) == 0)
            return true;
    return false;
}

static bool has_tlsa(const struct transport_host *h, const struct tls_tlsa *t) {
    for (size_t i = 0; i < h->n_tlsa; i++) {
        const struct tls_tlsa *mine = &h->tlsa[i];
        if (mine->usage == t->usage && mine->selector == t->selector && mine->matching == t->matching &&
            slice_eq(mine->data, t->data))
            return true;
    }
    return false;
}

static const char *tls_name(const struct transport_host *h) {
    return h->tls_name != NULL ? h->tls_name : h->name;
}

static bool is_same_host(const struct transport_host *a, const struct transport_host *b) {
    if (strcmp(a->name, b->name) != 0 || strcmp(tls_name(a), tls_name(b)) != 0 || a->check != b->check ||
        a->may_be_clear != b->may_be_clear || a->n_addresses != b->n_addresses || a->n_tlsa != b->n_tlsa)
        return false;
    for (size_t i = 0; i < a->n_addresses; i++)
        if (!has_address(b, &a->addresses[i]))
            return false;
    for (size_t i = 0; i < a->n_tlsa; i++)
        if (!has_tlsa(b, &a->tlsa[i]))
            return false;
    return true;
}

static bool is_same_route(const struct route *a, const struct route *b) {
    if (a->n_hosts != b->n_hosts)
        return false;
    for (size_t i = 0; i < a->n_hosts; i++)
        if (!is_same_host(&a->hosts[i], &b->hosts[i]))
            return false;
    return true;
}

// A route that says the same again does not cost the connection.
static void take_route(struct courier *c, struct route *route) {
    c->route_until =
        clock_mono_ms() + 1000 * (uint64_t)(route->ttl_s > ROUTE_TTL_MIN_S ? route->ttl_s : ROUTE_TTL_MIN_S);
    if (c->route != NULL && is_same_route(c->route, route)) {
        route_free(route);
        return;
    }
    drop_route(c);
    c->route = route;
}

static void on_route(void *arg, struct route *route) {
    struct courier *c = arg;
    c->finding = NULL;
    if (route->n_hosts > 0) {
        take_route(c, route);
        next_host(c);
        return;
    }
    struct transport_reply why = route->failure;
    route_free(route);
    if (why.code < 500 || why.code > 599) {
        end_unreachable(c, &why, "no route to the destination");
        return;
    }
    drop_route(c);
    letter_set_rest(c->letter, LETTER_NEVER, slice_from_cstr(why.text));
    end(c, &(struct courier_end){.result = COURIER_NO_ROUTE, .why = why});
}

void courier_send(struct courier *c, struct letter *l, void (*on_end)(void *arg, const struct courier_end *end),
                  void *arg) {
    ASSERT(c->letter == NULL && c->finding == NULL && !c->sending);
    c->letter = l;
    c->on_end = on_end;
    c->on_end_arg = arg;
    c->tried = 0;
    c->n_https = 0;
    c->last_error = (struct transport_reply){0};
    if (c->route != NULL && clock_mono_ms() < c->route_until)
        next_host(c);
    else
        c->finding = route_find(c->post->routes, slice_from_cstr(c->destination), on_route, c);
}
