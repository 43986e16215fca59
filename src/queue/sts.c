// SPDX-License-Identifier: MIT
// A question looks into the store first. A job is one domain being asked, for any number of questions that wait for it,
// or for none.
#include "queue/sts.h"

#include <string.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/table.h"
#include "config/config.h"
#include "queue/sts_fetch.h"

// What is remembered of a domain, in memory.
enum verdict { VERDICT_NONE, VERDICT_FAILED, VERDICT_CURRENT, VERDICT_SUSPECT };
struct memory {
    uint64_t until_ms;
    enum verdict verdict;
};

struct sts {
    struct sts_settings s;
    struct sts_fetch_world world;
    struct table *memory;
    struct list jobs; // struct job, by `link`
    size_t n_jobs, n_requests;
};

struct job {
    struct list link;
    struct sts *sts;
    char *domain;
    struct sts_fetch fetch;
    struct store_op *keep; // the write under way
    struct list waiting;   // struct sts_request, by `link`
};

struct sts_request {
    struct list link;
    struct sts *sts;
    char *domain;
    struct store_op *find; // the read under way
    struct loop_timer patience;
    void (*done)(void *arg, const struct sts_answer *a);
    void *arg;
};

// ---- memory ----

static struct hash128 key_of(const char *domain) {
    return hash_keyed(domain, strlen(domain));
}

static void remember(struct sts *s, const char *domain, enum verdict verdict) {
    struct hash128 key = key_of(domain);
    struct memory *m = table_lock(s->memory, key, true, NULL);
    if (m == NULL)
        return;
    // A suspicion waits for the next attempt, which may be a while off.
    uint64_t life_ms = verdict == VERDICT_SUSPECT ? STS_REFRESH_S * 1000 : STS_MEMORY_MS;
    *m = (struct memory){clock_mono_ms() + life_ms, verdict};
    table_unlock(s->memory, key);
}

// False: nothing that still counts.
static bool recall(struct sts *s, const char *domain, enum verdict *ret) {
    struct hash128 key = key_of(domain);
    struct memory *m = table_lock(s->memory, key, false, NULL);
    if (m == NULL)
        return false;
    bool counts = clock_mono_ms() < m->until_ms;
    *ret = m->verdict;
    table_unlock(s->memory, key);
    return counts;
}

void sts_suspect(struct sts *s, struct slice domain) {
    char *text = slice_dup(domain);
    remember(s, text, VERDICT_SUSPECT);
    free(text);
}

// ---- requests ----

static void free_request(struct sts_request *r) {
    r->sts->n_requests--;
    list_remove(&r->link);
    loop_timer_done(&r->patience);
    free(r->domain);
    free(r);
}

static void answer(struct sts_request *r, const struct sts_answer *a) {
    void (*done)(void *arg, const struct sts_answer *a) = r->done;
    void *arg = r->arg;
    free_request(r);
    done(arg, a);
}

static void answer_none(struct sts_request *r, bool is_late) {
    answer(r, &(struct sts_answer){.mode = STORE_STS_NONE, .mx = SLICE_EMPTY, .is_late = is_late});
}

// ---- jobs ----

static void free_job(struct job *j) {
    ASSERT(list_is_empty(&j->waiting));
    sts_fetch_done(&j->fetch);
    if (j->keep != NULL)
        store_op_cancel(j->keep);
    list_remove(&j->link);
    j->sts->n_jobs--;
    free(j->domain);
    free(j);
}

static void end_job(struct job *j) {
    const struct mta_sts_policy *p = j->fetch.result == STS_FETCH_POLICY ? j->fetch.policy : NULL;
    struct sts_answer a = {.mode = STORE_STS_NONE, .mx = SLICE_EMPTY};
    if (p != NULL)
        a = (struct sts_answer){.mode = p->mode, .mx = slice_make(p->mx, p->mx_len)};
    list_remove(&j->link); // a question that comes now begins anew
    struct list answered, *node;
    list_init(&answered);
    while ((node = list_take_first(&j->waiting)) != NULL) { // an answer may cancel others
        struct sts_request *r = CONTAINER_OF(node, struct sts_request, link);
        list_append(&answered, &r->link);
        r->done(r->arg, &a);
    }
    LIST_FOREACH(each, &answered)
    free_request(CONTAINER_OF(each, struct sts_request, link));
    free_job(j);
}

// Kept or not: what was fetched counts for those who wait.
static void on_kept(struct store_op *op) {
    struct job *j = op->arg;
    j->keep = NULL;
    store_op_free(op);
    end_job(j);
}

static void on_fetched(void *arg, struct sts_fetch *f) {
    static const enum verdict verdicts[] = {
        [STS_FETCH_POLICY] = VERDICT_CURRENT,
        [STS_FETCH_UNCHANGED] = VERDICT_CURRENT,
        [STS_FETCH_NONE] = VERDICT_NONE,
        [STS_FETCH_FAILED] = VERDICT_FAILED,
    };
    struct job *j = arg;
    remember(j->sts, j->domain, verdicts[f->result]);
    if (f->result != STS_FETCH_POLICY) {
        end_job(j);
        return;
    }
    const struct mta_sts_policy *p = f->policy;
    struct store_sts_keep *keep = store_sts_keep_new(slice_from_cstr(j->domain), slice_from_cstr(f->id), p->mode,
                                                     slice_make(p->mx, p->mx_len), p->max_age, clock_wall_s());
    j->keep = &keep->op;
    store_op_submit(j->sts->s.store, j->sts->s.loop, &keep->op, on_kept, j);
}

