// SPDX-License-Identifier: MIT
// One login, a state machine on the session's loop:
//
//   look up --found--> verified before? --yes--------------------------------> OK
//      |                     `--no---> verify (worker) ------------------> OK / DENIED
//      `--not found--> rules + hash (worker) --> create --created-------------> OK
//                             |`--refused--> DENIED  |`--lost the race--> verify (worker)
//                             |                      `--invitation used up--> DENIED
//                             `--shortage--> UNAVAILABLE
//
// A shortage (of disk, memory, time) is only said to somebody whose account would be made without it, and never as a
// wrong password: clients would give up the account that they have just invented.
//
// With registration by invitation the rules need the secret of invitations, which the first one reads from the store.
//
// The store decides a race: the first writer wins and everybody else is measured against what stands then. Each state
// waits for exactly one thing: a store operation, which can be called off, or a job or task, which cannot; there a
// cancelled login lives on, silent, until it comes back.
#include "account/account.h"

#include <string.h>

#include "account/counts.h"
#include "account/invite.h"
#include "account/name.h"
#include "account/password.h"
#include "account/rate.h"
#include "account/rules.h"
#include "account/service.h"
#include "account/verified.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "net/worker.h"
#include "store/account_ops.h"

enum login_waits_for { WAITS_FOR_NOTHING, WAITS_FOR_STORE, WAITS_FOR_WORKER, WAITS_FOR_TURN };

struct account_login {
    struct worker_job job;
    struct loop_task task;
    struct account_service *service;
    const struct config *config; // one snapshot for the whole login
    struct loop *loop;
    struct store_op *op; // while WAITS_FOR_STORE
    enum login_waits_for waits_for;
    bool is_cancelled; // loop thread only, also while a worker is busy with the rest
    enum account_protocol protocol;
    uint64_t began_us; // monotonic
    struct net_address peer;
    void (*on_done)(void *arg, const struct account_login_result *r);
    void *arg;
    struct account_login_result result;
    int64_t last_login_day;
    // What a job works on.
    char address[ACCOUNT_NAME_SIZE];
    char password[ACCOUNT_PASSWORD_MAX + 1];
    char hash[STORE_PASSWORD_HASH_MAX + 1]; // the stored one, or the new one
    enum { JOB_YES, JOB_NO, JOB_FAILED } job_outcome;
    uint8_t secret[STORE_SECRET_LEN];
    uint8_t invitation[ACCOUNT_INVITATION_LEN]; // that the password proved
    struct account_refusal refusal;
};

static void free_login(struct account_login *l) {
    config_release(l->service->config, l->config);
    atomic_fetch_sub(&l->service->n_underway, 1);
    explicit_bzero(l, sizeof(*l));
    free(l);
}

static void finish(struct account_login *l, enum account_verdict verdict) {
    account_count_login(l->protocol, verdict, clock_mono_us() - l->began_us);
    l->waits_for = WAITS_FOR_NOTHING;
    l->result.verdict = verdict;
    l->result.address = l->address;
    l->on_done(l->arg, &l->result);
    free_login(l);
}

// ---- success ----

static void on_touched(struct store_op *op) {
    store_op_free(op);
}

// The day of the last login is what expiry goes by; submission does not count. Nobody waits for it.
static void remember_day(const struct account_login *l) {
    int64_t today = clock_wall_day();
    if (l->protocol != ACCOUNT_IMAP || l->last_login_day == today)
        return;
    struct store_account_touch *touch = store_account_touch_new(l->result.account_id, today);
    store_op_submit(l->service->store, l->loop, &touch->op, on_touched, NULL);
}

static void succeed(struct account_login *l) {
    remember_day(l);
    finish(l, ACCOUNT_OK);
}

// After a hash was paid for.
static void succeed_and_remember(struct account_login *l) {
    account_verified_remember(l->service->verified, l->result.account_id, l->password, l->hash);
    succeed(l);
}

// ---- jobs ----

static void submit_job(struct account_login *l, void (*work)(struct worker_job *), void (*done)(struct worker_job *)) {
    if (account_service_is_overloaded(l->service)) {
        finish(l, ACCOUNT_UNAVAILABLE);
        return;
    }
    atomic_fetch_add_explicit(&l->service->n_hash_jobs, 1, memory_order_relaxed);
    l->waits_for = WAITS_FOR_WORKER;
    l->job = (struct worker_job){.work = work, .done = done};
    worker_pool_submit(l->service->crypt, l->loop, &l->job);
}

