// SPDX-License-Identifier: MIT
// What the relay counts about itself: counters, levels, histograms and gauges, each a static of the module that counts.
//
//     static const char *const results[] = {[PUSH_DONE] = "done", [PUSH_GONE] = "gone"};
//     static struct metric_counter answers =
//         METRIC_COUNTER_BY("martlet_push_answers", "Answers of the push gateway", "result", results);
//     static struct metric *const metrics[] = {&answers.metric};
//
//     metrics_register(metrics, ARRAY_LEN(metrics));  // in push_new(); again and again is fine
//     metric_count(&answers, PUSH_GONE);
//
// Counting is for any thread and never waits: each thread adds to cells of its own, a reader adds up those of all
// threads. So two loops that count the same thing do not share a cache line, and no add is a locked instruction.
// Statics are never freed, and a count is kept when its thread ends.
//
// Names are those of OpenMetrics 1.0: lower case with `martlet_` in front and without `_total`, in base units, which
// are the name's end (`_seconds`, `_bytes`). Values of a label are words of ours (a verdict, a service): never an
// address of any kind, a name, a token, or anything else that a peer could choose.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"

enum metric_type {
    METRIC_TYPE_COUNTER,   // only grows
    METRIC_TYPE_LEVEL,     // goes up and down; a gauge to readers
    METRIC_TYPE_HISTOGRAM, // how often what amount
    METRIC_TYPE_GAUGE,     // asked for when somebody reads
    METRIC_TYPE_TOTAL,     // the same of what only grows and is counted elsewhere; a counter to readers
};

enum { METRIC_BOUNDS_MAX = 16, METRIC_CELLS_MAX = 2046 };

// What all kinds have in common.
struct metric {
    enum metric_type type;
    const char *name, *help;   // help: one sentence without the stop
    const char *label;         // NULL: a single value
    const char *const *values; // of the label
    size_t n_values;           // 1 when there is no label
    // Of base/metrics.c:
    _Atomic uint32_t first_cell; // 0: not registered yet
    struct metric *_Atomic next; // by name
};

struct metric_counter {
    struct metric metric;
};
struct metric_level {
    struct metric metric;
};
struct metric_histogram {
    struct metric metric;
    const uint64_t *bounds; // upper bounds of the buckets, included; ascending, the last one (infinity) left out
    size_t n_bounds;
    uint64_t per_unit; // the amounts observed are this part of the unit in the name: 1000000 for microseconds
};
struct metric_gauge { // or total
    struct metric metric;
    // Guarded by the lock of base/metrics.c; see metric_gauge_open().
    int64_t (*read)(void *arg, size_t value);
    void *arg;
    uint64_t per_unit; // what is read is this part of the unit in the name: 1000000 for microseconds; 0: whole units
};

// ---- definitions; `values` is an array, not a pointer ----

#define METRIC_PLAIN(kind, n, h)                                                                                       \
    { .type = (kind), .name = (n), .help = (h), .n_values = 1 }
#define METRIC_LABELLED(kind, n, h, l, v)                                                                              \
    { .type = (kind), .name = (n), .help = (h), .label = (l), .values = (v), .n_values = ARRAY_LEN(v) }

#define METRIC_COUNTER(name, help)                                                                                     \
    { METRIC_PLAIN(METRIC_TYPE_COUNTER, name, help) }
#define METRIC_COUNTER_BY(name, help, label, values)                                                                   \
    { METRIC_LABELLED(METRIC_TYPE_COUNTER, name, help, label, values) }
#define METRIC_LEVEL(name, help)                                                                                       \
    { METRIC_PLAIN(METRIC_TYPE_LEVEL, name, help) }
#define METRIC_LEVEL_BY(name, help, label, values)                                                                     \
    { METRIC_LABELLED(METRIC_TYPE_LEVEL, name, help, label, values) }
#define METRIC_GAUGE(name, help)                                                                                       \
    { METRIC_PLAIN(METRIC_TYPE_GAUGE, name, help), NULL, NULL, 0 }
