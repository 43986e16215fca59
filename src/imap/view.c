// SPDX-License-Identifier: MIT
#include "imap/view.h"

#include "base/mem.h"
#include "net/conn.h"

static void on_added(struct imap_view *v, const struct store_change *change) {
    bool news = false;
    for (size_t i = 0; i < change->n_uids; i++) {
        uint32_t uid = change->uids[i];
        // Changes may be told twice; UIDs arrive in their order.
        if (v->loaded && uid < v->uid_next)
            continue;
        uid_list_add(&v->uids, uid);
        if (v->loaded)
            v->uid_next = uid + 1;
        news = true;
    }
    if (news && v->loaded && v->on_added != NULL)
        v->on_added(v->arg);
}

void imap_view_expunged(struct imap_view *v, const uint32_t *uids, size_t n) {
    struct uid_list untold = {0};
    for (size_t i = 0; i < n; i++) {
        uint32_t at;
        if (!v->loaded)
            uid_list_add(&v->gone, uids[i]);
        else if (uid_list_find(&v->uids, uids[i], &at))
            uid_list_add(at < v->n_told ? &v->gone : &untold, uids[i]);
    }
    uid_list_subtract(&v->changed, &v->gone);
    uid_list_subtract(&v->uids, &untold);
    uid_list_done(&untold);
}

static void on_flags(struct imap_view *v, const struct store_change *change) {
    // What this session changes itself is told in the reply to its command.
    if (!v->loaded || change->origin == v->origin)
        return;
    for (size_t i = 0; i < change->n_uids; i++) {
        uint32_t at;
        if (imap_view_seq(v, change->uids[i]) != 0 && !uid_list_find(&v->gone, change->uids[i], &at))
            uid_list_add(&v->changed, change->uids[i]);
    }
}

static void on_change(struct hub_watcher *w, const struct store_change *change) {
    struct imap_view *v = CONTAINER_OF(w, struct imap_view, watcher);
    switch (change->kind) {
    case STORE_CHANGE_ADDED:
        on_added(v, change);
        break;
    case STORE_CHANGE_EXPUNGED:
        imap_view_expunged(v, change->uids, change->n_uids);
        break;
    case STORE_CHANGE_FLAGS:
        on_flags(v, change);
        break;
    case STORE_CHANGE_DELETED:
        // RFC 2180 3.3: to this session the mailbox looks as if all messages had been expunged.
        v->deleted = true;
        if (v->loaded)
            imap_view_expunged(v, v->uids.v, v->uids.n);
        break;
    }
}

struct imap_view *imap_view_new(struct hub *hub, struct loop *loop, uint64_t origin, void (*on_added_cb)(void *arg),
                                void *arg) {
    struct imap_view *v = MEM_NEW(struct imap_view);
    v->hub = hub;
    list_init(&v->watcher.link);
    v->watcher.loop = loop;
    v->watcher.on_change = on_change;
    v->on_added = on_added_cb;
    v->arg = arg;
    v->origin = origin;
    return v;
}

void imap_view_free(struct imap_view *v) {
    if (v == NULL)
        return;
    hub_unwatch(v->hub, &v->watcher);
    uid_list_done(&v->uids);
    uid_list_done(&v->gone);
    uid_list_done(&v->changed);
    free(v);
}

void imap_view_watch(struct imap_view *v, uint64_t mailbox_id) {
    v->mailbox_id = mailbox_id;
    hub_watch(v->hub, &v->watcher, mailbox_id);
}

void imap_view_load(struct imap_view *v, struct store_mailbox_open *opened) {
    struct uid_list came = v->uids;
    v->uids = (struct uid_list){0};
    uid_list_take(&v->uids, opened->ret_uids, opened->ret_n_uids);
    opened->ret_uids = NULL;
    opened->ret_n_uids = 0;
    v->mailbox_id = opened->ret_mailbox_id;
    v->uid_validity = opened->ret_uid_validity;
    v->uid_next = opened->ret_uid_next;
    for (uint32_t i = 0; i < came.n; i++) {
        if (came.v[i] < v->uid_next)
            continue; // it was there already, or gone again, when the mailbox was read
        uid_list_add(&v->uids, came.v[i]);
        v->uid_next = came.v[i] + 1;
    }
    uid_list_subtract(&v->uids, &v->gone);
    uid_list_done(&v->gone);
    uid_list_done(&came);
    if (v->deleted) // what was read stood there before
        uid_list_done(&v->uids);
    v->loaded = true;
}

uint32_t imap_view_seq(const struct imap_view *v, uint32_t uid) {
    uint32_t at;
    return uid_list_find(&v->uids, uid, &at) && at < v->n_told ? at + 1 : 0;
}

// No UID beyond the last one the client knows of: what came since must be announced before it is fetched.
static void clip(struct imap_set *s, uint32_t last) {
    while (s->n > 0 && s->ranges[s->n - 1].first > last)
        s->n--;
    if (s->n > 0 && s->ranges[s->n - 1].last > last)
        s->ranges[s->n - 1].last = last;
}

bool imap_view_resolve(const struct imap_view *v, struct imap_set *s, bool uid) {
    uint32_t last = v->n_told > 0 ? v->uids.v[v->n_told - 1] : 0;
    imap_set_resolve(s, uid ? last : v->n_told);
    if (uid) {
        clip(s, last);
        return true;
    }
    if (imap_set_max(s) > v->n_told)
        return false;
    for (size_t i = 0; i < s->n; i++) {
        s->ranges[i].first = v->uids.v[s->ranges[i].first - 1];
        s->ranges[i].last = v->uids.v[s->ranges[i].last - 1];
    }
    return true;
}

uint32_t imap_view_nth(const struct imap_view *v, const struct imap_set *s, uint32_t max) {
    for (size_t i = 0; i < s->n; i++) {
        uint32_t last = s->ranges[i].last;
        uint32_t low = uid_list_lower(&v->uids, s->ranges[i].first);
        uint32_t high = last < UINT32_MAX ? uid_list_lower(&v->uids, last + 1) : v->uids.n;
        if (high - low >= max)
            return v->uids.v[low + max - 1];
        max -= high - low;
    }
    return UINT32_MAX;
}

void imap_view_tell_added(struct imap_view *v, struct conn *c) {
    if (!v->loaded || v->n_told == v->uids.n)
        return;
    v->n_told = v->uids.n;
    conn_printf(c, "* %u EXISTS\r\n", v->n_told);
}

void imap_view_tell_expunged(struct imap_view *v, struct conn *c) {
    // From the highest down, so that each number is right without counting those already told.
    for (uint32_t i = v->gone.n; i-- > 0;) {
        uint32_t at;
        ASSERT(uid_list_find(&v->uids, v->gone.v[i], &at) && at < v->n_told);
        conn_printf(c, "* %u EXPUNGE\r\n", at + 1);
    }
    uid_list_subtract(&v->uids, &v->gone);
    v->n_told -= v->gone.n;
    uid_list_done(&v->gone);
}
