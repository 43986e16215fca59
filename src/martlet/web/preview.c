// SPDX-License-Identifier: MIT
#include "martlet/web/preview.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "account/offer.h"
#include "base/mem.h"
#include "config/config.h"
#include "http/http.h"
#include "http/pages/pages.h"
#include "http/pages/qr_image.h"
#include "http/web/answer.h"
#include "http/web/site.h"
#include "martlet/host/files.h"
#include "martlet/host/port_holder.h"
#include "martlet/web/parts.h"
#include "net/listener.h"

enum { CONFIG_MAX = 1024 * 1024, COMPLAINTS_MAX = 256 * 1024, PICTURE_MAX = 256 * 1024, BACKLOG = 64, LINK_MAX = 1024 };
enum { IMAPS_PORT = 993, SMTPS_PORT = 465 };

// Every value that a page may show is set.
static const char sample_config[] = "[params]\n"
                                    "mail_domain = chat.example.org\n"
                                    "donate_url = https://donate.example.org/\n"
                                    "privacy_postal = Martina Beispiel\n"
                                    "  Schwalbenweg 1\n"
                                    "  12345 Musterstadt\n"
                                    "privacy_mail = privacy@example.org\n"
                                    "privacy_pdo = Robin Muster\n"
                                    "  dpo@example.org\n"
                                    "privacy_supervisor = The State Commissioner for Data Protection\n"
                                    "  https://supervisor.example.org/\n";

struct preview {
    const struct web_preview *settings;
    struct buf complaints; // of the request being answered, a line each
    struct buf told;       // what the terminal has been told of
};

static void add_complaint(struct preview *p, const char *sentence) {
    if (!buf_printf(&p->complaints, "%s\n", sentence))
        return; // the first ones are enough to begin with
}

static void on_pages_complaint(void *arg, const char *sentence) {
    add_complaint(arg, sentence);
}

static void on_config_complaint(void *arg, const struct config_complaint *c) {
    add_complaint(arg, c->text);
}

static struct config *load_config(struct preview *p) {
    const struct web_preview *s = p->settings;
    if (s->config_path == NULL)
        return config_parse(slice_from_cstr(sample_config), "sample", s->overrides, on_config_complaint, p);
    struct buf text;
    buf_init(&text, CONFIG_MAX);
    char error[FILES_ERROR_MAX];
    struct config *c = NULL;
    if (files_read(AT_FDCWD, s->config_path, false, &text, error))
        c = config_parse(buf_slice(&text), s->config_path, s->overrides, on_config_complaint, p);
    else
        add_complaint(p, error);
    buf_done(&text);
    return c;
}

// The terminal hears what is new.
static void tell(struct preview *p) {
    if (slice_eq(buf_slice(&p->complaints), buf_slice(&p->told)))
        return;
    if (p->complaints.len > 0)
        (void)fprintf(stderr, "%.*s\n", SLICE_FMT(buf_slice(&p->complaints)));
    else
        (void)fprintf(stderr, "All is well again.\n\n");
    buf_truncate(&p->told, 0);
    (void)!buf_append_slice(&p->told, buf_slice(&p->complaints));
}

// With the relay's policy, so that a browser refuses here what it refuses there. HSTS is not for a host of this
// machine.
static void respond(struct http_exchange *x, uint16_t status, const char *type, struct slice body,
                    void (*release)(void *arg), void *arg) {
    struct answer a;
    answer_init(&a, NULL, status, type);
    answer_add(&a, "X-Content-Type-Options", "nosniff");
    answer_add(&a, "Cache-Control", "no-store");
    answer_add_policy(&a);
    a.response.body = body;
    a.response.release = release;
    a.response.release_arg = arg;
    answer_send(&a, x);
}