#define METRIC_GAUGE_BY(name, help, label, values)                                                                     \
    { METRIC_LABELLED(METRIC_TYPE_GAUGE, name, help, label, values), NULL, NULL, 0 }
#define METRIC_TOTAL(name, help)                                                                                       \
    { METRIC_PLAIN(METRIC_TYPE_TOTAL, name, help), NULL, NULL, 0 }
#define METRIC_TOTAL_BY(name, help, label, values)                                                                     \
    { METRIC_LABELLED(METRIC_TYPE_TOTAL, name, help, label, values), NULL, NULL, 0 }
// The name ends with `_seconds`; what is read is microseconds.
#define METRIC_GAUGE_SECONDS(name, help)                                                                               \
    { METRIC_PLAIN(METRIC_TYPE_GAUGE, name, help), NULL, NULL, 1000000 }
#define METRIC_TOTAL_SECONDS(name, help)                                                                               \
    { METRIC_PLAIN(METRIC_TYPE_TOTAL, name, help), NULL, NULL, 1000000 }
// Of whole amounts (messages in a group); `bounds` is an array of uint64_t.
#define METRIC_HISTOGRAM(name, help, bounds)                                                                           \
    { METRIC_PLAIN(METRIC_TYPE_HISTOGRAM, name, help), (bounds), ARRAY_LEN(bounds), 1 }
// Of durations: the name ends with `_seconds`; bounds and what is observed are microseconds (clock_mono_us()).
#define METRIC_HISTOGRAM_SECONDS(name, help, bounds)                                                                   \
    { METRIC_PLAIN(METRIC_TYPE_HISTOGRAM, name, help), (bounds), ARRAY_LEN(bounds), 1000000 }

// Registers what is not registered yet; any thread. What is not registered is counted all the same, but nobody sees it
// before its first count.
void metrics_register(struct metric *const *list, size_t n);

// ---- counting; any thread, a nanosecond or two ----

// `value` is the index of the label's value; 0 when there is no label.
void metric_add(struct metric_counter *c, size_t value, uint64_t n);
static inline void metric_count(struct metric_counter *c, size_t value) {
    metric_add(c, value, 1);
}
// One thread may raise what another lowers.
void metric_raise(struct metric_level *l, size_t value, int64_t by);
static inline void metric_lower(struct metric_level *l, size_t value, int64_t by) {
    metric_raise(l, value, -by);
}
void metric_observe(struct metric_histogram *h, uint64_t amount);

// What `read` says when there is no such value now.
#define METRIC_NO_VALUE INT64_MIN
// From now on `read` says the values of the gauge, in any thread, briefly, without asking this module anything. The
// newest opener is asked. Registers the gauge. Until it is opened, or when it was closed, a gauge has no values.
void metric_gauge_open(struct metric_gauge *g, int64_t (*read)(void *arg, size_t value), void *arg);
// The one who opened with `arg` goes: `read` does not run any more when this returns.
void metric_gauge_close(struct metric_gauge *g, const void *arg);

// ---- reading; any thread ----

// All that is registered, in the order of names. What they point to lives for ever.
const struct metric *metrics_first(void);
const struct metric *metrics_after(const struct metric *m);
// NULL: nothing of that name is registered.
const struct metric *metrics_find(const char *name);

// What part of the unit in its name the values of a metric are: 1 for whole units.
uint64_t metric_per_unit(const struct metric *m);
// The value of a counter, level or gauge (true), or nothing: a gauge that is not open, or has none.
MUST_USE bool metric_read(const struct metric *m, size_t value, int64_t *ret);
// The same by name, without a label; 0 where there is nothing.
int64_t metrics_read(const char *name);
// The sum over all values of the label.
int64_t metrics_read_sum(const char *name);

struct metric_distribution {
    uint64_t counts[METRIC_BOUNDS_MAX + 1]; // of each bucket alone, the last one without bound
    uint64_t n, sum;                        // of all; sum in the amounts observed
};
void metric_read_histogram(const struct metric *m, struct metric_distribution *ret);
