// SPDX-License-Identifier: MIT
#include "martlet/handover/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/config.h"
#include "martlet/acme/certificate_check.h"
#include "martlet/acme/status.h"
#include "martlet/command/control_socket.h"
#include "martlet/handover/bundle.h"
#include "martlet/handover/ports.h"
#include "martlet/host/preflight.h"
#include "martlet/host/user.h"
#include "martlet/sandbox/sandbox.h"

enum { CONFIG_FILE_MAX = 1024 * 1024, DAY_S = 86400 };

PRINTF_LIKE(3, 4) static void complain(const struct source *s, bool is_warning, const char *fmt, ...) {
    char text[CERTIFICATE_SENTENCE_MAX + 256];
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
        complain(s, false, "%s%s", error,
                 errno == EACCES && geteuid() != 0 ? ": start as root, or let this user read it" : "");
    buf_done(&text);
    return ret;
}

// Some keys shape the parent itself, the store that is open, or what the relay's sandbox lets through; the content of a
// folder or file that is named can change.
static const char *find_fixed_change(const struct config *now, const struct config *next) {
    const struct {
        const char *key, *was, *becomes;
    } fixed[] = {
        {"mail_domain", now->mail_domain, next->mail_domain},
        {"state_dir", now->state_dir, next->state_dir},
        {"user", now->user, next->user},
        {"www_folder", now->www_folder, next->www_folder},
        {"ca_file", now->ca_file, next->ca_file},
        {"dns_forward", now->dns_forward, next->dns_forward},
        {"dns_root_hints", now->dns_root_hints, next->dns_root_hints},
        {"dns_trust_anchor", now->dns_trust_anchor, next->dns_trust_anchor},
    };
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (strcmp(fixed[i].was, fixed[i].becomes) != 0)
            return fixed[i].key;
    if (now->disable_ipv6 != next->disable_ipv6)
        return "disable_ipv6";
    if (now->outbound_smtp_port != next->outbound_smtp_port)
        return "outbound_smtp_port";
    if (now->outbound_https_port != next->outbound_https_port)
        return "outbound_https_port";
    return sandbox_lets_push(now, next) ? NULL : "push_gateway";
}

static bool is_compatible(const struct source *s, const struct config *next) {
    const char *key = find_fixed_change(s->config, next);
    if (key == NULL && next->turn && !s->has_turn)
        key = "turn"; // off and on again is fine
    if (key != NULL)
        complain(s, false, "%s: %s: cannot change while the relay runs; restart it instead", s->config_path, key);
    return key == NULL;
}

bool source_load_config(struct source *s) {
    char *text = read_text(s);
    if (text == NULL)
        return false;
    struct config *next = config_parse(slice_from_cstr(text), s->config_path, s->overrides, on_complaint, s);
    if (next == NULL || (s->config != NULL && !is_compatible(s, next))) {
        config_free(next);
        free(text);
        return false;
    }
    config_free(s->config);
    s->config = next;
    free(s->text);
    s->text = text;
    return true;
}

enum config_certificate_source source_certificate_kind(const struct source *s) {
    enum config_certificate_source kind = config_certificate_source(s->config);
    bool is_told = !s->is_dev || s->config->certificate == CERTIFICATE_ACME;
    return kind == CERTIFICATE_FROM_ACME && !is_told ? CERTIFICATE_FROM_SELF : kind;
}

static bool find_user(const struct source *s, uid_t *ret_uid, gid_t *ret_gid) {
    const char *user = s->config->user;
    if (user_find(user, ret_uid, ret_gid))
        return true;
    complain(s, false, "there is no system user %s: adduser --system --group --no-create-home %s, or set user = NAME",
             user, user);
    return false;
}

// As root, the state directory belongs to the user that the relay becomes.
static bool give_to_user(const struct source *s, int state_fd) {
    uid_t uid;
    gid_t gid;
    if (geteuid() != 0 || s->is_dev)
        return true;
    if (!find_user(s, &uid, &gid))
        return false;
    if (fchown(state_fd, uid, gid) == 0)
        return true;
    complain(s, false, "%s: %s", s->config->state_dir, strerror(errno));
    return false;
}

static bool open_control(struct source *s, int state_fd, struct ports *ports) {
    char error[FILES_ERROR_MAX];
    int fd = control_socket_open(state_fd, error);
    if (fd >= 0)
        ports_add(ports, fd, "control");
    else
        complain(s, false, "%s: %s", s->config->state_dir, error);
    return fd >= 0;
}

