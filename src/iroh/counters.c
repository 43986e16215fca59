// SPDX-License-Identifier: MIT
#include "iroh/counters.h"

#include "base/metrics.h"

static const char *const dialects[] = {[IROH_A] = "a", [IROH_B_V1] = "b1", [IROH_B_V2] = "b2"};
static const char *const drops[] = {
    [IROH_DROP_UNKNOWN] = "unknown", [IROH_DROP_FULL] = "full", [IROH_DROP_DISCOVERY] = "discovery"};
static const char *const refusals[] = {
    [IROH_REFUSED_REQUEST] = "request",
    [IROH_REFUSED_RATE] = "rate",
    [IROH_REFUSED_ADDRESS] = "address",
    [IROH_REFUSED_TOTAL] = "total",
};
static const char *const failures[] = {
    [IROH_HELLO_UNPROVED] = "unproved",
    [IROH_HELLO_MALFORMED] = "malformed",
    [IROH_HELLO_TIMED_OUT] = "timeout",
    [IROH_HELLO_ABANDONED] = "abandoned",
};
static const char *const ends[] = {
    [IROH_END_CLIENT] = "client",     [IROH_END_SILENT] = "silent",     [IROH_END_STALLED] = "stalled",
    [IROH_END_REPLACED] = "replaced", [IROH_END_PROTOCOL] = "protocol", [IROH_END_SHUTDOWN] = "shutdown",
};

static struct metric_level clients = METRIC_LEVEL_BY(
    "martlet_iroh_connections", "Clients of the iroh relay that have proved their key", "dialect", dialects);
static struct metric_counter accepted = METRIC_COUNTER_BY(
    "martlet_iroh_accepted", "Clients of the iroh relay that have proved their key so far", "dialect", dialects);
static struct metric_counter packets = METRIC_COUNTER_BY(
    "martlet_iroh_forwarded_packets", "Packets forwarded from one iroh client to another", "dialect", dialects);
static struct metric_counter octets = METRIC_COUNTER_BY(
    "martlet_iroh_forwarded_bytes", "Octets of packets, with their frames, forwarded from one iroh client to another",
    "dialect", dialects);
static struct metric_counter dropped =
    METRIC_COUNTER_BY("martlet_iroh_dropped_packets", "Packets of iroh clients that went nowhere", "reason", drops);
static struct metric_counter refused =
    METRIC_COUNTER_BY("martlet_iroh_refused", "Requests for the iroh relay that were refused", "reason", refusals);
static struct metric_counter failed =
    METRIC_COUNTER_BY("martlet_iroh_handshake_failures", "Handshakes of iroh clients that failed", "reason", failures);
static struct metric_counter ended =
    METRIC_COUNTER_BY("martlet_iroh_ended", "Connections of iroh clients that ended", "reason", ends);

void iroh_counters_init(void) {
    static struct metric *const all[] = {
        &clients.metric, &accepted.metric, &packets.metric, &octets.metric,
        &dropped.metric, &refused.metric,  &failed.metric,  &ended.metric,
    };
    metrics_register(all, ARRAY_LEN(all));
}

void iroh_count_forwarded(enum iroh_dialect d, size_t len) {
    metric_count(&packets, d);
    metric_add(&octets, d, len);
}

void iroh_count_drop(enum iroh_drop why) {
    metric_count(&dropped, why);
}

void iroh_count_refusal(enum iroh_refusal why) {
    metric_count(&refused, why);
}

void iroh_count_failure(enum iroh_failure why) {
    metric_count(&failed, why);
}

void iroh_count_client(enum iroh_dialect d) {
    metric_count(&accepted, d);
    metric_raise(&clients, d, 1);
}

void iroh_count_end(enum iroh_dialect d, enum iroh_end why) {
    metric_lower(&clients, d, 1);
    metric_count(&ended, why);
}
