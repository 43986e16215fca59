// SPDX-License-Identifier: MIT
// The file is read at most twice a minute, by whoever reads the metrics: the helper that writes it is another process.
// Before the first look that name servers have answered there are no values: zero troubles would be a claim.
#include "martlet/dns/gauges.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "config/config.h"
#include "martlet/dns/verdict.h"

enum { KEEP_MS = 30 * 1000 };

struct dns_gauges {
    struct config_holder *config;
    pthread_mutex_t lock; // of the rest
    uint64_t read_ms;     // 0: not yet
    struct dns_verdict verdict;
};

// Whether anything is known.
static bool refresh(struct dns_gauges *g) {
    uint64_t now = clock_mono_ms();
    if (g->read_ms == 0 || now >= g->read_ms + KEEP_MS) {
        g->read_ms = now;
        const struct config *c = config_acquire(g->config);
        dns_verdict_read(c->state_dir, &g->verdict);
        config_release(g->config, c);
    }
    return g->verdict.looked_at_s != 0;
}

static int64_t read_count(void *arg, size_t value) {
    struct dns_gauges *g = arg;
    ASSERT(pthread_mutex_lock(&g->lock) == 0);
    int64_t n = refresh(g) ? g->verdict.counts[value] : METRIC_NO_VALUE;
    ASSERT(pthread_mutex_unlock(&g->lock) == 0);
    return n;
}

static int64_t read_trouble(void *arg, size_t value) {
    struct dns_gauges *g = arg;
    ASSERT(pthread_mutex_lock(&g->lock) == 0);
    int64_t n = refresh(g) ? 0 : METRIC_NO_VALUE;
    for (size_t i = 0; n != METRIC_NO_VALUE && i < g->verdict.n; i++)
        n += g->verdict.records[i].is_trouble;
    ASSERT(pthread_mutex_unlock(&g->lock) == 0);
    return n;
}

static struct metric_gauge records =
    METRIC_GAUGE_BY("martlet_dns_records", "DNS records of this relay at the last look", "verdict", zone_verdict_names);
static struct metric_gauge trouble =
    METRIC_GAUGE("martlet_dns_trouble", "Those that are not right and keep mail, clients or certificates away");

struct dns_gauges *dns_gauges_open(struct config_holder *config) {
    struct dns_gauges *g = MEM_NEW(struct dns_gauges);
    g->config = config;
    ASSERT(pthread_mutex_init(&g->lock, NULL) == 0);
    metric_gauge_open(&records, read_count, g);
    metric_gauge_open(&trouble, read_trouble, g);
    return g;
}

void dns_gauges_close(struct dns_gauges *g) {
    if (g == NULL)
        return;
    metric_gauge_close(&records, g);
    metric_gauge_close(&trouble, g);
    (void)pthread_mutex_destroy(&g->lock);
    free(g);
}
