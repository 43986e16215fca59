// SPDX-License-Identifier: MIT
#include "queue/fake_peers.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/mem.h"

enum { READ_MAX = 10000, MESSAGE_MAX = 4 << 20 };

struct transport_channel {
    struct list link;
    struct peers *peers;
    enum courier_transport by;
    char host[64];
    struct transport_letter *letter;
    struct buf message;
    void (*done)(void *arg, const struct transport_end *end);
    void *done_arg;
    struct loop_task answer;
    bool posted, closed, dead, holding;
};

static const char *const names[] = {"HTTPS", "SMTP"};

static void PRINTF_LIKE(2, 3) note(struct peers *p, const char *fmt, ...) {
    size_t len = strlen(p->log);
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(p->log + len, sizeof(p->log) - len, fmt, args);
    va_end(args);
}

static const char *how(const struct transport_channel *ch) {
    const struct peers *p = ch->peers;
    for (size_t i = p->n_rules; i-- > 0;)
        if ((p->rules[i].host[0] == '\0' || strcmp(p->rules[i].host, ch->host) == 0) &&
            p->rules[i].how[ch->by][0] != '\0')
            return p->rules[i].how[ch->by];
    return ch->by == COURIER_HTTPS ? "refused" : "mixed";
}

static void end(struct transport_channel *ch, const struct transport_end *e) {
    ch->letter = NULL;
    ch->holding = false;
    ch->peers->n_sending--;
    ch->done(ch->done_arg, e);
}

static void break_off(struct transport_channel *ch, bool connected, const char *why) {
    struct transport_end e = {.result = TRANSPORT_BROKEN, .connected = connected, .why = {.code = 451}};
    (void)snprintf(e.why.text, sizeof(e.why.text), "%s", why);
    note(ch->peers, "%s %s broken;", names[ch->by], ch->host);
    end(ch, &e);
}

static void lose_answer(struct transport_channel *ch) {
    struct transport_end e = {.result = TRANSPORT_BROKEN,
                              .connected = true,
                              .why = {451, "451 I/O error: the server closed the connection"},
                              .maybe_taken = true};
    note(ch->peers, "%s %s lost;", names[ch->by], ch->host);
    end(ch, &e);
}

static void set_reply(struct transport_reply *r, struct slice recipient, const char *what) {
    if (strcmp(what, "mixed") == 0) {
        what = "250 2.0.0 OK";
        if (slice_starts_with(recipient, SLICE("bad")))
            what = "550 5.1.1 no such user";
        else if (slice_starts_with(recipient, SLICE("later")))
            what = "450 4.2.1 try later";
    } else if (strcmp(what, "ok") == 0) {
        what = "250 OK";
    }
    r->code = (uint16_t)((what[0] - '0') * 100 + (what[1] - '0') * 10 + (what[2] - '0'));
    (void)snprintf(r->text, sizeof(r->text), "%s", what);
}

static void answer_all(struct transport_channel *ch, const char *what) {
    struct transport_letter *l = ch->letter;
    note(ch->peers, "%s %s ", names[ch->by], ch->host);
    for (size_t i = 0; i < l->n_recipients; i++) {
        set_reply(&l->replies[i], l->recipients[i], what);
        note(ch->peers, "%s%.*s=%u", i > 0 ? "," : "", SLICE_FMT(l->recipients[i]), l->replies[i].code);
    }
    note(ch->peers, ";");
    ch->peers->n_sent++;
    end(ch, &(struct transport_end){.result = TRANSPORT_ANSWERED, .connected = true});
}

