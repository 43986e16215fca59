// SPDX-License-Identifier: MIT
#include "martlet/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "martlet/bundle.h"
#include "martlet/ports.h"
#include "martlet/user.h"

enum { CONFIG_FILE_MAX = 1024 * 1024 };

PRINTF_LIKE(3, 4) static void complain(const struct source *s, bool is_warning, const char *fmt, ...) {
    char text[FILES_ERROR_MAX + 256];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (!s->is_reload)
        (void)fprintf(stderr, "martlet: %s%s\n", is_warning ? "warning: " : "", text);
    else if (is_warning)
        log_warning("parent.config", "%s", text);
    else
        log_error("parent.config", "%s", text);
}

static void on_complaint(void *arg, const struct config_complaint *c) {
    complain(arg, c->is_warning, "%s", c->text);
}

// The configuration text, owned by the caller; NULL when it cannot be read.
static char *read_text(const struct source *s) {
    struct buf text;
    buf_init(&text, CONFIG_FILE_MAX);
    char error[FILES_ERROR_MAX];
    char *ret = NULL;
    if (files_read(AT_FDCWD, s->config_path, false, &text, error))
        ret = slice_dup(buf_slice(&text));
    else
        complain(s, false, "%s", error);
    buf_done(&text);
    return ret;
}

static struct config *parse(struct source *s) {
    char *text = read_text(s);
    if (text == NULL)
        return NULL;
    struct config *c = config_parse(slice_from_cstr(text), s->config_path, s->overrides, on_complaint, s);
    free(text);
    return c;
}

// Some keys shape the parent itself, or the store that is open.
static bool is_compatible(const struct source *s, const struct config *next) {
    const char *key = NULL;
    if (strcmp(s->config->mail_domain, next->mail_domain) != 0)
        key = "mail_domain";
    else if (strcmp(s->config->state_dir, next->state_dir) != 0)
        key = "state_dir";
    else if (strcmp(s->config->user, next->user) != 0)
        key = "user";
    else if (s->config->disable_ipv6 != next->disable_ipv6)
        key = "disable_ipv6";
    if (key != NULL)
        complain(s, false, "%s: %s: cannot change while the relay runs; restart it instead", s->config_path, key);
    return key == NULL;
}

bool source_load_config(struct source *s) {
    struct config *next = parse(s);
    if (next == NULL || (s->config != NULL && !is_compatible(s, next))) {
        config_free(next);
        return false;
    }
    config_free(s->config);
    s->config = next;
    return true;
}

static bool uses_files(const struct source *s) {
    return s->config->tls_cert_path[0] != '\0';
}

// As root, the state directory belongs to the user that the relay becomes.
static bool give_to_user(const struct source *s, int state_fd) {
    uid_t uid;
    gid_t gid;
    if (geteuid() != 0 || s->is_dev)
        return true;
    const char *user = s->config->user;
    if (!user_find(user, &uid, &gid)) {
        complain(s, false,
                 "there is no system user %s: adduser --system --group --no-create-home %s, or set user = NAME", user,
                 user);
        return false;
    }
    if (fchown(state_fd, uid, gid) == 0)
        return true;
    complain(s, false, "%s: %s", s->config->state_dir, strerror(errno));
    return false;
}

static bool prepare_certificate(struct source *s, int state_fd) {
    if (uses_files(s))
        return true;
    if (!config_is_self_signed(s->config)) {
        complain(
            s, false,
            "no certificate for %s: set tls_external_cert_and_key = CERT KEY in %s (a domain that begins with \"_\" "
            "gets a self-signed one)",
            s->config->mail_domain, s->config_path);
        return false;
    }
    char error[FILES_ERROR_MAX];
    if (certificate_self_signed(state_fd, s->config, s->is_dev, &s->self_signed, error))
        return true;
    complain(s, false, "%s", error);
    return false;
}

bool source_prepare(struct source *s) {
    char error[FILES_ERROR_MAX];
    int state_fd = files_make_dir(s->config->state_dir, error);
    if (state_fd < 0) {
        complain(s, false, "%s", error);
        return false;
    }
    bool ok = give_to_user(s, state_fd) && prepare_certificate(s, state_fd);
    (void)close(state_fd);
    return ok;
}

static bool set_certificate(struct source *s, struct bundle *b) {
    struct certificate read = {0};
    const struct certificate *from = &s->self_signed;
    if (uses_files(s)) {
        char error[FILES_ERROR_MAX];
        // Looked at before reading: a change in between is seen at the next look.
        s->stamp = certificate_look(s->config);
        if (!certificate_read(s->config, &read, error)) {
            complain(s, false, "%s", error);
            return false;
        }
        from = &read;
    }
    if (from->cert_pem == NULL) {
        complain(s, false, "the self-signed certificate is made at the start only; restart the relay instead");
        return false;
    }
    bundle_set(&b->cert_pem, slice_from_cstr(from->cert_pem));
    bundle_set(&b->key_pem, slice_from_cstr(from->key_pem));
    certificate_free(&read);
    return true;
}

static bool set_options(const struct source *s, const struct ports *ports, struct bundle *b) {
    b->is_dev = s->is_dev;
    for (const char **o = s->overrides; *o != NULL; o++)
        if (!bundle_add_override(b, slice_from_cstr(*o)))
            return false;
    for (size_t i = 0; i < ports->n; i++)
        if (!bundle_add_listener(b, ports->sockets[i].fd, slice_from_cstr(ports->sockets[i].service)))
            return false;
    return true;
}

struct bundle *source_make_bundle(struct source *s, const struct ports *ports) {
    struct bundle *b = bundle_new();
    char *text = read_text(s);
    bool ok = text != NULL && set_certificate(s, b);
    if (ok && !set_options(s, ports, b)) {
        complain(s, false, "too many options");
        ok = false;
    }
    if (ok) {
        bundle_set(&b->config_name, slice_from_cstr(s->config_path));
        bundle_set(&b->config_text, slice_from_cstr(text));
    }
    free(text);
    if (ok)
        return b;
    bundle_free(b);
    return NULL;
}

struct bundle *source_reload(struct source *s, const struct ports *ports) {
    s->is_reload = true;
    return source_load_config(s) ? source_make_bundle(s, ports) : NULL;
}

bool source_certificate_changed(const struct source *s) {
    if (!uses_files(s))
        return false;
    struct certificate_stamp now = certificate_look(s->config);
    return !certificate_same(&now, &s->stamp);
}

void source_done(struct source *s) {
    config_free(s->config);
    s->config = NULL;
    certificate_free(&s->self_signed);
}
