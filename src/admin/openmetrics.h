// SPDX-License-Identifier: MIT
// Metrics as text for a monitoring system: OpenMetrics 1.0.0, each family as a piece. It is text in ASCII: names,
// labels and help are our own words (base/metrics.h).
#pragma once

#include "base/buf.h"
#include "base/metrics.h"
#include "base/panic.h"

#define OPENMETRICS_END "# EOF\n"

// Appends a family with its values; nothing for a gauge that nobody has opened. False when ret is full.
MUST_USE bool openmetrics_write(const struct metric *m, struct buf *ret);

// Names under which dashboards of other chatmail relays look for the same counts, in order; NULL behind the last. Such
// a family has no line of its type (it is unknown then), because a counter's name would have to end with `_total`; and
// because readers of Prometheus' older format, who understand all the rest, know no type "unknown".
struct openmetrics_alias {
    const char *name;       // of old
    const char *metrics[2]; // whose counts are added up; the second may be NULL
    const char *word;       // the value of their label that is counted; NULL: all
};
const struct openmetrics_alias *openmetrics_aliases(void);
// Appends such a family; nothing when its metric is not registered.
MUST_USE bool openmetrics_write_alias(const struct openmetrics_alias *a, struct buf *ret);