static void run_answer(struct loop_task *task) {
    struct transport_channel *ch = CONTAINER_OF(task, struct transport_channel, answer);
    ch->posted = false;
    if (ch->closed) {
        free(ch);
        return;
    }
    const char *what = how(ch);
    if (strcmp(what, "refused") == 0) {
        break_off(ch, false, "450 connection refused by 192.0.2.1");
    } else if (strcmp(what, "tls") == 0) {
        break_off(ch, true, "451 TLS error: certificate is for another name");
    } else if (strcmp(what, "lost") == 0) {
        lose_answer(ch);
    } else if (strcmp(what, "hold") == 0) {
        ch->holding = true;
    } else if (strcmp(what, "dies") == 0) {
        ch->dead = true;
        answer_all(ch, "mixed");
    } else if (strcmp(what, "hang") != 0) {
        answer_all(ch, what);
    }
}

static void post_answer(struct transport_channel *ch) {
    ch->posted = true;
    ch->answer.run = run_answer;
    loop_post(ch->peers->loop, &ch->answer);
}

static void on_octets(void *arg, struct slice octets) {
    struct transport_channel *ch = arg;
    struct transport_letter *l = ch->letter;
    if (octets.ptr == NULL) {
        break_off(ch, true, "451 Local error");
    } else if (octets.len > 0) {
        ASSERT(buf_append_slice(&ch->message, octets));
        l->read(l, READ_MAX, on_octets, ch);
    } else {
        struct buf *last = &ch->peers->message;
        ASSERT(buf_slice(&ch->message).len == l->size);
        buf_truncate(last, 0);
        ASSERT(buf_append_slice(last, buf_slice(&ch->message)));
        post_answer(ch);
    }
}

static void send_letter(struct transport_channel *ch, struct transport_letter *l,
                        void (*done)(void *arg, const struct transport_end *end), void *done_arg) {
    ASSERT(ch->letter == NULL && !ch->posted && l->n_recipients > 0);
    const char *what = how(ch);
    ch->letter = l;
    ch->done = done;
    ch->done_arg = done_arg;
    ch->peers->n_sending++;
    if (ch->dead)
        note(ch->peers, "%s %s connects again;", names[ch->by], ch->host);
    ch->dead = false;
    if (strcmp(what, "refused") == 0 || strcmp(what, "tls") == 0 || strcmp(what, "hang") == 0) {
        post_answer(ch);
        return;
    }
    buf_truncate(&ch->message, 0);
    l->read(l, READ_MAX, on_octets, ch);
}

static struct transport_channel *open_channel(void *arg, const struct transport_host *host) {
    const struct transport *t = arg;
    struct transport_channel *ch = MEM_NEW(struct transport_channel);
    bool is_https = strcmp(t->name, "HTTPS") == 0;
    ch->by = is_https ? COURIER_HTTPS : COURIER_SMTP;
    ch->peers = is_https ? CONTAINER_OF(t, struct peers, transports[COURIER_HTTPS])
                         : CONTAINER_OF(t, struct peers, transports[COURIER_SMTP]);
    (void)snprintf(ch->host, sizeof(ch->host), "%s", host->name);
    ch->peers->n_channels++;
    buf_init(&ch->message, MESSAGE_MAX);
    list_append(&ch->peers->channels, &ch->link);
    return ch;
}

static void close_channel(struct transport_channel *ch) {
    ch->peers->n_channels--;
    if (ch->letter != NULL) {
        ch->letter->read_cancel(ch->letter);
        ch->peers->n_sending--;
    }
    list_remove(&ch->link);
    buf_done(&ch->message);
    if (ch->posted)
        ch->closed = true;
    else
        free(ch);
}

void peers_init(struct peers *p, struct loop *loop) {
    *p = (struct peers){.loop = loop};
    buf_init(&p->message, MESSAGE_MAX);
    list_init(&p->channels);
    for (int by = 0; by < COURIER_TRANSPORTS; by++)
        p->transports[by] = (struct transport){names[by], &p->transports[by], open_channel, send_letter, close_channel};
}

void peers_done(struct peers *p) {
    ASSERT(p->n_channels == 0 && p->n_sending == 0);
    buf_done(&p->message);
}

