// SPDX-License-Identifier: MIT
#include "martlet/status/offline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "admin/status.h"
#include "base/clock.h"
#include "config/config.h"
#include "martlet/acme/certificate.h"
#include "martlet/acme/certificate_check.h"
#include "martlet/acme/status.h"
#include "martlet/command/operator.h"
#include "martlet/status/dns.h"

enum { PEM_MAX = 512 * 1024 };

// ---- the store ----

static json_int_t size_of(int dir, const char *name) {
    struct stat st;
    return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (json_int_t)st.st_size : 0;
}

static void add_store(json_t *answer, const char *state_dir, json_t *attention) {
    struct statvfs fs;
    int dir = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        control_attention(attention, "the state directory %.300s cannot be opened: %s", state_dir, strerror(errno));
        return;
    }
    json_t *store = json_pack("{s:I, s:I}", "database_octets", size_of(dir, "martlet.db"), "journal_octets",
                              size_of(dir, "martlet.db-wal"));
    (void)close(dir);
    if (statvfs(state_dir, &fs) == 0)
        ASSERT(json_object_set_new(store, "free_octets",
                                   json_integer((json_int_t)((uint64_t)fs.f_bavail * fs.f_frsize))) == 0);
    ASSERT(json_object_set_new(answer, "store", store) == 0);
}

// ---- the certificate ----

static bool read_pem(const struct config *c, enum config_certificate_source source, struct buf *pem) {
    char path[PATH_MAX + 32], error[FILES_ERROR_MAX];
    if (source == CERTIFICATE_FROM_FILES)
        return files_read(AT_FDCWD, c->tls_cert_path, false, pem, error);
    if (source == CERTIFICATE_FROM_SELF) {
        (void)snprintf(path, sizeof(path), "%s/tls/cert.pem", c->state_dir);
        return files_read(AT_FDCWD, path, false, pem, error);
    }
    int fd = acme_dir_open(c->state_dir, false, error);
    if (fd < 0)
        return false;
    acme_cert_path(c->mail_domain, path);
    bool ok = files_read(fd, path, false, pem, error);
    (void)close(fd);
    return ok;
}

static void add_certificate(json_t *answer, const struct config *c, json_t *attention) {
    struct buf pem;
    struct certificate_report report = {.is_readable = false};
    enum config_certificate_source source = config_certificate_source(c);
    int64_t now = clock_wall_s();
    buf_init(&pem, PEM_MAX);
    if (read_pem(c, source, &pem)) {
        struct certificate_question q = {buf_slice(&pem), SLICE_EMPTY, c->mail_domain, source, now};
        certificate_check(&q, &report);
    }
    buf_done(&pem);
    if (!report.is_readable) {
        control_attention(attention, "no certificate can be read; see `martlet certificate`");
        return;
    }
    long long days = (long long)certificate_days_left(&report, now);
    ASSERT(json_object_set_new(answer, "certificate",
                               json_pack("{s:I, s:I, s:b, s:b}", "not_after", (json_int_t)report.not_after_s,
                                         "days_left", (json_int_t)days, "public", report.is_public, "self_signed",
                                         config_is_self_signed(c))) == 0);
    if (days < 0)
        control_attention(attention, "the certificate has expired; see `martlet certificate`");
}

// ---- the DNS ----

static void add_dns(json_t *answer, const struct config *c, json_t *attention) {
    json_t *dns = dns_status_of(c, attention);
    if (dns != NULL)
        ASSERT(json_object_set_new(answer, "dns", dns) == 0);
}

// ---- all of it ----

json_t *status_offline(const struct operator_options *o, const char *why) {
    const char *path;
    struct config *c = NULL;
    if (o->dir == NULL && (c = operator_read_config(o, &path)) == NULL)
        return NULL;
    const char *dir = c != NULL ? c->state_dir : o->dir;
    json_t *answer = json_pack("{s:b, s:s, s:s, s:[]}", "running", false, "version", MARTLET_VERSION, "domain",
                               c != NULL ? c->mail_domain : "", "attention");
    ASSERT(answer != NULL);
    json_t *attention = json_object_get(answer, "attention");
    control_attention(attention, "%s", why);
    (void)json_object_set_new(answer, "state_dir", json_string(dir));
    add_store(answer, dir, attention);
    if (c != NULL)
        add_certificate(answer, c, attention);
    if (c != NULL)
        add_dns(answer, c, attention);
    config_free(c);
    return answer;
}
