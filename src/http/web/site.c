// SPDX-License-Identifier: MIT
#include "http/web/site.h"

#include "account/offer.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/pages/pages.h"
#include "http/pages/qr_image.h"
#include "http/web/autoconfig.h"
#include "zone/policy.h"

enum {
    HTTPS_PORT = 443,
    URL_MAX = 512,
    SMALL_FILE_MAX = 8 * 1024,
    PICTURE_MAX = 256 * 1024,
};

static void on_complaint(void *arg, const char *sentence) {
    log_warning("web.page_refused", "%s", sentence);
}

bool site_gives_logins(const struct config *c, const struct web_place *place) {
    if (config_domain_is_literal(c))
        return true;
    // Clients do not check the certificate of a host whose name begins with "_"; any other has to be valid.
    return !place->has_public_certificate && (place->dev_host != NULL || c->mail_domain[0] != '_');
}

static void build_invite_link(struct site *s) {
    struct buf link;
    buf_init(&link, URL_MAX);
    if (s->config->registration == REGISTRATION_OPEN && !s->gives_logins) {
        bool ok = buf_append_cstr(&link, "DCACCOUNT:") && site_write_url(s, slice_from_cstr(s->host), &link) &&
                  buf_append_cstr(&link, "/new");
        ASSERT(ok); // a domain has at most 255 octets
    }
    s->invite_link = slice_dup(buf_slice(&link));
    buf_done(&link);
}

static void build_codes(struct site *s) {
    buf_init(&s->qr_png, PICTURE_MAX);
    buf_init(&s->qr_svg, PICTURE_MAX);
    if (s->invite_link[0] == '\0')
        return;
    bool ok = qr_image_png(s->invite_link, &s->qr_png) && qr_image_svg(s->invite_link, &s->qr_svg);
    ASSERT(ok); // the longest link is within a QR code
}

// RFC 8461 section 3.2. Without a certificate that others can verify a policy would only lock them out.
static void build_mta_sts(struct site *s) {
    buf_init(&s->mta_sts, SMALL_FILE_MAX);
    if (!s->place.has_public_certificate || config_domain_is_literal(s->config))
        return;
    ASSERT(zone_policy_write(s->host, &s->mta_sts));
}

static void build_pages(struct site *s, const struct pages_parts *parts) {
    struct pages_facts facts = {
        .config = s->config,
        .invite_link = s->invite_link,
        .has_public_certificate = s->place.has_public_certificate,
        .parts = *parts,
    };
    s->pages = pages_build(&facts, on_complaint, NULL);
}

static void build_autoconfig(struct site *s) {
    buf_init(&s->autoconfig, SMALL_FILE_MAX);
    ASSERT(autoconfig_write(slice_from_cstr(s->host), &s->place, &s->autoconfig));
}

static char *host_of(const struct config *c) {
    struct slice domain = slice_from_cstr(c->mail_domain);
    return slice_dup(config_domain_is_literal(c) ? slice_sub(domain, 1, domain.len - 1) : domain);
}

struct site *site_new(const struct web_settings *settings) {
    struct site *s = MEM_NEW(struct site);
    atomic_init(&s->refs, 1);
    s->accounts = settings->accounts;
    s->holder = settings->config;
    s->config = config_acquire(settings->config);
    s->place = settings->place;
    if (s->place.dev_host != NULL)
        s->place.dev_host = slice_dup(slice_from_cstr(s->place.dev_host));
    s->host = host_of(s->config);
    s->gives_logins = site_gives_logins(s->config, &s->place);
    build_invite_link(s);
    build_codes(s);
    build_mta_sts(s);
    build_autoconfig(s);
    build_pages(s, &settings->parts);
    return s;
}

struct site *site_ref(struct site *s) {
    (void)atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void site_release(void *site) {
    struct site *s = site;
    if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    pages_free(s->pages);
    buf_done(&s->autoconfig);
    buf_done(&s->mta_sts);
    buf_done(&s->qr_png);
    buf_done(&s->qr_svg);
    free(s->invite_link);
    free(s->host);
    free((char *)s->place.dev_host);
    config_release(s->holder, s->config);
    free(s);
}

bool site_write_url(const struct site *s, struct slice host, struct buf *ret) {
    bool ok = buf_append_cstr(ret, "https://") && buf_append_slice(ret, host);
    if (ok && s->place.https_port != HTTPS_PORT)
        ok = buf_printf(ret, ":%u", s->place.https_port);
    return ok;
}

bool site_read_token(const struct http_request *r, char ret[ACCOUNT_TOKEN_SIZE]) {
    uint8_t invitation[ACCOUNT_INVITATION_LEN];
    return http_request_query(r, "t", ret, ACCOUNT_TOKEN_SIZE) && account_token_parse(slice_from_cstr(ret), invitation);
}

bool site_write_new(const struct site *s, const struct http_request *r, struct buf *ret) {
    char token[ACCOUNT_TOKEN_SIZE];
    return site_write_url(s, slice_from_cstr(s->host), ret) && buf_append_cstr(ret, "/new") &&
           (!site_read_token(r, token) || buf_printf(ret, "?t=%s", token));
}

bool site_write_login(const struct site *s, const struct account_offer *o, struct buf *ret) {
    struct account_servers servers = {
        .host = s->place.dev_host,
        .imaps_port = s->place.imaps_port,
        .smtps_port = s->place.smtps_port,
        .any_certificate = !s->place.has_public_certificate,
    };
    if (servers.host == NULL && config_domain_is_literal(s->config))
        servers.host = s->host;
    return account_dclogin_link(o->address, o->password, &servers, ret);
}
