// SPDX-License-Identifier: MIT
// 101 Switching Protocols (RFC 9110 section 7.8): the end of HTTP on a connection.
#include "base/mem.h"
#include "http/session.h"

void http_upgrade(struct http_exchange *x, const struct http_field *fields, size_t n_fields, const struct conn_ops *ops,
                  void *session) {
    struct http_session *s = x->s;
    struct conn *c = s->c;
    ASSERT(!x->answered);
    x->answered = true;
    // A body would come first, and be taken for the new protocol.
    bool can = x->body_done && http_fields_are_safe(fields, n_fields);
    if (can)
        http_write_head(c, s->server, &(struct http_response){.status = 101, .fields = fields, .n_fields = n_fields},
                        false);
    else
        http_write_refusal(c, s->server, 400, "A request for another protocol has no body.", NULL, 0);
    conn_set_handler(c, ops, session);
    conn_set_timeout(c, 0);
    if (conn_is_paused(c))
        conn_resume(c);
    if (!can)
        conn_close(c);
    s->state = HTTP_STATE_DONE;
    http_exchange_free(x);
    s->x = NULL;
    if (s->reading)
        s->gone = true;
    else
        free(s);
}
