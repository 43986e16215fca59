// SPDX-License-Identifier: MIT
#include "martlet/acme/status.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/printable.h"
#include "martlet/acme/certificate_check.h"
#include "martlet/host/json_file.h"

static const char STATUS_NAME[] = "status";

// `certificate_command` runs as the relay's user too, who may look into a directory of root's.
static bool is_trustworthy(int fd) {
    struct stat st;
    return fstat(fd, &st) == 0 && (st.st_uid == geteuid() || st.st_uid == 0) && (st.st_mode & 0022) == 0;
}

int acme_dir_open(const char *state_dir, bool make, char ret_error[FILES_ERROR_MAX]) {
    int state_fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // What is in it is no secret but for `private`, which the ACME client makes for its owner alone.
    if (state_fd >= 0 && make)
        (void)mkdirat(state_fd, ACME_DIR_NAME, 0755);
    int fd = state_fd >= 0 ? openat(state_fd, ACME_DIR_NAME, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
    int error = errno;
    if (state_fd >= 0)
        (void)close(state_fd);
    if (fd >= 0 && is_trustworthy(fd))
        return fd;
    if (fd >= 0) {
        (void)close(fd);
        (void)snprintf(ret_error, FILES_ERROR_MAX,
                       "%.150s/" ACME_DIR_NAME " belongs to another user than the one that starts martlet, or others "
                       "may write there: if you have changed that, chown -R %u %.150s/" ACME_DIR_NAME
                       " and chmod go-w it; else move it away, a new one is made",
                       state_dir, (unsigned)geteuid(), state_dir);
        errno = EPERM;
        return -1;
    }
    (void)snprintf(ret_error, FILES_ERROR_MAX, "%.300s/" ACME_DIR_NAME ": %s", state_dir, strerror(error));
    errno = error;
    return -1;
}

// ---- the status ----

static void take_text(const json_t *from, const char *key, size_t size, char *ret) {
    const char *text = json_string_value(json_object_get(from, key));
    (void)snprintf(ret, size, "%s", text != NULL ? text : "");
    printable_make(ret);
}

static void from_json(const json_t *from, struct acme_status *ret) {
    *ret = (struct acme_status){0};
    ret->last_attempt_s = json_file_time(from, "last_attempt");
    ret->next_attempt_s = json_file_time(from, "next_attempt");
    json_int_t failures = json_integer_value(json_object_get(from, "failures"));
    ret->failures = failures > 0 && failures < 1000000 ? (unsigned)failures : 0;
    ret->ok = json_is_true(json_object_get(from, "ok"));
    take_text(from, "outcome", sizeof(ret->outcome), ret->outcome);
    take_text(from, "detail", sizeof(ret->detail), ret->detail);
    take_text(from, "names", sizeof(ret->names), ret->names);
    take_text(from, "directory", sizeof(ret->directory), ret->directory);
    take_text(from, "limited_by", sizeof(ret->limited_by), ret->limited_by);
    take_text(from, "email", sizeof(ret->email), ret->email);
    take_text(from, "account", sizeof(ret->account), ret->account);
    take_text(from, "account_at", sizeof(ret->account_at), ret->account_at);
}

void acme_status_parse(struct slice text, struct acme_status *ret) {
    json_t *from = json_loadb(text.ptr, text.len, 0, NULL);
    from_json(from, ret);
    json_decref(from);
}

void acme_status_read(int acme_fd, struct acme_status *ret) {
    json_t *from = json_file_read(acme_fd, STATUS_NAME);
    from_json(from, ret);
    json_decref(from);
}

// Text of a stranger may be no UTF-8, or was cut within a character.
static void put_text(json_t *to, const char *key, const char *text) {
    char printable[ACME_NAMES_TEXT_MAX];
    (void)snprintf(printable, sizeof(printable), "%s", text);
    printable_make(printable);
    ASSERT(json_object_set_new(to, key, json_string(printable)) == 0);
}

json_t *acme_status_to_json(const struct acme_status *s) {
    json_t *to = json_pack("{s:I, s:I, s:i, s:b}", "last_attempt", (json_int_t)s->last_attempt_s, "next_attempt",
                           (json_int_t)s->next_attempt_s, "failures", (int)s->failures, "ok", (int)s->ok);
    put_text(to, "outcome", s->outcome);
    put_text(to, "detail", s->detail);
    put_text(to, "names", s->names);
    put_text(to, "directory", s->directory);
    put_text(to, "limited_by", s->limited_by);
    put_text(to, "email", s->email);
    put_text(to, "account", s->account);
    put_text(to, "account_at", s->account_at);
    return to;
}

bool acme_status_write(int acme_fd, const struct acme_status *s, char ret_error[FILES_ERROR_MAX]) {
    bool ok = json_file_write(acme_fd, STATUS_NAME, acme_status_to_json(s), ret_error);
    if (ok)
        (void)!fchmodat(acme_fd, STATUS_NAME, 0644, 0);
    return ok;
}

// ---- names ----

void acme_identifier(const char *mail_domain, char ret[ACME_IDENTIFIER_SIZE]) {
    char address[CERTIFICATE_ADDRESS_SIZE];
    bool is_literal = certificate_literal(mail_domain, address);
    (void)snprintf(ret, ACME_IDENTIFIER_SIZE, "%s", is_literal ? address : mail_domain);
}

void acme_cert_path(const char *mail_domain, char ret[ACME_PATH_SIZE]) {
    char id[ACME_IDENTIFIER_SIZE];
    acme_identifier(mail_domain, id);
    (void)snprintf(ret, ACME_PATH_SIZE, "%s/cert.pem", id);
}

void acme_key_path(const char *mail_domain, char ret[ACME_PATH_SIZE]) {
    char id[ACME_IDENTIFIER_SIZE];
    acme_identifier(mail_domain, id);
    (void)snprintf(ret, ACME_PATH_SIZE, "private/%s/key.pem", id);
}
