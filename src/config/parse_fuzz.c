// SPDX-License-Identifier: MIT
// Any text either loads into a configuration whose invariants hold or is complained about.
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_complaint(void *arg, const struct config_complaint *c) {
    size_t *n_errors = arg;
    size_t len = strlen(c->text);
    ASSERT(len > 0 && len < sizeof(c->text));
    for (size_t i = 0; i < len; i++)
        ASSERT((unsigned char)c->text[i] >= 0x20 && c->text[i] != 0x7f);
    *n_errors += !c->is_warning;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t n_errors = 0;
    struct config *c = config_parse(slice_make((const char *)data, size), "fuzz", NULL, on_complaint, &n_errors);
    ASSERT((c == NULL) == (n_errors > 0));
    if (c == NULL)
        return 0;
    ASSERT(c->mail_domain[0] != '\0' && strlen(c->mail_domain) < 254 && strpbrk(c->mail_domain, " /@\n") == NULL);
    ASSERT(c->username_min_length <= c->username_max_length && c->username_max_length <= 64);
    ASSERT(c->password_min_length >= 1 && c->password_min_length <= 128);
    ASSERT((c->tls_cert_path[0] == '\0') == (c->tls_key_path[0] == '\0'));
    ASSERT(c->state_dir[0] != '\0' && c->mailboxes_dir[0] != '\0' && c->user[0] != '\0');
    ASSERT(c->max_load_1m >= 0 && c->max_user_send_per_minute > 0 && c->max_user_send_burst_size > 0);
    ASSERT(c->dkim_selector[0] != '\0' && strchr(c->dkim_selector, '/') == NULL);
    ASSERT(c->queue_retry_min >= 1 && c->queue_retry_min <= c->queue_retry_max);
    config_free(c);
    return 0;
}
