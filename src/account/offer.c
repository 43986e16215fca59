// SPDX-License-Identifier: MIT
// One offer, a state machine on its asker's loop:
//
//   rate, registration --open----------------------------------------> machine's rules + credentials (worker) --> MADE
//          |           `--invite--> find the invitation --> secret ---'                      `--> UNAVAILABLE
//          `--> refused in the next turn      `--> INVALID_INVITATION
//
// As with logins, a store operation can be called off and a job or task cannot; there a cancelled offer lives on,
// silent, until it comes back.
#include "account/offer.h"

#include <string.h>

#include "account/invite.h"
#include "account/rate.h"
#include "account/rules.h"
#include "account/service.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "config/config.h"
#include "net/worker.h"

enum { PASSWORD_EXTRA = 3, PASSWORD_LEN_MIN = 12 };

struct account_offer_job {
    struct worker_job job;
    struct loop_task task;
    struct account_service *service;
    const struct config *config; // one snapshot for the whole offer
    struct loop *loop;
    struct store_op *op; // while it waits for the store
    bool is_cancelled;   // loop thread only, also while a worker is busy with the rest
    bool is_finishing;   // within on_done
    uint8_t invitation[ACCOUNT_INVITATION_LEN];
    uint8_t secret[STORE_SECRET_LEN];
    struct account_refusal refusal;
    struct account_offer offer;
    void (*on_done)(void *arg, const struct account_offer *o);
    void *arg;
};

static void free_job(struct account_offer_job *j) {
    config_release(j->service->config, j->config);
    atomic_fetch_sub(&j->service->n_underway, 1);
    explicit_bzero(j, sizeof(*j));
    free(j);
}

static void finish(struct account_offer_job *j, enum account_offer_status status) {
    j->offer.status = status;
    j->is_finishing = true;
    j->on_done(j->arg, &j->offer);
    free_job(j);
}

// ---- credentials ----

void account_offer_credentials(const struct config *c, struct account_offer *ret) {
    static const char name_characters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char password_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                              "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    size_t name_len = c->username_max_length;
    size_t domain_len = strlen(c->mail_domain);
    ASSERT(name_len + 1 + domain_len < sizeof(ret->address));
    *ret = (struct account_offer){.status = ACCOUNT_OFFER_MADE};
    random_string(ret->address, name_len, name_characters);
    ret->address[name_len] = '@';
    memcpy(ret->address + name_len + 1, c->mail_domain, domain_len + 1);
    size_t password_len = (size_t)c->password_min_length + PASSWORD_EXTRA;
    if (password_len < PASSWORD_LEN_MIN)
        password_len = PASSWORD_LEN_MIN;
    ASSERT(password_len <= ACCOUNT_PASSWORD_MAX);
    random_string(ret->password, password_len, password_characters);
}

static void make_work(struct worker_job *job) {
    struct account_offer_job *j = CONTAINER_OF(job, struct account_offer_job, job);
    if (!account_rules_allow_offer(j->config, j->service->resources, &j->refusal))
        return;
    account_offer_credentials(j->config, &j->offer);
    if (j->config->registration == REGISTRATION_INVITE)
        account_invite_password(j->secret, j->invitation, account_name_local_part(slice_from_cstr(j->offer.address)),
                                clock_wall_s(), j->offer.password);
}

static void on_made(struct worker_job *job) {
    struct account_offer_job *j = CONTAINER_OF(job, struct account_offer_job, job);
    if (j->is_cancelled) {
        free_job(j);
    } else if (j->refusal.reason[0] != '\0') {
        account_service_log_refusal(j->service, &j->refusal);
        finish(j, ACCOUNT_OFFER_UNAVAILABLE);
    } else {
        finish(j, ACCOUNT_OFFER_MADE);
    }
}

static void submit_job(struct account_offer_job *j) {
    j->job = (struct worker_job){.work = make_work, .done = on_made};
    worker_pool_submit(j->service->crypt, j->loop, &j->job);
}

// ---- invitation ----

static void submit_op(struct account_offer_job *j, struct store_op *op, void (*done)(struct store_op *op)) {
    j->op = op;
    store_op_submit(j->service->store, j->loop, op, done, j);
}

static void on_secret(struct store_op *op) {
    struct account_offer_job *j = op->arg;
    struct store_secret *secret = CONTAINER_OF(op, struct store_secret, op);
    j->op = NULL;
    bool ok = op->status == STORE_OK;
    if (ok) {
        memcpy(j->secret, secret->ret_secret, sizeof(j->secret));
        account_service_keep_secret(j->service, j->secret);
    }
    store_op_free(op);
    if (ok)
        submit_job(j);
    else
        finish(j, ACCOUNT_OFFER_UNAVAILABLE);
}

static void on_found(struct store_op *op) {
    struct account_offer_job *j = op->arg;
    enum store_status status = op->status;
    j->op = NULL;
    store_op_free(op);
    if (status != STORE_OK)
        finish(j, status == STORE_NOT_FOUND ? ACCOUNT_OFFER_INVALID_INVITATION : ACCOUNT_OFFER_UNAVAILABLE);
    else if (account_service_secret(j->service, j->secret))
        submit_job(j);
    else
        submit_op(j, &store_secret_new(INVITE_SECRET_NAME)->op, on_secret);
}

// ---- beginning ----

static void on_next_turn(struct loop_task *task) {
    struct account_offer_job *j = CONTAINER_OF(task, struct account_offer_job, task);
    if (j->is_cancelled)
        free_job(j);
    else
        finish(j, j->offer.status);
}

// What can be said at once; ACCOUNT_OFFER_MADE when nothing stands against an offer yet.
static enum account_offer_status judge(struct account_offer_job *j, struct slice token,
                                       const struct net_address *peer) {
    if (!account_rates_take_offer(j->service->rates, net_address_limit_key(peer), &j->offer.wait_s))
        return ACCOUNT_OFFER_TOO_MANY;
    if (j->config->registration == REGISTRATION_CLOSED)
        return ACCOUNT_OFFER_CLOSED;
    if (j->config->registration == REGISTRATION_INVITE) {
        if (token.len == 0)
            return ACCOUNT_OFFER_NEEDS_INVITATION;
        if (!account_token_parse(token, j->invitation))
            return ACCOUNT_OFFER_INVALID_INVITATION;
    }
    return account_service_is_overloaded(j->service) ? ACCOUNT_OFFER_UNAVAILABLE : ACCOUNT_OFFER_MADE;
}

struct account_offer_job *account_offer_start(struct account_service *a, struct loop *loop, struct slice token,
                                              const struct net_address *peer,
                                              void (*on_done)(void *arg, const struct account_offer *o), void *arg) {
    struct account_offer_job *j = MEM_NEW(struct account_offer_job);
    atomic_fetch_add(&a->n_underway, 1);
    j->service = a;
    j->config = config_acquire(a->config);
    j->loop = loop;
    j->on_done = on_done;
    j->arg = arg;
    j->offer.status = judge(j, token, peer);
    if (j->offer.status != ACCOUNT_OFFER_MADE) {
        j->task.run = on_next_turn;
        loop_post(loop, &j->task);
    } else if (j->config->registration == REGISTRATION_INVITE) {
        submit_op(j, &store_invitation_find_new(j->invitation, clock_wall_day())->op, on_found);
    } else {
        submit_job(j);
    }
    return j;
}

void account_offer_cancel(struct account_offer_job *j) {
    if (j->is_finishing)
        return; // it ends by itself
    if (j->op != NULL) {
        store_op_cancel(j->op);
        free_job(j);
    } else {
        j->is_cancelled = true;
    }
}