static bool append_escaped(struct buf *page, struct slice text) {
    bool ok = true;
    for (size_t i = 0; ok && i < text.len; i++) {
        char c = text.ptr[i];
        ok = c == '&'    ? buf_append_cstr(page, "&amp;")
             : c == '<'  ? buf_append_cstr(page, "&lt;")
             : c == '\n' ? buf_append_cstr(page, "</p>\n<p>")
                         : buf_append(page, &c, 1);
    }
    return ok;
}

// What is wrong, in the place of a page.
static void respond_complaints(struct preview *p, struct http_exchange *x) {
    struct buf page;
    buf_init(&page, 8 * COMPLAINTS_MAX);
    bool ok = buf_append_cstr(&page, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                                     "<title>martlet web --preview</title></head>\n<body>\n"
                                     "<h1>Something is wrong with these pages</h1>\n<p>") &&
              append_escaped(&page, slice_trim(buf_slice(&p->complaints))) &&
              buf_append_cstr(&page, "</p>\n</body></html>\n");
    respond(x, 500, "text/html; charset=utf-8", ok ? buf_slice(&page) : SLICE_EMPTY, NULL, NULL);
    buf_done(&page);
}

static void respond_qr(struct http_exchange *x, const char *link) {
    struct buf png;
    buf_init(&png, PICTURE_MAX);
    if (qr_image_png(link, &png))
        respond(x, 200, "image/png", buf_slice(&png), NULL, NULL);
    else
        http_respond_text(x, 404, "There is no picture of this link.");
    buf_done(&png);
}

static void release_pages(void *arg) {
    pages_free(arg);
}

// Takes the snapshot over.
static void respond_page(struct pages *pages, struct http_exchange *x, struct slice path, struct slice wish) {
    const struct page_file *f = pages_find(pages, path, wish);
    uint16_t status = f != NULL ? 200 : 404;
    if (f == NULL)
        f = pages_not_found(pages, path, wish);
    respond(x, status, f->content_type, f->body, release_pages, pages);
}

// The home page as a visitor with a link of its own sees it. Takes the snapshot over.
static void respond_own_home(struct pages *pages, struct http_exchange *x, const char *link, const char *query) {
    const struct http_request *r = http_exchange_request(x);
    size_t len = 0;
    char *body = pages_render_home(pages, r->path, http_request_field(r, "Accept-Language"), link, query, &len);
    if (body != NULL)
        respond(x, 200, "text/html; charset=utf-8", slice_make(body, len), free, body);
    else
        http_respond_text(x, 500, "The home page cannot be rendered with a link of a visitor's own.");
    pages_free(pages);
}

// The links that this relay's pages would show; empty for none.
struct links {
    char all[LINK_MAX];   // for everybody
    char own[LINK_MAX];   // made for the visitor
    char query[LINK_MAX]; // who brought this
};

static void write_login(const struct config *c, bool is_public, char ret[LINK_MAX]) {
    char address[LINK_MAX / 2], host[LINK_MAX / 2];
    bool is_literal = config_domain_is_literal(c);
    (void)snprintf(address, sizeof(address), "abcdefghi@%s", c->mail_domain);
    (void)snprintf(host, sizeof(host), "%.*s", is_literal ? (int)strlen(c->mail_domain) - 2 : 0, c->mail_domain + 1);
    struct account_servers servers = {is_literal ? host : NULL, IMAPS_PORT, SMTPS_PORT, !is_public};
    struct buf link;
    buf_init(&link, LINK_MAX - 1);
    if (account_dclogin_link(address, "correct-horse-battery", &servers, &link))
        (void)snprintf(ret, LINK_MAX, "%.*s", SLICE_FMT(buf_slice(&link)));
    buf_done(&link);
}