// A CA knows one port for http-01 (RFC 8555 section 8.3).
static void warn_of_challenge_port(const struct source *s, const struct ports *ports) {
    if (source_certificate_kind(s) != CERTIFICATE_FROM_ACME || s->config->acme_dns_hook[0] != '\0')
        return;
    for (size_t i = 0; i < ports->n; i++) {
        if (strcmp(ports->sockets[i].service, "http") != 0)
            continue;
        if (ports->sockets[i].number != ports_number("http"))
            complain(s, true,
                     "the CA looks for its challenge on port 80, and this relay serves %u instead: forward port 80 to "
                     "it, or set acme_dns_hook",
                     (unsigned)ports->sockets[i].number);
        return;
    }
}

static void on_problem(void *arg, bool is_warning, const char *sentence) {
    complain(arg, is_warning, "%s", sentence);
}

bool source_prepare(struct source *s, struct ports *ports) {
    char error[FILES_ERROR_MAX], sentence[PREFLIGHT_SENTENCE_MAX];
    const struct preflight flight = {s->config, s->is_dev, false, on_problem, s};
    if (!preflight_look(&flight))
        return false;
    int state_fd = files_make_dir(s->config->state_dir, error);
    if (state_fd < 0) {
        preflight_explain_dir(s->config->state_dir, errno, sentence);
        complain(s, false, "%s", sentence);
        return false;
    }
    bool ok = preflight_own(&flight, state_fd) && give_to_user(s, state_fd) && preflight_state(&flight, state_fd) &&
              open_control(s, state_fd, ports);
    (void)close(state_fd);
    s->has_turn = ports_have(ports, "turn");
    if (ok)
        warn_of_challenge_port(s, ports);
    return ok;
}

// ---- app versions ----

static void read_app_versions(struct source *s) {
    char path[PATH_MAX], error[APP_VERSIONS_SENTENCE_MAX];
    app_versions_file_path(s->config, s->config_path, path);
    if (!app_versions_file_read(&s->app_versions, s->config, path, error))
        complain(s, true, "%s%s", error, s->app_versions.line != NULL ? "; the versions in use stay" : "");
}

bool source_app_versions_changed(struct source *s) {
    char path[PATH_MAX];
    app_versions_file_path(s->config, s->config_path, path);
    if (!app_versions_file_changed(&s->app_versions, path))
        return s->has_new_versions;
    char *was = s->app_versions.line != NULL ? slice_dup(slice_from_cstr(s->app_versions.line)) : NULL;
    s->is_reload = true;
    read_app_versions(s);
    const char *is = s->app_versions.line;
    if ((was == NULL) != (is == NULL) || (was != NULL && strcmp(was, is) != 0))
        s->has_new_versions = true;
    free(was);
    return s->has_new_versions;
}

// ---- the certificate ----

static bool read_self_signed(struct source *s, char ret_error[FILES_ERROR_MAX]) {
    if (s->self_signed.cert_pem != NULL)
        return true;
    int state_fd = files_make_dir(s->config->state_dir, ret_error);
    if (state_fd < 0)
        return false;
    bool ok = certificate_self_signed(state_fd, s->config, s->is_dev, &s->self_signed, ret_error);
    (void)close(state_fd);
    return ok;
}

static void check(const struct source *s, const struct certificate *c, struct certificate_report *ret) {
    struct certificate_question q = {slice_from_cstr(c->cert_pem), slice_from_cstr(c->key_pem), s->config->mail_domain,
                                     source_certificate_kind(s), clock_wall_s()};
    certificate_check(&q, ret);
}

// What the files hold, in `ret`, which the caller frees. False with a sentence.
static bool read_files(const struct source *s, struct certificate *ret, struct certificate_report *ret_report,
                       char ret_error[CERTIFICATE_SENTENCE_MAX]) {
    char error[FILES_ERROR_MAX] = "";
    bool ok;
    if (source_certificate_kind(s) == CERTIFICATE_FROM_FILES) {
        ok = certificate_read(s->config, ret, error);
    } else {
        int fd = acme_dir_open(s->config->state_dir, false, error);
        ok = fd >= 0 && certificate_read_acme(fd, s->config->mail_domain, ret, error);
        if (fd >= 0)
            (void)close(fd);
    }
    if (!ok) {
        (void)snprintf(ret_error, CERTIFICATE_SENTENCE_MAX, "%s", error);
        return false;
    }
    check(s, ret, ret_report);
    const char *refusal = certificate_refusal(ret_report);
    if (refusal != NULL)
        (void)snprintf(ret_error, CERTIFICATE_SENTENCE_MAX, "%s", refusal);
    return refusal == NULL;
}

