// SPDX-License-Identifier: MIT
#include "account/service.h"

#include "account/rate.h"
#include "account/resources.h"
#include "account/verified.h"
#include "base/clock.h"
#include "base/mem.h"
#include "config/config.h"

// About 100 octets each with what the table needs around it.
enum { VERIFIED_MAX = 65536 };

struct account_service *account_service_new(struct config_holder *config, struct store *store,
                                            struct worker_pool *crypt) {
    struct account_service *a = MEM_NEW(struct account_service);
    a->config = config;
    a->store = store;
    a->crypt = crypt;
    a->verified = account_verified_new(VERIFIED_MAX);
    a->rates = account_rates_new();
    a->resources = account_resources_new("/proc");
    return a;
}

void account_service_free(struct account_service *a) {
    if (a == NULL)
        return;
    ASSERT(atomic_load(&a->n_logins) == 0);
    account_verified_free(a->verified);
    account_rates_free(a->rates);
    account_resources_free(a->resources);
    free(a);
}

bool account_notice_is_due(struct account_notice *n) {
    uint64_t now = clock_mono_ms(), last = atomic_load(&n->last_ms);
    // Of several threads that find it due, one wins.
    return (last == 0 || now - last >= 1000) && atomic_compare_exchange_strong(&n->last_ms, &last, now);
}

bool account_send_allowed(struct account_service *a, uint64_t account_id, uint32_t *ret_wait_s) {
    const struct config *c = config_acquire(a->config);
    bool ok = account_rates_take_send(a->rates, account_id, c->max_user_send_per_minute, c->max_user_send_burst_size,
                                      ret_wait_s);
    config_release(a->config, c);
    return ok;
}
