// SPDX-License-Identifier: MIT
#include "intake/signing.h"

#include "base/clock.h"
#include "base/mem.h"
#include "intake/signers.h"
#include "intake/txn.h"
#include "net/worker.h"

struct signing {
    struct worker_job job;
    struct dkim_signing *dkim; // the worker's while the job is under way
    bool cancelled;            // loop thread only
    void (*done)(void *arg, struct slice fields);
    void *arg;
};

static void work(struct worker_job *job) {
    dkim_signing_run(CONTAINER_OF(job, struct signing, job)->dkim);
}

static void tell(struct signing *s) {
    struct buf fields;
    buf_init(&fields, DKIM_SIGNED_PREFIX_MAX);
    bool ok = dkim_signing_write(s->dkim, &fields);
    ASSERT(ok);
    s->done(s->arg, buf_slice(&fields));
    buf_done(&fields);
}

static void on_worked(struct worker_job *job) {
    struct signing *s = CONTAINER_OF(job, struct signing, job);
    if (!s->cancelled)
        tell(s);
    dkim_signing_free(s->dkim);
    free(s);
}

struct signing *signing_start(struct intake *in, struct loop *loop, const struct signer_set *set, struct slice domain,
                              struct slice header, const uint8_t body_hash[DKIM_HASH_LEN],
                              void (*done)(void *arg, struct slice fields), void *arg) {
    struct signing *s = MEM_NEW(struct signing);
    s->job = (struct worker_job){.work = work, .done = on_worked};
    s->dkim = dkim_signing_new(set->signers, set->n, domain, clock_wall_s(), header, body_hash);
    s->done = done;
    s->arg = arg;
    worker_pool_submit(in->crypt, loop, &s->job);
    return s;
}

void signing_cancel(struct signing *s) {
    if (s != NULL)
        s->cancelled = true;
}
