// SPDX-License-Identifier: MIT
// What `martlet status` is told of the parts of the relay that the control socket does not know: sandbox, ports,
// certificate, connections, notifications, TURN, iroh. Real time is described by its metrics (base/metrics.h): whatever
// it counts under martlet_push_, martlet_turn_ and martlet_iroh_ is shown.
#pragma once

#include <stddef.h>

struct bundle;
struct config_holder;
struct control_section;
struct outbound;
struct pressure_watch;
struct wire_limits;
struct wire_status;

// What it gets, but for the bundle, outlives it.
struct wire_status *wire_status_new(struct config_holder *config, const struct wire_limits *limits,
                                    const struct outbound *outbound, struct pressure_watch *pressure,
                                    const struct bundle *b);
// After the configuration or the certificate was replaced.
void wire_status_reload(struct wire_status *s, const struct bundle *b);
const struct control_section *wire_status_sections(const struct wire_status *s, size_t *ret_n);
// NULL is accepted.
void wire_status_free(struct wire_status *s);
