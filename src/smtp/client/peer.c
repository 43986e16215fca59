// SPDX-License-Identifier: MIT
#include "smtp/client/peer.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "mail/dot.h"
#include "net/listener.h"
#include "net/tls.h"

// ---- the server ----

struct visit {
    struct peer *p;
    struct conn *c;
    struct slice script; // what is left, the current line first
    struct dot_decoder dot;
    uint64_t wanted; // octets of a chunk
    bool in_chunk;
};

static struct slice current_line(const struct visit *v) {
    struct slice line, rest;
    slice_cut(v->script, '\n', &line, &rest);
    return line;
}

static void step(struct visit *v) {
    struct slice line;
    slice_cut(v->script, '\n', &line, &v->script);
    v->p->n_steps++;
    if (v->p->on_step != NULL)
        v->p->on_step(v->p->arg, v->p->n_steps);
}

static void complain(struct visit *v, struct slice got) {
    struct slice want = current_line(v);
    if (v->p->problem[0] == '\0')
        (void)snprintf(v->p->problem, sizeof(v->p->problem), "connection %zu: want [%.*s] got [%.*s]", v->p->n_opened,
                       SLICE_FMT(want), SLICE_FMT(slice_sub(got, 0, 300)));
    conn_abort(v->c);
}

// Runs the script up to a line that waits for octets.
static void run(struct visit *v) {
    while (v->script.len > 0 && !conn_is_closing(v->c)) {
        struct slice line = current_line(v);
        struct slice text = slice_sub(line, 3, line.len);
        if (slice_starts_with(line, SLICE("S: ")))
            conn_printf(v->c, "%.*s\r\n", SLICE_FMT(text));
        else if (slice_starts_with(line, SLICE("S- ")))
            conn_write_slice(v->c, text);
        else if (slice_eq(line, SLICE("TLS"))) {
            conn_start_tls(v->c, v->p->tls);
            return;
        } else if (slice_eq(line, SLICE("PAUSE"))) {
            conn_pause(v->c);
            return;
        } else if (slice_eq(line, SLICE("CLOSE")))
            conn_close(v->c);
        else if (slice_eq(line, SLICE("ABORT")))
            conn_abort(v->c);
        else if (line.len > 0)
            return;
        step(v);
    }
}

static bool matches(struct slice want, struct slice got) {
    if (slice_ends_with(want, SLICE("*")))
        return slice_starts_with(got, slice_sub(want, 0, want.len - 1));
    return slice_eq(want, got);
}

// A whole line at the front of `in`, without its CRLF; 0 while it is not there.
static size_t take_line(struct slice in, struct slice *ret_line) {
    size_t at = slice_find_slice(in, SLICE("\r\n"));
    if (at == in.len)
        return 0;
    *ret_line = slice_sub(in, 0, at);
    return at + 2;
}

static size_t take_command(struct visit *v, struct slice in) {
    struct slice line;
    size_t n = take_line(in, &line);
    if (n == 0)
        return 0;
    struct slice want = current_line(v);
    if (matches(slice_sub(want, 3, want.len), line))
        step(v);
    else
        complain(v, line);
    return n;
}

static size_t take_message(struct visit *v, struct slice in) {
    struct slice text;
    size_t used;
    enum dot_result r = dot_decode(&v->dot, in, &text, &used);
    ASSERT(buf_append_slice(&v->p->message, text));
    if (v->dot.bad)
        complain(v, SLICE("a message with bare line ends"));
    if (r == DOT_END) {
        v->dot = (struct dot_decoder){0};
        step(v);
    }
    return used;
}

static size_t take_chunk(struct visit *v, struct slice in) {
    struct slice line;
    if (!v->in_chunk) {
        size_t n = take_line(in, &line);
        struct slice rest = line;
        v->in_chunk = n > 0;
        if (n > 0 && (!slice_eq(slice_next_word(&rest), SLICE("BDAT")) ||
                      !slice_to_u64(slice_next_word(&rest), &v->wanted) || !slice_eq(slice_trim(rest), SLICE("LAST"))))
            complain(v, line);
        return n;
    }
    struct slice piece = slice_sub(in, 0, v->wanted < in.len ? (size_t)v->wanted : in.len);
    ASSERT(buf_append_slice(&v->p->message, piece));
    v->wanted -= piece.len;
    if (v->wanted == 0) {
        v->in_chunk = false;
        step(v);
    }
    return piece.len;
}

