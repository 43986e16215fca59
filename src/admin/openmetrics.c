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

static bool write_head(const char *name, const char *type, const char *help, struct buf *ret) {
    const char *unit = unit_of(name);
    return buf_printf(ret, "# TYPE %s %s\n", name, type) &&
           (unit == NULL || buf_printf(ret, "# UNIT %s %s\n", name, unit)) &&
           buf_printf(ret, "# HELP %s %s.\n", name, help);
}

static bool write_value(const struct metric *m, size_t i, const char *suffix, int64_t value, struct buf *ret) {
    return buf_printf(ret, "%s%s", m->name, suffix) &&
           (m->label == NULL || buf_printf(ret, "{%s=\"%s\"}", m->label, m->values[i])) &&
           buf_printf(ret, " %" PRId64 "\n", value);
}

static bool write_values(const struct metric *m, struct buf *ret) {
    bool is_counter = m->type == METRIC_TYPE_COUNTER || m->type == METRIC_TYPE_TOTAL;
    bool ok = true, has_head = false;
    for (size_t i = 0; ok && i < m->n_values; i++) {
        int64_t value;
        if (!metric_read(m, i, &value))
            continue;
        ok = (has_head || write_head(m->name, is_counter ? "counter" : "gauge", m->help, ret)) &&
             write_value(m, i, is_counter ? "_total" : "", value, ret);
        has_head = true;
    }
    return ok;
}

// ---- histograms ----

// An amount in the unit of the name: "0.005", "2.0", and the whole numbers of a histogram without unit as "16.0": what
// `le` is compared with is text.
static bool write_amount(uint64_t amount, uint64_t per_unit, struct buf *ret) {
    char fraction[32];
    (void)snprintf(fraction, sizeof(fraction), "%06" PRIu64, per_unit == 1 ? 0 : amount % per_unit);
    size_t len = strlen(fraction);
    while (len > 1 && fraction[len - 1] == '0')
        len--;
    return buf_printf(ret, "%" PRIu64 ".%.*s", amount / per_unit, (int)len, fraction);
}

static bool write_bucket(const struct metric_histogram *h, size_t i, uint64_t n, struct buf *ret) {
    return buf_printf(ret, "%s_bucket{le=\"", h->metric.name) &&
           (i < h->n_bounds ? write_amount(h->bounds[i], h->per_unit, ret) : buf_append_cstr(ret, "+Inf")) &&
           buf_printf(ret, "\"} %" PRIu64 "\n", n);
}

static bool write_histogram(const struct metric *m, struct buf *ret) {
    const struct metric_histogram *h = CONTAINER_OF(m, const struct metric_histogram, metric);
    struct metric_distribution d;
    metric_read_histogram(m, &d);
    ASSERT(h->per_unit == 1 || h->per_unit == 1000000);
    bool ok = write_head(m->name, "histogram", m->help, ret);
    uint64_t n = 0;
    for (size_t i = 0; ok && i <= h->n_bounds; i++) {
        n += d.counts[i];
        ok = write_bucket(h, i, n, ret);
    }
    return ok && buf_printf(ret, "%s_count %" PRIu64 "\n%s_sum ", m->name, d.n, m->name) &&
           write_amount(d.sum, h->per_unit, ret) && buf_append_cstr(ret, "\n");
}

bool openmetrics_write(const struct metric *m, struct buf *ret) {
    return m->type == METRIC_TYPE_HISTOGRAM ? write_histogram(m, ret) : write_values(m, ret);
}
