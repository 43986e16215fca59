// SPDX-License-Identifier: MIT
// RENAME (RFC 3501 6.3.5). A mailbox keeps its rows and UIDs under the new name, but its UIDVALIDITY is new: a mailbox
// of that name may have been there before, and UIDVALIDITY must grow then (2.3.1.1).
#include <stdio.h>

#include "base/mem.h"
#include "store/mailbox_name.h"
#include "store/sqlite/mailbox.h"
#include "store/sqlite/rows.h"

struct child {
    uint64_t id;
    char name[STORE_MAILBOX_NAME_MAX + 1];
};

static enum store_status set_name(struct db *db, uint64_t id, const char *name) {
    uint32_t uid_validity;
    enum store_status status = mailbox_next_uid_validity(db, &uid_validity);
    if (status != STORE_OK)
        return status;
    struct query q;
    query_begin(&q, db, SQL_MAILBOX_RENAME);
    query_bind_u64(&q, id);
    query_bind_text(&q, name);
    query_bind_u64(&q, uid_validity);
    return query_exec(&q);
}

static enum store_status load_children(struct db *db, uint64_t account_id, const char *name, struct child *ret,
                                       size_t *ret_n) {
    struct query q;
    query_begin(&q, db, SQL_MAILBOX_CHILDREN);
    query_bind_u64(&q, account_id);
    query_bind_text(&q, name);
    size_t n = 0;
    while (n < STORE_MAILBOXES_MAX && query_row(&q)) {
        ret[n].id = query_u64(&q, 0);
        op_copy_into(slice_from_cstr(query_text(&q, 1)), ret[n].name, sizeof(ret[n].name));
        n++;
    }
    *ret_n = n;
    return query_end(&q);
}

// Gives the mailbox and everything below it the new name. In order of names, so that a name is free before it is taken.
static enum store_status rename_tree(struct db *db, uint64_t account_id, uint64_t id, const char *name,
                                     const char *new_name) {
    struct child *children = mem_zalloc(STORE_MAILBOXES_MAX, sizeof(*children));
    size_t n;
    enum store_status status = load_children(db, account_id, name, children, &n);
    if (status == STORE_OK)
        status = set_name(db, id, new_name);
    for (size_t i = 0; i < n && status == STORE_OK; i++) {
        char child_name[STORE_MAILBOX_NAME_MAX + 1];
        struct mailbox_row m;
        int len = snprintf(child_name, sizeof(child_name), "%s%s", new_name, children[i].name + strlen(name));
        if (len < 0 || (size_t)len >= sizeof(child_name))
            status = STORE_INVALID;
        else
            status = mailbox_load_name(db, account_id, child_name, &m);
        if (status == STORE_NOT_FOUND)
            status = set_name(db, children[i].id, child_name);
        else if (status == STORE_OK)
            status = STORE_EXISTS;
    }
    free(children);
    return status;
}

// Renaming INBOX makes a mailbox with its messages and leaves INBOX empty; what is below INBOX stays.
static enum store_status move_inbox(struct db *db, struct mailbox_row *inbox, const char *new_name, uint64_t origin) {
    uint64_t id;
    struct mailbox_row target;
    if (inbox->messages > STORE_COPY_MAX)
        return STORE_TOO_MANY;
    enum store_status status = mailbox_create(db, inbox->account_id, new_name, &id);
    if (status == STORE_OK)
        status = mailbox_load(db, id, &target);
    struct store_uid_range all = {1, UINT32_MAX};
    struct entry_list entries = {0};
    if (status == STORE_OK)
        status = entry_list_load(db, SQL_ENTRY_RANGE, inbox->id, &all, 1, SIZE_MAX, &entries);
    uint32_t *uids = mem_alloc(entries.n * sizeof(*uids));
    for (size_t i = 0; i < entries.n && status == STORE_OK; i++) {
        uids[i] = entries.rows[i].uid;
        status = mailbox_remove_entry(db, inbox, &entries.rows[i]);
        if (status == STORE_OK)
            status = mailbox_add_entry(db, &target, &entries.rows[i]);
    }
    if (status == STORE_OK && entries.n > 0) {
        inbox->modseq++;
        mailbox_note(db, inbox, STORE_CHANGE_EXPUNGED, origin, uids, entries.n);
        status = mailbox_save(db, inbox);
        if (status == STORE_OK)
            status = mailbox_save(db, &target);
    }
    free(uids);
    entry_list_done(&entries);
    return status;
}

// The mailboxes above the new name, which are made like those of a new mailbox.
static enum store_status make_parents(struct db *db, uint64_t account_id, const char *new_name) {
    const char *slash = strrchr(new_name, '/');
    if (slash == NULL)
        return STORE_OK;
    char *parent = mem_strndup(new_name, (size_t)(slash - new_name));
    uint64_t id;
    enum store_status status = mailbox_create(db, account_id, parent, &id);
    free(parent);
    return status == STORE_EXISTS ? STORE_OK : status;
}

enum store_status mailbox_rename(struct db *db, uint64_t account_id, const char *name, const char *new_name,
                                 uint64_t origin) {
    struct mailbox_row m, other;
    enum store_status status = mailbox_load_name(db, account_id, name, &m);
    if (status != STORE_OK)
        return status;
    status = mailbox_load_name(db, account_id, new_name, &other);
    if (status != STORE_NOT_FOUND)
        return status == STORE_OK ? STORE_EXISTS : status;
    if (mailbox_name_is_inbox(name))
        return move_inbox(db, &m, new_name, origin);
    size_t len = strlen(name);
    if (strncmp(new_name, name, len) == 0 && new_name[len] == '/') // below itself
        return STORE_INVALID;
    status = make_parents(db, account_id, new_name);
    return status == STORE_OK ? rename_tree(db, account_id, m.id, name, new_name) : status;
}
