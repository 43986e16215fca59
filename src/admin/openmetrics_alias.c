// SPDX-License-Identifier: MIT
// Old names come from three places: the log reader of other chatmail relays (mtail), its storage report, and the
// exporter of their IMAP server. What has no counterpart here (sessions put to sleep in a process of their own, lines
// of a log) has no row.
#include <inttypes.h>
#include <string.h>

#include "admin/openmetrics.h"

static const struct openmetrics_alias aliases[] = {
    {.name = "accounts", .metrics = {"martlet_accounts"}},
    {.name = "chatmail_accounts", .label = "kind=\"all\"", .metrics = {"martlet_accounts"}},
    {.name = "chatmail_accounts", .label = "kind=\"ci\"", .metrics = {"martlet_accounts_ci"}},
    {.name = "chatmail_accounts",
     .label = "kind=\"user\"",
     .metrics = {"martlet_accounts", "martlet_accounts_ci"},
     .minus = true},
    {.name = "chatmail_accounts_active", .label = "days=\"1\"", .metrics = {"martlet_accounts_active"}, .word = "1"},
    {.name = "chatmail_accounts_active", .label = "days=\"10\"", .metrics = {"martlet_accounts_active"}, .word = "10"},
    {.name = "chatmail_accounts_active", .label = "days=\"30\"", .metrics = {"martlet_accounts_active"}, .word = "30"},
    {.name = "chatmail_accounts_active", .label = "days=\"40\"", .metrics = {"martlet_accounts_active"}, .word = "40"},
    {.name = "chatmail_accounts_active", .label = "days=\"80\"", .metrics = {"martlet_accounts_active"}, .word = "80"},
    {.name = "chatmail_accounts_active",
     .label = "days=\"100\"",
     .metrics = {"martlet_accounts_active"},
     .word = "100"},
    {.name = "chatmail_accounts_active",
     .label = "days=\"150\"",
     .metrics = {"martlet_accounts_active"},
     .word = "150"},
    {.name = "chatmail_messages_bytes", .label = "min_size=\"0\"", .metrics = {"martlet_stored_bytes"}},
    {.name = "chatmail_messages_bytes",
     .label = "min_size=\"100K\"",
     .metrics = {"martlet_large_bodies_bytes"},
     .word = "100K"},
    {.name = "chatmail_messages_bytes",
     .label = "min_size=\"512K\"",
     .metrics = {"martlet_large_bodies_bytes"},
     .word = "512K"},
    {.name = "chatmail_messages_bytes",
     .label = "min_size=\"1M\"",
     .metrics = {"martlet_large_bodies_bytes"},
     .word = "1M"},
    {.name = "chatmail_messages_bytes",
     .label = "min_size=\"2M\"",
     .metrics = {"martlet_large_bodies_bytes"},
     .word = "2M"},
    {.name = "chatmail_messages_bytes",
     .label = "min_size=\"5M\"",
     .metrics = {"martlet_large_bodies_bytes"},
     .word = "5M"},
    {.name = "chatmail_messages_bytes",
     .label = "min_size=\"10M\"",
     .metrics = {"martlet_large_bodies_bytes"},
     .word = "10M"},
    {.name = "chatmail_messages_count", .label = "min_size=\"0\"", .metrics = {"martlet_stored_messages"}},
    {.name = "chatmail_messages_count",
     .label = "min_size=\"100K\"",
     .metrics = {"martlet_large_bodies"},
     .word = "100K"},
    {.name = "chatmail_messages_count",
     .label = "min_size=\"512K\"",
     .metrics = {"martlet_large_bodies"},
     .word = "512K"},
    {.name = "chatmail_messages_count", .label = "min_size=\"1M\"", .metrics = {"martlet_large_bodies"}, .word = "1M"},
    {.name = "chatmail_messages_count", .label = "min_size=\"2M\"", .metrics = {"martlet_large_bodies"}, .word = "2M"},
    {.name = "chatmail_messages_count", .label = "min_size=\"5M\"", .metrics = {"martlet_large_bodies"}, .word = "5M"},
    {.name = "chatmail_messages_count",
     .label = "min_size=\"10M\"",
     .metrics = {"martlet_large_bodies"},
     .word = "10M"},
    {.name = "chatmail_storage_bytes", .label = "kind=\"messages\"", .metrics = {"martlet_stored_bytes"}},
    {.name = "chatmail_storage_bytes",
     .label = "kind=\"total\"",
     .metrics = {"martlet_store_database_bytes", "martlet_stored_files_bytes"}},
    {.name = "ci_accounts", .metrics = {"martlet_accounts_ci"}},
    {.name = "created_accounts", .metrics = {"martlet_created_accounts"}},
    {.name = "created_ci_accounts", .metrics = {"martlet_created_accounts"}, .word = "ci"},
    {.name = "created_nonci_accounts", .metrics = {"martlet_created_accounts"}, .word = "user"},
    {.name = "delivered_mail", .metrics = {"martlet_deliveries"}, .word = "delivered"},
    {.name = "dkim_signed", .metrics = {"martlet_dkim_signed_messages"}},
    {.name = "dovecot_auth_failed_total",
     .metrics = {"martlet_imap_logins", "martlet_submission_logins"},
     .word = "denied"},
    {.name = "dovecot_auth_request_duration_seconds_total", .metrics = {"martlet_login_seconds"}},
    {.name = "dovecot_auth_request_total", .metrics = {"martlet_imap_logins", "martlet_submission_logins"}},
    {.name = "dovecot_client_connected_total", .metrics = {"martlet_accepted_connections"}, .word = "imap"},
    {.name = "dovecot_client_disconnected_total", .metrics = {"martlet_closed_connections"}, .word = "imap"},
    {.name = "dovecot_imap_command_duration_seconds_total", .metrics = {"martlet_imap_command_seconds"}},
    {.name = "dovecot_imap_command_total", .metrics = {"martlet_imap_commands"}},
    {.name = "dovecot_imap_idle_total", .metrics = {"martlet_imap_commands"}, .word = "idle"},
    {.name = "dovecot_mail_delivery_duration_seconds_total",
     .metrics = {"martlet_submission_commit_seconds", "martlet_inbound_commit_seconds"}},
    {.name = "dovecot_mail_delivery_failed_total", .metrics = {"martlet_deliveries"}, .word = "overquota"},
    {.name = "dovecot_mail_delivery_total", .metrics = {"martlet_deliveries"}, .word = "delivered"},
    {.name = "filtered_incoming_mail_count", .metrics = {"martlet_inbound_messages"}},
    {.name = "filtered_outgoing_mail_count", .metrics = {"martlet_submitted_messages"}},
    {.name = "incoming_encrypted_mail_count",
     .metrics = {"martlet_inbound_kinds", "martlet_inbound_kinds"},
     .word = "encrypted",
     .other_word = "securejoin"},
    {.name = "incoming_mailer_daemon_mail_count", .metrics = {"martlet_inbound_kinds"}, .word = "mailer-daemon"},
    {.name = "incoming_unencrypted_mail_count", .metrics = {"martlet_inbound_messages"}, .word = "unencrypted"},
    {.name = "nonci_accounts", .metrics = {"martlet_accounts", "martlet_accounts_ci"}, .minus = true},
    {.name = "outgoing_encrypted_mail_count", .metrics = {"martlet_submitted_messages"}, .word = "accepted"},
    {.name = "outgoing_unencrypted_mail_count", .metrics = {"martlet_submitted_messages"}, .word = "unencrypted"},
    {.name = "quota_exceeded", .metrics = {"martlet_deliveries"}, .word = "overquota"},
    {.name = "quota_expire_removed_files", .metrics = {"martlet_expired_messages"}},
    {.name = "quota_expire_runs", .metrics = {"martlet_expiry_rounds"}},
    {.name = "rejected_registrations", .metrics = {"martlet_refused_accounts"}},
    {.name = "rejected_unencrypted_mail_count",
     .metrics = {"martlet_inbound_messages", "martlet_submitted_messages"},
     .word = "unencrypted"},
    {.name = NULL},
};

