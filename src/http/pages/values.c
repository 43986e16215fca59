// SPDX-License-Identifier: MIT
#include "http/pages/values.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "config/url.h"
#include "http/pages/qr_image.h"

enum { QR_SVG_MAX = 256 * 1024, URL_MAX = 600 };

char *facts_make_qr(const char *link) {
    struct buf svg;
    buf_init(&svg, QR_SVG_MAX);
    bool ok = link[0] != '\0' && qr_image_svg(link, &svg);
    char *ret = slice_dup(ok ? buf_slice(&svg) : SLICE_EMPTY);
    buf_done(&svg);
    return ret;
}

static char *copy(const char *s) {
    return slice_dup(slice_from_cstr(s != NULL ? s : ""));
}

PRINTF_LIKE(1, 2) static char *print(const char *fmt, ...) {
    char text[URL_MAX];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return copy(text);
}

// In a URL an IPv4 address stands without the brackets of an address literal.
static char *make_site(const struct config *c) {
    struct slice host = slice_from_cstr(c->mail_domain);
    if (config_domain_is_literal(c))
        host = slice_sub(host, 1, host.len - 1);
    return print("https://%.*s", SLICE_FMT(host));
}

// config_parse() has seen to it that a URL stands there, or nothing.
static char *other_iroh_host(const struct pages_facts *from) {
    struct config_url url;
    bool has_other = !from->parts.iroh && config_url_parse(slice_from_cstr(from->config->iroh_relay), &url);
    return copy(has_other ? url.host : "");
}

void facts_init(struct facts *f, const struct pages_facts *from) {
    const struct config *c = from->config;
    const char *link = from->invite_link != NULL ? from->invite_link : "";
    *f = (struct facts){
        .domain = copy(c->mail_domain),
        .site = make_site(c),
        .invite_link = copy(link),
        .qr_svg = facts_make_qr(link),
        .qr_png = link[0] != '\0' ? print("/qr-chatmail-invite-%s.png", c->mail_domain) : copy(""),
        .privacy_postal = copy(c->privacy_postal),
        .privacy_mail = copy(c->privacy_mail),
        .privacy_pdo = copy(c->privacy_pdo),
        .privacy_supervisor = copy(c->privacy_supervisor),
        .donate_url = copy(c->donate_url),
        .iroh_host = other_iroh_host(from),
        .own_query = "",
        .is_open = c->registration == REGISTRATION_OPEN,
        .is_by_invitation = c->registration == REGISTRATION_INVITE,
        .is_closed = c->registration == REGISTRATION_CLOSED,
        .is_public = from->has_public_certificate,
        .logs_addresses = c->log_addresses,
        .parts = from->parts,
        .max_message_size = c->max_message_size,
        .max_mailbox_size = c->max_mailbox_size,
        .max_user_send_per_minute = c->max_user_send_per_minute,
        .max_user_send_burst_size = c->max_user_send_burst_size,
        .delete_mails_after = c->delete_mails_after,
        .delete_large_after = c->delete_large_after,
        .delete_inactive_users_after = c->delete_inactive_users_after,
        .username_min_length = c->username_min_length,
        .username_max_length = c->username_max_length,
        .password_min_length = c->password_min_length,
    };
}

void facts_done(struct facts *f) {
    char *owned[] = {
        f->domain,       f->site,        f->invite_link,        f->qr_svg,     f->qr_png,   f->privacy_postal,
        f->privacy_mail, f->privacy_pdo, f->privacy_supervisor, f->donate_url, f->iroh_host};
    for (size_t i = 0; i < ARRAY_LEN(owned); i++)
        free(owned[i]);
    *f = (struct facts){0};
}

static struct template_value text(const char *name, const char *value) {
    return (struct template_value){.name = name, .kind = TEMPLATE_TEXT, .text = value};
}

static struct template_value flag(const char *name, bool value) {
    return (struct template_value){.name = name, .kind = TEMPLATE_FLAG, .flag = value};
}

static struct template_value number(const char *name, uint64_t value) {
    return (struct template_value){.name = name, .kind = TEMPLATE_NUMBER, .number = value};
}

static const char *direction(const struct language *l) {
    return l->is_rtl ? "rtl" : "ltr";
}

