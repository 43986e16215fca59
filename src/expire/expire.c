// SPDX-License-Identifier: MIT
// A round: the clock, then each rule (find, remove slice by slice, find more), then dates from a wrong clock. One
// operation is under way at a time; each completion takes the next step.
#include "expire/expire.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "expire/bounds.h"
#include "expire/counts.h"
#include "expire/trust.h"
#include "net/loop.h"
#include "store/account_ops.h"

enum {
    HOUR_S = 3600,
    ACCOUNTS_PER_SLICE = 8, // a few rows each; their messages follow in slices of the store's own
};

struct expire {
    struct expire_settings s;
    struct loop_timer timer;
    void (*next)(struct expire *e); // when the timer fires
    struct store_op *op;            // under way
    struct expire_trust trust;
    bool knows_clock;
    int64_t kept_hour, kept_held; // as the store remembers them
    int64_t hour;                 // of this round
    struct store_expiry_bounds bounds;
    enum store_expiry_rule rule;
    struct store_expiry_find *found; // worked off from `at`
    size_t at;
    uint64_t removed[STORE_EXPIRY_RULES]; // in this round; accounts by the first rule
};

static void look(struct expire *e);
static void begin_round(struct expire *e);

// ---- steps ----

static void on_timer(struct loop_timer *timer) {
    struct expire *e = CONTAINER_OF(timer, struct expire, timer);
    e->next(e);
}

static void go_on_in(struct expire *e, uint64_t ms, void (*next)(struct expire *e)) {
    e->next = next;
    loop_timer_start(&e->timer, ms);
}

static void submit(struct expire *e, struct store_op *op, void (*done)(struct store_op *op)) {
    e->op = op;
    store_op_submit(e->s.store, e->s.loop, op, done, e);
}

static struct expire *take_back(struct store_op *op) {
    struct expire *e = op->arg;
    e->op = NULL;
    return e;
}

static void drop_found(struct expire *e) {
    if (e->found != NULL)
        store_op_free(&e->found->op);
    e->found = NULL;
}

// The store has failed, which is logged there: in a minute all is looked at anew.
static void give_up_round(struct expire *e) {
    drop_found(e);
    go_on_in(e, EXPIRE_ROUND_MS, begin_round);
}

// ---- the end of a round ----

static void tell(struct expire *e) {
    static const char *const events[STORE_EXPIRY_RULES] = {[STORE_EXPIRY_ACCOUNTS] = "expire.accounts",
                                                           [STORE_EXPIRY_MAILS] = "expire.mails",
                                                           [STORE_EXPIRY_LARGE] = "expire.large"};
    for (size_t i = 0; i < STORE_EXPIRY_RULES; i++) {
        unsigned long long n = e->removed[i];
        if (n > 0 && i == STORE_EXPIRY_QUOTA) // as other relays of this kind say it
            log_info("quota-expire:", "removed %llu message(s)", n);
        else if (n > 0)
            log_info(events[i], "removed=%llu", n);
        e->removed[i] = 0;
    }
}

static void end_round(struct expire *e) {
    tell(e);
    expire_count_round();
    go_on_in(e, EXPIRE_ROUND_MS, begin_round);
}

static void mend(struct expire *e);

static void on_mended(struct store_op *op) {
    struct expire *e = take_back(op);
    bool more = op->status == STORE_OK && CONTAINER_OF(op, struct store_expiry_mend, op)->ret_more;
    store_op_free(op);
    if (more)
        go_on_in(e, EXPIRE_PAUSE_MS, mend);
    else
        end_round(e);
}

static void mend(struct expire *e) {
    if (e->trust.verdict == EXPIRE_CLOCK_FINE)
        submit(e, &store_expiry_mend_new(e->hour)->op, on_mended);
    else
        end_round(e);
}

static void next_rule(struct expire *e) {
    drop_found(e);
    if (++e->rule < STORE_EXPIRY_RULES)
        look(e);
    else
        mend(e);
}

