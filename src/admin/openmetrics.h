// SPDX-License-Identifier: MIT
// Metrics as text for a monitoring system, each family as a piece. It is text in ASCII: names, labels and help are our
// own words (base/metrics.h).
#pragma once

#include "base/buf.h"
#include "base/metrics.h"
#include "base/panic.h"

// OpenMetrics 1.0.0, or the text format 0.0.4 of Prometheus, which names a counter with its `_total`, and knows neither
// units nor the end.
enum openmetrics_format { OPENMETRICS_1_0, OPENMETRICS_PROMETHEUS };

#define OPENMETRICS_END "# EOF\n"

// Appends a family with its values; nothing for a gauge that nobody has opened. False when ret is full.
MUST_USE bool openmetrics_write(const struct metric *m, enum openmetrics_format format, struct buf *ret);

// Names under which dashboards of other chatmail relays look for the same counts, in order; one of NULL ends the table.
// Such a family has no line of its type (it is unknown then), because a counter's name would have to end with `_total`;
// and because readers of Prometheus' older format, who understand all the rest, know no type "unknown".
struct openmetrics_alias {
    const char *name;       // of old; what has several labels stands in as many rows, one after the other
    const char *metrics[2]; // whose counts are added up, of a histogram the sum; the second may be NULL
    const char *word;       // the value of their label that is counted; NULL: all
    const char *other_word; // that of the second, when it is another
    const char *label;      // what stands between the braces; NULL: nothing
    bool minus;             // the second is taken off; not of counters, for it is read a moment later and could fall
};
const struct openmetrics_alias *openmetrics_aliases(void);
// Appends such a row, with the family's head when the row before is of another one; nothing when its metric is not
// registered.
MUST_USE bool openmetrics_write_alias(const struct openmetrics_alias *a, struct buf *ret);

// Appends everything: families, older names, end. False when ret is full.
MUST_USE bool openmetrics_write_all(enum openmetrics_format format, struct buf *ret);