static void make_links(const struct config *c, const struct http_request *r, struct links *ret) {
    *ret = (struct links){0};
    char token[LINK_MAX / 4];
    bool is_open = c->registration == REGISTRATION_OPEN, is_public = !config_is_self_signed(c);
    bool is_invited = c->registration == REGISTRATION_INVITE && http_request_query(r, "t", token, sizeof(token));
    const struct web_place place = {.has_public_certificate = is_public};
    if ((is_open || is_invited) && site_gives_logins(c, &place))
        write_login(c, is_public, ret->own);
    else if (is_open)
        (void)snprintf(ret->all, sizeof(ret->all), "DCACCOUNT:https://%s/new", c->mail_domain);
    else if (is_invited)
        (void)snprintf(ret->own, sizeof(ret->own), "DCACCOUNT:https://%s/new?t=%s", c->mail_domain, token);
    if (is_invited)
        (void)snprintf(ret->query, sizeof(ret->query), "?t=%s", token);
}

static bool is_html(const struct page_file *f) {
    return f == NULL || slice_starts_with(slice_from_cstr(f->content_type), SLICE("text/html"));
}

static void answer(struct preview *p, struct http_exchange *x, const struct config *config) {
    const struct http_request *r = http_exchange_request(x);
    struct slice wish = http_request_field(r, "Accept-Language");
    struct links links;
    make_links(config, r, &links);
    char picture[LINK_MAX];
    (void)snprintf(picture, sizeof(picture), "/qr-chatmail-invite-%s.png", config->mail_domain);
    if (links.all[0] != '\0' && slice_eq(r->path, slice_from_cstr(picture))) {
        respond_qr(x, links.all);
        return;
    }
    bool is_public = !config_is_self_signed(config);
    const struct announce_place place = {false, is_public, 80, 443};
    struct pages_facts facts = {config, links.all, is_public, parts_of(config, &place)};
    struct pages *pages = pages_build(&facts, on_pages_complaint, p);
    if (p->complaints.len > 0 && is_html(pages_find(pages, r->path, wish))) {
        respond_complaints(p, x);
        pages_free(pages);
    } else if (links.own[0] != '\0' && pages_is_home(pages, r->path)) {
        respond_own_home(pages, x, links.own, links.query);
    } else {
        respond_page(pages, x, r->path, wish);
    }
}

static void on_request(void *arg, struct http_exchange *x) {
    struct preview *p = arg;
    const struct http_request *r = http_exchange_request(x);
    if (r->method != HTTP_GET && r->method != HTTP_HEAD) {
        http_respond_text(x, 405, "The preview shows pages and does nothing else.");
        return;
    }
    buf_truncate(&p->complaints, 0);
    struct config *config = load_config(p);
    if (config != NULL)
        answer(p, x, config);
    else
        respond_complaints(p, x);
    config_free(config);
    tell(p);
}

// Listens on 127.0.0.1; -1 when it cannot, which has been told.
static int listen_on(uint16_t port) {
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    char holder[PORT_HOLDER_MAX];
    if (error == EADDRINUSE && port_holder_find(port, false, holder))
        (void)fprintf(stderr, "martlet: port %u is taken by %s; choose another with --port\n", port, holder);
    else
        (void)fprintf(stderr, "martlet: port %u: %s; choose another with --port\n", port, strerror(error));
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

int web_preview_run(const struct web_preview *settings) {
    int fd = listen_on(settings->port);
    if (fd < 0)
        return 1;
    struct preview p = {.settings = settings};
    buf_init(&p.complaints, COMPLAINTS_MAX);
    buf_init(&p.told, COMPLAINTS_MAX);
    struct http_server server = {.on_request = on_request, .arg = &p, .name = "martlet"};
    struct service service = {
        .name = "preview",
        .tls_mode = LISTENER_PLAIN,
        .ops = &http_session_ops,
        .on_open = http_session_open,
        .arg = &server,
    };
    struct loop *loop = loop_new();
    struct listener *listener = listener_new(fd, loop, &loop, 1, &service);
    (void)printf("martlet: the pages are at http://127.0.0.1:%u/ ; Ctrl-C ends this\n", settings->port);
    (void)fflush(stdout);
    loop_run(loop);
    listener_free(listener);
    loop_free(loop);
    buf_done(&p.told);
    buf_done(&p.complaints);
    (void)close(fd);
    return 0;
}
