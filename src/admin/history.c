// SPDX-License-Identifier: MIT
#include "admin/history.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"

enum { MINUTE_MS = 60 * 1000, SAMPLES = 24 * 60 + 1 };

struct sample {
    uint64_t at_ms; // monotonic
    uint64_t counts[CONTROL_N_SERIES];
};

struct control_history {
    pthread_mutex_t lock;
    size_t n, newest; // samples held; the index of the last one
    struct sample samples[SAMPLES];
};

// ---- what is counted ----

// All that has a verdict but the one that `without` names.
static uint64_t sum_of(const char *name, const char *only, const char *without) {
    const struct metric *m = metrics_find(name);
    int64_t sum = 0, value;
    for (size_t i = 0; m != NULL && i < m->n_values; i++)
        if ((only == NULL || strcmp(m->values[i], only) == 0) &&
            (without == NULL || strcmp(m->values[i], without) != 0) && metric_read(m, i, &value))
            sum += value;
    return (uint64_t)sum;
}

static void read_counts(uint64_t ret[CONTROL_N_SERIES]) {
    ret[CONTROL_SUBMITTED] = sum_of("martlet_submitted_messages", "accepted", NULL);
    ret[CONTROL_INBOUND] = sum_of("martlet_inbound_messages", "accepted", NULL);
    ret[CONTROL_DELIVERED] = sum_of("martlet_deliveries", "delivered", NULL);
    ret[CONTROL_SENT] =
        sum_of("martlet_queue_recipients", "sent-https", NULL) + sum_of("martlet_queue_recipients", "sent-smtp", NULL);
    ret[CONTROL_CREATED] = sum_of("martlet_created_accounts", NULL, NULL);
    ret[CONTROL_REFUSED] =
        sum_of("martlet_submitted_messages", NULL, "accepted") + sum_of("martlet_inbound_messages", NULL, "accepted");
}

static void take_sample(struct control_history *h) {
    struct sample s = {.at_ms = clock_mono_ms()};
    read_counts(s.counts);
    ASSERT(pthread_mutex_lock(&h->lock) == 0);
    h->newest = h->n == 0 ? 0 : (h->newest + 1) % SAMPLES;
    h->samples[h->newest] = s;
    if (h->n < SAMPLES)
        h->n++;
    ASSERT(pthread_mutex_unlock(&h->lock) == 0);
}

// ---- life ----

struct control_history *control_history_new(void) {
    struct control_history *h = mem_map(sizeof(*h)); // fills in the course of a day
    ASSERT(pthread_mutex_init(&h->lock, NULL) == 0);
    take_sample(h);
    return h;
}

void control_history_tick(struct control_history *h) {
    ASSERT(pthread_mutex_lock(&h->lock) == 0);
    bool is_due = clock_mono_ms() - h->samples[h->newest].at_ms >= MINUTE_MS;
    ASSERT(pthread_mutex_unlock(&h->lock) == 0);
    if (is_due)
        take_sample(h);
}

void control_history_free(struct control_history *h) {
    if (h == NULL)
        return;
    (void)pthread_mutex_destroy(&h->lock);
    mem_unmap(h, sizeof(*h));
}

// ---- looking back ----

uint64_t control_history_added(struct control_history *h, enum control_series series, uint64_t seconds) {
    uint64_t now[CONTROL_N_SERIES], now_ms = clock_mono_ms();
    read_counts(now);
    ASSERT(pthread_mutex_lock(&h->lock) == 0);
    // The newest sample that is old enough, or the oldest there is.
    size_t back = 0;
    while (back + 1 < h->n && now_ms - h->samples[(h->newest + SAMPLES - back) % SAMPLES].at_ms < seconds * 1000)
        back++;
    uint64_t then = h->samples[(h->newest + SAMPLES - back) % SAMPLES].counts[series];
    ASSERT(pthread_mutex_unlock(&h->lock) == 0);
    return now[series] > then ? now[series] - then : 0;
}