static size_t take_octets(struct visit *v, struct slice in) {
    struct slice line = current_line(v);
    if (v->wanted == 0)
        ASSERT(slice_to_u64(slice_sub(line, 5, line.len), &v->wanted));
    size_t n = v->wanted < in.len ? (size_t)v->wanted : in.len;
    v->wanted -= n;
    if (v->wanted == 0)
        step(v);
    return n;
}

static size_t on_read(void *session, const char *data, size_t len) {
    struct visit *v = session;
    struct slice in = slice_make(data, len), line = current_line(v);
    size_t n = len; // the script is at its end
    if (slice_starts_with(line, SLICE("C: ")))
        n = take_command(v, in);
    else if (slice_eq(line, SLICE("MESSAGE")))
        n = take_message(v, in);
    else if (slice_eq(line, SLICE("CHUNK")))
        n = take_chunk(v, in);
    else if (slice_starts_with(line, SLICE("WAIT ")))
        n = take_octets(v, in);
    else if (line.len > 0)
        complain(v, in);
    if (n > 0)
        run(v);
    return n;
}

static void on_tls(void *session) {
    step(session);
    run(session);
}

static void on_timeout(void *session) {
    (void)session;
}

static void on_close(void *session, enum conn_end why) {
    struct visit *v = session;
    (void)why;
    v->p->n_open--;
    free(v);
}

static void *on_open(void *arg, struct conn *c) {
    struct peer *p = arg;
    if (p->n_opened == PEER_SCRIPTS_MAX || p->scripts[p->n_opened] == NULL) {
        (void)snprintf(p->problem, sizeof(p->problem), "a connection too many");
        return NULL;
    }
    struct visit *v = MEM_NEW(struct visit);
    v->p = p;
    v->c = c;
    v->script = slice_from_cstr(p->scripts[p->n_opened++]);
    p->n_open++;
    run(v);
    return v;
}

static const struct conn_ops visit_ops = {
    .on_read = on_read, .on_tls = on_tls, .on_timeout = on_timeout, .on_close = on_close};