// ---- removing ----

static void work(struct expire *e);

static void on_removed(struct store_op *op) {
    struct expire *e = take_back(op);
    const struct store_expiry_remove *r = CONTAINER_OF(op, struct store_expiry_remove, op);
    bool failed = op->status != STORE_OK && op->status != STORE_NOT_FOUND;
    if (!failed) {
        expire_count_slice(e->rule, r->ret_messages, r->ret_octets, r->ret_took_us);
        e->removed[e->rule] += r->ret_messages;
        // The operation has sorted them: what is left of this slice comes first in the next.
        size_t left = r->n_items - r->ret_done, end = e->at + r->n_items;
        if (left > 0)
            memcpy(e->found->ret_items + (end - left), r->items + r->ret_done, left * sizeof(*r->items));
        e->at = end - left;
        if (left == 0 && e->at == e->found->ret_n)
            e->found->ret_account_id = 0; // relieved
    }
    store_op_free(op);
    if (failed)
        give_up_round(e);
    else
        go_on_in(e, EXPIRE_PAUSE_MS, work);
}

static void remove_slice(struct expire *e) {
    const struct store_expiry_find *f = e->found;
    struct store_expiry_remove *r = store_expiry_remove_new(f->ret_items + e->at, f->ret_n - e->at);
    bool is_last = r->n_items == f->ret_n - e->at;
    if (f->ret_account_id != 0) // which keeps its turn until all is done
        store_expiry_remove_relieve(r, f->ret_account_id, is_last ? e->hour + 1 : 0);
    submit(e, &r->op, on_removed);
}

static void on_account_done(struct store_op *op) {
    struct expire *e = take_back(op);
    enum store_status status = op->status;
    store_op_free(op);
    e->at++;
    if (status != STORE_OK && status != STORE_NOT_FOUND)
        give_up_round(e);
    else if (e->at % ACCOUNTS_PER_SLICE != 0)
        work(e);
    else
        go_on_in(e, EXPIRE_PAUSE_MS, work);
}

static void on_account_deleted(struct store_op *op) {
    struct expire *e = op->arg;
    if (op->status == STORE_OK) {
        const struct store_account_delete *d = CONTAINER_OF(op, struct store_account_delete, op);
        expire_count_account(d->ret_messages, e->found->ret_items[e->at].octets);
        e->removed[STORE_EXPIRY_ACCOUNTS]++;
    }
    on_account_done(op);
}

// Who has been connected all the time has not logged in for long: today counts.
static void remove_account(struct expire *e) {
    uint64_t id = e->found->ret_items[e->at].id;
    if (e->s.is_in_use != NULL && e->s.is_in_use(e->s.arg, id)) {
        submit(e, &store_account_touch_new(id, e->hour / 24)->op, on_account_done);
        return;
    }
    struct store_account_delete *d = store_account_delete_new(id);
    d->login_day = e->bounds.login_day;
    submit(e, &d->op, on_account_deleted);
}

static void work(struct expire *e) {
    const struct store_expiry_find *f = e->found;
    if (e->at < f->ret_n || f->ret_account_id != 0) {
        if (e->rule == STORE_EXPIRY_ACCOUNTS)
            remove_account(e);
        else
            remove_slice(e);
    } else if (f->ret_more) {
        look(e);
    } else {
        next_rule(e);
    }
}

// ---- finding ----

static void on_found(struct store_op *op) {
    struct expire *e = take_back(op);
    drop_found(e);
    e->found = CONTAINER_OF(op, struct store_expiry_find, op);
    e->at = 0;
    if (op->status == STORE_OK)
        work(e);
    else
        give_up_round(e);
}

static void look(struct expire *e) {
    struct store_expiry_find *f = store_expiry_find_new(e->rule, &e->bounds);
    f->now_hour = e->hour;
    if (e->found != NULL)
        f->after = e->found->ret_after;
    submit(e, &f->op, on_found);
}

