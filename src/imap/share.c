// SPDX-License-Identifier: MIT
#include "imap/share.h"

#include "base/table.h"

enum { ACCOUNTS_MAX = 256 * 1024 }; // accounts that are connected at one time; the table grows with use only

struct table *imap_share_new(void) {
    return table_new(sizeof(uint32_t), ACCOUNTS_MAX);
}

void imap_share_free(struct table *t) {
    if (t == NULL)
        return;
    ASSERT(table_count(t) == 0);
    table_free(t);
}

static struct hash128 key_of(uint64_t account_id) {
    return hash_keyed(&account_id, sizeof(account_id));
}

bool imap_share_enter(struct table *t, uint64_t account_id) {
    struct hash128 key = key_of(account_id);
    uint32_t *count = table_lock(t, key, true, NULL);
    if (count == NULL) // more accounts than can be counted
        return false;
    bool fits = *count < IMAP_SHARE_MAX;
    if (fits && ++*count == 1)
        table_pin(t, key, true);
    table_unlock(t, key);
    return fits;
}

void imap_share_leave(struct table *t, uint64_t account_id) {
    struct hash128 key = key_of(account_id);
    uint32_t *count = table_lock(t, key, false, NULL);
    ASSERT(count != NULL && *count > 0);
    if (--*count == 0)
        table_remove(t, key);
    table_unlock(t, key);
}

bool imap_share_has(struct table *t, uint64_t account_id) {
    struct hash128 key = key_of(account_id);
    const uint32_t *count = table_lock(t, key, false, NULL);
    if (count == NULL)
        return false;
    bool has = *count > 0;
    table_unlock(t, key);
    return has;
}
