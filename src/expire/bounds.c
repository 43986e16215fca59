// SPDX-License-Identifier: MIT
#include "expire/bounds.h"

#include "config/config.h"

enum { YOUNG_HOURS = 24 };

static int64_t hours_ago(int64_t now_hour, uint32_t days) {
    return now_hour - 24 * (int64_t)days;
}

void expire_bounds(const struct config *c, int64_t now_hour, struct store_expiry_bounds *ret) {
    uint32_t days = c->delete_mails_after < CONFIG_MAIL_DAYS_MAX ? c->delete_mails_after : CONFIG_MAIL_DAYS_MAX;
    *ret = (struct store_expiry_bounds){
        // What arrived within this hour was as old as that a moment ago at the latest.
        .mails_hour = hours_ago(now_hour, days),
        .large_hour = hours_ago(now_hour, c->delete_large_after),
        .young_hour = now_hour - YOUNG_HOURS - 1,
        .login_day = now_hour / 24 - c->delete_inactive_users_after - 1,
    };
}