void peer_start(struct peer *p, struct loop *loop, const char *const *scripts) {
    const char *error;
    *p = (struct peer){.loop = loop};
    p->cert = cert_fixture_new(&(struct cert_spec){.name = "mx", .san = "DNS:mx.b.example"});
    p->tls = tls_context_new(&(struct tls_settings){.cert_pem = slice_from_cstr(p->cert->pem),
                                                    .key_pem = slice_from_cstr(p->cert->key_pem),
                                                    .allow_tls12 = true,
                                                    .tickets = true},
                             &error);
    ASSERT(p->tls != NULL);
    for (size_t i = 0; i < PEER_SCRIPTS_MAX && scripts[i] != NULL; i++)
        p->scripts[i] = scripts[i];
    buf_init(&p->message, 64 * 1024 * 1024);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    ASSERT(p->fd >= 0 && bind(p->fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(p->fd, 16) == 0);
    ASSERT(getsockname(p->fd, (struct sockaddr *)&at, &len) == 0);
    p->port = ntohs(at.sin_port);
    const struct service svc = {
        .name = "peer", .tls = p->tls, .handshake_timeout_ms = 5000, .ops = &visit_ops, .on_open = on_open, .arg = p};
    p->listener = listener_new(p->fd, loop, &loop, 1, &svc);
}

void peer_stop(struct peer *p) {
    listener_stop(p->listener);
    listener_free(p->listener);
    tls_context_free(p->tls);
    cert_fixture_free(p->cert);
    buf_done(&p->message);
    (void)close(p->fd);
}

// ---- letters ----

enum { READ_PIECE = 32 * 1024 };

static void on_answer(struct loop_task *task) {
    struct letter *l = CONTAINER_OF(task, struct letter, answer);
    l->is_posted = false;
    if (!l->is_wanted)
        return;
    l->is_wanted = false;
    static char text[READ_PIECE];
    uint64_t end = l->ends_at > 0 ? l->ends_at : l->l.size;
    size_t n = l->asked < READ_PIECE ? l->asked : READ_PIECE;
    if (n > end - l->at)
        n = (size_t)(end - l->at);
    for (size_t i = 0; i < n; i++) {
        uint64_t k = l->at + i;
        bool in_head = k < l->head.len;
        uint64_t column = (k - l->head.len) % 64, left = l->l.size - k;
        bool is_cr = left == 2 || column == 62, is_lf = left == 1 || column == 63;
        text[i] = in_head ? l->head.ptr[k] : is_lf ? '\n' : is_cr ? '\r' : 'x';
    }
    l->at += n;
    l->on_octets(l->arg, l->fails ? (struct slice){NULL, 0} : slice_make(text, n));
}

static void letter_read(struct transport_letter *t, size_t max, void (*on_octets)(void *arg, struct slice octets),
                        void *arg) {
    struct letter *l = CONTAINER_OF(t, struct letter, l);
    ASSERT(!l->is_wanted);
    l->asked = max;
    l->max_asked = max > l->max_asked ? max : l->max_asked;
    l->on_octets = on_octets;
    l->arg = arg;
    l->is_wanted = true;
    if (l->is_posted || l->hangs)
        return;
    l->is_posted = true;
    loop_post(l->loop, &l->answer);
}

static void letter_rewind(struct transport_letter *t) {
    struct letter *l = CONTAINER_OF(t, struct letter, l);
    ASSERT(!l->is_wanted);
    l->at = 0;
    l->n_rewinds++;
}

static void letter_cancel(struct transport_letter *t) {
    CONTAINER_OF(t, struct letter, l)->is_wanted = false;
}

void letter_init(struct letter *l, struct loop *loop, const char *head, uint64_t size, size_t n_recipients) {
    static char names[PEER_RECIPIENTS_MAX][32];
    ASSERT(n_recipients <= PEER_RECIPIENTS_MAX);
    *l = (struct letter){.loop = loop, .head = slice_from_cstr(head)};
    l->answer.run = on_answer;
    for (size_t i = 0; i < n_recipients; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "user%zu@b.example", i);
        l->recipients[i] = slice_from_cstr(names[i]);
    }
    l->l = (struct transport_letter){
        .reverse_path = SLICE("alice@relay.test"),
        .recipients = l->recipients,
        .replies = l->replies,
        .n_recipients = n_recipients,
        .size = size > 0 ? size : l->head.len,
        .read = letter_read,
        .read_rewind = letter_rewind,
        .read_cancel = letter_cancel,
    };
}

void letter_done(struct letter *l) {
    if (l->is_posted)
        loop_run_ready(l->loop);
    ASSERT(!l->is_posted);
}

void letter_on_end(void *arg, const struct transport_end *end) {
    struct letter *l = arg;
    ASSERT(!l->is_done);
    l->is_done = true;
    l->end = *end;
}

void letter_describe(const struct letter *l, char *ret, size_t max) {
    struct buf b;
    buf_init(&b, max - 1);
    bool fits = true;
    if (!l->is_done) {
        fits = buf_append_cstr(&b, "nothing");
    } else if (l->end.result == TRANSPORT_BROKEN) {
        fits = buf_printf(&b, "BROKEN %s%s%s", l->end.connected ? "" : "unconnected ",
                          l->end.maybe_taken ? "maybe taken " : "", l->end.why.text);
        unsigned code = 0;
        for (size_t i = 0; i < 3; i++)
            code = code * 10 + (unsigned)(l->end.why.text[i] - '0');
        ASSERT(code == l->end.why.code && code >= 400);
    } else {
        fits = buf_append_cstr(&b, "ANSWERED ");
        for (size_t i = 0; i < l->l.n_recipients; i++)
            fits = fits && buf_printf(&b, "%s%s", i > 0 ? "|" : "", l->replies[i].text);
    }
    ASSERT(fits);
    (void)snprintf(ret, max, "%.*s", SLICE_FMT(buf_slice(&b)));
    buf_done(&b);
}
