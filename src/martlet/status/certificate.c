// SPDX-License-Identifier: MIT
// `martlet certificate`: what certificate is in force, until when, and how the last attempt to renew it went. Reads the
// same files as the parent; no relay needs to run.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "config/config.h"
#include "martlet/acme/certificate.h"
#include "martlet/acme/certificate_check.h"
#include "martlet/acme/plan.h"
#include "martlet/acme/status.h"
#include "martlet/command/command.h"
#include "martlet/command/operator.h"
#include "martlet/handover/source.h"

enum { ATTENTION = 1, DATE_SIZE = 32, PEM_MAX = 512 * 1024 };

struct view {
    const struct config *config;
    enum config_certificate_source source;
    struct certificate_report report;
    struct acme_status status;   // of ACME
    char error[FILES_ERROR_MAX]; // why there is no report; "" when there is one
    bool needs_attention;
    int64_t now_s;
};

// ---- looking ----

// The key may be for other eyes only; then it is not compared.
static void read_key(int dir_fd, const char *path, struct buf *ret) {
    char error[FILES_ERROR_MAX];
    buf_init(ret, PEM_MAX);
    if (!files_read(dir_fd, path, false, ret, error))
        buf_done(ret);
}

static void read_pair(struct view *v, int dir_fd, const char *cert, const char *key) {
    struct buf cert_pem, key_pem;
    buf_init(&cert_pem, PEM_MAX);
    if (!files_read(dir_fd, cert, false, &cert_pem, v->error)) {
        size_t len = strlen(v->error);
        if (errno == EACCES)
            (void)snprintf(v->error + len, sizeof(v->error) - len, "; try sudo");
        buf_done(&cert_pem);
        return;
    }
    read_key(dir_fd, key, &key_pem);
    struct certificate_question q = {buf_slice(&cert_pem), buf_slice(&key_pem), v->config->mail_domain, v->source,
                                     v->now_s};
    certificate_check(&q, &v->report);
    if (key_pem.mem != NULL)
        explicit_bzero(key_pem.mem, key_pem.cap);
    buf_done(&cert_pem);
    buf_done(&key_pem);
}

static void look_at_acme(struct view *v) {
    char cert[ACME_PATH_SIZE], key[ACME_PATH_SIZE], error[FILES_ERROR_MAX];
    int fd = acme_dir_open(v->config->state_dir, false, error);
    if (fd < 0) {
        (void)snprintf(v->error, sizeof(v->error), "%.400s%s",
                       errno == ENOENT ? "none has been asked for yet: is the relay running?" : error,
                       errno == EACCES ? "; try sudo" : "");
        return;
    }
    acme_status_read(fd, &v->status);
    acme_cert_path(v->config->mail_domain, cert);
    acme_key_path(v->config->mail_domain, key);
    read_pair(v, fd, cert, key);
    (void)close(fd);
}

static void look(struct view *v) {
    char cert[PATH_MAX], key[PATH_MAX];
    switch (v->source) {
    case CERTIFICATE_FROM_FILES:
        read_pair(v, AT_FDCWD, v->config->tls_cert_path, v->config->tls_key_path);
        break;
    case CERTIFICATE_FROM_SELF:
        (void)snprintf(cert, sizeof(cert), "%.4000s/tls/cert.pem", v->config->state_dir);
        (void)snprintf(key, sizeof(key), "%.4000s/tls/key.pem", v->config->state_dir);
        read_pair(v, AT_FDCWD, cert, key);
        break;
    case CERTIFICATE_FROM_ACME:
        look_at_acme(v);
        break;
    }
    v->needs_attention = !v->report.is_readable || (v->status.last_attempt_s > 0 && !v->status.ok);
    for (size_t i = 0; i < v->report.n_findings; i++)
        v->needs_attention = v->needs_attention || v->report.findings[i].weight != CERTIFICATE_NOTE;
}

// ---- showing ----

static const char *source_text(enum config_certificate_source source) {
    static const char *const texts[] = {
        [CERTIFICATE_FROM_FILES] = "files", [CERTIFICATE_FROM_ACME] = "acme", [CERTIFICATE_FROM_SELF] = "self-signed"};
    return texts[source];
}

static const char *date(int64_t at, char ret[DATE_SIZE]) {
    time_t t = (time_t)at;
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL || strftime(ret, DATE_SIZE, "%Y-%m-%d %H:%M UTC", &tm) == 0)
        ret[0] = '\0';
    return ret;
}

static void print_report(const struct view *v) {
    const struct certificate_report *r = &v->report;
    char text[DATE_SIZE];
    long long days = (long long)certificate_days_left(r, v->now_s);
    (void)printf("names         %s\n", r->names);
    (void)printf("issuer        %s\n", r->issuer);
    (void)printf("valid until   %s (%lld %s left)\n", date(r->not_after_s, text), days, days == 1 ? "day" : "days");
    (void)printf("key           SHA-256 %s\n", r->key_sha256);
    if (v->source == CERTIFICATE_FROM_ACME)
        (void)printf("renewal       from %s on\n", date(acme_renew_at(r->not_before_s, r->not_after_s), text));
}

