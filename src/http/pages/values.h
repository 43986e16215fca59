// SPDX-License-Identifier: MIT
// What the pages can say: the values of www/README.md.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/panic.h"
#include "http/pages/pages.h"
#include "http/pages/template.h"
#include "http/pages/texts.h"

// The facts of a snapshot, copied: the configuration may be gone when a visitor's page is rendered.
struct facts {
    char *domain, *site;
    char *invite_link, *qr_svg, *qr_png; // "" when there is none
    char *privacy_postal, *privacy_mail, *privacy_pdo, *privacy_supervisor, *donate_url;
    char *iroh_host;       // of another relay that clients are told of; "" when there is none
    const char *own_query; // not owned; "" but for a page that was made for its visitor
    bool is_open, is_by_invitation, is_closed, is_public;
    bool has_own_link, is_busy;
    bool logs_addresses;
    struct pages_parts parts;
    uint64_t max_message_size, max_mailbox_size;
    uint32_t max_user_send_per_minute, max_user_send_burst_size;
    uint32_t delete_mails_after, delete_large_after, delete_inactive_users_after;
    uint32_t username_min_length, username_max_length, password_min_length;
};

void facts_init(struct facts *f, const struct pages_facts *from);
void facts_done(struct facts *f);
// The QR code of the link as HTML; "" for an empty link or one that is too long. The caller frees it.
char *facts_make_qr(const char *link);

enum { VALUES_MAX = 56, VALUES_LANGUAGES_MAX = 32, VALUES_OF_LANGUAGE = 4 };

// The values of one page in one language. Borrows everything, itself included: it must not be copied.
struct values {
    struct template_scope scope;
    struct template_value all[VALUES_MAX];
    struct template_scope languages[VALUES_LANGUAGES_MAX];
    struct template_value of_languages[VALUES_LANGUAGES_MAX][VALUES_OF_LANGUAGE];
    char root[16];
    char page_path[512];
};

// `page` is "index", "info", "about/us".
void values_fill(struct values *v, const struct facts *f, const struct texts *const *languages, size_t n_languages,
                 size_t language, const char *page);
