// SPDX-License-Identifier: MIT
#include "imap/shown.h"

#include "imap/session.h"
#include "store/expiry_ops.h"

// Without it the message only stays longer: a failure, logged there, needs no more.
static void on_noted(struct store_op *op) {
    store_op_free(op);
}

static void note(struct imap_session *s, uint32_t last_uid) {
    struct store_expiry_shown *shown = store_expiry_shown_new(s->view->mailbox_id, last_uid);
    store_op_submit(s->server->store, conn_loop(s->conn), &shown->op, on_noted, NULL);
}

void imap_shown_selected(struct imap_session *s, const struct store_mailbox_open *opened) {
    struct imap_view *v = s->view;
    if (v->read_only)
        return;
    v->shown_uid = v->uid_next - 1;
    if (opened->ret_large_waits)
        note(s, v->shown_uid);
}

void imap_shown_fetched(struct imap_session *s, uint32_t uid, uint64_t size) {
    struct imap_view *v = s->view;
    if (v->read_only || size <= STORE_LARGE_OCTETS || uid <= v->shown_uid)
        return;
    v->shown_uid = uid;
    note(s, uid);
}