static void fill_languages(struct values *v, const struct texts *const *languages, size_t n, size_t current) {
    for (size_t i = 0; i < n; i++) {
        const struct language *l = &languages[i]->language;
        const struct template_value of_language[VALUES_OF_LANGUAGE] = {
            text("code", l->code),
            text("name", l->name),
            text("dir", direction(l)),
            flag("is_current", i == current),
        };
        memcpy(v->of_languages[i], of_language, sizeof(of_language));
        v->languages[i] = (struct template_scope){.values = v->of_languages[i], .n_values = VALUES_OF_LANGUAGE};
    }
}

// "about/index" is at "about/".
static void make_page_path(const char *page, char *ret, size_t size) {
    struct slice path = slice_from_cstr(page);
    if (slice_eq(path, SLICE("index")) || slice_ends_with(path, SLICE("/index")))
        path.len -= strlen("index");
    (void)snprintf(ret, size, "%.*s", SLICE_FMT(path));
}

void values_fill(struct values *v, const struct facts *f, const struct texts *const *languages, size_t n_languages,
                 size_t language, const char *page) {
    ASSERT(n_languages <= VALUES_LANGUAGES_MAX);
    const struct language *l = &languages[language]->language;
    (void)snprintf(v->root, sizeof(v->root), "/%s/", l->code);
    make_page_path(page, v->page_path, sizeof(v->page_path));
    fill_languages(v, languages, n_languages, language);
    bool has_contact = f->privacy_postal[0] != '\0' || f->privacy_mail[0] != '\0' || f->privacy_pdo[0] != '\0' ||
                       f->privacy_supervisor[0] != '\0';
    const struct template_value all[] = {
        text("domain", f->domain),
        text("site", f->site),
        text("lang", l->code),
        text("dir", direction(l)),
        text("root", v->root),
        text("page", page),
        text("page_path", v->page_path),
        flag("is_index", strcmp(page, "index") == 0),
        flag("is_info", strcmp(page, "info") == 0),
        flag("is_privacy", strcmp(page, "privacy") == 0),
        {.name = "languages", .kind = TEMPLATE_LIST, .items = v->languages, .n_items = n_languages},
        flag("is_open", f->is_open),
        flag("is_by_invitation", f->is_by_invitation),
        flag("is_closed", f->is_closed),
        text("invite_link", f->invite_link),
        flag("has_own_link", f->has_own_link),
        flag("is_busy", f->is_busy),
        text("own_query", f->own_query),
        {.name = "qr_svg", .kind = TEMPLATE_HTML, .text = f->qr_svg},
        text("qr_png", f->qr_png),
        flag("is_public", f->is_public),
        flag("has_expiry", f->parts.expiry),
        flag("has_push", f->parts.push),
        flag("has_federation", f->parts.federation),
        flag("has_calls", f->parts.calls),
        flag("has_iroh", f->parts.iroh),
        flag("passes_packets", f->parts.calls || f->parts.iroh),
        text("iroh_host", f->iroh_host),
        flag("logs_addresses", f->logs_addresses),
        number("max_message_size", f->max_message_size),
        number("max_mailbox_size", f->max_mailbox_size),
        number("max_user_send_per_minute", f->max_user_send_per_minute),
        number("max_user_send_burst_size", f->max_user_send_burst_size),
        number("delete_mails_after", f->delete_mails_after),
        number("delete_large_after", f->delete_large_after),
        number("delete_inactive_users_after", f->delete_inactive_users_after),
        number("username_min_length", f->username_min_length),
        number("username_max_length", f->username_max_length),
        number("password_min_length", f->password_min_length),
        text("privacy_postal", f->privacy_postal),
        text("privacy_mail", f->privacy_mail),
        text("privacy_pdo", f->privacy_pdo),
        text("privacy_supervisor", f->privacy_supervisor),
        flag("has_contact", has_contact),
        text("donate_url", f->donate_url),
        text("version", MARTLET_VERSION),
    };
    _Static_assert(ARRAY_LEN(all) <= VALUES_MAX, "room for every value");
    memcpy(v->all, all, sizeof(all));
    v->scope = (struct template_scope){.values = v->all, .n_values = ARRAY_LEN(all)};
}
