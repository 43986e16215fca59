// SPDX-License-Identifier: MIT
#include "martlet/relay/wire_status.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "admin/control.h"
#include "admin/status.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "config/config.h"
#include "martlet/acme/certificate_check.h"
#include "martlet/dns/gauges.h"
#include "martlet/handover/bundle.h"
#include "martlet/relay/config_status.h"
#include "martlet/relay/limits_status.h"
#include "martlet/relay/pressure_watch.h"
#include "martlet/relay/realtime_status.h"
#include "martlet/relay/wire_limits.h"
#include "martlet/sandbox/sandbox.h"
#include "martlet/status/dns.h"
#include "net/address.h"
#include "net/certificate_life.h"
#include "net/listener.h"

enum { SECTIONS_MAX = 16, ENDPOINT_SIZE = NET_ADDRESS_TEXT_MAX + 16 };

struct wire_status {
    struct config_holder *config;
    const struct wire_limits *limits;
    struct realtime_status *realtime;
    struct dns_gauges *dns; // NULL: nobody looks
    json_t *ports;
    pthread_mutex_t lock; // of what a reload replaces:
    bool is_public;       // clients can verify it
    bool is_self_signed;  // and are not meant to
    struct certificate_report report;
    struct control_section sections[SECTIONS_MAX];
    size_t n_sections;
};

// ---- sandbox ----

static json_t *describe_sandbox(void *arg, json_t *attention) {
    const char *weakness = sandbox_weakness_in_force();
    if (weakness != NULL)
        control_attention(attention, "the protection is reduced: %s", weakness);
    return json_pack("{s:s}", "report", sandbox_report());
}

// ---- ports ----

static json_t *describe_port(const struct bundle_listener *l) {
    struct sockaddr_storage ss = {0};
    socklen_t len = sizeof(ss);
    if (getsockname(l->fd, (struct sockaddr *)&ss, &len) != 0)
        return NULL;
    int type = SOCK_STREAM;
    len = sizeof(type);
    (void)getsockopt(l->fd, SOL_SOCKET, SO_TYPE, &type, &len);
    struct net_address a = net_address_from_sockaddr((struct sockaddr *)&ss);
    if (a.port == 0) // of a UNIX socket
        return NULL;
    char text[NET_ADDRESS_TEXT_MAX], endpoint[ENDPOINT_SIZE];
    net_address_write(&a, text);
    (void)snprintf(endpoint, sizeof(endpoint), net_address_is_ipv4(&a) ? "%s:%u" : "[%s]:%u", text, a.port);
    return json_pack("{s:s, s:s, s:i, s:s}", "service", l->service, "address", endpoint, "port", (int)a.port,
                     "protocol", type == SOCK_DGRAM ? "udp" : "tcp");
}

// Sockets with SO_REUSEPORT stand in the bundle once for each loop.
static bool is_listed(const json_t *ports, json_t *port) {
    for (size_t i = 0; i < json_array_size(ports); i++)
        if (json_equal(json_array_get(ports, i), port))
            return true;
    return false;
}

static json_t *list_ports(const struct bundle *b) {
    json_t *ports = json_array();
    for (size_t i = 0; i < b->n_listeners; i++) {
        json_t *port = describe_port(&b->listeners[i]);
        if (port != NULL && !is_listed(ports, port))
            ASSERT(json_array_append(ports, port) == 0);
        json_decref(port);
    }
    return ports;
}

static json_t *describe_ports(void *arg, json_t *attention) {
    const struct wire_status *s = arg;
    return json_deep_copy(s->ports); // counts of references are not shared by threads
}

// ---- certificate ----

static int64_t read_not_before(void *arg, size_t value) {
    struct wire_status *s = arg;
    ASSERT(pthread_mutex_lock(&s->lock) == 0);
    int64_t at = s->report.not_before_s;
    ASSERT(pthread_mutex_unlock(&s->lock) == 0);
    return at;
}

static int64_t read_not_after(void *arg, size_t value) {
    struct wire_status *s = arg;
    ASSERT(pthread_mutex_lock(&s->lock) == 0);
    int64_t at = s->report.not_after_s;
    ASSERT(pthread_mutex_unlock(&s->lock) == 0);
    return at;
}

static struct metric_gauge not_before =
    METRIC_GAUGE("martlet_certificate_not_before_seconds", "Unix time from which on the certificate is valid");

static struct metric_gauge not_after =
    METRIC_GAUGE("martlet_certificate_not_after_seconds", "Unix time at which the certificate ends");

static void take_certificate(struct wire_status *s, const struct bundle *b) {
    const struct config *c = config_acquire(s->config);
    struct certificate_question q = {.cert_pem = slice_from_cstr(b->cert_pem),
                                     .key_pem = SLICE_EMPTY,
                                     .domain = c->mail_domain,
                                     .source = config_certificate_source(c),
                                     .now_s = clock_wall_s()};
    struct certificate_report report = {.is_readable = false};
    certificate_check(&q, &report);
    // A relay for trying things out asks no CA unless it is told to.
    bool is_self_signed =
        config_is_self_signed(c) ||
        (b->is_dev && config_certificate_source(c) == CERTIFICATE_FROM_ACME && c->certificate != CERTIFICATE_ACME);
    config_release(s->config, c);
    ASSERT(pthread_mutex_lock(&s->lock) == 0);
    s->report = report;
    s->is_public = b->has_public_certificate;
    s->is_self_signed = is_self_signed;
    ASSERT(pthread_mutex_unlock(&s->lock) == 0);
}

