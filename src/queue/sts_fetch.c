// SPDX-License-Identifier: MIT
#include "queue/sts_fetch.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "net/dns_record.h"

enum { TXT_MAX = 1024, CONNECT_MS = 20 * 1000, HTTPS_PORT = 443 };

static void start_next(struct sts_fetch_world *w);

static void stop_running(struct sts_fetch *f) {
    if (!f->is_running)
        return;
    f->is_running = false;
    f->world->n_running--;
    start_next(f->world);
}

static void finish(struct sts_fetch *f, enum sts_fetch_result result) {
    stop_running(f);
    f->result = result;
    f->done(f->arg, f);
}

// ---- HTTPS (section 3.3) ----

// "text/plain", with parameters or without.
static bool is_text_plain(struct slice type) {
    struct slice head, tail;
    (void)slice_cut(type, ';', &head, &tail);
    return slice_eq_ci(slice_trim(head), SLICE("text/plain"));
}

static void on_policy(void *arg, const struct http_answer *a) {
    struct sts_fetch *f = arg;
    f->call = NULL;
    enum sts_fetch_result result = STS_FETCH_FAILED;
    if (a->outcome == HTTP_ANSWERED && a->status == 200 && is_text_plain(a->content_type)) {
        f->policy = mem_alloc(sizeof(*f->policy));
        if (mta_sts_policy_parse(a->body, f->policy))
            result = STS_FETCH_POLICY;
    }
    finish(f, result);
}

static void on_addresses(void *arg) {
    struct sts_fetch *f = arg;
    struct net_address addresses[ADDRESS_LOOKUP_MAX];
    size_t n = address_lookup_list(&f->addresses, addresses, ADDRESS_LOOKUP_MAX);
    if (n == 0) {
        finish(f, STS_FETCH_FAILED);
        return;
    }
    char url[DNS_NAME_SIZE + 64], port[8] = "";
    if (f->port != HTTPS_PORT)
        (void)snprintf(port, sizeof(port), ":%u", (unsigned)f->port);
    (void)snprintf(url, sizeof(url), "https://%s%s/.well-known/mta-sts.txt", f->host, port);
    f->call = http_call_start(f->world->http, &(struct http_call_settings){
                                                  .method = "GET",
                                                  .url = url,
                                                  .addresses = addresses,
                                                  .n_addresses = n,
                                                  .check = TLS_CHECK_PKIX,
                                                  .version = HTTP_VERSION_1_1,
                                                  .timeout_ms = STS_FETCH_MS,
                                                  .connect_timeout_ms = CONNECT_MS,
                                                  .max_answer = MTA_STS_POLICY_MAX,
                                                  .on_done = on_policy,
                                                  .arg = f,
                                              });
}

static void start_next(struct sts_fetch_world *w) {
    while (w->n_running < STS_FETCH_RUNNING_MAX) {
        struct list *node = list_take_first(&w->waiting);
        if (node == NULL)
            return;
        struct sts_fetch *f = CONTAINER_OF(node, struct sts_fetch, link);
        f->is_running = true;
        w->n_running++;
        address_lookup_start(&f->addresses, w->dns, w->loop, slice_from_cstr(f->host), f->use_ipv6, on_addresses, f);
    }
}

// ---- the record (section 3.1) ----

// Exactly one record that begins as it should, and that one well-formed; else there is no policy.
static bool find_id(const struct dns_answer *a, char ret_id[STORE_STS_ID_MAX + 1]) {
    char text[TXT_MAX], found[TXT_MAX];
    size_t len, found_len = 0, n_found = 0;
    struct slice id;
    for (size_t i = 0; i < a->n_records; i++) {
        if (!dns_txt_parse(a->records[i], text, sizeof(text), &len) || !mta_sts_is_record(slice_make(text, len)))
            continue;
        memcpy(found, text, len);
        found_len = len;
        n_found++;
    }
    if (n_found != 1 || !mta_sts_record_parse(slice_make(found, found_len), &id))
        return false;
    (void)snprintf(ret_id, STORE_STS_ID_MAX + 1, "%.*s", SLICE_FMT(id));
    return true;
}

static void on_record(void *arg, const struct dns_answer *a) {
    struct sts_fetch *f = arg;
    if (a->status == DNS_FAILED || a->status == DNS_BOGUS) {
        finish(f, STS_FETCH_FAILED);
    } else if (a->status != DNS_OK || !find_id(a, f->id)) {
        finish(f, STS_FETCH_NONE);
    } else if (strcmp(f->id, f->known_id) == 0) {
        finish(f, STS_FETCH_UNCHANGED);
    } else {
        list_append(&f->world->waiting, &f->link);
        start_next(f->world);
    }
}

void sts_fetch_start(struct sts_fetch *f, struct sts_fetch_world *w, const struct sts_fetch_how *how,
                     void (*done)(void *arg, struct sts_fetch *f), void *arg) {
    *f = (struct sts_fetch){.world = w, .port = how->port, .use_ipv6 = how->use_ipv6, .done = done, .arg = arg};
    list_init(&f->link);
    char record[DNS_NAME_SIZE + 16];
    // A domain too long for these names gets them cut off, and no answer: cut names are no plain ones, or not there.
    int n = snprintf(record, sizeof(record), "_mta-sts.%.*s", SLICE_FMT(how->domain));
    (void)snprintf(f->host, sizeof(f->host), "mta-sts.%.*s", SLICE_FMT(how->domain));
    (void)snprintf(f->known_id, sizeof(f->known_id), "%s", how->known_id);
    dns_query_submit(w->dns, w->loop, &f->query, slice_make(record, (size_t)n < sizeof(record) ? (size_t)n : 0),
                     DNS_TYPE_TXT, on_record, f);
}

void sts_fetch_done(struct sts_fetch *f) {
    dns_query_cancel(&f->query);
    address_lookup_cancel(&f->addresses);
    http_call_cancel(f->call);
    f->call = NULL;
    if (f->world != NULL) {
        list_remove(&f->link);
        stop_running(f);
    }
    free(f->policy);
    f->policy = NULL;
}