static struct job *find_job(struct sts *s, const char *domain) {
    LIST_FOREACH(node, &s->jobs) {
        struct job *j = CONTAINER_OF(node, struct job, link);
        if (strcmp(j->domain, domain) == 0)
            return j;
    }
    return NULL;
}

// The job of this domain. NULL: too many are asked already.
static struct job *ask(struct sts *s, const char *domain, const char *known_id) {
    struct job *j = find_job(s, domain);
    if (j != NULL || s->n_jobs == STS_JOBS_MAX)
        return j;
    j = MEM_NEW(struct job);
    j->sts = s;
    j->domain = slice_dup(slice_from_cstr(domain));
    list_init(&j->waiting);
    list_append(&s->jobs, &j->link);
    s->n_jobs++;
    const struct config *c = config_acquire(s->s.config);
    struct sts_fetch_how how = {
        .domain = slice_from_cstr(domain),
        .known_id = known_id,
        .port = (uint16_t)c->outbound_https_port,
        .use_ipv6 = !c->disable_ipv6,
    };
    config_release(s->s.config, c);
    sts_fetch_start(&j->fetch, &s->world, &how, on_fetched, j);
    return j;
}

// ---- a question ----

static void on_patience_over(struct loop_timer *timer) {
    answer_none(CONTAINER_OF(timer, struct sts_request, patience), true);
}

// A policy is there; whether it still is the newest is found out behind the answer.
static void check_later(struct sts_request *r, const struct store_sts_policy *p) {
    enum verdict verdict = VERDICT_CURRENT;
    bool known = recall(r->sts, r->domain, &verdict);
    if (known && verdict != VERDICT_SUSPECT)
        return;
    bool is_old = clock_wall_s() - p->fetched_at >= STS_REFRESH_S;
    bool anew = is_old || (known && verdict == VERDICT_SUSPECT);
    (void)ask(r->sts, r->domain, anew ? "" : p->id);
}

static void ask_and_wait(struct sts_request *r) {
    enum verdict verdict = VERDICT_CURRENT;
    if (recall(r->sts, r->domain, &verdict) && (verdict == VERDICT_NONE || verdict == VERDICT_FAILED)) {
        answer_none(r, false);
        return;
    }
    struct job *j = ask(r->sts, r->domain, "");
    if (j == NULL) {
        answer_none(r, true);
        return;
    }
    list_append(&j->waiting, &r->link);
    loop_timer_start(&r->patience, r->sts->s.first_wait_ms);
}

static void on_found(struct store_op *op) {
    struct store_sts_find *find = CONTAINER_OF(op, struct store_sts_find, op);
    struct sts_request *r = op->arg;
    r->find = NULL;
    if (op->status == STORE_OK) {
        const struct store_sts_policy *p = &find->ret_policy;
        check_later(r, p);
        answer(r, &(struct sts_answer){.mode = p->mode, .mx = slice_from_cstr(p->mx)});
    } else {
        ask_and_wait(r);
    }
    store_op_free(op);
}

struct sts_request *sts_find(struct sts *s, struct slice domain, void (*done)(void *arg, const struct sts_answer *a),
                             void *arg) {
    struct sts_request *r = MEM_NEW(struct sts_request);
    *r = (struct sts_request){.sts = s, .domain = slice_dup(domain), .done = done, .arg = arg};
    list_init(&r->link);
    loop_timer_init(&r->patience, s->s.loop, on_patience_over);
    s->n_requests++;
    struct store_sts_find *find = store_sts_find_new(domain, clock_wall_s());
    r->find = &find->op;
    store_op_submit(s->s.store, s->s.loop, &find->op, on_found, r);
    return r;
}

void sts_cancel(struct sts_request *r) {
    if (r == NULL)
        return;
    if (r->find != NULL)
        store_op_cancel(r->find);
    free_request(r);
}

// ---- all ----

struct sts *sts_new(const struct sts_settings *settings) {
    struct sts *s = MEM_NEW(struct sts);
    s->s = *settings;
    if (s->s.first_wait_ms == 0)
        s->s.first_wait_ms = STS_FIRST_WAIT_MS;
    s->world = (struct sts_fetch_world){.dns = settings->dns, .loop = settings->loop, .http = settings->http};
    list_init(&s->world.waiting);
    list_init(&s->jobs);
    s->memory = table_new(sizeof(struct memory), STS_MEMORY_MAX);
    return s;
}

size_t sts_jobs(const struct sts *s) {
    return s->n_jobs;
}

void sts_free(struct sts *s) {
    if (s == NULL)
        return;
    ASSERT(s->n_requests == 0);
    LIST_FOREACH(node, &s->jobs)
    free_job(CONTAINER_OF(node, struct job, link));
    table_free(s->memory);
    free(s);
}
