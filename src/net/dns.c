// SPDX-License-Identifier: MIT
// The asker's side of a query, and the life of the resolver.
#include "net/dns.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/metrics.h"
#include "net/dns_anchor.h"
#include "net/dns_engine.h"
#include "net/dns_internal.h"
#include "net/dns_packet.h"
#include "net/dns_record.h"

// ---- a request ----

void dns_request_release(struct dns_request *q) {
    if (atomic_fetch_sub(&q->refs, 1) > 1)
        return;
    free(q->answer);
    free(q);
}

static void on_answered(struct loop_task *task) {
    struct dns_request *q = CONTAINER_OF(task, struct dns_request, task);
    if (q->query != NULL) {
        q->query->request = NULL;
        q->query = NULL;
        q->done(q->arg, q->answer);
    }
    dns_request_release(q);
}

// ---- what is counted ----

static const char *const outcomes[] = {
    [DNS_OK] = "ok",         [DNS_NODATA] = "nodata", [DNS_NXDOMAIN] = "nxdomain",
    [DNS_FAILED] = "failed", [DNS_BOGUS] = "bogus",
};
static struct metric_counter queries =
    METRIC_COUNTER_BY("martlet_dns_queries", "Questions to the DNS, by outcome", "outcome", outcomes);
static const uint64_t bounds[] = {500,    1000,   5000,    10000,   50000,   100000,
                                  250000, 500000, 1000000, 2500000, 5000000, 20000000};
static struct metric_histogram durations = METRIC_HISTOGRAM_SECONDS(
    "martlet_dns_query_seconds", "Time until a question to the DNS was answered or given up", bounds);

static void count_answer(const struct dns_request *q, const struct dns_answer *answer) {
    metric_count(&queries, answer->status);
    metric_observe(&durations, clock_mono_us() - q->began_us);
}

// Who has cancelled gets no message: its loop may be about to end.
void dns_request_answer(struct dns_request *q, struct dns_answer *answer) {
    count_answer(q, answer);
    q->state = DNS_REQUEST_ANSWERED;
    q->answer = answer;
    atomic_store(&q->is_answered, true);
    if (atomic_load(&q->is_cancelled)) {
        dns_request_release(q);
        return;
    }
    q->task.run = on_answered;
    loop_post(q->loop, &q->task);
}

static void on_submitted(struct loop_task *task) {
    struct dns_request *q = CONTAINER_OF(task, struct dns_request, task);
    dns_queue_take(q->resolver, q);
}

static void on_cancelled(struct loop_task *task) {
    struct dns_request *q = CONTAINER_OF(task, struct dns_request, cancel_task);
    if (q->state != DNS_REQUEST_ANSWERED)
        dns_queue_cancel(q->resolver, q);
    dns_request_release(q);
}

void dns_query_submit(struct dns_resolver *r, struct loop *loop, struct dns_query *query, struct slice name,
                      uint16_t type, dns_on_answer *done, void *arg) {
    ASSERT(query->request == NULL);
    struct dns_request *q = MEM_NEW(struct dns_request);
    atomic_init(&q->refs, 1);
    atomic_init(&q->is_cancelled, false);
    atomic_init(&q->is_answered, false);
    list_init(&q->link);
    q->resolver = r;
    q->loop = loop;
    q->type = type;
    q->began_us = clock_mono_us();
    q->query = query;
    q->done = done;
    q->arg = arg;
    query->request = q;
    bool is_stopped = atomic_load(&r->is_stopped);
    if (is_stopped || !dns_name_is_plain(name)) {
        dns_request_answer(q, dns_answer_new(is_stopped ? DNS_FAILED : DNS_NXDOMAIN, name));
        return;
    }
    (void)snprintf(q->name, sizeof(q->name), "%.*s", SLICE_FMT(name));
    q->task.run = on_submitted;
    loop_post(r->settings.loop, &q->task);
}

void dns_query_cancel(struct dns_query *query) {
    struct dns_request *q = query->request;
    if (q == NULL)
        return;
    query->request = NULL;
    q->query = NULL;
    if (atomic_load(&q->is_answered)) // it is on its way; the resolver has nothing to do with it any more
        return;
    atomic_fetch_add(&q->refs, 1);
    atomic_store(&q->is_cancelled, true);
    q->cancel_task.run = on_cancelled;
    loop_post(q->resolver->settings.loop, &q->cancel_task);
}