const struct openmetrics_alias *openmetrics_aliases(void) {
    return aliases;
}

// In whole units of the old name, of which only sums of times are parts.
static bool add_histogram(const struct metric *m, int64_t *sum) {
    struct metric_distribution d;
    metric_read_histogram(m, &d);
    *sum += (int64_t)(d.sum / metric_per_unit(m));
    return true;
}

// False when there is nothing of that name.
static bool add_up(const char *name, const char *word, int64_t *sum) {
    const struct metric *m = name != NULL ? metrics_find(name) : NULL;
    bool any = false;
    int64_t value;
    if (m != NULL && m->type == METRIC_TYPE_HISTOGRAM)
        return add_histogram(m, sum);
    for (size_t i = 0; m != NULL && i < m->n_values; i++) {
        if ((word != NULL && (m->label == NULL || strcmp(m->values[i], word) != 0)) || !metric_read(m, i, &value))
            continue;
        *sum += value;
        any = true;
    }
    return any;
}

static bool write_alias_head(const struct openmetrics_alias *a, struct buf *ret) {
    if (a != aliases && strcmp(a[-1].name, a->name) == 0)
        return true;
    bool is_one = a->metrics[1] == NULL || a->minus || strcmp(a->metrics[0], a->metrics[1]) == 0;
    const char *between = is_one ? "" : " and ";
    return buf_printf(ret, "# HELP %s The same as %s%s%s, under its older name.\n", a->name, a->metrics[0], between,
                      between[0] != '\0' ? a->metrics[1] : "");
}

bool openmetrics_write_alias(const struct openmetrics_alias *a, struct buf *ret) {
    int64_t sum = 0, other = 0;
    if (!add_up(a->metrics[0], a->word, &sum))
        return true;
    (void)add_up(a->metrics[1], a->other_word != NULL ? a->other_word : a->word, &other);
    return write_alias_head(a, ret) && buf_append_cstr(ret, a->name) &&
           (a->label == NULL || buf_printf(ret, "{%s}", a->label)) &&
           buf_printf(ret, " %" PRId64 "\n", a->minus ? sum - other : sum + other);
}
