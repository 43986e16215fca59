// SPDX-License-Identifier: MIT
#include "smtp/client/fake_connector.h"

#include "base/mem.h"
#include "net/connector.h"

struct fake_net fake_net;

struct connector {
    struct connector_settings s;
    struct loop *loop;
    struct loop_task task;
    bool is_cancelled;
};

static void connect_now(struct loop_task *task) {
    struct connector *co = CONTAINER_OF(task, struct connector, task);
    struct connector_settings s = co->s;
    struct loop *loop = co->loop;
    bool is_cancelled = co->is_cancelled;
    free(co);
    if (is_cancelled)
        return;
    if (fake_net.n_conns == fake_net.n_max) {
        s.on_failed(s.arg, "connection refused");
        return;
    }
    struct conn *c = conn_new_memory(loop, s.ops, NULL, false);
    fake_net.conns[fake_net.n_conns++] = c;
    void *session = s.on_open(s.arg, c);
    ASSERT(session != NULL);
    conn_set_session(c, session);
}

struct connector *connector_start(struct loop *loop, const struct connector_settings *s) {
    struct connector *co = MEM_NEW(struct connector);
    co->s = *s;
    co->loop = loop;
    co->task.run = connect_now;
    loop_post(loop, &co->task);
    return co;
}

void connector_cancel(struct connector *co) {
    if (co != NULL)
        co->is_cancelled = true;
}

void fake_net_clear(void) {
    for (size_t i = 0; i < fake_net.n_conns; i++)
        conn_memory_free(fake_net.conns[i]);
    fake_net = (struct fake_net){0};
}