static void judge_certificate(json_t *attention, const struct certificate_report *r, bool is_refused) {
    int64_t now_s = clock_wall_s(), days = certificate_days_left(r, now_s);
    if (is_refused && days >= 0)
        control_attention(attention, "clients refuse the certificate; see `martlet certificate`");
    if (days < 0)
        control_attention(attention, "the certificate has expired; see `martlet certificate`");
    else if (now_s >= certificate_late_at(r->not_before_s, r->not_after_s))
        control_attention(attention, "the certificate ends in %lld %s; see `martlet certificate`", (long long)days,
                          days == 1 ? "day" : "days");
}

static json_t *describe_certificate(void *arg, json_t *attention) {
    struct wire_status *s = arg;
    ASSERT(pthread_mutex_lock(&s->lock) == 0);
    struct certificate_report report = s->report;
    bool is_public = s->is_public, is_self_signed = s->is_self_signed;
    ASSERT(pthread_mutex_unlock(&s->lock) == 0);
    if (!report.is_readable)
        return NULL;
    int64_t days = certificate_days_left(&report, clock_wall_s());
    judge_certificate(attention, &report, !is_public && !is_self_signed);
    return json_pack("{s:I, s:I, s:b, s:b}", "not_after", (json_int_t)report.not_after_s, "days_left", (json_int_t)days,
                     "public", is_public, "self_signed", is_self_signed);
}

// ---- connections, memory ----

static json_t *describe_connections(void *arg, json_t *attention) {
    const struct wire_status *s = arg;
    json_t *list = json_array();
    for (int i = 0; i < WIRE_N_LIMITS; i++) {
        uint32_t open_now, limit;
        const char *name = wire_limit_names[i];
        conn_limits_read(s->limits->of[i], &open_now, &limit);
        ASSERT(json_array_append_new(list, json_pack("{s:s, s:I, s:I}", "service", name, "open", (json_int_t)open_now,
                                                     "limit", (json_int_t)limit)) == 0);
    }
    return list;
}

static json_t *describe_memory(void *arg, json_t *attention) {
    return json_pack("{s:I}", "resident_octets", (json_int_t)metrics_read("process_resident_memory_bytes"));
}

// ---- expiry ----

static json_t *describe_expiry(void *arg, json_t *attention) {
    bool doubted = metrics_read("martlet_expiry_clock_doubted") > 0;
    if (doubted)
        control_attention(attention, "expiry does not believe the clock; see the log, and set it right if it is wrong");
    return json_pack("{s:I, s:I, s:b}", "expired_messages", (json_int_t)metrics_read_sum("martlet_expired_messages"),
                     "expired_accounts", (json_int_t)metrics_read("martlet_expired_accounts"), "clock_doubted",
                     doubted);
}

// ---- configuration, limits ----

static json_t *describe_settings(void *arg, json_t *attention) {
    const struct wire_status *s = arg;
    const struct config *c = config_acquire(s->config);
    json_t *settings = config_status_settings(c);
    config_release(s->config, c);
    return settings;
}

static json_t *describe_off(void *arg, json_t *attention) {
    const struct wire_status *s = arg;
    const struct config *c = config_acquire(s->config);
    json_t *off = config_status_off(c, realtime_pushes(s->realtime), realtime_announces_iroh(s->realtime));
    config_release(s->config, c);
    return off;
}

static json_t *describe_limits(void *arg, json_t *attention) {
    const struct wire_status *s = arg;
    const struct config *c = config_acquire(s->config);
    json_t *limits = limits_status_describe(s->limits, c, attention);
    config_release(s->config, c);
    return limits;
}

// ---- life ----

static void add_section(struct wire_status *s, const char *name, json_t *(*describe)(void *arg, json_t *attention),
                        void *arg) {
    ASSERT(s->n_sections < SECTIONS_MAX);
    s->sections[s->n_sections++] = (struct control_section){name, describe, arg};
}

struct wire_status *wire_status_new(struct config_holder *config, const struct wire_limits *limits,
                                    const struct outbound *outbound, struct pressure_watch *pressure,
                                    const struct bundle *b) {
    struct wire_status *s = MEM_NEW(struct wire_status);
    s->config = config;
    s->limits = limits;
    s->realtime = realtime_status_new(config, outbound, b);
    s->ports = list_ports(b);
    ASSERT(pthread_mutex_init(&s->lock, NULL) == 0);
    take_certificate(s, b);
    metric_gauge_open(&not_before, read_not_before, s);
    metric_gauge_open(&not_after, read_not_after, s);
    add_section(s, "sandbox", describe_sandbox, NULL);
    add_section(s, "ports", describe_ports, s);
    add_section(s, "certificate", describe_certificate, s);
    if (!b->is_dev) {
        s->dns = dns_gauges_open(config);
        add_section(s, "dns", dns_status_describe, config);
    }
    add_section(s, "connections", describe_connections, s);
    add_section(s, "memory", describe_memory, NULL);
    add_section(s, "expiry", describe_expiry, NULL);
    add_section(s, "pressure", pressure_watch_describe, pressure);
    add_section(s, "push", realtime_describe_push, s->realtime);
    add_section(s, "turn", realtime_describe_turn, s->realtime);
    add_section(s, "iroh", realtime_describe_iroh, s->realtime);
    add_section(s, "settings", describe_settings, s);
    add_section(s, "off", describe_off, s);
    add_section(s, "limits", describe_limits, s);
    return s;
}

void wire_status_reload(struct wire_status *s, const struct bundle *b) {
    take_certificate(s, b);
    realtime_status_reload(s->realtime, b);
}

const struct control_section *wire_status_sections(const struct wire_status *s, size_t *ret_n) {
    *ret_n = s->n_sections;
    return s->sections;
}

void wire_status_free(struct wire_status *s) {
    if (s == NULL)
        return;
    metric_gauge_close(&not_before, s);
    metric_gauge_close(&not_after, s);
    dns_gauges_close(s->dns);
    realtime_status_free(s->realtime);
    json_decref(s->ports);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}