static struct account_login *login_of_job(struct worker_job *job) {
    return CONTAINER_OF(job, struct account_login, job);
}

// Takes a login back from its worker; NULL when it was cancelled meanwhile.
static struct account_login *back_from_worker(struct worker_job *job) {
    struct account_login *l = login_of_job(job);
    if (!l->is_cancelled)
        return l;
    free_login(l);
    return NULL;
}

static void verify_work(struct worker_job *job) {
    struct account_login *l = login_of_job(job);
    l->job_outcome = account_password_verify(l->password, l->hash) ? JOB_YES : JOB_NO;
}

static void on_verified(struct worker_job *job) {
    struct account_login *l = back_from_worker(job);
    if (l == NULL)
        return;
    if (l->job_outcome == JOB_YES)
        succeed_and_remember(l);
    else
        finish(l, ACCOUNT_DENIED);
}

// The account exists: the password is right or it is not.
static void verify(struct account_login *l) {
    if (account_verified_check(l->service->verified, l->result.account_id, l->password, l->hash))
        succeed(l);
    else
        submit_job(l, verify_work, on_verified);
}

// ---- creation ----

static bool is_by_invitation(const struct account_login *l) {
    return l->config->registration == REGISTRATION_INVITE;
}

static bool may_create(struct account_login *l) {
    struct slice address = slice_from_cstr(l->address);
    struct account_creation c = {
        .address = address,
        .password = slice_from_cstr(l->password),
        .config = l->config,
        .resources = l->service->resources,
        .secret = is_by_invitation(l) ? l->secret : NULL,
    };
    if (!account_rules_allow(&c, &l->refusal))
        return false;
    memcpy(l->invitation, c.ret_invitation, sizeof(l->invitation));
    if (account_rates_take_creation(l->service->rates, net_address_limit_key(&l->peer), address,
                                    l->config->max_new_accounts_per_hour))
        return true;
    static const char reason[] = "too many new accounts from one client";
    memcpy(l->refusal.reason, reason, sizeof(reason));
    return false;
}

static void prepare_work(struct worker_job *job) {
    struct account_login *l = login_of_job(job);
    if (may_create(l)) {
        l->job_outcome = account_password_hash(l->password, l->hash) ? JOB_YES : JOB_FAILED;
    } else if (l->refusal.is_shortage) {
        l->job_outcome = JOB_NO; // and nothing is spent on it
    } else {
        // A refusal takes as long as a wrong password, or its haste would tell that there is no such account.
        account_password_spend(l->password);
        l->job_outcome = JOB_NO;
    }
}

static void on_created(struct store_op *op) {
    struct account_login *l = op->arg;
    struct store_account_create *create = CONTAINER_OF(op, struct store_account_create, op);
    l->op = NULL;
    enum store_status status = op->status;
    if (status == STORE_OK) {
        l->result.account_id = create->ret_account_id;
        l->result.inbox_id = create->ret_inbox_id;
        l->result.created = create->ret_created;
        l->result.blocked = create->ret_blocked;
        l->last_login_day = create->ret_last_login_day;
        memcpy(l->hash, create->ret_password_hash, sizeof(l->hash));
    }
    store_op_free(op);
    if (status == STORE_NOT_FOUND) {
        account_count_refused();
        log_debug("account.rejected", "reason=\"the invitation is not good any more\"");
        finish(l, ACCOUNT_DENIED);
    } else if (status != STORE_OK) {
        finish(l, ACCOUNT_UNAVAILABLE);
    } else if (l->result.created) {
        account_count_created(l->address);
        log_info("account.created", "protocol=%s", l->protocol == ACCOUNT_IMAP ? "imap" : "submission");
        succeed_and_remember(l);
    } else {
        verify(l);
    }
}

static void on_prepared(struct worker_job *job) {
    struct account_login *l = back_from_worker(job);
    if (l == NULL)
        return;
    if (l->job_outcome == JOB_NO) {
        account_count_refused();
        account_service_log_refusal(l->service, &l->refusal);
        finish(l, l->refusal.is_shortage ? ACCOUNT_UNAVAILABLE : ACCOUNT_DENIED);
        return;
    }
    if (l->job_outcome == JOB_FAILED) {
        log_error("account.hash_failed", "reason=\"crypt(3) refused a password\"");
        finish(l, ACCOUNT_UNAVAILABLE);
        return;
    }
    struct store_account_create *create =
        store_account_create_new(slice_from_cstr(l->address), slice_from_cstr(l->hash));
    if (is_by_invitation(l))
        store_account_create_by_invitation(create, l->invitation, clock_wall_day());
    l->op = &create->op;
    l->waits_for = WAITS_FOR_STORE;
    store_op_submit(l->service->store, l->loop, l->op, on_created, l);
}

