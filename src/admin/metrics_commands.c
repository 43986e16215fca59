// SPDX-License-Identifier: MIT
// Everything that is counted, as OpenMetrics text: an object for each family, and one for the old names.
#include "admin/command.h"
#include "admin/openmetrics.h"
#include "admin/session.h"
#include "admin/store_gauges.h"

enum {
    FAMILY_MAX = 64 * 1024, // octets of text
    PAGE = 32,              // families between two looks at how much the peer has taken
};

// ---- text ----

static void write_text(struct control_session *s, struct buf *text) {
    struct slice octets = buf_slice(text);
    if (octets.len > 0)
        control_row(s, json_pack("{s:s%}", "text", octets.ptr, octets.len));
    buf_done(text);
}

static void write_aliases(struct control_session *s) {
    struct buf text;
    buf_init(&text, FAMILY_MAX);
    for (const struct openmetrics_alias *a = openmetrics_aliases(); a->name != NULL; a++)
        ASSERT(openmetrics_write_alias(a, &text));
    ASSERT(buf_append_cstr(&text, OPENMETRICS_END));
    write_text(s, &text);
    control_ok(s, NULL);
}

static void write_page(struct control_session *s) {
    const struct metric *m = s->next_metric;
    for (size_t i = 0; i < PAGE && m != NULL; i++, m = metrics_after(m)) {
        struct buf text;
        buf_init(&text, FAMILY_MAX);
        ASSERT(openmetrics_write(m, OPENMETRICS_1_0, &text)); // names and labels are ours, and so is their size
        write_text(s, &text);
    }
    s->next_metric = m;
    control_go_on(s, m != NULL ? write_page : write_aliases);
}

static void begin(struct store_gauges_asker *a) {
    struct control_session *s = CONTAINER_OF(a, struct control_session, gauges);
    s->next_metric = metrics_first();
    write_page(s);
}

void control_metrics(struct control_session *s, const json_t *request) {
    s->gauges = (struct store_gauges_asker){.store = s->server->store, .loop = conn_loop(s->conn), .next = begin};
    store_gauges_read(&s->gauges);
}
