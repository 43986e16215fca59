// SPDX-License-Identifier: MIT
#include "turn/count.h"

static const char *const ways[] = {[TURN_TO_PEER] = "to_peer", [TURN_TO_CLIENT] = "to_client"};
static const char *const drops[] = {
    [TURN_DROP_MALFORMED] = "malformed",         [TURN_DROP_UNSOLICITED] = "unsolicited",
    [TURN_DROP_NO_PERMISSION] = "no_permission", [TURN_DROP_OWN_SERVICE] = "own_service",
    [TURN_DROP_BANDWIDTH] = "bandwidth",         [TURN_DROP_UNANSWERED] = "unanswered",
};
static const char *const successes[] = {
    [TURN_DONE_BINDING] = "binding",      [TURN_DONE_ALLOCATE] = "allocate",
    [TURN_DONE_REFRESH] = "refresh",      [TURN_DONE_PERMISSION] = "create_permission",
    [TURN_DONE_CHANNEL] = "channel_bind",
};
static const unsigned codes[] = {400, 401, 403, 420, 437, 438, 440, 441, 442, 443, 486, 508};
static const char *const code_names[] = {"400", "401", "403", "420", "437", "438",
                                         "440", "441", "442", "443", "486", "508"};

struct metric_counter turn_count_relayed =
    METRIC_COUNTER_BY("martlet_turn_relayed_datagrams", "Datagrams relayed", "way", ways);
struct metric_counter turn_count_relayed_bytes =
    METRIC_COUNTER_BY("martlet_turn_relayed_bytes", "Octets that relayed datagrams carried", "way", ways);
struct metric_counter turn_count_dropped =
    METRIC_COUNTER_BY("martlet_turn_dropped_datagrams", "Datagrams that were not relayed or answered", "reason", drops);
struct metric_counter turn_count_successes =
    METRIC_COUNTER_BY("martlet_turn_successes", "Requests that were granted", "method", successes);
struct metric_level turn_count_allocations = METRIC_LEVEL("martlet_turn_allocations", "Allocations that exist");
static struct metric_counter refusals =
    METRIC_COUNTER_BY("martlet_turn_refusals", "Requests that were refused", "code", code_names);

void turn_count_refusal(unsigned code) {
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i] == code)
            metric_count(&refusals, i);
}

void turn_count_register(void) {
    static struct metric *const all[] = {
        &turn_count_relayed.metric,   &turn_count_relayed_bytes.metric, &turn_count_dropped.metric,
        &turn_count_successes.metric, &turn_count_allocations.metric,   &refusals.metric,
    };
    metrics_register(all, ARRAY_LEN(all));
}
