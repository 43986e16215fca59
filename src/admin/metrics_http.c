// SPDX-License-Identifier: MIT
// A scrape asks the store first, which it does not wait for, then writes all the text in one piece and hands it to the
// connection. So it holds two buffers of known size, and a reader that is slow keeps nobody else waiting; the listener
// has few places, and cuts who does not read.
#include "admin/metrics_http.h"

#include <zlib.h>

#include "admin/openmetrics.h"
#include "admin/store_gauges.h"
#include "base/clock.h"
#include "base/mem.h"
#include "http/web/negotiate.h"

enum {
    TEXT_MAX = 1024 * 1024,          // octets; some 50 KiB are what is counted today
    BETWEEN_SCRAPES_MS = 150 * 1000, // Prometheus comes every minute or more often, and keeps its connection
    HEAD_MAX_MS = 10 * 1000,
    GZIP_WINDOW = 15 + 16, // with gzip's header (zlib.h)
    GZIP_MEMORY = 8,
};

struct scrape {
    struct store_gauges_asker gauges;
    struct http_exchange *exchange;
};

// ---- what is counted here ----

static const uint64_t write_bounds[] = {250, 500, 1000, 2500, 5000, 10000, 25000};
static struct metric_histogram write_time = METRIC_HISTOGRAM_SECONDS(
    "martlet_scrape_seconds", "Time in which a loop wrote the metrics and did nothing else", write_bounds);

// ---- the text ----

static enum openmetrics_format format_for(const struct http_request *r) {
    int open = negotiate_media(r->fields, r->n_fields, SLICE("application/openmetrics-text"), SLICE("1.0.0"));
    int text = negotiate_media(r->fields, r->n_fields, SLICE("text/plain"), SLICE("0.0.4"));
    return open > 0 && open >= text ? OPENMETRICS_1_0 : OPENMETRICS_PROMETHEUS;
}

// The octets, which the caller frees, or NULL when they would not be fewer.
static char *compress_text(struct slice text, size_t *ret_len) {
    z_stream z = {0};
    ASSERT(deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY, Z_DEFAULT_STRATEGY) == Z_OK);
    char *out = mem_alloc(text.len);
    z.next_in = (Bytef *)(uintptr_t)text.ptr;
    z.avail_in = (uInt)text.len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)text.len;
    bool is_smaller = deflate(&z, Z_FINISH) == Z_STREAM_END;
    *ret_len = text.len - z.avail_out;
    (void)deflateEnd(&z);
    if (is_smaller)
        return out;
    free(out);
    return NULL;
}

static void answer(struct http_exchange *x) {
    static const char *const types[] = {
        [OPENMETRICS_1_0] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
        [OPENMETRICS_PROMETHEUS] = "text/plain; version=0.0.4; charset=utf-8",
    };
    static const struct http_field fields[] = {{SLICE("Vary"), SLICE("Accept, Accept-Encoding")},
                                               {SLICE("Cache-Control"), SLICE("no-store")},
                                               {SLICE("Content-Encoding"), SLICE("gzip")}};
    const struct http_request *r = http_exchange_request(x);
    enum openmetrics_format format = format_for(r);
    struct buf text;
    size_t len = 0;
    uint64_t began_us = clock_mono_us();
    buf_init(&text, TEXT_MAX);
    ASSERT(openmetrics_write_all(format, &text)); // names and labels are ours, and so is their size
    char *gzip = negotiate_gzip(r->fields, r->n_fields) ? compress_text(buf_slice(&text), &len) : NULL;
    metric_observe(&write_time, clock_mono_us() - began_us);
    char *octets = gzip;
    if (gzip == NULL) {
        len = text.len;
        octets = mem_alloc(len);
        memcpy(octets, buf_slice(&text).ptr, len);
    }
    buf_done(&text);
    http_respond(x, &(struct http_response){.status = 200,
                                            .content_type = types[format],
                                            .body = slice_make(octets, len),
                                            .fields = fields,
                                            .n_fields = ARRAY_LEN(fields) - (gzip == NULL),
                                            .release = free,
                                            .release_arg = octets});
}

// ---- a scrape ----

static void on_gauges(struct store_gauges_asker *a) {
    struct scrape *s = CONTAINER_OF(a, struct scrape, gauges);
    struct http_exchange *x = s->exchange;
    free(s);
    answer(x);
}

static void on_cancel(void *owner) {
    struct scrape *s = owner;
    store_gauges_cancel(&s->gauges);
    free(s);
}

static void on_request(void *arg, struct http_exchange *x) {
    static const struct http_field allow = {SLICE("Allow"), SLICE("GET, HEAD")};
    const struct metrics_http *m = arg;
    const struct http_request *r = http_exchange_request(x);
    if (!slice_eq(r->path, SLICE("/metrics"))) {
        http_respond_text(x, 404, "There is nothing but /metrics here.");
        return;
    }
    if (r->method != HTTP_GET && r->method != HTTP_HEAD) {
        http_respond(x, &(struct http_response){.status = 405, .fields = &allow, .n_fields = 1});
        return;
    }
    struct scrape *s = MEM_NEW(struct scrape);
    s->exchange = x;
    s->gauges =
        (struct store_gauges_asker){.store = m->store, .loop = conn_loop(http_exchange_conn(x)), .next = on_gauges};
    http_exchange_set_owner(x, on_cancel, s);
    store_gauges_read(&s->gauges);
}

void metrics_http_init(struct metrics_http *m, struct store *store) {
    static struct metric *const all[] = {&write_time.metric};
    metrics_register(all, ARRAY_LEN(all));
    *m = (struct metrics_http){
        .store = store,
        .server = {.on_request = on_request,
                   .arg = m,
                   .name = "martlet",
                   .head_timeout_ms = HEAD_MAX_MS,
                   .idle_timeout_ms = BETWEEN_SCRAPES_MS},
    };
}