// ---- the resolver ----

static char *copy(const char *s) {
    return slice_dup(slice_from_cstr(s != NULL ? s : ""));
}

static void copy_settings(struct dns_resolver *r, const struct dns_settings *s) {
    size_t n = 0;
    while (s->forwarders != NULL && s->forwarders[n] != NULL)
        n++;
    r->forwarders = mem_zalloc(n + 1, sizeof(*r->forwarders));
    for (size_t i = 0; i < n; i++)
        r->forwarders[i] = copy(s->forwarders[i]);
    r->settings = *s;
    r->settings.forwarders = (const char *const *)r->forwarders;
    r->settings.anchor_file = copy(s->anchor_file);
    r->settings.trust_anchor_file = copy(s->trust_anchor_file);
    r->settings.root_hints_file = copy(s->root_hints_file);
    if (s->timeout_ms == 0)
        r->settings.timeout_ms = DNS_TIMEOUT_MS;
    if (s->idle_ms == 0)
        r->settings.idle_ms = DNS_IDLE_MS;
    if (s->running_max == 0)
        r->settings.running_max = DNS_RUNNING_MAX;
    if (s->waiting_max == 0)
        r->settings.waiting_max = DNS_WAITING_MAX;
}

enum { ERROR_SIZE = 512 };
static char error_text[ERROR_SIZE];

static bool complain(const char *path, const char *reason) {
    (void)snprintf(error_text, sizeof(error_text), "%s: %s", path, reason);
    return false;
}

static bool is_readable(const char *path) {
    return path[0] == '\0' || access(path, R_OK) == 0 || complain(path, strerror(errno));
}

static bool try_files(const struct dns_settings *s, const char **ret_reason) {
    *ret_reason = "not a zone file with what is wanted here";
    struct dns_engine *e = dns_engine_new(s, false, ret_reason);
    bool ok = e != NULL && dns_engine_try(e);
    dns_engine_free(e);
    return ok;
}

// What the operator hands us is tried at once; what we keep ourselves is mended.
static bool check_files(const struct dns_settings *s) {
    if (!is_readable(s->trust_anchor_file) || !is_readable(s->root_hints_file))
        return false;
    const char *reason;
    if (s->trust_anchor_file[0] != '\0')
        return try_files(s, &reason) || complain(s->trust_anchor_file, reason);
    if (!dns_anchor_prepare(s->anchor_file))
        return complain(s->anchor_file, strerror(errno));
    if (s->root_hints_file[0] == '\0' || try_files(s, &reason))
        return true;
    return (dns_anchor_reset(s->anchor_file) && try_files(s, &reason)) || complain(s->root_hints_file, reason);
}

struct dns_resolver *dns_resolver_new(const struct dns_settings *s, const char **ret_error) {
    ASSERT(s->use_ipv4 || s->use_ipv6);
    struct dns_resolver *r = MEM_NEW(struct dns_resolver);
    static struct metric *const metrics[] = {&queries.metric, &durations.metric};
    metrics_register(metrics, ARRAY_LEN(metrics));
    copy_settings(r, s);
    list_init(&r->waiting);
    list_init(&r->running);
    r->house = dns_house_new(r);
    if (check_files(&r->settings))
        return r;
    *ret_error = error_text;
    dns_resolver_stop(r);
    dns_resolver_free(r);
    return NULL;
}

void dns_resolver_stop(struct dns_resolver *r) {
    if (r->is_stopped)
        return;
    r->is_stopped = true;
    dns_queue_fail_all(r);
    dns_house_close(r->house);
    loop_timer_done(&r->deadline_timer);
}

void dns_resolver_free(struct dns_resolver *r) {
    if (r == NULL)
        return;
    ASSERT(r->is_stopped);
    dns_house_free(r->house);
    for (size_t i = 0; r->forwarders[i] != NULL; i++)
        free(r->forwarders[i]);
    free(r->forwarders);
    free((void *)r->settings.anchor_file);
    free((void *)r->settings.trust_anchor_file);
    free((void *)r->settings.root_hints_file);
    free(r);
}
