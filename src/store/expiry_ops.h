// SPDX-License-Identifier: MIT
// Expiry: what is due by age, by inactivity or by a crowded mailbox, and its removal in small slices.
//
// Arrival is kept by the hour and login by the day; both bounds below include what they name. A message keeps its hour
// when it is copied or moved, and a client's word about its date (IMAP APPEND) has no say. Finding runs on a reader and
// costs what it finds: each rule has an index of its own. Removing runs on the writer, within a budget of time and
// octets.
#pragma once

#include "store/store.h"

enum {
    STORE_LARGE_OCTETS = 200 * 1000, // a message above is large
    STORE_CROWDED_PERCENT = 75,      // of the quota: an account above is crowded
    STORE_RELIEVED_PERCENT = 70,     // what expiry brings it down to
};

enum store_expiry_rule {
    STORE_EXPIRY_ACCOUNTS, // without a login since login_day
    STORE_EXPIRY_MAILS,    // that arrived in mails_hour or before
    STORE_EXPIRY_LARGE,    // in large_hour or before, and shown to a client since
    STORE_EXPIRY_QUOTA,    // of a crowded account: the oldest, of those that arrived in young_hour or before
    STORE_EXPIRY_RULES,
};
// As metrics and the control socket call them: "account", "age", "large", "quota".
extern const char *const store_expiry_rule_names[STORE_EXPIRY_RULES];

// One moment's view of what is due. Hours and days count from 1970.
struct store_expiry_bounds {
    int64_t mails_hour, large_hour, young_hour;
    int64_t login_day;
};

// A message, or with STORE_EXPIRY_ACCOUNTS an account.
struct store_expiry_item {
    int64_t time;      // hour of arrival, or day of the last login
    uint64_t id;       // mailbox, or account
    uint32_t uid;      // 0 for an account
    uint64_t messages; // 1, or those of the account
    uint64_t octets;
};

// What is due by one rule, oldest first, behind `after` and at most `max` rows looked at. READ. One message is due by
// one rule only: that of the least number. So those of accounts that are due are left out, as they go with them.
// STORE_EXPIRY_QUOTA answers for one account at a time, the first with a number above after.id whose turn it is
// (now_hour), and tells all of it that has to go; ret_account_id 0: there is none. The account is relieved by a
// store_expiry_remove that names it, even of nothing.
struct store_expiry_find {
    struct store_op op;
    enum store_expiry_rule rule;
    struct store_expiry_bounds bounds;
    int64_t now_hour; // STORE_EXPIRY_QUOTA; INT64_MAX: whosever turn it is
    struct store_expiry_item after;
    size_t max;
    struct store_expiry_item *ret_items; // owned
    size_t ret_n;
    struct store_expiry_item ret_after; // where the next one goes on
    bool ret_more;
    uint64_t ret_account_id;
};
struct store_expiry_find *store_expiry_find_new(enum store_expiry_rule rule, const struct store_expiry_bounds *bounds);

// Takes messages out as EXPUNGE does: sessions are told with origin 0, a body goes with its last entry. WRITE. Does as
// many as fit the budget of a slice, one at least, a few whatever the clock says; those that are gone count as done.
// With account_id it is for a crowded account: nothing more goes once that uses no more than STORE_RELIEVED_PERCENT,
// which counts as done; and when all is done, the account is not crowded any more, or is looked at again in next_hour.
// STORE_NOT_FOUND: nothing of it was there, which counts as done.
enum { STORE_EXPIRY_SLICE_MAX = 64, STORE_EXPIRY_SLICE_US = 500, STORE_EXPIRY_SLICE_OCTETS = 256 * 1024 };
struct store_expiry_remove {
    struct store_op op;
    struct store_expiry_item *items; // in the order of mailbox and UID; of n_items, at most STORE_EXPIRY_SLICE_MAX
    size_t n_items;
    uint64_t account_id;
    int64_t next_hour;
    size_t ret_done; // of items, from the first
    uint64_t ret_messages, ret_octets;
    uint64_t ret_took_us; // of the writer, without the commit
};
// Copies and sorts the items; those above the maximum are left out.
struct store_expiry_remove *store_expiry_remove_new(const struct store_expiry_item *items, size_t n_items);
void store_expiry_remove_relieve(struct store_expiry_remove *r, uint64_t account_id, int64_t next_hour);

// A client has had the mailbox selected with the large messages up to this UID in it: from now on they are due by
// STORE_EXPIRY_LARGE. WRITE. STORE_NOT_FOUND: there was none that was not known as shown.
struct store_expiry_shown {
    struct store_op op;
    uint64_t mailbox_id;
    uint32_t last_uid;
};
struct store_expiry_shown *store_expiry_shown_new(uint64_t mailbox_id, uint32_t last_uid);

// What expiry remembers of the clock over restarts (expire/trust.h), and the newest hour that anything in the store is
// from, to judge the clock by. READ. ret_hour -1: nothing is remembered.
struct store_expiry_clock {
    struct store_op op;
    int64_t ret_hour, ret_held_hours;
    int64_t ret_newest_hour; // 0: the store is empty
};
struct store_expiry_clock *store_expiry_clock_new(void);
// WRITE.
struct store_expiry_clock_keep {
    struct store_op op;
    int64_t hour, held_hours;
};
struct store_expiry_clock_keep *store_expiry_clock_keep_new(int64_t hour, int64_t held_hours);

// Messages and logins that are dated more than a day after now came under a clock that was wrong and would never
// expire: they are dated now. So is the turn of crowded accounts. WRITE, a slice of them. STORE_NOT_FOUND: there are
// none.
struct store_expiry_mend {
    struct store_op op;
    int64_t now_hour;
    bool ret_more;
};
struct store_expiry_mend *store_expiry_mend_new(int64_t now_hour);
