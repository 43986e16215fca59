// SPDX-License-Identifier: MIT
// What follows from a group of writes once it is committed: changes, news of the queue and pushes to announce, bodies
// that are kept, body files to remove. The running operation adds to it; when the operation is undone its part is taken
// back. Writer thread only.
#pragma once

#include "store/body_dir.h"
#include "store/push_ops.h"
#include "store/queue_ops.h"

struct store_body;

struct effects_change {
    struct store_change change; // its uids are set when it is published
    size_t first_uid;           // index in uids
};

// News of the queue: the destination is its own, and so are the row and its array of recipients; their octets are the
// operation's, which lives until all is told.
struct effects_news {
    char *destination;
    int64_t not_before;
    struct store_due *due; // or NULL
};

struct effects {
    struct effects_change *changes;
    size_t n_changes, cap_changes;
    uint32_t *uids;
    size_t n_uids, cap_uids;
    struct body_name *unlinks;
    size_t n_unlinks, cap_unlinks;
    struct store_body **kept;
    size_t n_kept, cap_kept;
    struct effects_news *news;
    size_t n_news, cap_news;
    size_t n_pushes; // that became due
};

struct effects_mark {
    size_t changes, uids, unlinks, kept, news, pushes;
};

// Notes a change; `change->uids` is copied.
void effects_add_change(struct effects *e, const struct store_change *change);
// The file has no row any more.
void effects_add_unlink(struct effects *e, const struct body_name *name);
// The body has a row now.
void effects_add_kept(struct effects *e, struct store_body *body);
// Something is due to the destination. Takes over `due` and its array of recipients.
void effects_add_news(struct effects *e, const char *destination, int64_t not_before, struct store_due *due);
// Some pushes are due now.
void effects_add_pushes(struct effects *e, size_t n);

struct effects_mark effects_mark(const struct effects *e);
// Forgets what was added since the mark.
void effects_rewind(struct effects *e, struct effects_mark mark);

// After the commit: tells every change, in order.
void effects_publish(struct effects *e, store_on_change *on_change, void *arg);
void effects_publish_news(struct effects *e, store_on_queue *on_queue, void *arg);
void effects_publish_pushes(struct effects *e, store_on_push *on_push, void *arg);
// Forgets everything; a group that was unusually large does not keep its memory.
void effects_reset(struct effects *e);
void effects_done(struct effects *e);
