// SPDX-License-Identifier: MIT
#include <inttypes.h>
#include <string.h>

#include "admin/openmetrics.h"

static const struct openmetrics_alias aliases[] = {
    {"accounts", {"martlet_accounts"}, NULL},
    {"created_accounts", {"martlet_created_accounts"}, NULL},
    {"delivered_mail", {"martlet_deliveries"}, "delivered"},
    {"dkim_signed", {"martlet_dkim_signed_messages"}, NULL},
    {"filtered_incoming_mail_count", {"martlet_inbound_messages"}, NULL},
    {"filtered_outgoing_mail_count", {"martlet_submitted_messages"}, NULL},
    {"incoming_encrypted_mail_count", {"martlet_inbound_messages"}, "accepted"},
    {"incoming_unencrypted_mail_count", {"martlet_inbound_messages"}, "unencrypted"},
    {"outgoing_encrypted_mail_count", {"martlet_submitted_messages"}, "accepted"},
    {"outgoing_unencrypted_mail_count", {"martlet_submitted_messages"}, "unencrypted"},
    {"quota_exceeded", {"martlet_deliveries"}, "overquota"},
    {"rejected_registrations", {"martlet_refused_accounts"}, NULL},
    {"rejected_unencrypted_mail_count", {"martlet_inbound_messages", "martlet_submitted_messages"}, "unencrypted"},
    {NULL, {NULL, NULL}, NULL},
};

const struct openmetrics_alias *openmetrics_aliases(void) {
    return aliases;
}

// False when there is nothing of that name.
static bool add_up(const char *name, const char *word, int64_t *sum) {
    const struct metric *m = name != NULL ? metrics_find(name) : NULL;
    bool any = false;
    int64_t value;
    for (size_t i = 0; m != NULL && i < m->n_values; i++) {
        if ((word != NULL && (m->label == NULL || strcmp(m->values[i], word) != 0)) || !metric_read(m, i, &value))
            continue;
        *sum += value;
        any = true;
    }
    return any;
}

bool openmetrics_write_alias(const struct openmetrics_alias *a, struct buf *ret) {
    int64_t sum = 0;
    if (!add_up(a->metrics[0], a->word, &sum))
        return true;
    (void)add_up(a->metrics[1], a->word, &sum);
    return buf_printf(ret, "# HELP %s The same as %s%s%s, under its older name.\n%s %" PRId64 "\n", a->name,
                      a->metrics[0], a->metrics[1] != NULL ? " and " : "", a->metrics[1] != NULL ? a->metrics[1] : "",
                      a->name, sum);
}
