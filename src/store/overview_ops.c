// SPDX-License-Identifier: MIT
#include "store/overview_ops.h"

#include "store/op.h"

// Those for which other relays of this kind have figures, so that they can be compared.
const uint32_t store_active_days[STORE_ACTIVE_SPANS] = {1, 10, 30, 40, 80, 100, 150};
const uint64_t store_large_sizes[STORE_LARGE_SIZES] = {100 << 10, 512 << 10, 1 << 20, 2 << 20, 5 << 20, 10 << 20};

static const struct store_op_type overview_type = {
    .name = "overview", .size = sizeof(struct store_overview), .mode = STORE_OP_READ, .kind = OP_OVERVIEW};

struct store_overview *store_overview_new(int64_t today) {
    struct store_overview *o = op_new(&overview_type);
    o->today = today;
    o->max_rows = STORE_OVERVIEW_PIECE;
    return o;
}

struct store_overview *store_overview_next_new(const struct store_overview *before) {
    struct store_overview *o = op_new(&overview_type);
    struct store_op op = o->op;
    *o = *before;
    o->op = op;
    return o;
}
