// SPDX-License-Identifier: MIT
// Notifications, TURN and iroh for `martlet status` (struct control_section): from the configuration, from what clients
// are told, and from what these services count.
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct bundle;
struct config_holder;
struct outbound;
struct realtime_status;

// Configuration and outbound outlive it.
struct realtime_status *realtime_status_new(struct config_holder *config, const struct outbound *outbound,
                                            const struct bundle *b);
// After the configuration or the certificate was replaced.
void realtime_status_reload(struct realtime_status *s, const struct bundle *b);
// NULL is accepted.
void realtime_status_free(struct realtime_status *s);

// Whether notifications are sent, and an iroh relay is announced.
bool realtime_pushes(struct realtime_status *s);
bool realtime_announces_iroh(struct realtime_status *s);

// `status` is a struct realtime_status.
json_t *realtime_describe_push(void *status, json_t *attention);
json_t *realtime_describe_turn(void *status, json_t *attention);
json_t *realtime_describe_iroh(void *status, json_t *attention);