static void on_secret(struct store_op *op) {
    struct account_login *l = op->arg;
    struct store_secret *secret = CONTAINER_OF(op, struct store_secret, op);
    l->op = NULL;
    bool ok = op->status == STORE_OK;
    if (ok) {
        memcpy(l->secret, secret->ret_secret, sizeof(l->secret));
        account_service_keep_secret(l->service, l->secret);
    }
    store_op_free(op);
    if (ok)
        submit_job(l, prepare_work, on_prepared);
    else
        finish(l, ACCOUNT_UNAVAILABLE);
}

static void begin_creation(struct account_login *l) {
    if (!is_by_invitation(l) || account_service_secret(l->service, l->secret)) {
        submit_job(l, prepare_work, on_prepared);
        return;
    }
    l->op = &store_secret_new(INVITE_SECRET_NAME)->op;
    l->waits_for = WAITS_FOR_STORE;
    store_op_submit(l->service->store, l->loop, l->op, on_secret, l);
}

// ---- beginning ----

static void on_found(struct store_op *op) {
    struct account_login *l = op->arg;
    struct store_account_find *found = CONTAINER_OF(op, struct store_account_find, op);
    l->op = NULL;
    enum store_status status = op->status;
    if (status == STORE_OK) {
        l->result.account_id = found->ret_account_id;
        l->result.inbox_id = found->ret_inbox_id;
        l->result.blocked = found->ret_blocked;
        l->last_login_day = found->ret_last_login_day;
        memcpy(l->hash, found->ret_password_hash, sizeof(l->hash));
    }
    store_op_free(op);
    if (status == STORE_OK)
        verify(l);
    else if (status == STORE_NOT_FOUND)
        begin_creation(l);
    else
        finish(l, ACCOUNT_UNAVAILABLE);
}

static void on_next_turn(struct loop_task *task) {
    struct account_login *l = CONTAINER_OF(task, struct account_login, task);
    if (l->is_cancelled)
        free_login(l);
    else
        finish(l, ACCOUNT_DENIED);
}

static bool take_credentials(struct account_login *l, struct slice user, struct slice password) {
    if (!account_name_normalise(user, l->config->mail_domain, l->address) || password.len == 0 ||
        password.len > ACCOUNT_PASSWORD_MAX || slice_find(password, '\0') < password.len)
        return false;
    memcpy(l->password, password.ptr, password.len);
    return true;
}

struct account_login *account_login_start(struct account_service *a, struct loop *loop, enum account_protocol protocol,
                                          struct slice user, struct slice password, const struct net_address *peer,
                                          void (*on_done)(void *arg, const struct account_login_result *r), void *arg) {
    struct account_login *l = MEM_NEW(struct account_login);
    atomic_fetch_add(&a->n_underway, 1);
    l->service = a;
    l->config = config_acquire(a->config);
    l->loop = loop;
    l->protocol = protocol;
    l->began_us = clock_mono_us();
    l->peer = *peer;
    l->on_done = on_done;
    l->arg = arg;
    if (take_credentials(l, user, password)) {
        struct store_account_find *find = store_account_find_new(slice_from_cstr(l->address));
        l->op = &find->op;
        l->waits_for = WAITS_FOR_STORE;
        store_op_submit(a->store, loop, l->op, on_found, l);
    } else {
        l->waits_for = WAITS_FOR_TURN;
        l->task.run = on_next_turn;
        loop_post(loop, &l->task);
    }
    return l;
}

void account_login_cancel(struct account_login *l) {
    switch (l->waits_for) {
    case WAITS_FOR_NOTHING: // within on_done: it ends by itself
        break;
    case WAITS_FOR_STORE:
        store_op_cancel(l->op);
        free_login(l);
        break;
    case WAITS_FOR_WORKER:
    case WAITS_FOR_TURN:
        l->is_cancelled = true;
        break;
    }
}