static void tell(const struct source *s, const struct certificate_report *r) {
    for (size_t i = 0; i < r->n_findings; i++)
        complain(s, true, "%s", r->findings[i].text);
    static const char *const kinds[] = {"files", "acme", "self-signed"};
    enum config_certificate_source kind = source_certificate_kind(s);
    if (kind == CERTIFICATE_FROM_FILES && certificate_key_is_open(s->config))
        complain(s, true, "the private key %s can be read by every user of this machine: chmod o-r %s",
                 s->config->tls_key_path, s->config->tls_key_path);
    // No address gets into the log, not even an own one.
    bool has_address = kind == CERTIFICATE_FROM_SELF || config_domain_is_literal(s->config);
    log_info("parent.certificate", "source=%s names=\"%s\" issuer=\"%s\" days_left=%lld", kinds[kind],
             has_address ? "" : r->names, has_address ? "" : r->issuer,
             (long long)certificate_days_left(r, clock_wall_s()));
}

static void put_certificate(struct source *s, const struct certificate *c, const struct certificate_report *r,
                            struct bundle *b) {
    bundle_set(&b->cert_pem, slice_from_cstr(c->cert_pem));
    bundle_set(&b->key_pem, slice_from_cstr(c->key_pem));
    b->has_public_certificate = r->is_public;
    s->reminded_s = clock_wall_s();
    tell(s, r);
}

static bool set_self_signed(struct source *s, struct bundle *b) {
    char error[FILES_ERROR_MAX];
    if (!read_self_signed(s, error)) {
        complain(s, false, "%s", error);
        return false;
    }
    struct certificate_report report;
    check(s, &s->self_signed, &report);
    const char *refusal = certificate_refusal(&report);
    if (refusal != NULL) {
        complain(s, false, "%s/tls: %s; move the folder away and a new pair is made, which clients have to accept anew",
                 s->config->state_dir, refusal);
        return false;
    }
    put_certificate(s, &s->self_signed, &report, b);
    s->has_certificate = true;
    return true;
}

// The relay starts without a certificate of the CA, because it is what answers the CA's challenge.
static bool set_stand_in(struct source *s, struct bundle *b) {
    if (s->stand_in.cert_pem == NULL && !certificate_stand_in(s->config->mail_domain, &s->stand_in)) {
        complain(s, false, "no certificate can be made for %s", s->config->mail_domain);
        return false;
    }
    bundle_set(&b->cert_pem, slice_from_cstr(s->stand_in.cert_pem));
    bundle_set(&b->key_pem, slice_from_cstr(s->stand_in.key_pem));
    log_warning("parent.certificate",
                "source=acme state=\"none yet: a stand-in that clients refuse is used until the CA "
                "has issued one\"");
    return true;
}

static void swap(struct certificate *a, struct certificate *b) {
    struct certificate c = *a;
    *a = *b;
    *b = c;
}

// A certificate that the CA has issued stays in use whatever becomes of its files.
static bool set_issued(struct source *s, const char *error, struct bundle *b) {
    s->is_stale = true;
    complain(s, false, "%s; the certificate in use stays", error);
    struct certificate_report report;
    check(s, &s->issued, &report);
    put_certificate(s, &s->issued, &report, b);
    s->has_certificate = report.is_public;
    return true;
}