static void begin_rules(struct expire *e) {
    const struct config *c = config_acquire(e->s.config);
    expire_bounds(c, e->hour, &e->bounds);
    config_release(e->s.config, c);
    e->rule = 0;
    look(e);
}

// ---- the clock ----

static void tell_clock(enum expire_verdict was, enum expire_verdict is, int64_t days) {
    expire_count_doubt(is != EXPIRE_CLOCK_FINE);
    if (is == was)
        return;
    long long off = days < 0 ? -days : days;
    if (is == EXPIRE_CLOCK_FINE)
        log_info("expire.clock_fine", "expiry goes by the clock again");
    else if (is == EXPIRE_CLOCK_AHEAD)
        log_warning(
            "expire.clock_ahead",
            "the clock is %lld days ahead of what the relay remembers; expiry waits for %d hours. If the relay was"
            " off for so long, nothing needs to be done; if not, set the clock right",
            off, EXPIRE_HOLD_HOURS);
    else if (is == EXPIRE_CLOCK_FOLLOW)
        log_warning("expire.clock_followed", "the clock was ahead for a day; expiry follows it, a day each hour");
    else
        log_warning("expire.clock_behind",
                    "the clock is %lld days behind what the relay remembers; set it right. Expiry goes by the time that"
                    " passes, and believes the clock after %d days of it",
                    off, EXPIRE_BEHIND_HOURS / 24);
}

static void on_kept(struct store_op *op) {
    struct expire *e = take_back(op);
    const struct store_expiry_clock_keep *k = CONTAINER_OF(op, struct store_expiry_clock_keep, op);
    if (op->status == STORE_OK) {
        e->kept_hour = k->hour;
        e->kept_held = k->held_hours;
    }
    store_op_free(op);
    begin_rules(e);
}

static void step_clock(struct expire *e) {
    enum expire_verdict was = e->trust.verdict;
    int64_t wall_hour = clock_wall_s() / HOUR_S;
    e->hour = expire_trust_step(&e->trust, wall_hour, clock_mono_ms());
    tell_clock(was, e->trust.verdict, (wall_hour - e->trust.hour) / 24);
    if (e->trust.hour != e->kept_hour || e->trust.held != e->kept_held)
        submit(e, &store_expiry_clock_keep_new(e->trust.hour, e->trust.held)->op, on_kept);
    else
        begin_rules(e);
}

static void on_clock(struct store_op *op) {
    struct expire *e = take_back(op);
    const struct store_expiry_clock *k = CONTAINER_OF(op, struct store_expiry_clock, op);
    bool ok = op->status == STORE_OK;
    if (ok) {
        expire_trust_begin(&e->trust, k->ret_hour, k->ret_held_hours, k->ret_newest_hour, clock_wall_s() / HOUR_S,
                           clock_mono_ms());
        e->kept_hour = k->ret_hour;
        e->kept_held = k->ret_held_hours;
        e->knows_clock = true;
    }
    store_op_free(op);
    if (ok)
        step_clock(e);
    else
        give_up_round(e);
}

static void begin_round(struct expire *e) {
    if (e->knows_clock)
        step_clock(e);
    else
        submit(e, &store_expiry_clock_new()->op, on_clock);
}

// ---- life ----

struct expire *expire_new(const struct expire_settings *s) {
    struct expire *e = MEM_NEW(struct expire);
    e->s = *s;
    loop_timer_init(&e->timer, s->loop, on_timer);
    expire_counts_register();
    return e;
}

void expire_start(struct expire *e) {
    go_on_in(e, EXPIRE_PAUSE_MS, begin_round);
}

void expire_stop(struct expire *e) {
    loop_timer_stop(&e->timer);
    if (e->op != NULL)
        store_op_cancel(e->op);
    e->op = NULL;
}

void expire_free(struct expire *e) {
    if (e == NULL)
        return;
    if (e->op != NULL)
        store_op_cancel(e->op);
    drop_found(e);
    loop_timer_done(&e->timer);
    free(e);
}