void peers_set(struct peers *p, const char *host, const char *https, const char *smtp) {
    ASSERT(p->n_rules < ARRAY_LEN(p->rules));
    struct peers_rule *r = &p->rules[p->n_rules++];
    *r = (struct peers_rule){0};
    (void)snprintf(r->host, sizeof(r->host), "%s", host);
    (void)snprintf(r->how[COURIER_HTTPS], sizeof(r->how[0]), "%s", https != NULL ? https : "");
    (void)snprintf(r->how[COURIER_SMTP], sizeof(r->how[0]), "%s", smtp != NULL ? smtp : "");
}

void peers_let_go(struct peers *p) {
    LIST_FOREACH(node, &p->channels) {
        struct transport_channel *ch = CONTAINER_OF(node, struct transport_channel, link);
        if (ch->holding)
            answer_all(ch, "mixed");
    }
}

void peers_break(struct peers *p) {
    LIST_FOREACH(node, &p->channels) {
        struct transport_channel *ch = CONTAINER_OF(node, struct transport_channel, link);
        if (ch->holding || (ch->letter != NULL && strcmp(how(ch), "hang") == 0))
            break_off(ch, false, "451 I/O error: timed out");
    }
}

const char *peers_log(struct peers *p) {
    static char taken[sizeof(p->log)];
    memcpy(taken, p->log, sizeof(taken));
    p->log[0] = '\0';
    return taken;
}

// ---- routes: in place of queue/route.c ----

struct route_request {
    struct loop_task task;
    bool cancelled;
    char destination[STORE_DESTINATION_MAX + 1];
    void (*done)(void *arg, struct route *route);
    void *arg;
};

static char *join(const char *before, const char *name) {
    char text[320];
    (void)snprintf(text, sizeof(text), "%s%s", before, name);
    return slice_dup(slice_from_cstr(text));
}

static void add_host(struct route *r, const char *before, const char *destination) {
    r->hosts = mem_realloc(r->hosts, (r->n_hosts + 1) * sizeof(*r->hosts));
    r->hosts[r->n_hosts++] = (struct transport_host){
        .name = join(before, destination), .destination = join("", destination), .check = TLS_CHECK_PKIX};
}

static bool begins(const char *s, const char *with) {
    return strncmp(s, with, strlen(with)) == 0;
}

static void run_found(struct loop_task *task) {
    struct route_request *r = CONTAINER_OF(task, struct route_request, task);
    if (!r->cancelled) {
        struct route *route = MEM_NEW(struct route);
        route->ttl_s = 300;
        if (begins(r->destination, "nx")) {
            route->failure.code = 512;
            (void)snprintf(route->failure.text, sizeof(route->failure.text), "512 Domain %s does not exist",
                           r->destination);
        } else if (begins(r->destination, "dns")) {
            route->failure.code = 421;
            (void)snprintf(route->failure.text, sizeof(route->failure.text), "421 DNS resolution failed for %s",
                           r->destination);
        } else {
            add_host(route, "mx1.", r->destination);
            if (begins(r->destination, "two"))
                add_host(route, "mx2.", r->destination);
        }
        r->done(r->arg, route);
    }
    free(r);
}

struct route_request *route_find(struct route_finder *f, struct slice destination,
                                 void (*done)(void *arg, struct route *route), void *arg) {
    struct peers *p = (struct peers *)(void *)f;
    struct route_request *r = MEM_NEW(struct route_request);
    p->n_routes++;
    r->done = done;
    r->arg = arg;
    memcpy(r->destination, destination.ptr, destination.len);
    r->task.run = run_found;
    if (!begins(r->destination, "silent"))
        loop_post(p->loop, &r->task);
    return r;
}

void route_cancel(struct route_request *r) {
    if (r == NULL)
        return;
    if (begins(r->destination, "silent"))
        free(r);
    else
        r->cancelled = true;
}

void route_free(struct route *r) {
    for (size_t i = 0; i < r->n_hosts; i++) {
        free((char *)(uintptr_t)r->hosts[i].name);
        free((char *)(uintptr_t)r->hosts[i].destination);
    }
    free(r->hosts);
    free(r);
}