static bool set_certificate(struct source *s, struct bundle *b) {
    enum config_certificate_source kind = source_certificate_kind(s);
    // Looked at before reading: a change in between is seen at the next look.
    s->stamp = certificate_look(s->config, kind);
    s->is_stale = s->has_certificate = false;
    if (kind == CERTIFICATE_FROM_SELF)
        return set_self_signed(s, b);
    struct certificate read = {0};
    struct certificate_report report;
    char error[CERTIFICATE_SENTENCE_MAX];
    bool ok = read_files(s, &read, &report, error);
    if (ok) {
        put_certificate(s, &read, &report, b);
        s->has_certificate = kind == CERTIFICATE_FROM_FILES || report.is_public;
        if (kind == CERTIFICATE_FROM_ACME || report.is_public)
            swap(&s->issued, &read);
    } else if (kind == CERTIFICATE_FROM_FILES) {
        s->is_stale = true;
        complain(s, false, "%s%s", error, s->is_reload ? "; the certificate in use stays" : "");
    } else {
        ok = s->issued.cert_pem != NULL ? set_issued(s, error, b) : set_stand_in(s, b);
    }
    certificate_free(&read);
    return ok;
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

// ---- without a start ----

static bool would_have_certificate(struct source *s) {
    struct certificate read = {0};
    struct certificate_report report;
    char error[CERTIFICATE_SENTENCE_MAX];
    if (source_certificate_kind(s) != CERTIFICATE_FROM_FILES)
        return true; // it is made, or asked for, by the start
    bool ok = read_files(s, &read, &report, error);
    if (!ok)
        complain(s, false, "%s", error);
    for (size_t i = 0; ok && i < report.n_findings; i++)
        complain(s, true, "%s", report.findings[i].text);
    certificate_free(&read);
    return ok;
}

static bool would_have_state(struct source *s, const struct preflight *flight, bool *ret_runs) {
    char sentence[PREFLIGHT_SENTENCE_MAX];
    *ret_runs = false;
    int state_fd = open(s->config->state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (state_fd < 0 && errno == ENOENT)
        return true;
    if (state_fd < 0) {
        preflight_explain_dir(s->config->state_dir, errno, sentence);
        complain(s, false, "%s", sentence);
        return false;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *ret_runs = fd >= 0 && control_socket_connect(fd, state_fd);
    if (fd >= 0)
        (void)close(fd);
    bool ok = preflight_own(flight, state_fd) && preflight_state(flight, state_fd);
    (void)close(state_fd);
    return ok;
}

bool source_dry_run(struct source *s, bool *ret_runs) {
    const struct preflight flight = {s->config, s->is_dev, true, on_problem, s};
    uid_t uid;
    gid_t gid;
    *ret_runs = false;
    return preflight_look(&flight) && (geteuid() != 0 || find_user(s, &uid, &gid)) &&
           would_have_state(s, &flight, ret_runs) && would_have_certificate(s);
}

struct bundle *source_make_bundle(struct source *s, const struct ports *ports) {
    struct bundle *b = bundle_new();
    bool ok = set_certificate(s, b);
    if (ok && !set_options(s, ports, b)) {
        complain(s, false, "too many options");
        ok = false;
    }
    if (ok) {
        read_app_versions(s);
        if (s->app_versions.line != NULL)
            bundle_set(&b->app_versions, slice_from_cstr(s->app_versions.line));
        bundle_set(&b->config_name, slice_from_cstr(s->config_path));
        bundle_set(&b->config_text, slice_from_cstr(s->text));
        s->has_new_versions = false;
    }
    if (ok)
        return b;
    bundle_free(b);
    return NULL;
}

struct bundle *source_reload(struct source *s, const struct ports *ports) {
    s->is_reload = true;
    return source_load_config(s) ? source_make_bundle(s, ports) : NULL;
}

static bool is_usable_now(const struct source *s) {
    struct certificate read = {0};
    struct certificate_report report;
    char error[CERTIFICATE_SENTENCE_MAX];
    bool ok = read_files(s, &read, &report, error);
    certificate_free(&read);
    return ok;
}

bool source_certificate_changed(struct source *s) {
    enum config_certificate_source kind = source_certificate_kind(s);
    if (kind == CERTIFICATE_FROM_SELF)
        return false;
    struct certificate_stamp now = certificate_look(s->config, kind);
    if (!certificate_same(&now, &s->stamp))
        return true;
    // Nothing of the files themselves has changed, but perhaps the rights of a folder above them.
    return s->is_stale && is_usable_now(s);
}

void source_remind(struct source *s) {
    int64_t now_s = clock_wall_s();
    struct certificate read = {0};
    struct certificate_report report;
    char error[CERTIFICATE_SENTENCE_MAX];
    if (source_certificate_kind(s) == CERTIFICATE_FROM_SELF ||
        (now_s >= s->reminded_s && now_s - s->reminded_s < DAY_S))
        return;
    s->reminded_s = now_s;
    if (read_files(s, &read, &report, error))
        for (size_t i = 0; i < report.n_findings; i++)
            if (report.findings[i].weight == CERTIFICATE_WARNING)
                log_warning("parent.certificate", "%s", report.findings[i].text);
    certificate_free(&read);
}

void source_done(struct source *s) {
    config_free(s->config);
    s->config = NULL;
    free(s->text);
    s->text = NULL;
    certificate_free(&s->self_signed);
    certificate_free(&s->stand_in);
    certificate_free(&s->issued);
    app_versions_file_done(&s->app_versions);
}
