// SPDX-License-Identifier: MIT
#include "martlet/relay/realtime_status.h"

#include <pthread.h>
#include <string.h>

#include "admin/status.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "config/config.h"
#include "config/url.h"
#include "martlet/relay/outbound.h"
#include "martlet/relay/wire_realtime.h"
#include "martlet/web/announce.h"

struct realtime_status {
    struct config_holder *config;
    const struct outbound *outbound;
    pthread_mutex_t lock; // of what a reload replaces:
    struct announce_iroh announced;
};

// ---- what is counted ----

static json_t *describe_values(const struct metric *m) {
    json_t *values = json_object();
    for (size_t i = 0; i < m->n_values; i++) {
        int64_t value;
        if (metric_read(m, i, &value))
            ASSERT(json_object_set_new(values, m->values[i], json_integer(value)) == 0);
    }
    return values;
}

static json_t *describe_histogram(const struct metric *m) {
    const struct metric_histogram *h = CONTAINER_OF(m, const struct metric_histogram, metric);
    struct metric_distribution d;
    metric_read_histogram(m, &d);
    double sum = (double)d.sum / (double)h->per_unit;
    return json_pack("{s:I, s:f}", "count", (json_int_t)d.n, "mean", d.n > 0 ? sum / (double)d.n : 0.0);
}

static json_t *describe_metric(const struct metric *m) {
    int64_t value;
    if (m->type == METRIC_TYPE_HISTOGRAM)
        return describe_histogram(m);
    if (m->label != NULL)
        return describe_values(m);
    return metric_read(m, 0, &value) ? json_integer(value) : NULL;
}

// Everything whose name begins with the prefix, under the rest of the name.
static void add_counts(json_t *to, const char *prefix) {
    size_t len = strlen(prefix);
    json_t *counts = json_object();
    for (const struct metric *m = metrics_first(); m != NULL; m = metrics_after(m)) {
        json_t *one = strncmp(m->name, prefix, len) == 0 ? describe_metric(m) : NULL;
        if (one != NULL)
            ASSERT(json_object_set_new(counts, m->name + len, one) == 0);
    }
    ASSERT(json_object_set_new(to, "counts", counts) == 0);
}

// ---- the services ----

json_t *realtime_describe_push(void *status, json_t *attention) {
    struct realtime_status *s = status;
    const struct config *c = config_acquire(s->config);
    struct config_url url;
    const char *why;
    bool is_on = outbound_notifies(s->outbound, c, &why) && config_url_parse(slice_from_cstr(c->push_gateway), &url);
    json_t *push = json_pack("{s:b, s:s, s:i, s:b, s:I, s:I}", "on", is_on, "gateway", is_on ? url.host : "", "port",
                             is_on ? (int)url.port : 0, "https", is_on && url.is_https, "pending",
                             (json_int_t)metrics_read_sum("martlet_push_pending"), "tokens",
                             (json_int_t)metrics_read("martlet_push_tokens"));
    if (why != NULL)
        control_attention(attention, "nobody is notified: push_gateway cannot be used, %s", why);
    if (is_on && metrics_read("martlet_push_gateway_fails") != 0)
        control_attention(attention,
                          "the notification gateway did not answer when it was asked last; the relay's log says why");
    config_release(s->config, c);
    add_counts(push, "martlet_push_");
    return push;
}

json_t *realtime_describe_turn(void *status, json_t *attention) {
    struct realtime_status *s = status;
    const struct config *c = config_acquire(s->config);
    json_t *turn = json_pack("{s:b, s:i, s:i, s:I}", "on", c->turn, "first_port", (int)c->turn_port_min, "last_port",
                             (int)c->turn_port_max, "limit", (json_int_t)c->max_turn_allocations);
    config_release(s->config, c);
    add_counts(turn, "martlet_turn_");
    return turn;
}

json_t *realtime_describe_iroh(void *status, json_t *attention) {
    struct realtime_status *s = status;
    ASSERT(pthread_mutex_lock(&s->lock) == 0);
    struct announce_iroh announced = s->announced;
    ASSERT(pthread_mutex_unlock(&s->lock) == 0);
    const struct config *c = config_acquire(s->config);
    json_t *iroh = json_pack("{s:b, s:b, s:s, s:I}", "on", announced.url[0] != '\0', "served",
                             announced.on_https || announced.on_http, "url", announced.url, "limit",
                             (json_int_t)c->max_iroh_connections);
    config_release(s->config, c);
    add_counts(iroh, "martlet_iroh_");
    return iroh;
}

bool realtime_pushes(struct realtime_status *s) {
    const struct config *c = config_acquire(s->config);
    const char *why;
    bool pushes = outbound_notifies(s->outbound, c, &why);
    config_release(s->config, c);
    return pushes;
}

bool realtime_announces_iroh(struct realtime_status *s) {
    ASSERT(pthread_mutex_lock(&s->lock) == 0);
    bool announces = s->announced.url[0] != '\0';
    ASSERT(pthread_mutex_unlock(&s->lock) == 0);
    return announces;
}

// ---- life ----

void realtime_status_reload(struct realtime_status *s, const struct bundle *b) {
    const struct config *c = config_acquire(s->config);
    const struct announce_place place = wire_realtime_place(b);
    struct announce_iroh announced;
    announce_iroh(c, &place, &announced);
    config_release(s->config, c);
    ASSERT(pthread_mutex_lock(&s->lock) == 0);
    s->announced = announced;
    ASSERT(pthread_mutex_unlock(&s->lock) == 0);
}

struct realtime_status *realtime_status_new(struct config_holder *config, const struct outbound *outbound,
                                            const struct bundle *b) {
    struct realtime_status *s = MEM_NEW(struct realtime_status);
    s->config = config;
    s->outbound = outbound;
    ASSERT(pthread_mutex_init(&s->lock, NULL) == 0);
    realtime_status_reload(s, b);
    return s;
}

void realtime_status_free(struct realtime_status *s) {
    if (s == NULL)
        return;
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}
