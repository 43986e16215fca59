// SPDX-License-Identifier: MIT
// Anything as the requests of a peer, in pieces that the input chooses, with a slow disk and a client that goes:
// transactions are begun, fed and freed in order (the fake intake asserts that), nothing is left over, and the limit of
// transactions holds. Then the input as the body of a well-formed request: exactly that reaches the intake.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "http/http.h"
#include "http/mxdeliv/fake_intake.h"
#include "http/mxdeliv/mxdeliv.h"
#include "net/listener.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { AT_MOST = 1 };

struct world {
    struct loop *loop;
    struct intake intake;
    struct conn_limits *limits;
    struct mxdeliv_server mxdeliv;
    struct http_server server;
    struct conn *c;
};

static struct config_holder *config(void) {
    static struct config_holder *holder;
    if (holder == NULL) {
        const char *overrides[] = {"mail_domain=b.example", "max_message_size=3000", NULL};
        holder = config_holder_new(config_parse(SLICE("[params]\n"), "fuzz", overrides, NULL, NULL));
    }
    return holder;
}

static void begin(struct world *w, bool is_slow) {
    *w = (struct world){.loop = loop_new()};
    fake_intake_init(&w->intake, "250 OK");
    w->intake.is_slow = is_slow;
    w->limits = conn_limits_new(1, 1);
    w->mxdeliv = (struct mxdeliv_server){.config = config(), .intake = &w->intake, .limits = w->limits};
    w->server = (struct http_server){.on_request = mxdeliv_on_request, .arg = &w->mxdeliv};
    w->c = conn_new_memory(w->loop, &http_session_ops, NULL, true);
    conn_set_session(w->c, http_session_open(&w->server, w->c));
}

static void end(struct world *w) {
    loop_run_ready(w->loop);
    conn_memory_free(w->c);
    conn_limits_free(w->limits); // nobody is counted in any more
    fake_intake_done(&w->intake);
    loop_free(w->loop);
}

static void feed_pieces(struct world *w, const uint8_t *data, size_t size) {
    for (size_t at = 0; at < size;) {
        size_t n = data[at] % 61 + 1u;
        n = n < size - at ? n : size - at;
        conn_memory_feed(w->c, (const char *)data + at, n);
        if (data[at] % 3 != 0)
            loop_run_ready(w->loop);
        ASSERT(w->intake.n_alive <= AT_MOST);
        at += n;
    }
}

static void check_raw(const uint8_t *data, size_t size, unsigned how) {
    struct world w;
    begin(&w, (how & 1) != 0);
    feed_pieces(&w, data, size);
    if ((how & 2) != 0)
        conn_memory_timeout(w.c);
    else if ((how & 4) != 0)
        conn_abort(w.c);
    end(&w);
}

static void check_body(const uint8_t *data, size_t size, unsigned how) {
    struct world w;
    char head[256];
    if (size == 0 || size > 4000)
        return;
    begin(&w, (how & 1) != 0);
    int n = snprintf(head, sizeof(head),
                     "POST /mxdeliv HTTP/1.1\r\nHost: b\r\nX-Mail-From: a@a.example\r\nX-MAIL-TO: r@b.example\r\n"
                     "Content-Length: %zu\r\n\r\n",
                     size);
    conn_memory_feed(w.c, head, (size_t)n);
    feed_pieces(&w, data, size);
    loop_run_ready(w.loop);
    ASSERT(w.intake.n_made == 1 && w.intake.n_finished == 1);
    ASSERT(slice_eq(buf_slice(&w.intake.message), slice_make((const char *)data, size)));
    ASSERT(slice_starts_with(conn_memory_output(w.c), SLICE("HTTP/1.1 200 OK\r\n")) &&
           slice_ends_with(conn_memory_output(w.c), SLICE("250 OK")));
    end(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    clock_set_fake(1000 * 1000, 784111777);
    log_set_level(LOG_LEVEL_ERROR);
    check_raw(data + 1, size - 1, data[0]);
    check_body(data + 1, size - 1, data[0]);
    return 0;
}
