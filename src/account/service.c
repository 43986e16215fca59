// SPDX-License-Identifier: MIT
#include "account/service.h"
#include "account/counts.h"

#include "account/rate.h"
#include "account/resources.h"
#include "account/rules.h"
#include "account/verified.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "net/worker.h"

// About 100 octets each with what the table needs around it.
enum { VERIFIED_MAX = 65536 };

// A hash takes about a millisecond: beyond this a client would wait for seconds.
enum { BACKLOG_MAX = 2000 };

struct account_service *account_service_new(struct config_holder *config, struct store *store,
                                            struct worker_pool *crypt) {
    struct account_service *a = MEM_NEW(struct account_service);
    a->config = config;
    a->store = store;
    a->crypt = crypt;
    account_counts_register();
    a->verified = account_verified_new(VERIFIED_MAX);
    a->rates = account_rates_new();
    a->resources = account_resources_new("/proc");
    ASSERT(pthread_mutex_init(&a->secret_lock, NULL) == 0);
    return a;
}

void account_service_free(struct account_service *a) {
    if (a == NULL)
        return;
    ASSERT(atomic_load(&a->n_underway) == 0);
    account_verified_free(a->verified);
    account_rates_free(a->rates);
    account_resources_free(a->resources);
    (void)pthread_mutex_destroy(&a->secret_lock);
    explicit_bzero(a->secret, sizeof(a->secret));
    free(a);
}

bool account_notice_is_due(struct account_notice *n) {
    uint64_t now = clock_mono_ms(), last = atomic_load(&n->last_ms);
    // Of several threads that find it due, one wins.
    return (last == 0 || now - last >= 1000) && atomic_compare_exchange_strong(&n->last_ms, &last, now);
}

// ---- the secret of invitations ----

bool account_service_secret(struct account_service *a, uint8_t ret[STORE_SECRET_LEN]) {
    ASSERT(pthread_mutex_lock(&a->secret_lock) == 0);
    bool has = a->has_secret;
    if (has)
        memcpy(ret, a->secret, sizeof(a->secret));
    ASSERT(pthread_mutex_unlock(&a->secret_lock) == 0);
    return has;
}

void account_service_keep_secret(struct account_service *a, const uint8_t secret[STORE_SECRET_LEN]) {
    ASSERT(pthread_mutex_lock(&a->secret_lock) == 0);
    memcpy(a->secret, secret, sizeof(a->secret));
    a->has_secret = true;
    ASSERT(pthread_mutex_unlock(&a->secret_lock) == 0);
}

// ---- limits ----

bool account_service_is_overloaded(struct account_service *a) {
    size_t backlog = worker_pool_backlog(a->crypt);
    if (backlog > BACKLOG_MAX && account_notice_is_due(&a->backlog_notice))
        log_warning("account.unavailable", "reason=\"%zu logins wait for a hash\"", backlog);
    return backlog > BACKLOG_MAX;
}

void account_service_log_refusal(struct account_service *a, const struct account_refusal *r) {
    if (!r->is_shortage)
        log_debug("account.rejected", "reason=\"%s\"", r->reason);
    else if (account_notice_is_due(&a->shortage_notice))
        log_info("account.rejected", "reason=\"%s\"", r->reason);
}

bool account_send_allowed(struct account_service *a, uint64_t account_id, uint32_t *ret_wait_s) {
    const struct config *c = config_acquire(a->config);
    bool ok = account_rates_take_send(a->rates, account_id, c->max_user_send_per_minute, c->max_user_send_burst_size,
                                      ret_wait_s);
    config_release(a->config, c);
    return ok;
}
