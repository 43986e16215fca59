// SPDX-License-Identifier: MIT
#include "queue/far_http.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/tls.h"

struct far_session {
    struct far_http *far;
    struct conn *c;
    uint64_t body_left;
    bool in_body, deaf; // takes everything and says nothing more
};

static const struct far_http_step *step_now(const struct far_http *f) {
    ASSERT(f->n_script > 0);
    return &f->script[f->n_requests < f->n_script ? f->n_requests : f->n_script - 1];
}

static uint64_t length_of(struct slice head) {
    uint64_t n = 0;
    size_t at = slice_find_slice(head, SLICE("\r\nContent-Length: "));
    if (at == head.len)
        return 0;
    struct slice value = slice_sub(head, at + 18, head.len);
    ASSERT(slice_to_u64(slice_sub(value, 0, slice_find(value, '\r')), &n));
    return n;
}

static void perform(struct far_session *s, bool at_head) {
    const struct far_http_step *step = step_now(s->far);
    if (step->at_head != at_head)
        return;
    if (step->answer != NULL)
        conn_write_cstr(s->c, step->answer);
    else if (!step->then_close)
        s->deaf = true;
    if (step->then_close)
        conn_close(s->c);
}

static void end_request(struct far_session *s) {
    s->in_body = false;
    perform(s, false);
    s->far->n_requests++;
}

static size_t read_head(struct far_session *s, struct slice in) {
    size_t end = slice_find_slice(in, SLICE("\r\n\r\n"));
    if (end == in.len)
        return 0;
    struct slice head = slice_sub(in, 0, end + 4);
    ASSERT(buf_append_slice(&s->far->seen, head));
    s->body_left = length_of(head);
    s->in_body = true;
    perform(s, true);
    if (s->body_left == 0)
        end_request(s);
    return head.len;
}

static size_t on_read(void *session, const char *data, size_t len) {
    struct far_session *s = session;
    if (s->deaf)
        return len;
    if (!s->in_body)
        return read_head(s, slice_make(data, len));
    size_t n = len < s->body_left ? len : (size_t)s->body_left;
    ASSERT(buf_append(&s->far->seen, data, n));
    s->body_left -= n;
    if (s->body_left == 0)
        end_request(s);
    return n;
}

static void on_close(void *session, enum conn_end why) {
    struct far_session *s = session;
    s->far->n_open--;
    if (s->far->latest == s->c)
        s->far->latest = NULL;
    free(s);
}

static const struct conn_ops OPS = {.on_read = on_read, .on_close = on_close};

static void *on_open(void *arg, struct conn *c) {
    struct far_session *s = MEM_NEW(struct far_session);
    s->far = arg;
    s->c = c;
    s->far->latest = c;
    s->far->n_connections++;
    s->far->n_open++;
    return s;
}

static bool listen_on_loopback(struct far_http *f, bool ipv6) {
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const struct sockaddr *to = ipv6 ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4;
    socklen_t len = ipv6 ? sizeof(a6) : sizeof(a4);
    struct sockaddr_storage bound;
    socklen_t bound_len = sizeof(bound);
    f->fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (f->fd < 0 || bind(f->fd, to, len) != 0 || listen(f->fd, 16) != 0 ||
        getsockname(f->fd, (struct sockaddr *)&bound, &bound_len) != 0)
        return false;
    f->port = net_address_from_sockaddr((struct sockaddr *)&bound).port;
    return true;
}

bool far_http_start(struct far_http *f, struct loop *loop, const struct cert *cert, bool ipv6) {
    *f = (struct far_http){.loop = loop};
    buf_init(&f->seen, FAR_HTTP_SEEN_MAX);
    if (!listen_on_loopback(f, ipv6)) {
        if (f->fd >= 0)
            (void)close(f->fd);
        return false;
    }
    const char *error = NULL;
    f->tls = tls_context_new(&(struct tls_settings){.cert_pem = slice_from_cstr(cert->pem),
                                                    .key_pem = slice_from_cstr(cert->key_pem),
                                                    .allow_tls12 = true,
                                                    .tickets = true},
                             &error);
    ASSERT(f->tls != NULL);
    f->listener = listener_new(f->fd, loop, &f->loop, 1,
                               &(struct service){.name = "far",
                                                 .tls_mode = LISTENER_IMPLICIT,
                                                 .tls = f->tls,
                                                 .handshake_timeout_ms = 5000,
                                                 .ops = &OPS,
                                                 .on_open = on_open,
                                                 .arg = f});
    return true;
}

void far_http_script(struct far_http *f, const struct far_http_step *script, size_t n) {
    f->script = script;
    f->n_script = n;
    f->n_requests = f->n_connections = 0;
    buf_done(&f->seen);
}

void far_http_stop(struct far_http *f) {
    listener_free(f->listener);
    (void)close(f->fd);
    conn_shutdown_all(f->loop);
    for (int i = 0; i < 2000 && conn_count() > 0; i++) {
        loop_run_ready(f->loop);
        (void)usleep(1000);
    }
    ASSERT(f->n_open == 0);
    tls_context_free(f->tls);
    buf_done(&f->seen);
}

static struct slice request(const struct far_http *f, size_t i, size_t *ret_head) {
    struct slice all = buf_slice(&f->seen);
    for (;; i--) {
        size_t end = slice_find_slice(all, SLICE("\r\n\r\n"));
        ASSERT(end < all.len);
        struct slice head = slice_sub(all, 0, end + 4);
        size_t len = head.len + (size_t)length_of(head);
        if (i == 0) {
            *ret_head = head.len;
            return slice_sub(all, 0, len);
        }
        all = slice_sub(all, len, all.len);
    }
}

struct slice far_http_head(const struct far_http *f, size_t i) {
    size_t head;
    struct slice r = request(f, i, &head);
    return slice_sub(r, 0, head);
}

struct slice far_http_body(const struct far_http *f, size_t i) {
    size_t head;
    struct slice r = request(f, i, &head);
    return slice_sub(r, head, r.len);
}
