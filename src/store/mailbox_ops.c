// SPDX-License-Identifier: MIT
#include "store/mailbox_ops.h"

#include "base/mem.h"
#include "store/op.h"

static void free_list(struct store_op *op) {
    struct store_mailbox_list *l = CONTAINER_OF(op, struct store_mailbox_list, op);
    for (size_t i = 0; i < l->ret_n_mailboxes; i++)
        free(l->ret_mailboxes[i].name);
    free(l->ret_mailboxes);
}

static const struct store_op_type list_type = {.name = "mailbox_list",
                                               .size = sizeof(struct store_mailbox_list),
                                               .mode = STORE_OP_READ,
                                               .kind = OP_MAILBOX_LIST,
                                               .free_fields = free_list};

struct store_mailbox_list *store_mailbox_list_new(uint64_t account_id) {
    struct store_mailbox_list *l = op_new(&list_type);
    l->account_id = account_id;
    return l;
}

static void free_open(struct store_op *op) {
    struct store_mailbox_open *o = CONTAINER_OF(op, struct store_mailbox_open, op);
    free(o->name);
    free(o->ret_uids);
}

static const struct store_op_type open_type = {.name = "mailbox_open",
                                               .size = sizeof(struct store_mailbox_open),
                                               .mode = STORE_OP_READ,
                                               .kind = OP_MAILBOX_OPEN,
                                               .free_fields = free_open};

struct store_mailbox_open *store_mailbox_open_new(uint64_t account_id, struct slice name, bool want_uids) {
    struct store_mailbox_open *o = op_new(&open_type);
    o->account_id = account_id;
    o->name = op_copy(name, STORE_MAILBOX_NAME_MAX);
    o->want_uids = want_uids;
    return o;
}

static void free_edit(struct store_op *op) {
    struct store_mailbox_edit *e = CONTAINER_OF(op, struct store_mailbox_edit, op);
    free(e->name);
    free(e->new_name);
}

static const struct store_op_type edit_type = {.name = "mailbox_edit",
                                               .size = sizeof(struct store_mailbox_edit),
                                               .mode = STORE_OP_WRITE,
                                               .kind = OP_MAILBOX_EDIT,
                                               .free_fields = free_edit};

struct store_mailbox_edit *store_mailbox_edit_new(enum store_mailbox_edit_kind kind, uint64_t account_id,
                                                  struct slice name, struct slice new_name) {
    struct store_mailbox_edit *e = op_new(&edit_type);
    e->kind = kind;
    e->account_id = account_id;
    e->name = op_copy(name, STORE_MAILBOX_NAME_MAX);
    e->new_name = op_copy(new_name, STORE_MAILBOX_NAME_MAX);
    return e;
}
