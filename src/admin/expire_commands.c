// SPDX-License-Identifier: MIT
// What expiry would remove, rule by rule and page by page; nothing is removed. No address is in the answer.
#include "admin/command.h"
#include "admin/session.h"
#include "base/clock.h"
#include "config/config.h"
#include "expire/bounds.h"

enum { DAYS_MAX = 36500 };

static void find_page(struct control_session *s);

static void count_up(struct control_session *s, const struct store_expiry_find *f) {
    for (size_t i = 0; i < f->ret_n; i++) {
        s->expiry.n_accounts += f->rule == STORE_EXPIRY_ACCOUNTS;
        s->expiry.messages += f->ret_items[i].messages;
        s->expiry.octets += f->ret_items[i].octets;
    }
}

static void end_rule(struct control_session *s) {
    json_t *row = json_pack("{s:s, s:I, s:I}", "rule", store_expiry_rule_names[s->expiry.rule], "messages",
                            (json_int_t)s->expiry.messages, "octets", (json_int_t)s->expiry.octets);
    if (s->expiry.rule == STORE_EXPIRY_ACCOUNTS)
        ASSERT(json_object_set_new(row, "accounts", json_integer((json_int_t)s->expiry.n_accounts)) == 0);
    control_row(s, row);
    s->expiry.messages = s->expiry.octets = s->expiry.n_accounts = 0;
    s->expiry.after = (struct store_expiry_item){.time = INT64_MIN};
    s->expiry.rule++;
}

static void on_page(struct control_session *s, struct store_op *op) {
    const struct store_expiry_find *f = CONTAINER_OF(op, struct store_expiry_find, op);
    if (op->status != STORE_OK) {
        control_fail_store(s, op->status);
        return;
    }
    count_up(s, f);
    s->expiry.after = f->ret_after;
    if (!f->ret_more)
        end_rule(s);
    if (s->expiry.rule < STORE_EXPIRY_RULES)
        control_go_on(s, find_page);
    else
        control_ok(s, NULL);
}

static void find_page(struct control_session *s) {
    struct store_expiry_find *f = store_expiry_find_new(s->expiry.rule, &s->expiry.bounds);
    f->after = s->expiry.after;
    control_submit(s, &f->op, on_page);
}

// "days": as if it were so many days later.
void control_expire_dry_run(struct control_session *s, const json_t *request) {
    json_int_t days = control_number(request, "days");
    if (days < 0 || days > DAYS_MAX) {
        control_fail(s, "days must be 0 to %d", DAYS_MAX);
        return;
    }
    const struct config *c = config_acquire(s->server->config);
    s->expiry = (struct control_expiry){.after = {.time = INT64_MIN}};
    expire_bounds(c, clock_wall_s() / 3600 + 24 * days, &s->expiry.bounds);
    config_release(s->server->config, c);
    find_page(s);
}
