// SPDX-License-Identifier: MIT
#include "admin/openmetrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool ends_with(const char *name, const char *end) {
    size_t len = strlen(name), end_len = strlen(end);
    return len > end_len && strcmp(name + len - end_len, end) == 0;
}

// A unit stands at the end of the name as well.
static const char *unit_of(const char *name) {
    static const char *const units[] = {"seconds", "bytes"};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        char end[16] = "_";
        (void)strncat(end, units[i], sizeof(end) - 2);
        if (ends_with(name, end))
            return units[i];
    }
    return NULL;
}

static bool is_counter(const struct metric *m) {
    return m->type == METRIC_TYPE_COUNTER || m->type == METRIC_TYPE_TOTAL;
}

static bool write_head(const struct metric *m, enum openmetrics_format format, struct buf *ret) {
    static const char *const types[] = {
        [METRIC_TYPE_COUNTER] = "counter", [METRIC_TYPE_LEVEL] = "gauge",   [METRIC_TYPE_HISTOGRAM] = "histogram",
        [METRIC_TYPE_GAUGE] = "gauge",     [METRIC_TYPE_TOTAL] = "counter",
    };
    const char *suffix = format == OPENMETRICS_PROMETHEUS && is_counter(m) ? "_total" : "";
    const char *unit = format == OPENMETRICS_1_0 ? unit_of(m->name) : NULL;
    return buf_printf(ret, "# TYPE %s%s %s\n", m->name, suffix, types[m->type]) &&
           (unit == NULL || buf_printf(ret, "# UNIT %s %s\n", m->name, unit)) &&
           buf_printf(ret, "# HELP %s%s %s.\n", m->name, suffix, m->help);
}

// An amount in the unit of the name: "0.005", "2.0", and the whole numbers of a histogram without unit as "16.0": what
// `le` is compared with is text.
static bool write_amount(uint64_t amount, uint64_t per_unit, struct buf *ret) {
    char fraction[32];
    ASSERT(per_unit == 1 || per_unit == 1000000);
    (void)snprintf(fraction, sizeof(fraction), "%06" PRIu64, per_unit == 1 ? 0 : amount % per_unit);
    size_t len = strlen(fraction);
    while (len > 1 && fraction[len - 1] == '0')
        len--;
    return buf_printf(ret, "%" PRIu64 ".%.*s", amount / per_unit, (int)len, fraction);
}

static bool write_value(const struct metric *m, size_t i, int64_t value, struct buf *ret) {
    uint64_t per_unit = metric_per_unit(m);
    bool ok = buf_printf(ret, "%s%s", m->name, is_counter(m) ? "_total" : "") &&
              (m->label == NULL || buf_printf(ret, "{%s=\"%s\"}", m->label, m->values[i])) && buf_append(ret, " ", 1);
    if (per_unit == 1)
        ok = ok && buf_printf(ret, "%" PRId64, value);
    else
        ok = ok && write_amount(value > 0 ? (uint64_t)value : 0, per_unit, ret);
    return ok && buf_append(ret, "\n", 1);
}

static bool write_values(const struct metric *m, enum openmetrics_format format, struct buf *ret) {
    bool ok = true, has_head = false;
    for (size_t i = 0; ok && i < m->n_values; i++) {
        int64_t value;
        if (!metric_read(m, i, &value))
            continue;
        ok = (has_head || write_head(m, format, ret)) && write_value(m, i, value, ret);
        has_head = true;
    }
    return ok;
}

// ---- histograms ----

static bool write_bucket(const struct metric_histogram *h, size_t i, uint64_t n, struct buf *ret) {
    return buf_printf(ret, "%s_bucket{le=\"", h->metric.name) &&
           (i < h->n_bounds ? write_amount(h->bounds[i], h->per_unit, ret) : buf_append_cstr(ret, "+Inf")) &&
           buf_printf(ret, "\"} %" PRIu64 "\n", n);
}

static bool write_histogram(const struct metric *m, enum openmetrics_format format, struct buf *ret) {
    const struct metric_histogram *h = CONTAINER_OF(m, const struct metric_histogram, metric);
    struct metric_distribution d;
    metric_read_histogram(m, &d);
    bool ok = write_head(m, format, ret);
    uint64_t n = 0;
    for (size_t i = 0; ok && i <= h->n_bounds; i++) {
        n += d.counts[i];
        ok = write_bucket(h, i, n, ret);
    }
    return ok && buf_printf(ret, "%s_count %" PRIu64 "\n%s_sum ", m->name, d.n, m->name) &&
           write_amount(d.sum, h->per_unit, ret) && buf_append_cstr(ret, "\n");
}

bool openmetrics_write(const struct metric *m, enum openmetrics_format format, struct buf *ret) {
    return m->type == METRIC_TYPE_HISTOGRAM ? write_histogram(m, format, ret) : write_values(m, format, ret);
}

bool openmetrics_write_all(enum openmetrics_format format, struct buf *ret) {
    bool ok = true;
    for (const struct metric *m = metrics_first(); ok && m != NULL; m = metrics_after(m))
        ok = openmetrics_write(m, format, ret);
    for (const struct openmetrics_alias *a = openmetrics_aliases(); ok && a->name != NULL; a++)
        ok = openmetrics_write_alias(a, ret);
    return ok && (format != OPENMETRICS_1_0 || buf_append_cstr(ret, OPENMETRICS_END));
}
