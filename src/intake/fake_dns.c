// SPDX-License-Identifier: MIT
#include "intake/fake_dns.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

struct dns_request {
    struct loop_task task;
    struct dns_request *next;
    struct dns_resolver *resolver;
    struct loop *loop;
    struct dns_query *query; // NULL: cancelled
    char *name;
    dns_on_answer *done;
    void *arg;
};

void fake_dns_add(struct dns_resolver *r, const char *name, const char *text) {
    ASSERT(r->n_records < FAKE_DNS_RECORDS_MAX);
    r->records[r->n_records++] = (struct fake_dns_record){.name = name, .texts = text};
}

// As one record, in character-strings of at most 255 octets (RFC 1035 3.3.14).
static void write_rdata(const char *text, struct buf *out) {
    size_t left = strlen(text);
    buf_init(out, left + left / 255 + 1);
    do {
        size_t n = left < 255 ? left : 255;
        char len = (char)n;
        ASSERT(buf_append(out, &len, 1) && buf_append(out, text, n));
        text += n;
        left -= n;
    } while (left > 0);
}

static void answer(const struct dns_request *q) {
    const struct dns_resolver *r = q->resolver;
    struct buf rdata[FAKE_DNS_RECORDS_MAX];
    struct slice records[FAKE_DNS_RECORDS_MAX];
    struct dns_answer a = {.status = DNS_NXDOMAIN, .ttl = 300, .name = q->name, .records = records};
    for (size_t i = 0; i < r->n_records; i++) {
        if (!slice_eq_ci(slice_from_cstr(r->records[i].name), slice_from_cstr(q->name)))
            continue;
        a.status = r->records[i].status;
        if (r->records[i].texts == NULL)
            continue;
        write_rdata(r->records[i].texts, &rdata[a.n_records]);
        records[a.n_records] = buf_slice(&rdata[a.n_records]);
        a.n_records++;
    }
    if (r->trouble != DNS_OK)
        a.status = r->trouble;
    q->done(q->arg, &a);
    for (size_t i = 0; i < a.n_records; i++)
        buf_done(&rdata[i]);
}

static void run(struct loop_task *task) {
    struct dns_request *q = CONTAINER_OF(task, struct dns_request, task);
    q->resolver->n_running--;
    if (q->query != NULL) {
        q->query->request = NULL;
        answer(q);
    }
    free(q->name);
    free(q);
}

void dns_query_submit(struct dns_resolver *r, struct loop *loop, struct dns_query *query, struct slice name,
                      uint16_t type, dns_on_answer *done, void *arg) {
    ASSERT(type == DNS_TYPE_TXT && query->request == NULL);
    struct dns_request *q = MEM_NEW(struct dns_request);
    *q = (struct dns_request){.task.run = run,
                              .resolver = r,
                              .loop = loop,
                              .query = query,
                              .name = slice_dup(name),
                              .done = done,
                              .arg = arg};
    query->request = q;
    r->n_asked++;
    r->n_running++;
    if (r->n_running > r->n_running_most)
        r->n_running_most = r->n_running;
    if (r->is_held) {
        q->next = r->held;
        r->held = q;
    } else {
        loop_post(loop, &q->task);
    }
}

void dns_query_cancel(struct dns_query *query) {
    if (query->request != NULL)
        query->request->query = NULL;
    query->request = NULL;
}

void fake_dns_release(struct dns_resolver *r) {
    while (r->held != NULL) {
        struct dns_request *q = r->held;
        r->held = q->next;
        loop_post(q->loop, &q->task);
    }
}
