// SPDX-License-Identifier: MIT
#include "store/invitation_ops.h"

#include "base/mem.h"
#include "store/op.h"

static const struct store_op_type add_type = {.name = "invitation_add",
                                              .size = sizeof(struct store_invitation_add),
                                              .mode = STORE_OP_WRITE,
                                              .kind = OP_INVITATION_ADD};

struct store_invitation_add *store_invitation_add_new(const uint8_t invitation[STORE_INVITATION_LEN], uint32_t uses,
                                                      int64_t last_day) {
    struct store_invitation_add *a = op_new(&add_type);
    memcpy(a->invitation, invitation, sizeof(a->invitation));
    a->uses = uses;
    a->last_day = last_day;
    return a;
}

static const struct store_op_type find_type = {.name = "invitation_find",
                                               .size = sizeof(struct store_invitation_find),
                                               .mode = STORE_OP_READ,
                                               .kind = OP_INVITATION_FIND};

struct store_invitation_find *store_invitation_find_new(const uint8_t invitation[STORE_INVITATION_LEN], int64_t today) {
    struct store_invitation_find *f = op_new(&find_type);
    memcpy(f->invitation, invitation, sizeof(f->invitation));
    f->today = today;
    return f;
}

static void free_list(struct store_op *op) {
    free(CONTAINER_OF(op, struct store_invitation_list, op)->ret_rows);
}

static const struct store_op_type list_type = {.name = "invitation_list",
                                               .size = sizeof(struct store_invitation_list),
                                               .mode = STORE_OP_READ,
                                               .kind = OP_INVITATION_LIST,
                                               .free_fields = free_list};

struct store_invitation_list *store_invitation_list_new(int64_t today, const struct store_invitation_row *after) {
    struct store_invitation_list *l = op_new(&list_type);
    if (after != NULL) {
        l->after = *after;
    } else { // behind all of yesterday
        l->after.last_day = today - 1;
        memset(l->after.invitation, 0xff, sizeof(l->after.invitation));
    }
    return l;
}

static const struct store_op_type delete_type = {.name = "invitation_delete",
                                                 .size = sizeof(struct store_invitation_delete),
                                                 .mode = STORE_OP_WRITE,
                                                 .kind = OP_INVITATION_DELETE};

struct store_invitation_delete *store_invitation_delete_new(const uint8_t invitation[STORE_INVITATION_LEN]) {
    struct store_invitation_delete *d = op_new(&delete_type);
    memcpy(d->invitation, invitation, sizeof(d->invitation));
    return d;
}

static void wipe_secret(struct store_op *op) {
    struct store_secret *s = CONTAINER_OF(op, struct store_secret, op);
    explicit_bzero(s->ret_secret, sizeof(s->ret_secret));
}

static const struct store_op_type secret_type = {.name = "secret",
                                                 .size = sizeof(struct store_secret),
                                                 .mode = STORE_OP_WRITE,
                                                 .kind = OP_SECRET,
                                                 .free_fields = wipe_secret};

struct store_secret *store_secret_new(const char *name) {
    struct store_secret *s = op_new(&secret_type);
    op_copy_into(slice_from_cstr(name), s->name, sizeof(s->name));
    return s;
}
