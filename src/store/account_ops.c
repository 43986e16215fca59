// SPDX-License-Identifier: MIT
#include "store/account_ops.h"

#include "base/mem.h"
#include "store/op.h"

static const struct store_op_type find_type = {
    .name = "account_find", .size = sizeof(struct store_account_find), .mode = STORE_OP_READ, .kind = OP_ACCOUNT_FIND};

struct store_account_find *store_account_find_new(struct slice address) {
    struct store_account_find *f = op_new(&find_type);
    op_copy_into(address, f->address, sizeof(f->address));
    return f;
}

static const struct store_op_type create_type = {.name = "account_create",
                                                 .size = sizeof(struct store_account_create),
                                                 .mode = STORE_OP_WRITE,
                                                 .kind = OP_ACCOUNT_CREATE};

struct store_account_create *store_account_create_new(struct slice address, struct slice password_hash) {
    struct store_account_create *c = op_new(&create_type);
    op_copy_into(address, c->address, sizeof(c->address));
    op_copy_into(password_hash, c->password_hash, sizeof(c->password_hash));
    return c;
}

void store_account_create_by_invitation(struct store_account_create *op, const uint8_t invitation[STORE_INVITATION_LEN],
                                        int64_t today) {
    op->needs_invitation = true;
    memcpy(op->invitation, invitation, sizeof(op->invitation));
    op->today = today;
}

static const struct store_op_type touch_type = {.name = "account_touch",
                                                .size = sizeof(struct store_account_touch),
                                                .mode = STORE_OP_WRITE,
                                                .kind = OP_ACCOUNT_TOUCH};

struct store_account_touch *store_account_touch_new(uint64_t account_id, int64_t day) {
    struct store_account_touch *t = op_new(&touch_type);
    t->account_id = account_id;
    t->day = day;
    return t;
}

static const struct store_op_type quota_type = {
    .name = "quota", .size = sizeof(struct store_quota), .mode = STORE_OP_READ, .kind = OP_QUOTA};

struct store_quota *store_quota_new(uint64_t account_id) {
    struct store_quota *q = op_new(&quota_type);
    q->account_id = account_id;
    return q;
}

bool store_token_is_valid(struct slice token) {
    for (size_t i = 0; i < token.len; i++) {
        char c = token.ptr[i];
        if (c <= ' ' || c > '~' || c == '"' || c == '\\')
            return false;
    }
    return token.len > 0 && token.len <= STORE_TOKEN_MAX;
}

static void free_token_add(struct store_op *op) {
    free(CONTAINER_OF(op, struct store_token_add, op)->token);
}

static const struct store_op_type token_add_type = {.name = "token_add",
                                                    .size = sizeof(struct store_token_add),
                                                    .mode = STORE_OP_WRITE,
                                                    .kind = OP_TOKEN_ADD,
                                                    .free_fields = free_token_add};

struct store_token_add *store_token_add_new(uint64_t account_id, struct slice token) {
    struct store_token_add *t = op_new(&token_add_type);
    t->account_id = account_id;
    t->token = op_copy(token, STORE_TOKEN_MAX);
    return t;
}

static void free_token_list(struct store_op *op) {
    struct store_token_list *l = CONTAINER_OF(op, struct store_token_list, op);
    for (size_t i = 0; i < l->ret_n_tokens; i++)
        free(l->ret_tokens[i]);
    free(l->ret_tokens);
}

static const struct store_op_type token_list_type = {.name = "token_list",
                                                     .size = sizeof(struct store_token_list),
                                                     .mode = STORE_OP_READ,
                                                     .kind = OP_TOKEN_LIST,
                                                     .free_fields = free_token_list};

struct store_token_list *store_token_list_new(uint64_t account_id) {
    struct store_token_list *l = op_new(&token_list_type);
    l->account_id = account_id;
    return l;
}

// ---- for the operator ----

static void free_account_show(struct store_op *op) {
    free(CONTAINER_OF(op, struct store_account_show, op)->ret_row.address);
}

static const struct store_op_type account_show_type = {.name = "account_show",
                                                       .size = sizeof(struct store_account_show),
                                                       .mode = STORE_OP_READ,
                                                       .kind = OP_ACCOUNT_SHOW,
                                                       .free_fields = free_account_show};

struct store_account_show *store_account_show_new(struct slice address) {
    struct store_account_show *s = op_new(&account_show_type);
    op_copy_into(address, s->address, sizeof(s->address));
    return s;
}

static void free_account_list(struct store_op *op) {
    struct store_account_list *l = CONTAINER_OF(op, struct store_account_list, op);
    for (size_t i = 0; i < l->ret_n_rows; i++)
        free(l->ret_rows[i].address);
    free(l->ret_rows);
}

static const struct store_op_type account_list_type = {.name = "account_list",
                                                       .size = sizeof(struct store_account_list),
                                                       .mode = STORE_OP_READ,
                                                       .kind = OP_ACCOUNT_LIST,
                                                       .free_fields = free_account_list};

struct store_account_list *store_account_list_new(uint64_t after) {
    struct store_account_list *l = op_new(&account_list_type);
    l->after = after;
    return l;
}

static const struct store_op_type block_type = {.name = "account_block",
                                                .size = sizeof(struct store_account_block),
                                                .mode = STORE_OP_WRITE,
                                                .kind = OP_ACCOUNT_BLOCK};

struct store_account_block *store_account_block_new(uint64_t account_id, bool blocked) {
    struct store_account_block *b = op_new(&block_type);
    b->account_id = account_id;
    b->blocked = blocked;
    return b;
}

static const struct store_op_type delete_type = {.name = "account_delete",
                                                 .size = sizeof(struct store_account_delete),
                                                 .mode = STORE_OP_WRITE,
                                                 .kind = OP_ACCOUNT_DELETE};

struct store_account_delete *store_account_delete_new(uint64_t account_id) {
    struct store_account_delete *d = op_new(&delete_type);
    d->account_id = account_id;
    d->login_day = INT64_MAX;
    return d;
}