static void print_attempt(const struct acme_status *s) {
    char text[DATE_SIZE];
    (void)printf("last attempt  %s: %s\n", date(s->last_attempt_s, text), s->outcome);
    if (s->detail[0] != '\0')
        (void)printf("              the CA's words: %s\n", s->detail);
    if (s->failures > 1)
        (void)printf("              it has failed %u times in a row\n", s->failures);
    (void)printf("next look     %s (%s)\n", date(s->next_attempt_s, text),
                 s->limited_by[0] != '\0' ? "the CA has asked for patience until then" : "SIGHUP: at once");
}

static void print_text(const struct view *v) {
    (void)printf("source        %s\n", source_text(v->source));
    if (v->report.is_readable)
        print_report(v);
    else if (v->error[0] != '\0')
        (void)printf("certificate   %s\n", v->error);
    if (v->status.last_attempt_s > 0)
        print_attempt(&v->status);
    for (size_t i = 0; i < v->report.n_findings; i++)
        (void)printf("%-13s %s\n", v->report.findings[i].weight == CERTIFICATE_NOTE ? "note" : "attention",
                     v->report.findings[i].text);
}

static json_t *report_json(const struct view *v) {
    const struct certificate_report *r = &v->report;
    json_t *names = json_array(), *to = NULL;
    struct slice rest = slice_from_cstr(r->names), word;
    while ((word = slice_next_word(&rest)).len > 0)
        (void)json_array_append_new(names, json_stringn(word.ptr, word.len));
    to = json_pack("{s:o, s:s, s:I, s:I, s:I, s:s, s:b}", "names", names, "issuer", r->issuer, "not_before",
                   (json_int_t)r->not_before_s, "not_after", (json_int_t)r->not_after_s, "days_left",
                   (json_int_t)certificate_days_left(r, v->now_s), "key_sha256", r->key_sha256, "public", r->is_public);
    if (v->source == CERTIFICATE_FROM_ACME)
        (void)json_object_set_new(to, "renew_from", json_integer(acme_renew_at(r->not_before_s, r->not_after_s)));
    return to;
}

static void print_json(const struct view *v) {
    json_t *to = v->report.is_readable ? report_json(v) : json_object();
    json_t *findings = json_array();
    for (size_t i = 0; i < v->report.n_findings; i++)
        (void)json_array_append_new(findings, json_string(v->report.findings[i].text));
    (void)json_object_set_new(to, "source", json_string(source_text(v->source)));
    (void)json_object_set_new(to, "findings", findings);
    (void)json_object_set_new(to, "needs_attention", json_boolean(v->needs_attention));
    if (v->error[0] != '\0')
        (void)json_object_set_new(to, "error", json_string(v->error));
    const struct acme_status *s = &v->status;
    if (s->last_attempt_s > 0)
        (void)json_object_set_new(to, "attempt",
                                  json_pack("{s:I, s:I, s:b, s:s, s:s, s:i, s:b}", "at", (json_int_t)s->last_attempt_s,
                                            "next", (json_int_t)s->next_attempt_s, "ok", s->ok, "outcome", s->outcome,
                                            "detail", s->detail, "failures", (int)s->failures, "rate_limited",
                                            s->limited_by[0] != '\0'));
    (void)json_dumpf(to, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(to);
}

static int run_certificate(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"dir", required_argument, NULL, 'D'},
        {"set", required_argument, NULL, 's'},    {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},         {0},
    };
    struct command_sets sets = {0};
    struct source source = {.config_path = OPERATOR_CONFIG, .overrides = sets.values};
    char path[PATH_MAX], dir_setting[PATH_MAX + 16];
    bool as_json = false, has_config = false;
    int option;
    while ((option = command_next_option(&certificate_command, argc, argv, options)) != -1) {
        if (option == 'c') {
            source.config_path = optarg;
            has_config = true;
        } else if (option == 'D') {
            (void)snprintf(path, sizeof(path), "%.4000s/martlet.ini", optarg);
            (void)snprintf(dir_setting, sizeof(dir_setting), "state_dir=%.4000s", optarg);
            source.config_path = path;
            source.is_dev = true;
            command_add_set(&sets, dir_setting);
        } else if (option == 's') {
            command_add_set(&sets, optarg);
        } else {
            as_json = true;
        }
    }
    if (optind < argc)
        command_refuse_word(&certificate_command, argv[optind]);
    if (has_config && source.is_dev)
        command_misuse(&certificate_command, "--config and --dir mean two different relays");
    if (!operator_has_config(source.config_path) || !source_load_config(&source))
        return EXIT_USAGE;
    struct view v = {.config = source.config, .source = source_certificate_kind(&source), .now_s = clock_wall_s()};
    look(&v);
    if (as_json)
        print_json(&v);
    else
        print_text(&v);
    source_done(&source);
    return operator_finish_output() != 0 || v.needs_attention ? ATTENTION : 0;
}

const struct command certificate_command = {
    .name = "certificate",
    .summary = "show the certificate and its renewal",
    .usage = "certificate [--config FILE | --dir DIRECTORY] [--set KEY=VALUE]... [--json]\n"
             "\n"
             "Shows source, names, issuer and end of the certificate, the fingerprint of its key, and how the\n"
             "last attempt to renew it went. The exit status is 1 when something needs attention.\n"
             "\n"
             "  --config FILE     of the relay that is meant; /etc/martlet/martlet.ini\n"
             "  --dir DIRECTORY   of a relay that runs as `martlet dev`\n"
             "  --set KEY=VALUE   as given to that relay; may be repeated\n"
             "  --json            the same for programs",
    .run = run_certificate,
};
