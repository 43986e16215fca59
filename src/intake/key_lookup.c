// SPDX-License-Identifier: MIT
#include "intake/key_lookup.h"

#include "base/mem.h"
#include "dkim/verify.h"
#include "intake/txn.h"
#include "net/dns_record.h"

struct question {
    struct dns_query query;
    struct key_lookup *lookup;
    const char *name; // the verifier's
};

struct key_lookup {
    struct intake *in;
    struct dkim_verifier *verifier;
    void (*done)(void *arg);
    void *arg;
    size_t n;
    struct question questions[DKIM_ATTEMPTS_MAX];
};

static void cancel_all(struct key_lookup *l) {
    for (size_t i = 0; i < l->n; i++)
        dns_query_cancel(&l->questions[i].query);
}

void key_lookup_free(struct key_lookup *l) {
    if (l == NULL)
        return;
    cancel_all(l);
    atomic_fetch_sub(&l->in->n_lookups, 1);
    free(l);
}

static enum dkim_answer_status status_of(enum dns_status status) {
    switch (status) {
    case DNS_OK:
        return DKIM_ANSWER_RECORDS;
    case DNS_NODATA:
    case DNS_NXDOMAIN:
        return DKIM_ANSWER_NONE;
    case DNS_FAILED:
    case DNS_BOGUS:
        break;
    }
    return DKIM_ANSWER_TEMPERROR;
}

// What is longer than any key can be is passed over.
static void answer(struct key_lookup *l, const char *name, const struct dns_answer *a) {
    struct slice texts[DKIM_RECORDS_MAX];
    struct buf strings[DKIM_RECORDS_MAX];
    struct dkim_answer answer = {.status = status_of(a->status), .texts = texts, .ttl_s = a->ttl};
    for (size_t i = 0; i < a->n_records && i < DKIM_RECORDS_MAX; i++) {
        struct buf *text = &strings[answer.n_texts];
        buf_init(text, DKIM_RECORD_LEN_MAX);
        char *room = buf_reserve(text, DKIM_RECORD_LEN_MAX);
        size_t len;
        if (dns_txt_parse(a->records[i], room, DKIM_RECORD_LEN_MAX, &len))
            texts[answer.n_texts++] = slice_make(room, len);
        else
            buf_done(text);
    }
    dkim_verifier_answer(l->verifier, name, &answer);
    for (size_t i = 0; i < answer.n_texts; i++)
        buf_done(&strings[i]);
}

static void on_answer(void *arg, const struct dns_answer *a) {
    struct question *q = arg;
    struct key_lookup *l = q->lookup;
    answer(l, q->name, a);
    if (dkim_verifier_verdict(l->verifier) == DKIM_OPEN)
        return;
    cancel_all(l);
    l->done(l->arg);
}

struct key_lookup *key_lookup_start(struct intake *in, struct loop *loop, struct dkim_verifier *verifier,
                                    void (*done)(void *arg), void *arg) {
    if (in->dns == NULL)
        return NULL;
    if (atomic_fetch_add(&in->n_lookups, 1) >= KEY_LOOKUPS_MAX) {
        atomic_fetch_sub(&in->n_lookups, 1);
        return NULL;
    }
    struct key_lookup *l = MEM_NEW(struct key_lookup);
    l->in = in;
    l->verifier = verifier;
    l->done = done;
    l->arg = arg;
    const char *names[DKIM_ATTEMPTS_MAX];
    l->n = dkim_verifier_questions(verifier, names);
    ASSERT(l->n > 0);
    for (size_t i = 0; i < l->n; i++) {
        l->questions[i].lookup = l;
        l->questions[i].name = names[i];
        dns_query_submit(in->dns, loop, &l->questions[i].query, slice_from_cstr(names[i]), DNS_TYPE_TXT, on_answer,
                         &l->questions[i]);
    }
    return l;
}
